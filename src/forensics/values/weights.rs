//! Weights of the logistic model of values, as `scripts/train/values.py` writes them.

use super::FEATURES;

/// Log-odds of a value that is as its company.
pub const BIAS: f64 = -6.1225;
/// Log-odds for each unit of the features of a value, in their order.
#[rustfmt::skip]
pub const WEIGHTS: [f64; FEATURES] = [
    -1.1308,
    2.8481,
    -0.8529,
    -0.3619,
    -0.5879,
    1.0396,
    -0.2530,
    0.1952,
    1.2036,
    -0.5338,
    0.8674,
    0.9130,
    0.4250,
    0.2582,
    2.2829,
    0.9508,
    -0.7599,
    1.6552,
    0.9116,
    -1.4001,
    -0.1745,
    0.7343,
    0.4378,
    0.1075,
    -0.3553,
    0.4614,
    -1.0940,
    1.2321,
    1.4571,
    0.1701,
    0.1683,
    0.2025,
    0.1581,
    -1.2064,
    1.3060,
    1.0089,
    0.2898,
    -1.8582,
    -0.6165,
    1.1760,
];
