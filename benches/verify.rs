//! A whole photo, from bytes to verdict, as the service does it: engines warm, all cores for one photo.

use claimlens::decision::Policy;
use claimlens::domain::FieldName;
use claimlens::models::Manifest;
use claimlens::pipeline::{Inference, Reader, ReaderConfig};
use claimlens::service::Issuers;
use claimlens::service::work::{cores, decide_stateless};
use claimlens::vision::Limits;
use criterion::{Criterion, criterion_group, criterion_main};
use std::path::{Path, PathBuf};

fn verify(c: &mut Criterion) {
    let models = PathBuf::from("models");
    let manifest = Manifest::parse(&models).expect("the models lie in the project");
    let inference = Inference::F32(Path::new("native").join(&manifest.runtime().file));
    let reader = Reader::load(&ReaderConfig {
        models,
        inference,
        limits: Limits::default(),
        threads: cores(),
        calibrated: true,
    })
    .expect("`make setup` ran");
    let (policy, issuers) = (Policy::default(), Issuers::default());
    let now = "2026-07-01T04:00:00Z".parse().expect("a time");
    let mut group = c.benchmark_group("verify/photo");
    group.sample_size(10);
    for sample in ["outpatient_bill", "inpatient_bill", "till_receipt"] {
        let read =
            |name: &str| std::fs::read(format!("samples/{sample}/{name}")).expect("the samples lie in the project");
        let truth: serde_json::Value = serde_json::from_slice(&read("photo.truth.json")).expect("a truth file");
        let photos = [(format!("{sample}.jpg"), read("photo.jpg"))];
        let (record, ..) = decide_stateless(&reader, &policy, &issuers, None, &photos, &Limits::default(), now);
        assert_eq!(record.evidence.readings[0].value(FieldName::Total), truth["fields"]["total"].as_str(), "{sample}");
        group.bench_function(sample, |b| {
            b.iter(|| decide_stateless(&reader, &policy, &issuers, None, &photos, &Limits::default(), now))
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
