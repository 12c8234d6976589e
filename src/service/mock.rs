//! Made-up decisions for those who build an app on the service: what a claim asks for says how it ends.
//!
//! Photos are taken in, kept and shown as always, but not read: in their place stand made-up bills of the amount asked
//! for, sound but for what the last two digits of it order. They are checked, judged, recorded and shown like any other, so
//! that an app meets every answer there is. Records made so hold nothing else: [`refuse`] keeps them apart from real ones.

use super::work::{LoadReader, ReadPhotos};
use super::{Records, ServiceError};
use crate::domain::evidence::{QrCode, Quality};
use crate::domain::money::to_capital;
use crate::domain::pixels::{History, PixelEvidence, Signal, SignalName, Stratum};
use crate::domain::result::Timing;
use crate::domain::{
    Bp, Claim, ClaimId, ContentHash, DocumentKind, Facts, Fen, Field, FieldName, Item, Message, Quad, Reading, Repeat,
    RepeatKind, RetakeAdvice,
};
use crate::pipeline::{ReadError, ReadOutcome};
use crate::vision::PdfPage;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What stands for the runtime in records whose photos nobody read.
const RUNTIME: &str = "made-up";

/// What a claim without an amount asks for, in fen.
const AMOUNT: Fen = Fen(10_000);

/// How long a slow claim takes: longer than a sender waits if it says nothing else.
const SLOW: Duration = Duration::from_secs(15);

/// How a claim ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Sound,
    Altered,
    Repeated,
    OfAnother,
    Blurred,
    Unreadable,
    Unknown,
    Failed,
    Stale,
    Slow,
}

/// The last two digits of the amount asked for, how the claim ends, and the code of the reason that says so.
const ENDINGS: [(i64, Ending, &str); 9] = [
    (1, Ending::Altered, "total_in_words_differs"),
    (2, Ending::Repeated, "seen_before_same_number"),
    (3, Ending::OfAnother, "name_differs"),
    (4, Ending::Blurred, "retake_advised"),
    (5, Ending::Unreadable, "photo_unreadable"),
    (6, Ending::Unknown, "unknown_document"),
    (7, Ending::Failed, "processing_failed"),
    (8, Ending::Stale, "bill_too_old"),
    (9, Ending::Slow, "all_checks_passed"),
];

/// What becomes of one claim.
pub(super) struct Scene {
    ending: Ending,
    amount: Fen,
    name: String,
}

impl Scene {
    pub(super) fn of(claim: Option<&Claim>) -> Self {
        let amount = claim.and_then(|claim| Fen::parse(claim.amount.as_deref()?)).unwrap_or(AMOUNT);
        let name = claim.and_then(|claim| claim.insured.as_ref()).map_or("张三", |insured| &insured.name);
        let ending = ENDINGS.iter().find(|(cents, ..)| amount.0 % 100 == *cents);
        Self { ending: ending.map_or(Ending::Sound, |(_, ending, _)| *ending), amount, name: name.to_owned() }
    }

    /// How long it takes.
    pub(super) fn takes(&self) -> Duration {
        if self.ending == Ending::Slow { SLOW } else { Duration::ZERO }
    }

    /// Puts made-up papers in the place of what was read: of several photos the first shows the bill, and the others pages
    /// of no amount.
    pub(super) fn write(&self, readings: &mut [Reading], today: &str) {
        for (n, reading) in readings.iter_mut().enumerate() {
            let paper = match (n, self.ending) {
                (0, Ending::Unreadable) => Reading::unreadable("", reading.sha256, "made up".to_owned()),
                (0, _) => self.bill(today),
                _ => page(DocumentKind::ExpenseList, &[(FieldName::PatientName, self.name.clone())]),
            };
            *reading = Reading {
                source: std::mem::take(&mut reading.source),
                sha256: reading.sha256,
                pdf_page: reading.pdf_page,
                ..paper
            };
        }
    }

    /// Of what was looked up nothing counts: the same trial photo may be sent again and again.
    pub(super) fn tell(&self, facts: &mut Facts) {
        facts.repeats.clear();
        facts.lot = None;
        if self.ending == Ending::Failed {
            facts.failures.push("made up".to_owned());
        }
        if self.ending == Ending::Repeated {
            facts.repeats.push(Repeat {
                document: 0,
                kind: RepeatKind::SameNumber,
                claim: ClaimId::new(0, [0; 10]).to_string(),
                other_document: 0,
                sha256: ContentHash([0; 32]),
                distance: 0,
                print: None,
            });
        }
    }

    fn bill(&self, today: &str) -> Reading {
        use FieldName::*;
        let (total, name) = (self.amount.to_string(), self.name.as_str());
        let day = match self.ending {
            Ending::Stale => "2001-01-01",
            _ => today,
        };
        let words = match self.ending {
            Ending::Altered => to_capital(Fen(self.amount.0 + 100_000)),
            _ => to_capital(self.amount),
        };
        let payer = if self.ending == Ending::OfAnother { "李四光" } else { name };
        let number = "0012345678";
        let mut bill = page(
            DocumentKind::MedicalOutpatientBill,
            &[
                (IssuerName, "样例市第一人民医院".to_owned()),
                (BillTitle, "医疗门诊收费票据(电子)".to_owned()),
                (BillCode, "11060124".to_owned()),
                (BillNumber, number.to_owned()),
                (CheckCode, "55e825".to_owned()),
                (PayerName, payer.to_owned()),
                (IssueDate, day.to_owned()),
                (Total, total.clone()),
                (TotalInWords, words),
                (FundPayment, "0.00".to_owned()),
                (OtherPayment, "0.00".to_owned()),
                (AccountPayment, "0.00".to_owned()),
                (CashPayment, total.clone()),
            ],
        );
        bill.items.push(Item {
            name: "西药费".to_owned(),
            quantity: None,
            unit: None,
            price: None,
            price_confidence: None,
            amount: Some(total.clone()),
            confidence: Bp(9_900),
            polygon: Quad::rect(100.0, 900.0, 900.0, 940.0),
            repairs: Vec::new(),
        });
        let compact: String = day.chars().filter(char::is_ascii_digit).collect();
        bill.qr.push(QrCode {
            text: format!("CZ-EI-11,1.1.0,11060124,{number},55e825,{compact},{total}"),
            polygon: Quad::rect(900.0, 10.0, 990.0, 100.0),
        });
        match self.ending {
            Ending::Blurred => {
                bill.quality.sharpness = Some(Bp(1_200));
                bill.retake.push(RetakeAdvice {
                    code: "blurred".to_owned(),
                    message: Message { en: "The photo is blurred.".to_owned(), zh: "照片模糊。".to_owned() },
                    region: None,
                });
            }
            Ending::Unknown => bill.kind = DocumentKind::Unknown,
            _ => {}
        }
        bill
    }
}

/// A well photographed page of 1000 × 1400 pixels with these fields, one under the other.
fn page(kind: DocumentKind, fields: &[(FieldName, String)]) -> Reading {
    let mut page = Reading::unreadable("", ContentHash([0; 32]), String::new());
    page.unreadable = None;
    page.seals = Some(Vec::new());
    (page.size, page.page_size) = ([1000, 1400], [1000, 1400]);
    page.quality = Quality {
        sharpness: Some(Bp(9_000)),
        text_height: Some(24 * 16),
        glare: Bp(0),
        coverage: Bp(9_000),
        brightness: 220,
        megapixels: 140,
    };
    (page.kind, page.kind_confidence) = (kind, Bp(9_900));
    for (n, (name, value)) in fields.iter().enumerate() {
        let top = 60.0 + 60.0 * n as f64;
        let field = Field {
            value: Some(value.clone()),
            text: value.clone(),
            confidence: Bp(9_990),
            score: Bp(9_990),
            polygon: Quad::rect(100.0, top, 500.0, top + 30.0),
            page_polygon: Quad::rect(100.0, top, 500.0, top + 30.0),
            readers: ["ppocr", "tesseract"].map(|reader| (reader.to_owned(), value.clone())).into(),
            repairs: Vec::new(),
        };
        page.fields.insert(*name, field);
    }
    let signal = |name| Signal { name, not_applicable: None, score: Some(0), tested: 400, suspects: Vec::new() };
    page.pixels = Some(PixelEvidence {
        history: History {
            stratum: Stratum::Camera,
            quality: Some(95),
            earlier_quality: None,
            notes: Vec::new(),
            device: None,
        },
        signals: SignalName::ALL.into_iter().map(signal).collect(),
    });
    page
}

/// Takes photos as they come and reads nothing.
struct Blind(BTreeMap<String, String>);

impl ReadPhotos for Blind {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError> {
        let mut reading = page(DocumentKind::Unknown, &[]);
        reading.source = source.to_owned();
        reading.sha256 = ContentHash::of(bytes);
        reading.pdf_page = pdf_page;
        Ok(ReadOutcome { reading, timing: Timing::default(), pictures: None })
    }

    fn models(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    fn runtime(&self) -> &str {
        RUNTIME
    }
}

/// How the reader that reads nothing is made.
pub(super) fn load_reader() -> LoadReader {
    Arc::new(|| Ok(Box::new(Blind(BTreeMap::new())) as Box<dyn ReadPhotos>))
}

#[derive(Deserialize)]
struct Made {
    versions: MadeBy,
}

#[derive(Deserialize)]
struct MadeBy {
    runtime: String,
}

/// Keeps made-up decisions and real ones apart: records that hold one kind take no other.
///
/// # Errors
/// [`ServiceError::MadeUp`], or if the records cannot be read.
pub(super) async fn refuse(records: &Records, made_up: bool) -> Result<(), ServiceError> {
    let first = records.store.decided(i64::MIN, 1).await?;
    let Some((_, _, record)) = first.first() else { return Ok(()) };
    // A record that does not open is the audit's to tell, and no made-up one.
    let is_made_up = serde_json::from_slice::<Made>(record).is_ok_and(|made| made.versions.runtime == RUNTIME);
    if is_made_up == made_up { Ok(()) } else { Err(ServiceError::MadeUp { records: is_made_up }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Policy;
    use crate::domain::support::{claim, evidence};
    use crate::domain::{Decision, Severity, Verdict};
    use crate::pipeline::judge;

    fn made_up(amount: &str, photos: usize) -> Verdict {
        let claim = Claim { amount: Some(amount.to_owned()), ..claim() };
        let scene = Scene::of(Some(&claim));
        let read = Blind(BTreeMap::new());
        let mut readings: Vec<Reading> =
            (0..photos).map(|n| read.read("a.jpg", &[n as u8], None).unwrap().reading).collect();
        let mut evidence = evidence(Vec::new());
        scene.write(&mut readings, &evidence.facts.today);
        scene.tell(&mut evidence.facts);
        (evidence.readings, evidence.claim) = (readings, Some(claim));
        judge(&Policy::default(), &evidence)
    }

    fn blocking(verdict: &Verdict) -> Vec<&str> {
        let blocking = verdict.reasons.iter().filter(|reason| reason.severity == Severity::Blocking);
        blocking.map(|reason| reason.code.as_str()).collect()
    }

    #[test]
    fn the_last_two_digits_say_how_a_claim_ends() {
        for amount in ["120.00", "0.10", "2999.99"] {
            let verdict = made_up(amount, 1);
            assert_eq!(verdict.decision, Decision::AutoApprove, "{amount}: {:?}", blocking(&verdict));
        }
        for (cents, ending, code) in ENDINGS {
            let verdict = made_up(&format!("120.0{cents}"), 1);
            let codes: Vec<&str> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
            assert!(codes.contains(&code), "{ending:?} gives {codes:?}");
            let approved = verdict.decision == Decision::AutoApprove;
            assert_eq!(approved, ending == Ending::Slow, "{ending:?}");
        }
        assert_eq!(blocking(&made_up("3000.10", 1)), ["amount_above_limit"]);
        assert_eq!(blocking(&made_up("120.00", 2)), ["kind_not_approvable"]);
        assert_eq!(Scene::of(None).amount, AMOUNT);
    }
}
