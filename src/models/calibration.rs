//! The calibration table: from a recogniser's score and what else supports a value to the probability that it is right.
//!
//! A recogniser's score says how sure it is of the letters. It cannot know that an amount, perfectly read, is the wrong
//! one, nor that a sum on the same paper bears it out. The table holds one rising curve for each type of value and kind of
//! [`Support`], in basis points, joined linearly between its knots: whole numbers in, whole numbers out.
//!
//! It is fitted by [`Calibration::fit`] (`claimlens eval DIR --fit-calibration FILE`), embedded, and its hash goes into
//! every record. How the present one was made stands in `models/README.md`.

use crate::domain::document::ValueType;
use crate::domain::{Bp, ContentHash, Support};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The table in force.
const FITTED: &str = include_str!("../../models/calibration.toml");

/// A rising curve: score and confidence of each knot.
type Curve = Vec<(Bp, Bp)>;

/// A validated table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calibration {
    /// SHA-256 of the file it came from.
    pub hash: ContentHash,
    curves: BTreeMap<(ValueType, Support), Curve>,
}

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("calibration table is not valid: {0}")]
pub struct CalibrationError(String);

/// A labelled value, to fit to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Type of the value.
    pub value_type: ValueType,
    /// What it rests on.
    pub support: Support,
    /// The recogniser's score.
    pub score: Bp,
    /// Whether the value is the true one.
    pub right: bool,
}

impl Calibration {
    /// Parses and validates a table.
    ///
    /// # Errors
    /// If it is not TOML of that form, a curve is missing or empty, or a curve does not rise.
    pub fn parse(text: &str) -> Result<Self, CalibrationError> {
        type File = BTreeMap<ValueType, BTreeMap<Support, Vec<[u16; 2]>>>;
        let file: File = toml::from_str(text).map_err(|e| CalibrationError(e.to_string()))?;
        let mut curves = BTreeMap::new();
        for (value_type, support) in all() {
            let fault = |what: &str| CalibrationError(format!("{}.{} {what}", value_type.as_str(), support.as_str()));
            let knots = file.get(&value_type).and_then(|of_type| of_type.get(&support));
            let curve: Curve = knots.into_iter().flatten().map(|[x, y]| (Bp(*x), Bp(*y))).collect();
            if curve.is_empty() {
                return Err(fault("is missing"));
            }
            if curve.iter().any(|(x, y)| *x.max(y) > Bp::ONE) {
                return Err(fault("goes beyond 10000"));
            }
            if curve.windows(2).any(|w| w[0].0 >= w[1].0 || w[0].1 > w[1].1) {
                return Err(fault("does not rise"));
            }
            curves.insert((value_type, support), curve);
        }
        Ok(Self { hash: ContentHash::of(text.as_bytes()), curves })
    }

    /// The probability that a value is right.
    pub fn confidence(&self, value_type: ValueType, support: Support, score: Bp) -> Bp {
        let curve = self.curves.get(&(value_type, support)).map_or(&[][..], Vec::as_slice);
        let above = curve.partition_point(|(knot, _)| *knot <= score);
        match (above.checked_sub(1).map(|i| curve[i]), curve.get(above)) {
            (Some((x0, y0)), Some((x1, y1))) => {
                let part = u32::from(score.0 - x0.0) * u32::from(y1.0 - y0.0) / u32::from(x1.0 - x0.0);
                Bp(y0.0 + part as u16)
            }
            (Some((_, end)), None) => end,
            // So low a score was not among the values it was fitted to: down to nothing at 0, by a straight line.
            (None, Some(&(x1, y1))) => Bp((u32::from(y1.0) * u32::from(score.0) / u32::from(x1.0.max(1))) as u16),
            (None, None) => Bp(0),
        }
    }

    /// The text of a table fitted to labelled values.
    ///
    /// For each curve: values are binned by score; the share that was right in a bin is drawn towards a prior worth a few
    /// values, made to rise by isotonic regression (pool adjacent violators; Zadrozny and Elkan 2002) and cut at a ceiling. A
    /// knot stands at the mean score of its bin.
    pub fn fit(samples: &[Sample]) -> String {
        let mut text = String::from(
            "# From score and support to the probability that a value is right. Fitted, not written: see README.md.\n\
             # Each curve is a list of [score, confidence] in basis points, joined linearly.\n",
        );
        // Writing to a string cannot fail.
        for value_type in ValueType::ALL {
            let _ = writeln!(text, "\n[{}]", value_type.as_str());
            for support in Support::ALL {
                let of_curve = |s: &&Sample| s.value_type == value_type && s.support == support;
                let samples: Vec<Sample> = samples.iter().filter(of_curve).copied().collect();
                let right = samples.iter().filter(|s| s.right).count();
                let knots = curve(&samples, prior(support), ceiling(value_type, support));
                let knots: Vec<String> = knots.iter().map(|(x, y)| format!("[{}, {}]", x.0, y.0)).collect();
                let _ = writeln!(text, "# {right} of {} right", samples.len());
                let _ = writeln!(text, "{} = [{}]", support.as_str(), knots.join(", "));
            }
        }
        text
    }
}

impl Default for Calibration {
    /// The embedded `models/calibration.toml`.
    fn default() -> Self {
        Self::parse(FITTED).expect("the embedded table is valid: a test parses it")
    }
}

fn all() -> impl Iterator<Item = (ValueType, Support)> {
    ValueType::ALL.into_iter().flat_map(|t| Support::ALL.map(|support| (t, support)))
}

/// Where the bins begin: closest where scores crowd, which is near certainty.
const BINS: [u16; 8] = [0, 5_000, 8_000, 9_000, 9_700, 9_900, 9_970, 9_995];

/// How many values the prior counts for in each bin.
const PRIOR_WEIGHT: f64 = 3.0;

fn curve(samples: &[Sample], prior: f64, ceiling: f64) -> Curve {
    // Adjacent bins that would fall are pooled: scores of the knots, weight, share.
    let mut blocks: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    for (i, &low) in BINS.iter().enumerate() {
        let high = BINS.get(i + 1).copied().unwrap_or(Bp::ONE.0 + 1);
        let of_bin: Vec<&Sample> = samples.iter().filter(|s| (low..high).contains(&s.score.0)).collect();
        let n = of_bin.len() as f64;
        let right = of_bin.iter().filter(|s| s.right).count() as f64;
        let middle = f64::from(low + high - 1) / 2.0;
        let mean = of_bin.iter().map(|s| f64::from(s.score.0)).sum::<f64>() / n.max(1.0);
        let knot = if of_bin.is_empty() { middle } else { mean };
        // Letters that are doubtful by themselves take away half of that doubt.
        let believed = prior * (1.0 + knot / f64::from(Bp::ONE.0)) / 2.0 * PRIOR_WEIGHT;
        let mut block = (vec![knot], n + PRIOR_WEIGHT, (right + believed) / (n + PRIOR_WEIGHT));
        while let Some((knots, weight, share)) = blocks.pop_if(|(_, _, share)| *share >= block.2) {
            let sum = weight + block.1;
            block = ([knots, block.0].concat(), sum, (share * weight + block.2 * block.1) / sum);
        }
        blocks.push(block);
    }
    let mut curve = Curve::new();
    for (knots, _, share) in blocks {
        let confidence = Bp::from_share(share.min(ceiling));
        // Between the ends of a pooled block the curve is level.
        let ends = [knots.first(), knots.last().filter(|_| knots.len() > 1)];
        curve.extend(ends.into_iter().flatten().map(|knot| (Bp(knot.round() as u16), confidence)));
    }
    curve
}

/// What is believed of a kind of support before anything was seen of it, for well-read letters.
///
/// Of 300 numbers, two readers agreed on 216 and were wrong together on 5; of the other 84 the first alone was wrong on 11.
fn prior(support: Support) -> f64 {
    match support {
        Support::Contradicted => 0.5,
        Support::Disputed => 0.86,
        Support::Alone => 0.9,
        Support::Agreed => 0.975,
        Support::Corroborated => 0.985,
        Support::WellCorroborated => 0.995,
    }
}

/// The most that a kind of support can be worth, however well the letters were read.
///
/// Papers painted in a lab lack the layouts that lead a reader to the wrong value, so no lab can show how often that
/// happens; only something else on the paper speaks against it.
fn ceiling(value_type: ValueType, support: Support) -> f64 {
    let amount = matches!(value_type, ValueType::Money | ValueType::CapitalAmount);
    match support {
        _ if value_type == ValueType::Text => 0.90,
        Support::Contradicted | Support::Disputed => 0.95,
        Support::Alone if amount => 0.965,
        Support::Alone => 0.98,
        Support::Agreed if amount => 0.975,
        Support::Agreed => 0.99,
        Support::Corroborated if amount => 0.985,
        Support::Corroborated | Support::WellCorroborated => 0.998,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(score: u16, right: bool) -> Sample {
        Sample { value_type: ValueType::Money, support: Support::Agreed, score: Bp(score), right }
    }

    #[test]
    fn the_embedded_table_is_valid_and_support_orders_it() {
        let table = Calibration::default();
        for value_type in ValueType::ALL.into_iter().filter(|t| t.is_decisive()) {
            let sure = |support| table.confidence(value_type, support, Bp(9_990));
            let three = [Support::Contradicted, Support::Alone, Support::WellCorroborated].map(sure);
            assert!(three.is_sorted(), "{value_type:?}: {three:?}");
        }
        assert!(table.confidence(ValueType::Money, Support::Agreed, Bp::ONE) < Bp(9_850), "nothing bears it out");
    }

    #[test]
    fn faults_are_refused() {
        let sound = Calibration::fit(&[]);
        assert!(Calibration::parse(&sound).is_ok());
        let line = sound.lines().find(|l| l.starts_with("contradicted")).unwrap();
        for (case, with) in [
            ("not TOML", "contradicted"),
            ("missing", ""),
            ("empty", "contradicted = []"),
            ("falling", "contradicted = [[0, 500], [100, 400]]"),
            ("out of order", "contradicted = [[100, 500], [100, 600]]"),
            ("too much", "contradicted = [[0, 10001]]"),
            ("unknown support", "contradicted = [[0, 1]]\nhearsay = [[0, 1]]"),
        ] {
            assert!(Calibration::parse(&sound.replacen(line, with, 1)).is_err(), "{case}");
        }
    }

    #[test]
    fn a_fit_learns_and_stays_below_its_ceiling() {
        let mut samples = vec![sample(9_950, true); 400];
        samples.extend(vec![sample(8_500, true); 100]);
        samples.extend(vec![sample(8_500, false); 300]);
        let table = Calibration::parse(&Calibration::fit(&samples)).unwrap();
        let sure = |score| table.confidence(ValueType::Money, Support::Agreed, Bp(score)).0;
        assert!((2_500..3_000).contains(&sure(8_500)), "a quarter was right: {}", sure(8_500));
        assert_eq!(sure(9_950), 9_750);
        assert!(sure(8_500) < sure(9_000) && sure(9_000) < sure(9_950), "joined between the knots");
    }

    proptest! {
        #[test]
        fn curves_rise(scores in proptest::collection::vec((0_u16..=10_000, any::<bool>()), 0..200)) {
            let samples: Vec<Sample> = scores.iter().map(|(score, right)| sample(*score, *right)).collect();
            let table = Calibration::parse(&Calibration::fit(&samples)).unwrap();
            let sure: Vec<Bp> = (0..=10_000).step_by(50)
                .map(|score| table.confidence(ValueType::Money, Support::Agreed, Bp(score))).collect();
            prop_assert!(sure.is_sorted());
        }
    }
}
