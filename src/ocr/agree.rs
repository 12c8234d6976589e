//! What two readers' opinions of one value are worth together.

use crate::domain::Bp;

/// How a second reading relates to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Both understood the same value.
    Same,
    /// Both understood a value, and not the same.
    Different,
    /// The second reader understood nothing of this type.
    NoOpinion,
}

impl Agreement {
    /// Compares typed values.
    pub fn of(first: &str, second: Option<&str>) -> Self {
        match second {
            None => Self::NoOpinion,
            Some(second) if second == first => Self::Same,
            Some(_) => Self::Different,
        }
    }

    /// The confidence of a value after the second reader spoke.
    ///
    /// Agreement takes away seven tenths of the doubt: of 300 numbers, the two readers agreed on 216 and were wrong
    /// together on 5, where the first alone was wrong on 16. Disagreement halves the confidence: where they
    /// differ the first reader is right more often than not, but not often enough to go on without a person.
    pub fn adjust(self, confidence: Bp) -> Bp {
        match self {
            Self::Same => Bp(10_000 - (10_000 - confidence.0) * 3 / 10),
            Self::Different => Bp(confidence.0 / 2),
            Self::NoOpinion => confidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_only_ever_raises_and_difference_only_lowers() {
        for c in (0..=10_000).step_by(500).map(Bp) {
            assert!(Agreement::of("1.00", Some("1.00")).adjust(c) >= c);
            assert!(Agreement::of("1.00", Some("7.00")).adjust(c) <= c);
            assert_eq!(Agreement::of("1.00", None).adjust(c), c);
        }
    }
}
