//! From text to typed fields: layout, kind, labels, values. Cannot fail: what is not understood stays text.

pub mod bend;
pub mod classify;
pub mod kinds;
pub mod labels;
pub mod layout;
pub mod parse;

use crate::domain::{Bp, DocumentKind, FieldName, Item, Page, PageText, Quad, text::Line};
use layout::Sheet;
use std::collections::BTreeMap;

/// A field as found on the page, before the second reader and before it is mapped to the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The typed value, or `None` if the text was not understood.
    pub value: Option<String>,
    /// The text as read.
    pub text: String,
    /// How sure.
    pub confidence: Bp,
    /// Where on the page.
    pub quad: Quad<Page>,
    /// What was changed between text and value.
    pub repairs: Vec<String>,
}

/// The fields of a page by name.
pub type Fields = BTreeMap<FieldName, Found>;

/// A row of the bill; `item.polygon` is filled when the page is mapped to the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundItem {
    /// Category, drug or goods name.
    pub name: String,
    /// Quantity as printed.
    pub quantity: Option<String>,
    /// Unit as printed.
    pub unit: Option<String>,
    /// Price of one as a decimal string.
    pub price: Option<String>,
    /// How sure that quantity and price are right, where both were read.
    pub price_confidence: Option<Bp>,
    /// Amount as a decimal string.
    pub amount: Option<String>,
    /// How sure that `amount` is right.
    pub confidence: Bp,
    /// Where on the page.
    pub quad: Quad<Page>,
    /// What was changed between print and name.
    pub repairs: Vec<String>,
}

impl FoundItem {
    /// The item with its place in the upload.
    pub fn placed(self, polygon: Quad<crate::domain::Upload>) -> Item {
        let Self { name, quantity, unit, price, price_confidence, amount, confidence, repairs, quad: _ } = self;
        Item { name, quantity, unit, price, price_confidence, amount, confidence, polygon, repairs }
    }
}

/// All that was understood of one page.
#[derive(Debug, Clone)]
pub struct Extraction {
    /// What the page is.
    pub kind: DocumentKind,
    /// How clear that is.
    pub kind_confidence: Bp,
    /// The fields.
    pub fields: Fields,
    /// The rows.
    pub items: Vec<FoundItem>,
    /// The lines in reading order.
    pub lines: Vec<Line>,
}

/// Understands a page.
pub fn extract(page: &PageText) -> Extraction {
    let sheet = Sheet::new(page);
    let (kind, kind_confidence) = classify::classify(&sheet);
    let (fields, items) = match kind {
        DocumentKind::MedicalOutpatientBill | DocumentKind::MedicalInpatientBill => kinds::medical::read(&sheet, kind),
        DocumentKind::VatInvoice => kinds::vat::read(&sheet),
        DocumentKind::TillReceipt => kinds::till::read(&sheet),
        DocumentKind::DischargeRecord => kinds::discharge::read(&sheet),
        DocumentKind::ExpenseList => kinds::expense::read(&sheet),
        DocumentKind::Unknown => (Fields::new(), Vec::new()),
    };
    Extraction { kind, kind_confidence, fields, items, lines: sheet.reading_order() }
}
