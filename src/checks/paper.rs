//! What a paper of its kind must say of itself: currency, place of issue, length of the stay, deposit, card.

use super::{Answer, Case, Seen};
use crate::domain::DocumentKind::{
    DischargeRecord, MedicalInpatientBill, MedicalOutpatientBill, TillReceipt, VatInvoice,
};
use crate::domain::FieldName::{
    AccountPayment, AdmissionDate, BillCode, BillTitle, CashPayment, Deposit, DischargeDate, FundPayment, IssueDate,
    OtherPayment, Refund, SelfFunded, SelfPaid, StayDays, TopUp, Total,
};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::{Fen, FieldName};

/// Signs and codes that name a currency, in capitals. `¥` is left out: yuan and yen share it.
const CURRENCIES: [(&str, &str); 26] = [
    ("RM", "MYR"),
    ("MYR", "MYR"),
    ("USD", "USD"),
    ("US$", "USD"),
    ("EUR", "EUR"),
    ("€", "EUR"),
    ("GBP", "GBP"),
    ("£", "GBP"),
    ("SGD", "SGD"),
    ("S$", "SGD"),
    ("HKD", "HKD"),
    ("HK$", "HKD"),
    ("TWD", "TWD"),
    ("NT$", "TWD"),
    ("JPY", "JPY"),
    ("円", "JPY"),
    ("KRW", "KRW"),
    ("₩", "KRW"),
    ("THB", "THB"),
    ("฿", "THB"),
    ("IDR", "IDR"),
    ("RP", "IDR"),
    ("INR", "INR"),
    ("₹", "INR"),
    ("CNY", "CNY"),
    ("RMB", "CNY"),
];

const YUAN: &str = "CNY";

/// The paper's amounts are in the currency of the claim.
///
/// Needs a claim that names one. Bills and VAT invoices are in yuan by law and say nothing of it, so of them it only
/// tells when the claim is in another currency; a receipt that names none leaves it open.
pub(super) fn currency(case: &Case) -> Answer {
    let Some(claimed) = case.evidence.claim.as_ref().and_then(|claim| claim.currency.as_deref()) else {
        return Answer::not_applicable();
    };
    if case.field(Total).is_none() {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[Total]).with("claimed", claimed);
    match case.kind() {
        TillReceipt => {}
        MedicalOutpatientBill | MedicalInpatientBill | VatInvoice if claimed != YUAN => {
            return answer(Fail).with("printed", YUAN);
        }
        _ => return Answer::not_applicable(),
    }
    let named: Vec<&str> = case.reading.lines.iter().filter_map(|line| currency_of(&line.text)).collect();
    match named.iter().find(|code| **code != claimed) {
        Some(foreign) => answer(Fail).with("printed", foreign),
        None if named.is_empty() => answer(Inconclusive).why("not_named"),
        None => answer(Pass).with("printed", claimed),
    }
}

/// The currency that stands right before or behind an amount.
fn currency_of(text: &str) -> Option<&'static str> {
    let text = text.to_uppercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let stands = |(at, sign): (usize, &str)| {
        let (before, behind) = (text[..at].trim_end(), text[at + sign.len()..].trim_start());
        let word = is_letter(sign.chars().next());
        let joined =
            word && (is_letter(text[..at].chars().next_back()) || is_letter(text[at + sign.len()..].chars().next()));
        !joined && (is_digit(behind.chars().next()) || is_digit(before.chars().next_back()))
    };
    CURRENCIES.iter().find(|(sign, _)| text.match_indices(sign).any(stands)).map(|(_, code)| *code)
}

/// The first two digits of GB/T 2260 and the name of the province, without 省, 市 and 自治区.
const PROVINCES: [(&str, &str); 31] = [
    ("11", "北京"),
    ("12", "天津"),
    ("13", "河北"),
    ("14", "山西"),
    ("15", "内蒙古"),
    ("21", "辽宁"),
    ("22", "吉林"),
    ("23", "黑龙江"),
    ("31", "上海"),
    ("32", "江苏"),
    ("33", "浙江"),
    ("34", "安徽"),
    ("35", "福建"),
    ("36", "江西"),
    ("37", "山东"),
    ("41", "河南"),
    ("42", "湖北"),
    ("43", "湖南"),
    ("44", "广东"),
    ("45", "广西"),
    ("46", "海南"),
    ("50", "重庆"),
    ("51", "四川"),
    ("52", "贵州"),
    ("53", "云南"),
    ("54", "西藏"),
    ("61", "陕西"),
    ("62", "甘肃"),
    ("63", "青海"),
    ("64", "宁夏"),
    ("65", "新疆"),
];

/// The region and the year in a bill's code of eight digits are those of its title and its day: the province that the
/// title begins with, and a batch of this year or the year before.
///
/// Soft where the year differs: a batch may be used up late. Central hospitals (region 00) may stand anywhere.
pub(super) fn code_origin(case: &Case) -> Answer {
    let Seen::Read(code) = case.text(BillCode) else { return Answer::not_applicable() };
    if !case.kind().is_medical_bill() || code.len() != 8 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[BillCode, BillTitle, IssueDate]);
    let title = case.text(BillTitle).read().unwrap_or_default();
    let of_title = PROVINCES.iter().find(|(_, name)| title.starts_with(name)).map(|(region, _)| *region);
    let of_code = PROVINCES.iter().map(|(region, _)| *region).find(|region| code.starts_with(region));
    let same_place = of_title.zip(of_code).map(|(title, code)| title == code);
    if same_place == Some(false) {
        // A misread digit makes another province, so that only a code that was read well contradicts.
        let well = case.well_read(BillCode) && case.well_read(BillTitle);
        return answer(if well { Fail } else { Inconclusive }).why("province");
    }
    let batch = code[6..].parse::<i32>().ok();
    let ages = case.day(IssueDate).read().zip(batch).map(|(day, batch)| i32::from(day.year() % 100) - batch);
    match (same_place, ages) {
        (_, Some(age)) if !(0..=1).contains(&age) => answer(Inconclusive).why("year"),
        (None, None) => Answer::not_applicable(),
        _ => answer(Pass),
    }
}

/// The days of a stay are those from admission to discharge; within a day of it, since some count both ends, and a stay of
/// one day counts as one.
pub(super) fn stay_days(case: &Case) -> Answer {
    if !matches!(case.kind(), MedicalInpatientBill | DischargeRecord) || case.field(StayDays).is_none() {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[StayDays, AdmissionDate, DischargeDate]);
    let days = case.text(StayDays).read().and_then(|text| text.trim_end_matches('天').trim().parse::<i64>().ok());
    match (days, case.day(AdmissionDate), case.day(DischargeDate)) {
        (Some(days), Seen::Read(from), Seen::Read(to)) => {
            let stayed = from.days_until(to);
            let holds = (stayed..=stayed + 1).contains(&days);
            answer(if holds { Pass } else { Fail }).with("days", days).with("stayed", stayed)
        }
        _ => answer(Inconclusive).why("part_missing"),
    }
}

/// 预缴 + 补缴 − 退费 = 个人现金支付 (inpatient bills), in some provinces with the account or other funds counted in. It held on
/// each of nine real bills, so that a difference fails; but only when all was read, since what is not printed or not seen
/// explains any difference.
pub(super) fn deposit_sum(case: &Case) -> Answer {
    const PAID_IN: [FieldName; 3] = [Deposit, TopUp, Refund];
    if case.kind() != MedicalInpatientBill || PAID_IN.iter().all(|part| case.field(*part).is_none()) {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[Deposit, TopUp, Refund, CashPayment]);
    let Some(cash) = case.money(CashPayment).read() else { return answer(Inconclusive).why("part_missing") };
    let parts = PAID_IN.map(|part| case.money(part).read());
    let [deposit, top_up, refund] = parts.map(Option::unwrap_or_default);
    // A refund may be printed below zero.
    let paid = Fen(deposit.0.saturating_add(top_up.0).saturating_sub(refund.0.saturating_abs()));
    let [account, other] = [AccountPayment, OtherPayment].map(|part| case.money(part).read().unwrap_or_default().0);
    let holds = [0, account, other, account.saturating_add(other)]
        .into_iter()
        .any(|more| paid.0 == cash.0.saturating_add(more));
    let answer = |outcome| answer(outcome).with("paid", paid).with("cash_payment", cash);
    match holds {
        true => answer(Pass),
        false if parts.contains(&None) => answer(Inconclusive).why("part_missing"),
        // Paid at the end, without a deposit.
        false if [deposit, top_up, refund] == [Fen(0); 3] => answer(Inconclusive).why("differs"),
        false => answer(Fail).why("differs"),
    }
}

/// 个人自付 + 个人自费 = 个人账户支付 + 个人现金支付 (medical bills). Some provinces print 0.00 for one of the two that the
/// patient bears, or for both, so that a difference fails only where neither is 0 (of four such bills that are known, three
/// hold), or where no fund paid and nothing else is left to bear. Other funds may have paid part of what the patient bears.
pub(super) fn own_share(case: &Case) -> Answer {
    const PARTS: [FieldName; 4] = [SelfPaid, SelfFunded, AccountPayment, CashPayment];
    if !case.kind().is_medical_bill() || [SelfPaid, SelfFunded].iter().all(|part| case.field(*part).is_none()) {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &PARTS);
    let [Some(paid), Some(funded), Some(account), Some(cash)] = PARTS.map(|part| case.money(part).read()) else {
        return answer(Inconclusive).why("part_missing");
    };
    let (share, settled) = (Fen(paid.0.saturating_add(funded.0)), Fen(account.0.saturating_add(cash.0)));
    let is_insured = case.money(FundPayment).read().is_none_or(|fund| fund != Fen(0));
    let answer = |outcome| answer(outcome).with("own_share", share).with("own_payments", settled);
    let other = case.money(OtherPayment).read().unwrap_or_default();
    match share == settled || share.0 == settled.0.saturating_add(other.0) {
        true => answer(Pass),
        false if share == Fen(0) || is_insured && (paid == Fen(0) || funded == Fen(0)) => {
            answer(Inconclusive).why("differs")
        }
        false => answer(Fail).why("differs"),
    }
}

/// What a card was charged is the total (till receipts). Soft: one receipt may be paid in two ways, and cash may be paid
/// out beside it.
pub(super) fn card_paid(case: &Case) -> Answer {
    const CARDS: [&str; 8] = ["visa", "mastercard", "maestro", "debit", "credit card", "ec-cash", "girocard", "amex"];
    let charged = |text: &str| {
        let lower = text.to_lowercase();
        let last = text.split_whitespace().next_back()?;
        let amount = Fen::parse(last.trim_start_matches(|c: char| !c.is_ascii_digit()))?;
        CARDS.iter().any(|card| lower.contains(card)).then_some(amount)
    };
    if case.kind() != TillReceipt {
        return Answer::not_applicable();
    }
    let paid: Vec<Fen> =
        case.rows_beside_total().iter().filter_map(|(_, row)| charged(row)).filter(|fen| fen.0 > 0).collect();
    let Some(first) = paid.first() else { return Answer::not_applicable() };
    let answer = |outcome| case.answer(outcome, &[Total]).with("paid", first);
    match case.money(Total).read() {
        None => answer(Inconclusive).why("total_unclear"),
        Some(total) if paid.contains(&total) => answer(Pass).with("total", total),
        Some(total) => answer(Inconclusive).with("total", total).why("differs"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, claim, evidence, inpatient, invoice, receipt};
    use crate::domain::{CheckId, Outcome, Reading};

    fn table(check: CheckId, cases: &[(&str, Reading, Outcome)]) {
        for (name, reading, outcome) in cases {
            let finding = ask(&evidence(vec![reading.clone()]), check);
            assert_eq!(finding.outcome, *outcome, "{name}: {finding:?}");
        }
    }

    #[test]
    fn currencies() {
        for (line, outcome) in [
            ("TOTAL RM 10.60", Fail),
            ("TOTAL RM10.60", Fail),
            ("SUMME 10,60 EUR", Fail),
            ("Total $10.60", Inconclusive),
            ("TOTAL CNY 10.60", Pass),
            ("FORM 12", Inconclusive),
            ("RMB 10.60", Pass),
            ("¥ 10.60", Inconclusive),
        ] {
            let mut evidence = evidence(vec![receipt().line(line)]);
            assert_eq!(ask(&evidence, CheckId::Currency).outcome, NotApplicable, "no claim: {line}");
            evidence.claim = Some(claim());
            assert_eq!(ask(&evidence, CheckId::Currency).outcome, NotApplicable, "the claim names none: {line}");
            let named = |code: &str| Some(crate::domain::Claim { currency: Some(code.to_owned()), ..claim() });
            evidence.claim = named("CNY");
            assert_eq!(ask(&evidence, CheckId::Currency).outcome, outcome, "{line}");
            evidence.claim = named("MYR");
            let in_ringgit = ask(&evidence, CheckId::Currency).outcome;
            assert_eq!(in_ringgit == Pass, line.contains("RM") && !line.contains("RMB") && outcome == Fail, "{line}");
            evidence.readings = vec![bill().line(line)];
            assert_eq!(ask(&evidence, CheckId::Currency).outcome, Fail, "a bill is in yuan: {line}");
            evidence.claim = named("CNY");
            assert_eq!(ask(&evidence, CheckId::Currency).outcome, NotApplicable, "a bill: {line}");
        }
    }

    #[test]
    fn origins() {
        let titled = |title: &str| bill().set(BillTitle, title);
        let misread = {
            let mut r = titled("江苏省医疗门诊收费票据(电子)");
            r.fields.get_mut(&BillCode).unwrap().score = crate::domain::Bp(6_000);
            r
        };
        table(
            CheckId::CodeOrigin,
            &[
                ("province and year", titled("北京市医疗门诊收费票据(电子)"), Pass),
                ("no province named", bill(), Pass),
                ("another province", titled("江苏省医疗门诊收费票据(电子)"), Fail),
                ("another province, misread", misread, Inconclusive),
                ("central", titled("江苏省医疗门诊收费票据").set(BillCode, "00060124"), Pass),
                ("the year before", bill().set(BillCode, "11060123"), Pass),
                ("a later year", bill().set(BillCode, "11060125"), Inconclusive),
                ("long before", bill().set(BillCode, "11060121"), Inconclusive),
                ("an older form", bill().set(BillCode, "1106012400"), NotApplicable),
                ("invoice", invoice(), NotApplicable),
            ],
        );
    }

    #[test]
    fn stays() {
        table(
            CheckId::StayDays,
            &[
                ("out less in", inpatient().set(StayDays, "6"), Pass),
                ("both ends counted", inpatient().set(StayDays, "7天"), Pass),
                ("a day", inpatient().set(StayDays, "1").set(AdmissionDate, "2024-05-12"), Pass),
                ("more", inpatient().set(StayDays, "16"), Fail),
                ("fewer", inpatient().set(StayDays, "5"), Fail),
                ("not a number", inpatient().set(StayDays, "l6"), Inconclusive),
                ("no dates", inpatient().set(StayDays, "6").without(DischargeDate), Inconclusive),
                ("not told", inpatient(), NotApplicable),
                ("no stay", bill(), NotApplicable),
            ],
        );
    }

    #[test]
    fn deposits() {
        let paid = |deposit, top_up, refund, cash| {
            inpatient().set(Deposit, deposit).set(TopUp, top_up).set(Refund, refund).set(CashPayment, cash)
        };
        table(
            CheckId::DepositSum,
            &[
                ("holds", paid("5000.00", "0.00", "3040.74", "1959.26"), Pass),
                ("printed below zero", paid("5000.00", "0.00", "-3040.74", "1959.26"), Pass),
                ("with the account", paid("5000.00", "0.00", "3040.74", "1759.26").set(AccountPayment, "200.00"), Pass),
                ("differs", paid("5000.00", "0.00", "3040.74", "959.26"), Fail),
                ("all of it given back", paid("5000.00", "0.00", "5000.00", "959.26"), Fail),
                ("no deposit", paid("0.00", "0.00", "0.00", "959.26"), Inconclusive),
                ("one missing", paid("5000.00", "0.00", "3040.74", "1959.26").without(TopUp), Pass),
                (
                    "one missing that counts",
                    paid("5000.00", "10.00", "3040.74", "1969.26").without(TopUp),
                    Inconclusive,
                ),
                ("none", inpatient(), NotApplicable),
                ("no stay", bill().set(Deposit, "1.00"), NotApplicable),
            ],
        );
    }

    #[test]
    fn what_the_patient_bears() {
        let borne = |paid, funded| bill().set(SelfPaid, paid).set(SelfFunded, funded);
        table(
            CheckId::OwnShare,
            &[
                ("holds", borne("100.00", "20.50"), Pass),
                ("differs", borne("300.00", "20.50"), Fail),
                ("others paid a part", borne("130.00", "20.50").set(OtherPayment, "30.00"), Pass),
                ("one not told", borne("0.00", "20.50"), Inconclusive),
                ("nobody insured", borne("0.00", "20.50").set(FundPayment, "0.00"), Fail),
                ("nothing told", borne("0.00", "0.00").set(FundPayment, "0.00"), Inconclusive),
                ("one missing", borne("300.00", "20.50").without(SelfFunded), Inconclusive),
                ("none", bill(), NotApplicable),
                ("receipt", receipt().set(SelfPaid, "1.00"), NotApplicable),
            ],
        );
    }

    #[test]
    fn cards() {
        let mut own_row = receipt().line("TOTAL VISA 10.60");
        own_row.lines.last_mut().unwrap().polygon = own_row.fields[&Total].polygon;
        table(
            CheckId::CardPaid,
            &[
                ("the total", receipt().line("VISA 10.60"), Pass),
                ("another sum", receipt().line("MASTERCARD RM 90.60"), Inconclusive),
                ("the total's own row", own_row, NotApplicable),
                ("no total", receipt().line("VISA 10.60").without(Total), Inconclusive),
                ("a card's number", receipt().line("VISA **** 1234"), NotApplicable),
                ("no card", receipt(), NotApplicable),
                ("bill", bill().line("VISA 10.60"), NotApplicable),
            ],
        );
    }
}
