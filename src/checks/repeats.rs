//! Seen before: the same bytes, a picture that looks the same, the same number.

use super::{Answer, Case};
use crate::domain::FieldName::{BillCode, BillNumber, InvoiceCode, InvoiceNumber, IssueDate};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::likeness::{self, marks, number};
use crate::domain::{Reading, RepeatKind};
use std::collections::BTreeMap;

/// Up to this many differing bits of 64, two pictures are one.
const SAME_PICTURE: u32 = 4;

/// Nobody has submitted this document before, in another claim or twice in this one.
///
/// The same bytes always fail. The same number or picture in another claim fails; within the claim it is inconclusive,
/// since a claimant may photograph one bill twice. The same content is always inconclusive. Not applicable if nothing was searched and the claim itself holds no
/// repeat. `detail` counts each kind; it does not name the other claims, which the claimant must not learn.
pub(super) fn repeat(case: &Case) -> Answer {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut outcome = Pass;
    let mut found = |name, failing: bool| {
        *counts.entry(name).or_default() += 1;
        outcome = if failing || outcome == Fail { Fail } else { Inconclusive };
    };
    for repeat in case.evidence.facts.repeats.iter().filter(|r| r.document == case.document) {
        match repeat.kind {
            RepeatKind::SameBytes => found("same_bytes", true),
            RepeatKind::SameNumber => found("same_number", true),
            RepeatKind::SameContent => found("same_content", false),
            RepeatKind::SamePicture if repeat.distance <= SAME_PICTURE => found("same_picture", true),
            RepeatKind::SamePicture => found("similar_picture", false),
        }
    }
    let (number, marks) = (number(case.reading), marks(case.reading));
    for (i, other) in case.evidence.readings.iter().enumerate() {
        if i == case.document {
            continue;
        }
        if (other.sha256, other.pdf_page) == (case.reading.sha256, case.reading.pdf_page) {
            found("same_bytes", true);
        } else if number.is_some() && number == likeness::number(other) {
            found("same_number_within_claim", false);
        } else if !marks.is_disjoint(&likeness::marks(other)) {
            found("same_content_within_claim", false);
        } else if distance(case.reading, other).is_some_and(|bits| bits <= SAME_PICTURE)
            && !two_papers(case.reading, other)
        {
            found("same_picture_within_claim", false);
        }
    }
    if counts.is_empty() && !case.evidence.facts.repeats_searched
        || case.reading.unreadable.is_some() && outcome == Pass
    {
        return Answer::not_applicable();
    }
    counts
        .iter()
        .fold(case.answer(outcome, &[BillCode, BillNumber, InvoiceCode, InvoiceNumber]), |answer, (name, count)| {
            answer.with(name, count)
        })
}

fn two_papers(a: &Reading, b: &Reading) -> bool {
    let number = |r| likeness::number(r).map(|(_, number)| number);
    likeness::are_two_papers((number(a), number(b)), (a.value(IssueDate), b.value(IssueDate)))
}

/// Differing bits of the perceptual hashes.
fn distance(a: &Reading, b: &Reading) -> Option<u32> {
    let bits = |r: &Reading| u64::from_str_radix(r.picture_hash.as_deref()?, 16).ok();
    Some((bits(a)? ^ bits(b)?).count_ones())
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::FieldName::{CheckCode, PayerName};
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, claim, evidence, repeat as seen};
    use crate::domain::{CheckId, ContentHash};

    #[test]
    fn elsewhere_and_within() {
        use RepeatKind::{SameBytes, SameContent, SameNumber, SamePicture};
        for (name, repeats, searched, outcome) in [
            ("nothing searched", vec![], false, NotApplicable),
            ("nothing found", vec![], true, Pass),
            ("bytes elsewhere", vec![seen(SameBytes, "other", 0)], true, Fail),
            ("number elsewhere", vec![seen(SameNumber, "other", 0)], true, Fail),
            ("content elsewhere", vec![seen(SameContent, "other", 0)], true, Inconclusive),
            ("picture elsewhere", vec![seen(SamePicture, "other", 4)], true, Fail),
            ("like picture elsewhere", vec![seen(SamePicture, "other", 5)], true, Inconclusive),
            ("both", vec![seen(SamePicture, "other", 9), seen(SameNumber, "other", 0)], true, Fail),
        ] {
            let mut evidence = evidence(vec![bill()]);
            evidence.claim = Some(claim());
            evidence.facts.repeats_searched = searched;
            evidence.facts.repeats = repeats;
            assert_eq!(ask(&evidence, CheckId::Repeat).outcome, outcome, "{name}");
        }
    }

    #[test]
    fn siblings_are_compared_even_if_nothing_was_searched() {
        let mut other = bill();
        assert_eq!(ask(&evidence(vec![bill(), other.clone()]), CheckId::Repeat).outcome, Fail, "same bytes");
        other.sha256 = ContentHash([9; 32]);
        let finding = ask(&evidence(vec![bill(), other.clone()]), CheckId::Repeat);
        assert_eq!((finding.outcome, finding.detail["same_number_within_claim"].as_str()), (Inconclusive, "1"));
        other = other.set(BillNumber, "0012345679");
        let finding = ask(&evidence(vec![bill(), other.clone()]), CheckId::Repeat);
        assert_eq!((finding.outcome, finding.detail["same_content_within_claim"].as_str()), (Inconclusive, "1"));
        let unnumbered = other.clone().without(BillNumber).set(CheckCode, "aaaaaa").set(PayerName, "李四");
        let finding = ask(&evidence(vec![bill(), unnumbered]), CheckId::Repeat);
        assert_eq!((finding.outcome, finding.detail["same_picture_within_claim"].as_str()), (Inconclusive, "1"));
        // Two bills of one form look alike.
        other = other.set(CheckCode, "aaaaaa").set(PayerName, "李四");
        assert_eq!(ask(&evidence(vec![bill(), other]), CheckId::Repeat).outcome, NotApplicable);
    }
}
