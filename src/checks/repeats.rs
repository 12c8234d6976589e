//! Seen before: the same bytes, a picture that looks the same, the same number.

use super::{Answer, Case};
use crate::domain::FieldName::{BillCode, BillNumber, InvoiceCode, InvoiceNumber, IssueDate};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::likeness::{self, marks, number};
use crate::domain::{Outcome, PrintMatch, Reading, RepeatKind, SamePaper};
use std::collections::BTreeMap;

/// Up to this many differing bits of 64, two pictures are one, where their print cannot be compared.
const SAME_PICTURE: u32 = 4;

/// Nobody has submitted this document before, in another claim or twice in this one.
///
/// The same bytes and the same number in another claim fail. A picture that looks the same or a mark that others may bear
/// only points to a candidate: it fails where the print agrees, in place and in figures, tells nothing where it shows two
/// papers of one form, and is inconclusive where that cannot be told.
///
/// Within the claim a second photo of a paper passes, since its total counts once ([`likeness::is_same_bill`]); what may
/// be one is inconclusive. Not applicable if nothing was searched and the claim itself holds no repeat. `detail` counts
/// each kind; it does not name the other claims, which the claimant must not learn.
pub(super) fn repeat(case: &Case) -> Answer {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut outcome = Pass;
    let mut found = |name, one: Outcome| {
        *counts.entry(name).or_default() += 1;
        outcome = match (outcome, one) {
            (Fail, _) | (_, Fail) => Fail,
            (Inconclusive, _) | (_, Inconclusive) => Inconclusive,
            _ => Pass,
        };
    };
    for repeat in case.evidence.facts.repeats.iter().filter(|r| r.document == case.document) {
        let same_paper = repeat.print.map(|print| print.same_paper());
        match (repeat.kind, same_paper) {
            (RepeatKind::SameBytes, _) => found("same_bytes", Fail),
            (RepeatKind::SameNumber, _) => found("same_number", Fail),
            (_, Some(SamePaper::No)) => found("other_paper_of_the_form", Pass),
            (RepeatKind::SameContent, Some(SamePaper::Yes)) => found("same_paper", Fail),
            (RepeatKind::SameContent, _) => found("same_content", Inconclusive),
            (RepeatKind::SamePicture, Some(SamePaper::Yes)) => found("same_picture", Fail),
            (RepeatKind::SamePicture, None) if repeat.distance <= SAME_PICTURE => found("same_picture", Fail),
            (RepeatKind::SamePicture, _) => found("similar_picture", Inconclusive),
        }
    }
    let (number, marks) = (number(case.reading), marks(case.reading));
    for (i, other) in case.evidence.readings.iter().enumerate() {
        if i == case.document {
            continue;
        }
        let print = || PrintMatch::of(case.reading, other).map(|print| print.same_paper());
        if (other.sha256, other.pdf_page) == (case.reading.sha256, case.reading.pdf_page) {
            found("same_bytes", Fail);
        } else if likeness::is_same_bill(case.reading, other) {
            found("photographed_again_within_claim", Pass);
        } else if number.is_some() && number == likeness::number(other) {
            found("same_number_within_claim", Inconclusive);
        } else if !marks.is_disjoint(&likeness::marks(other)) {
            if print() != Some(SamePaper::No) || !likeness::proofs(case.reading).is_disjoint(&likeness::proofs(other)) {
                found("same_content_within_claim", Inconclusive);
            }
        } else if distance(case.reading, other).is_some_and(|bits| bits <= SAME_PICTURE)
            && !two_papers(case.reading, other)
            && print() != Some(SamePaper::No)
        {
            found("same_picture_within_claim", Inconclusive);
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
    use crate::domain::FieldName::{CheckCode, PayerName, Total};
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
    fn the_print_confirms_or_refutes() {
        use RepeatKind::{SameContent, SameNumber, SamePicture};
        let counts = |figures_same, figures_other| PrintMatch {
            words: 40,
            words_in_place: 38,
            figures_same,
            figures_near: 0,
            figures_other,
        };
        let (same, unclear, other) = (counts(20, 0), counts(20, 4), counts(8, 12));
        for (kind, distance, print, outcome, why) in [
            (SamePicture, 7, same, Fail, "same_picture"),
            (SamePicture, 0, unclear, Inconclusive, "similar_picture"),
            (SamePicture, 0, other, Pass, "other_paper_of_the_form"),
            (SameContent, 0, same, Fail, "same_paper"),
            (SameContent, 0, unclear, Inconclusive, "same_content"),
            (SameContent, 0, other, Pass, "other_paper_of_the_form"),
            (SameNumber, 0, other, Fail, "same_number"),
        ] {
            let mut evidence = evidence(vec![bill()]);
            evidence.facts.repeats_searched = true;
            evidence.facts.repeats =
                vec![crate::domain::Repeat { print: Some(print), ..seen(kind, "other", distance) }];
            let finding = ask(&evidence, CheckId::Repeat);
            assert_eq!((finding.outcome, finding.detail.contains_key(why)), (outcome, true), "{kind:?} {print:?}");
        }
    }

    #[test]
    fn siblings_are_compared_even_if_nothing_was_searched() {
        let mut other = bill();
        assert_eq!(ask(&evidence(vec![bill(), other.clone()]), CheckId::Repeat).outcome, Fail, "same bytes");
        other.sha256 = ContentHash([9; 32]);
        let finding = ask(&evidence(vec![bill(), other.clone()]), CheckId::Repeat);
        assert_eq!((finding.outcome, finding.detail["photographed_again_within_claim"].as_str()), (Pass, "1"));
        let altered = other.clone().set(Total, "920.50");
        let finding = ask(&evidence(vec![bill(), altered]), CheckId::Repeat);
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
