//! What makes two photos show one paper, whatever the photos look like.

use super::{ContentHash, DocumentKind, FieldName, Reading};
use std::collections::BTreeSet;

/// Shortest check code and business serial that name one paper.
const SHORTEST_CHECK_CODE: usize = 6;
const SHORTEST_SERIAL: usize = 10;
/// A receipt may print when it was ordered, paid and printed; more times than this are opening hours.
const MOST_TIMES: usize = 4;

/// The number of a bill or invoice, with its code where it has one; of a bill printed in the place of an electronic one
/// (换开), that of the electronic one.
pub fn number(reading: &Reading) -> Option<(Option<&str>, &str)> {
    let pair = |code, number| reading.value(number).map(|number| (reading.value(code), number));
    electronic_original(reading)
        .or_else(|| pair(FieldName::BillCode, FieldName::BillNumber))
        .or_else(|| pair(FieldName::InvoiceCode, FieldName::InvoiceNumber))
}

/// Code and number of the electronic bill that a printed one was exchanged for, which it names besides its own.
pub fn electronic_original(reading: &Reading) -> Option<(Option<&str>, &str)> {
    let named = |label: &str, digits: usize| {
        reading.lines.iter().find_map(|line| {
            let (_, rest) = line.text.split_once(label)?;
            let rest = rest.trim_start_matches([':', '：', ' ']);
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            (end == digits).then(|| &rest[..end])
        })
    };
    Some((named("电子票据代码", 8), named("电子票据号码", 10)?))
}

/// Whether two photos show one bill, by all that it is known by: number, code, day and total, each read on both and equal.
pub fn is_same_bill(a: &Reading, b: &Reading) -> bool {
    let said = |r: &Reading, name| r.value(name).map(str::to_owned);
    let agree = |name| matches!((said(a, name), said(b, name)), (Some(a), Some(b)) if a == b);
    number(a).is_some() && number(a) == number(b) && agree(FieldName::IssueDate) && agree(FieldName::Total)
}

/// Who issued a paper: the credit or tax code of the hospital, the seller or the shop, or its name where no code was
/// read; without what readers add or lose.
pub fn issuer(reading: &Reading) -> Option<String> {
    let plain = |name: FieldName, least: usize| {
        let text: String = reading.value(name)?.chars().filter(|c| c.is_alphanumeric()).collect();
        (text.chars().count() >= least).then(|| text.to_uppercase())
    };
    [(FieldName::IssuerId, 15), (FieldName::SellerTaxId, 15), (FieldName::IssuerName, 4), (FieldName::SellerName, 4)]
        .into_iter()
        .find_map(|(name, least)| plain(name, least))
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
    let (own, shared) = told(reading);
    own.iter().chain(&shared).map(hashed).collect()
}

/// Those of the marks that no other paper bears: of the check code and of the serial number.
pub fn proofs(reading: &Reading) -> BTreeSet<String> {
    told(reading).0.iter().map(hashed).collect()
}

/// What a mark of a camera begins with; marks of papers are hex digits only.
pub const SERIAL: &str = "serial:";
/// The same for a camera's model with the version of what it runs.
pub const BUILD: &str = "build:";

/// The marks of the camera that took the photo. They tell nothing of the paper, so that [`marks`] has none of them.
pub fn device_marks(reading: &Reading) -> BTreeSet<String> {
    let Some(device) = reading.pixels.as_ref().and_then(|pixels| pixels.history.device.as_ref()) else {
        return BTreeSet::new();
    };
    let serial = device.serial.iter().map(|hash| format!("{SERIAL}{hash}"));
    serial.chain([format!("{BUILD}{}", device.build)]).collect()
}

fn hashed(text: &String) -> String {
    ContentHash::of(text.as_bytes()).to_string()[..32].to_owned()
}

/// What marks are made of: what only this paper says, and what others may say as well.
fn told(reading: &Reading) -> (Vec<String>, Vec<String>) {
    let plain = |name| {
        let text: String = reading.value(name)?.chars().filter(|c| c.is_alphanumeric()).collect();
        (!text.is_empty()).then(|| text.to_lowercase())
    };
    let long = |name, least: usize| plain(name).filter(|text| text.chars().count() >= least);
    let day_and_total =
        || Some(format!("{}|{}", reading.value(FieldName::IssueDate)?, reading.value(FieldName::Total)?));
    let (mut own, mut shared) = (Vec::new(), Vec::new());
    match reading.kind {
        kind if kind.is_medical_bill() => {
            own.extend(long(FieldName::CheckCode, SHORTEST_CHECK_CODE).map(|code| format!("check|{code}")));
            own.extend(long(FieldName::BusinessSerial, SHORTEST_SERIAL).map(|serial| format!("serial|{serial}")));
            shared.extend(
                long(FieldName::PayerName, 2).zip(day_and_total()).map(|(who, what)| format!("who|{who}|{what}")),
            );
        }
        DocumentKind::VatInvoice => {
            own.extend(long(FieldName::CheckCode, 20).map(|code| format!("check|{code}")));
        }
        DocumentKind::TillReceipt => {
            if let Some(what) = day_and_total() {
                let times: BTreeSet<String> = reading.lines.iter().flat_map(|line| times(&line.text)).collect();
                let few = times.into_iter().take(MOST_TIMES);
                shared.extend(few.map(|time| format!("till|{what}|{time}")));
                shared.extend(plain(FieldName::IssuerName).map(|shop| format!("shop|{what}|{shop}")));
            }
        }
        _ => {}
    }
    (own, shared)
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
    fn proofs_are_marks_of_their_own() {
        assert_eq!((proofs(&bill()).len(), marks(&bill()).len()), (1, 2));
        assert!(proofs(&bill()).is_subset(&marks(&bill())));
        assert!(proofs(&receipt()).is_empty() && !marks(&receipt()).is_empty());
    }

    #[test]
    fn a_bill_printed_for_an_electronic_one_goes_by_its_number() {
        let printed = bill().line("电子票据代码：11060125 电子票据号码: 0098765432 校验码");
        assert_eq!(number(&printed), Some((Some("11060125"), "0098765432")));
        assert_eq!(number(&bill().line("电子票据号码见附件")), Some((Some("11060124"), "0012345678")));
        assert_eq!(issuer(&bill()), Some("12110000400685133L".to_owned()));
        assert_eq!(issuer(&receipt()), Some("RIVERPHARMACY".to_owned()));
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
