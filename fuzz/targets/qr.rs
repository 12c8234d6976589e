//! The payload of a QR code on a bill: the checks end, and no payload approves what nothing else bears out.
#![no_main]

use claimlens::decision::Policy;
use claimlens::domain::evidence::QrCode;
use claimlens::domain::{Bp, ContentHash, Decision, DocumentKind, Evidence, Facts, Quad, Reading};
use claimlens::pipeline::judge;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

fuzz_target!(|payload: &str| {
    for kind in [DocumentKind::MedicalOutpatientBill, DocumentKind::VatInvoice] {
        let mut reading = Reading::unreadable("photo.jpg", ContentHash([1; 32]), String::new());
        reading.unreadable = None;
        (reading.kind, reading.kind_confidence) = (kind, Bp(9_900));
        reading.qr.push(QrCode { text: payload.to_owned(), polygon: Quad::from_px([[0.0; 2]; 4]) });
        let facts = Facts { now: "2026-06-01T00:00:00Z".into(), today: "2026-06-01".into(), ..Facts::default() };
        let verdict = judge(&POLICY, &Evidence { claim: None, readings: vec![reading], facts });
        assert_eq!(verdict.decision, Decision::HumanReview);
    }
});
