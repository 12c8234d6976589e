//! From findings to a verdict: every rule evaluated, every reason kept.
//!
//! The answer starts as review and becomes approval only if nothing blocks, so a rule that cannot be evaluated, a finding
//! that is not there or a value that is not understood ends in review. Adding a blocking reason can never approve.

pub mod policy;
mod reasons;

use crate::domain::document::ValueType;
use crate::domain::risk::Risk;
use crate::domain::{
    CheckId, Completeness, Day, Decision, DocumentKind, Evidence, Fen, Field, FieldName, Finding, Gate, Message, Need,
    Outcome, Reading, Reason, Severity, Verdict, money,
};
use policy::KindRules;
pub use policy::Policy;
use reasons::{Code, Draft};
pub use reasons::{reason_codes, reason_table};

/// Decides. Starts from review; approves only if every rule of the policy was evaluated and none blocks.
///
/// `findings` holds one list a document, as `checks::run` gives them. A check that the policy relies on and that is
/// missing counts as work not done, and so does a risk that was not told.
pub fn decide(policy: &Policy, evidence: &Evidence, findings: Vec<Vec<Finding>>, risk: Option<Risk>) -> Verdict {
    let mut reasons = Reasons::default();
    whole_claim(policy, evidence, &mut reasons);
    let completeness = completeness(policy, evidence, &mut reasons);
    match &risk {
        Some(risk) => at_risk(risk, &mut reasons),
        None => reasons.block(Draft::new(Code::ProcessingFailed)),
    }
    for (document, reading) in evidence.readings.iter().enumerate() {
        let of_document = findings.get(document).map_or(&[][..], Vec::as_slice);
        let rules = Rules { policy, reading, document, findings: of_document, kind: policy.kind(reading.kind) };
        rules.evaluate(&mut reasons);
    }
    // Findings of documents that are not there: something went wrong upstream.
    if findings.len() != evidence.readings.len() {
        reasons.block(Draft::new(Code::ProcessingFailed));
    }
    let is_blocked = |reasons: &Reasons| reasons.0.iter().any(|reason| reason.severity == Severity::Blocking);
    if !is_blocked(&reasons) && evidence.facts.lot.is_some_and(|lot| lot < policy.review_share().0) {
        reasons.block(Draft::new(Code::DrawnByLot));
    }
    let blocked = is_blocked(&reasons);
    let decision = if blocked || evidence.readings.is_empty() { Decision::HumanReview } else { Decision::AutoApprove };
    if decision == Decision::AutoApprove {
        why_approved(policy, evidence, &findings, &mut reasons);
    }
    let Reasons(mut reasons) = reasons;
    reasons.sort_by_key(|reason| reason.severity);
    Verdict { decision, reasons, findings, risk, completeness }
}

/// Which papers the claim must hold, if it says what it is for.
fn completeness(policy: &Policy, evidence: &Evidence, reasons: &mut Reasons) -> Option<Completeness> {
    let claim = evidence.claim.as_ref()?;
    let claim_type = claim.claim_type.as_deref()?;
    let Some(rules) = policy.claim(claim_type) else {
        reasons.block(Draft::new(Code::ClaimTypeUnknown));
        return None;
    };
    let paper = |kinds: &Vec<DocumentKind>| {
        let (en, zh): (Vec<String>, Vec<String>) = kinds.iter().map(|kind| reasons::kind_label(*kind)).unzip();
        let readable = evidence.readings.iter().enumerate().filter(|(_, reading)| reading.unreadable.is_none());
        let documents: Vec<usize> = readable.filter(|(_, r)| kinds.contains(&r.kind)).map(|(n, _)| n).collect();
        Need {
            any_of: kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            message: Message { en: en.join(" or "), zh: zh.join("或") },
            met: !documents.is_empty(),
            documents,
        }
    };
    let identity = rules.identity.then(|| Need {
        any_of: vec!["insured_identity".to_owned()],
        message: Message { en: "the insured's identity number".to_owned(), zh: "被保险人证件号码".to_owned() },
        documents: Vec::new(),
        met: claim.insured.as_ref().is_some_and(|insured| insured.id_number.is_some()),
    });
    let needs = rules.papers.iter().map(paper).chain(identity).collect();
    let completeness = Completeness { claim_type: claim_type.to_owned(), needs };
    let missing: Vec<&Need> = completeness.missing().collect();
    if !missing.is_empty() {
        let en = missing.iter().map(|need| need.message.en.as_str()).collect::<Vec<_>>().join(", ");
        let zh = missing.iter().map(|need| need.message.zh.as_str()).collect::<Vec<_>>().join("、");
        reasons.block(Draft::new(Code::PapersMissing).words("papers", (en, zh)));
    }
    Some(completeness)
}

fn at_risk(risk: &Risk, reasons: &mut Reasons) {
    match risk.limit_ppm {
        None => reasons.block(Draft::new(Code::GuaranteeNotEarned)),
        Some(limit) if risk.probability_ppm > limit => {
            let all = risk.documents.iter().flat_map(|d| &d.contributions);
            let most =
                all.max_by_key(|c| c.millinats).map_or_else(Default::default, |c| reasons::feature_label(c.feature));
            reasons.block(
                Draft::new(Code::RiskAboveLimit)
                    .figure("risk", per_mille(risk.probability_ppm))
                    .figure("limit", per_mille(limit))
                    .words("most", most),
            );
        }
        Some(_) => {}
    }
}

/// Millionths as a share in per mille, such as `1.25 ‰`.
fn per_mille(ppm: u32) -> String {
    format!("{}.{:03} ‰", ppm / 1000, ppm % 1000)
}

/// Reasons in the order of the rules, each once.
#[derive(Default)]
struct Reasons(Vec<Reason>);

impl Reasons {
    fn block(&mut self, draft: Draft) {
        self.push(draft.write(Severity::Blocking));
    }

    fn tell(&mut self, draft: Draft) {
        self.push(draft.write(Severity::Info));
    }

    fn push(&mut self, reason: Reason) {
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }
}

fn whole_claim(policy: &Policy, evidence: &Evidence, reasons: &mut Reasons) {
    let count = evidence.readings.len();
    if count == 0 {
        reasons.block(Draft::new(Code::NoPhotos));
    }
    if count > policy.max_documents() {
        reasons
            .block(Draft::new(Code::TooManyDocuments).figure("count", count).figure("limit", policy.max_documents()));
    }
    // What failed is in the evidence; it may name machines or libraries, so the sentence does not repeat it.
    if !evidence.facts.failures.is_empty() {
        reasons.block(Draft::new(Code::ProcessingFailed));
    }
    if evidence.facts.gate == Gate::Closed {
        reasons.block(Draft::new(Code::ApprovalClosed));
    }
    let limit = policy.amount_limit();
    let total = claim_total(evidence);
    let asked = evidence.claim.as_ref().and_then(|claim| claim.amount.as_deref()).and_then(Fen::parse);
    // A document that is above the limit by itself says so at its total.
    if !evidence.readings.iter().any(|reading| total_of(reading).is_some_and(|total| total > limit))
        && let Some(above) = Some(total).max(asked).filter(|above| *above > limit)
    {
        reasons.block(Draft::new(Code::AmountAboveLimit).figure("total", above).figure("limit", limit));
    }
}

/// What the documents of a claim come to, as far as their totals are understood. Lists and records ask for nothing.
fn claim_total(evidence: &Evidence) -> Fen {
    let counted = |r: &&Reading| !matches!(r.kind, DocumentKind::ExpenseList | DocumentKind::DischargeRecord);
    let totals = evidence.readings.iter().filter(counted).filter_map(total_of);
    Fen(totals.fold(0, |sum: i64, total| sum.saturating_add(total.0.max(0))))
}

fn total_of(reading: &Reading) -> Option<Fen> {
    reading.value(FieldName::Total).and_then(Fen::parse)
}

/// The rules for one document.
struct Rules<'a> {
    policy: &'a Policy,
    reading: &'a Reading,
    document: usize,
    findings: &'a [Finding],
    /// `None` for an unknown document.
    kind: Option<&'a KindRules>,
}

impl Rules<'_> {
    fn evaluate(&self, reasons: &mut Reasons) {
        self.checks(reasons);
        self.issuer(reasons);
        if self.reading.unreadable.is_some() {
            // Nothing was read: every other rule would only repeat that.
            reasons.block(self.draft(Code::PhotoUnreadable));
            return;
        }
        self.quality(reasons);
        self.amount(reasons);
        let Some(kind) = self.kind else {
            reasons.block(self.draft(Code::UnknownDocument));
            return;
        };
        self.kind(kind, reasons);
        self.fields(kind, reasons);
        self.required_checks(kind, reasons);
    }

    fn draft(&self, code: Code) -> Draft {
        Draft::new(code).on(self.document)
    }

    fn field_draft(&self, code: Code, name: FieldName) -> Draft {
        let region = self.reading.fields.get(&name).map(|field| field.polygon);
        self.draft(code).at(Some(name), region).words("field", reasons::field_label(name))
    }

    /// Failures and open questions, whatever the kind.
    fn checks(&self, reasons: &mut Reasons) {
        for finding in self.findings {
            let hard = self.policy.must_not_fail().contains(&finding.check);
            let open = self.policy.must_be_clear().contains(&finding.check);
            let needed = self.reading.unreadable.is_none() && self.policy.must_apply().contains(&finding.check);
            match finding.outcome {
                Outcome::NotApplicable if needed => reasons.block(self.of_finding(Code::CheckUnclear, finding)),
                Outcome::Fail if hard => {
                    for code in reasons::codes_of_failure(finding) {
                        reasons.block(self.of_finding(code, finding));
                    }
                }
                Outcome::Fail | Outcome::Inconclusive if open => {
                    let code = match finding.check {
                        CheckId::Repeat => Code::MayHaveBeenSeenBefore,
                        _ => Code::CheckUnclear,
                    };
                    reasons.block(self.of_finding(code, finding));
                }
                _ => {}
            }
        }
        let relied_on = self.policy.must_not_fail().iter().chain(self.policy.must_be_clear());
        let mut relied_on = relied_on.chain(self.policy.must_apply()).filter(|check| self.reading.is_asked(**check));
        if relied_on.any(|check| !self.findings.iter().any(|finding| finding.check == *check)) {
            reasons.block(self.draft(Code::ProcessingFailed));
        }
    }

    /// What is open about the issuer. Its failures are those of a check like any other.
    fn issuer(&self, reasons: &mut Reasons) {
        let required = self.policy.needs_known_issuer();
        let finding = self.findings.iter().find(|finding| finding.check == CheckId::IssuerRegistered);
        let why = finding.and_then(|finding| finding.detail.get("why")).map_or("", String::as_str);
        let (code, blocks) = match (finding.map_or(Outcome::NotApplicable, |finding| finding.outcome), why) {
            (Outcome::Inconclusive, "unknown") => (Code::IssuerUnknown, required),
            (Outcome::Inconclusive, "unclear") => (Code::IssuerUnclear, required),
            (Outcome::Inconclusive, "conflict") => (Code::IssuerUnclear, true),
            (Outcome::Inconclusive, _) => (Code::IssuerUnanswered, true),
            // Nobody was asked.
            (Outcome::NotApplicable, _) if required => (Code::IssuerUnanswered, true),
            _ => return,
        };
        let draft = finding.map_or_else(|| self.draft(code), |finding| self.of_finding(code, finding));
        if blocks { reasons.block(draft) } else { reasons.tell(draft) }
    }

    fn of_finding(&self, code: Code, finding: &Finding) -> Draft {
        let fields: Vec<(String, String)> = finding.fields.iter().map(|name| reasons::field_label(*name)).collect();
        let (mut en, mut zh): (Vec<String>, Vec<String>) = fields.into_iter().unzip();
        if en.is_empty() {
            en.push("outside the fields".to_owned());
            zh.push("字段以外".to_owned());
        }
        let draft = Draft::of_finding(code, self.document, finding)
            .words("check", reasons::check_label(finding.check))
            .words("field", (en.join(", "), zh.join("、")));
        // The same for every bill of the claim: said once, of the claim.
        if finding.check == CheckId::ClaimAmount { draft.of_claim() } else { draft }
    }

    fn quality(&self, reasons: &mut Reasons) {
        let rules = self.policy.quality();
        let quality = &self.reading.quality;
        let least = rules.min_sharpness;
        if quality.sharpness.is_none_or(|sharpness| sharpness < least) {
            let value = quality.sharpness.map_or_else(|| "0".to_owned(), |s| s.to_string());
            reasons.block(self.quality_draft("sharpness", "清晰度", value, least.to_string()));
        }
        let least = rules.min_text_height;
        if quality.text_height.is_none_or(|height| height < least * 16) {
            let value = quality.text_height.map_or(0, |height| height / 16);
            reasons.block(self.quality_draft("text height", "文字高度", format!("{value} px"), format!("{least} px")));
        }
        for advice in &self.reading.retake {
            let advice_words = (advice.message.en.clone(), advice.message.zh.clone());
            let draft = self.draft(Code::RetakeAdvised).at(None, advice.region).words("advice", advice_words);
            match rules.harmless_advice.contains(&advice.code) {
                true => reasons.tell(draft),
                false => reasons.block(draft),
            }
        }
    }

    fn quality_draft(&self, en: &str, zh: &str, value: String, least: String) -> Draft {
        self.draft(Code::UnreadableQuality)
            .words("what", (en.to_owned(), zh.to_owned()))
            .figure("value", value)
            .figure("least", least)
    }

    fn kind(&self, kind: &KindRules, reasons: &mut Reasons) {
        let label = || reasons::kind_label(self.reading.kind);
        if !kind.approvable {
            reasons.block(self.draft(Code::KindNotApprovable).words("kind", label()));
        }
        let least = self.above_band(self.policy.min_kind_confidence());
        if self.reading.kind_confidence < least {
            reasons.block(
                self.draft(Code::KindUncertain)
                    .words("kind", label())
                    .figure("confidence", self.reading.kind_confidence)
                    .figure("least", least),
            );
        }
    }

    /// A threshold with the guard band on top.
    fn above_band(&self, threshold: crate::domain::Bp) -> crate::domain::Bp {
        crate::domain::Bp(threshold.0.saturating_add(self.policy.guard_band().0))
    }

    fn fields(&self, kind: &KindRules, reasons: &mut Reasons) {
        for name in FieldName::ALL.iter().copied() {
            let (required, decisive) = (kind.required.contains(&name), kind.decisive.contains(&name));
            match self.reading.fields.get(&name) {
                None if required => reasons.block(self.field_draft(Code::RequiredFieldMissing, name)),
                Some(field) if (required || decisive) && !understood(name, field) => {
                    reasons.block(self.field_draft(Code::FieldNotUnderstood, name));
                }
                Some(field) if required || decisive => {
                    let least = if decisive { kind.min_confidence } else { self.policy.min_required_confidence() };
                    let least = self.above_band(least);
                    if field.confidence < least {
                        let draft = self.field_draft(Code::LowConfidence, name);
                        reasons.block(draft.figure("confidence", field.confidence).figure("least", least));
                    }
                    if kind.read_twice.contains(&name) && field.readers.len() < 2 {
                        reasons.block(self.field_draft(Code::ReadByOneReader, name));
                    }
                }
                _ => {}
            }
        }
        // An open or failed finding names the fields that were read differently.
        let disagree = self.findings.iter().filter(|finding| {
            finding.check == CheckId::ReadersAgree && matches!(finding.outcome, Outcome::Fail | Outcome::Inconclusive)
        });
        for name in disagree.flat_map(|finding| &finding.fields).filter(|name| kind.decisive.contains(name)) {
            reasons.block(self.field_draft(Code::ReadersDisagree, *name));
        }
    }

    fn amount(&self, reasons: &mut Reasons) {
        let Some(total) = total_of(self.reading) else { return };
        let limit = self.policy.amount_limit();
        if total.0 <= 0 {
            reasons.block(self.field_draft(Code::TotalNotPositive, FieldName::Total).figure("total", total));
        }
        if total > limit {
            let draft = self.field_draft(Code::AmountAboveLimit, FieldName::Total);
            reasons.block(draft.figure("total", total).figure("limit", limit));
        }
    }

    fn required_checks(&self, kind: &KindRules, reasons: &mut Reasons) {
        for check in &kind.must_pass {
            if !self.findings.iter().any(|f| f.check == *check && f.outcome == Outcome::Pass) {
                let label = reasons::check_label(*check);
                reasons.block(self.draft(Code::CheckNotPassed).words("check", label));
            }
        }
        let least = kind.min_corroborations;
        let count = corroborations(self.findings);
        if kind.approvable && count < least {
            let draft = self.field_draft(Code::TotalNotCorroborated, FieldName::Total);
            reasons.block(draft.figure("count", count).figure("least", least));
        }
    }
}

/// How many other things on the paper say the same total.
fn corroborations(findings: &[Finding]) -> u32 {
    findings
        .iter()
        .filter(|f| f.check == CheckId::TotalCorroborated && f.outcome == Outcome::Pass)
        .filter_map(|f| f.detail.get("corroborations")?.parse().ok())
        .min()
        .unwrap_or(0)
}

/// Whether a field has a value of its type.
fn understood(name: FieldName, field: &Field) -> bool {
    field.value.as_deref().is_some_and(|value| match name.value_type() {
        ValueType::Money => Fen::parse(value).is_some(),
        ValueType::Date => Day::parse(value).is_some(),
        ValueType::CapitalAmount => money::parse_capital(value).is_some(),
        ValueType::Identifier | ValueType::Text => !value.trim().is_empty(),
    })
}

fn why_approved(policy: &Policy, evidence: &Evidence, findings: &[Vec<Finding>], reasons: &mut Reasons) {
    let count = |outcome| findings.iter().flatten().filter(|finding| finding.outcome == outcome).count();
    reasons.tell(
        Draft::new(Code::AllChecksPassed)
            .figure("passed", count(Outcome::Pass))
            .figure("open", count(Outcome::Inconclusive)),
    );
    let (total, limit) = (claim_total(evidence), policy.amount_limit());
    reasons.tell(Draft::new(Code::WithinAmountLimit).figure("total", total).figure("limit", limit));
    for (document, findings) in findings.iter().enumerate() {
        let corroborated = findings.iter().find(|finding| finding.check == CheckId::TotalCorroborated);
        let total = evidence.readings.get(document).and_then(total_of);
        if let (Some(finding), Some(total)) = (corroborated, total) {
            let by = finding.detail.get("by").map_or("", String::as_str);
            reasons.tell(
                Draft::new(Code::TotalCorroborated)
                    .on(document)
                    .at(Some(FieldName::Total), finding.regions.first().copied())
                    .figure("total", total)
                    .words("by", reasons::corroboration_labels(by)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;
    use crate::domain::FieldName::*;
    use crate::domain::issuer::{IssuerFact, IssuerOutcome, PaperAnswer};
    use crate::domain::pixels::{Signal, SignalName};
    use crate::domain::risk::{Contribution, DocumentRisk, Feature};
    use crate::domain::support::{bill, claim, evidence, inpatient, invoice, issuer_fact, reading, receipt, repeat};
    use crate::domain::{Bp, Claim, ContentHash, Message, PrintMatch, RepeatKind, RetakeAdvice, canonical_json};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn risk(probability_ppm: u32, limit_ppm: Option<u32>) -> Option<Risk> {
        let most = Contribution { feature: Feature::OddInLine, millinats: 900 };
        let documents = vec![DocumentRisk { probability_ppm, contributions: vec![most] }];
        Some(Risk { probability_ppm, limit_ppm, model: ContentHash([1; 32]), documents })
    }

    fn low() -> Option<Risk> {
        risk(10, Some(100))
    }

    fn judge(evidence: &Evidence) -> Verdict {
        decide(&Policy::default(), evidence, checks::run(evidence), low())
    }

    fn codes(verdict: &Verdict) -> Vec<&str> {
        verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    fn blocking(verdict: &Verdict) -> Vec<&str> {
        let blocking = verdict.reasons.iter().filter(|reason| reason.severity == Severity::Blocking);
        blocking.map(|reason| reason.code.as_str()).collect()
    }

    fn with_claim(readings: Vec<Reading>) -> Evidence {
        Evidence { claim: Some(claim()), ..evidence(readings) }
    }

    fn other(reading: Reading) -> Reading {
        Reading { sha256: ContentHash([7; 32]), picture_hash: None, ..reading }
    }

    #[test]
    fn sound_papers_are_approved() {
        for (name, evidence) in [
            ("bill", evidence(vec![bill()])),
            ("bill with claim", with_claim(vec![bill()])),
            ("inpatient bill", with_claim(vec![inpatient()])),
            ("invoice", evidence(vec![invoice()])),
            ("receipt", evidence(vec![receipt()])),
            ("bill and invoice", with_claim(vec![bill(), invoice()])),
        ] {
            let verdict = judge(&evidence);
            assert_eq!(verdict.decision, Decision::AutoApprove, "{name}: {:#?}", verdict.reasons);
            assert_eq!(&codes(&verdict)[..2], ["all_checks_passed", "within_amount_limit"], "{name}");
            assert_eq!(codes(&verdict).len(), 2 + evidence.readings.len(), "{name}");
        }
        let verdict = judge(&evidence(vec![receipt()]));
        assert_eq!(
            verdict.reasons[2].message.en,
            "The total of 10.60 is confirmed by: the rows add up to the total; subtotal, tax and rounding make the \
             total; cash less change is the total."
        );
    }

    #[test]
    fn what_no_measurement_bears_out_is_review() {
        let sound = evidence(vec![bill()]);
        let decided = |risk| decide(&Policy::default(), &sound, checks::run(&sound), risk);
        let code = |risk| blocking(&decided(risk)).join(",");
        assert_eq!(decided(risk(100, Some(100))).decision, Decision::AutoApprove);
        assert_eq!(code(risk(101, Some(100))), "risk_above_limit");
        assert_eq!(code(risk(0, None)), "guarantee_not_earned");
        assert_eq!(code(None), "processing_failed");
        let reason = &decided(risk(1_250, Some(100))).reasons[0];
        assert!(reason.message.en.contains("1.250 ‰, above the limit of 0.100 ‰"), "{}", reason.message.en);
        assert!(reason.message.en.contains("characters differ from their line"), "{}", reason.message.en);
    }

    #[test]
    fn what_the_pixels_could_not_be_asked_is_review() {
        for name in [SignalName::OddInLine, SignalName::Recapture, SignalName::LearnedTrace] {
            let mut paper = bill();
            let signals = &mut paper.pixels.as_mut().unwrap().signals;
            signals.iter_mut().filter(|s| s.name == name).for_each(|s| *s = Signal::not_applicable(name, "too_large"));
            assert_eq!(blocking(&judge(&evidence(vec![paper]))), ["check_unclear"], "{name:?}");
        }
        let unseen = Reading { pixels: None, ..bill() };
        assert_eq!(blocking(&judge(&evidence(vec![unseen]))), ["check_unclear"; 3]);
    }

    #[test]
    fn a_share_of_would_be_approvals_goes_to_people_by_lot() {
        let drawn = |lot, paper: Reading| {
            let mut evidence = evidence(vec![paper]);
            evidence.facts.lot = lot;
            blocking(&judge(&evidence)).join(",")
        };
        assert_eq!(drawn(Some(199), bill()), "drawn_by_lot");
        assert_eq!(drawn(Some(200), bill()), "");
        assert_eq!(drawn(None, bill()), "");
        // What is held anyway is no sample of what would be approved.
        assert!(!drawn(Some(0), bill().unclear(Total)).contains("drawn_by_lot"));
    }

    #[test]
    fn an_issuer_that_is_not_known_is_told_or_blocks_as_the_policy_says() {
        let required =
            Policy::default().text().replace("issuer_registry = \"optional\"", "issuer_registry = \"required\"");
        let policies = [Policy::default(), Policy::parse(&required).unwrap()];
        for (fact, wanted) in [
            (Some(IssuerOutcome::Matched), ["", ""]),
            (Some(IssuerOutcome::Unknown), ["", "issuer_unknown"]),
            (Some(IssuerOutcome::Unclear), ["", "issuer_unclear"]),
            (Some(IssuerOutcome::Unanswered), ["issuer_unanswered", "issuer_unanswered"]),
            (None, ["", "issuer_unanswered"]),
        ] {
            let mut evidence = evidence(vec![bill()]);
            evidence.facts.issuers = fact.map(issuer_fact).into_iter().collect();
            let by = |policy| blocking(&decide(policy, &evidence, checks::run(&evidence), low())).join(",");
            assert_eq!([by(&policies[0]), by(&policies[1])], wanted, "{fact:?}");
        }
    }

    #[test]
    fn nothing_is_approved_while_the_gate_is_closed() {
        let mut evidence = evidence(vec![bill()]);
        evidence.facts.lot = Some(0);
        assert!(!serde_json::to_string(&evidence).unwrap().contains("gate"), "an open gate leaves no trace");
        evidence.facts.gate = Gate::Closed;
        let verdict = judge(&evidence);
        assert_eq!((verdict.decision, blocking(&verdict)), (Decision::HumanReview, vec!["approval_closed"]));
        assert!(verdict.held_by().next().is_none() && !verdict.is_sample_of_approvals());
        let again: Evidence = serde_json::from_slice(&canonical_json(&evidence)).unwrap();
        assert_eq!(judge(&again), verdict);
    }

    #[test]
    fn a_claim_that_says_what_it_is_for_must_hold_its_papers() {
        let of_type = |claim_type: &str, readings: Vec<Reading>| {
            let mut evidence = with_claim(readings);
            evidence.claim.as_mut().unwrap().claim_type = Some(claim_type.to_owned());
            evidence
        };
        let verdict = judge(&of_type("outpatient", vec![bill()]));
        assert_eq!(verdict.decision, Decision::AutoApprove, "{:#?}", verdict.reasons);
        let whole = verdict.completeness.unwrap();
        assert_eq!((whole.needs.len(), &whole.needs[0].documents, whole.missing().count()), (1, &vec![0], 0));
        let verdict = judge(&of_type("outpatient", vec![receipt()]));
        assert!(blocking(&verdict).contains(&"papers_missing"));
        let verdict = judge(&of_type("inpatient", vec![inpatient()]));
        assert!(blocking(&verdict).contains(&"papers_missing"));
        let completeness = verdict.completeness.unwrap();
        let missing: Vec<&str> = completeness.missing().map(|need| need.any_of[0].as_str()).collect();
        assert_eq!(missing, ["expense_list", "discharge_record", "insured_identity"]);
        let told = &verdict.reasons.iter().find(|reason| reason.code == "papers_missing").unwrap().message;
        assert!(told.en.contains("expense list, discharge record, the insured's identity number"), "{}", told.en);
        assert!(told.zh.contains("费用清单、出院记录、被保险人证件号码"), "{}", told.zh);
        let mut all = of_type("inpatient", vec![inpatient(), reading(DocumentKind::ExpenseList, &[]), other(bill())]);
        all.claim.as_mut().unwrap().insured.as_mut().unwrap().id_number = Some("11010519491231002X".to_owned());
        all.readings[2].kind = DocumentKind::DischargeRecord;
        assert_eq!(judge(&all).completeness.unwrap().missing().count(), 0);
        all.readings[1].unreadable = Some("damaged".to_owned());
        assert_eq!(judge(&all).completeness.unwrap().missing().count(), 1, "what cannot be read is not there");
        let verdict = judge(&of_type("dental", vec![bill()]));
        assert_eq!((blocking(&verdict), &verdict.completeness), (vec!["claim_type_unknown"], &None));
        assert_eq!(judge(&with_claim(vec![bill()])).completeness, None, "without a type it is taken as it is");
    }

    #[test]
    fn nothing_is_review() {
        let empty = evidence(vec![]);
        let verdict = judge(&empty);
        assert_eq!((verdict.decision, codes(&verdict)), (Decision::HumanReview, vec!["no_photos"]));
        let verdict = decide(&Policy::default(), &evidence(vec![bill()]), vec![], low());
        assert_eq!(verdict.decision, Decision::HumanReview, "no findings is not no failures");
        assert!(codes(&verdict).contains(&"processing_failed"));
        let verdict = decide(&Policy::default(), &empty, checks::run(&evidence(vec![bill()])), low());
        assert_eq!(verdict.decision, Decision::HumanReview);
    }

    /// Named ways to spoil a claim, and the code each must give.
    fn spoilt() -> Vec<(&'static str, Evidence)> {
        let one = |reading: Reading| evidence(vec![reading]);
        let claimed = |reading: Reading| with_claim(vec![reading]);
        let mut blurred = bill();
        blurred.quality.sharpness = Some(Bp(2_499));
        let mut small = bill();
        small.quality.text_height = None;
        let mut advised = bill();
        advised.retake.push(RetakeAdvice {
            code: "glare".into(),
            message: Message { en: "x".into(), zh: "x".into() },
            region: None,
        });
        let mut unclear_kind = bill();
        unclear_kind.kind_confidence = Bp(6_099);
        let mut unsure = bill();
        unsure.fields.get_mut(&Total).unwrap().confidence = Bp(9_099);
        let mut guessed = bill();
        guessed.fields.get_mut(&IssuerName).unwrap().confidence = Bp(6_099);
        let mut disagreeing = bill();
        disagreeing.fields.get_mut(&BillNumber).unwrap().readers.insert("tesseract".into(), "0012345670".into());
        let mut read_once = receipt();
        read_once.fields.get_mut(&IssueDate).unwrap().readers.remove("tesseract");
        let mut wrong_row = bill();
        wrong_row.items[0].amount = Some("299.00".into());
        let mut failed = one(bill());
        failed.facts.failures.push("reader timed out".into());
        let mut asking_much = claimed(bill());
        asking_much.claim = Some(Claim { amount: Some("320.51".into()), ..claim() });
        let seen = |kind, distance| {
            let mut evidence = claimed(bill());
            evidence.facts.repeats_searched = true;
            evidence.facts.repeats.push(repeat(kind, "another", distance));
            evidence
        };
        let mut bare_receipt = receipt().without(Cash).without(Subtotal);
        bare_receipt.items.clear();
        let unread = Reading::unreadable("x", ContentHash([3; 32]), "not a picture".into());
        let issued = |fact: IssuerFact| {
            let mut evidence = one(bill());
            evidence.facts.issuers.push(fact);
            evidence
        };
        let layered =
            |total: &str| Reading { text_layer: Some(format!("11060124 0012345678 2024-05-12 {total}")), ..bill() };
        vec![
            ("no_photos", evidence(vec![])),
            (
                "too_many_documents",
                evidence((0..11).map(|i| Reading { sha256: ContentHash([i; 32]), ..receipt() }).collect()),
            ),
            ("processing_failed", failed),
            ("photo_unreadable", one(unread)),
            ("unreadable_quality", one(blurred)),
            ("unreadable_quality", one(small)),
            ("retake_advised", one(advised)),
            ("unknown_document", one(reading(DocumentKind::Unknown, &[(Total, "1.00")]))),
            ("kind_uncertain", one(unclear_kind)),
            ("kind_not_approvable", one(reading(DocumentKind::DischargeRecord, &[(PatientName, "张三")]))),
            ("required_field_missing", one(bill().without(IssuerName))),
            ("field_not_understood", one(bill().unclear(IssueDate))),
            ("low_confidence", one(unsure)),
            ("low_confidence", one(guessed)),
            ("readers_disagree", one(disagreeing)),
            ("read_by_one_reader", one(read_once)),
            ("total_not_positive", one(bill().set(Total, "-320.50"))),
            ("amount_above_limit", one(bill().set(Total, "3000.01"))),
            ("total_not_corroborated", one(bare_receipt)),
            ("check_unclear", claimed(bill().set(PayerName, "**"))),
            ("check_not_passed", one(bill().unclear(TotalInWords))),
            ("total_in_words_differs", one(bill().set(TotalInWords, "叁佰贰拾元整"))),
            ("items_do_not_add_up", one(wrong_row)),
            ("payments_do_not_add_up", one(bill().set(CashPayment, "1.50"))),
            ("own_share_differs", one(bill().set(SelfPaid, "100.00").set(SelfFunded, "1.00"))),
            (
                "deposits_do_not_add_up",
                one(inpatient().set(Deposit, "9.00").set(TopUp, "0.00").set(Refund, "0.00").set(CashPayment, "1.00")),
            ),
            ("tax_does_not_add_up", one(invoice().set(Tax, "13.10"))),
            ("cash_and_change_differ", one(receipt().set(Change, "9.45"))),
            ("bill_code_malformed", one(bill().set(BillCode, "11010124"))),
            ("bill_number_malformed", one(bill().set(BillNumber, "12"))),
            ("check_code_malformed", one(bill().set(CheckCode, "55e82!"))),
            ("invoice_number_malformed", one(invoice().set(InvoiceNumber, "1234567"))),
            ("credit_code_wrong", one(bill().set(IssuerId, "12110000400685133M"))),
            ("payer_identity_wrong", one(bill().set(PayerId, "110105194912310021"))),
            ("dates_out_of_order", one(bill().set(VisitDate, "2024-05-13"))),
            ("date_in_future", one(bill().set(IssueDate, "2024-06-02"))),
            ("bill_too_old", claimed(bill().set(IssueDate, "2021-05-12"))),
            ("outside_policy_period", claimed(bill().set(VisitDate, "2023-12-31"))),
            ("qr_differs_from_print", one(bill().set(BillNumber, "0012345679"))),
            ("seen_before_same_bytes", seen(RepeatKind::SameBytes, 0)),
            ("seen_before_same_number", seen(RepeatKind::SameNumber, 0)),
            ("seen_before_same_picture", seen(RepeatKind::SamePicture, 3)),
            ("may_have_been_seen_before", seen(RepeatKind::SamePicture, 8)),
            ("name_differs", claimed(bill().set(PayerName, "李四"))),
            ("claimed_amount_above_documents", asking_much),
            ("documents_disagree", evidence(vec![bill(), invoice().set(BuyerName, "李四")])),
            ("marked_void", one(bill().line("电子票据冲红"))),
            ("total_contradicted", one(bill().set(Total, "320.60"))),
            ("text_layer_differs", one(layered("玖佰元整 900.00"))),
            ("issuer_mismatched", issued(issuer_fact(IssuerOutcome::Mismatched))),
            (
                "document_forged",
                issued(IssuerFact { paper: Some(PaperAnswer::Forged), ..issuer_fact(IssuerOutcome::Matched) }),
            ),
            ("issuer_unclear", issued(IssuerFact { conflict: true, ..issuer_fact(IssuerOutcome::Matched) })),
            ("issuer_unanswered", issued(issuer_fact(IssuerOutcome::Unanswered))),
            ("check_unclear", one(layered("900.00"))),
        ]
    }

    #[test]
    fn every_spoilt_claim_goes_to_a_person_and_is_told_why() {
        for (code, evidence) in spoilt() {
            let verdict = judge(&evidence);
            assert_eq!(verdict.decision, Decision::HumanReview, "{code}");
            assert!(blocking(&verdict).contains(&code), "{code} is not in {:?}", codes(&verdict));
            for reason in &verdict.reasons {
                let Message { en, zh } = &reason.message;
                assert!(!en.contains(['?', '{']) && !zh.contains(['?', '{']), "{code}: {en} {zh}");
                assert!(!format!("{en}{zh}").contains("张三") && !format!("{en}{zh}").contains("李四"), "{en} {zh}");
            }
        }
    }

    #[test]
    fn every_reason_code_is_reachable() {
        let mut reached: BTreeSet<String> = BTreeSet::new();
        let all = spoilt().into_iter().map(|(_, evidence)| evidence).chain([evidence(vec![bill()])]);
        for evidence in all {
            reached.extend(judge(&evidence).reasons.into_iter().map(|reason| reason.code));
        }
        // Checks that today only ever raise doubt; a failure would still have its code.
        let of_others = [CheckId::Currency, CheckId::CodeOrigin, CheckId::StayDays];
        for check in [CheckId::SubtotalSum, CheckId::QrChecksum].into_iter().chain(of_others) {
            let evidence = evidence(vec![bill()]);
            let mut findings = checks::run(&evidence);
            findings[0].iter_mut().find(|f| f.check == check).unwrap().outcome = Outcome::Fail;
            reached.extend(decide(&Policy::default(), &evidence, findings, low()).reasons.into_iter().map(|r| r.code));
        }
        for check in [CheckId::SealIssuer, CheckId::RowPrices] {
            let evidence = evidence(vec![Reading { seals: Some(Vec::new()), ..bill() }]);
            let mut findings = checks::run(&evidence);
            findings[0].iter_mut().find(|f| f.check == check).unwrap().outcome = Outcome::Fail;
            reached.extend(decide(&Policy::default(), &evidence, findings, low()).reasons.into_iter().map(|r| r.code));
        }
        let mut again = evidence(vec![bill()]);
        let print = PrintMatch { words: 40, words_in_place: 40, figures_same: 20, figures_near: 0, figures_other: 0 };
        again.facts.repeats_searched = true;
        again.facts.repeats =
            vec![crate::domain::Repeat { print: Some(print), ..repeat(RepeatKind::SameContent, "other", 0) }];
        reached.extend(judge(&again).reasons.into_iter().map(|r| r.code));
        // What pixels, a draw and measurement say.
        let pixels = [
            CheckId::GlyphGrid,
            CheckId::DoubleJpeg,
            CheckId::CopiedGlyphs,
            CheckId::OddInLine,
            CheckId::Recapture,
            CheckId::LearnedTrace,
            CheckId::FileHistory,
        ];
        let mut drawn = evidence(vec![bill()]);
        drawn.facts.lot = Some(0);
        reached.extend(judge(&drawn).reasons.into_iter().map(|r| r.code));
        drawn.facts.gate = Gate::Closed;
        drawn.facts.issuers.push(issuer_fact(IssuerOutcome::Unknown));
        reached.extend(judge(&drawn).reasons.into_iter().map(|r| r.code));
        for risk in [risk(2, Some(1)), risk(0, None)] {
            let evidence = evidence(vec![bill()]);
            let mut findings = checks::run(&evidence);
            findings[0].iter_mut().filter(|f| pixels.contains(&f.check)).for_each(|f| f.outcome = Outcome::Fail);
            reached.extend(decide(&Policy::default(), &evidence, findings, risk).reasons.into_iter().map(|r| r.code));
        }
        for claim_type in ["inpatient", "dental"] {
            let mut typed = with_claim(vec![bill()]);
            typed.claim.as_mut().unwrap().claim_type = Some(claim_type.to_owned());
            reached.extend(judge(&typed).reasons.into_iter().map(|r| r.code));
        }
        for code in reason_codes() {
            assert!(reached.contains(code), "{code} was never given");
        }
    }

    #[test]
    fn several_bills_count_together_against_the_limit() {
        let dear = |amount, words| {
            let mut r = bill().set(Total, amount).set(TotalInWords, words).set(BillNumber, amount);
            r.items.clear();
            other(r)
        };
        let verdict = judge(&evidence(vec![dear("2000.00", "贰仟元整"), dear("1000.01", "壹仟元零壹分")]));
        let above = verdict.reasons.iter().find(|r| r.code == "amount_above_limit").unwrap();
        assert_eq!(above.document, None);
        assert!(above.message.en.contains("3000.01"), "{}", above.message.en);
    }

    #[test]
    fn an_amount_above_the_limit_is_said_once_where_it_stands() {
        let mut evidence = with_claim(vec![bill().set(Total, "3000.01")]);
        evidence.claim = Some(Claim { amount: Some("4000.00".into()), ..claim() });
        let said: Vec<Option<usize>> =
            judge(&evidence).reasons.iter().filter(|r| r.code == "amount_above_limit").map(|r| r.document).collect();
        assert_eq!(said, [Some(0)]);
    }

    #[test]
    fn reasons_are_blocking_first_and_each_once() {
        let mut evidence = with_claim(vec![bill(), other(bill().set(BillNumber, "0012345679"))]);
        evidence.claim = Some(Claim { amount: Some("900.00".into()), ..claim() });
        let verdict = judge(&evidence);
        let above = codes(&verdict).iter().filter(|c| **c == "claimed_amount_above_documents").count();
        assert_eq!(above, 1, "said once of the claim, not once a document");
        assert!(verdict.reasons.is_sorted_by_key(|r| r.severity));
    }

    #[test]
    fn harmless_advice_is_only_told() {
        let text = Policy::default().text().replace("harmless_advice = []", "harmless_advice = [\"glare\"]");
        let policy = Policy::parse(&text).unwrap();
        let (_, advised) = spoilt().into_iter().find(|(code, _)| *code == "retake_advised").unwrap();
        let verdict = decide(&policy, &advised, checks::run(&advised), low());
        assert_eq!(verdict.decision, Decision::AutoApprove);
        assert!(codes(&verdict).contains(&"retake_advised"));
    }

    /// Claims sound and spoilt, alone and joined.
    fn any_evidence() -> impl Strategy<Value = Evidence> {
        let count = spoilt().len();
        let papers = prop::sample::subsequence(vec![0, 1, 2, 3], 0..=4);
        (0..count * 2, papers, any::<bool>()).prop_map(move |(spoil, papers, claimed)| {
            let mut out = if spoil < count { spoilt().swap_remove(spoil).1 } else { evidence(vec![]) };
            let all = [bill(), inpatient().set(BillNumber, "0000000007"), invoice(), receipt()];
            out.readings.extend(papers.into_iter().map(|i| all[i].clone()));
            out.claim = claimed.then(claim);
            out
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn one_more_failure_never_approves(
            evidence in any_evidence(),
            check in prop::sample::select(CheckId::ALL),
            document in 0_usize..4,
        ) {
            let policy = Policy::default();
            let findings = checks::run(&evidence);
            let before = decide(&policy, &evidence, findings.clone(), low());
            let mut worse = findings;
            if let Some(list) = worse.get_mut(document) {
                let finding = Finding { check, outcome: Outcome::Fail, detail: [].into(), fields: vec![], regions: vec![] };
                list.push(finding);
            }
            let after = decide(&policy, &evidence, worse.clone(), low());
            prop_assert!(before.decision == Decision::AutoApprove || after.decision == Decision::HumanReview);
            // By default a failure of any check blocks.
            prop_assert!(worse.get(document).is_none() || after.decision == Decision::HumanReview);
        }

        #[test]
        fn the_same_evidence_gives_the_same_bytes(evidence in any_evidence()) {
            let (a, b) = (judge(&evidence), judge(&evidence.clone()));
            prop_assert_eq!(canonical_json(&a), canonical_json(&b));
            let again: Evidence = serde_json::from_slice(&canonical_json(&evidence)).unwrap();
            prop_assert_eq!(canonical_json(&judge(&again)), canonical_json(&a));
            prop_assert!(!a.reasons.is_empty());
            prop_assert_eq!(blocking(&a).is_empty(), a.decision == Decision::AutoApprove);
        }

        #[test]
        fn one_field_less_never_approves_what_was_reviewed(
            evidence in any_evidence(),
            name in prop::sample::select(&[Total, IssueDate, BillNumber, TotalInWords, InvoiceNumber][..]),
        ) {
            let before = judge(&evidence);
            let mut less = evidence;
            less.readings.iter_mut().for_each(|r| *r = r.clone().unclear(name));
            let seen = less.readings.iter().any(|r| r.fields.contains_key(&name));
            let after = judge(&less);
            prop_assert!(before.decision == Decision::AutoApprove || after.decision == Decision::HumanReview);
            prop_assert!(!seen || after.decision == Decision::HumanReview);
        }
    }
}
