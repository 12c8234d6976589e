//! Quantity × price = amount, row by row.

use super::{Answer, Case};
use crate::domain::DocumentKind::VatInvoice;
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::{Bp, Fen, Item};

/// Quantity, price and amount of a row read less surely than this say nothing: a digit misread is likelier than a row that does
/// not hold.
const SURE: Bp = Bp(9_500);

/// Rates of value added tax in percent, the reduced ones included. Some sellers print the price with the tax in it, beside an
/// amount without.
const VAT_RATES: [i128; 6] = [1, 3, 5, 6, 9, 13];

/// What a row's three figures say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Holds,
    Above,
    Below,
}

/// Quantity × price is the amount, in every row where all three were read surely.
///
/// The product may be off by what printing rounds away: a fen, and half a unit of the last digit of the one for each of the
/// other. On a VAT invoice a discount has a row of its own, so that any other amount fails; elsewhere a smaller amount may be a
/// discounted one and leaves it open, and only a larger one fails.
pub(super) fn row_prices(case: &Case) -> Answer {
    let rows: Vec<(&Item, Row)> = case.reading.items.iter().filter_map(|item| Some((item, told(item)?))).collect();
    if rows.is_empty() {
        return Answer::not_applicable();
    }
    let fails = |row: Row| row == Row::Above || row == Row::Below && case.kind() == VatInvoice;
    let worst = rows.iter().find(|(_, row)| fails(*row)).or_else(|| rows.iter().find(|(_, row)| *row != Row::Holds));
    let answer = |outcome| case.answer(outcome, &[]).with("rows", rows.len());
    let Some((item, row)) = worst else { return answer(Pass) };
    let mut answer = match fails(*row) {
        true => answer(Fail),
        false => answer(Inconclusive).why("less_than_the_price"),
    };
    answer.regions.push(item.polygon);
    let figures = [("quantity", &item.quantity), ("price", &item.price), ("amount", &item.amount)];
    figures.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value.as_deref().unwrap_or_default()))
}

/// What a row says, if it was read surely.
fn told(item: &Item) -> Option<Row> {
    if item.confidence < SURE || item.price_confidence? < SURE {
        return None;
    }
    let (quantity, price) = (decimal(item.quantity.as_deref()?)?, decimal(item.price.as_deref()?)?);
    let amount = Fen::parse(item.amount.as_deref()?)?;
    // All in units of 1 / (2 × 10^(both scales)) yuan.
    let unit = 10_i128.checked_pow(quantity.scale + price.scale)?;
    let product = quantity.digits.checked_mul(price.digits)?.checked_mul(2)?.checked_mul(100)?;
    let amount = i128::from(amount.0).checked_mul(unit)?.checked_mul(2)?;
    // Half a unit of the last digit of the price for each of the quantity; a whole quantity is exact.
    let of_price = quantity.digits.checked_mul(100)?;
    let of_quantity = if quantity.is_whole() { 0 } else { price.digits.checked_mul(100)? };
    let tolerance = unit.checked_mul(2)?.checked_add(of_price)?.checked_add(of_quantity)?;
    let holds = |tax: i128| (amount * (100 + tax) - product * 100).abs() <= tolerance * (100 + tax);
    Some(match amount - product {
        _ if holds(0) => Row::Holds,
        off if off > 0 => Row::Above,
        _ if VAT_RATES.into_iter().any(holds) => Row::Holds,
        _ => Row::Below,
    })
}

/// A decimal as its digits and how many of them stand behind the point.
struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    fn is_whole(&self) -> bool {
        self.digits % 10_i128.pow(self.scale) == 0
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let fits = !whole.is_empty() && part.len() <= 15 && whole.len() <= 9;
    let digits = format!("{whole}{part}");
    if !fits || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Decimal { digits: digits.parse().ok()?, scale: part.len() as u32 })
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{evidence, invoice, reading};
    use crate::domain::{CheckId, DocumentKind, Outcome, Reading};

    fn priced(mut reading: Reading, quantity: &str, price: &str, amount: &str) -> Reading {
        reading = reading.item("row", amount);
        let row = reading.items.last_mut().unwrap();
        row.quantity = Some(quantity.to_owned());
        row.price = Some(price.to_owned());
        row.price_confidence = Some(Bp(9_900));
        reading
    }

    #[test]
    fn rows_hold_within_what_printing_rounds_away() {
        for (quantity, price, amount, on_invoice, on_list) in [
            ("2", "10.50", "21.00", Pass, Pass),
            ("1", "14.50", "14.50", Pass, Pass),
            // Two thirds, printed to the fen.
            ("3", "0.67", "2.00", Pass, Pass),
            ("3", "0.67", "2.04", Fail, Fail),
            ("12", "132.7433628318584", "1592.92", Pass, Pass),
            ("0.333", "30.00", "10.00", Pass, Pass),
            // A price with 3 % tax in it.
            ("2", "800", "1553.40", Pass, Pass),
            ("2", "10.50", "121.00", Fail, Fail),
            ("2", "10.50", "19.00", Fail, Inconclusive),
            ("2", "x", "19.00", NotApplicable, NotApplicable),
        ] {
            let list = reading(DocumentKind::ExpenseList, &[]);
            let outcome = |r: Reading| ask(&evidence(vec![r]), CheckId::RowPrices).outcome;
            let row = |r| priced(r, quantity, price, amount);
            assert_eq!(
                (outcome(row(invoice())), outcome(row(list))),
                (on_invoice, on_list),
                "{quantity} {price} {amount}"
            );
        }
    }

    #[test]
    fn rows_hardly_read_say_nothing() {
        let outcome = |r: Reading| ask(&evidence(vec![r]), CheckId::RowPrices).outcome;
        let wrong = priced(invoice(), "2", "10.50", "121.00");
        for spoil in [
            (|r: &mut Reading| r.items.last_mut().unwrap().price_confidence = Some(Bp(9_000))) as fn(&mut Reading),
            |r| r.items.last_mut().unwrap().confidence = Bp(9_000),
            |r| r.items.last_mut().unwrap().price = None,
        ] {
            let mut reading = wrong.clone();
            spoil(&mut reading);
            assert_eq!(outcome(reading), Outcome::NotApplicable);
        }
        let finding = ask(&evidence(vec![wrong]), CheckId::RowPrices);
        assert_eq!(finding.detail["amount"], "121.00");
        assert_eq!(finding.regions.len(), 1, "the row is shown");
    }
}
