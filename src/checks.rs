//! What the paper says: a table of checks over evidence. Never sees a pixel, never sees a policy.
//!
//! Every check runs on every document, but for those whose evidence an old reading lacks, and answers pass, fail,
//! inconclusive or not applicable, with the figures it compared. A check never guesses: what it needs but cannot read
//! makes it inconclusive, what a document of that kind does not carry makes it not applicable. Whether an answer keeps
//! a claim from approval is the policy's business.
//! Details carry figures and stable words, no names and no identity numbers.

mod across;
mod arithmetic;
mod dates;
mod identifiers;
mod issuers;
mod paper;
mod pixels;
mod prices;
mod qr;
mod reading;
mod repeats;
mod risk;
mod seals;
mod support;
mod text_layer;

use crate::domain::document::ValueType;
use crate::domain::evidence::ReadLine;
use crate::domain::{
    Bp, CheckId, Day, DocumentKind, Evidence, Fen, Field, FieldName, Finding, Homography, Outcome, Page, Quad, Reading,
    Upload,
};
use std::collections::BTreeMap;

pub use risk::features;
pub use support::support;

/// Left, top, right and bottom, in pixels of the page.
type Bounds = (f64, f64, f64, f64);

/// Looks at one document and answers.
type Check = fn(&Case) -> Answer;

/// One row a check, in the order of [`CheckId::ALL`].
const CHECKS: &[(CheckId, Check)] = &[
    (CheckId::TotalInWords, arithmetic::total_in_words),
    (CheckId::ItemsSum, arithmetic::items_sum),
    (CheckId::PaymentSplit, arithmetic::payment_split),
    (CheckId::TaxSum, arithmetic::tax_sum),
    (CheckId::SubtotalSum, arithmetic::subtotal_sum),
    (CheckId::CashChange, arithmetic::cash_change),
    (CheckId::BillCodeFormat, identifiers::bill_code_format),
    (CheckId::BillNumberFormat, identifiers::bill_number_format),
    (CheckId::CheckCodeFormat, identifiers::check_code_format),
    (CheckId::InvoiceNumberFormat, identifiers::invoice_number_format),
    (CheckId::CreditCode, identifiers::credit_code),
    (CheckId::PayerIdentity, identifiers::payer_identity),
    (CheckId::DateOrder, dates::date_order),
    (CheckId::DateNotFuture, dates::date_not_future),
    (CheckId::DateNotStale, dates::date_not_stale),
    (CheckId::PolicyPeriod, dates::policy_period),
    (CheckId::QrMatchesPrint, qr::qr_matches_print),
    (CheckId::QrChecksum, qr::qr_checksum),
    (CheckId::Repeat, repeats::repeat),
    (CheckId::ClaimName, across::claim_name),
    (CheckId::ClaimAmount, across::claim_amount),
    (CheckId::DocumentsAgree, across::documents_agree),
    (CheckId::NotVoid, reading::not_void),
    (CheckId::TotalCorroborated, arithmetic::total_corroborated),
    (CheckId::ReadersAgree, reading::readers_agree),
    (CheckId::TextLayer, text_layer::text_layer),
    (CheckId::GlyphGrid, pixels::glyph_grid),
    (CheckId::DoubleJpeg, pixels::double_jpeg),
    (CheckId::CopiedGlyphs, pixels::copied_glyphs),
    (CheckId::OddInLine, pixels::odd_in_line),
    (CheckId::Recapture, pixels::recapture),
    (CheckId::LearnedTrace, pixels::learned_trace),
    (CheckId::FileHistory, pixels::file_history),
    (CheckId::IssuerRegistered, issuers::issuer_registered),
    (CheckId::Currency, paper::currency),
    (CheckId::CodeOrigin, paper::code_origin),
    (CheckId::StayDays, paper::stay_days),
    (CheckId::DepositSum, paper::deposit_sum),
    (CheckId::OwnShare, paper::own_share),
    (CheckId::CardPaid, paper::card_paid),
    (CheckId::SealIssuer, seals::seal_issuer),
    (CheckId::RowPrices, prices::row_prices),
];

/// Every check on every document: one list of findings a document, each list in the order of the table.
pub fn run(evidence: &Evidence) -> Vec<Vec<Finding>> {
    (0..evidence.readings.len())
        .filter_map(|document| Case::new(evidence, document))
        .map(|case| examine(&case))
        .collect()
}

fn examine(case: &Case) -> Vec<Finding> {
    CHECKS
        .iter()
        .filter(|(check, _)| case.reading.is_asked(*check))
        .map(|&(check, ask)| {
            let Answer { outcome, detail, fields, regions } = ask(case);
            Finding { check, outcome, detail, fields, regions }
        })
        .collect()
}

/// A field read at least this surely makes a difference to another source definite; below, it may be a misread.
const WELL_READ: Bp = Bp(8_000);

/// One document with all that is known around it.
struct Case<'a> {
    evidence: &'a Evidence,
    document: usize,
    reading: &'a Reading,
}

/// A field, typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen<T> {
    /// Not on the page, as far as was seen.
    Absent,
    /// Seen but not understood.
    Unclear,
    /// Understood.
    Read(T),
}

impl<T> Seen<T> {
    fn read(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Absent | Self::Unclear => None,
        }
    }
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence, document: usize) -> Option<Self> {
        Some(Self { evidence, document, reading: evidence.readings.get(document)? })
    }

    fn kind(&self) -> DocumentKind {
        self.reading.kind
    }

    /// Whether the bill calls itself electronic.
    fn is_titled_electronic(&self) -> bool {
        self.text(FieldName::BillTitle).read().is_some_and(|title| title.contains("电子"))
    }

    /// Whether the document is a demand for money that counts towards the claim.
    fn is_bill(&self) -> bool {
        counts_as_bill(self.kind())
    }

    fn field(&self, name: FieldName) -> Option<&'a Field> {
        self.reading.fields.get(&name)
    }

    fn typed<T>(&self, name: FieldName, parse: impl Fn(&'a str) -> Option<T>) -> Seen<T> {
        match self.field(name) {
            None => Seen::Absent,
            Some(field) => field.value.as_deref().and_then(parse).map_or(Seen::Unclear, Seen::Read),
        }
    }

    fn text(&self, name: FieldName) -> Seen<&'a str> {
        self.typed(name, |value| (!value.trim().is_empty()).then_some(value))
    }

    fn money(&self, name: FieldName) -> Seen<Fen> {
        debug_assert_eq!(name.value_type(), ValueType::Money);
        self.typed(name, Fen::parse)
    }

    /// An amount that can bear out a sum: read for what it is, not chosen because the sum holds with it.
    fn own_money(&self, name: FieldName) -> Option<Fen> {
        let field = self.field(name)?;
        self.money(name).read().filter(|_| !field.is_settled())
    }

    fn day(&self, name: FieldName) -> Seen<Day> {
        debug_assert_eq!(name.value_type(), ValueType::Date);
        self.typed(name, Day::parse)
    }

    /// The calendar day of the decision; `None` if the facts hold no such day.
    fn today(&self) -> Option<Day> {
        Day::parse(&self.evidence.facts.today)
    }

    fn well_read(&self, name: FieldName) -> bool {
        self.field(name).is_some_and(|field| field.score >= WELL_READ)
    }

    /// Whether two fields were read at the very same place: then they are one reading, not two that agree.
    fn same_place(&self, a: FieldName, b: FieldName) -> bool {
        matches!((self.field(a), self.field(b)), (Some(a), Some(b)) if a.polygon == b.polygon)
    }

    /// Each line of text with the row that it begins: what stands beside one another, from left to right. Without those in
    /// which the total stands: they say nothing that it does not say itself.
    fn rows_beside_total(&self) -> Vec<(&str, String)> {
        // On the page, since the photo may lie on its side.
        let to_page: Homography<Upload, Page> = Homography::new(self.reading.upload_to_page.to_f64());
        let lines = self.reading.lines.iter().map(|line| (line, to_page.quad(&line.polygon).bounds()));
        let lines: Vec<(&ReadLine, Bounds)> = lines.collect();
        let total = self.field(FieldName::Total).map(|field| field.page_polygon.bounds());
        let holds =
            |(_, top, _, bottom): &Bounds, other: &Bounds| (*top..*bottom).contains(&((other.1 + other.3) / 2.0));
        let row = |at: &Bounds, first: &str| {
            let mut right: Vec<_> = lines.iter().filter(|(_, other)| other.0 > at.0 && holds(at, other)).collect();
            right.sort_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
            right.iter().fold(first.to_owned(), |row, (other, _)| row + " " + &other.text)
        };
        let beside = lines.iter().filter(|(_, at)| !total.is_some_and(|total| holds(at, &total)));
        beside.map(|(line, at)| (line.text.as_str(), row(at, &line.text))).collect()
    }

    /// An answer that speaks of these fields, as far as they were seen.
    fn answer(&self, outcome: Outcome, names: &[FieldName]) -> Answer {
        let seen = || names.iter().filter_map(|name| Some((*name, self.field(*name)?)));
        Answer {
            outcome,
            detail: BTreeMap::new(),
            fields: seen().map(|(name, _)| name).collect(),
            regions: seen().map(|(_, field)| field.polygon).collect(),
        }
    }
}

/// Kinds whose totals add up to what a claim may ask for.
fn counts_as_bill(kind: DocumentKind) -> bool {
    kind.is_medical_bill() || matches!(kind, DocumentKind::VatInvoice | DocumentKind::TillReceipt)
}

/// What a check says, before it is given the check's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    outcome: Outcome,
    detail: BTreeMap<String, String>,
    fields: Vec<FieldName>,
    regions: Vec<Quad<Upload>>,
}

impl Answer {
    fn not_applicable() -> Self {
        Self { outcome: Outcome::NotApplicable, detail: BTreeMap::new(), fields: Vec::new(), regions: Vec::new() }
    }

    fn with(mut self, name: &str, figure: impl ToString) -> Self {
        self.detail.insert(name.to_owned(), figure.to_string());
        self
    }

    /// Adds a stable word that says what decided.
    fn why(self, word: &str) -> Self {
        self.with("why", word)
    }

    /// Whether that word decided.
    fn is_why(&self, word: &str) -> bool {
        self.detail.get("why").is_some_and(|why| why == word)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::support::{bill, evidence};

    /// What one check says of the first document.
    pub(crate) fn ask(evidence: &Evidence, check: CheckId) -> Finding {
        run(evidence)[0].iter().find(|f| f.check == check).cloned().unwrap()
    }

    #[test]
    fn the_table_holds_every_check_once_and_in_order() {
        let listed: Vec<CheckId> = CHECKS.iter().map(|(check, _)| *check).collect();
        assert_eq!(listed, CheckId::ALL);
    }

    #[test]
    fn names_are_those_of_json() {
        for check in CheckId::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
    }

    #[test]
    fn every_check_answers_on_every_document() {
        let mut evidence =
            evidence(vec![bill(), Reading::unreadable("a", crate::domain::ContentHash([0; 32]), "b".into())]);
        let findings = run(&evidence);
        // Nobody looked for the seals and prices of what could not be decoded.
        assert_eq!(findings.iter().map(Vec::len).collect::<Vec<_>>(), [CHECKS.len(), CHECKS.len() - 2]);
        assert!(findings[1].iter().all(|f| f.outcome == Outcome::NotApplicable), "{:?}", findings[1]);
        evidence.readings.clear();
        assert!(run(&evidence).is_empty());
    }

    #[test]
    fn a_sound_bill_fails_nothing() {
        for finding in &run(&evidence(vec![bill()]))[0] {
            assert!(matches!(finding.outcome, Outcome::Pass | Outcome::NotApplicable), "{finding:?}");
        }
    }
}
