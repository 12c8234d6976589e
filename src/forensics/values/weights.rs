//! Weights of the logistic model of values, as `scripts/train/values.py` writes them.

use super::FEATURES;

/// The score of a value that is as its company, before its role, nat.
pub const BIAS: f64 = -6.3282;
/// Nat for each unit of the features of a value, in their order.
#[rustfmt::skip]
pub const WEIGHTS: [f64; FEATURES] = [
    0.0000,
    2.4464,
    0.0000,
    0.0000,
    0.0000,
    0.9940,
    0.0000,
    0.0000,
    1.0059,
    0.0000,
    0.9809,
    0.8533,
    0.0000,
    0.0000,
    2.1881,
    0.8478,
    0.0000,
    1.3488,
    0.0698,
    0.0000,
    0.0000,
    0.6925,
    0.0000,
    0.0000,
    0.0000,
    0.6597,
    0.0000,
    0.9325,
    1.4030,
    0.0430,
    0.2086,
    0.1099,
    1.8604,
    1.1180,
    0.2500,
    -1.9806,
    -0.6089,
    1.2215,
];
