//! The payload of a QR code on a bill: the checks end, and no payload approves what nothing else bears out.
#![no_main]

use claimlens::decision::Policy;
use claimlens::domain::FieldName::{
    AmountWithoutTax, BillCode, BillNumber, CheckCode, InvoiceCode, InvoiceNumber, IssueDate, Total,
};
use claimlens::domain::evidence::QrCode;
use claimlens::domain::{Bp, ContentHash, Decision, DocumentKind, Evidence, Facts, Field, FieldName, Quad, Reading};
use claimlens::pipeline::judge;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

/// What a code can repeat, well read. Nothing else is on the paper, neither the total in words nor a row.
static PAPERS: LazyLock<[Reading; 2]> = LazyLock::new(|| {
    [
        paper(
            DocumentKind::MedicalOutpatientBill,
            &[
                (BillCode, "11060124"),
                (BillNumber, "0012345678"),
                (CheckCode, "55e825"),
                (IssueDate, "2024-05-12"),
                (Total, "320.50"),
            ],
        ),
        paper(
            DocumentKind::VatInvoice,
            &[
                (InvoiceCode, "044001900111"),
                (InvoiceNumber, "12345678"),
                (CheckCode, "567890"),
                (IssueDate, "2024-05-12"),
                (AmountWithoutTax, "100.00"),
                (Total, "113.00"),
            ],
        ),
    ]
});

fn paper(kind: DocumentKind, fields: &[(FieldName, &str)]) -> Reading {
    let mut reading = Reading::unreadable("photo.jpg", ContentHash([1; 32]), String::new());
    reading.unreadable = None;
    (reading.kind, reading.kind_confidence) = (kind, Bp(9_900));
    reading.fields = fields.iter().map(|(name, value)| (*name, field(value))).collect();
    reading
}

fn field(value: &str) -> Field {
    Field {
        value: Some(value.to_owned()),
        text: value.to_owned(),
        confidence: Bp(9_900),
        score: Bp(9_900),
        polygon: Quad::from_px([[0.0; 2]; 4]),
        page_polygon: Quad::from_px([[0.0; 2]; 4]),
        readers: ["ppocr", "tesseract"].map(|engine| (engine.to_owned(), value.to_owned())).into(),
        repairs: Vec::new(),
    }
}

fuzz_target!(|payload: &str| {
    for paper in PAPERS.iter() {
        let mut reading = paper.clone();
        // One code, or one on each line.
        reading.qr.extend(
            payload.lines().map(|text| QrCode { text: text.to_owned(), polygon: Quad::from_px([[0.0; 2]; 4]) }),
        );
        let facts = Facts { now: "2024-06-01T00:00:00Z".into(), today: "2024-06-01".into(), ..Facts::default() };
        let verdict = judge(&POLICY, &Evidence { claim: None, readings: vec![reading], facts });
        assert_eq!(verdict.decision, Decision::HumanReview);
    }
});
