//! The risk model: from what is odd about a document to the probability that approving it is wrong.
//!
//! An additive score in the log-odds, so that every part of it can be shown: a bias, and for each feature a weight that is
//! never negative, because no feature may make a paper safer by being odder. A rising curve turns the score into a
//! probability. All in whole numbers: weights and score in 1/1000 nat, features in 1/1000 of their unit, probabilities in
//! millionths.
//!
//! It is fitted by [`RiskModel::fit`] (`claimlens eval DIR --fit-risk FILE`) on painted specimens, embedded, and its hash
//! stands in every result.

use crate::domain::ContentHash;
use crate::domain::risk::{Contribution, Feature, Features};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// The model in force.
const FITTED: &str = include_str!("../../models/risk.toml");
/// Those in force before it: what was decided by one of them is judged again by it.
const BEFORE: [&str; 2] =
    [include_str!("../../models/before/risk-51c7d8ec.toml"), include_str!("../../models/before/risk-4a53295f.toml")];

/// Share of altered papers among those submitted, in millionths, that probabilities are stated for: 1 in 100, an
/// assumption that stands beside every bound.
pub const PREVALENCE_PPM: u32 = 10_000;

/// A validated model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskModel {
    /// SHA-256 of the file it came from.
    pub hash: ContentHash,
    bias: i64,
    weights: BTreeMap<Feature, i64>,
    curve: Vec<(i64, u32)>,
}

/// What is wrong with a model file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("risk model is not valid: {0}")]
pub struct RiskModelError(String);

/// A labelled document, to fit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskSample {
    /// What is odd about it.
    pub features: Features,
    /// Whether approving it would be wrong: it is altered, or a value that decides is misread.
    pub wrong: bool,
    /// Whether it contradicts itself. Such documents get no further, and the model is not told of contradictions: they
    /// count only towards how many get as far as to it.
    pub contradicts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bias: i64,
    weights: BTreeMap<Feature, i64>,
    curve: Vec<(i64, u32)>,
}

impl RiskModel {
    /// Parses and validates a model.
    ///
    /// # Errors
    /// If it is not TOML of that form, a feature is missing, a weight is negative, or the curve is empty or does not rise.
    pub fn parse(text: &str) -> Result<Self, RiskModelError> {
        let model = Self::parse_any(text)?;
        match Feature::ALL.iter().find(|f| !model.weights.contains_key(f)) {
            Some(missing) => Err(RiskModelError(format!("{} has no weight", missing.as_str()))),
            None => Ok(model),
        }
    }

    /// Likewise, of one that was fitted before there were all features.
    fn parse_any(text: &str) -> Result<Self, RiskModelError> {
        let file: File = toml::from_str(text).map_err(|e| RiskModelError(e.to_string()))?;
        if file.weights.values().any(|w| *w < 0) {
            return Err(RiskModelError("a weight is negative".to_owned()));
        }
        let falls = file.curve.windows(2).any(|w| w[0].0 >= w[1].0 || w[0].1 > w[1].1);
        if file.curve.is_empty() || falls || file.curve.iter().any(|(_, ppm)| *ppm > 1_000_000) {
            return Err(RiskModelError("the curve is empty, does not rise, or goes beyond one".to_owned()));
        }
        Ok(Self { hash: ContentHash::of(text.as_bytes()), bias: file.bias, weights: file.weights, curve: file.curve })
    }

    /// The next probability above this one that the model gives, millionths.
    pub fn above(&self, ppm: u32) -> Option<u32> {
        self.curve.iter().map(|(_, level)| *level).find(|level| *level > ppm)
    }

    /// The score of a document, 1/1000 nat, and what each odd feature adds to it.
    pub fn score(&self, features: &Features) -> (i64, Vec<Contribution>) {
        let of = |(feature, value): (&Feature, &u32)| {
            let weight = self.weights.get(feature).copied().unwrap_or(0);
            Contribution { feature: *feature, millinats: weight * i64::from(*value) / 1000 }
        };
        let contributions: Vec<_> = features.0.iter().map(of).filter(|c| c.millinats != 0).collect();
        (self.bias + contributions.iter().map(|c| c.millinats).sum::<i64>(), contributions)
    }

    /// The probability, in millionths, that approving a document of this score is wrong. Between the curve's knots the
    /// larger one holds.
    pub fn probability_ppm(&self, score: i64) -> u32 {
        let at = self.curve.partition_point(|(knot, _)| *knot < score).min(self.curve.len() - 1);
        self.curve[at].1
    }

    /// The text of a model fitted to labelled documents.
    ///
    /// Logistic regression with weights held at or above 0, by projected gradient steps on every second document; a small
    /// penalty on the weights keeps a feature that parts the two kinds outright from growing without end. The curve is
    /// fitted to the others by isotonic regression (pool adjacent violators), which tells the probability without trusting the
    /// form of the score. Documents are weighted so that the wrong ones make up the prevalence among all that come in, of
    /// which those that contradict themselves are left out then.
    pub fn fit(samples: &[RiskSample]) -> String {
        let each = balance(samples.iter().map(|sample| sample.wrong));
        let samples: Vec<&RiskSample> = samples.iter().filter(|sample| !sample.contradicts).collect();
        let (first, second): (Vec<_>, Vec<_>) = samples.iter().copied().enumerate().partition(|(i, _)| i % 2 == 0);
        let first: Vec<&RiskSample> = first.into_iter().map(|(_, s)| s).collect();
        let second: Vec<&RiskSample> = second.into_iter().map(|(_, s)| s).collect();
        let (bias, weights) = regress(&first);
        let model = Self {
            hash: ContentHash::of(b""),
            bias: (bias * 1000.0).round() as i64,
            weights: Feature::ALL.iter().zip(&weights).map(|(f, w)| (*f, (w * 1000.0).round() as i64)).collect(),
            curve: Vec::new(),
        };
        let mut scored: Vec<(i64, bool)> = second.iter().map(|s| (model.score(&s.features).0, s.wrong)).collect();
        scored.sort_unstable();
        let wrong = samples.iter().filter(|s| s.wrong).count();
        let mut text = format!(
            "# From what is odd about a document to the probability that approving it is wrong. Fitted, not written: see README.md.\n\
             # {} documents, {wrong} of them wrong to approve; probabilities are for 1 in {} wrong of all that come in.\n\n\
             # Log-odds in 1/1000 nat.\nbias = {}\n\n\
             # Each [score, probability in millionths]; rises.\ncurve = [",
            samples.len(),
            1_000_000 / PREVALENCE_PPM,
            model.bias
        );
        for (score, ppm) in isotonic(&scored, each) {
            // Writing to a string cannot fail.
            let _ = write!(text, "[{score}, {ppm}], ");
        }
        text.truncate(text.trim_end_matches(", ").len());
        text.push_str("]\n\n# 1/1000 nat for each unit of the feature.\n[weights]\n");
        for (feature, weight) in &model.weights {
            let _ = writeln!(text, "{} = {weight}", feature.as_str());
        }
        text
    }
}

impl RiskModel {
    /// The embedded `models/risk.toml`.
    pub fn in_force() -> &'static Self {
        &Self::all()[0]
    }

    /// The model in force, or one that was before, by its hash.
    pub fn of(hash: &ContentHash) -> Option<&'static Self> {
        Self::all().iter().find(|model| model.hash == *hash)
    }

    /// The one in force first; parsed once, since every decision asks for it.
    fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<RiskModel>> = LazyLock::new(|| {
            let models = std::iter::once(RiskModel::parse(FITTED)).chain(BEFORE.map(RiskModel::parse_any));
            models.map(|model| model.expect("embedded models are valid: a test parses them")).collect()
        });
        &ALL
    }
}

/// What a right document and a wrong one count for, so that together they stand in the ratio of the prevalence.
fn balance(wrong: impl Iterator<Item = bool>) -> [f64; 2] {
    let counts = wrong.fold([0_usize; 2], |mut counts, wrong| {
        counts[usize::from(wrong)] += 1;
        counts
    });
    let prevalence = f64::from(PREVALENCE_PPM) / 1e6;
    [(1.0 - prevalence) / counts[0].max(1) as f64, prevalence / counts[1].max(1) as f64]
}

/// Penalty on the square of each weight, for one document.
const RIDGE: f64 = 1e-4;

fn regress(samples: &[&RiskSample]) -> (f64, Vec<f64>) {
    let n = Feature::ALL.len();
    let rows: Vec<(Vec<f64>, f64)> = samples
        .iter()
        .map(|s| {
            let value = |f: &Feature| f64::from(s.features.0.get(f).copied().unwrap_or(0)) / 1000.0;
            (Feature::ALL.iter().map(value).collect(), f64::from(u8::from(s.wrong)))
        })
        .collect();
    let wrong = samples.iter().filter(|s| s.wrong).count();
    // Balanced for the fit, where rare cases would only slow it down; the curve puts the prevalence back.
    let each = [0.5 / (samples.len() - wrong).max(1) as f64, 0.5 / wrong.max(1) as f64];
    let (mut bias, mut weights) = (0.0, vec![0.0; n]);
    // The steepest the loss can be is a quarter of the largest squared row.
    let steepest = rows.iter().map(|(x, _)| 1.0 + x.iter().map(|v| v * v).sum::<f64>()).fold(1.0, f64::max) / 4.0;
    let rate = 1.0 / (steepest + RIDGE);
    for _ in 0..20_000 {
        let (mut db, mut dw) = (0.0, vec![0.0; n]);
        for (x, y) in &rows {
            let z = bias + x.iter().zip(&weights).map(|(a, b)| a * b).sum::<f64>();
            let error = (1.0 / (1.0 + (-z).exp()) - y) * each[*y as usize];
            db += error;
            dw.iter_mut().zip(x).for_each(|(d, v)| *d += error * v);
        }
        bias -= rate * db;
        for (w, d) in weights.iter_mut().zip(&dw) {
            *w = (*w - rate * (d + RIDGE * *w)).max(0.0);
        }
    }
    (bias, weights)
}

/// Rising steps through labelled scores: each the largest score of a block and the block's share of wrong ones, in
/// millionths, where a right one and a wrong one count for so much. A block's share counts one more wrong document than
/// were seen, so that none promises 0.
fn isotonic(scored: &[(i64, bool)], [right_counts, wrong_counts]: [f64; 2]) -> Vec<(i64, u32)> {
    // Highest score, weight of the right, weight of the wrong.
    let mut blocks: Vec<(i64, f64, f64)> = Vec::new();
    let share = |b: &(i64, f64, f64)| b.2 / (b.1 + b.2);
    for (score, is_wrong) in scored {
        let mut block = if *is_wrong { (*score, 0.0, wrong_counts) } else { (*score, right_counts, 0.0) };
        while let Some(last) = blocks.pop_if(|last| last.0 == block.0 || share(last) >= share(&block)) {
            block = (block.0, last.1 + block.1, last.2 + block.2);
        }
        blocks.push(block);
    }
    let ppm = |(score, right, wrong): &(i64, f64, f64)| {
        (*score, (1e6 * (wrong + wrong_counts) / (right + wrong + wrong_counts)).round() as u32)
    };
    let mut out: Vec<(i64, u32)> = blocks.iter().map(ppm).collect();
    for i in 1..out.len() {
        out[i].1 = out[i].1.max(out[i - 1].1);
    }
    if let Some(last) = out.last_mut() {
        last.1 = 1_000_000;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Certificate;
    use super::*;

    fn sample(feature: Feature, value: u32, wrong: bool) -> RiskSample {
        RiskSample { features: Features(BTreeMap::from([(feature, value)])), wrong, contradicts: false }
    }

    #[test]
    fn a_fit_parts_what_is_odd_from_what_is_not_and_never_rewards_oddness() {
        let mut samples = Vec::new();
        for i in 0..400_u32 {
            samples.push(sample(Feature::CopiedGlyphs, 200 + i % 50, false));
            samples.push(sample(Feature::CopiedGlyphs, 900 + i % 300, true));
            // Odder among the right ones than among the wrong.
            samples.push(sample(Feature::Blur, 500 + i % 70, false));
        }
        let text = RiskModel::fit(&samples);
        let model = RiskModel::parse(&text).unwrap();
        let of = |feature, value| {
            let (score, _) = model.score(&Features(BTreeMap::from([(feature, value)])));
            model.probability_ppm(score)
        };
        assert!(of(Feature::CopiedGlyphs, 1_100) > 100_000, "{text}");
        assert!(of(Feature::CopiedGlyphs, 210) < 1_000, "{text}");
        assert_eq!(model.weights[&Feature::Blur], 0);
        assert!(of(Feature::CopiedGlyphs, 1_100) >= of(Feature::CopiedGlyphs, 800));
        // Where most of the wrong ones give themselves away, one that got through is less likely wrong.
        let mixed = |i: u32| sample(Feature::OddInLine, 500, i.is_multiple_of(2));
        let odd = (0..100).map(|_| sample(Feature::OddInLine, 1_400, true));
        let mut samples: Vec<_> = (0..200).map(mixed).chain(odd).collect();
        let plain = |samples: &[RiskSample]| RiskModel::parse(&RiskModel::fit(samples)).unwrap().curve[0].1;
        let before = plain(&samples);
        samples.extend((0..400).map(|_| RiskSample { contradicts: true, ..sample(Feature::Blur, 1, true) }));
        let after = plain(&samples);
        assert!((2.8..3.2).contains(&(f64::from(before) / f64::from(after))), "{before} {after}");
    }

    #[test]
    fn each_model_that_decided_is_known_by_its_hash_with_what_it_earned() {
        for (place, text) in std::iter::once(FITTED).chain(BEFORE).enumerate() {
            let model = RiskModel::of(&ContentHash::of(text.as_bytes())).unwrap();
            assert_eq!(model == RiskModel::in_force(), place == 0);
            assert_eq!(Certificate::of(model).unwrap().model, model.hash.to_string());
        }
        assert_eq!(RiskModel::of(&ContentHash::of(b"another")), None);
        // A feature that came later adds nothing.
        let older = FITTED.lines().filter(|line| !line.starts_with("blur")).collect::<Vec<_>>().join("\n");
        assert!(RiskModel::parse(&older).is_err() && RiskModel::parse_any(&older).is_ok());
    }

    #[test]
    fn a_model_that_is_no_model_is_refused() {
        RiskModel::parse(FITTED).unwrap();
        for (from, to) in
            [("bias = ", "bia = "), ("copied_glyphs = ", "copied_glyphs = -1"), ("curve = [[", "curve = [] # [[")]
        {
            assert!(FITTED.contains(from), "{from}");
            assert!(RiskModel::parse(&FITTED.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn steps_rise_and_promise_nothing_for_certain() {
        let scored: Vec<(i64, bool)> = (0..100).map(|i| (i, i >= 90 || i == 30)).collect();
        let steps = isotonic(&scored, balance(scored.iter().map(|(_, wrong)| *wrong)));
        assert!(steps.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1), "{steps:?}");
        assert!(steps[0].1 > 0);
        assert_eq!(steps.last().unwrap().1, 1_000_000);
    }
}
