//! The certificate: how often approvals were wrong on specimens that no fit had seen, and what that bears out.
//!
//! For each limit on the risk model's probability it holds counts, from which the bound follows. The promise is about
//! painted specimens and the attacks they were altered by: synthetic forgeries certify only synthetic forgeries.

use super::RiskModel;
use super::risk::PREVALENCE_PPM;
use crate::domain::ContentHash;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

/// The certificate in force.
const EARNED: &str = include_str!("../../models/certificate.toml");
/// Those in force before it, each earned by another risk model.
const BEFORE: [&str; 2] = [
    include_str!("../../models/before/certificate-51c7d8ec.toml"),
    include_str!("../../models/before/certificate-4a53295f.toml"),
];

/// A validated certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the file it came from.
    pub hash: ContentHash,
    /// The day it was earned, ISO 8601.
    pub date: String,
    /// SHA-256 of the risk model that earned it.
    pub model: String,
    /// By limit on the probability, rising.
    pub steps: Vec<Step>,
    /// Altered specimens by family of attack: how many, and how many were approved at each step.
    pub families: BTreeMap<String, Family>,
}

/// What approving up to a limit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The largest probability approved, in millionths.
    pub limit_ppm: u32,
    /// Genuine specimens.
    pub genuine: u64,
    /// Of them approved.
    pub approved: u64,
    /// Of those approved with a value misread that the decision turns on.
    pub misread: u64,
    /// Altered specimens.
    pub altered: u64,
    /// Of them approved.
    pub missed: u64,
    /// The upper 95 % bound that follows, in millionths, rounded up: see [`Step::bound`]. Kept so that a decision needs no
    /// floats.
    pub bound_ppm: u32,
}

/// One family of attacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Specimens.
    pub n: u64,
    /// Of them approved, at each step.
    pub missed: Vec<u64>,
}

/// One specimen, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The probability the model gave, millionths.
    pub probability_ppm: u32,
    /// Whether no rule but that of the risk held it.
    pub else_approved: bool,
    /// The family of its attack; `None` if genuine.
    pub attack: Option<String>,
    /// Whether a value that the decision turns on was misread.
    pub misread: bool,
}

/// What is wrong with a certificate file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate is not valid: {0}")]
pub struct CertificateError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    date: String,
    model: String,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    families: BTreeMap<String, Family>,
}

impl Certificate {
    /// Parses and validates a certificate.
    ///
    /// # Errors
    /// If it is not TOML of that form, or its counts cannot be.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let File { date, model, steps, families } =
            toml::from_str(text).map_err(|e| CertificateError(e.to_string()))?;
        if steps.windows(2).any(|w| w[0].limit_ppm >= w[1].limit_ppm) {
            return Err(CertificateError("the steps do not rise".to_owned()));
        }
        if steps.iter().any(|s| s.approved > s.genuine || s.misread > s.approved || s.missed > s.altered) {
            return Err(CertificateError("a step counts more than there are".to_owned()));
        }
        Ok(Self { hash: ContentHash::of(text.as_bytes()), date, model, steps, families })
    }

    /// The furthest step whose bound keeps to a limit on wrong approvals, in millionths; `None` if none does, or if another
    /// model earned the certificate.
    pub fn step(&self, model: &RiskModel, wrong_approvals_ppm: u32) -> Option<&Step> {
        let mine = self.model == model.hash.to_string();
        self.steps.iter().rev().find(|step| mine && step.bound_ppm <= wrong_approvals_ppm)
    }

    /// The text of the certificate that these specimens earn.
    pub fn earn(model: &RiskModel, date: &str, trials: &[Trial]) -> String {
        let mut steps = steps(trials);
        // What is likelier wrong than a paper that nobody has looked at is not let through, whatever it would earn.
        steps.retain(|step| step.limit_ppm <= PREVALENCE_PPM);
        let steps = widened(model, steps);
        let mut families: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
        for trial in trials {
            if let Some(attack) = &trial.attack {
                families.entry(attack).or_default().push(trial);
            }
        }
        let mut text = format!(
            "# How often approvals were wrong on specimens no fit had seen, by the largest probability approved (millionths).\n\
             # Earned, not written: see README.md.\ndate = \"{date}\"\nmodel = \"{}\"\n",
            model.hash
        );
        // Writing to a string cannot fail.
        for step in &steps {
            let Step { limit_ppm, genuine, approved, misread, altered, missed, bound_ppm } = *step;
            let _ = write!(
                text,
                "\n[[steps]]\nlimit_ppm = {limit_ppm}\ngenuine = {genuine}\napproved = {approved}\nmisread = {misread}\n\
                 altered = {altered}\nmissed = {missed}\nbound_ppm = {bound_ppm}\n"
            );
        }
        for (family, trials) in families {
            let missed = |step: &Step| trials.iter().filter(|t| t.is_through(step.limit_ppm)).count().to_string();
            let missed: Vec<String> = steps.iter().map(missed).collect();
            let _ = write!(text, "\n[families.{family}]\nn = {}\nmissed = [{}]\n", trials.len(), missed.join(", "));
        }
        text
    }
}

/// Most that the probabilities of a claim's documents may sum up to, millionths: two ordinary papers have as much. What
/// several documents of a claim come to was not measured.
const MOST_PPM: u32 = PREVALENCE_PPM / 2;

/// Each limit as high as it may be without letting one more document through: up to the next probability that the model
/// gives or a specimen had, but no higher than [`MOST_PPM`]. A claim of several documents is held against it with the sum
/// of theirs.
fn widened(model: &RiskModel, mut steps: Vec<Step>) -> Vec<Step> {
    for n in 0..steps.len() {
        let limit = steps[n].limit_ppm;
        let next = steps.get(n + 1).map(|step| step.limit_ppm).into_iter().chain(model.above(limit)).min();
        steps[n].limit_ppm = limit.max(next.map_or(limit, |next| next - 1).min(MOST_PPM));
    }
    steps
}

impl Trial {
    /// Whether it is approved where probabilities up to `limit_ppm` are.
    fn is_through(&self, limit_ppm: u32) -> bool {
        self.else_approved && self.probability_ppm <= limit_ppm
    }
}

/// What approving up to each probability that was given comes to, rising. Those of a half and more are left out.
pub fn steps(trials: &[Trial]) -> Vec<Step> {
    let limits: BTreeSet<u32> = trials.iter().map(|t| t.probability_ppm).filter(|ppm| *ppm < 500_000).collect();
    let step = |limit_ppm: u32| {
        let count = |of: &dyn Fn(&Trial) -> bool| trials.iter().filter(|t| of(t)).count() as u64;
        let approved = |t: &Trial| t.attack.is_none() && t.is_through(limit_ppm);
        let counted = Step {
            limit_ppm,
            genuine: count(&|t| t.attack.is_none()),
            approved: count(&approved),
            misread: count(&|t| approved(t) && t.misread),
            altered: count(&|t| t.attack.is_some()),
            missed: count(&|t| t.attack.is_some() && t.is_through(limit_ppm)),
            bound_ppm: 0,
        };
        Step { bound_ppm: (counted.bound() * 1e6).ceil() as u32, ..counted }
    };
    limits.into_iter().map(step).collect()
}

impl Certificate {
    /// The embedded `models/certificate.toml`.
    pub fn in_force() -> &'static Self {
        &Self::all()[0]
    }

    /// What this risk model earned, in force or before; `None` if it earned none that is known.
    pub fn of(model: &RiskModel) -> Option<&'static Self> {
        Self::all().iter().find(|certificate| certificate.model == model.hash.to_string())
    }

    /// The one in force first; parsed once, since every decision asks for it.
    fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
            let texts = std::iter::once(EARNED).chain(BEFORE);
            texts.map(|text| Certificate::parse(text).expect("embedded ones are valid: a test parses them")).collect()
        });
        &ALL
    }
}

impl Step {
    /// The upper 95 % bound on the share of approvals that are wrong, at the prevalence that probabilities are stated for.
    ///
    /// With π the share altered among those submitted, F how many of these are approved, M how many genuine ones are approved
    /// misread and A how many genuine ones are approved at all, the share is at most (πF + (1−π)M) / ((1−π)A). F and M are put
    /// at their upper and A at its lower Clopper–Pearson limit, at 2, 2 and 1 %, which together make 5 %.
    pub fn bound(&self) -> f64 {
        let prevalence = f64::from(PREVALENCE_PPM) / 1e6;
        let missed = upper(self.missed, self.altered, 0.02);
        let misread = upper(self.misread, self.genuine, 0.02);
        let approved = 1.0 - upper(self.genuine - self.approved, self.genuine, 0.01);
        let wrong = prevalence * missed + (1.0 - prevalence) * misread;
        if approved <= 0.0 { 1.0 } else { (wrong / ((1.0 - prevalence) * approved)).min(1.0) }
    }
}

/// The upper limit of a share of which `k` of `n` were seen, wrong with probability `delta` (Clopper and Pearson 1934): where
/// `k` or fewer would be seen that rarely.
pub fn upper(k: u64, n: u64, delta: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let (mut low, mut high) = (k as f64 / n as f64, 1.0);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if at_most(k, n, middle) > delta { low = middle } else { high = middle }
    }
    high
}

/// Whether [`upper`] is above `p`, told by one look and no search.
pub fn upper_is_above(p: f64, k: u64, n: u64, delta: f64) -> bool {
    k >= n || at_most(k, n, p) > delta
}

/// Probability of at most `k` successes among `n`, each of probability `p`.
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return f64::from(u8::from(k >= n));
    }
    // Terms by their logarithms, each from the one before: n may be a million.
    let odds = (p / (1.0 - p)).ln();
    let mut term = n as f64 * (1.0 - p).ln();
    let mut sum = term.exp();
    for i in 0..k {
        term += ((n - i) as f64 / (i + 1) as f64).ln() + odds;
        sum += term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_tables() {
        // 1 − δ^(1/n) where none was seen: 2,995 clean tries make 1 in 1,000 at 95 %, 299 make 1 in 100.
        assert!((upper(0, 2_995, 0.05) - 1e-3).abs() < 1e-6);
        assert!((upper(0, 299, 0.05) - 0.01).abs() < 5e-5);
        // 1 in 10,000 with 0, 1 and 2 wrong.
        for (wrong, n) in [(0, 29_956), (1, 47_437), (2, 62_956)] {
            assert!((upper(wrong, n, 0.05) - 1e-4).abs() < 2e-8, "{wrong} of {n}: {}", upper(wrong, n, 0.05));
        }
        assert!(upper_is_above(0.99e-4, 1, 47_437, 0.05) && !upper_is_above(1.01e-4, 1, 47_437, 0.05));
        assert_eq!((upper(3, 3, 0.05), upper(0, 0, 0.05)), (1.0, 1.0));
    }

    #[test]
    fn the_bound_agrees_with_the_decomposed_form() {
        // At a prevalence of 1 % and half let through, no more than 0.5 % missed makes 1 in 10,000: 736 altered ones, none of
        // them missed, bear that out at 2.5 %.
        assert!((upper(0, 736, 0.025) - 0.005).abs() < 1e-5);
        let many = Step {
            limit_ppm: 1,
            genuine: 1_000_000,
            approved: 500_000,
            misread: 0,
            altered: 780,
            missed: 0,
            bound_ppm: 0,
        };
        assert!(many.bound() > 0.9e-4 && many.bound() < 1.2e-4, "{}", many.bound());
        let none = Step { approved: 0, ..many };
        assert!(none.bound() > 0.9);
    }

    #[test]
    fn a_limit_is_kept_by_the_furthest_step_that_bears_it_out() {
        let model = RiskModel::in_force();
        let trial = |ppm, attack: Option<&str>| Trial {
            probability_ppm: ppm,
            else_approved: true,
            attack: attack.map(str::to_owned),
            misread: false,
        };
        let mut trials: Vec<Trial> = (0..4_000).map(|i| trial(100 + i % 3 * 100, None)).collect();
        trials.extend((0..1_000).map(|i| trial(if i < 100 { 300 } else { 900_000 }, Some("retype_amount"))));
        // Likelier wrong than any paper before it is looked at.
        trials.push(trial(PREVALENCE_PPM + 1, None));
        let text = Certificate::earn(model, "2026-01-01", &trials);
        let certificate = Certificate::parse(&text).unwrap();
        // What lies between two probabilities is approved with the lower one.
        let below = |ppm, next: u32| (model.above(ppm).unwrap() - 1).min(next - 1);
        let [first, second, top] = [below(100, 200), below(200, 300), below(300, MOST_PPM)];
        assert_eq!(certificate.steps.iter().map(|s| s.limit_ppm).collect::<Vec<_>>(), [first, second, top]);
        assert_eq!(certificate.families["retype_amount"], Family { n: 1_000, missed: vec![0, 0, 100] });
        let limit = |ppm| certificate.step(model, ppm).map(|s| s.limit_ppm);
        // One in ten missed at the last step: 1 % × 10 % is more than 1 in 1,000, if little more.
        assert_eq!([limit(10), limit(1_700), limit(5_000)], [None, Some(second), Some(top)]);
        let other = Certificate { model: "another".to_owned(), ..certificate };
        assert_eq!(other.step(model, 1_000_000), None);
    }

    #[test]
    fn the_embedded_certificate_was_earned_by_the_embedded_model() {
        let certificate = Certificate::parse(EARNED).unwrap();
        assert_eq!(certificate.model, RiskModel::in_force().hash.to_string());
        for step in &certificate.steps {
            assert_eq!(step.bound_ppm, (step.bound() * 1e6).ceil() as u32, "{step:?}");
        }
    }
}
