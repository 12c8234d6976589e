//! Formats and check characters of numbers.

use super::{Answer, Case, Seen};
use crate::domain::DocumentKind::VatInvoice;
use crate::domain::FieldName::{
    BillCode, BillNumber, BuyerTaxId, CheckCode, InvoiceCode, InvoiceNumber, IssueDate, IssuerId, PayerId, SellerTaxId,
    Sex,
};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::identifier::{
    credit_code_holds, masked_matches, parse_resident_id, region_exists, repair_credit_code,
};
use crate::domain::{FieldName, Outcome};

/// Runs `judge` on a field's value: not applicable if absent, inconclusive if not understood.
fn on_value(case: &Case, name: FieldName, judge: impl Fn(&str) -> (Outcome, &'static str)) -> Answer {
    match case.text(name) {
        Seen::Absent => Answer::not_applicable(),
        Seen::Unclear => case.answer(Inconclusive, &[name]).why("unclear"),
        Seen::Read(value) => {
            let (outcome, why) = judge(value);
            case.answer(outcome, &[name]).why(why)
        }
    }
}

fn all_digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}

/// 票据代码 of a medical bill: eight digits `RR06TTYY`, region, class 06 = medical, type, year of the batch.
///
/// The type never fails (provinces number it as they like), nor do the 10 to 12 digits of older paper forms.
pub(super) fn bill_code_format(case: &Case) -> Answer {
    if !case.kind().is_medical_bill() {
        return Answer::not_applicable();
    }
    on_value(case, BillCode, |code| match code.len() {
        _ if !all_digits(code) => (Fail, "not_digits"),
        8 if !(region_exists(&code[..2]) || &code[..2] == "00") => (Fail, "region"),
        8 if &code[2..4] != "06" => (Fail, "class"),
        8 => (Pass, "format"),
        10..=12 => (Inconclusive, "older_form"),
        _ => (Fail, "length"),
    })
}

/// 票据号码 of a medical bill: ten digits, or eight on paper. No check digit is known.
pub(super) fn bill_number_format(case: &Case) -> Answer {
    if !case.kind().is_medical_bill() {
        return Answer::not_applicable();
    }
    on_value(case, BillNumber, |number| match number.len() {
        _ if !all_digits(number) => (Fail, "not_digits"),
        // Paper forms have eight digits, electronic bills ten.
        8 if case.is_titled_electronic() => (Inconclusive, "too_short_for_an_electronic_bill"),
        8 | 10 => (Pass, "format"),
        _ => (Fail, "length"),
    })
}

/// 校验码: six of `0-9a-z` on a medical bill (not only digits), twenty digits on a VAT invoice.
pub(super) fn check_code_format(case: &Case) -> Answer {
    match case.kind() {
        kind if kind.is_medical_bill() => on_value(case, CheckCode, |code| {
            let well_formed = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
            match code.len() {
                6 if code.bytes().all(well_formed) => (Pass, "format"),
                // The platform prints lower case: capitals are a doubtful reading, not a wrong code.
                6 if code.bytes().all(|b| b.is_ascii_alphanumeric()) => (Inconclusive, "upper_case"),
                6 => (Fail, "characters"),
                _ => (Fail, "length"),
            }
        }),
        VatInvoice => on_value(case, CheckCode, |code| match code.len() {
            _ if !all_digits(code) => (Fail, "not_digits"),
            20 => (Pass, "format"),
            6 => (Inconclusive, "last_six_only"),
            _ => (Fail, "length"),
        }),
        _ => Answer::not_applicable(),
    }
}

/// Number and code of a VAT invoice: 20 digits without code (数电票: year, region, channel, serial), or 8 digits with a
/// code of 10 or 12, whose kind, region and year must be plausible.
pub(super) fn invoice_number_format(case: &Case) -> Answer {
    if case.kind() != VatInvoice {
        return Answer::not_applicable();
    }
    let this_year = case.today().map(|day| day.year() % 100);
    let issued = case.day(IssueDate).read().map(|day| day.year() % 100);
    let answer = |outcome, why| case.answer(outcome, &[InvoiceCode, InvoiceNumber]).why(why);
    let number = match case.text(InvoiceNumber) {
        Seen::Absent if case.field(InvoiceCode).is_none() => return Answer::not_applicable(),
        Seen::Absent | Seen::Unclear => return answer(Inconclusive, "number_unclear"),
        Seen::Read(number) => number,
    };
    if !all_digits(number) {
        return answer(Fail, "not_digits");
    }
    let year = |two: &str| two.parse::<u16>().unwrap_or(99);
    let plausible = |y: u16, region: &str| match this_year {
        Some(now) if y > now => (Fail, "year"),
        // Some cities number for themselves (92, 94 seen; the list is not published).
        _ if !region_exists(region) => (Inconclusive, "region"),
        _ => (Pass, "format"),
    };
    let (outcome, why) = match (number.len(), case.text(InvoiceCode)) {
        (20, Seen::Absent) => match plausible(year(&number[..2]), &number[2..4]) {
            // An all-electronic number is drawn in the year of issue.
            (Pass, _) if issued.is_some_and(|y| y != year(&number[..2])) => (Inconclusive, "year_of_issue"),
            answer => answer,
        },
        (20, _) => (Inconclusive, "code_beside_twenty_digits"),
        (8, Seen::Read(code)) if !all_digits(code) => (Fail, "not_digits"),
        (8, Seen::Read(code)) if code.len() == 12 => match twelve_digit_kind_known(code) {
            true if EARLY_ELECTRONIC.contains(&code) => (Pass, "format"),
            true => plausible(year(&code[5..7]), &code[1..3]),
            false => (Inconclusive, "kind"),
        },
        (8, Seen::Read(code)) if code.len() == 10 => match code.as_bytes()[7] {
            b'1' | b'2' | b'3' | b'5' | b'6' | b'7' => plausible(year(&code[4..6]), &code[..2]),
            _ => (Inconclusive, "kind"),
        },
        (8, Seen::Read(_)) => (Fail, "code_length"),
        (8, _) => (Inconclusive, "code_unclear"),
        _ => (Fail, "length"),
    };
    answer(outcome, why)
}

/// Four codes of electronic invoices from before the rule.
const EARLY_ELECTRONIC: [&str; 4] = ["144031539110", "131001570151", "133011501118", "111001571071"];

/// Whether the last two digits name a kind of invoice.
fn twelve_digit_kind_known(code: &str) -> bool {
    EARLY_ELECTRONIC.contains(&code)
        || code.starts_with('0') && matches!(&code[10..], "04" | "05" | "06" | "07" | "11" | "12" | "13" | "17")
}

/// Unified social credit codes of issuer, seller and buyer have right check characters (GB 32100 and GB 11714).
///
/// Only 18 characters are checked: older tax numbers have no check character. A person's identity number in the
/// buyer's place is right too.
pub(super) fn credit_code(case: &Case) -> Answer {
    let mut seen = Vec::new();
    for name in [IssuerId, SellerTaxId, BuyerTaxId] {
        match case.text(name) {
            Seen::Absent => {}
            Seen::Unclear => seen.push((name, Inconclusive)),
            Seen::Read(code) => {
                let code = repair_credit_code(code.trim()).0;
                let holds = credit_code_holds(&code) || name == BuyerTaxId && parse_resident_id(&code).is_some();
                match code.chars().count() {
                    _ if code.contains('*') => {}
                    18 => seen.push((name, if holds { Pass } else { Fail })),
                    16 | 17 | 19 => seen.push((name, Inconclusive)),
                    _ => {}
                }
            }
        }
    }
    let with = |outcome| seen.iter().filter(|(_, o)| *o == outcome).map(|(name, _)| *name).collect::<Vec<_>>();
    match [Fail, Inconclusive, Pass].into_iter().find(|o| !with(*o).is_empty()) {
        Some(Fail) => case.answer(Fail, &with(Fail)).why("check_character"),
        Some(outcome) => case.answer(outcome, &with(outcome)),
        None => Answer::not_applicable(),
    }
}

/// The payer's identity number: check character and date if printed in full, sex by its 17th digit, and what is visible
/// of it against the insured's number in the claim.
pub(super) fn payer_identity(case: &Case) -> Answer {
    if !case.kind().is_medical_bill() {
        return Answer::not_applicable();
    }
    let id = match case.text(PayerId) {
        Seen::Absent => return Answer::not_applicable(),
        Seen::Unclear => return case.answer(Inconclusive, &[PayerId]).why("unclear"),
        Seen::Read(id) => id.trim().to_uppercase(),
    };
    let answer = |outcome, why| case.answer(outcome, &[PayerId, Sex]).why(why);
    let full = !id.contains('*') && id.chars().count() == 18;
    if full && parse_resident_id(&id).is_none() {
        return match credit_code_holds(&id) {
            true => answer(Inconclusive, "an_organisation_paid"),
            false => answer(Fail, "check_character"),
        };
    }
    // The 17th of 18 characters, if it is a digit and not a mask.
    let parity = (id.chars().count() == 18).then(|| id.chars().nth(16)?.to_digit(10)).flatten();
    let sex = case.text(Sex).read().and_then(|sex| match sex.trim() {
        "男" | "男性" => Some(1),
        "女" | "女性" => Some(0),
        _ => None,
    });
    if let (Some(parity), Some(sex)) = (parity, sex)
        && parity % 2 != sex
    {
        return answer(Fail, "sex");
    }
    let insured = case.evidence.claim.as_ref().and_then(|c| c.insured.as_ref()?.id_number.as_deref());
    match (insured.map(|number| masked_matches(&id, number)), full) {
        (Some(Some(false)), _) => answer(Fail, "insured"),
        (Some(Some(true)), _) => answer(Pass, "insured"),
        (_, true) => answer(Pass, "check_character"),
        (Some(None), false) => answer(Inconclusive, "masked"),
        // Nothing to compare with.
        (None, false) => Answer::not_applicable(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::CheckId;
    use crate::domain::FieldName::BillTitle;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, claim, evidence, invoice, receipt};

    #[test]
    fn codes_and_numbers_of_bills() {
        for (check, field, value, outcome) in [
            (CheckId::BillCodeFormat, BillCode, "11060124", Pass),
            (CheckId::BillCodeFormat, BillCode, "00060124", Pass),
            (CheckId::BillCodeFormat, BillCode, "23061425", Pass),
            (CheckId::BillCodeFormat, BillCode, "11010124", Fail),
            (CheckId::BillCodeFormat, BillCode, "99060124", Fail),
            (CheckId::BillCodeFormat, BillCode, "1106012", Fail),
            (CheckId::BillCodeFormat, BillCode, "1106O124", Fail),
            (CheckId::BillCodeFormat, BillCode, "1234567890", Inconclusive),
            (CheckId::BillNumberFormat, BillNumber, "0012345678", Pass),
            (CheckId::BillNumberFormat, BillNumber, "12345678", Inconclusive),
            (CheckId::BillNumberFormat, BillNumber, "123456789", Fail),
            (CheckId::BillNumberFormat, BillNumber, "001234567B", Fail),
            (CheckId::CheckCodeFormat, CheckCode, "55e825", Pass),
            (CheckId::CheckCodeFormat, CheckCode, "qfmejx", Pass),
            (CheckId::CheckCodeFormat, CheckCode, "55E825", Inconclusive),
            (CheckId::CheckCodeFormat, CheckCode, "55e8.5", Fail),
            (CheckId::CheckCodeFormat, CheckCode, "55e82", Fail),
        ] {
            let finding = ask(&evidence(vec![bill().set(field, value)]), check);
            assert_eq!(finding.outcome, outcome, "{value}: {finding:?}");
        }
        let paper = bill().set(BillTitle, "医疗门诊收费票据").set(BillNumber, "12345678");
        assert_eq!(ask(&evidence(vec![paper]), CheckId::BillNumberFormat).outcome, Pass);
        for (check, field) in [
            (CheckId::BillCodeFormat, BillCode),
            (CheckId::BillNumberFormat, BillNumber),
            (CheckId::CheckCodeFormat, CheckCode),
        ] {
            assert_eq!(ask(&evidence(vec![bill().unclear(field)]), check).outcome, Inconclusive);
            assert_eq!(ask(&evidence(vec![bill().without(field)]), check).outcome, NotApplicable);
            assert_eq!(ask(&evidence(vec![receipt()]), check).outcome, NotApplicable);
        }
    }

    #[test]
    fn codes_and_numbers_of_invoices() {
        for (code, number, outcome) in [
            (Some("044001900111"), "12345678", Pass),
            (Some("144031539110"), "12345678", Pass),
            (Some("4403192130"), "12345678", Pass),
            (Some("044009900111"), "12345678", Fail),
            (Some("044001900199"), "12345678", Inconclusive),
            (Some("099001900111"), "12345678", Inconclusive),
            (Some("0440019001"), "1234567", Fail),
            (Some("04400190"), "12345678", Fail),
            (None, "12345678", Inconclusive),
            (None, "24312000000123456789", Pass),
            (None, "25312000000123456789", Fail),
            (None, "23312000000123456789", Inconclusive),
            (None, "24922000000123456789", Inconclusive),
            (None, "2431200000012345678", Fail),
            (Some("044001900111"), "24312000000123456789", Inconclusive),
        ] {
            let mut reading = invoice().without(InvoiceCode).set(InvoiceNumber, number);
            if let Some(code) = code {
                reading = reading.set(InvoiceCode, code);
            }
            let finding = ask(&evidence(vec![reading]), CheckId::InvoiceNumberFormat);
            assert_eq!(finding.outcome, outcome, "{code:?} {number}: {finding:?}");
        }
        let unclear = evidence(vec![invoice().unclear(InvoiceNumber)]);
        assert_eq!(ask(&unclear, CheckId::InvoiceNumberFormat).outcome, Inconclusive);
    }

    #[test]
    fn credit_codes() {
        for (reading, outcome) in [
            (bill(), Pass),
            (bill().set(IssuerId, "I2IIOOOO4OO685I33L"), Pass),
            (bill().set(IssuerId, "12110000400685134L"), Fail),
            (bill().set(IssuerId, "1211000040068513L"), Inconclusive),
            (bill().set(IssuerId, "110108123456789"), NotApplicable),
            (bill().unclear(IssuerId), Inconclusive),
            (bill().without(IssuerId), NotApplicable),
            (invoice().set(BuyerTaxId, "11010519491231002X"), Pass),
            (invoice().set(BuyerTaxId, "110105194912310021"), Fail),
        ] {
            let finding = ask(&evidence(vec![reading]), CheckId::CreditCode);
            assert_eq!(finding.outcome, outcome, "{finding:?}");
        }
    }

    #[test]
    fn payers() {
        let insured = "11010519491231002X";
        for (id, sex, number, outcome, why) in [
            (insured, "女", None, Pass, "check_character"),
            (insured, "男", None, Fail, "sex"),
            ("110105194912310021", "女", None, Fail, "check_character"),
            ("12110000400685133L", "女", None, Inconclusive, "an_organisation_paid"),
            ("110105********002X", "女", Some(insured), Pass, "insured"),
            ("110105********002x", "男", Some(insured), Fail, "sex"),
            ("110105********0031", "男", Some(insured), Fail, "insured"),
            ("******************", "女", Some(insured), Inconclusive, "masked"),
        ] {
            let mut evidence = evidence(vec![bill().set(PayerId, id).set(Sex, sex)]);
            let mut claim = claim();
            claim.insured.as_mut().unwrap().id_number = number.map(str::to_owned);
            evidence.claim = Some(claim);
            let finding = ask(&evidence, CheckId::PayerIdentity);
            assert_eq!((finding.outcome, finding.detail["why"].as_str()), (outcome, why), "{id} {sex}");
            assert!(!format!("{:?}", finding.detail).contains("1949"), "no identity number in the detail");
        }
        let masked = evidence(vec![bill().set(PayerId, "110105********002X").set(Sex, "女")]);
        assert_eq!(ask(&masked, CheckId::PayerIdentity).outcome, NotApplicable);
    }
}
