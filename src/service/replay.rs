//! Deciding again. From evidence the same verdict must come out, byte for byte; from photos the same reading.
//!
//! Each decision is judged by the policy it was made under, whose text is kept with it, and from evidence by the risk
//! model of then, of those that the program keeps. From photos the same build on
//! the same class of processor must come to the same bytes. Inference floats are not bit-equal across processors, so
//! elsewhere a reading may differ within a tolerance: every value equal, every confidence within one hundredth, and the
//! same decision. What was held and would now be approved is never within it. Every difference is told by its place in
//! the JSON, with both values.

mod photos;
pub mod variants;

use super::{Records, ServiceError, off_thread, parse_record};
use crate::decision::Policy;
use crate::domain::record::RECORD_SCHEMA;
use crate::domain::{CheckId, ClaimId, Decision, Record, canonical_json};
use crate::models::{Certificate, RiskModel};
use crate::pipeline::{check, judge, judge_by};
use crate::service::work::LoadReader;
use crate::store::ClaimState;
use photos::{Likeness, Reread};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Differences told of one decision; the first ones say enough.
const DIFFERENCES_TOLD: usize = 50;

/// What to decide again.
#[derive(Debug, Clone)]
pub enum ReplayOf {
    /// Every decision recorded.
    All,
    /// The decisions of these claims.
    Claims(Vec<ClaimId>),
}

/// What to start from.
#[derive(Clone)]
pub enum ReplayFrom {
    /// Evidence, by the policy it was decided under: must be identical.
    Evidence,
    /// Evidence, by another policy: what would have been decided.
    Policy(Box<Policy>),
    /// The stored photos, read again: must be the same reading.
    Photos(LoadReader),
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default, utoipa::ToSchema)]
pub struct ReplayReport {
    /// Decisions looked at.
    pub checked: u64,
    /// Of them the same, byte for byte.
    pub identical: u64,
    /// Of them those read anew by another build or on another class of processor that lie within the tolerance.
    pub within_tolerance: u64,
    /// Fields held against those read anew.
    pub fields: u64,
    /// Of them those of the same value.
    pub fields_equal: u64,
    /// Decisions that were held and would now be approved. They are among those that differ.
    pub flips_to_approval: u64,
    /// The others.
    pub differing: Vec<Differing>,
    /// Claims asked for that have no decision.
    pub undecided: Vec<String>,
    /// Claims asked for that were erased; of all claims asked for together, none is named.
    pub erased: Vec<String>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Differing {
    /// The claim.
    pub claim: String,
    /// What was decided.
    #[schema(value_type = Option<String>, example = "human_review")]
    pub was: Option<Decision>,
    /// What comes out now; `None` if nothing did.
    #[schema(value_type = Option<String>)]
    pub now: Option<Decision>,
    /// Where, as paths into the JSON such as `readings[0].fields.total.value`, with both values.
    pub differences: Vec<String>,
}

impl Records {
    /// Decides or reads again.
    ///
    /// # Errors
    /// If the records or the readers cannot be used at all. A single damaged record is a difference, not an error.
    pub async fn replay(&self, of: &ReplayOf, from: &ReplayFrom) -> Result<ReplayReport, ServiceError> {
        let mut wanted: Option<BTreeSet<String>> = match of {
            ReplayOf::All => None,
            ReplayOf::Claims(ids) => Some(ids.iter().map(ToString::to_string).collect()),
        };
        let asked = wanted.clone().unwrap_or_default();
        let mut of_claims = asked.iter();
        let mut policies: HashMap<String, Option<Arc<Policy>>> = HashMap::new();
        for (hash, text) in self.store.policies().await? {
            let policy = Policy::parse(&text).ok().filter(|p| p.hash.to_string() == hash);
            policies.insert(hash, policy.map(Arc::new));
        }
        let mut reader = match from {
            ReplayFrom::Photos(load) => {
                let load = load.clone();
                Some(off_thread(move || load()).await??)
            }
            _ => None,
        };
        let mut report = ReplayReport::default();
        let mut after = i64::MIN;
        loop {
            let page = match of {
                ReplayOf::All => self.store.decided(after, 100).await?,
                // Looked up by name: there may be many others.
                ReplayOf::Claims(_) => match of_claims.next() {
                    None => break,
                    Some(id) => self.store.decided_of(id).await?,
                },
            };
            match (of, page.last()) {
                (_, Some(last)) => after = last.0,
                (ReplayOf::All, None) => break,
                (ReplayOf::Claims(_), None) => continue,
            }
            for (_, claim, bytes) in page {
                if let Some(wanted) = &mut wanted {
                    wanted.remove(&claim);
                }
                report.checked += 1;
                let Ok(record) = parse_record(&bytes) else {
                    let differences = vec!["the stored record is damaged".to_owned()];
                    report.differing.push(Differing { claim, was: None, now: None, differences });
                    continue;
                };
                let was = record.verdict.decision;
                let (now, differences) = match (from, &mut reader) {
                    (ReplayFrom::Policy(policy), _) => judge_by_other(policy, &record),
                    (ReplayFrom::Photos(_), slot) => match slot.take() {
                        None => (None, vec!["no reader is left".to_owned()]),
                        Some(mut held) => {
                            let (blobs, policy) = (self.blobs.clone(), policies.get(&record.versions.policy).cloned());
                            let photos = match claim.parse() {
                                Ok(id) => self.store.photos(&id).await?,
                                Err(_) => Vec::new(),
                            };
                            let (reread, held) = off_thread(move || {
                                let (policy, photos) = (policy.flatten(), photos::of_record(&record, photos));
                                let reread =
                                    photos::read_again(&blobs, held.as_mut(), &record, &photos, policy.as_deref());
                                (reread, held)
                            })
                            .await?;
                            *slot = Some(held);
                            let Reread { now, likeness, fields: [fields, equal], differences } = reread;
                            report.fields += fields;
                            report.fields_equal += equal;
                            if likeness == Likeness::Within {
                                report.within_tolerance += 1;
                                continue;
                            }
                            (now, differences)
                        }
                    },
                    (ReplayFrom::Evidence, _) => judge_again(policies.get(&record.versions.policy), &record),
                };
                if differences.is_empty() {
                    report.identical += 1;
                } else {
                    let is_flip = was == Decision::HumanReview && now == Some(Decision::AutoApprove);
                    report.flips_to_approval += u64::from(is_flip);
                    report.differing.push(Differing { claim, was: Some(was), now, differences });
                }
            }
        }
        for claim in wanted.unwrap_or_default() {
            let row = match claim.parse() {
                Ok(id) => self.store.claim(&id).await?,
                Err(_) => None,
            };
            match row.map(|row| row.state) {
                Some(ClaimState::Erased) => report.erased.push(claim),
                _ => report.undecided.push(claim),
            }
        }
        Ok(report)
    }
}

/// Decides records out of files again, each by the policy that `policy` gives for its hash: name and bytes in, the name
/// in the place of the claim out.
pub fn replay_records(records: &[(String, Vec<u8>)], policy: impl Fn(&str) -> Option<Arc<Policy>>) -> ReplayReport {
    let mut report = ReplayReport::default();
    for (name, bytes) in records {
        report.checked += 1;
        let record = parse_record(bytes);
        let (was, (now, differences)) = match &record {
            Ok(record) => {
                let policy = policy(&record.versions.policy);
                (Some(record.verdict.decision), judge_again(Some(&policy), record))
            }
            Err(_) => (None, (None, vec!["this is no record".to_owned()])),
        };
        if differences.is_empty() {
            report.identical += 1;
        } else {
            report.differing.push(Differing { claim: name.clone(), was, now, differences });
        }
    }
    report
}

/// Checks that came when there were records already: they say nothing of a decision that was made without them.
const LATER: [CheckId; 1] = [CheckId::OwnShare];

/// The risk model of then and what it earned.
fn models_of(record: &Record) -> Result<(&'static RiskModel, &'static Certificate), String> {
    if record.schema != RECORD_SCHEMA {
        return Err(format!("its shape, {}, is unknown to this program", record.schema));
    }
    let model = match &record.verdict.risk {
        Some(risk) => RiskModel::of(&risk.model),
        None => Some(RiskModel::in_force()),
    };
    let models = model.and_then(|model| Some((model, Certificate::of(model)?)));
    models.ok_or_else(|| "the risk model it was decided by is not kept".to_owned())
}

fn judge_again(policy: Option<&Option<Arc<Policy>>>, record: &Record) -> (Option<Decision>, Vec<String>) {
    let Some(Some(policy)) = policy else {
        return (None, vec!["the policy it was decided by is missing, altered or no longer valid".to_owned()]);
    };
    let by = match models_of(record) {
        Ok(by) => by,
        Err(why) => return (None, vec![why]),
    };
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let mut findings = check(&record.evidence);
        for (now, was) in findings.iter_mut().zip(&record.verdict.findings) {
            let is_known = |check| policy.names(check) || was.iter().any(|old| old.check == check);
            now.retain(|finding| !LATER.contains(&finding.check) || is_known(finding.check));
        }
        judge_by(policy, by, &record.evidence, findings)
    }));
    let Ok(verdict) = judged else {
        return (None, vec!["judging panicked".to_owned()]);
    };
    let differences = if canonical_json(&verdict) == canonical_json(&record.verdict) {
        Vec::new()
    } else {
        differences("verdict", &to_value(&record.verdict), &to_value(&verdict))
    };
    (Some(verdict.decision), differences)
}

/// What another policy changes: the decision and the codes of the reasons; their wording does not matter here.
fn judge_by_other(policy: &Policy, record: &Record) -> (Option<Decision>, Vec<String>) {
    let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| judge(policy, &record.evidence))) else {
        return (None, vec!["judging panicked".to_owned()]);
    };
    let mut told = Vec::new();
    let (was, now) = (record.verdict.decision, verdict.decision);
    if was != now {
        told.push(format!("decision: {} → {}", was.as_str(), now.as_str()));
    }
    let codes =
        |reasons: &[crate::domain::Reason]| -> BTreeSet<String> { reasons.iter().map(|r| r.code.clone()).collect() };
    let (before, after) = (codes(&record.verdict.reasons), codes(&verdict.reasons));
    told.extend(before.difference(&after).map(|code| format!("reason gone: {code}")));
    told.extend(after.difference(&before).map(|code| format!("reason new: {code}")));
    (Some(now), told)
}

fn to_value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Where two JSON values differ, as paths; at most [`DIFFERENCES_TOLD`].
fn differences(path: &str, a: &Value, b: &Value) -> Vec<String> {
    let mut out = Vec::new();
    walk(path, a, b, &mut out);
    out.truncate(DIFFERENCES_TOLD);
    out
}

fn walk(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    match (a, b) {
        _ if a == b || out.len() > DIFFERENCES_TOLD => {}
        (Value::Object(x), Value::Object(y)) => {
            let names: BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for name in names {
                let nothing = Value::Null;
                let (a, b) = (x.get(name).unwrap_or(&nothing), y.get(name).unwrap_or(&nothing));
                walk(&format!("{path}.{name}"), a, b, out);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (a, b)) in x.iter().zip(y).enumerate() {
                walk(&format!("{path}[{i}]"), a, b, out);
            }
        }
        (Value::Array(x), Value::Array(y)) => out.push(format!("{path}: {} elements, now {}", x.len(), y.len())),
        _ => out.push(format!("{path}: {} → {}", short(a), short(b))),
    }
}

/// A value as it is told: absent, or JSON of at most so many characters.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ContentHash;
    use serde_json::json;

    #[test]
    fn differences_are_told_by_path() {
        let a = json!({ "x": [1, { "y": "a" }], "z": 1, "w": [1] });
        let b = json!({ "x": [1, { "y": "b" }], "w": [1, 2], "v": true });
        assert_eq!(
            differences("r", &a, &b),
            ["r.v: nothing → true", "r.w: 1 elements, now 2", "r.x[1].y: \"a\" → \"b\"", "r.z: 1 → nothing"]
        );
        assert!(differences("r", &a, &a).is_empty());
    }

    #[test]
    fn a_record_that_this_program_cannot_judge_by_what_it_names_is_not_judged() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let record = files.find(|path| path.extension().is_some_and(|e| e == "json")).unwrap();
        let record: Record = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        let told = |spoil: fn(&mut Record)| {
            let mut record = record.clone();
            spoil(&mut record);
            let policy = |_: &str| Some(Arc::new(Policy::default()));
            let report = replay_records(&[("r".to_owned(), record.canonical())], policy);
            report.differing.into_iter().map(|d| (d.now, d.differences.join("; "))).next()
        };
        assert_eq!(
            told(|record| record.schema = 2),
            Some((None, "its shape, 2, is unknown to this program".to_owned()))
        );
        let unknown = |record: &mut Record| record.verdict.risk.as_mut().unwrap().model = ContentHash([7; 32]);
        let (now, why) = told(unknown).unwrap();
        assert_eq!((now, why.as_str()), (None, "the risk model it was decided by is not kept"));
        assert_eq!(told(|_| ()), None);
    }
}
