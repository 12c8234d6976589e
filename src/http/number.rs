//! Whole numbers as JSON Schema has them.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// The greatest number that every reader of JSON takes as it is (RFC 8259, 6).
const MOST: u64 = (1 << 53) - 1;

/// A whole number from 0 to 2^53 - 1. Of JSON also one that is written with a fraction of nothing, such as `3.0`, which
/// is an integer too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl Visitor<'_> for AnyNumber {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 9007199254740991")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                let refused = || E::invalid_value(serde::de::Unexpected::Unsigned(number), &self);
                (number <= MOST).then_some(Whole(number)).ok_or_else(refused)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                let refused = || E::invalid_value(serde::de::Unexpected::Float(number), &self);
                let is_whole = number.fract() == 0.0 && (0.0..=MOST as f64).contains(&number);
                is_whole.then_some(Whole(number as u64)).ok_or_else(refused)
            }
        }
        from.deserialize_u64(AnyNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_taken_however_they_are_written() {
        for (text, number) in [("0", 0), ("3.0", 3), ("1e3", 1000), ("9007199254740991", MOST)] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(number), "{text}");
        }
        for text in ["-1", "-1.0", "0.5", "9007199254740992", "18446744073709551616", "1e30", "null", "\"3\"", "true"] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }
}
