//! The stages one by one. Names read stage/operation/case; every answer is asserted before it is timed.

use claimlens::decision::Policy;
use claimlens::domain::record::RECORD_SCHEMA;
use claimlens::domain::text::Line;
use claimlens::domain::{
    DocumentKind, Evidence, Facts, FieldName, PageText, Reading, Record, Versions, canonical_json,
};
use claimlens::extract::extract;
use claimlens::models::Manifest;
use claimlens::ocr::crop::cut;
use claimlens::ocr::ppocr::PpOcrParams;
use claimlens::ocr::tensor::Precision;
use claimlens::ocr::{OcrEngine, PpOcr, Runtime, Tesseract};
use claimlens::pipeline::judge;
use claimlens::vision::{Limits, decode, normalise};
use criterion::{Criterion, criterion_group, criterion_main};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A photo of an outpatient bill of about 2 megapixels.
const PHOTO: &str = "samples/outpatient_bill/photo.jpg";

fn vision(c: &mut Criterion) {
    let bytes = std::fs::read(PHOTO).expect("the samples lie in the project");
    let limits = Limits::default();
    let photo = decode(&bytes, None, &limits).expect("a sample decodes");
    assert!(photo.image.width() >= 1000 && photo.image.height() >= 1000);
    c.bench_function("vision/decode/outpatient-photo", |b| b.iter(|| decode(black_box(&bytes), None, &limits)));
    c.bench_function("vision/refuse/text", |b| {
        assert!(decode(b"this is no picture", None, &limits).is_err());
        b.iter(|| decode(black_box(b"this is no picture"), None, &limits));
    });

    let upright = |_: &image::RgbImage| 0;
    let page = normalise(&photo, &upright);
    let round = page.page_to_upload.apply(page.upload_to_page.apply([700.0, 500.0]));
    assert!((round[0] - 700.0).abs() < 0.1 && (round[1] - 500.0).abs() < 0.1, "the page maps back to the photo");
    c.bench_function("vision/normalise/outpatient-photo", |b| b.iter(|| normalise(black_box(&photo), &upright)));
}

/// The models on one core: finding the lines of a page, reading the first line of it, reading an amount again.
fn reading(c: &mut Criterion) {
    let models = PathBuf::from("models");
    let manifest = Manifest::parse(&models).expect("the models lie in the project");
    let runtime = Runtime::load(&Path::new("native").join(&manifest.runtime().file)).expect("`make setup` ran");
    let model = |name: &str| manifest.read(name).expect("the models lie in the project");
    let dictionary = String::from_utf8(model("dictionary")).expect("a dictionary is text");
    let (detector, recogniser) = (model("detection"), model("recognition"));
    let mut reader =
        PpOcr::load(&runtime, &detector, &recogniser, &dictionary, Precision::F32, 1, PpOcrParams::default())
            .expect("the models fit the runtime");

    let bytes = std::fs::read(PHOTO).expect("the samples lie in the project");
    let photo = decode(&bytes, None, &Limits::default()).expect("a sample decodes");
    let page = normalise(&photo, &|_| 0);
    let mut group = c.benchmark_group("ocr");
    group.sample_size(10);
    let lines = reader.detect(&page.image).expect("inference works");
    assert!((30..140).contains(&lines.len()), "{} lines", lines.len());
    group.bench_function("detect/outpatient-photo", |b| b.iter(|| reader.detect(black_box(&page.image))));

    let (text, ..) = reader.read_page(&page.image, &|| Duration::ZERO).expect("inference works");
    let amount = text.lines.iter().find(|l| l.text.contains("644.10")).expect("the bill's total is read");
    let crop = cut(&page.image, &amount.quad.to_px());
    assert!(reader.recognise(&crop).expect("inference works").text.contains("644.10"));
    group.bench_function("recognise/total", |b| b.iter(|| reader.recognise(black_box(&crop))));

    let mut second = Tesseract::start(None).expect("`make setup` ran");
    assert!(second.recognise(&crop).expect("Tesseract works").text.contains("644.10"));
    group.bench_function("second-reader/total", |b| b.iter(|| second.recognise(black_box(&crop))));
    group.finish();
}

/// A till receipt as the engines hand it on: one line a row, made-up content that adds up.
fn receipt() -> PageText {
    let rows = [
        "BLUE FERN GROCERS",
        "12 Example Street",
        "Date: 12/05/2026 10:31",
        "Oat biscuits            4.20",
        "Green tea 50 bags       6.80",
        "Rice 5 kg              18.90",
        "Subtotal               29.90",
        "TOTAL                  29.90",
        "Cash                   30.00",
        "Change                  0.10",
    ];
    let lines = rows
        .iter()
        .enumerate()
        .map(|(i, text)| Line::at(text, 40.0, 40.0 + 50.0 * i as f64, 560.0, 74.0 + 50.0 * i as f64))
        .collect();
    PageText { width: 600, height: 600, lines }
}

fn understanding(c: &mut Criterion) {
    let page = receipt();
    let found = extract(&page);
    assert_eq!(found.kind, DocumentKind::TillReceipt);
    assert_eq!(found.fields.get(&FieldName::Total).and_then(|f| f.value.as_deref()), Some("29.90"));
    c.bench_function("extract/page/till-receipt", |b| b.iter(|| extract(black_box(&page))));
}

/// The evidence of a photo that could not be decoded: the least there can be to judge.
fn evidence() -> Evidence {
    let hash = claimlens::domain::ContentHash::of(b"photo");
    Evidence {
        claim: None,
        readings: vec![Reading::unreadable("photo.jpg", hash, "not a picture".to_owned())],
        facts: Facts {
            now: "2026-05-12T01:30:00Z".to_owned(),
            today: "2026-05-12".to_owned(),
            repeats_searched: false,
            repeats: Vec::new(),
            lot: None,
            gate: claimlens::domain::gate::Gate::Open,
            issuers: Vec::new(),
            failures: Vec::new(),
        },
    }
}

fn judging(c: &mut Criterion) {
    let (policy, evidence) = (Policy::default(), evidence());
    let verdict = judge(&policy, &evidence);
    assert_eq!(verdict.decision, claimlens::domain::Decision::HumanReview);
    c.bench_function("judge/claim/unreadable", |b| b.iter(|| judge(&policy, black_box(&evidence))));

    let versions = Versions {
        build: "bench".to_owned(),
        models: BTreeMap::new(),
        policy: policy.hash.to_string(),
        calibration: "none".to_owned(),
        runtime: "none".to_owned(),
        cpu: None,
    };
    let record = Record { schema: RECORD_SCHEMA, evidence, verdict, versions };
    assert_eq!(canonical_json(&record), canonical_json(&record.clone()));
    c.bench_function("record/canonical/unreadable", |b| b.iter(|| black_box(&record).canonical()));
}

criterion_group!(benches, vision, reading, understanding, judging);
criterion_main!(benches);
