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
/// subtotal or the total on till receipts. Their rows are hard to read: rows that fall short may be unread ones as well as
/// altered or erased ones, which a person has to tell, and say nothing against the total. Of 118 public receipts that were
/// approved before this held them, five did.
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
    if kind == TillReceipt && is_total_among_items(case) {
        return answer.why("same_place");
    }
    let answer = answer.with("total", total);
    let tax = tax(case).unwrap_or_default();
    let holds = match kind {
        VatInvoice => sum == total || add(&[sum, tax]) == total,
        TillReceipt if is_lone_beside_subtotal(case, sum) => false,
        TillReceipt => sum == total || !is_subtotal_gone(case) && leads_to(case, sum, total),
        _ => sum == total,
    };
    let outcome = match kind {
        TillReceipt if holds && !leads_plainly_to(case, sum, total) => {
            return Answer { outcome: Pass, ..answer }.why(WITH_PARTS);
        }
        _ if holds => Pass,
        TillReceipt if sum == total => return answer.why("lone_row"),
        TillReceipt if leads_with_chosen_tax(case, sum, total) => return answer.why("tax_chosen"),
        TillReceipt if rows_exceed(case, sum, total) => Fail,
        TillReceipt => {
            let goal = case.money(Subtotal).read().map_or(total, |subtotal| subtotal.min(total));
            let outcome = if sum.0 + MOST_ROUNDING < goal.0 { Fail } else { Inconclusive };
            return Answer { outcome, ..answer }.why(FALL_SHORT);
        }
        // Rows of the categories and rows of their details, both read: says nothing against the bill.
        _ if kind.is_medical_bill() && sum.0 == total.0.saturating_mul(2) => return answer.why("counted_twice"),
        _ => Fail,
    };
    Answer { outcome, ..answer }
}

/// Why the rows of a receipt do not lead to its total: some are missing, or it is paid less than they come to.
pub(super) const FALL_SHORT: &str = "rows_fall_short";

/// Why a sum of a receipt holds that holds only with what is printed beside it: a charge, a discount, a tax on goods of which
/// no subtotal says that it was left out. So many ways are there then that one of them may make a total that was altered.
const WITH_PARTS: &str = "with_parts";

/// Whether the total was taken for a row of goods.
fn is_total_among_items(case: &Case) -> bool {
    let Some(total) = case.field(Total).map(|field| field.polygon.bounds()) else { return false };
    let (x, y) = ((total.0 + total.2) / 2.0, (total.1 + total.3) / 2.0);
    let mut bounds = case.reading.items.iter().map(|item| item.polygon.bounds());
    bounds.any(|(left, top, right, bottom)| (left..right).contains(&x) && (top..bottom).contains(&y))
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
/// Invoices on rolls print neither.
pub(super) fn tax_sum(case: &Case) -> Answer {
    if case.kind() != VatInvoice {
        return Answer::not_applicable();
    }
    let answer = |outcome| case.answer(outcome, &[AmountWithoutTax, Tax, Total]);
    match (case.money(AmountWithoutTax), tax(case), case.money(Total)) {
        (Seen::Absent, None, _) if case.field(Tax).is_none() && !names_tax(case) => Answer::not_applicable(),
        // Some print no tax where none is due.
        (Seen::Read(net), None, Seen::Read(total))
            if case.field(Tax).is_none() && net == total && !case.same_place(AmountWithoutTax, Total) =>
        {
            Answer::not_applicable()
        }
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

/// Whether an invoice has a place for tax: then it was not read, or taken off the paper.
fn names_tax(case: &Case) -> bool {
    let named = |text: &str| ["税额", "税率"].iter().any(|word| text.replace(' ', "").contains(word));
    case.reading.lines.iter().any(|line| named(&line.text))
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
        Some(total) if case.own_money(Subtotal).is_some_and(|sum| leads_plainly_to(case, sum, total)) => {
            Answer { outcome: Pass, ..answer }
        }
        Some(total) if subtotal_leads_to(case, total) => Answer { outcome: Pass, ..answer }.why(WITH_PARTS),
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

/// Whether a sum of a receipt [+ tax, if the sum is the subtotal] [+ rounding] is `total`. What was chosen to make it so does
/// not count, nor does a tax of more than half of what is taxed: no country has one. Each may also be told for the record, of
/// a sum that already has it.
fn leads_plainly_to(case: &Case, sum: Fen, total: Fen) -> bool {
    let tax = if case.own_money(Subtotal) == Some(sum) { possible_tax(case, sum) } else { Fen(0) };
    makes(case, &[sum], tax, total)
}

/// Whether it is so with the tax, every charge and every discount that stand beside the sum.
fn leads_to(case: &Case, sum: Fen, total: Fen) -> bool {
    if leads_plainly_to(case, sum, total) {
        return true;
    }
    const CHARGES: [&str; 7] =
        ["service ch", "serv. ch", "serv ch", "svc ch", "delivery ch", "packing ch", "surcharge"];
    const DISCOUNTS: [&str; 6] = ["discount", "disc.", "coupon", "voucher", "rabatt", "gutschein"];
    let rows = case.rows_beside_total();
    let named = |words: &[&str], most: i64| {
        let is_named = |label: &str| words.iter().any(|word| label.to_lowercase().contains(word));
        let rows = rows.iter().filter(|(label, _)| is_named(label));
        add(&rows.filter_map(|(_, row)| last_amount(row)).filter(|fen| fen.0 <= most).collect::<Vec<_>>())
    };
    // No shop charges more than a quarter for its service, nor takes off more than there is.
    let (charges, discounts) = (named(&CHARGES, sum.0 / 4), named(&DISCOUNTS, sum.0));
    makes(case, &[sum, charges, Fen(-discounts.0)], possible_tax(case, sum), total)
}

fn possible_tax(case: &Case, of: Fen) -> Fen {
    case.own_money(Tax).filter(|tax| tax.0 * 2 <= of.0).unwrap_or_default()
}

/// Whether these parts [+ tax] [+ rounding] are `total`.
fn makes(case: &Case, parts: &[Fen], tax: Fen, total: Fen) -> bool {
    let rounding = case.own_money(Rounding).filter(|fen| fen.0.abs() <= MOST_ROUNDING).unwrap_or_default();
    let sum = add(parts);
    [[tax, rounding], [tax, Fen(0)], [Fen(0), rounding], [Fen(0); 2]]
        .iter()
        .any(|more| add(&[sum, more[0], more[1]]) == total)
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
        Seen::Absent if cash == total => figures(Pass),
        // Paid less than the total, and something else that made it up: a voucher, a second card.
        Seen::Absent if cash.0 < total.0 - MOST_ROUNDING => figures(Fail).why("paid_less"),
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
    let is_why = |name: &str, why: &str| answers.iter().any(|(source, answer)| *source == name && answer.is_why(why));
    let falls_short = [FALL_SHORT, "same_place"].iter().any(|why| is_why("items_sum", why));
    // What was paid says the total once more, and no sum.
    let repeats = |name: &str| match name {
        "card_paid" => true,
        "cash_change" => case.field(Change).is_none(),
        _ => false,
    };
    let are_goods_unread = is_why("items_sum", "item_unclear");
    let speaking = answers.iter().filter(|(_, answer)| !answer.is_why(FALL_SHORT));
    let mut said: Vec<(&str, Outcome)> = speaking.map(|(name, answer)| (*name, answer.outcome)).collect();
    said.extend(super::qr::total_agrees(case).map(|same| ("qr_amount", if same { Pass } else { Fail })));
    let list = |wanted| said.iter().filter(|(_, o)| *o == wanted).map(|(name, _)| *name).collect::<Vec<_>>();
    let (by, against) = (list(Pass), list(Fail));
    let outcome = match (against.is_empty(), by.is_empty()) {
        (false, _) => Fail,
        // Goods that do not add up to the total may be rows unread, or a total raised: one thing that follows from the total,
        // as the change does, is not enough then.
        (true, false) if falls_short && by.len() < 2 => Inconclusive,
        // A tip or a second card, or a total that was another when it was paid.
        (true, false) if is_why("card_paid", "differs") && !by.contains(&"cash_change") => Inconclusive,
        (true, false) if are_goods_unread && by.iter().all(|name| repeats(name)) => Inconclusive,
        (true, false) if by.iter().all(|name| is_why(name, WITH_PARTS)) => Inconclusive,
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
                ("receipt, rows that fall short", wrong_item(receipt()), Fail),
                ("receipt, too large a row", large_item(receipt()), Fail),
                ("receipt, too large a row, discount", large_item(receipt()).line("-90.60"), Inconclusive),
                ("receipt, too large a row, coupon", large_item(receipt()).line("Coupon 90.60"), Inconclusive),
                ("receipt, too large a row, another of that price", large_item(receipt()).line("90.60"), Fail),
                ("receipt, rows between subtotal and total", between(receipt()), Fail),
                ("receipt, a lone row that is no subtotal", lone(receipt()), Inconclusive),
                ("receipt, rows and rounding", with(bare(), &[(Total, Some("10.02")), (Rounding, Some("0.02"))]), Pass),
                ("receipt, no such rounding", with(bare(), &[(Total, Some("10.02"))]), Inconclusive),
                ("receipt, rows, tax and charge", charged("Service Charge 1.00"), Pass),
                ("receipt, what is charged on another row", charged("Service Charge"), Fail),
                ("receipt, the subtotal painted out", with(receipt(), &[(Subtotal, None)]).line("SUB-TOTAL"), Fail),
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
        let labelled = with(invoice(), &[(Tax, None), (AmountWithoutTax, None)]).line("税 额");
        table(
            CheckId::TaxSum,
            &[
                ("holds", invoice(), Pass),
                ("differs by a fen", with(invoice(), &[(Tax, Some("13.01"))]), Fail),
                ("exempt", exempt, Pass),
                ("unclear", invoice().unclear(Tax), Inconclusive),
                (
                    "no tax, and none due",
                    with(invoice(), &[(AmountWithoutTax, Some("113.00")), (Tax, None)]),
                    NotApplicable,
                ),
                ("no tax where some is due", with(invoice(), &[(Tax, None)]), Inconclusive),
                ("tax on nothing", with(invoice(), &[(AmountWithoutTax, None)]), Inconclusive),
                ("absent", with(invoice(), &[(Tax, None), (AmountWithoutTax, None)]), NotApplicable),
                ("painted out", labelled, Inconclusive),
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
                ("paid out", with(receipt(), &[(Cash, Some("-10.60")), (Change, None)]), Fail),
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
        let no_items: Change = |r| Reading { items: vec![], ..r };
        let no_cash: Change = |r| with(r, &[(Cash, None), (Change, None)]);
        let paid_alone = [(Subtotal, None), (Tax, None), (Cash, Some("10.60")), (Change, None)];
        // 10.00, a charge of 1.00 and a tax of 0.60.
        let with_charge: Change =
            |r| with(r, &[(Subtotal, None), (Total, Some("11.60")), (Cash, None)]).line("Service Charge 1.00");
        // 10.00 and 1.00 and 0.60 less 0.50 and 1.50, paid with 10.00.
        let discounted = |total| {
            let paid = [(Total, Some(total)), (Cash, Some("10.00")), (Change, Some("0.40"))];
            let paid = if total == "9.60" { &paid[..] } else { &[(Total, Some(total)), (Cash, None)] };
            with(with_charge(receipt()), paid).line("Discount 0.50").line("Coupon 1.50")
        };
        let mut total_as_goods = no_cash(with(receipt(), &[(Subtotal, None), (Tax, None)]));
        total_as_goods.items[0].amount = Some("10.60".into());
        total_as_goods.items[0].polygon = total_as_goods.fields[&Total].polygon;
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
                ("goods and a charge alone", with_charge(receipt()), Inconclusive),
                ("goods and a charge, and the change", with(with_charge(receipt()), &[(Cash, Some("21.00"))]), Pass),
                ("a charge and one discount of two", discounted("12.60"), Inconclusive),
                ("all discounts, and the change", discounted("9.60"), Pass),
                ("a card was charged another sum", no_cash(receipt()).line("VISA 10.00"), Inconclusive),
                ("goods unread, cash is the total", no_items(with(receipt(), &paid_alone)), Inconclusive),
                ("goods unread, cash and change", no_items(with(receipt(), &[(Subtotal, None)])), Pass),
                ("the total taken for goods", total_as_goods, Inconclusive),
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
