//! What makes two photos show one paper, whatever the photos look like.

use super::{ContentHash, DocumentKind, FieldName, Reading};
use std::collections::BTreeSet;

/// Shortest check code and business serial that name one paper.
const SHORTEST_CHECK_CODE: usize = 6;
const SHORTEST_SERIAL: usize = 10;
/// A receipt may print when it was ordered, paid and printed; more times than this are opening hours.
const MOST_TIMES: usize = 4;

/// The number of a bill or invoice, with its code where it has one.
pub fn number(reading: &Reading) -> Option<(Option<&str>, &str)> {
    let pair = |code, number| reading.value(number).map(|number| (reading.value(code), number));
    pair(FieldName::BillCode, FieldName::BillNumber).or_else(|| pair(FieldName::InvoiceCode, FieldName::InvoiceNumber))
}

/// Whether two papers of one form, which look alike as pictures, are two by what they say: by their numbers where both
/// have one, else by their days.
pub fn are_two_papers(numbers: (Option<&str>, Option<&str>), days: (Option<&str>, Option<&str>)) -> bool {
    match (numbers, days) {
        ((Some(a), Some(b)), _) => a != b,
        (_, (Some(a), Some(b))) => a != b,
        _ => false,
    }
}

/// Hashes, 32 hex digits each, that two photos share if they show the same paper: of its check code, of its serial
/// number, of who paid what on which day, and for receipts of day, total and time or shop.
///
/// One shared mark is no proof: a person may pay the same sum twice a day.
pub fn marks(reading: &Reading) -> BTreeSet<String> {
    let plain = |name| {
        let text: String = reading.value(name)?.chars().filter(|c| c.is_alphanumeric()).collect();
        (!text.is_empty()).then(|| text.to_lowercase())
    };
    let long = |name, least: usize| plain(name).filter(|text| text.chars().count() >= least);
    let day_and_total =
        || Some(format!("{}|{}", reading.value(FieldName::IssueDate)?, reading.value(FieldName::Total)?));
    let mut told: Vec<String> = Vec::new();
    match reading.kind {
        kind if kind.is_medical_bill() => {
            told.extend(long(FieldName::CheckCode, SHORTEST_CHECK_CODE).map(|code| format!("check|{code}")));
            told.extend(long(FieldName::BusinessSerial, SHORTEST_SERIAL).map(|serial| format!("serial|{serial}")));
            told.extend(
                long(FieldName::PayerName, 2).zip(day_and_total()).map(|(who, what)| format!("who|{who}|{what}")),
            );
        }
        DocumentKind::VatInvoice => {
            told.extend(long(FieldName::CheckCode, 20).map(|code| format!("check|{code}")));
        }
        DocumentKind::TillReceipt => {
            if let Some(what) = day_and_total() {
                let times: BTreeSet<String> = reading.lines.iter().flat_map(|line| times(&line.text)).collect();
                let few = times.into_iter().take(MOST_TIMES);
                told.extend(few.map(|time| format!("till|{what}|{time}")));
                told.extend(plain(FieldName::IssuerName).map(|shop| format!("shop|{what}|{shop}")));
            }
        }
        _ => {}
    }
    told.iter().map(|text| ContentHash::of(text.as_bytes()).to_string()[..32].to_owned()).collect()
}

/// Times of day in a text, as `hh:mm`.
fn times(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'));
    let mut out = Vec::new();
    for (colon, _) in text.match_indices(':') {
        let (Some(low), Some(tens), Some(ones)) =
            (colon.checked_sub(1).and_then(digit), digit(colon + 1), digit(colon + 2))
        else {
            continue;
        };
        let high = colon.checked_sub(2).and_then(digit);
        let (hour, minute) = (high.unwrap_or(0) * 10 + low, tens * 10 + ones);
        // Seconds stand behind a colon themselves.
        let seconds = colon >= 3 && bytes[colon - 3] == b':';
        if hour < 24 && minute < 60 && !seconds && digit(colon + 3).is_none() {
            out.push(format!("{hour:02}:{minute:02}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FieldName::{BillCode, BillNumber, CheckCode, IssueDate, IssuerName, PayerName, Total};
    use crate::domain::support::{bill, invoice, receipt};

    fn shared(a: &Reading, b: &Reading) -> usize {
        marks(a).intersection(&marks(b)).count()
    }

    #[test]
    fn a_paper_is_known_again_by_what_was_not_altered() {
        assert_eq!(shared(&bill(), &bill().set(BillNumber, "0012345679").set(Total, "920.50")), 1, "check code");
        assert_eq!(
            shared(&bill(), &bill().set(CheckCode, "aaaaaa").set(BillCode, "11060125")),
            1,
            "who paid what when"
        );
        let other = bill().set(CheckCode, "aaaaaa").set(PayerName, "李四").set(BillNumber, "0012345679");
        assert_eq!(shared(&bill(), &other), 0, "another's bill of the same sum");
        assert_eq!(shared(&invoice(), &invoice()), 1);
        let timed = |text| receipt().line(text);
        assert_eq!(shared(&timed("10:20:31 AM"), &timed("TIME 10:20").set(IssuerName, "R1VER")), 1);
        assert_eq!(shared(&timed("10:20"), &timed("11:45")), 1, "the same shop");
        assert_eq!(shared(&timed("10:20"), &timed("11:45").set(IssuerName, "BAKERY")), 0);
        assert_eq!(shared(&timed("10:20"), &timed("10:20").set(IssueDate, "2024-05-13")), 0);
    }

    #[test]
    fn times_of_day() {
        for (text, found) in [
            ("12:42:00", &["12:42"][..]),
            ("24/07/2016 14:21:51", &["14:21"]),
            ("9:05PM", &["09:05"]),
            ("Tel: 603 1:2 25:10 10:75 10:201", &[]),
            ("é10:20", &["10:20"]),
        ] {
            assert_eq!(times(text), found, "{text}");
        }
    }

    #[test]
    fn papers_of_one_form() {
        assert!(are_two_papers((Some("1"), Some("2")), (Some("d"), Some("d"))));
        assert!(!are_two_papers((Some("1"), Some("1")), (Some("d"), Some("e"))));
        assert!(are_two_papers((None, Some("2")), (Some("d"), Some("e"))));
        assert!(!are_two_papers((None, None), (Some("d"), Some("d"))));
        assert!(!are_two_papers((None, None), (None, Some("d"))));
    }
}
