//! Documents against the claim, and against each other.

use super::{Answer, Case, Seen, counts_as_bill};
use crate::domain::DocumentKind::{
    DischargeRecord, ExpenseList, MedicalInpatientBill, MedicalOutpatientBill, TillReceipt, Unknown, VatInvoice,
};
use crate::domain::FieldName::{
    AdmissionDate, AdmissionNumber, BuyerName, DischargeDate, PatientName, PayerName, Total,
};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::likeness::is_same_bill;
use crate::domain::{DocumentKind, Fen, FieldName};

/// The field that names the person, by kind.
fn name_field(kind: DocumentKind) -> Option<FieldName> {
    match kind {
        MedicalOutpatientBill | MedicalInpatientBill => Some(PayerName),
        VatInvoice => Some(BuyerName),
        ExpenseList | DischargeRecord => Some(PatientName),
        TillReceipt | Unknown => None,
    }
}

/// The name on the paper is the insured's. Needs a claim; till receipts carry no name.
pub(super) fn claim_name(case: &Case) -> Answer {
    let insured = case.evidence.claim.as_ref().and_then(|claim| claim.insured.as_ref());
    let (Some(insured), Some(field)) = (insured, name_field(case.kind())) else { return Answer::not_applicable() };
    match case.text(field).read().map(|printed| names_match(printed, &insured.name)) {
        Some(Some(true)) => case.answer(Pass, &[field]),
        Some(Some(false)) => case.answer(Fail, &[field]),
        Some(None) => case.answer(Inconclusive, &[field]).why("masked"),
        None => case.answer(Inconclusive, &[field]).why("unclear"),
    }
}

/// Whether two names can be one person's, or `None` if masks or 个人 leave nothing to compare.
///
/// Blanks, dots and case do not count. A mask stands for one character if the lengths are equal, else for some. If they
/// do not differ, at least half of the longer name must be seen on both sides for them to be the same.
fn names_match(a: &str, b: &str) -> Option<bool> {
    let (a, b) = (plain_name(a), plain_name(b));
    let is_mask = |c: &char| *c == '*';
    if a.iter().all(is_mask) || b.iter().all(is_mask) {
        return None;
    }
    if a.len() == b.len() {
        let both: Vec<bool> =
            a.iter().zip(&b).filter(|(x, y)| !is_mask(x) && !is_mask(y)).map(|(x, y)| x == y).collect();
        let same = both.iter().all(|same| *same);
        return (!same || both.len() * 2 >= a.len()).then_some(same);
    }
    let (masked, full) = match (a.iter().any(is_mask), b.iter().any(is_mask)) {
        (true, false) => (&a, &b),
        (false, true) => (&b, &a),
        (true, true) => return None,
        (false, false) => return Some(false),
    };
    let head: Vec<char> = masked.iter().copied().take_while(|c| !is_mask(c)).collect();
    let tail: Vec<char> = masked.iter().rev().copied().take_while(|c| !is_mask(c)).collect();
    let ends = full.iter().rev().take(tail.len()).eq(tail.iter());
    let seen = head.len() + tail.len();
    let same = seen < full.len() && full.starts_with(&head) && ends;
    (!same || seen * 2 >= full.len()).then_some(same)
}

/// Without blanks, dots and 个人; capitals; every mask an asterisk.
fn plain_name(name: &str) -> Vec<char> {
    name.replace("个人", "")
        .chars()
        .filter(|c| !c.is_whitespace() && !"·•・.()（）".contains(*c))
        .flat_map(char::to_uppercase)
        .map(|c| match c {
            '＊' | '×' | '●' | '某' => '*',
            // Full-width Latin.
            '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            c => c,
        })
        .collect()
}

/// The amount asked for is no more than what the bills of the claim come to. Says the same for each of them.
pub(super) fn claim_amount(case: &Case) -> Answer {
    let asked = case.evidence.claim.as_ref().and_then(|claim| claim.amount.as_deref());
    let Some(asked) = asked.filter(|_| case.is_bill()) else { return Answer::not_applicable() };
    let answer = |outcome| case.answer(outcome, &[Total]);
    let Some(asked) = Fen::parse(asked).filter(|asked| asked.0 > 0) else {
        return answer(Inconclusive).why("claim_unclear");
    };
    let answer = |outcome| answer(outcome).with("claimed", asked);
    let totals: Option<Vec<Fen>> = case
        .evidence
        .readings
        .iter()
        .enumerate()
        .filter(|(_, r)| counts_as_bill(r.kind) || r.unreadable.is_some())
        // A bill photographed twice counts once.
        .filter(|(i, r)| !case.evidence.readings[..*i].iter().any(|earlier| is_same_bill(earlier, r)))
        .map(|(_, r)| r.value(Total).and_then(Fen::parse))
        .collect();
    match totals.map(|totals| totals.iter().fold(0, |sum: i64, total| sum.saturating_add(total.0))) {
        None => answer(Inconclusive).why("total_unclear"),
        Some(sum) => answer(if asked.0 > sum { Fail } else { Pass }).with("documents", Fen(sum)),
    }
}

/// Several documents of a claim speak of one person, and list, record and bill of one stay agree.
///
/// Compared: names; between one inpatient bill and one discharge record or expense list also the dates and the admission
/// number; the total of an expense list with those of the bills, where a difference proves nothing (lists have several
/// pages). Not applicable if nothing can be compared.
pub(super) fn documents_agree(case: &Case) -> Answer {
    let others: Vec<Case> = (0..case.evidence.readings.len())
        .filter(|i| *i != case.document)
        .filter_map(|i| Case::new(case.evidence, i))
        .collect();
    let mut compared = Vec::new();
    if let Some((field, name)) = name_field(case.kind()).and_then(|f| Some((f, case.text(f).read()?))) {
        let names = others.iter().filter_map(|other| other.text(name_field(other.kind())?).read());
        compared.extend(names.filter_map(|other| names_match(name, other)).map(|same| (field, verdict(same, Fail))));
    }
    let of_stay = |kind| matches!(kind, MedicalInpatientBill | DischargeRecord | ExpenseList);
    let alone = |kind| case.evidence.readings.iter().filter(|r| r.kind == kind).count() == 1;
    for other in
        others.iter().filter(|o| o.kind() != case.kind() && [o.kind(), case.kind()].iter().all(|k| of_stay(*k)))
    {
        if !alone(case.kind()) || !alone(other.kind()) {
            continue;
        }
        for date in [AdmissionDate, DischargeDate] {
            if let (Seen::Read(a), Seen::Read(b)) = (case.day(date), other.day(date)) {
                compared.push((date, verdict(a == b, Fail)));
            }
        }
        if let (Seen::Read(a), Seen::Read(b)) = (case.text(AdmissionNumber), other.text(AdmissionNumber)) {
            compared.push((AdmissionNumber, verdict(a.trim() == b.trim(), Fail)));
        }
    }
    if case.kind() == ExpenseList
        && let Seen::Read(total) = case.money(Total)
    {
        let bills: Vec<Fen> =
            others.iter().filter(|o| o.kind().is_medical_bill()).filter_map(|o| o.money(Total).read()).collect();
        let sum = Fen(bills.iter().fold(0, |sum: i64, bill| sum.saturating_add(bill.0)));
        if !bills.is_empty() {
            compared.push((Total, verdict(bills.contains(&total) || sum == total, Inconclusive)));
        }
    }
    let with = |outcome| {
        let mut names: Vec<FieldName> = compared.iter().filter(|(_, o)| *o == outcome).map(|(name, _)| *name).collect();
        names.dedup();
        names
    };
    match [Fail, Inconclusive, Pass].into_iter().find(|o| !with(*o).is_empty()) {
        None => Answer::not_applicable(),
        Some(outcome) => {
            let names = with(outcome);
            let list = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
            case.answer(outcome, &names).with(if outcome == Pass { "same" } else { "differs" }, list)
        }
    }
}

fn verdict(same: bool, otherwise: crate::domain::Outcome) -> crate::domain::Outcome {
    if same { Pass } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, claim, evidence, inpatient, invoice, reading, receipt};
    use crate::domain::{CheckId, ContentHash, Reading};

    #[test]
    fn names() {
        for (a, b, answer) in [
            ("张三丰", "张三丰", Some(true)),
            ("张 三　丰", "张三丰", Some(true)),
            ("张*丰", "张三丰", Some(true)),
            ("张**", "张三丰", None),
            ("**丰", "李大丰", None),
            ("李**", "张三丰", Some(false)),
            ("*三丰", "张三丰", Some(true)),
            ("张*", "张三丰", None),
            ("张*", "张三", Some(true)),
            ("李*", "张三丰", Some(false)),
            ("张*", "李三", Some(false)),
            ("张三", "张三丰", Some(false)),
            ("张三丰", "张三封", Some(false)),
            ("***", "张三丰", None),
            ("个人", "张三丰", None),
            ("张三丰(个人)", "张三丰", Some(true)),
            ("Ann Lee", "ANN LEE", Some(true)),
            ("ＡＮＮ", "Ann", Some(true)),
            ("买买提·吐尔逊", "买买提.吐尔逊", Some(true)),
            ("张*", "*丰", None),
            ("", "张三丰", None),
        ] {
            assert_eq!(names_match(a, b), answer, "{a} {b}");
            assert_eq!(names_match(b, a), answer, "{b} {a}");
        }
    }

    #[test]
    fn against_the_claim() {
        for (name, reading, outcome) in [
            ("equal", bill(), Pass),
            ("another", bill().set(PayerName, "李四"), Fail),
            ("masked", bill().set(PayerName, "**"), Inconclusive),
            ("not read", bill().without(PayerName), Inconclusive),
            ("invoice to a private person", invoice().set(BuyerName, "个人"), Inconclusive),
            ("receipt", receipt(), NotApplicable),
        ] {
            let mut evidence = evidence(vec![reading]);
            assert_eq!(ask(&evidence, CheckId::ClaimName).outcome, NotApplicable, "no claim: {name}");
            evidence.claim = Some(claim());
            let finding = ask(&evidence, CheckId::ClaimName);
            assert_eq!(finding.outcome, outcome, "{name}");
            assert!(!format!("{finding:?}").contains("张三"), "no names in findings");
        }
    }

    #[test]
    fn amounts() {
        for (asked, second, outcome) in [
            (Some("320.50"), None, Pass),
            (Some("320.51"), None, Fail),
            (Some("1.00"), None, Pass),
            (Some("433.50"), Some(invoice()), Pass),
            (Some("433.51"), Some(invoice()), Fail),
            (Some("1.00"), Some(invoice().unclear(Total)), Inconclusive),
            (Some("320.50"), Some(other(bill())), Pass),
            (Some("320.51"), Some(other(bill())), Fail),
            (Some("1"), None, Inconclusive),
            (Some("0.00"), None, Inconclusive),
            (None, None, NotApplicable),
        ] {
            let mut evidence = evidence([vec![bill()], second.into_iter().collect()].concat());
            evidence.claim = Some(crate::domain::Claim { amount: asked.map(str::to_owned), ..claim() });
            assert_eq!(ask(&evidence, CheckId::ClaimAmount).outcome, outcome, "{asked:?}");
        }
    }

    fn other(reading: Reading) -> Reading {
        Reading { sha256: ContentHash([7; 32]), ..reading }
    }

    #[test]
    fn with_each_other() {
        let record = || {
            reading(
                DischargeRecord,
                &[(PatientName, "张三"), (AdmissionDate, "2024-05-06"), (DischargeDate, "2024-05-12")],
            )
        };
        let list = || reading(ExpenseList, &[(PatientName, "张三"), (AdmissionNumber, "A77"), (Total, "320.50")]);
        for (name, readings, outcome) in [
            ("one", vec![bill()], NotApplicable),
            ("two of one person", vec![bill(), other(bill())], Pass),
            ("two persons", vec![bill(), other(bill()).set(PayerName, "李四")], Fail),
            ("bill and receipt", vec![bill(), receipt()], NotApplicable),
            ("stay and record", vec![inpatient(), record()], Pass),
            ("another stay", vec![inpatient(), record().set(AdmissionDate, "2024-05-05")], Fail),
            ("list and bill", vec![list(), inpatient()], Pass),
            ("list of another sum", vec![list().set(Total, "1.00"), inpatient()], Inconclusive),
            ("list of another admission", vec![list().set(AdmissionNumber, "A78"), inpatient()], Fail),
        ] {
            let finding = ask(&evidence(readings), CheckId::DocumentsAgree);
            assert_eq!(finding.outcome, outcome, "{name}: {finding:?}");
        }
    }
}
