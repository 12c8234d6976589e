//! Small evidence for tests: made-up papers that add up, and ways to spoil them.

use super::evidence::ReadLine;
use super::pixels::{History, PixelEvidence, Signal, SignalName, Stratum};
use super::*;
use FieldName::*;
use std::collections::BTreeMap;

/// A reading of a kind with these fields, each well read at a place of its own.
pub(crate) fn reading(kind: DocumentKind, fields: &[(FieldName, &str)]) -> Reading {
    let mut reading = Reading::unreadable("photo.jpg", ContentHash::of(kind.as_str().as_bytes()), String::new());
    reading.unreadable = None;
    reading.seals = Some(Vec::new());
    reading.pixels = Some(looked_at());
    reading.size = [1500, 1000];
    reading.page_size = [1500, 1000];
    reading.quality = Quality {
        sharpness: Some(Bp(8_000)),
        text_height: Some(24 * 16),
        glare: Bp(0),
        coverage: Bp(8_000),
        brightness: 210,
        megapixels: 150,
    };
    reading.kind = kind;
    reading.kind_confidence = Bp(9_900);
    fields.iter().fold(reading, |r, (name, value)| r.set(*name, value)).line("a line")
}

/// A camera's JPEG saved once, of which no signal makes anything.
fn looked_at() -> PixelEvidence {
    let history =
        History { stratum: Stratum::Camera, quality: None, earlier_quality: None, notes: vec![], device: None };
    let signal = |name| match name {
        SignalName::GlyphGrid | SignalName::DoubleJpeg => Signal::not_applicable(name, "no_earlier_save"),
        _ => Signal { name, not_applicable: None, score: Some(0), tested: 40, suspects: vec![] },
    };
    PixelEvidence { history, signals: SignalName::ALL.map(signal).into() }
}

impl Reading {
    /// With a field read as `value` by two engines.
    pub(crate) fn set(mut self, name: FieldName, value: &str) -> Self {
        let top = f64::from(name as u8) * 10.0;
        let field = Field {
            value: Some(value.to_owned()),
            text: value.to_owned(),
            confidence: Bp(9_900),
            score: Bp(9_900),
            polygon: Quad::rect(10.0, top, 90.0, top + 8.0),
            page_polygon: Quad::rect(10.0, top, 90.0, top + 8.0),
            readers: ["ppocr", "tesseract"].map(|e| (e.to_owned(), value.to_owned())).into(),
            repairs: vec![],
        };
        self.fields.insert(name, field);
        self
    }

    /// With a field that was seen but not understood.
    pub(crate) fn unclear(mut self, name: FieldName) -> Self {
        if let Some(field) = self.fields.get_mut(&name) {
            field.value = None;
            field.readers = BTreeMap::new();
        }
        self
    }

    /// Without a field.
    pub(crate) fn without(mut self, name: FieldName) -> Self {
        self.fields.remove(&name);
        self
    }

    /// With one more row.
    pub(crate) fn item(mut self, name: &str, amount: &str) -> Self {
        self.items.push(Item {
            name: name.to_owned(),
            quantity: None,
            unit: None,
            price: None,
            price_confidence: None,
            amount: Some(amount.to_owned()),
            confidence: Bp(9_900),
            polygon: Quad::rect(10.0, 500.0, 90.0, 508.0),
            repairs: vec![],
        });
        self
    }

    /// With one more QR code.
    pub(crate) fn coded(mut self, text: &str) -> Self {
        self.qr.push(QrCode { text: text.to_owned(), polygon: Quad::rect(900.0, 10.0, 990.0, 100.0) });
        self
    }

    /// With one more line of text.
    pub(crate) fn line(mut self, text: &str) -> Self {
        let polygon = Quad::rect(10.0, 10.0, 90.0, 20.0);
        self.lines.push(ReadLine { text: text.to_owned(), confidence: Bp(9_900), polygon });
        self
    }
}

/// An outpatient bill of 320.50.
pub(crate) fn bill() -> Reading {
    let mut reading = reading(
        DocumentKind::MedicalOutpatientBill,
        &[
            (IssuerName, "晴川市第一人民医院"),
            (BillTitle, "医疗门诊收费票据(电子)"),
            (BillCode, "11060124"),
            (BillNumber, "0012345678"),
            (CheckCode, "55e825"),
            (PayerName, "张三"),
            (IssuerId, "12110000400685133L"),
            (IssueDate, "2024-05-12"),
            (VisitDate, "2024-05-12"),
            (Total, "320.50"),
            (TotalInWords, "叁佰贰拾元伍角整"),
            (FundPayment, "200.00"),
            (OtherPayment, "0.00"),
            (AccountPayment, "120.00"),
            (CashPayment, "0.50"),
        ],
    );
    reading.picture_hash = Some("0123456789abcdef".into());
    reading
        .item("西药费", "300.00")
        .item("诊察费", "20.50")
        .coded("CZ-EI-11,1.1.0,11060124,0012345678,55e825,20240512,320.50")
}

/// An inpatient bill of 320.50 for a stay of six days.
pub(crate) fn inpatient() -> Reading {
    let mut reading = bill()
        .without(VisitDate)
        .set(BillTitle, "医疗住院收费票据(电子)")
        .set(BillCode, "11060224")
        .set(AdmissionNumber, "A77")
        .set(AdmissionDate, "2024-05-06")
        .set(DischargeDate, "2024-05-12");
    reading.kind = DocumentKind::MedicalInpatientBill;
    reading.qr.clear();
    reading.coded("https://bills.example/d/token")
}

/// A VAT invoice of 113.00, of which 13.00 tax.
pub(crate) fn invoice() -> Reading {
    reading(
        DocumentKind::VatInvoice,
        &[
            (InvoiceCode, "044001900111"),
            (InvoiceNumber, "12345678"),
            (CheckCode, "12345678901234567890"),
            (IssueDate, "2024-05-12"),
            (SellerName, "晴川大药房有限公司"),
            (SellerTaxId, "91440300MA5ABC120X"),
            (BuyerName, "张三"),
            (AmountWithoutTax, "100.00"),
            (Tax, "13.00"),
            (Total, "113.00"),
            (TotalInWords, "壹佰壹拾叁圆整"),
        ],
    )
    .item("*中成药*颗粒", "100.00")
}

/// A till receipt of 10.60, of which 0.60 tax, paid with 20.00.
pub(crate) fn receipt() -> Reading {
    reading(
        DocumentKind::TillReceipt,
        &[
            (IssuerName, "RIVER PHARMACY"),
            (IssueDate, "2024-05-12"),
            (Subtotal, "10.00"),
            (Tax, "0.60"),
            (Total, "10.60"),
            (Cash, "20.00"),
            (Change, "9.40"),
        ],
    )
    .item("PLASTERS", "10.00")
}

/// Evidence without a claim, on 1 June 2024.
pub(crate) fn evidence(readings: Vec<Reading>) -> Evidence {
    let facts = Facts {
        now: "2024-06-01T02:00:00Z".into(),
        today: "2024-06-01".into(),
        repeats_searched: false,
        repeats: vec![],
        lot: None,
        gate: Gate::Open,
        issuers: vec![],
        failures: vec![],
    };
    Evidence { claim: None, readings, facts }
}

/// A claim that [`bill`] fits.
pub(crate) fn claim() -> Claim {
    Claim {
        id: "case-1".into(),
        insured: Some(Insured { name: "张三".into(), id_number: None }),
        policy: Some(PolicyTerm {
            number: "P-1".into(),
            from: Some("2024-01-01".into()),
            to: Some("2024-12-31".into()),
        }),
        amount: Some("320.50".into()),
        claim_type: None,
        currency: None,
    }
}

/// The first document was seen in `claim`.
pub(crate) fn repeat(kind: RepeatKind, claim: &str, distance: u32) -> Repeat {
    Repeat {
        document: 0,
        kind,
        claim: claim.to_owned(),
        other_document: 0,
        sha256: ContentHash([1; 32]),
        distance,
        print: None,
    }
}

/// What a registry says of the first document.
pub(crate) fn issuer_fact(outcome: issuer::IssuerOutcome) -> issuer::IssuerFact {
    issuer::IssuerFact::new(0, issuer::IssuerSource::Registry, outcome)
}
