//! The policy: thresholds and hard rules per kind; parsed, validated, hashed.

use crate::domain::{Bp, CheckId, ContentHash, DocumentKind, Fen, FieldName};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The policy in force unless another is given.
const DEFAULT: &str = include_str!("policy.toml");

/// The kinds a policy speaks of; unknown documents are never approved.
const KINDS: [DocumentKind; 6] = [
    DocumentKind::MedicalOutpatientBill,
    DocumentKind::MedicalInpatientBill,
    DocumentKind::VatInvoice,
    DocumentKind::TillReceipt,
    DocumentKind::ExpenseList,
    DocumentKind::DischargeRecord,
];

/// A validated policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// SHA-256 of the file it came from.
    pub hash: ContentHash,
    text: String,
    amount_limit: Fen,
    max_documents: usize,
    guard_band: Bp,
    wrong_approvals_ppm: u32,
    review_share: Bp,
    needs_known_issuer: bool,
    min_kind_confidence: Bp,
    min_required_confidence: Bp,
    must_not_fail: Vec<CheckId>,
    must_be_clear: Vec<CheckId>,
    must_apply: Vec<CheckId>,
    quality: QualityRules,
    kinds: BTreeMap<DocumentKind, KindRules>,
    claims: BTreeMap<String, ClaimRules>,
}

/// What a claim of one type must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRules {
    /// Papers; of each list one kind is enough.
    pub papers: Vec<Vec<DocumentKind>>,
    /// Whether the claim must tell the insured's identity number.
    pub identity: bool,
}

/// What a photo must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityRules {
    /// Least sharpness.
    pub min_sharpness: Bp,
    /// Least median height of a text line on the page, pixels.
    pub min_text_height: u32,
    /// Codes of retake advice that do not block.
    pub harmless_advice: Vec<String>,
}

/// What a document of one kind must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRules {
    /// Whether the kind can be approved at all.
    pub approvable: bool,
    /// Fields that must be found and understood.
    pub required: Vec<FieldName>,
    /// Fields that must be read surely.
    pub decisive: Vec<FieldName>,
    /// How surely, without the guard band.
    pub min_confidence: Bp,
    /// Fields that two readers must have read.
    pub read_twice: Vec<FieldName>,
    /// Checks that must pass.
    pub must_pass: Vec<CheckId>,
    /// How many other things must say the same total.
    pub min_corroborations: u32,
}

/// Everything wrong with a policy file, one line a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy is not valid:\n{}", .0.join("\n"))]
pub struct PolicyError(pub Vec<String>);

impl Policy {
    /// Parses and validates a policy file; reports every fault at once.
    ///
    /// # Errors
    /// [`PolicyError`] with a line per fault.
    pub fn parse(toml: &str) -> Result<Self, PolicyError> {
        let table: Table = toml.parse().map_err(|e: toml::de::Error| PolicyError(vec![e.to_string()]))?;
        let mut faults = Vec::new();
        let mut top = Section { path: String::new(), table, faults: &mut faults };
        let amount_limit = top.money("amount_limit");
        let max_documents = top.integer("max_documents", 1, 1_000) as usize;
        let guard_band = top.share("guard_band");
        let wrong_approvals_ppm = top.integer("wrong_approvals_ppm", 1, 1_000_000) as u32;
        let review_share = top.share("review_share");
        let needs_known_issuer = top.needs_known_issuer();
        let min_kind_confidence = top.share("min_kind_confidence");
        let min_required_confidence = top.share("min_required_confidence");
        let must_not_fail = top.checks("must_not_fail");
        let must_be_clear = top.checks("must_be_clear");
        let must_apply = top.must_apply();
        let mut quality = top.section("quality");
        let quality_rules = QualityRules {
            min_sharpness: quality.share("min_sharpness"),
            min_text_height: quality.integer("min_text_height", 1, 1_000) as u32,
            harmless_advice: quality.strings("harmless_advice"),
        };
        quality.finish();
        let mut listed = top.section("kinds");
        let kinds =
            KINDS.into_iter().map(|kind| (kind, listed.section(kind.as_str()).kind_rules(guard_band))).collect();
        listed.finish();
        let claims = top.claims();
        top.finish();
        if !faults.is_empty() {
            return Err(PolicyError(faults));
        }
        Ok(Self {
            hash: ContentHash::of(toml.as_bytes()),
            text: toml.to_owned(),
            amount_limit,
            max_documents,
            guard_band,
            wrong_approvals_ppm,
            review_share,
            needs_known_issuer,
            min_kind_confidence,
            min_required_confidence,
            must_not_fail,
            must_be_clear,
            must_apply,
            quality: quality_rules,
            kinds,
            claims,
        })
    }

    /// The file it came from, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The most that may be approved, per document and for all bills of a claim.
    pub fn amount_limit(&self) -> Fen {
        self.amount_limit
    }

    /// The most documents a claim may have.
    pub fn max_documents(&self) -> usize {
        self.max_documents
    }

    /// How far above a confidence threshold counts as below it.
    pub fn guard_band(&self) -> Bp {
        self.guard_band
    }

    /// The most approvals that may be wrong, in millionths, borne out at 95 %.
    pub fn wrong_approvals_ppm(&self) -> u32 {
        self.wrong_approvals_ppm
    }

    /// Share of would-be approvals that go to a person by lot.
    pub fn review_share(&self) -> Bp {
        self.review_share
    }

    /// Whether issuers must be known to the registry or the verifier, and one of the two be asked.
    pub fn needs_known_issuer(&self) -> bool {
        self.needs_known_issuer
    }

    /// How clear the kind must be, without the guard band.
    pub fn min_kind_confidence(&self) -> Bp {
        self.min_kind_confidence
    }

    /// How surely a required field must be read that is not decisive, without the guard band.
    pub fn min_required_confidence(&self) -> Bp {
        self.min_required_confidence
    }

    /// Checks whose failure blocks.
    pub fn must_not_fail(&self) -> &[CheckId] {
        &self.must_not_fail
    }

    /// Checks that block when left open.
    pub fn must_be_clear(&self) -> &[CheckId] {
        &self.must_be_clear
    }

    /// Checks that block when they do not apply.
    pub fn must_apply(&self) -> &[CheckId] {
        &self.must_apply
    }

    /// What photos must be like.
    pub fn quality(&self) -> &QualityRules {
        &self.quality
    }

    /// Whether it says anything of a check. One that it does not name decides nothing.
    pub fn names(&self, check: CheckId) -> bool {
        let of_kinds = self.kinds.values().flat_map(|rules| &rules.must_pass);
        let of_all = self.must_not_fail.iter().chain(&self.must_be_clear).chain(&self.must_apply);
        of_all.chain(of_kinds).any(|named| *named == check)
    }

    /// The rules of a kind; `None` for unknown documents.
    pub fn kind(&self, kind: DocumentKind) -> Option<&KindRules> {
        self.kinds.get(&kind)
    }

    /// What a claim of a type must hold; `None` if the policy does not know such claims.
    pub fn claim(&self, claim_type: &str) -> Option<&ClaimRules> {
        self.claims.get(claim_type)
    }
}

impl Default for Policy {
    /// The embedded `policy.toml`.
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the embedded policy is valid: a test parses it")
    }
}

/// A table being taken apart. What is wrong is noted and replaced by something, so that all of it gets looked at.
struct Section<'a> {
    path: String,
    table: Table,
    faults: &'a mut Vec<String>,
}

impl Section<'_> {
    fn fault(&mut self, key: &str, what: &str) {
        self.faults.push(format!("{}{key}: {what}", self.path));
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let value = self.table.remove(key);
        if value.is_none() {
            self.fault(key, "missing");
        }
        value
    }

    fn section(&mut self, key: &str) -> Section<'_> {
        let table = match self.take(key) {
            Some(Value::Table(table)) => table,
            Some(_) => {
                self.fault(key, "must be a table");
                Table::new()
            }
            None => Table::new(),
        };
        Section { path: format!("{}{key}.", self.path), table, faults: self.faults }
    }

    fn integer(&mut self, key: &str, least: i64, most: i64) -> i64 {
        match self.take(key) {
            Some(Value::Integer(n)) if (least..=most).contains(&n) => return n,
            Some(_) => self.fault(key, &format!("must be a whole number from {least} to {most}")),
            None => {}
        }
        least
    }

    fn share(&mut self, key: &str) -> Bp {
        Bp(self.integer(key, 0, 10_000) as u16)
    }

    fn boolean(&mut self, key: &str) -> bool {
        match self.take(key) {
            Some(Value::Boolean(b)) => return b,
            Some(_) => self.fault(key, "must be true or false"),
            None => {}
        }
        false
    }

    /// What claims of each type must hold. May be missing: policies from before claims had types are kept with their
    /// decisions.
    fn claims(&mut self) -> BTreeMap<String, ClaimRules> {
        if !self.table.contains_key("claims") {
            return BTreeMap::new();
        }
        let mut listed = self.section("claims");
        let names: Vec<String> = listed.table.keys().cloned().collect();
        names.into_iter().map(|name| (name.clone(), listed.section(&name).claim_rules())).collect()
    }

    fn claim_rules(mut self) -> ClaimRules {
        let papers = match self.take("papers") {
            Some(Value::Array(papers)) => papers.into_iter().map(|paper| self.one_of(paper)).collect(),
            Some(_) => {
                self.fault("papers", "must be a list");
                Vec::new()
            }
            None => Vec::new(),
        };
        let rules = ClaimRules { papers, identity: self.boolean("identity") };
        self.finish();
        rules
    }

    /// A kind, or several in a list of which one is enough.
    fn one_of(&mut self, paper: Value) -> Vec<DocumentKind> {
        let names = match paper {
            Value::Array(names) if !names.is_empty() => names,
            one => vec![one],
        };
        let mut kinds = Vec::new();
        for name in names {
            match KINDS.iter().find(|kind| name.as_str() == Some(kind.as_str())) {
                Some(kind) => kinds.push(*kind),
                None => self.fault("papers", &format!("there is no kind of document {name}")),
            }
        }
        kinds
    }

    /// May be missing: policies from before there were registries are kept with their decisions.
    fn needs_known_issuer(&mut self) -> bool {
        match self.table.remove("issuer_registry") {
            None => false,
            Some(Value::String(s)) if s == "optional" => false,
            Some(Value::String(s)) if s == "required" => true,
            Some(_) => {
                self.fault("issuer_registry", "must be \"optional\" or \"required\"");
                true
            }
        }
    }

    /// May be missing: in policies from before it there was no such rule.
    fn must_apply(&mut self) -> Vec<CheckId> {
        if self.table.contains_key("must_apply") { self.checks("must_apply") } else { Vec::new() }
    }

    fn money(&mut self, key: &str) -> Fen {
        match self.take(key) {
            Some(Value::String(s)) => match Fen::parse(&s) {
                Some(amount) if amount.0 > 0 => return amount,
                _ => self.fault(key, "must be an amount above 0 such as \"3000.00\""),
            },
            Some(_) => self.fault(key, "must be an amount in quotes such as \"3000.00\""),
            None => {}
        }
        Fen(0)
    }

    fn strings(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Value::Array(values) = value else {
            self.fault(key, "must be a list");
            return Vec::new();
        };
        let mut out: Vec<String> = Vec::new();
        for value in values {
            match value {
                Value::String(s) if out.contains(&s) => self.fault(key, &format!("{s:?} is listed twice")),
                Value::String(s) => out.push(s),
                _ => self.fault(key, "must hold strings only"),
            }
        }
        out
    }

    fn names<T: Copy>(&mut self, key: &str, what: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Vec<T> {
        let strings = self.strings(key);
        let mut out = Vec::new();
        for s in strings {
            match all.iter().find(|t| name(**t) == s) {
                Some(t) => out.push(*t),
                None => self.fault(key, &format!("there is no {what} {s:?}")),
            }
        }
        out
    }

    fn checks(&mut self, key: &str) -> Vec<CheckId> {
        self.names(key, "check", CheckId::ALL, CheckId::as_str)
    }

    fn kind_rules(mut self, guard_band: Bp) -> KindRules {
        let rules = KindRules {
            approvable: self.boolean("approvable"),
            required: self.names("required", "field", FieldName::ALL, FieldName::as_str),
            decisive: self.names("decisive", "field", FieldName::ALL, FieldName::as_str),
            min_confidence: self.share("min_confidence"),
            read_twice: match self.table.contains_key("read_twice") {
                true => self.names("read_twice", "field", FieldName::ALL, FieldName::as_str),
                false => Vec::new(),
            },
            must_pass: self.checks("must_pass"),
            min_corroborations: self.integer("min_corroborations", 0, 10) as u32,
        };
        if rules.min_confidence.0 + guard_band.0 > 10_000 {
            self.fault("min_confidence", "with the guard band it is more than 10000");
        }
        if rules.approvable {
            for (key, names) in [("required", &rules.required), ("decisive", &rules.decisive)] {
                if !names.contains(&FieldName::Total) {
                    self.fault(key, "an approvable kind must have \"total\" here");
                }
            }
            if rules.min_corroborations == 0 {
                self.fault("min_corroborations", "an approvable kind needs at least 1");
            }
        }
        self.finish();
        rules
    }

    fn finish(mut self) {
        for key in self.table.keys().cloned().collect::<Vec<_>>() {
            self.fault(&key, "unknown");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_policy_is_valid_and_hashed() {
        let policy = Policy::default();
        assert_eq!(policy.hash, ContentHash::of(policy.text().as_bytes()));
        assert_eq!(policy.amount_limit().to_string(), "3000.00");
        assert_eq!(policy.must_not_fail(), CheckId::ALL, "by default every failure blocks");
        assert!(policy.kind(DocumentKind::Unknown).is_none());
        assert!(policy.kind(DocumentKind::TillReceipt).unwrap().approvable);
        assert!(!policy.kind(DocumentKind::DischargeRecord).unwrap().approvable);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let broken = DEFAULT
            .replace("\"3000.00\"", "3000.0")
            .replace("max_documents = 10", "max_documents = 0")
            .replace("issuer_registry = \"optional\"", "issuer_registry = \"maybe\"")
            .replace("guard_band = 100", "guard_band = 2000\nspeed = 9")
            .replace("\"not_void\", ", "\"not_void\", \"not_void\", \"magic\", ")
            .replace("min_sharpness = 2500", "")
            .replace("decisive = [\"issue_date\", \"total\"]", "decisive = [\"issue_date\", \"sum\"]")
            .replace("approvable = false", "approvable = \"no\"")
            .replace("[kinds.expense_list]", "[kinds.shopping_list]");
        let PolicyError(faults) = Policy::parse(&broken).unwrap_err();
        for wanted in [
            "amount_limit: must be an amount in quotes such as \"3000.00\"",
            "max_documents: must be a whole number from 1 to 1000",
            "issuer_registry: must be \"optional\" or \"required\"",
            "speed: unknown",
            "must_not_fail: \"not_void\" is listed twice",
            "must_not_fail: there is no check \"magic\"",
            "quality.min_sharpness: missing",
            "kinds.till_receipt.decisive: there is no field \"sum\"",
            "kinds.till_receipt.decisive: an approvable kind must have \"total\" here",
            "kinds.till_receipt.min_confidence: with the guard band it is more than 10000",
            "kinds.discharge_record.approvable: must be true or false",
            "kinds.expense_list: missing",
            "kinds.shopping_list: unknown",
        ] {
            assert!(faults.iter().any(|f| f == wanted), "{wanted} is not in {faults:#?}");
        }
    }

    #[test]
    fn unknown_documents_cannot_be_made_approvable() {
        let with = format!("{DEFAULT}\n[kinds.unknown]\napprovable = true\n");
        assert_eq!(Policy::parse(&with).unwrap_err().0, ["kinds.unknown: unknown"]);
    }

    #[test]
    fn what_claims_must_hold_may_be_missing_but_not_wrong() {
        let claims = DEFAULT.find("[claims.").unwrap();
        let old = Policy::parse(&DEFAULT[..claims]).unwrap();
        assert_eq!((old.claim("inpatient"), old.claim("outpatient")), (None, None));
        let inpatient = Policy::default().claim("inpatient").cloned().unwrap();
        assert_eq!(inpatient.papers[0], [DocumentKind::MedicalInpatientBill]);
        let broken = format!(
            "{DEFAULT}\n[claims.dental]\npapers = [\"tooth\", [\"vat_invoice\", 7]]\nidentity = 1\nspeed = 9\n"
        );
        let PolicyError(faults) = Policy::parse(&broken).unwrap_err();
        assert_eq!(
            faults,
            [
                "claims.dental.papers: there is no kind of document \"tooth\"",
                "claims.dental.papers: there is no kind of document 7",
                "claims.dental.identity: must be true or false",
                "claims.dental.speed: unknown",
            ]
        );
    }

    #[test]
    fn policies_from_before_a_rule_are_still_valid() {
        let old: String =
            DEFAULT.lines().filter(|line| !line.starts_with("must_apply")).flat_map(|l| [l, "\n"]).collect();
        assert!(old != DEFAULT && Policy::parse(&old).unwrap().must_apply().is_empty());
        assert_eq!(Policy::parse(DEFAULT).unwrap().must_apply().len(), 3);
        let unknown = DEFAULT.replace("must_apply = [", "must_apply = [\"crystal_ball\", ");
        assert_eq!(Policy::parse(&unknown).unwrap_err().0.len(), 1);
        let old = DEFAULT.replace("issuer_registry = \"optional\"", "");
        assert!(old != DEFAULT && !Policy::parse(&old).unwrap().needs_known_issuer());
        assert!(Policy::parse(&DEFAULT.replace("\"optional\"", "\"required\"")).unwrap().needs_known_issuer());
    }

    #[test]
    fn what_is_no_toml_is_one_fault() {
        assert_eq!(Policy::parse("amount_limit = ").unwrap_err().0.len(), 1);
        assert!(Policy::parse("").unwrap_err().0.len() > 5);
    }
}
