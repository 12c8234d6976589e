//! Scores readings and decisions against labelled photos. Pure: the caller runs the photos, this counts.
//!
//! Rules of comparison, by type of field:
//! money and dates exactly; identifiers exactly after removing spaces; text after NFKC, lower case and removing all that
//! is neither letter nor digit; amounts in capital characters like text, with 圆 as 元 and without a final 整 or 正. A truth of
//! `null` means that the field must be absent. Text has a second, looser measure beside it: one contains the other.

mod authenticity;

use crate::domain::document::ValueType;
use crate::domain::pixels::SignalName;
use crate::domain::risk::Features;
use crate::domain::{Bp, Decision, DocumentKind, Field, FieldName, Homography, Page, Quad, Reading, Support, Upload};
use crate::models::{RiskSample, Sample, Trial};
use crate::pipeline::support;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

pub use authenticity::{Ablation, Authenticity, Coverage, Row, SignalReport};

/// What a photo truly shows: the contract's truth file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truth {
    /// What the document is, if told.
    pub kind: Option<DocumentKind>,
    /// Value of each field told; `None` means that the document does not carry it.
    pub fields: BTreeMap<FieldName, Option<String>>,
    /// The rows, if told.
    pub items: Option<Vec<TruthItem>>,
    /// Whether the document is unaltered, if told.
    pub genuine: Option<bool>,
    /// How it was altered.
    pub attack: Option<String>,
    /// What the forger worked with, if told.
    pub tool: Option<String>,
    /// Where it was altered.
    pub altered: Vec<Quad<Upload>>,
    /// What its file went through, if told.
    pub chain: Option<String>,
    /// How it is a picture of a picture, if it is one: `screenshot`, `screen_photo` or `reprint`.
    pub recapture: Option<String>,
    /// Corners of the sheet in the photo, if told.
    pub corners: Option<Quad<Upload>>,
    /// By how many hundredths of a degree the photo must be turned counter-clockwise to make its lines level, if told.
    pub skew: Option<i32>,
    /// Field names that the contract does not know; not scored, but worth telling.
    pub unknown_fields: Vec<String>,
}

/// A row as it truly is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TruthItem {
    /// Category, drug or goods name.
    pub name: String,
    /// Amount as a decimal string with two digits.
    #[serde(default)]
    pub amount: Option<String>,
}

#[derive(Deserialize)]
struct TruthFile {
    #[serde(default)]
    kind: Option<DocumentKind>,
    #[serde(default)]
    fields: BTreeMap<String, Option<String>>,
    #[serde(default)]
    items: Option<Vec<TruthItem>>,
    #[serde(default)]
    genuine: Option<bool>,
    #[serde(default)]
    attack: Option<String>,
    #[serde(default)]
    tool: Option<String>,
    #[serde(default)]
    altered: Vec<Vec<[f64; 2]>>,
    #[serde(default)]
    chain: Option<String>,
    #[serde(default)]
    recapture: Option<String>,
    #[serde(default)]
    corners: Option<[[f64; 2]; 4]>,
    #[serde(default)]
    skew_degrees: Option<f64>,
}

impl Truth {
    /// Parses a truth file. Members that are not of the contract are skipped.
    ///
    /// # Errors
    /// A sentence, if it is not JSON of that form.
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: TruthFile = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let mut truth = Self {
            kind: file.kind,
            items: file.items,
            genuine: file.genuine,
            attack: file.attack,
            tool: file.tool,
            altered: file.altered.iter().map(|polygon| around(polygon)).collect(),
            chain: file.chain,
            recapture: file.recapture,
            corners: file.corners.map(Quad::from_px),
            skew: file.skew_degrees.map(|degrees| (degrees * 100.0).round() as i32),
            ..Self::default()
        };
        for (name, value) in file.fields {
            match FieldName::ALL.iter().find(|f| f.as_str() == name) {
                Some(field) => {
                    truth.fields.insert(*field, value);
                }
                None => truth.unknown_fields.push(name),
            }
        }
        Ok(truth)
    }

    /// Whether this is an unaltered picture of the paper itself, if told. A picture of a picture is none, though the paper in
    /// it may be genuine: anything may have happened before it was taken again.
    pub fn is_untouched(&self) -> Option<bool> {
        self.genuine.map(|genuine| genuine && self.recapture.is_none())
    }

    /// How it is not: the attack, or the way it was taken again.
    pub fn attack_told(&self) -> Option<&str> {
        self.attack.as_deref().or(self.recapture.as_deref())
    }
}

/// The upright box around a polygon.
fn around(polygon: &[[f64; 2]]) -> Quad<Upload> {
    let low = |i: usize| polygon.iter().map(|p| p[i]).fold(f64::INFINITY, f64::min);
    let high = |i: usize| polygon.iter().map(|p| p[i]).fold(f64::NEG_INFINITY, f64::max);
    Quad::rect(low(0), low(1), high(0), high(1))
}

/// How one field came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// As the truth says, which may be that it is absent.
    Right,
    /// A value that is not the true one, or one where there is none.
    Wrong,
    /// No value where there is one.
    Missing,
}

/// One field of one photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldScore {
    /// Which field.
    pub field: FieldName,
    /// The true value; `None` if the document does not carry the field.
    pub truth: Option<String>,
    /// The value read.
    pub got: Option<String>,
    /// How sure the reading was of `got`.
    pub confidence: Option<Bp>,
    /// What `got` rests on.
    pub support: Option<Support>,
    /// Whether there is a doubt about `got` that no score tells.
    pub doubtful: bool,
    /// How it came out.
    pub score: Score,
    /// Right by the looser measure.
    pub loose: bool,
}

/// The rows of one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct ItemScore {
    /// Rows in truth.
    pub n: usize,
    /// Rows found with the right name and amount.
    pub right: usize,
    /// Rows found with the right amount, whatever the name.
    pub amounts: usize,
    /// Rows read that are not in the truth.
    pub extra: usize,
}

/// One photo, scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PhotoScore {
    /// Path under the folder that is evaluated.
    pub source: String,
    /// Whether it could not be decoded.
    pub unreadable: bool,
    /// True kind and kind read, if the truth tells the kind.
    pub kind: Option<(DocumentKind, DocumentKind)>,
    /// Every field that the truth tells.
    pub fields: Vec<FieldScore>,
    /// The rows, if the truth tells them.
    pub items: Option<ItemScore>,
    /// Where the sheet was found, if the truth tells its corners.
    pub sheet: Option<SheetScore>,
    /// By how many hundredths of a degree the page is off level (0..=4500), if the truth tells the skew. A quarter turn
    /// is no skew: which side of a page is up is another question.
    pub skew_error: Option<u32>,
    /// What each pixel signal scored, 1/1000 of its unit; `None` where it could not be measured.
    pub signals: Vec<(SignalName, Option<i32>)>,
    /// Whether an alarm points to an altered place, if the truth tells such places.
    pub hit: Option<bool>,
}

/// The sheet of one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SheetScore {
    /// Whether a sheet was found; if not, the whole photo counts as the sheet.
    pub found: bool,
    /// Intersection over union of the sheet found and the true one.
    pub iou: Bp,
}

impl PhotoScore {
    /// Whether one of these fields was read, but not as it is.
    pub fn misreads(&self, fields: &[FieldName]) -> bool {
        self.fields.iter().any(|f| f.score == Score::Wrong && fields.contains(&f.field))
    }

    /// Whether the truth tells anything.
    fn labelled(&self) -> bool {
        let page = self.kind.is_some() || !self.fields.is_empty() || self.items.is_some();
        page || self.sheet.is_some() || self.skew_error.is_some()
    }

    /// Whether every field told is right; `None` if none is told.
    pub fn whole(&self) -> Option<bool> {
        (!self.fields.is_empty()).then(|| self.fields.iter().all(|f| f.score == Score::Right))
    }
}

/// What was decided of one case: a photo on its own, or the photos of one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseScore {
    /// Which set it belongs to.
    pub set: String,
    /// Its photos.
    pub photos: Vec<PhotoScore>,
    /// Whether the documents are unaltered: `false` if any is altered, `true` if all are vouched for.
    pub genuine: Option<bool>,
    /// How they were altered.
    pub attack: Option<String>,
    /// What their files went through, if told.
    pub chain: Option<String>,
    /// The decision.
    pub decision: Decision,
    /// Codes of its reasons.
    pub reasons: Vec<String>,
    /// Whether a value that its kind's rules call decisive is not the true one.
    pub misread: bool,
    /// Codes of the reasons that kept it from approval, but for the risk and the lot.
    pub held_by: Vec<String>,
    /// What is odd about it, for the risk model; `None` for several documents.
    pub features: Option<Features>,
    /// The probability the risk model gave, millionths.
    pub risk_ppm: Option<u32>,
    /// The largest that was approved, millionths; `None` if nothing was.
    pub risk_limit_ppm: Option<u32>,
    /// Why the work could not be done, if so.
    pub failed: Option<String>,
    /// Wall time of each stage in microseconds.
    pub stages: BTreeMap<String, u64>,
    /// Wall time of the whole case in microseconds.
    pub wall_us: u64,
}

/// Scores one reading against the truth. Without a truth nothing is scored, and the photo is still counted.
pub fn score(source: &str, reading: &Reading, truth: Option<&Truth>) -> PhotoScore {
    let empty = Truth::default();
    let truth = truth.unwrap_or(&empty);
    let supports = support(reading);
    let fields = truth
        .fields
        .iter()
        .map(|(&field, truth)| {
            let read = reading.fields.get(&field);
            let got = read.and_then(|f| f.value.clone());
            let (score, loose) = compare(field, truth.as_deref(), got.as_deref());
            let confidence = got.as_ref().and(read.map(|f| f.confidence));
            let support = supports.get(&field).copied();
            let doubtful = read.is_some_and(Field::is_doubtful);
            FieldScore { field, truth: truth.clone(), got, confidence, support, doubtful, score, loose }
        })
        .collect();
    PhotoScore {
        source: source.to_owned(),
        unreadable: reading.unreadable.is_some(),
        kind: truth.kind.map(|k| (k, reading.kind)),
        fields,
        items: truth.items.as_deref().map(|items| score_items(items, reading)),
        sheet: truth.corners.as_ref().map(|corners| score_sheet(corners, reading)),
        skew_error: truth.skew.map(|skew| skew_error(turned(reading), skew)),
        signals: reading.pixels.iter().flat_map(|p| &p.signals).map(|s| (s.name, s.score)).collect(),
        hit: (!truth.altered.is_empty()).then(|| is_hit(reading, &truth.altered)),
    }
}

/// Whether the middle of a place beyond a signal's limit lies in an altered one.
fn is_hit(reading: &Reading, altered: &[Quad<Upload>]) -> bool {
    let inside = |quad: &Quad<Upload>| {
        let (l, t, r, b) = quad.bounds();
        let (x, y) = ((l + r) / 2.0, (t + b) / 2.0);
        altered.iter().map(Quad::bounds).any(|(l, t, r, b)| (l..=r).contains(&x) && (t..=b).contains(&y))
    };
    let signals = reading.pixels.iter().flat_map(|p| &p.signals);
    signals.flat_map(|s| s.alarming()).any(|s| inside(&s.polygon) || s.like.as_ref().is_some_and(inside))
}

/// How far two turns are apart but for quarter turns, in hundredths of a degree as they are.
fn skew_error(turned: i32, skew: i32) -> u32 {
    let off = (i64::from(turned) - i64::from(skew)).rem_euclid(9000) as u32;
    off.min(9000 - off)
}

fn score_sheet(truth: &Quad<Upload>, reading: &Reading) -> SheetScore {
    let [w, h] = reading.size.map(f64::from);
    let found = reading.sheet.unwrap_or_else(|| Quad::rect(0.0, 0.0, w, h));
    let (truth, found) = (truth.to_px(), found.to_px());
    let both = area(&common(&truth, &found));
    let either = area(&truth) + area(&found) - both;
    let share = if either > 0.0 { both / either } else { 0.0 };
    SheetScore { found: reading.sheet.is_some(), iou: Bp((share * 10_000.0).round() as u16) }
}

/// Area of a polygon, square pixels.
fn area(polygon: &[[f64; 2]]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    polygon.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

/// What two convex polygons, both clockwise to the eye, have in common (Sutherland and Hodgman 1974).
fn common(subject: &[[f64; 2]], window: &[[f64; 2]; 4]) -> Vec<[f64; 2]> {
    let mut left = subject.to_vec();
    for i in 0..4 {
        let (a, b) = (window[i], window[(i + 1) % 4]);
        let inside = |p: [f64; 2]| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
        let mut kept = Vec::with_capacity(left.len() + 1);
        for (n, &p) in left.iter().enumerate() {
            let q = left[(n + 1) % left.len()];
            let (here, there) = (inside(p), inside(q));
            if here >= 0.0 {
                kept.push(p);
            }
            if (here >= 0.0) != (there >= 0.0) {
                let t = here / (here - there);
                kept.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
            }
        }
        left = kept;
    }
    left
}

/// By how many hundredths of a degree the middle of the photo was turned counter-clockwise on its way to the page.
fn turned(reading: &Reading) -> i32 {
    let map = Homography::<Upload, Page>::new(reading.upload_to_page.to_f64());
    let [x, y] = reading.size.map(|v| f64::from(v) / 2.0);
    let (from, to) = (map.apply([x, y]), map.apply([x + 1.0, y]));
    (-(to[1] - from[1]).atan2(to[0] - from[0]).to_degrees() * 100.0).round() as i32
}

/// How a value read stands to the true one, and whether it is right by the looser measure.
pub fn compare(field: FieldName, truth: Option<&str>, got: Option<&str>) -> (Score, bool) {
    let (truth, got) = match (truth, got) {
        (None, None) => return (Score::Right, true),
        (None, Some(_)) => return (Score::Wrong, false),
        (Some(_), None) => return (Score::Missing, false),
        (Some(truth), Some(got)) => (truth, got),
    };
    let fold = |s: &str| match field.value_type() {
        ValueType::Money | ValueType::Date => s.to_owned(),
        ValueType::Identifier => s.chars().filter(|c| !c.is_whitespace()).collect(),
        ValueType::Text => folded(s),
        ValueType::CapitalAmount => folded(s).replace('圆', "元").trim_end_matches(['整', '正']).to_owned(),
    };
    let (truth, got) = (fold(truth), fold(got));
    let right = truth == got;
    // One character is contained in almost anything.
    let contained = field.value_type() == ValueType::Text
        && truth.chars().count().min(got.chars().count()) >= 2
        && (truth.contains(&got) || got.contains(&truth));
    (if right { Score::Right } else { Score::Wrong }, right || contained)
}

/// Text as compared: NFKC, lower case, letters and digits only.
pub fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// Each row read answers for at most one true row: first those where name and amount agree, then by amount alone.
fn score_items(truth: &[TruthItem], reading: &Reading) -> ItemScore {
    let read: Vec<(String, Option<&str>)> =
        reading.items.iter().map(|i| (folded(&i.name), i.amount.as_deref())).collect();
    let mut free = vec![true; read.len()];
    let mut left = Vec::new();
    let mut out = ItemScore { n: truth.len(), ..ItemScore::default() };
    for row in truth {
        let name = folded(&row.name);
        match (0..read.len()).find(|&i| free[i] && read[i].0 == name && read[i].1 == row.amount.as_deref()) {
            Some(i) => {
                free[i] = false;
                out.right += 1;
                out.amounts += 1;
            }
            None => left.push(row),
        }
    }
    for row in left {
        if let Some(i) =
            (0..read.len()).find(|&i| free[i] && row.amount.is_some() && read[i].1 == row.amount.as_deref())
        {
            free[i] = false;
            out.amounts += 1;
        }
    }
    out.extra = free.iter().filter(|f| **f).count();
    out
}

/// A count of successes among tries, with what it says of the true rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Rate {
    /// Tries.
    pub n: usize,
    /// Successes.
    pub right: usize,
    /// Share of successes, 0 if there were no tries.
    pub share: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

impl Rate {
    /// The rate with its [`wilson`] interval.
    pub fn of(right: usize, n: usize) -> Self {
        if n == 0 {
            return Self { high: 1.0, ..Self::default() };
        }
        const Z: f64 = 1.959_963_984_540_054;
        let share = right as f64 / n as f64;
        let [low, high] = wilson(share, n as f64, Z);
        Self { n, right, share, low: low.max(0.0), high: high.min(1.0) }
    }
}

/// The score interval of a share of some tries (Wilson 1927), so many standard errors to either side: it holds up for few
/// tries and shares near 0 and 1.
pub(super) fn wilson(share: f64, tries: f64, errors: f64) -> [f64; 2] {
    let square = errors * errors;
    let centre = (share + square / (2.0 * tries)) / (1.0 + square / tries);
    let reach = (share * (1.0 - share) / tries + square / (4.0 * tries * tries)).sqrt();
    let half = errors / (1.0 + square / tries) * reach;
    [centre - half, centre + half]
}

/// One field over a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldReport {
    /// Which field.
    pub field: FieldName,
    /// Right among those told.
    pub rate: Rate,
    /// Read, but not as it is.
    pub wrong: usize,
    /// Not read.
    pub missing: usize,
    /// Right by the looser measure; only for text.
    pub loose: Option<Rate>,
}

/// Decisions on cases of one standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Decisions {
    /// Cases.
    pub n: usize,
    /// Of them approved automatically.
    pub approved: usize,
}

/// Median and 95th percentile, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// The median.
    pub median_ms: f64,
    /// The 95th percentile (nearest rank).
    pub p95_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// The sheets of a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SheetReport {
    /// Photos whose truth tells the corners.
    pub n: usize,
    /// Those in which a sheet was found.
    pub found: usize,
    /// Mean intersection over union (0..=1); where no sheet was found, of the whole photo.
    pub mean_iou: f64,
    /// The least of them.
    pub least_iou: f64,
}

/// How level the pages of a set are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SkewReport {
    /// Photos whose truth tells the skew.
    pub n: usize,
    /// Mean error, degrees.
    pub mean_error: f64,
    /// Largest error, degrees.
    pub largest_error: f64,
}

/// All that is told of one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    /// Name of the set.
    pub set: String,
    /// Photos in it.
    pub photos: usize,
    /// Photos with a truth of any kind.
    pub labelled: usize,
    /// Photos that could not be decoded.
    pub unreadable: usize,
    /// Cases in which the work could not be done.
    pub failed: usize,
    /// By field, in the order of the contract.
    pub fields: Vec<FieldReport>,
    /// All fields together.
    pub all_fields: Rate,
    /// Kind of document.
    pub kind: Rate,
    /// Photos with every told field right.
    pub whole: Rate,
    /// Rows with name and amount right.
    pub items: Rate,
    /// Rows with the amount right.
    pub item_amounts: Rate,
    /// Rows read that do not exist.
    pub items_extra: usize,
    /// Decisions on unaltered documents.
    pub genuine: Decisions,
    /// Decisions on altered documents.
    pub altered: Decisions,
    /// Decisions where nobody vouches either way.
    pub unvouched: Decisions,
    /// Decisions on altered documents, by how they were altered.
    pub attacks: BTreeMap<String, Decisions>,
    /// How often each reason was given.
    pub reasons: BTreeMap<String, usize>,
    /// Sheets found against their true corners, if any truth tells them.
    pub sheets: Option<SheetReport>,
    /// Pages made level against their true skew, if any truth tells it.
    pub skew: Option<SkewReport>,
    /// Wall times by stage, and of the whole case as `wall`.
    pub times: BTreeMap<String, Times>,
}

impl SetReport {
    /// The rates over a whole set.
    pub fn totals(&self) -> [Total<'_>; 5] {
        let of = |name, rate| Total { name, rate, missed: None };
        [
            Total { missed: Some(self.missed()), ..of("all fields", &self.all_fields) },
            of("document kind", &self.kind),
            of("whole document", &self.whole),
            of("rows", &self.items),
            of("rows, amount only", &self.item_amounts),
        ]
    }

    /// How many fields were read, but not as they are, and how many were not read.
    fn missed(&self) -> (usize, usize) {
        self.fields.iter().fold((0, 0), |(wrong, missing), f| (wrong + f.wrong, missing + f.missing))
    }
}

/// A rate over a whole set.
#[derive(Debug, Clone, Copy)]
pub struct Total<'a> {
    /// What it is of.
    pub name: &'static str,
    /// The rate.
    pub rate: &'a Rate,
    /// How many were wrong and how many missing, where these are told apart.
    pub missed: Option<(usize, usize)>,
}

/// An approval that should not have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrongApproval {
    /// The photos of the case.
    pub photos: Vec<String>,
    /// What is wrong that the decision turns on: the paper itself, its kind, its money, dates and numbers.
    pub deciding: Vec<String>,
    /// What is wrong elsewhere: in names and other text.
    pub elsewhere: Vec<String>,
}

/// A field that did not come out right, or a case that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// The photo.
    pub photo: String,
    /// The field, or `kind`.
    pub field: String,
    /// The true value.
    pub truth: Option<String>,
    /// The value read.
    pub got: Option<String>,
    /// How sure the reading was.
    pub confidence: Option<Bp>,
}

/// One bin of the reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Bin {
    /// The least confidence in it.
    pub from: f64,
    /// Where the next one begins.
    pub to: f64,
    /// Values in it.
    pub n: usize,
    /// Mean confidence stated.
    pub stated: f64,
    /// Share that was right.
    pub right: f64,
}

/// Whether confidences mean what they say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins over 0..=1, closest near 1, where confidences crowd.
    pub bins: Vec<Bin>,
    /// Expected calibration error: mean distance between stated and found, weighted by bin (Naeini et al. 2015).
    pub ece: f64,
    /// Values that went in: every field with a value and a truth.
    pub n: usize,
    /// Right among those stated at 99 % or more.
    pub sure: Rate,
    /// By what the values rest on, the weakest first; `from` and `to` span everything there.
    pub by_support: BTreeMap<Support, Bin>,
}

/// The whole measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// By set, by name.
    pub sets: Vec<SetReport>,
    /// Everything together.
    pub overall: SetReport,
    /// Approvals that should not have been. The figure that matters most.
    pub wrong_approvals: Vec<WrongApproval>,
    /// Every field that did not come out right.
    pub misses: Vec<Miss>,
    /// Whether confidences of money, dates and numbers mean what they say.
    pub calibration: Calibration,
    /// Likewise of text, where a character decides little.
    pub calibration_of_text: Calibration,
    /// How often each true kind was taken for which.
    pub kinds: BTreeMap<DocumentKind, BTreeMap<DocumentKind, usize>>,
    /// Amounts that are wrong and were stated at 99 % or more.
    pub amounts_surely_wrong: usize,
    /// How well alterations are seen, if the truth vouches for any picture either way.
    pub authenticity: Option<Authenticity>,
}

impl Report {
    /// How many of the wrong approvals are wrong in what the decision turns on.
    pub fn wrong_in_deciding(&self) -> usize {
        self.wrong_approvals.iter().filter(|w| !w.deciding.is_empty()).count()
    }
}

/// Counts everything.
pub fn report(cases: &[CaseScore]) -> Report {
    let mut by_set: BTreeMap<&str, Vec<&CaseScore>> = BTreeMap::new();
    for case in cases {
        by_set.entry(&case.set).or_default().push(case);
    }
    let values: Vec<&FieldScore> = cases.iter().flat_map(|c| &c.photos).flat_map(|p| &p.fields).collect();
    let (decisive, text): (Vec<&FieldScore>, Vec<&FieldScore>) =
        values.iter().partition(|s| s.field.value_type().is_decisive());
    let amount = |s: &&&FieldScore| matches!(s.field.value_type(), ValueType::Money | ValueType::CapitalAmount);
    let mut kinds: BTreeMap<DocumentKind, BTreeMap<DocumentKind, usize>> = BTreeMap::new();
    for (truth, read) in cases.iter().flat_map(|c| &c.photos).filter_map(|p| p.kind) {
        *kinds.entry(truth).or_default().entry(read).or_default() += 1;
    }
    let surely_wrong = |s: &&&FieldScore| s.score == Score::Wrong && s.confidence >= Some(SURE);
    Report {
        sets: by_set.iter().map(|(set, cases)| set_report(set, cases)).collect(),
        overall: set_report("all", &cases.iter().collect::<Vec<_>>()),
        wrong_approvals: cases.iter().filter_map(wrong_approval).collect(),
        misses: cases.iter().flat_map(|c| &c.photos).flat_map(misses).collect(),
        calibration: calibration(&decisive),
        calibration_of_text: calibration(&text),
        kinds,
        amounts_surely_wrong: decisive.iter().filter(amount).filter(surely_wrong).count(),
        authenticity: authenticity::report(cases),
    }
}

fn set_report(set: &str, cases: &[&CaseScore]) -> SetReport {
    let photos: Vec<&PhotoScore> = cases.iter().flat_map(|c| &c.photos).collect();
    let scores: Vec<&FieldScore> = photos.iter().flat_map(|p| &p.fields).collect();
    let fields = FieldName::ALL
        .iter()
        .filter_map(|&field| {
            let of: Vec<_> = scores.iter().filter(|s| s.field == field).collect();
            let count = |score| of.iter().filter(|s| s.score == score).count();
            (!of.is_empty()).then(|| FieldReport {
                field,
                rate: Rate::of(count(Score::Right), of.len()),
                wrong: count(Score::Wrong),
                missing: count(Score::Missing),
                loose: (field.value_type() == ValueType::Text)
                    .then(|| Rate::of(of.iter().filter(|s| s.loose).count(), of.len())),
            })
        })
        .collect();
    let kinds: Vec<_> = photos.iter().filter_map(|p| p.kind).collect();
    let wholes: Vec<_> = photos.iter().filter_map(|p| p.whole()).collect();
    let items: Vec<_> = photos.iter().filter_map(|p| p.items).collect();
    let rows = items.iter().map(|i| i.n).sum();
    let decisions = |of: &dyn Fn(&CaseScore) -> bool| {
        cases.iter().filter(|c| of(c)).fold(Decisions::default(), |d, c| Decisions {
            n: d.n + 1,
            approved: d.approved + usize::from(c.decision == Decision::AutoApprove),
        })
    };
    let mut attacks: BTreeMap<String, Decisions> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut stages: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for case in cases {
        if let (Some(false), Some(attack)) = (case.genuine, &case.attack) {
            let d = attacks.entry(attack.clone()).or_default();
            d.n += 1;
            d.approved += usize::from(case.decision == Decision::AutoApprove);
        }
        for reason in &case.reasons {
            *reasons.entry(reason.clone()).or_default() += 1;
        }
        for (stage, us) in &case.stages {
            stages.entry(stage.clone()).or_default().push(*us);
        }
        stages.entry("wall".to_owned()).or_default().push(case.wall_us);
    }
    SetReport {
        set: set.to_owned(),
        photos: photos.len(),
        labelled: photos.iter().filter(|p| p.labelled()).count(),
        unreadable: photos.iter().filter(|p| p.unreadable).count(),
        failed: cases.iter().filter(|c| c.failed.is_some()).count(),
        fields,
        all_fields: Rate::of(scores.iter().filter(|s| s.score == Score::Right).count(), scores.len()),
        kind: Rate::of(kinds.iter().filter(|(truth, got)| truth == got).count(), kinds.len()),
        whole: Rate::of(wholes.iter().filter(|w| **w).count(), wholes.len()),
        items: Rate::of(items.iter().map(|i| i.right).sum(), rows),
        item_amounts: Rate::of(items.iter().map(|i| i.amounts).sum(), rows),
        items_extra: items.iter().map(|i| i.extra).sum(),
        genuine: decisions(&|c| c.genuine == Some(true)),
        altered: decisions(&|c| c.genuine == Some(false)),
        unvouched: decisions(&|c| c.genuine.is_none()),
        attacks,
        reasons,
        sheets: sheets(photos.iter().filter_map(|p| p.sheet)),
        skew: skew(photos.iter().filter_map(|p| p.skew_error)),
        times: stages.into_iter().filter_map(|(stage, us)| Some((stage, times(us)?))).collect(),
    }
}

fn sheets(scores: impl Iterator<Item = SheetScore>) -> Option<SheetReport> {
    let scores: Vec<SheetScore> = scores.collect();
    let iou = || scores.iter().map(|s| s.iou.to_share());
    (!scores.is_empty()).then(|| SheetReport {
        n: scores.len(),
        found: scores.iter().filter(|s| s.found).count(),
        mean_iou: iou().sum::<f64>() / scores.len() as f64,
        least_iou: iou().fold(1.0, f64::min),
    })
}

fn skew(errors: impl Iterator<Item = u32>) -> Option<SkewReport> {
    let degrees: Vec<f64> = errors.map(|e| f64::from(e) / 100.0).collect();
    (!degrees.is_empty()).then(|| SkewReport {
        n: degrees.len(),
        mean_error: degrees.iter().sum::<f64>() / degrees.len() as f64,
        largest_error: degrees.iter().copied().fold(0.0, f64::max),
    })
}

/// An approval is wrong if a document is altered, or if what it was approved on is not what the paper says.
fn wrong_approval(case: &CaseScore) -> Option<WrongApproval> {
    if case.decision != Decision::AutoApprove {
        return None;
    }
    let (mut deciding, mut elsewhere) = (Vec::new(), Vec::new());
    if case.genuine == Some(false) {
        deciding.push(format!("altered ({})", case.attack.as_deref().unwrap_or("no attack named")));
    }
    if let Some(failed) = &case.failed {
        deciding.push(format!("approved although the work could not be done: {failed}"));
    }
    for photo in &case.photos {
        if photo.unreadable {
            deciding.push("approved although unreadable".to_owned());
        }
        if let Some((truth, got)) = photo.kind.filter(|(truth, got)| truth != got) {
            deciding.push(format!("taken for {got}, is {truth}"));
        }
        // A value that was not read cannot have led to the approval; one that was misread may have.
        for f in photo.fields.iter().filter(|f| f.score == Score::Wrong && !f.loose) {
            let list = if f.field.value_type().is_decisive() { &mut deciding } else { &mut elsewhere };
            list.push(format!("{} read as {}, is {}", f.field, shown(f.got.as_deref()), shown(f.truth.as_deref())));
        }
    }
    let photos = || case.photos.iter().map(|p| p.source.clone()).collect();
    (!deciding.is_empty() || !elsewhere.is_empty()).then(|| WrongApproval { photos: photos(), deciding, elsewhere })
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("absent")
}

fn misses(photo: &PhotoScore) -> Vec<Miss> {
    let kind = photo.kind.filter(|(truth, got)| truth != got).map(|(truth, got)| Miss {
        photo: photo.source.clone(),
        field: "kind".to_owned(),
        truth: Some(truth.to_string()),
        got: Some(got.to_string()),
        confidence: None,
    });
    let fields = photo.fields.iter().filter(|f| f.score != Score::Right).map(|f| Miss {
        photo: photo.source.clone(),
        field: f.field.to_string(),
        truth: f.truth.clone(),
        got: f.got.clone(),
        confidence: f.confidence,
    });
    kind.into_iter().chain(fields).collect()
}

fn times(mut us: Vec<u64>) -> Option<Times> {
    us.sort_unstable();
    // Nearest rank: the smallest value with at least that share of the values at or below it.
    let rank = |share: f64| us.get(((share * us.len() as f64).ceil() as usize).max(1) - 1).map(|v| *v as f64 / 1000.0);
    Some(Times { median_ms: rank(0.5)?, p95_ms: rank(0.95)?, max_ms: rank(1.0)? })
}

/// From here on a value counts as stated surely.
const SURE: Bp = Bp(9_900);

/// Where bins of confidence begin, basis points.
const BINS: [u16; 10] = [0, 5_000, 7_000, 8_000, 9_000, 9_500, 9_700, 9_800, 9_900, 9_950];

fn calibration(scores: &[&FieldScore]) -> Calibration {
    let read: Vec<(Bp, Option<Support>, bool)> =
        scores.iter().filter_map(|s| Some((s.confidence?, s.support, s.score == Score::Right))).collect();
    let bin = |from: u16, to: u16, of: &dyn Fn(Bp, Option<Support>) -> bool| {
        let inside: Vec<_> = read.iter().filter(|(confidence, support, _)| of(*confidence, *support)).collect();
        let n = inside.len();
        let share = |sum: f64| sum / n.max(1) as f64;
        Bin {
            from: Bp(from).to_share(),
            to: Bp(to).to_share(),
            n,
            stated: share(inside.iter().map(|(confidence, ..)| confidence.to_share()).sum()),
            right: share(inside.iter().filter(|(.., right)| *right).count() as f64),
        }
    };
    let ends = BINS.iter().skip(1).copied().chain([Bp::ONE.0 + 1]);
    let bins: Vec<Bin> = BINS
        .iter()
        .zip(ends)
        .map(|(&from, to)| bin(from, to.min(Bp::ONE.0), &|confidence, _| (from..to).contains(&confidence.0)))
        .collect();
    let by_support = Support::ALL.map(|support| (support, bin(0, Bp::ONE.0, &|_, s| s == Some(support))));
    let sure: Vec<_> = read.iter().filter(|(confidence, ..)| *confidence >= SURE).collect();
    let n = read.len();
    Calibration {
        ece: bins.iter().map(|b| b.n as f64 * (b.stated - b.right).abs()).sum::<f64>() / n.max(1) as f64,
        bins,
        n,
        sure: Rate::of(sure.iter().filter(|(.., right)| *right).count(), sure.len()),
        by_support: by_support.into_iter().filter(|(_, b)| b.n > 0).collect(),
    }
}

/// Labelled documents to fit the risk model to.
pub fn risk_samples(cases: &[CaseScore]) -> Vec<RiskSample> {
    let sample = |case: &CaseScore| {
        let wrong = !case.genuine? || case.misread;
        Some(RiskSample {
            features: case.features.clone()?,
            wrong,
            contradicts: authenticity::contradicts_itself(case),
        })
    };
    cases.iter().filter_map(sample).collect()
}

/// Labelled cases to earn a certificate on.
pub fn trials(cases: &[CaseScore]) -> Vec<Trial> {
    let told = cases.iter().filter_map(|case| Some((case, case.genuine?, case.risk_ppm?)));
    told.map(|(case, genuine, probability_ppm)| Trial {
        probability_ppm,
        else_approved: case.held_by.is_empty(),
        attack: (!genuine).then(|| case.attack.clone().unwrap_or_else(|| "unnamed".to_owned())),
        misread: case.misread,
    })
    .collect()
}

/// What the calibration table is fitted to: every value read whose truth is known, but those of which something other than
/// the score tells a doubt. The confidences must be the recogniser's own scores.
pub fn samples(cases: &[CaseScore]) -> Vec<Sample> {
    let values = cases.iter().flat_map(|c| &c.photos).flat_map(|p| &p.fields);
    values
        .filter(|s| !s.doubtful)
        .filter_map(|s| {
            let right = s.score == Score::Right;
            Some(Sample { value_type: s.field.value_type(), support: s.support?, score: s.confidence?, right })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentHash, Field, Item, Quad};

    fn reading(fields: &[(FieldName, Option<&str>, u16)], items: &[(&str, &str)]) -> Reading {
        let mut r = Reading::unreadable("p.jpg", ContentHash::of(b"p"), String::new());
        r.unreadable = None;
        r.kind = DocumentKind::TillReceipt;
        for (name, value, confidence) in fields {
            r.fields.insert(
                *name,
                Field {
                    value: value.map(str::to_owned),
                    text: String::new(),
                    confidence: Bp(*confidence),
                    score: Bp(*confidence),
                    polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
                    page_polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
                    readers: BTreeMap::new(),
                    repairs: Vec::new(),
                },
            );
        }
        for (name, amount) in items {
            r.items.push(Item {
                name: (*name).to_owned(),
                quantity: None,
                unit: None,
                price: None,
                price_confidence: None,
                amount: Some((*amount).to_owned()),
                confidence: Bp::ONE,
                polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
                repairs: vec![],
            });
        }
        r
    }

    fn case(decision: Decision, genuine: Option<bool>, photo: PhotoScore, wall_us: u64) -> CaseScore {
        CaseScore {
            set: "s".to_owned(),
            photos: vec![photo],
            genuine,
            attack: (genuine == Some(false)).then(|| "amount_changed".to_owned()),
            chain: None,
            decision,
            reasons: vec!["r".to_owned()],
            misread: false,
            held_by: Vec::new(),
            features: None,
            risk_ppm: None,
            risk_limit_ppm: None,
            failed: None,
            stages: BTreeMap::from([("decode".to_owned(), 1000)]),
            wall_us,
        }
    }

    #[test]
    fn values_are_compared_by_their_type() {
        use FieldName::*;
        use Score::*;
        for (field, truth, got, score, loose) in [
            (Total, Some("9.90"), Some("9.90"), Right, true),
            (Total, Some("9.90"), Some("9.9"), Wrong, false),
            (Total, Some("9.90"), None, Missing, false),
            (Total, None, None, Right, true),
            (Total, None, Some("9.90"), Wrong, false),
            (IssueDate, Some("2024-05-12"), Some("2024-12-05"), Wrong, false),
            (BillNumber, Some("00 12 34"), Some("001234"), Right, true),
            (BillNumber, Some("001234"), Some("1234"), Wrong, false),
            (IssuerName, Some("Blue Fern Café Ltd."), Some("BLUE FERN CAFÉ LTD"), Right, true),
            (IssuerName, Some("Blue Fern"), Some("Blue Fern Trading"), Wrong, true),
            (IssuerName, Some("B"), Some("Blue Fern"), Wrong, false),
            (IssuerName, Some("示例市第一医院（东院）"), Some("示例市第一医院(东院)"), Right, true),
            (TotalInWords, Some("玖圆玖角整"), Some("玖元玖角"), Right, true),
            (TotalInWords, Some("玖元玖角"), Some("玖元柒角"), Wrong, false),
        ] {
            assert_eq!(compare(field, truth, got), (score, loose), "{field} {truth:?} {got:?}");
        }
    }

    #[test]
    fn a_truth_file_keeps_null_and_tells_unknown_fields() {
        let truth = Truth::parse(
            r#"{"kind":"till_receipt","fields":{"total":"9.90","tax":null,"colour":"red"},"genuine":false,"attack":"x","colours":[1]}"#,
        )
        .unwrap();
        assert_eq!(truth.fields, BTreeMap::from([(FieldName::Total, Some("9.90".into())), (FieldName::Tax, None)]));
        assert_eq!(truth.unknown_fields, ["colour"]);
        assert_eq!(truth.genuine, Some(false));
        assert!(Truth::parse(r#"{"kind":"parking_ticket"}"#).is_err());
    }

    #[test]
    fn rows_answer_once() {
        let read = reading(&[], &[("西药费", "10.00"), ("检查费", "20.00"), ("床位费", "30.00")]);
        let row = |name: &str, amount: &str| TruthItem { name: name.into(), amount: Some(amount.into()) };
        let truth = [row("西药费", "10.00"), row("西药费", "10.00"), row("化验费", "20.00")];
        assert_eq!(score_items(&truth, &read), ItemScore { n: 3, right: 1, amounts: 2, extra: 1 });
    }

    #[test]
    fn sheets_and_skew_are_measured() {
        let truth = Truth::parse(r#"{"corners":[[10,10],[110,10],[110,210],[10,210]],"skew_degrees":-2.5}"#).unwrap();
        let mut read = reading(&[], &[]);
        read.size = [200, 400];
        let (sin, cos) = 2.0_f64.to_radians().sin_cos();
        // Turned clockwise by 2°.
        read.upload_to_page = Homography::<Upload, Page>::new([cos, -sin, 5.0, sin, cos, 7.0, 0.0, 0.0, 1.0]).into();
        let whole = score("a.jpg", &read, Some(&truth));
        assert_eq!(whole.sheet, Some(SheetScore { found: false, iou: Bp(2500) }));
        assert_eq!(whole.skew_error, Some(50));
        read.sheet = Some(Quad::rect(10.0, 10.0, 60.0, 110.0));
        let half = score("b.jpg", &read, Some(&truth));
        assert_eq!(half.sheet, Some(SheetScore { found: true, iou: Bp(2500) }));
        // Half a square over from corner to corner: an octant each is left.
        read.sheet = Some(Quad::from_px([[60.0, -40.0], [210.0, 110.0], [60.0, 260.0], [-90.0, 110.0]]));
        assert_eq!(score("c.jpg", &read, Some(&truth)).sheet.unwrap().iou, Bp(4444));
        let report = report(&[case(Decision::HumanReview, None, whole, 1), case(Decision::HumanReview, None, half, 1)]);
        let sheets = report.overall.sheets.unwrap();
        assert_eq!((sheets.n, sheets.found, sheets.mean_iou, sheets.least_iou), (2, 1, 0.25, 0.25));
        assert_eq!(report.overall.skew, Some(SkewReport { n: 2, mean_error: 0.5, largest_error: 0.5 }));
        assert_eq!(report.overall.labelled, 2);
    }

    #[test]
    fn quarter_turns_are_no_skew() {
        for (turned, skew, off) in
            [(200, -250, 450), (8900, -100, 0), (-9000, 30, 30), (18000, -30, 30), (4600, 0, 4400), (0, i32::MIN, 2648)]
        {
            assert_eq!(skew_error(turned, skew), off, "{turned} {skew}");
        }
    }

    #[test]
    fn wilson_figures() {
        // Reference values: Newcombe 1998, table I (81 of 263 and 0 of 20).
        let r = Rate::of(81, 263);
        assert!((r.low - 0.2553).abs() < 5e-5 && (r.high - 0.3662).abs() < 5e-5, "{r:?}");
        let r = Rate::of(0, 20);
        assert!(r.low == 0.0 && (r.high - 0.1611).abs() < 5e-5, "{r:?}");
        assert_eq!((Rate::of(0, 0).low, Rate::of(0, 0).high), (0.0, 1.0));
    }

    #[test]
    fn kinds_are_counted_by_what_they_were_taken_for() {
        use DocumentKind::*;
        let told = |kind: &str| Truth::parse(&format!(r#"{{"kind":"{kind}"}}"#)).unwrap();
        let cases = ["till_receipt", "vat_invoice", "till_receipt"].map(|kind| {
            // Taken for a till receipt, every one.
            case(Decision::HumanReview, None, score("a.jpg", &reading(&[], &[]), Some(&told(kind))), 1)
        });
        let untold = case(Decision::HumanReview, None, score("b.jpg", &reading(&[], &[]), None), 1);
        let kinds = report(&[cases.as_slice(), &[untold]].concat()).kinds;
        let taken = |n| BTreeMap::from([(TillReceipt, n)]);
        assert_eq!(kinds, BTreeMap::from([(VatInvoice, taken(1)), (TillReceipt, taken(2))]));
    }

    #[test]
    fn an_approval_is_wrong_in_what_decides_or_elsewhere() {
        let truth = Truth::parse(r#"{"fields":{"total":"9.90","issuer_name":"Blue Fern"}}"#).unwrap();
        let of = |total: &str, name: &str| {
            let fields = [(FieldName::Total, Some(total), 9500), (FieldName::IssuerName, Some(name), 9000)];
            case(Decision::AutoApprove, None, score("a.jpg", &reading(&fields, &[]), Some(&truth)), 1)
        };
        let report = report(&[of("9.90", "Blue Fern"), of("9.90", "Red Fern"), of("8.90", "Red Fern")]);
        let split: Vec<_> =
            report.wrong_approvals.iter().map(|w| (w.deciding.join("; "), w.elsewhere.join("; "))).collect();
        let name = "issuer_name read as Red Fern, is Blue Fern".to_owned();
        assert_eq!(split, [(String::new(), name.clone()), ("total read as 8.90, is 9.90".to_owned(), name)]);
        assert_eq!((report.wrong_in_deciding(), report.overall.missed()), (1, (3, 0)));
    }

    #[test]
    fn a_report_counts() {
        let truth =
            Truth::parse(r#"{"kind":"till_receipt","fields":{"total":"9.90","issuer_name":"Blue Fern","tax":null}}"#)
                .unwrap();
        let right = score(
            "a.jpg",
            &reading(&[(FieldName::Total, Some("9.90"), 9500), (FieldName::IssuerName, Some("blue fern"), 9000)], &[]),
            Some(&truth),
        );
        let wrong = score(
            "b.jpg",
            &reading(&[(FieldName::Total, Some("8.90"), 9500), (FieldName::IssuerName, None, 0)], &[]),
            Some(&truth),
        );
        assert_eq!((right.whole(), wrong.whole()), (Some(true), Some(false)));
        let cases = [
            case(Decision::AutoApprove, Some(true), right.clone(), 1000),
            case(Decision::AutoApprove, None, wrong, 3000),
            case(Decision::AutoApprove, Some(false), right, 2000),
            case(Decision::HumanReview, Some(false), score("d.jpg", &reading(&[], &[]), None), 4000),
        ];
        let r = report(&cases);
        assert_eq!(r.overall, SetReport { set: "all".to_owned(), ..r.sets[0].clone() });
        assert_eq!((r.overall.photos, r.overall.labelled), (4, 3));
        let total = r.overall.fields.iter().find(|f| f.field == FieldName::Total).unwrap();
        assert_eq!((total.rate.n, total.rate.right, total.wrong, total.missing), (3, 2, 1, 0));
        let issuer = r.overall.fields.iter().find(|f| f.field == FieldName::IssuerName).unwrap();
        assert_eq!((issuer.rate.right, issuer.missing), (2, 1));
        assert_eq!(r.overall.altered, Decisions { n: 2, approved: 1 });
        assert_eq!(r.overall.attacks["amount_changed"], Decisions { n: 2, approved: 1 });
        let wrong: Vec<_> = r.wrong_approvals.iter().map(|w| (w.photos[0].as_str(), w.deciding.join("; "))).collect();
        assert_eq!(
            wrong,
            [("b.jpg", "total read as 8.90, is 9.90".to_owned()), ("a.jpg", "altered (amount_changed)".to_owned())]
        );
        assert_eq!(r.misses.len(), 2);
        let wall = r.overall.times["wall"];
        assert_eq!((wall.median_ms, wall.p95_ms, wall.max_ms), (2.0, 4.0, 4.0));
        // Three totals stated at 0.95, of which two are right.
        let c = &r.calibration;
        assert_eq!((c.n, c.sure.n, r.calibration_of_text.n, r.amounts_surely_wrong), (3, 0, 2, 0));
        assert!((c.ece - (0.95 - 2.0 / 3.0)).abs() < 1e-9, "{}", c.ece);
        assert_eq!(
            c.bins.iter().filter(|b| b.n > 0).map(|b| (b.from, b.to, b.n)).collect::<Vec<_>>(),
            [(0.95, 0.97, 3)]
        );
        assert_eq!(c.by_support.keys().collect::<Vec<_>>(), [&Support::Alone]);
        let first = samples(&cases)[0];
        assert_eq!((first.value_type, first.support, first.score), (ValueType::Text, Support::Alone, Bp(9_000)));
    }
}
