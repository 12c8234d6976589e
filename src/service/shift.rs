//! Where a shift came from: the decisions of the last days held against those of the days before, by who issued the
//! paper, by its kind, by camera, and by the models, the program and the policy that decided.
//!
//! Figures are made from the records themselves, so that nothing new is kept of anybody. Every decision counts, also a
//! later one of the same claim; those of erased claims are gone. What a value explains is told in [`parts`].
//!
//! Reading records is the cost: of a window with more than [`READ_MOST`] decisions it reads one of so many, evenly.
//! What was read stays for [`KEPT`], without a word of the records but the names of values, and answers every reason.
//!
//! No value of few is named: those of fewer than [`NAMED_LEAST`] decisions are told together as others, so that nobody's
//! only paper or camera stands out, and a name that was misread once is not shown.

mod parts;

use super::work::stamp;
use super::{Service, ServiceError, off_thread};
use crate::domain::pixels::Device;
use crate::domain::{ContentHash, Decision, DocumentKind, Severity, canonical_json};
use crate::store::windows::Window;
use crate::store::{SealedDecision, StoreError};
use jiff::{SignedDuration, Timestamp};
use parts::{Counts, OF_MANY, OF_ONE, Part, difference, ppm};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decisions that are read of a window at most.
const READ_MOST: u64 = 20_000;
/// Decisions that both windows must hold.
const LEAST: u64 = 100;
/// Decisions that a value must have in both windows together to be named.
const NAMED_LEAST: u64 = 20;
/// Values of a dimension that are named at most; see [`OF_MANY`].
const NAMED_MOST: usize = 19;
/// Records read in one go.
const PAGE: usize = 200;
/// How long what was read is good for.
const KEPT: Duration = Duration::from_secs(300);
/// Digits of a hash that are shown.
const DIGITS: usize = 12;

/// Which shift is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftAsk {
    /// Days of the recent window, which ends now. Default 7.
    pub recent_days: u32,
    /// Days of the window before it. Default 28.
    pub before_days: u32,
    /// The share that a reason holds instead of the share that goes through untouched.
    pub reason: Option<String>,
}

impl Default for ShiftAsk {
    fn default() -> Self {
        Self { recent_days: 7, before_days: 28, reason: None }
    }
}

/// By what decisions are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Who issued the first paper, as read off it.
    Issuer,
    /// What the first paper is.
    Kind,
    /// The camera's maker, model and program, as far as the first photo's file names them: a hash, not their names.
    Device,
    /// The model files and the calibration table, as one hash.
    Models,
    /// The version of the program.
    Program,
    /// The policy's hash.
    Policy,
}

impl Dimension {
    const ALL: [Self; 6] = [Self::Issuer, Self::Kind, Self::Device, Self::Models, Self::Program, Self::Policy];
}

/// Which decisions a line of the table is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Those with the value that is named.
    Value,
    /// Those of which it is not known.
    Unknown,
    /// Those of all values that are too rare to be named.
    Others,
}

/// Decisions of a window.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct WindowView {
    /// From when, RFC 3339 in UTC.
    pub from: String,
    /// Until when.
    pub to: String,
    /// Decisions made in it.
    pub decisions: u64,
    /// Decisions that the figures are made of: all, or one of so many, evenly.
    pub read: u64,
}

/// How a share changed. Shares are in millionths of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChangeView {
    /// In the window before.
    pub before_ppm: i64,
    /// In the recent one.
    pub recent_ppm: i64,
    /// By how much.
    pub change_ppm: i64,
    /// Chance alone leaves the change from here
    pub low_ppm: i64,
    /// to here (Newcombe).
    pub high_ppm: i64,
    /// Of how many in 100 such intervals that holds.
    #[schema(example = 0.95)]
    pub confidence: f64,
    /// Whether chance alone does not explain it.
    pub more_than_chance: bool,
}

/// Decisions with a value, in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShareView {
    /// How many of those read.
    pub decisions: u64,
    /// Their share of all of them, in millionths.
    pub of_all_ppm: i64,
    /// The share among them that goes through untouched, or has the reason asked for, in millionths.
    pub share_ppm: i64,
}

/// What a value explains of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PartView {
    /// Whether a value is named.
    pub told: Told,
    /// The value.
    pub value: Option<String>,
    /// In the window before.
    pub before: ShareView,
    /// In the recent one.
    pub recent: ShareView,
    /// What it explains by there being more or less of it.
    pub mix_ppm: i64,
    /// What it explains by being judged otherwise.
    pub rate_ppm: i64,
    /// Both together.
    pub change_ppm: i64,
    /// Chance alone leaves that from here
    pub low_ppm: i64,
    /// to here, in 99.73 of 100 cases: among twenty values, none strays further in 95.
    pub high_ppm: i64,
    /// Whether chance alone does not explain it.
    pub more_than_chance: bool,
}

/// The change, split by one dimension: the parts add up to it exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DimensionView {
    /// By what.
    pub dimension: Dimension,
    /// What all values explain by there being more or less of them.
    pub mix_ppm: i64,
    /// What all values explain by being judged otherwise.
    pub rate_ppm: i64,
    /// The biggest first.
    pub values: Vec<PartView>,
}

/// How the share that a reason holds changed.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReasonShift {
    /// Its code.
    #[schema(example = "total_in_words_differs")]
    pub code: String,
    /// How it changed.
    pub change: ChangeView,
}

/// A shift, and where it came from.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ShiftView {
    /// The window before.
    pub before: WindowView,
    /// The recent one.
    pub recent: WindowView,
    /// Decisions that both must hold.
    pub needed: u64,
    /// The reason asked for; `null` for the share that goes through untouched.
    pub reason: Option<String>,
    /// How the share changed; `null` while too few decisions are known.
    pub change: Option<ChangeView>,
    /// Where that came from, by each dimension; empty while too few are known.
    pub dimensions: Vec<DimensionView>,
    /// How the share of decisions that each reason holds changed, the biggest first. A decision may have several.
    pub reasons: Vec<ReasonShift>,
    /// Decisions whose record cannot be read, which no figure counts.
    pub failed: u64,
}

/// What was read of the two windows.
#[derive(Debug)]
struct Seen {
    windows: [Window; 2],
    decisions: [u64; 2],
    read: [Vec<Judged>; 2],
    failed: u64,
    names: Names,
}

/// A decision, as far as it is counted.
#[derive(Debug)]
struct Judged {
    approved: bool,
    /// Numbers of the reasons that hold it.
    codes: Vec<u32>,
    /// The number of its value in each dimension; `None` where it is not known.
    values: [Option<u32>; Dimension::ALL.len()],
}

/// Texts that come again and again, by number.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<String, u32>,
    all: Vec<String>,
}

impl Names {
    fn number(&mut self, name: String) -> u32 {
        if let Some(known) = self.known.get(&name) {
            return *known;
        }
        let number = self.all.len() as u32;
        self.all.push(name.clone());
        self.known.insert(name, number);
        number
    }
}

/// What was read last, for those who ask again.
#[derive(Debug, Default)]
pub(super) struct Kept(tokio::sync::Mutex<Option<(Days, Instant, Arc<Seen>)>>);

/// Days of both windows, the recent one last.
type Days = [u32; 2];

impl Service {
    /// How the share of decisions that go through untouched changed from one window to the next, and what explains it.
    ///
    /// # Errors
    /// If the records cannot be read. A damaged record is counted, not an error.
    pub async fn shift(&self, ask: &ShiftAsk) -> Result<ShiftView, ServiceError> {
        let seen = self.seen([ask.before_days, ask.recent_days]).await?;
        let reason = ask.reason.clone();
        off_thread(move || view(&seen, reason)).await
    }

    /// What the windows hold: once for all who ask, and one at a time.
    async fn seen(&self, days: Days) -> Result<Arc<Seen>, ServiceError> {
        let mut kept = self.0.shifts.0.lock().await;
        if let Some((of, at, seen)) = &*kept
            && *of == days
            && at.elapsed() < KEPT
        {
            return Ok(seen.clone());
        }
        let seen = Arc::new(self.look(days, Timestamp::now()).await?);
        *kept = Some((days, Instant::now(), seen.clone()));
        Ok(seen)
    }

    async fn look(&self, [before, recent]: Days, now: Timestamp) -> Result<Seen, ServiceError> {
        let store = &self.0.records.store;
        let ago = |days: u32| {
            let long = SignedDuration::from_hours(24 * i64::from(days));
            stamp(now.saturating_sub(long).unwrap_or(Timestamp::MIN))
        };
        let (begin, split) = (ago(before + recent), ago(recent));
        let windows = [Window { from: begin, to: split.clone() }, Window { from: split, to: stamp(now) }];
        let mut seen =
            Seen { windows, decisions: [0; 2], read: [Vec::new(), Vec::new()], failed: 0, names: Names::default() };
        for n in 0..2 {
            seen.decisions[n] = store.decisions_within(&seen.windows[n]).await?;
        }
        if seen.decisions.iter().any(|decisions| *decisions < LEAST) {
            return Ok(seen);
        }
        for n in 0..2 {
            let every = seen.decisions[n].div_ceil(READ_MOST).max(1);
            let mut places = store.places_within(&seen.windows[n], every).await?;
            places.sort_unstable();
            for page in places.chunks(PAGE) {
                let page = store.decided_at(page).await?;
                seen = off_thread(move || read(seen, n, page)).await??;
            }
        }
        Ok(seen)
    }
}

/// Reads a page of decisions of a window.
fn read(mut seen: Seen, window: usize, page: Vec<SealedDecision>) -> Result<Seen, StoreError> {
    for decision in page {
        let (_, _, bytes) = decision.open()?;
        match serde_json::from_slice::<Recorded>(&bytes) {
            Ok(recorded) => seen.read[window].push(recorded.judged(&mut seen.names)),
            Err(_) => seen.failed += 1,
        }
    }
    Ok(seen)
}

fn view(seen: &Seen, reason: Option<String>) -> ShiftView {
    let window = |n: usize| WindowView {
        from: seen.windows[n].from.clone(),
        to: seen.windows[n].to.clone(),
        decisions: seen.decisions[n],
        read: seen.read[n].len() as u64,
    };
    let mut view = ShiftView {
        before: window(0),
        recent: window(1),
        needed: LEAST,
        reason,
        change: None,
        dimensions: Vec::new(),
        reasons: Vec::new(),
        failed: seen.failed,
    };
    if seen.read.iter().any(|read| (read.len() as u64) < LEAST) {
        return view;
    }
    // A reason that no decision has holds none of them.
    let code = view.reason.as_ref().map(|reason| seen.names.known.get(reason));
    let is_hit = |judged: &Judged| match code {
        None => judged.approved,
        Some(code) => code.is_some_and(|code| judged.codes.contains(code)),
    };
    let all = counted(seen, is_hit, |_| [()]).remove(&()).unwrap_or_default();
    view.change = Some(change(all, OF_ONE, 0.95));
    view.dimensions = (0..).zip(Dimension::ALL).map(|(n, of)| dimension(seen, of, n, &is_hit)).collect();
    let by_code = counted(seen, |_| true, |judged| judged.codes.clone());
    let shift = |(code, held): (u32, Counts)| {
        let counts = Counts { of: all.of, hits: held.of };
        ReasonShift { code: seen.names.all[code as usize].clone(), change: change(counts, OF_MANY, 0.9973) }
    };
    view.reasons = by_code.into_iter().map(shift).collect();
    view.reasons.sort_by_key(|one| (-one.change.change_ppm.abs(), one.code.clone()));
    view
}

/// Decisions and hits by what they are told apart by; one decision may count for several.
fn counted<K: Ord, I: IntoIterator<Item = K>>(
    seen: &Seen,
    is_hit: impl Fn(&Judged) -> bool,
    keys: impl Fn(&Judged) -> I,
) -> BTreeMap<K, Counts> {
    let mut out: BTreeMap<K, Counts> = BTreeMap::new();
    for (window, read) in seen.read.iter().enumerate() {
        for judged in read {
            for key in keys(judged) {
                let counts = out.entry(key).or_default();
                counts.of[window] += 1;
                counts.hits[window] += u64::from(is_hit(judged));
            }
        }
    }
    out
}

fn change(counts: Counts, errors: f64, confidence: f64) -> ChangeView {
    let [before_ppm, recent_ppm] = [0, 1].map(|window| ppm(counts.hits[window], counts.of[window]));
    let [low_ppm, high_ppm] = difference(counts, errors);
    ChangeView {
        before_ppm,
        recent_ppm,
        change_ppm: recent_ppm - before_ppm,
        low_ppm,
        high_ppm,
        confidence,
        more_than_chance: low_ppm > 0 || high_ppm < 0,
    }
}

/// The change, split by a dimension, which is the `n`th.
fn dimension(seen: &Seen, dimension: Dimension, n: usize, is_hit: &impl Fn(&Judged) -> bool) -> DimensionView {
    let (mut named, mut rest) = (Vec::new(), Vec::new());
    let mut others = Counts::default();
    for (value, counts) in counted(seen, is_hit, |judged| [judged.values[n]]) {
        match value {
            None => rest.push((Told::Unknown, None, counts)),
            Some(value) => named.push((Told::Value, Some(seen.names.all[value as usize].clone()), counts)),
        }
    }
    // The most frequent are named; of as many, in the order of their names.
    named.sort_by(|(_, a, x), (_, b, y)| y.of.iter().sum::<u64>().cmp(&x.of.iter().sum::<u64>()).then(a.cmp(b)));
    let is_named = |at: usize, counts: &Counts| at < NAMED_MOST && counts.of.iter().sum::<u64>() >= NAMED_LEAST;
    for (at, value) in named.into_iter().enumerate() {
        if is_named(at, &value.2) { rest.push(value) } else { others.add(value.2) }
    }
    if others != Counts::default() {
        rest.push((Told::Others, None, others));
    }
    let all: Vec<Counts> = rest.iter().map(|(_, _, counts)| *counts).collect();
    let found = parts::parts(&all, OF_MANY);
    let whole = [0, 1].map(|window| all.iter().map(|counts| counts.of[window]).sum::<u64>());
    let line = |((told, value, counts), part): ((Told, Option<String>, Counts), &Part)| {
        let share = |window: usize| ShareView {
            decisions: counts.of[window],
            of_all_ppm: ppm(counts.of[window], whole[window]),
            share_ppm: ppm(counts.hits[window], counts.of[window]),
        };
        PartView {
            told,
            value,
            before: share(0),
            recent: share(1),
            mix_ppm: part.mix,
            rate_ppm: part.rate,
            change_ppm: part.sum(),
            low_ppm: part.low,
            high_ppm: part.high,
            more_than_chance: part.is_more_than_chance(),
        }
    };
    let mut values: Vec<PartView> = rest.into_iter().zip(&found).map(line).collect();
    values.sort_by_key(|part| -part.change_ppm.abs());
    DimensionView {
        dimension,
        mix_ppm: found.iter().map(|part| part.mix).sum(),
        rate_ppm: found.iter().map(|part| part.rate).sum(),
        values,
    }
}

/// As much of a record as is counted.
#[derive(Deserialize)]
struct Recorded {
    evidence: Looked,
    verdict: Ruled,
    versions: MadeBy,
}

#[derive(Deserialize)]
struct Looked {
    readings: Vec<Paper>,
}

#[derive(Deserialize)]
struct Paper {
    kind: DocumentKind,
    fields: Issued,
    #[serde(default)]
    pixels: Option<Pixels>,
}

/// Who issued a paper: a seller is an issuer.
#[derive(Deserialize)]
struct Issued {
    #[serde(default)]
    issuer_name: Option<Valued>,
    #[serde(default)]
    seller_name: Option<Valued>,
}

#[derive(Deserialize)]
struct Valued {
    value: Option<String>,
}

#[derive(Deserialize)]
struct Pixels {
    history: Went,
}

#[derive(Deserialize)]
struct Went {
    #[serde(default)]
    device: Option<Device>,
}

#[derive(Deserialize)]
struct Ruled {
    decision: Decision,
    reasons: Vec<Coded>,
}

#[derive(Deserialize)]
struct Coded {
    code: String,
    severity: Severity,
}

#[derive(Deserialize)]
struct MadeBy {
    build: String,
    models: BTreeMap<String, String>,
    policy: String,
    calibration: String,
}

impl Recorded {
    fn judged(self, names: &mut Names) -> Judged {
        let Self { evidence, verdict, versions } = self;
        let mut codes: Vec<u32> = Vec::new();
        for reason in verdict.reasons.into_iter().filter(|reason| reason.severity == Severity::Blocking) {
            let code = names.number(reason.code);
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let models = ContentHash::of(&canonical_json(&(&versions.models, &versions.calibration))).to_string();
        let (mut issuer, mut kind, mut device) = (None, None, None);
        if let Some(Paper { kind: found, fields, pixels }) = evidence.readings.into_iter().next() {
            let name = |field: Option<Valued>| field.and_then(|field| field.value);
            issuer = name(fields.issuer_name).or_else(|| name(fields.seller_name));
            kind = Some(found.as_str().to_owned());
            device = pixels.and_then(|pixels| pixels.history.device).map(|device| short(&device.build));
        }
        let values = Dimension::ALL.map(|dimension| match dimension {
            Dimension::Issuer => issuer.take(),
            Dimension::Kind => kind.take(),
            Dimension::Device => device.take(),
            Dimension::Models => Some(short(&models)),
            Dimension::Program => Some(versions.build.clone()),
            Dimension::Policy => Some(short(&versions.policy)),
        });
        let values = values.map(|value| value.map(|value| names.number(value)));
        Judged { approved: verdict.decision == Decision::AutoApprove, codes, values }
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many decisions of a window, all alike.
    fn judged(seen: &mut Seen, window: usize, times: usize, issuer: Option<&str>, codes: &[&str]) {
        for _ in 0..times {
            let codes: Vec<u32> = codes.iter().map(|code| seen.names.number((*code).to_owned())).collect();
            let issuer = issuer.map(|issuer| seen.names.number(issuer.to_owned()));
            let kind = Some(seen.names.number("vat_invoice".to_owned()));
            let values = [issuer, kind, None, None, None, None];
            seen.read[window].push(Judged { approved: codes.is_empty(), codes, values });
            seen.decisions[window] += 1;
        }
    }

    fn seen() -> Seen {
        let window = || Window { from: String::new(), to: String::new() };
        Seen {
            windows: [window(), window()],
            decisions: [0; 2],
            read: [Vec::new(), Vec::new()],
            failed: 0,
            names: Names::default(),
        }
    }

    /// One hospital changed its paper: its bills are held from now on.
    fn changed() -> Seen {
        let mut seen = seen();
        judged(&mut seen, 0, 300, Some("仁和医院"), &[]);
        judged(&mut seen, 0, 300, Some("市一医院"), &[]);
        judged(&mut seen, 0, 100, None, &["low_confidence"]);
        judged(&mut seen, 1, 30, Some("仁和医院"), &[]);
        judged(&mut seen, 1, 270, Some("仁和医院"), &["unknown_document"]);
        judged(&mut seen, 1, 300, Some("市一医院"), &[]);
        judged(&mut seen, 1, 100, None, &["low_confidence"]);
        for n in 0..10 {
            judged(&mut seen, 1, 1, Some(&format!("诊所{n}")), &[]);
        }
        seen
    }

    #[test]
    fn the_value_that_changed_is_told_first_and_the_parts_add_up() {
        let view = view(&changed(), None);
        let change = view.change.unwrap();
        assert!(change.more_than_chance && change.change_ppm < -300_000, "{change:?}");
        assert_eq!(view.dimensions.iter().map(|d| d.dimension).collect::<Vec<_>>(), Dimension::ALL);
        for dimension in &view.dimensions {
            let sum: i64 = dimension.values.iter().map(|part| part.mix_ppm + part.rate_ppm).sum();
            assert_eq!((sum, dimension.mix_ppm + dimension.rate_ppm), (change.change_ppm, change.change_ppm));
        }
        let issuers = &view.dimensions[0].values;
        assert_eq!((issuers[0].value.as_deref(), issuers[0].more_than_chance), (Some("仁和医院"), true));
        assert!(issuers[0].rate_ppm < -300_000 && issuers[0].mix_ppm.abs() < 10_000, "{:?}", issuers[0]);
        assert!(issuers[1..].iter().filter(|part| part.told == Told::Value).all(|part| !part.more_than_chance));
        // The models did not change: one value of which nothing is known explains the whole.
        assert_eq!((view.dimensions[3].values.len(), view.dimensions[3].values[0].told), (1, Told::Unknown));
    }

    #[test]
    fn a_value_of_few_is_not_named() {
        let view = view(&changed(), None);
        let others: Vec<_> = view.dimensions[0].values.iter().filter(|part| part.told == Told::Others).collect();
        assert_eq!((others.len(), others[0].recent.decisions, &others[0].value), (1, 10, &None));
        assert!(view.dimensions[0].values.iter().all(|part| !part.value.iter().any(|name| name.starts_with("诊所"))));
    }

    #[test]
    fn the_most_frequent_are_named_and_no_more() {
        let mut seen = seen();
        for n in 0..30 {
            for window in 0..2 {
                judged(&mut seen, window, 20 + n, Some(&format!("医院{n}")), &[]);
            }
        }
        let view = view(&seen, None);
        let named = view.dimensions[0].values.iter().filter_map(|part| part.value.as_deref());
        let mut named: Vec<&str> = named.collect();
        named.sort_unstable();
        assert_eq!((named.len(), named.contains(&"医院29"), named.contains(&"医院10")), (NAMED_MOST, true, false));
    }

    #[test]
    fn a_reason_is_split_like_the_whole() {
        let seen = changed();
        let reasons: Vec<_> =
            view(&seen, None).reasons.into_iter().map(|one| (one.code, one.change.more_than_chance)).collect();
        assert_eq!(reasons, [("unknown_document".to_owned(), true), ("low_confidence".to_owned(), false)]);
        let of = view(&seen, Some("unknown_document".to_owned()));
        let change = of.change.unwrap();
        assert_eq!((change.before_ppm, change.recent_ppm), (0, 380_282));
        assert_eq!(of.dimensions[0].values[0].value.as_deref(), Some("仁和医院"));
        let none = view(&seen, Some("bill_too_old".to_owned())).change.unwrap();
        assert_eq!((none.change_ppm, none.more_than_chance), (0, false));
    }

    #[test]
    fn with_too_few_decisions_nothing_is_told() {
        let mut seen = seen();
        judged(&mut seen, 0, 5_000, Some("仁和医院"), &[]);
        judged(&mut seen, 1, LEAST as usize - 1, Some("仁和医院"), &["low_confidence"]);
        let view = view(&seen, None);
        assert_eq!((view.change, view.dimensions.len(), view.reasons.len(), view.needed), (None, 0, 0, 100));
    }
}
