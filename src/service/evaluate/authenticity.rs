//! How well alterations are seen: by attack and by what the file went through, and by each signal on its own.
//!
//! A paper may be held for reasons that have nothing to do with its alteration, such as blur or its amount. So "caught"
//! is told apart from "held": caught is what pixels or the paper itself say against it.

use super::{CaseScore, PhotoScore, Rate, trials};
use crate::domain::Decision;
use crate::domain::pixels::SignalName;
use crate::domain::risk::Feature;
use crate::models::{RiskModel, Step, steps};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The reason that a signal's alarm gives.
fn reason(signal: SignalName) -> &'static str {
    match signal {
        SignalName::GlyphGrid => "other_jpeg_grid",
        SignalName::DoubleJpeg => "other_saves",
        SignalName::CopiedGlyphs => "characters_copied",
        SignalName::OddInLine => "characters_odd",
        SignalName::Recapture => "picture_of_a_picture",
        SignalName::LearnedTrace => "characters_put_in",
    }
}

/// Reasons that pixels give: those of the signals, and what the file says of itself.
fn by_pixels() -> impl Iterator<Item = &'static str> {
    SignalName::ALL.into_iter().map(reason).chain(["file_edited"])
}

/// Reasons that the paper gives: what it says contradicts itself, or what is known.
const BY_PAPER: [&str; 28] = [
    "total_in_words_differs",
    "items_do_not_add_up",
    "payments_do_not_add_up",
    "deposits_do_not_add_up",
    "own_share_differs",
    "row_does_not_multiply",
    "stay_days_differ",
    "tax_does_not_add_up",
    "subtotal_does_not_add_up",
    "cash_and_change_differ",
    "bill_code_malformed",
    "bill_number_malformed",
    "check_code_malformed",
    "invoice_number_malformed",
    "credit_code_wrong",
    "payer_identity_wrong",
    "dates_out_of_order",
    "date_in_future",
    "qr_differs_from_print",
    "qr_checksum_wrong",
    "seen_before_same_bytes",
    "seen_before_same_number",
    "seen_before_same_picture",
    "may_have_been_seen_before",
    "name_differs",
    "documents_disagree",
    "total_contradicted",
    "text_layer_differs",
];

/// Cases of one kind of alteration and one history, or genuine ones of one history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// How they were altered; `None` if genuine.
    pub attack: Option<String>,
    /// What the files went through, as the truth tells; `-` if it does not.
    pub chain: String,
    /// Cases.
    pub n: usize,
    /// Approved.
    pub approved: usize,
    /// Held because of what pixels say.
    pub by_pixels: usize,
    /// Held because of what the paper says.
    pub by_paper: usize,
    /// Held because of either.
    pub caught: Rate,
    /// By signal: those in which it is an alarm, among those it could be measured on.
    pub signals: BTreeMap<SignalName, (usize, usize)>,
    /// Those whose altered places are told and hit by an alarm, among those told.
    pub hit: Option<(usize, usize)>,
}

/// One signal over all labelled pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalReport {
    /// Which.
    pub signal: SignalName,
    /// Genuine pictures it could be measured on, and those of them with an alarm.
    pub false_alarms: Rate,
    /// Altered ones likewise.
    pub alarms: Rate,
    /// Altered pictures on which no other signal and no word of the paper is an alarm.
    pub alone: usize,
    /// Area under the curve of alarms against false alarms over all limits; `None` without both kinds.
    pub auc: Option<f64>,
    /// That curve: for some limits (in the signal's unit) the shares of genuine and of altered pictures beyond it.
    pub roc: Vec<[f64; 3]>,
}

/// How well alterations are seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Authenticity {
    /// Genuine first, then by attack and chain.
    pub rows: Vec<Row>,
    /// By signal.
    pub signals: Vec<SignalReport>,
    /// How far approval could go, and at what risk: rising.
    pub coverage: Vec<Coverage>,
    /// What would go through without each signal, the whole first; empty if nothing was approved.
    pub ablation: Vec<Ablation>,
}

/// What goes through at the risk approved, lot and audit aside, if a signal is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ablation {
    /// The one left out; `None` for none.
    pub without: Option<SignalName>,
    /// Genuine pictures through.
    pub genuine: Rate,
    /// Altered ones.
    pub altered: Rate,
}

/// What approving up to some probability would come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// The largest probability approved.
    pub largest_risk: f64,
    /// Share of the genuine cases approved.
    pub genuine: f64,
    /// Share of the altered ones approved.
    pub altered: f64,
    /// Upper 95 % bound on the share of approvals that are wrong, at the certificate's share of altered papers.
    pub bound: f64,
}

/// Counts; `None` if no case is vouched for either way or none was looked at.
pub fn report(cases: &[CaseScore]) -> Option<Authenticity> {
    let told: Vec<&CaseScore> = cases.iter().filter(|c| c.genuine.is_some()).collect();
    if told.iter().flat_map(|c| &c.photos).all(|p| p.signals.is_empty()) {
        return None;
    }
    let mut groups: BTreeMap<(Option<String>, String), Vec<&CaseScore>> = BTreeMap::new();
    for case in &told {
        let attack = (case.genuine == Some(false)).then(|| case.attack.clone().unwrap_or_else(|| "-".to_owned()));
        groups.entry((attack, case.chain.clone().unwrap_or_else(|| "-".to_owned()))).or_default().push(case);
    }
    let rows = groups.into_iter().map(|((attack, chain), cases)| row(attack, chain, &cases)).collect();
    let coverage = steps(&trials(cases)).iter().map(coverage).collect();
    let signals = SignalName::ALL.map(|name| signal(name, &told)).to_vec();
    Some(Authenticity { rows, signals, coverage, ablation: ablation(&told) })
}

/// The model is not fitted anew: this tells what each signal does in the product as it stands.
fn ablation(cases: &[&CaseScore]) -> Vec<Ablation> {
    let Some(limit) = cases.iter().find_map(|case| case.risk_limit_ppm) else { return Vec::new() };
    let model = RiskModel::in_force();
    let through = |case: &CaseScore, without: Option<SignalName>| {
        let Some(features) = &case.features else { return false };
        let (code, feature) = (without.map(reason), without.map(Feature::from));
        let mut features = features.clone();
        features.0.retain(|f, _| Some(*f) != feature);
        case.held_by.iter().all(|held| Some(held.as_str()) == code)
            && model.probability_ppm(model.score(&features).0) <= limit
    };
    let rate = |genuine: bool, without| {
        let of: Vec<_> = cases.iter().filter(|case| case.genuine == Some(genuine)).collect();
        Rate::of(of.iter().filter(|case| through(case, without)).count(), of.len())
    };
    let row = |without| Ablation { without, genuine: rate(true, without), altered: rate(false, without) };
    std::iter::once(None).chain(SignalName::ALL.map(Some)).map(row).collect()
}

fn coverage(step: &Step) -> Coverage {
    let share = |k: u64, n: u64| k as f64 / n.max(1) as f64;
    Coverage {
        largest_risk: f64::from(step.limit_ppm) / 1e6,
        genuine: share(step.approved, step.genuine),
        altered: share(step.missed, step.altered),
        bound: step.bound(),
    }
}

/// Whether pixels speak against it.
fn speaks_by_pixels(case: &CaseScore) -> bool {
    by_pixels().any(|code| says(case, &[code]))
}

/// Whether pixels or the paper speak against it.
fn is_caught(case: &CaseScore) -> bool {
    speaks_by_pixels(case) || contradicts_itself(case)
}

/// Whether the paper speaks against itself, or what is known against the paper.
pub(super) fn contradicts_itself(case: &CaseScore) -> bool {
    says(case, &BY_PAPER)
}

fn says(case: &CaseScore, codes: &[&str]) -> bool {
    case.reasons.iter().any(|r| codes.contains(&r.as_str()))
}

fn row(attack: Option<String>, chain: String, cases: &[&CaseScore]) -> Row {
    let count = |of: &dyn Fn(&CaseScore) -> bool| cases.iter().filter(|c| of(c)).count();
    let mut signals = BTreeMap::new();
    for photo in cases.iter().flat_map(|c| &c.photos) {
        for (name, score) in &photo.signals {
            if let Some(score) = score {
                let (alarms, measured): &mut (usize, usize) = signals.entry(*name).or_default();
                *measured += 1;
                *alarms += usize::from(*score >= name.alarm());
            }
        }
    }
    let hits: Vec<bool> = cases.iter().flat_map(|c| &c.photos).filter_map(|p| p.hit).collect();
    Row {
        attack,
        chain,
        n: cases.len(),
        approved: count(&|c| c.decision == Decision::AutoApprove),
        by_pixels: count(&speaks_by_pixels),
        by_paper: count(&|c| says(c, &BY_PAPER)),
        caught: Rate::of(count(&is_caught), cases.len()),
        signals,
        hit: (!hits.is_empty()).then(|| (hits.iter().filter(|h| **h).count(), hits.len())),
    }
}

fn signal(name: SignalName, cases: &[&CaseScore]) -> SignalReport {
    let score = |photo: &PhotoScore| photo.signals.iter().find(|(n, _)| *n == name).and_then(|(_, score)| *score);
    let of = |genuine: bool| -> Vec<i32> {
        let cases = cases.iter().filter(|c| c.genuine == Some(genuine));
        cases.flat_map(|c| &c.photos).filter_map(score).collect()
    };
    let (genuine, altered) = (of(true), of(false));
    let alarms = |scores: &[i32]| Rate::of(scores.iter().filter(|s| **s >= name.alarm()).count(), scores.len());
    let others = |photo: &PhotoScore| {
        photo.signals.iter().any(|(n, score)| *n != name && score.is_some_and(|score| score >= n.alarm()))
    };
    let alone = cases.iter().filter(|c| c.genuine == Some(false) && !says(c, &BY_PAPER)).flat_map(|c| &c.photos);
    let limits: BTreeSet<i32> = genuine.iter().chain(&altered).copied().collect();
    let beyond =
        |scores: &[i32], limit: i32| scores.iter().filter(|s| **s >= limit).count() as f64 / scores.len() as f64;
    let both = !genuine.is_empty() && !altered.is_empty();
    let curve: Vec<[f64; 3]> = limits
        .iter()
        .filter(|_| both)
        .map(|limit| [f64::from(*limit) / 1000.0, beyond(&genuine, *limit), beyond(&altered, *limit)])
        .collect();
    SignalReport {
        signal: name,
        false_alarms: alarms(&genuine),
        alarms: alarms(&altered),
        alone: alone.filter(|p| score(p).is_some_and(|s| s >= name.alarm()) && !others(p)).count(),
        auc: both.then(|| area(&curve)),
        roc: thinned(curve),
    }
}

/// Area under a curve of falling shares, by trapezoids.
fn area(curve: &[[f64; 3]]) -> f64 {
    let points: Vec<[f64; 2]> = curve.iter().map(|[_, x, y]| [*x, *y]).chain([[0.0, 0.0]]).collect();
    points.windows(2).map(|w| (w[0][0] - w[1][0]) * (w[0][1] + w[1][1]) / 2.0).sum()
}

/// At most 60 of its points, ends kept.
fn thinned(curve: Vec<[f64; 3]>) -> Vec<[f64; 3]> {
    let step = curve.len().div_ceil(60).max(1);
    let last = curve.len().saturating_sub(1);
    curve.into_iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::risk::Features;

    fn case(genuine: bool, decision: Decision, score: i32, reasons: &[&str]) -> CaseScore {
        let photo = PhotoScore {
            signals: vec![(SignalName::CopiedGlyphs, Some(score)), (SignalName::GlyphGrid, None)],
            hit: (!genuine).then_some(score >= SignalName::CopiedGlyphs.alarm()),
            ..PhotoScore::default()
        };
        CaseScore {
            set: "s".to_owned(),
            photos: vec![photo],
            genuine: Some(genuine),
            attack: (!genuine).then(|| "copy_move".to_owned()),
            chain: Some("png".to_owned()),
            decision,
            reasons: reasons.iter().map(|r| (*r).to_owned()).collect(),
            misread: false,
            held_by: reasons.iter().filter(|_| decision == Decision::HumanReview).map(|r| (*r).to_owned()).collect(),
            features: None,
            risk_ppm: None,
            risk_limit_ppm: None,
            failed: None,
            stages: BTreeMap::new(),
            wall_us: 1,
        }
    }

    #[test]
    fn caught_is_told_apart_from_held() {
        let alarm = SignalName::CopiedGlyphs.alarm();
        let cases = [
            case(true, Decision::AutoApprove, 0, &["all_checks_passed"]),
            case(true, Decision::HumanReview, 100, &["amount_above_limit"]),
            case(false, Decision::HumanReview, alarm, &["characters_copied"]),
            case(false, Decision::HumanReview, 200, &["low_confidence"]),
            case(false, Decision::HumanReview, 50, &["items_do_not_add_up", "low_confidence"]),
            case(false, Decision::AutoApprove, 10, &["all_checks_passed"]),
        ];
        let report = report(&cases).unwrap();
        let [genuine, altered] = &report.rows[..] else { panic!("{:?}", report.rows) };
        assert_eq!((genuine.n, genuine.approved, genuine.caught.right), (2, 1, 0));
        assert_eq!((altered.n, altered.approved, altered.by_pixels, altered.by_paper), (4, 1, 1, 1));
        assert_eq!((altered.caught.right, altered.hit), (2, Some((1, 4))));
        let copies = report.signals.iter().find(|s| s.signal == SignalName::CopiedGlyphs).unwrap();
        assert_eq!((copies.false_alarms.right, copies.alarms.right, copies.alone), (0, 1, 1));
        // Of the eight pairs of one genuine and one altered score, six are in order.
        assert!((copies.auc.unwrap() - 0.75).abs() < 1e-9, "{:?}", copies.auc);
        let grid = report.signals.iter().find(|s| s.signal == SignalName::GlyphGrid).unwrap();
        assert_eq!((grid.alarms.n, grid.auc, grid.roc.len()), (0, None, 0));
    }

    #[test]
    fn without_the_signal_that_held_it_a_picture_goes_through() {
        let model = RiskModel::in_force();
        let plain = model.probability_ppm(model.score(&Features::default()).0);
        let of = |genuine, held: &[&str], features| {
            let decision = if held.is_empty() { Decision::AutoApprove } else { Decision::HumanReview };
            let case = case(genuine, decision, 0, held);
            CaseScore { features: Some(features), risk_limit_ppm: Some(plain), ..case }
        };
        let off = Features([(Feature::GlyphGrid, 1_500)].into());
        let cases = [
            of(true, &[], Features::default()),
            of(false, &["other_jpeg_grid"], off.clone()),
            of(false, &["other_jpeg_grid", "characters_copied"], off),
        ];
        let report = report(&cases).unwrap();
        let altered = |without| report.ablation.iter().find(|a| a.without == without).unwrap().altered.right;
        assert_eq!((altered(None), altered(Some(SignalName::GlyphGrid))), (0, 1));
        assert_eq!((altered(Some(SignalName::CopiedGlyphs)), report.ablation[0].genuine.right), (0, 1));
    }

    #[test]
    fn without_labels_or_signals_nothing_is_told() {
        let mut unlooked = case(true, Decision::AutoApprove, 0, &[]);
        unlooked.photos[0].signals.clear();
        assert!(report(&[unlooked]).is_none());
        assert!(report(&[CaseScore { genuine: None, ..case(true, Decision::AutoApprove, 0, &[]) }]).is_none());
    }

    #[test]
    fn every_reason_listed_exists() {
        let codes = crate::decision::reason_codes();
        for code in by_pixels().chain(BY_PAPER) {
            assert!(codes.contains(&code), "{code}");
        }
    }
}
