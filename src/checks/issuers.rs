//! What was said of who issued a document.

use super::{Answer, Case};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::issuer::{IssuerFact, IssuerOutcome, PaperAnswer, issuer_fields};

/// The issuer is one that is known, by a registry, a verifier or both. Not applicable where neither was asked.
///
/// An answer that speaks against the paper outweighs all others, and a source that did not answer is not outvoted.
pub(super) fn issuer_registered(case: &Case) -> Answer {
    let facts: Vec<&IssuerFact> = case.evidence.facts.issuers.iter().filter(|f| f.document == case.document).collect();
    let (Some([name, code, ..]), false) = (issuer_fields(case.kind()), facts.is_empty()) else {
        return Answer::not_applicable();
    };
    let any = |outcome| facts.iter().any(|fact| fact.outcome == outcome);
    let (outcome, why) = if facts.iter().any(|fact| fact.paper == Some(PaperAnswer::Forged)) {
        (Fail, "forged")
    } else if any(IssuerOutcome::Mismatched) {
        (Fail, "code_of_another")
    } else if facts.iter().any(|fact| fact.conflict) {
        (Inconclusive, "conflict")
    } else if any(IssuerOutcome::Unanswered) {
        (Inconclusive, "unanswered")
    } else if any(IssuerOutcome::Unclear) {
        (Inconclusive, "unclear")
    } else if any(IssuerOutcome::Matched) {
        (Pass, "known")
    } else {
        (Inconclusive, "unknown")
    };
    let mut answer = case.answer(outcome, &[name, code]).why(why);
    for fact in facts {
        let told = [("level", &fact.level), ("nature", &fact.nature), ("province", &fact.province)];
        for (figure, value) in told.into_iter().filter_map(|(figure, value)| Some((figure, value.as_ref()?))) {
            answer = answer.with(figure, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::support::{bill, evidence, issuer_fact, reading};
    use crate::domain::{CheckId, DocumentKind, FieldName, Outcome};

    #[test]
    fn what_speaks_against_the_paper_outweighs_the_rest() {
        use IssuerOutcome::*;
        let said = |outcome| issuer_fact(outcome);
        let forged = IssuerFact { paper: Some(PaperAnswer::Forged), ..said(Matched) };
        let contradicting = IssuerFact { conflict: true, ..said(Matched) };
        for (facts, outcome, why) in [
            (vec![said(Matched)], Pass, "known"),
            (vec![said(Unknown), said(Matched)], Pass, "known"),
            (vec![said(Unclear), said(Matched)], Inconclusive, "unclear"),
            (vec![said(Unknown)], Inconclusive, "unknown"),
            (vec![said(Matched), said(Unanswered)], Inconclusive, "unanswered"),
            (vec![said(Matched), contradicting.clone()], Inconclusive, "conflict"),
            (vec![said(Mismatched), contradicting], Fail, "code_of_another"),
            (vec![said(Matched), forged], Fail, "forged"),
        ] {
            let mut evidence = evidence(vec![bill()]);
            evidence.facts.issuers = facts;
            let finding = ask(&evidence, CheckId::IssuerRegistered);
            assert_eq!((finding.outcome, finding.detail["why"].as_str()), (outcome, why));
            assert_eq!(finding.fields, [FieldName::IssuerName, FieldName::IssuerId]);
        }
        let mut evidence = evidence(vec![bill(), reading(DocumentKind::ExpenseList, &[])]);
        assert_eq!(ask(&evidence, CheckId::IssuerRegistered).outcome, Outcome::NotApplicable);
        evidence.facts.issuers = vec![IssuerFact { document: 1, ..said(Matched) }];
        assert_eq!(
            ask(&evidence, CheckId::IssuerRegistered).outcome,
            Outcome::NotApplicable,
            "said of another document"
        );
    }
}
