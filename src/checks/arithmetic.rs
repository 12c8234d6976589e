//! Figures that must add up.

use super::{Answer, Case, Seen};
use crate::domain::DocumentKind::{TillReceipt, VatInvoice};
use crate::domain::FieldName::{
    AccountPayment, AmountWithoutTax, Cash, CashPayment, Change, FundPayment, OtherPayment, Rounding, Subtotal, Tax,
    Total, TotalInWords,
};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::evidence::ReadLine;
use crate::domain::{Fen, Field, FieldName, Outcome, money::parse_capital};
use std::collections::BTreeSet;

/// The amount in capital characters is the amount in figures (fiscal bills and VAT invoices).
pub(super) fn total_in_words(case: &Case) -> Answer {
    if !(case.kind().is_medical_bill() || case.kind() == VatInvoice) {
        return Answer::not_applicable();
    }
    let words = case.typed(TotalInWords, parse_capital);
    let answer = |outcome| case.answer(outcome, &[Total, TotalInWords]);
    if case.field(TotalInWords).is_some_and(Field::is_settled) {
        return answer(Inconclusive).why("chosen_by_this_sum");
    }
    // Two bills in one photo, of which one was read.
    if amounts_in_words(case) > 1 {
        return answer(Inconclusive).why("several_amounts_in_words");
    }
    match (words, case.money(Total)) {
        (Seen::Absent, _) => Answer::not_applicable(),
        (Seen::Read(words), Seen::Read(total)) => {
            answer(if words == total { Pass } else { Fail }).with("words", words).with("total", total)
        }
        (Seen::Unclear, _) => answer(Inconclusive).why("words_unclear"),
        (_, _) => answer(Inconclusive).why("total_unclear"),
    }
}

/// How many different amounts in words stand on the paper.
fn amounts_in_words(case: &Case) -> usize {
    let of_line = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        // After its label an amount runs to the end of the line; shorter than three characters it may be anything.
        (0..chars.len().saturating_sub(2)).find_map(|from| {
            let rest: String = chars[from..].iter().collect();
            parse_capital(&rest).filter(|_| rest.contains(['元', '圆']))
        })
    };
    let lines = case.reading.lines.iter().map(|line| line.text.as_str()).filter(|text| text.contains(['元', '圆']));
    lines.filter_map(of_line).map(|amount| amount.0).collect::<BTreeSet<_>>().len()
}

/// The rows add up: to the total on medical bills; with the tax, or already taxed, to the total on VAT invoices; to the
/// subtotal or the total on till receipts, whose rows are hard to read, so that a difference there proves nothing.
pub(super) fn items_sum(case: &Case) -> Answer {
    let kind = case.kind();
    if !case.is_bill() {
        return Answer::not_applicable();
    }
    let items = &case.reading.items;
    let mut answer = case.answer(Inconclusive, &[Total]).with("items", items.len());
    answer.regions.extend(items.iter().map(|item| item.polygon));
    let Some(sum) = sum_of_items(case) else { return answer.why("item_unclear") };
    let answer = answer.with("sum", sum);
    let Some(total) = case.money(Total).read() else { return answer.why("total_unclear") };
    let answer = answer.with("total", total);
    let tax = tax(case).unwrap_or_default();
    let holds = match kind {
        VatInvoice => sum == total || add(&[sum, tax]) == total,
        TillReceipt if is_lone_beside_subtotal(case, sum) => false,
        TillReceipt if sum == total => true,
        TillReceipt => !is_subtotal_gone(case) && leads_to(case, sum, total),
        _ => sum == total,
    };
    let outcome = match kind {
        _ if holds => Pass,
        // A row that was not read leaves the sum too small, which says nothing. Too large is another matter.
        TillReceipt if sum == total => return answer.why("lone_row"),
        TillReceipt if leads_with_chosen_tax(case, sum, total) => return answer.why("tax_chosen"),
        TillReceipt if rows_exceed(case, sum, total) => Fail,
        TillReceipt => return answer.why("rows_fall_short"),
        // Rows of the categories and rows of their details, both read: says nothing against the bill.
        _ if kind.is_medical_bill() && sum.0 == total.0.saturating_mul(2) => return answer.why("counted_twice"),
        _ => Fail,
    };
    Answer { outcome, ..answer }
}

/// Whether a receipt has one row, and a subtotal that is another sum: a row of the total's own size proves nothing then.
fn is_lone_beside_subtotal(case: &Case, sum: Fen) -> bool {
    case.reading.items.len() == 1 && case.money(Subtotal).read().is_some_and(|subtotal| subtotal != sum)
}

/// Whether the rows and a tax that may have been chosen to make it so are the total: the rows do not fall short then.
fn leads_with_chosen_tax(case: &Case, sum: Fen, total: Fen) -> bool {
    !is_subtotal_gone(case) && case.money(Tax).read().is_some_and(|tax| add(&[sum, tax]) == total)
}

/// Whether a receipt names a subtotal and has none: it was not read, or taken off the paper.
fn is_subtotal_gone(case: &Case) -> bool {
    let squeezed = |text: &str| text.to_lowercase().replace([' ', '-', '.'], "");
    case.field(Subtotal).is_none() && case.reading.lines.iter().any(|line| squeezed(&line.text).contains("subtotal"))
}

/// Whether the rows of a receipt come to more than its subtotal and its total, with no discount to take that off.
fn rows_exceed(case: &Case, sum: Fen, total: Fen) -> bool {
    const DISCOUNTS: [&str; 12] = [
        "disc",
        "coupon",
        "voucher",
        "sav",
        "rebate",
        "promo",
        " off",
        "less",
        "member",
        "loyalty",
        "rabatt",
        "gutschein",
    ];
    let subtotal = case.money(Subtotal).read();
    // Where the tax is added to the subtotal, the rows are before tax.
    let tax_added = tax(case).is_some_and(|tax| tax.0 > 0)
        && subtotal.is_some_and(|subtotal| subtotal.0 + MOST_ROUNDING < total.0)
        && subtotal_leads_to(case, total);
    let goals = [subtotal, Some(total).filter(|_| !tax_added)];
    let mut excess = goals.into_iter().flatten().map(|goal| sum.0 - goal.0);
    let named = |text: &str| DISCOUNTS.iter().any(|word| text.to_lowercase().contains(word));
    let taken_off = |fen: i64| {
        printed(case, Fen(fen)) && case.reading.lines.iter().any(|line| named(&line.text))
            || case.reading.lines.iter().any(|line| line.text.contains(&format!("-{}", Fen(fen))))
    };
    excess.all(|fen| fen > MOST_ROUNDING && !taken_off(fen))
}

/// `None` if there are no rows or one has no amount.
fn sum_of_items(case: &Case) -> Option<Fen> {
    let amounts: Option<Vec<Fen>> =
        case.reading.items.iter().map(|i| i.amount.as_deref().and_then(Fen::parse)).collect();
    amounts.filter(|a| !a.is_empty()).map(|a| add(&a))
}

/// 统筹 + 其他 + 个人账户 + 现金 = 合计 (medical bills). Exact in every full sample known, so a difference fails; but only
/// when all four were read, since a part that is not printed or not seen explains any difference.
pub(super) fn payment_split(case: &Case) -> Answer {
    const PARTS: [FieldName; 4] = [FundPayment, OtherPayment, AccountPayment, CashPayment];
    if !case.kind().is_medical_bill() || PARTS.iter().all(|p| case.money(*p) == Seen::Absent) {
        return Answer::not_applicable();
    }
    let mut answer = case.answer(Inconclusive, &[&[Total], &PARTS[..]].concat());
    for part in PARTS {
        if let Seen::Read(value) = case.money(part) {
            answer = answer.with(part.as_str(), value);
        }
    }
    let parts: Option<Vec<Fen>> = PARTS.iter().map(|p| case.money(*p).read()).collect();
    let Some(parts) = parts else { return answer.why("part_missing") };
    let answer = answer.with("sum", add(&parts));
    let Some(total) = case.money(Total).read() else { return answer.why("total_unclear") };
    Answer { outcome: if add(&parts) == total { Pass } else { Fail }, ..answer }.with("total", total)
}

/// Amount without tax + tax = total (VAT invoices). Exact by law; `***` in the place of the tax means none is due.
pub(super) fn tax_sum(case: &Case) -> Answer {
    if case.kind() != VatInvoice {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[AmountWithoutTax, Tax, Total]);
    match (case.money(AmountWithoutTax), tax(case), case.money(Total)) {
        (Seen::Absent, None, _) if case.field(Tax).is_none() => Answer::not_applicable(),
        (Seen::Read(net), Some(tax), Seen::Read(total)) => {
            let outcome = match add(&[net, tax]) == total {
                true if case.same_place(AmountWithoutTax, Total) => Inconclusive,
                true => Pass,
                false => Fail,
            };
            answer(outcome).with("amount_without_tax", net).with("tax", tax).with("total", total)
        }
        _ => answer(Inconclusive).why("part_missing"),
    }
}

/// The tax; 0 where the invoice prints asterisks or 免税.
fn tax(case: &Case) -> Option<Fen> {
    case.own_money(Tax).or_else(|| {
        let text = case.field(Tax)?.text.trim();
        let exempt = !text.is_empty() && text.chars().all(|c| c == '*' || c == '＊');
        (exempt || matches!(text, "免税" | "不征税")).then_some(Fen(0))
    })
}

/// Subtotal, tax and rounding make the total (till receipts), in one of the ways shops print it.
pub(super) fn subtotal_sum(case: &Case) -> Answer {
    if case.kind() != TillReceipt || case.field(Subtotal).is_none() {
        return Answer::not_applicable();
    }
    let mut answer = case.answer(Inconclusive, &[Subtotal, Tax, Rounding, Total]);
    for name in [Subtotal, Tax, Rounding, Total] {
        if let Seen::Read(value) = case.money(name) {
            answer = answer.with(name.as_str(), value);
        }
    }
    match case.money(Total).read() {
        None => answer.why("total_unclear"),
        Some(_) if case.same_place(Subtotal, Total) => answer.why("same_place"),
        // A sum that chose its own parts does not prove them.
        Some(_) if [Subtotal, Tax].iter().any(|name| case.field(*name).is_some_and(Field::is_settled)) => {
            answer.why("chosen_by_this_sum")
        }
        Some(total) if subtotal_leads_to(case, total) => Answer { outcome: Pass, ..answer },
        // A tip, a charge or a discount explains a difference, but then it stands on the paper.
        Some(total) => match case.money(Subtotal).read() {
            Some(subtotal) if !explained(case, subtotal, total) => {
                Answer { outcome: Fail, ..answer }.why("nothing_explains_the_difference")
            }
            _ => answer.why("no_combination_holds"),
        },
    }
}

/// Cash is rounded to 5 or 10 of the smallest unit; more than this is no rounding.
const MOST_ROUNDING: i64 = 10;

/// Whether what lies between two sums of a receipt may be a rounding, or is printed: alone, or beside the tax.
fn explained(case: &Case, from: Fen, to: Fen) -> bool {
    let tax = case.own_money(Tax).unwrap_or_default();
    let rounding = case.money(Rounding).read().unwrap_or_default();
    [0, tax.0, rounding.0, tax.0 + rounding.0]
        .into_iter()
        .map(|part| to.0 - from.0 - part)
        .any(|difference| difference.abs() <= MOST_ROUNDING || charged(case, Fen(difference.abs())))
}

/// Whether an amount stands on the paper as a charge or a discount may: on no row of goods, and not as another field.
fn charged(case: &Case, amount: Fen) -> bool {
    let own = [Total, Subtotal, Tax, Rounding, Cash, Change].into_iter().filter_map(|name| case.field(name));
    let goods = case.reading.items.iter().map(|item| item.polygon);
    let taken: Vec<_> = own.map(|field| field.polygon).chain(goods).map(|polygon| polygon.bounds()).collect();
    let free = |line: &ReadLine| {
        let (left, top, right, bottom) = line.polygon.bounds();
        let middle = (top + bottom) / 2.0;
        !taken.iter().any(|t| t.1 < middle && middle < t.3 && t.0 < right && left < t.2)
    };
    case.reading.lines.iter().any(|line| names_amount(&line.text, amount) && free(line))
}

/// Whether an amount stands anywhere on the paper, with or without a minus.
fn printed(case: &Case, amount: Fen) -> bool {
    case.reading.lines.iter().any(|line| names_amount(&line.text, amount))
}

fn names_amount(text: &str, amount: Fen) -> bool {
    let number = amount.to_string();
    text.match_indices(&number).any(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        !digit(text[..at].chars().next_back()) && !digit(text[at + number.len()..].chars().next())
    })
}

/// Whether the subtotal, which was not chosen to make it so, makes `total` with what is added and taken off.
fn subtotal_leads_to(case: &Case, total: Fen) -> bool {
    case.own_money(Subtotal).is_some_and(|subtotal| leads_to(case, subtotal, total))
}

/// Whether a sum of a receipt [+ tax] [+ a charge] [− a discount] [+ rounding] is `total`, each as its own row names it.
/// What was chosen to make it so does not count, nor does a tax of more than half of what is taxed: no country has one.
/// Each may also be told for the record, of a sum that already has it.
fn leads_to(case: &Case, sum: Fen, total: Fen) -> bool {
    const CHARGES: [&str; 7] =
        ["service ch", "serv. ch", "serv ch", "svc ch", "delivery ch", "packing ch", "surcharge"];
    const DISCOUNTS: [&str; 6] = ["discount", "disc.", "coupon", "voucher", "rabatt", "gutschein"];
    let tax = case.own_money(Tax).filter(|tax| tax.0 * 2 <= sum.0).unwrap_or_default();
    let rounding = case.own_money(Rounding).filter(|fen| fen.0.abs() <= MOST_ROUNDING).unwrap_or_default();
    let rows = case.rows_beside_total();
    let named = |words: &[&str]| {
        let rows = rows.iter().filter(|row| words.iter().any(|word| row.to_lowercase().contains(word)));
        let amounts = rows.filter_map(|row| last_amount(row)).filter(|fen| *fen < sum);
        std::iter::once(Fen(0)).chain(amounts).collect::<Vec<_>>()
    };
    let (charges, discounts) = (named(&CHARGES), named(&DISCOUNTS));
    let with = |tax: Fen, rounding: Fen| {
        charges.iter().any(|charge| {
            discounts.iter().any(|discount| add(&[sum, tax, *charge, Fen(-discount.0), rounding]) == total)
        })
    };
    with(tax, rounding) || with(Fen(0), rounding) || with(tax, Fen(0)) || with(Fen(0), Fen(0))
}

/// The amount at a row's end, before what marks how it is taxed.
fn last_amount(row: &str) -> Option<Fen> {
    let is_cents = |word: &str| word.rsplit_once('.').is_some_and(|(_, cents)| cents.len() == 2);
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
    row.split_whitespace().rev().map(bare).filter(|word| is_cents(word)).find_map(|word| Fen::parse(&word))
}

/// Cash − change = total (till receipts). Held on 97 % of public receipts where all three are readable.
pub(super) fn cash_change(case: &Case) -> Answer {
    if case.kind() != TillReceipt || case.field(Cash).is_none() {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[Cash, Change, Total]);
    let (Seen::Read(cash), Seen::Read(total)) = (case.money(Cash), case.money(Total)) else {
        return answer(Inconclusive).why("part_missing");
    };
    let figures = |outcome| answer(outcome).with("cash", cash).with("total", total);
    if case.same_place(Cash, Total) {
        return figures(Inconclusive).why("same_place");
    }
    match case.money(Change) {
        // Shops print either below zero, as it comes in or goes out.
        Seen::Read(change) => {
            let paid = Fen(cash.0.abs() - change.0.abs());
            figures(if paid == total { Pass } else { Fail }).with("change", change)
        }
        Seen::Absent if cash.0.abs() == total.0 => figures(Pass),
        // Paid less than the total, and something else that made it up: a voucher, a second card.
        Seen::Absent if cash.0.abs() < total.0 - MOST_ROUNDING => figures(Fail).why("paid_less"),
        _ => figures(Inconclusive).why("change_unclear"),
    }
}

/// Something else on the paper says the same total, and nothing says another.
///
/// `by` lists what says the same and `corroborations` counts it; `against` lists what contradicts.
pub(super) fn total_corroborated(case: &Case) -> Answer {
    type Source = (&'static str, fn(&Case) -> Answer);
    const SOURCES: [Source; 7] = [
        ("total_in_words", total_in_words),
        ("items_sum", items_sum),
        ("payment_split", payment_split),
        ("tax_sum", tax_sum),
        ("subtotal_sum", subtotal_sum),
        ("cash_change", cash_change),
        ("card_paid", super::paper::card_paid),
    ];
    if !case.is_bill() || case.field(Total).is_none() {
        return Answer::not_applicable();
    }
    let answers = SOURCES.map(|(name, ask)| (name, ask(case)));
    let falls_short = answers.iter().any(|(_, a)| a.detail.get("why").is_some_and(|why| why == "rows_fall_short"));
    let mut said: Vec<(&str, Outcome)> = answers.iter().map(|(name, answer)| (*name, answer.outcome)).collect();
    said.extend(super::qr::total_agrees(case).map(|same| ("qr_amount", if same { Pass } else { Fail })));
    let list = |wanted| said.iter().filter(|(_, o)| *o == wanted).map(|(name, _)| *name).collect::<Vec<_>>();
    let (by, against) = (list(Pass), list(Fail));
    let outcome = match (against.is_empty(), by.is_empty()) {
        (false, _) => Fail,
        // Goods that do not add up to the total may be rows unread, or a total raised: one thing that follows from the total,
        // as the change does, is not enough then.
        (true, false) if falls_short && by.len() < 2 => Inconclusive,
        (true, false) => Pass,
        (true, true) => Inconclusive,
    };
    let mut answer = case.answer(outcome, &[Total]).with("corroborations", by.len());
    for (name, list) in [("by", by), ("against", against)] {
        if !list.is_empty() {
            answer = answer.with(name, list.join(","));
        }
    }
    answer
}

fn add(parts: &[Fen]) -> Fen {
    Fen(parts.iter().fold(0, |sum: i64, part| sum.saturating_add(part.0)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use crate::domain::Outcome::{Fail, Inconclusive, NotApplicable, Pass};
    use crate::domain::document::SETTLED_BY_SUM;
    use crate::domain::support::{bill, evidence, invoice, receipt};
    use crate::domain::{CheckId, Fen, FieldName, Outcome, Reading};

    type Change = fn(Reading) -> Reading;

    fn table(check: CheckId, cases: &[(&str, Reading, Outcome)]) {
        for (name, reading, outcome) in cases {
            let finding = ask(&evidence(vec![reading.clone()]), check);
            assert_eq!(finding.outcome, *outcome, "{name}: {finding:?}");
        }
    }

    fn with(mut reading: Reading, changes: &[(FieldName, Option<&str>)]) -> Reading {
        for (name, value) in changes {
            match value {
                Some(value) => reading = reading.set(*name, value),
                None => drop(reading.fields.remove(name)),
            }
        }
        reading
    }

    use FieldName::*;

    #[test]
    fn words() {
        table(
            CheckId::TotalInWords,
            &[
                ("equal", bill(), Pass),
                ("variant writing", with(bill(), &[(TotalInWords, Some("人民币叁佰贰拾圆伍角正"))]), Pass),
                ("other value", with(bill(), &[(TotalInWords, Some("叁佰贰拾元整"))]), Fail),
                ("altered figure", with(bill(), &[(Total, Some("3320.50"))]), Fail),
                ("not words", with(bill(), &[(TotalInWords, Some("叁佰口拾元整"))]), Inconclusive),
                ("words seen, not understood", bill().unclear(TotalInWords), Inconclusive),
                ("no words", with(bill(), &[(TotalInWords, None)]), NotApplicable),
                ("no total", with(bill(), &[(Total, None)]), Inconclusive),
                ("invoice", invoice(), Pass),
                ("receipt", receipt(), NotApplicable),
                ("said twice", bill().line("金额合计(大写)叁佰贰拾元伍角整").line("叁佰贰拾圆伍角"), Pass),
                ("two bills", bill().line("叁佰贰拾元伍角整").line("(大写)玖拾元整"), Inconclusive),
            ],
        );
    }

    #[test]
    fn items() {
        let unreadable_item: Change = |mut r| {
            r.items[0].amount = None;
            r
        };
        let no_items: Change = |mut r| {
            r.items.clear();
            r
        };
        let wrong_item: Change = |mut r| {
            r.items[0].amount = Some("1.00".into());
            r
        };
        let between: Change = |mut r| {
            let first = Fen::parse(r.items[0].amount.as_deref().unwrap()).unwrap();
            r.items[0].amount = Some(Fen(first.0 + 30).to_string());
            r
        };
        let large_item: Change = |mut r| {
            let sum: i64 = r.items.iter().filter_map(|i| Fen::parse(i.amount.as_deref()?)).map(|f| f.0).sum();
            let first = Fen::parse(r.items[0].amount.as_deref().unwrap()).unwrap();
            let total = Fen::parse(r.fields[&Total].value.as_deref().unwrap()).unwrap();
            r.items[0].amount = Some(Fen(first.0 + total.0 + 9_000 - sum).to_string());
            r
        };
        let lone: Change = |mut r| {
            r.items.truncate(1);
            r.items[0].amount = r.fields[&Total].value.clone();
            r.set(Subtotal, "45.00")
        };
        let bare = || with(receipt(), &[(Subtotal, None), (Tax, None)]);
        let charged = |row| with(receipt(), &[(Subtotal, None), (Total, Some("11.60"))]).line(row);
        let twice: Change = |mut r| {
            r.items.extend(r.items.clone());
            r
        };
        table(
            CheckId::ItemsSum,
            &[
                ("bill", bill(), Pass),
                ("one amount missing", unreadable_item(bill()), Inconclusive),
                ("none", no_items(bill()), Inconclusive),
                ("wrong", wrong_item(bill()), Fail),
                ("categories and details", twice(bill()), Inconclusive),
                ("invoice, rows without tax", invoice(), Pass),
                ("invoice, wrong", wrong_item(invoice()), Fail),
                ("receipt", receipt(), Pass),
                ("receipt, wrong", wrong_item(receipt()), Inconclusive),
                ("receipt, too large a row", large_item(receipt()), Fail),
                ("receipt, too large a row, discount", large_item(receipt()).line("-90.60"), Inconclusive),
                ("receipt, too large a row, coupon", large_item(receipt()).line("Coupon 90.60"), Inconclusive),
                ("receipt, too large a row, another of that price", large_item(receipt()).line("90.60"), Fail),
                ("receipt, rows between subtotal and total", between(receipt()), Fail),
                ("receipt, a lone row that is no subtotal", lone(receipt()), Inconclusive),
                ("receipt, rows and rounding", with(bare(), &[(Total, Some("10.02")), (Rounding, Some("0.02"))]), Pass),
                ("receipt, no such rounding", with(bare(), &[(Total, Some("10.02"))]), Inconclusive),
                ("receipt, rows, tax and charge", charged("Service Charge 1.00"), Pass),
                ("receipt, what is charged on another row", charged("Service Charge"), Inconclusive),
                (
                    "receipt, the subtotal painted out",
                    with(receipt(), &[(Subtotal, None)]).line("SUB-TOTAL"),
                    Inconclusive,
                ),
                ("receipt, rows less a discount", with(bare(), &[(Total, Some("8.50"))]).line("Discount 1.50-"), Pass),
                ("receipt, no such discount", with(bare(), &[(Total, Some("8.50"))]).line("Points 1.50"), Fail),
            ],
        );
    }

    #[test]
    fn payments() {
        table(
            CheckId::PaymentSplit,
            &[
                ("holds", bill(), Pass),
                ("differs", with(bill(), &[(CashPayment, Some("0.51"))]), Fail),
                (
                    "three of four, differs",
                    with(bill(), &[(OtherPayment, None), (CashPayment, Some("9.00"))]),
                    Inconclusive,
                ),
                ("one unclear", bill().unclear(FundPayment), Inconclusive),
                (
                    "none",
                    with(
                        bill(),
                        &[(FundPayment, None), (OtherPayment, None), (AccountPayment, None), (CashPayment, None)],
                    ),
                    NotApplicable,
                ),
                ("invoice", invoice(), NotApplicable),
            ],
        );
    }

    #[test]
    fn taxes() {
        let exempt = {
            let mut r = with(invoice(), &[(AmountWithoutTax, Some("113.00"))]).unclear(Tax);
            r.fields.get_mut(&Tax).unwrap().text = "***".into();
            r
        };
        table(
            CheckId::TaxSum,
            &[
                ("holds", invoice(), Pass),
                ("differs by a fen", with(invoice(), &[(Tax, Some("13.01"))]), Fail),
                ("exempt", exempt, Pass),
                ("unclear", invoice().unclear(Tax), Inconclusive),
                ("absent", with(invoice(), &[(Tax, None), (AmountWithoutTax, None)]), NotApplicable),
                ("bill", bill(), NotApplicable),
            ],
        );
    }

    #[test]
    fn subtotals() {
        let one_place = {
            let mut r = with(receipt(), &[(Subtotal, Some("10.60"))]);
            r.fields.get_mut(&Subtotal).unwrap().polygon = r.fields[&Total].polygon;
            r
        };
        let discounted = with(receipt(), &[(Subtotal, Some("21.20"))]);
        // Subtotal 10.00, tax 0.60, and a total raised by the 3.00 that one of the goods costs.
        let over_goods = {
            let mut r = with(receipt(), &[(Total, Some("13.60"))]).item("Gauze", "3.00").line("3.00");
            r.lines.last_mut().unwrap().polygon = r.items.last().unwrap().polygon;
            r
        };
        table(
            CheckId::SubtotalSum,
            &[
                ("net + tax", receipt(), Pass),
                ("net + tax + rounding", with(receipt(), &[(Tax, Some("0.62")), (Rounding, Some("-0.02"))]), Pass),
                ("incl. + rounding", with(receipt(), &[(Subtotal, Some("10.58")), (Rounding, Some("0.02"))]), Pass),
                ("nothing holds", with(receipt(), &[(Subtotal, Some("9.00"))]), Fail),
                ("a tip is printed", with(receipt(), &[(Subtotal, Some("9.00"))]).line("Tip 1.00"), Inconclusive),
                ("total far below", with(receipt(), &[(Subtotal, Some("21.20"))]), Fail),
                ("total far below, discount seen", discounted.clone().line("COUPON 10.60-"), Pass),
                ("total far below, a sum of that size seen", discounted.clone().line("POINTS 10.60-"), Inconclusive),
                ("total far below, a longer number", discounted.line("110.600"), Fail),
                ("the price of goods explains nothing", over_goods, Fail),
                (
                    "a tax of more than half bears nothing out",
                    with(receipt(), &[(Subtotal, Some("5.30")), (Tax, Some("5.30"))]),
                    Inconclusive,
                ),
                ("the same place twice", one_place, Inconclusive),
                ("no subtotal", with(receipt(), &[(Subtotal, None)]), NotApplicable),
                ("bill", bill(), NotApplicable),
            ],
        );
    }

    #[test]
    fn cash() {
        table(
            CheckId::CashChange,
            &[
                ("holds", receipt(), Pass),
                ("differs", with(receipt(), &[(Change, Some("9.50"))]), Fail),
                ("paid exactly", with(receipt(), &[(Cash, Some("10.60")), (Change, None)]), Pass),
                ("change below zero", with(receipt(), &[(Change, Some("-9.40"))]), Pass),
                ("cash below zero", with(receipt(), &[(Cash, Some("-20.00"))]), Pass),
                ("no change seen", with(receipt(), &[(Change, None)]), Inconclusive),
                ("paid in part", with(receipt(), &[(Cash, Some("7.60")), (Change, None)]), Fail),
                ("change unclear", receipt().unclear(Change), Inconclusive),
                ("no cash", with(receipt(), &[(Cash, None)]), NotApplicable),
            ],
        );
    }

    #[test]
    fn what_a_sum_chose_does_not_bear_it_out() {
        let settled = |mut r: Reading, name| {
            r.fields.get_mut(&name).unwrap().repairs.push(SETTLED_BY_SUM.to_owned());
            r
        };
        // Only a tax chosen for the purpose leads from the rows, or from the subtotal, to the total.
        let outcome = |r: &Reading, check| ask(&evidence(vec![r.clone()]), check).outcome;
        for (reading, of_rows, of_subtotal) in [
            (receipt(), Pass, Pass),
            (settled(receipt(), Tax), Inconclusive, Inconclusive),
            (settled(receipt(), Subtotal), Pass, Inconclusive),
        ] {
            assert_eq!(outcome(&reading, CheckId::ItemsSum), of_rows);
            assert_eq!(outcome(&reading, CheckId::SubtotalSum), of_subtotal);
        }
    }

    #[test]
    fn corroboration() {
        let lone: Change = |mut r| {
            r.items[0].amount = Some("10.60".into());
            for name in [Subtotal, Tax] {
                r.fields.get_mut(&name).unwrap().repairs.push(SETTLED_BY_SUM.to_owned());
            }
            r
        };
        let short: Change = |mut r| {
            r.items.truncate(1);
            r.items[0].amount = Some("1.00".into());
            r
        };
        table(
            CheckId::TotalCorroborated,
            &[
                ("bill", bill(), Pass),
                ("words differ", with(bill(), &[(TotalInWords, Some("壹元整"))]), Fail),
                (
                    "nothing else",
                    Reading { items: vec![], ..with(receipt(), &[(Subtotal, None), (Cash, None)]) },
                    Inconclusive,
                ),
                ("no total", with(bill(), &[(Total, None)]), NotApplicable),
                ("goods short, change and subtotal say so", with(short(receipt()), &[]), Pass),
                ("goods short, the change alone says so", with(short(receipt()), &[(Subtotal, None)]), Inconclusive),
                ("goods that are the total, the change says so", lone(receipt()), Pass),
                (
                    "goods short, the change and a card say so",
                    with(short(receipt()), &[(Subtotal, None)]).line("VISA 10.60"),
                    Pass,
                ),
            ],
        );
        let finding = ask(&evidence(vec![bill()]), CheckId::TotalCorroborated);
        assert_eq!(finding.detail["by"], "total_in_words,items_sum,payment_split,qr_amount");
        assert_eq!(finding.detail["corroborations"], "4");
    }
}
