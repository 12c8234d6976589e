//! As much of a record as a policy decides on.
//!
//! What the checks found and how likely approving is to be wrong follow from the evidence and the program, not from the
//! policy. Where this very program made a record, both stand in it, and of the papers only their values are read: not
//! the lines, the rows, the pixels and the places of everything, which are most of a record. Other records are read
//! whole, and their evidence is checked anew.

use crate::decision::{Policy, decide};
use crate::domain::evidence::Quality;
use crate::domain::risk::Risk;
use crate::domain::{
    Bp, CheckId, Claim, ContentHash, Decision, DocumentKind, Evidence, Facts, Field, FieldName, Finding, Message,
    Outcome, Quad, Reading, RetakeAdvice, Verdict,
};
use crate::models::RiskModel;
use crate::pipeline::{assess, check};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A decision as recorded, and what any policy decides on.
pub(super) struct Basis {
    before: Before,
    findings: Vec<Vec<Finding>>,
    probability_ppm: u32,
}

/// A decision as recorded.
pub(super) struct Before {
    /// What was decided.
    pub(super) decision: Decision,
    /// Codes of the reasons for it.
    pub(super) codes: Vec<String>,
    /// The evidence; of a record that this program made, without what no policy looks at.
    pub(super) evidence: Evidence,
}

impl Basis {
    /// Of a record's bytes; `build` is the version of this program, if it names the code exactly.
    ///
    /// # Errors
    /// If they are no record.
    pub(super) fn of(record: &[u8], build: Option<&str>) -> serde_json::Result<Self> {
        // As text it is looked through once for what is no UTF-8, and not string by string.
        let record = std::str::from_utf8(record).map_err(serde::de::Error::custom)?;
        let Recorded { evidence, verdict, versions } = serde_json::from_str(record)?;
        let Told { decision, reasons, findings, risk } = verdict;
        let codes = reasons.into_iter().map(|reason| reason.code).collect();
        let mine = build.is_some_and(|build| build == versions.build);
        if let Some(risk) = risk.filter(|risk| mine && risk.model == RiskModel::in_force().hash) {
            let findings = findings.into_iter().map(|found| found.into_iter().map(Finding::from).collect()).collect();
            let probability_ppm = risk.probability_ppm;
            let before = Before { decision, codes, evidence: evidence.into() };
            return Ok(Self { before, findings, probability_ppm });
        }
        let Whole { evidence } = serde_json::from_str(record)?;
        let findings = check(&evidence);
        let probability_ppm = assess(RiskModel::in_force(), &evidence, &findings, None).probability_ppm;
        Ok(Self { before: Before { decision, codes, evidence }, findings, probability_ppm })
    }

    /// What was decided, and what a policy with this limit decides. Its sentences are without the places and the causes
    /// that were not read.
    pub(super) fn judge(self, policy: &Policy, limit_ppm: Option<u32>) -> (Before, Verdict) {
        let Self { before, findings, probability_ppm } = self;
        let risk = Risk { probability_ppm, limit_ppm, model: RiskModel::in_force().hash, documents: Vec::new() };
        let verdict = decide(policy, &before.evidence, findings, Some(risk));
        (before, verdict)
    }
}

#[derive(Deserialize)]
struct Recorded {
    evidence: Seen,
    verdict: Told,
    versions: MadeBy,
}

#[derive(Deserialize)]
struct Whole {
    evidence: Evidence,
}

#[derive(Deserialize)]
struct MadeBy {
    build: String,
}

#[derive(Deserialize)]
struct Told {
    decision: Decision,
    reasons: Vec<Coded>,
    findings: Vec<Vec<Found>>,
    #[serde(default)]
    risk: Option<Likely>,
}

#[derive(Deserialize)]
struct Coded {
    code: String,
}

#[derive(Deserialize)]
struct Likely {
    probability_ppm: u32,
    model: ContentHash,
}

#[derive(Deserialize)]
struct Found {
    check: CheckId,
    outcome: Outcome,
    detail: BTreeMap<String, String>,
    fields: Vec<FieldName>,
}

impl From<Found> for Finding {
    fn from(Found { check, outcome, detail, fields }: Found) -> Self {
        Self { check, outcome, detail, fields, regions: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Seen {
    #[serde(default)]
    claim: Option<Claim>,
    readings: Vec<Paper>,
    facts: Facts,
}

impl From<Seen> for Evidence {
    fn from(Seen { claim, readings, facts }: Seen) -> Self {
        Self { claim, readings: readings.into_iter().map(Reading::from).collect(), facts }
    }
}

#[derive(Deserialize)]
struct Paper {
    #[serde(default)]
    unreadable: Option<String>,
    quality: Quality,
    retake: Vec<Advised>,
    kind: DocumentKind,
    kind_confidence: Bp,
    fields: BTreeMap<FieldName, Read>,
    #[serde(default)]
    seals: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Advised {
    code: String,
}

#[derive(Deserialize)]
struct Read {
    value: Option<String>,
    confidence: Bp,
    readers: BTreeMap<String, String>,
}

impl From<Paper> for Reading {
    fn from(paper: Paper) -> Self {
        let Paper { unreadable, quality, retake, kind, kind_confidence, fields, seals } = paper;
        Self {
            unreadable,
            quality,
            retake: retake.into_iter().map(RetakeAdvice::from).collect(),
            kind,
            kind_confidence,
            fields: fields.into_iter().map(|(name, read)| (name, read.into())).collect(),
            // Whether they were looked for is what counts.
            seals: seals.map(|_| Vec::new()),
            ..Self::unreadable("", ContentHash([0; 32]), String::new())
        }
    }
}

impl From<Advised> for RetakeAdvice {
    fn from(Advised { code }: Advised) -> Self {
        Self { code, message: Message { en: String::new(), zh: String::new() }, region: None }
    }
}

impl From<Read> for Field {
    fn from(Read { value, confidence, readers }: Read) -> Self {
        Self {
            value,
            text: String::new(),
            confidence,
            score: confidence,
            polygon: Quad::from_px([[0.0; 2]; 4]),
            page_polygon: Quad::from_px([[0.0; 2]; 4]),
            readers,
            repairs: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Record, Severity};
    use crate::pipeline::{judge, limit_ppm};

    const BUILD: &str = "0.1.0+0123456789ab";

    fn golden() -> Vec<Record> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let records = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
        records.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    }

    fn told(verdict: &Verdict) -> (Decision, Vec<(Severity, &str)>) {
        let mut codes: Vec<_> = verdict.reasons.iter().map(|reason| (reason.severity, reason.code.as_str())).collect();
        codes.dedup();
        (verdict.decision, codes)
    }

    #[test]
    fn a_policy_decides_on_it_as_on_the_whole_record() {
        let default = Policy::default();
        let policies = [
            ("min_text_height = 10", "min_text_height = 10"),
            ("min_text_height = 10", "min_text_height = 30"),
            ("amount_limit = \"3000.00\"", "amount_limit = \"1.00\""),
            ("issuer_registry = \"optional\"", "issuer_registry = \"required\""),
            ("review_share = 200", "review_share = 10000"),
        ];
        let mut approved = 0;
        for (from, to) in policies {
            assert!(default.text().contains(from), "{from}");
            let policy = Policy::parse(&default.text().replace(from, to)).unwrap();
            for mut record in golden() {
                record.versions.build = BUILD.to_owned();
                record.evidence.facts.lot = Some(5_000);
                // The risk and the findings of these records are of an earlier program.
                record.verdict = judge(&Policy::default(), &record.evidence);
                let whole = judge(&policy, &record.evidence);
                approved += u32::from(whole.decision == Decision::AutoApprove);
                for build in [Some(BUILD), Some("0.1.0+ba9876543210"), None] {
                    let basis = Basis::of(&record.canonical(), build).unwrap();
                    let (before, now) = basis.judge(&policy, limit_ppm(&policy));
                    assert_eq!(told(&now), told(&whole), "{to}, {build:?}");
                    assert_eq!(before.evidence.readings.iter().any(|r| !r.lines.is_empty()), build != Some(BUILD));
                }
            }
        }
        assert!((1..45).contains(&approved), "of 45 some are approved, some not: {approved}");
    }

    #[test]
    fn what_another_program_found_is_not_taken_over() {
        let mut record = golden().swap_remove(0);
        record.versions.build = BUILD.to_owned();
        record.verdict = judge(&Policy::default(), &record.evidence);
        record.verdict.findings[0].clear();
        let codes = |build| {
            let policy = Policy::default();
            let (_, verdict) = Basis::of(&record.canonical(), build).unwrap().judge(&policy, limit_ppm(&policy));
            verdict.reasons.into_iter().map(|reason| reason.code).collect::<Vec<_>>()
        };
        assert!(codes(Some(BUILD)).contains(&"processing_failed".to_owned()));
        assert!(!codes(Some("0.1.0")).contains(&"processing_failed".to_owned()));
        assert!(Basis::of(b"{}", None).is_err());
    }
}
