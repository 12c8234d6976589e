//! What a paper would have to say after an amount on it changed: every print that must follow, and the truth.

use super::forge::amount_of;
use super::{Mark, Place, Truth, content};
use crate::domain::money::to_capital;
use crate::domain::{DocumentKind, Fen, FieldName};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// Texts to print anew by place, and what is then true.
pub(super) struct Revision<'a> {
    places: &'a [Place],
    pub(super) truth: Truth,
    /// By place, in the order of the places.
    pub(super) texts: BTreeMap<usize, String>,
}

impl<'a> Revision<'a> {
    pub(super) fn new(places: &'a [Place], truth: &Truth) -> Self {
        Self { places, truth: truth.clone(), texts: BTreeMap::new() }
    }

    fn place(&self, mark: Mark) -> Option<usize> {
        self.places.iter().position(|p| p.mark == mark)
    }

    /// What a field says in figures, if it is printed.
    fn figure(&self, field: FieldName) -> Option<Fen> {
        self.truth.fields.get(&field)?.as_deref().and_then(Fen::parse)
    }

    /// Prints an amount, if the paper has a place for it.
    pub(super) fn amount(&mut self, mark: Mark, amount: Fen) {
        let Some(i) = self.place(mark) else { return };
        let before = amount_of(&self.places[i].text).map_or("", |(before, _)| before.trim_end_matches('-'));
        self.text(i, format!("{before}{amount}"), &amount.to_string());
    }

    /// Prints a text at a place and notes the value it gives; what is printed there already is left alone.
    pub(super) fn text(&mut self, place: usize, text: String, value: &str) {
        if self.places[place].text == text {
            return;
        }
        match self.places[place].mark {
            Mark::Field(field) => {
                self.truth.fields.insert(field, Some(value.nfkc().collect()));
            }
            Mark::ItemName(i) => self.item(i, |item| item.name = value.to_owned()),
            Mark::ItemAmount(i) => self.item(i, |item| item.amount = value.to_owned()),
            Mark::ItemQuantity(_) | Mark::ItemPrice(_) | Mark::ItemTax(_) | Mark::Code => {}
        }
        self.texts.insert(place, text);
    }

    fn item(&mut self, i: usize, change: impl FnOnce(&mut super::TruthItem)) {
        if let Some(item) = self.truth.items.get_mut(i) {
            change(item);
        }
    }

    /// Raises a row by `delta` and everything that follows from it.
    pub(super) fn raise_row(&mut self, row: usize, delta: Fen) {
        let Some(amount) = self.truth.items.get(row).and_then(|i| Fen::parse(&i.amount)) else { return };
        let amount = Fen(amount.0 + delta.0);
        self.amount(Mark::ItemAmount(row), amount);
        let quantity = self.truth.items[row].quantity.as_deref().and_then(|q| q.parse::<i64>().ok());
        if let (Some(i), Some(quantity)) = (self.place(Mark::ItemQuantity(row)), quantity)
            && let Some((before, _)) = self.places[i].text.split_once(" x ")
        {
            let text = format!("{before} x {}", Fen(amount.0 / quantity.max(1)));
            self.text(i, text, "");
        }
        if let Some(quantity) = quantity {
            self.amount(Mark::ItemPrice(row), Fen(amount.0 / quantity.max(1)));
        }
        if let Some((_, tax)) = self.place(Mark::ItemTax(row)).and_then(|i| amount_of(&self.places[i].text)) {
            self.amount(Mark::ItemTax(row), Fen(tax.0 + self.tax_on(delta).0));
        }
        self.follow(delta);
    }

    /// Everything that follows from the rows having become `delta` more.
    pub(super) fn follow(&mut self, delta: Fen) {
        match self.truth.kind {
            DocumentKind::TillReceipt => self.follow_receipt(delta),
            DocumentKind::VatInvoice => self.follow_invoice(delta),
            _ => self.follow_bill(delta),
        }
    }

    fn follow_receipt(&mut self, delta: Fen) {
        let field = Mark::Field;
        let Some(subtotal) = self.figure(FieldName::Subtotal).map(|v| v.0 + delta.0) else { return };
        let tax = (subtotal * 6 + 50) / 100;
        let total = (subtotal + tax + 2) / 5 * 5;
        self.amount(field(FieldName::Subtotal), Fen(subtotal));
        self.amount(field(FieldName::Tax), Fen(tax));
        self.amount(field(FieldName::Rounding), Fen(total - subtotal - tax));
        self.amount(field(FieldName::Total), Fen(total));
        let Some(cash) = self.figure(FieldName::Cash) else { return };
        let cash = if cash.0 >= total { cash.0 } else { (total + 4_999) / 5_000 * 5_000 };
        self.amount(field(FieldName::Cash), Fen(cash));
        self.amount(field(FieldName::Change), Fen(cash - total));
    }

    /// What the printed rate, the same for all rows, takes from an amount.
    fn tax_on(&self, amount: Fen) -> Fen {
        let net = self.figure(FieldName::AmountWithoutTax).map_or(1, |v| v.0.max(1));
        let tax = self.figure(FieldName::Tax).map_or(0, |v| v.0);
        let percent = (tax * 100 + net / 2) / net;
        Fen((amount.0 * percent + 50 * amount.0.signum()) / 100)
    }

    fn follow_invoice(&mut self, delta: Fen) {
        let figures = [FieldName::AmountWithoutTax, FieldName::Tax].map(|f| self.figure(f));
        let [Some(net), Some(tax)] = figures else { return };
        let (net, tax) = (Fen(net.0 + delta.0), Fen(tax.0 + self.tax_on(delta).0));
        let total = Fen(net.0 + tax.0);
        self.amount(Mark::Field(FieldName::AmountWithoutTax), net);
        self.amount(Mark::Field(FieldName::Tax), tax);
        self.amount(Mark::Field(FieldName::Total), total);
        if let Some(i) = self.place(Mark::Field(FieldName::TotalInWords)) {
            let words = to_capital(total).replace('元', "圆");
            self.text(i, words.clone(), &words);
        }
        if let Some(i) = self.place(Mark::Code) {
            self.text(i, content::recoded(&self.places[i].text, net, total), "");
        }
    }

    fn follow_bill(&mut self, delta: Fen) {
        let Some(total) = self.figure(FieldName::Total).map(|v| Fen(v.0 + delta.0)) else { return };
        self.amount(Mark::Field(FieldName::Total), total);
        if let Some(i) = self.place(Mark::Field(FieldName::TotalInWords)) {
            let words = to_capital(total);
            self.text(i, words.clone(), &words);
        }
        // Who pays the difference: cash first; what cash cannot give back, the others do.
        let mut left = delta.0;
        let mut own = 0;
        for payer in
            [FieldName::CashPayment, FieldName::AccountPayment, FieldName::FundPayment, FieldName::OtherPayment]
        {
            let Some(paid) = self.figure(payer) else { continue };
            let part = left.max(-paid.0);
            self.amount(Mark::Field(payer), Fen(paid.0 + part));
            left -= part;
            if matches!(payer, FieldName::CashPayment | FieldName::AccountPayment) {
                own += part;
            }
            if payer == FieldName::CashPayment {
                self.follow_cash(part);
            }
        }
        for payer in [FieldName::SelfPaid, FieldName::SelfFunded] {
            let Some(paid) = self.figure(payer) else { continue };
            let part = own.max(-paid.0);
            self.amount(Mark::Field(payer), Fen(paid.0 + part));
            own -= part;
        }
        if let Some(i) = self.place(Mark::Code)
            && let Some((head, _)) = self.places[i].text.rsplit_once(',')
        {
            self.text(i, format!("{head},{total}"), "");
        }
    }

    /// 预缴 + 补缴 − 退费 = 个人现金支付: more cash lessens the refund, then adds to the top-up, and the other way round.
    fn follow_cash(&mut self, delta: i64) {
        let (Some(refund), Some(top_up)) = (self.figure(FieldName::Refund), self.figure(FieldName::TopUp)) else {
            return;
        };
        let balance = top_up.0 - refund.0 + delta;
        self.amount(Mark::Field(FieldName::TopUp), Fen(balance.max(0)));
        self.amount(Mark::Field(FieldName::Refund), Fen((-balance).max(0)));
    }

    /// Takes a row off the paper; its print is erased, not replaced. Hands back its amount.
    pub(super) fn drop_row(&mut self, row: usize) -> Fen {
        let amount = self.truth.items.get(row).and_then(|i| Fen::parse(&i.amount)).unwrap_or(Fen(0));
        if row < self.truth.items.len() {
            self.truth.items.remove(row);
        }
        amount
    }
}
