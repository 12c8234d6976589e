//! What each value rests on besides its letters: the second reader, and what else on the paper says the same.

use super::{Answer, Case, arithmetic, identifiers, qr, reading};
use crate::domain::Outcome::{Fail, Pass};
use crate::domain::{Evidence, Facts, FieldName, Reading, Support};
use std::collections::BTreeMap;

/// What each field of a reading that has a value rests on. Follows from the reading alone: no claim, no facts.
pub fn support(reading: &Reading) -> BTreeMap<FieldName, Support> {
    let evidence = Evidence { claim: None, readings: vec![reading.clone()], facts: Facts::default() };
    let Some(case) = Case::new(&evidence, 0) else { return BTreeMap::new() };
    let votes = votes(&case);
    let read = case.reading.fields.iter().filter(|(_, field)| field.value.is_some());
    read.map(|(&name, field)| {
        let of_field = votes.get(&name).copied().unwrap_or_default();
        (name, weigh(of_field, &reading::opinions(name, field)))
    })
    .collect()
}

/// How many other things on the paper say the same, and how many otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Votes {
    pub same: u32,
    pub otherwise: u32,
}

/// What else on the paper says of each field's value.
pub(super) fn votes(case: &Case) -> BTreeMap<FieldName, Votes> {
    // A format alone is no vote: almost every misreading keeps it.
    const CHECKS: [fn(&Case) -> Answer; 8] = [
        arithmetic::total_in_words,
        arithmetic::items_sum,
        arithmetic::payment_split,
        arithmetic::tax_sum,
        arithmetic::subtotal_sum,
        arithmetic::cash_change,
        identifiers::credit_code,
        identifiers::payer_identity,
    ];
    let mut votes: BTreeMap<FieldName, Votes> = BTreeMap::new();
    let mut vote = |name, same: bool| {
        let of_field = votes.entry(name).or_default();
        of_field.same += u32::from(same);
        of_field.otherwise += u32::from(!same);
    };
    for answer in CHECKS.map(|ask| ask(case)) {
        if matches!(answer.outcome, Pass | Fail) && !answer.is_why(arithmetic::FALL_SHORT) {
            // The sex on the paper is held against the number, not read from it.
            let spoken_of = answer.fields.iter().filter(|name| **name != FieldName::Sex);
            spoken_of.for_each(|name| vote(*name, answer.outcome == Pass));
        }
    }
    qr::repeated(case).into_iter().for_each(|(name, same)| vote(name, same));
    votes
}

fn weigh(votes: Votes, opinions: &[String]) -> Support {
    match votes {
        Votes { same: 0, otherwise: 0 } => match opinions {
            [first, rest @ ..] if rest.iter().any(|other| other != first) => Support::Disputed,
            [_, _, ..] => Support::Agreed,
            _ => Support::Alone,
        },
        Votes { same: 0, .. } => Support::Contradicted,
        Votes { same: 1, otherwise: 0 } => Support::Corroborated,
        Votes { otherwise: 0, .. } => Support::WellCorroborated,
        _ => Support::Disputed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FieldName::*;
    use crate::domain::support::{bill, receipt};

    #[test]
    fn values_rest_on_what_else_is_printed() {
        let alone = |mut reading: Reading, name| {
            reading.fields.get_mut(&name).unwrap().readers.remove("tesseract");
            reading
        };
        let disputed = |mut reading: Reading, name| {
            reading.fields.get_mut(&name).unwrap().readers.insert("tesseract".into(), "1999-01-01".into());
            reading
        };
        for (case, reading, name, wanted) in [
            // Words, rows, payments and the code say the total; the code alone says the number.
            ("total", bill(), Total, Support::WellCorroborated),
            ("number in the code", bill(), BillNumber, Support::Corroborated),
            ("a part of a sum", bill(), FundPayment, Support::Corroborated),
            ("check character", bill().without(BillNumber), IssuerId, Support::Corroborated),
            ("a part of a sum that fails", bill().set(FundPayment, "20.00"), FundPayment, Support::Contradicted),
            ("total with one sum against it", bill().set(FundPayment, "20.00"), Total, Support::Disputed),
            ("two readers", receipt(), IssueDate, Support::Agreed),
            ("one reader", alone(receipt(), IssueDate), IssueDate, Support::Alone),
            ("two readings", disputed(receipt(), IssueDate), IssueDate, Support::Disputed),
            ("cash, change and subtotal", receipt(), Total, Support::WellCorroborated),
            ("text", bill(), PayerName, Support::Alone),
        ] {
            assert_eq!(support(&reading)[&name], wanted, "{case}");
        }
        assert!(!support(&bill().unclear(Total)).contains_key(&Total), "what has no value has no support");
    }
}
