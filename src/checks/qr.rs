//! What the QR code says against what is printed. Consistency only: anybody can print a code that agrees.

use super::{Answer, Case};
use crate::domain::FieldName::{
    AmountWithoutTax, BillCode, BillNumber, CheckCode, InvoiceCode, InvoiceNumber, IssueDate, Total,
};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::identifier::{alike_faces, crc16_umts};
use crate::domain::{Day, Fen, FieldName};

/// What a payload of a known form holds. Empty parts are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Payload<'a> {
    form: Form,
    code: Option<&'a str>,
    number: Option<&'a str>,
    check: Option<&'a str>,
    day: Option<Day>,
    amount: Option<Fen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `CZ-EI-RR,version,code,number,check,yyyymmdd,amount[,…]`, or a platform's address with `/page/code/number/check`.
    Medical,
    /// `01,kind,code,number,amount,yyyymmdd,check,crc[,]`, with what the amount of that kind means.
    Vat(Amount),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    WithTax,
    WithoutTax,
    Unknown,
}

fn parse(text: &str) -> Option<Payload<'_>> {
    let text = text.trim();
    let filled = |s: &&str| !s.is_empty();
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let part = |i: usize| parts.get(i).copied().filter(filled);
    let day = |i: usize| part(i).and_then(|s| Day::parse_compact(s.as_bytes()));
    if text.starts_with("CZ-EI-") && parts.len() >= 7 {
        let amount = part(6).and_then(decimal);
        return Some(Payload {
            form: Form::Medical,
            code: part(2),
            number: part(3),
            check: part(4),
            day: day(5),
            amount,
        });
    }
    if parts[0] == "01" && parts.len() >= 7 && parts[1].len() == 2 {
        let amount = match parts[1] {
            "31" | "32" | "51" | "61" => Amount::WithTax,
            "01" | "04" | "08" | "10" | "11" => Amount::WithoutTax,
            _ => Amount::Unknown,
        };
        return Some(Payload {
            form: Form::Vat(amount),
            code: part(2),
            number: part(3),
            check: part(6),
            day: day(5),
            amount: part(4).and_then(decimal),
        });
    }
    // An address is never fetched, and its host proves nothing: only its path is read.
    let (_, path) = text.split_once("://")?.1.split_once("/page/")?;
    let mut path = path.split(['?', '#']).next()?.split('/').filter(filled);
    let (code, number, check) = (path.next()?, path.next()?, path.next());
    Some(Payload { form: Form::Medical, code: Some(code), number: Some(number), check, day: None, amount: None })
}

/// A decimal as codes carry it: `32`, `112.5`, `2851.41000`. `None` if it is finer than a fen.
fn decimal(s: &str) -> Option<Fen> {
    let (sign, s) = s.strip_prefix('-').map_or(("", s), |rest| ("-", rest));
    let (whole, cents) = s.split_once('.').unwrap_or((s, ""));
    let (kept, rest) = cents.split_at_checked(2).unwrap_or((cents, ""));
    if !rest.bytes().all(|b| b == b'0') {
        return None;
    }
    Fen::parse(&format!("{sign}{whole}.{kept:0<2}"))
}

fn payloads<'a>(case: &Case<'a>) -> Vec<(usize, Payload<'a>)> {
    case.reading.qr.iter().enumerate().filter_map(|(i, code)| Some((i, parse(&code.text)?))).collect()
}

/// What comparing one part gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Same,
    Differs,
    /// Differs from a field that was not well read.
    MayDiffer,
}

/// Compares every part that is both in the code and understood on the page.
fn compare(case: &Case, payload: &Payload) -> Vec<(FieldName, Compared)> {
    let verdict = |name: FieldName, same: bool| {
        let compared = match (same, case.well_read(name)) {
            (true, _) => Compared::Same,
            (false, true) => Compared::Differs,
            (false, false) => Compared::MayDiffer,
        };
        (name, compared)
    };
    let text = |name: FieldName, coded: Option<&str>, same: fn(&str, &str) -> bool| {
        Some(verdict(name, same(case.text(name).read()?, coded?)))
    };
    let exact: fn(&str, &str) -> bool = |a, b| a.trim() == b;
    let (code, number) = match payload.form {
        Form::Medical => (BillCode, BillNumber),
        Form::Vat(_) => (InvoiceCode, InvoiceNumber),
    };
    let amount = match payload.form {
        Form::Medical | Form::Vat(Amount::WithTax) => Some(Total),
        Form::Vat(Amount::WithoutTax) => Some(AmountWithoutTax),
        Form::Vat(Amount::Unknown) => None,
    };
    [
        text(code, payload.code, exact),
        text(number, payload.number, exact),
        // Printed in groups, sometimes the end only. In a code of random letters and digits the faces of 1, l and i and of
        // 0 and o decide nothing: no reader, a person included, tells them apart, so they count as the same.
        text(CheckCode, payload.check, |printed, coded| {
            let printed: String = printed.chars().filter(|c| !c.is_whitespace()).collect();
            alike_faces(&printed) == alike_faces(coded)
                || printed.len() == 6 && coded.len() == 20 && coded.ends_with(&printed)
        }),
        payload.day.and_then(|day| Some(verdict(IssueDate, case.day(IssueDate).read()? == day))),
        amount.and_then(|name| Some(verdict(name, case.money(name).read()? == payload.amount?))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every part of the QR code that is also printed says the same.
pub(super) fn qr_matches_print(case: &Case) -> Answer {
    let payloads = payloads(case);
    if payloads.is_empty() {
        // Every electronic medical bill carries its code; one that cannot be read may have been made so. What a province's
        // own short links hold cannot be compared, though.
        // Paper forms have eight digits.
        let ten_digits = case.text(BillNumber).read().is_some_and(|number| number.len() == 10);
        let electronic =
            case.kind().is_medical_bill() && case.reading.qr.is_empty() && (case.is_titled_electronic() || ten_digits);
        return match electronic {
            true => case.answer(Inconclusive, &[]).why("no_code_could_be_read"),
            false => Answer::not_applicable(),
        };
    }
    let compared: Vec<(FieldName, Compared)> =
        payloads.iter().flat_map(|(_, payload)| compare(case, payload)).collect();
    let with = |wanted| {
        let mut names: Vec<FieldName> = compared.iter().filter(|(_, c)| *c == wanted).map(|(name, _)| *name).collect();
        names.dedup();
        names
    };
    let (outcome, told) = match (with(Compared::Differs), with(Compared::MayDiffer), with(Compared::Same)) {
        (differ, _, _) if !differ.is_empty() => (Fail, differ),
        (_, doubtful, _) if !doubtful.is_empty() => (Inconclusive, doubtful),
        (_, _, same) if !same.is_empty() => (Pass, same),
        _ => (Inconclusive, Vec::new()),
    };
    let names: Vec<&str> = told.iter().map(|name| name.as_str()).collect();
    let mut answer = case.answer(outcome, &told);
    if told.is_empty() {
        answer = answer.why("nothing_to_compare");
    } else {
        answer = answer.with(if outcome == Pass { "same" } else { "differs" }, names.join(","));
    }
    if let Some(amount) = payloads.iter().find_map(|(_, payload)| payload.amount) {
        answer = answer.with("qr_amount", amount);
    }
    answer.regions.extend(payloads.iter().filter_map(|(i, _)| Some(case.reading.qr.get(*i)?.polygon)));
    answer
}

/// The fields that a code repeats, and whether it says the same of them.
pub(super) fn repeated(case: &Case) -> Vec<(FieldName, bool)> {
    let payloads = payloads(case);
    let compared = payloads.iter().flat_map(|(_, payload)| compare(case, payload));
    compared.map(|(name, compared)| (name, compared == Compared::Same)).collect()
}

/// Whether the codes' amounts are the printed total; `None` if none holds a total.
pub(super) fn total_agrees(case: &Case) -> Option<bool> {
    let total = case.money(Total).read()?;
    payloads(case)
        .iter()
        .filter(|(_, payload)| matches!(payload.form, Form::Medical | Form::Vat(Amount::WithTax)))
        .filter_map(|(_, payload)| payload.amount)
        .map(|amount| amount == total)
        .reduce(|a, b| a && b)
}

/// The CRC at the end of a VAT invoice's code, over the text before it with or without the last comma.
///
/// Matched 11 of 20 public payloads; the rest were mostly altered for publication. A mismatch is a signal and no proof.
pub(super) fn qr_checksum(case: &Case) -> Answer {
    let holds: Vec<bool> = payloads(case)
        .iter()
        .filter(|(_, payload)| matches!(payload.form, Form::Vat(_)))
        .filter_map(|(i, _)| {
            let (before, crc) = case.reading.qr.get(*i)?.text.trim().trim_end_matches(',').rsplit_once(',')?;
            let wanted = u16::from_str_radix(crc, 16).ok().filter(|_| crc.len() == 4)?;
            Some([before.to_owned(), format!("{before},")].iter().any(|text| crc16_umts(text.as_bytes()) == wanted))
        })
        .collect();
    match holds[..] {
        [] => Answer::not_applicable(),
        _ if holds.iter().all(|h| *h) => case.answer(Pass, &[]),
        _ => case.answer(Inconclusive, &[]).why("crc"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::FieldName::BillTitle;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, evidence, invoice, receipt};
    use crate::domain::{Bp, CheckId, Reading};

    fn coded(reading: Reading, text: &str) -> Reading {
        reading.coded(text)
    }

    #[test]
    fn medical_codes() {
        for (text, outcome) in [
            ("CZ-EI-11,1.1.0,11060124,0012345678,55e825,20240512,320.50", Pass),
            ("CZ-EI-11,1.1.0,11060124,0012345678,55e825,20240512,320.50000,more,", Pass),
            ("CZ-EI-11,1.1.0,11060124,0012345678,55e825,20240512,320.51", Fail),
            ("CZ-EI-11,1.1.0,11060124,0012345679,55e825,20240512,320.50", Fail),
            ("CZ-EI-11,1.1.0,11060124,0012345678,55e825,20240513,320.50", Fail),
            ("CZ-EI-11,1.1.0,11060124,0012345678,55e826,20240512,320.50", Fail),
            ("http://bills.example/page/11060124/0012345678/55e825", Pass),
            ("http://bills.example/a/page/11060124/0012345678/55e825?x=1", Pass),
            ("http://bills.example/page/11060124/0012345670/55e825", Fail),
            ("http://bills.example/d/token", NotApplicable),
            ("CZ-EI-11,1.1.0", NotApplicable),
            ("hello", NotApplicable),
            ("", NotApplicable),
            ("01,32,,24312000000123456789,113.00,20240512,,0000", Pass),
        ] {
            let mut reading = bill();
            reading.qr.clear();
            let finding = ask(&evidence(vec![coded(reading, text)]), CheckId::QrMatchesPrint);
            // A VAT payload on a medical bill has only the date and, if it differs, the total to compare.
            let outcome = if text.starts_with("01,") { Fail } else { outcome };
            assert_eq!(finding.outcome, outcome, "{text}: {finding:?}");
        }
    }

    #[test]
    fn an_electronic_bill_has_a_code() {
        let mut covered = bill();
        covered.qr.clear();
        assert_eq!(ask(&evidence(vec![covered.clone()]), CheckId::QrMatchesPrint).outcome, Inconclusive);
        let untitled = covered.clone().without(BillTitle);
        assert_eq!(ask(&evidence(vec![untitled]), CheckId::QrMatchesPrint).outcome, Inconclusive);
        let paper = covered.set(BillTitle, "医疗门诊收费票据").set(BillNumber, "12345678");
        assert_eq!(ask(&evidence(vec![paper]), CheckId::QrMatchesPrint).outcome, NotApplicable);
    }

    #[test]
    fn a_doubtful_reading_only_raises_doubt() {
        let mut reading = coded(bill(), "CZ-EI-11,1.1.0,11060124,0012345679,55e825,20240512,320.50");
        reading.qr.remove(0);
        reading.fields.get_mut(&BillNumber).unwrap().score = Bp(5_000);
        let finding = ask(&evidence(vec![reading]), CheckId::QrMatchesPrint);
        assert_eq!((finding.outcome, finding.detail["differs"].as_str()), (Inconclusive, "bill_number"));
    }

    #[test]
    fn nothing_comparable_is_inconclusive() {
        let reading = coded(receipt(), "http://bills.example/page/11060124/0012345678/55e825");
        assert_eq!(ask(&evidence(vec![reading]), CheckId::QrMatchesPrint).outcome, Inconclusive);
    }

    #[test]
    fn vat_codes() {
        for (text, prints, checksum) in [
            ("01,10,044001900111,12345678,100,20240512,12345678901234567890,0000", Pass, Inconclusive),
            ("01,10,044001900111,12345678,113.00,20240512,12345678901234567890,0000", Fail, Inconclusive),
            ("01,10,044001900111,12345678,100.00,20240512,12345678901234567890,,", Pass, NotApplicable),
            ("01,32,,24312000000136634917,0.01,20240514,,1DD6", Fail, Pass),
            ("01,32,,24312000000136634917,0.01,20240514,,1dd6,", Fail, Pass),
            ("01,10,044001500111,81966722,173.79,20170524,17884534745749991611,BE2D", Fail, Pass),
        ] {
            let evidence = evidence(vec![coded(invoice(), text)]);
            assert_eq!(ask(&evidence, CheckId::QrMatchesPrint).outcome, prints, "{text}");
            assert_eq!(ask(&evidence, CheckId::QrChecksum).outcome, checksum, "{text}");
        }
    }

    #[test]
    fn decimals() {
        for (text, fen) in [
            ("32", Some(3200)),
            ("112.5", Some(11250)),
            ("2851.41000", Some(285_141)),
            ("-1.00", Some(-100)),
            ("1.005", None),
            ("", None),
            ("1.é", None),
            ("x", None),
        ] {
            assert_eq!(decimal(text), fen.map(Fen), "{text}");
        }
    }
}
