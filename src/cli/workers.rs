//! Cases worked through by several readers at once, handed back in the order they were given.

use super::kept::{Kept, Readings};
use super::places::photo_bytes;
use crate::decision::Policy;
use crate::domain::record::RECORD_SCHEMA;
use crate::domain::result::Timing;
use crate::domain::{
    Claim, ContentHash, Decision, Evidence, Message, Reading, Reason, Record, Severity, Verdict, Versions,
};
use crate::pipeline::{Pictures, Reader, ReaderConfig};
use crate::service::Issuers;
use crate::service::work::{ReadPhotos, build, cores, decide_stateless, stateless_facts};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

/// Photos that are decided together.
#[derive(Debug, Clone)]
pub struct Case {
    /// The photos, in order.
    pub photos: Vec<PathBuf>,
    /// The claim they belong to, if any.
    pub claim: Option<Claim>,
}

/// What came of a case. There is always a record; a case that failed has one that sends it to a person.
pub struct Worked {
    /// Evidence and decision.
    pub record: Record,
    /// Wall time by stage.
    pub timing: Timing,
    /// Decoded uploads and pages, in the order of the photos.
    pub pictures: Vec<Option<Pictures>>,
    /// Wall time of the whole case, reading the file included, in microseconds.
    pub wall_us: u64,
    /// Why the work could not be done, if so. A photo that cannot be decoded is no failure.
    pub failed: Option<String>,
}

/// How to work.
pub struct Shop<'a> {
    /// What each reader is made of.
    pub reader: ReaderConfig,
    /// Where readings are kept, if they are.
    pub readings: Option<Readings>,
    /// The policy to decide by.
    pub policy: &'a Policy,
    /// Who is asked about issuers.
    pub issuers: Arc<Issuers>,
    /// The time to decide as of.
    pub now: Timestamp,
    /// How many cases at once; 0 means as many as there are cores.
    pub jobs: usize,
    /// What the progress bar counts.
    pub noun: &'static str,
}

/// Works through `cases`. `map` runs beside the reading, on the worker; `sink` runs here, once a case, in order.
///
/// # Errors
/// If a reader cannot be loaded, or `sink` fails.
pub fn work<T: Send>(
    shop: &Shop<'_>,
    cases: &[Case],
    map: impl Fn(usize, Worked) -> T + Sync,
    mut sink: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let jobs = if shop.jobs == 0 { cores() } else { shop.jobs }.min(cases.len()).max(1);
    // Loaded before anything is printed, so that a missing model is one clear message.
    let reader = load(shop)?;
    let bar = progress(cases.len(), shop.noun);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<(usize, T)>();
    let outcome = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next, map, reader) = (sender.clone(), &next, &map, &*reader);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(i) else { break };
                    let worked = one(shop, case, reader);
                    if sender.send((i, map(i, worked))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (i, done) in &receiver {
            waiting.insert(i, done);
            while let Some(done) = waiting.remove(&due) {
                // Without this the bar and the lines would be written through each other on a terminal.
                if let Err(error) = bar.suspend(|| sink(due, done)) {
                    // Nobody wants the rest: let the workers find nothing more to do.
                    next.store(cases.len(), Ordering::Relaxed);
                    return Err(error);
                }
                due += 1;
                bar.inc(1);
            }
        }
        Ok(())
    });
    bar.finish_and_clear();
    outcome
}

/// What reads, for all workers.
type Eyes = dyn ReadPhotos + Sync;

/// What reads, or why not and what to do about it.
pub fn reader(config: &ReaderConfig) -> Result<Reader> {
    Reader::load(config)
        .map_err(|e| anyhow::anyhow!("{e}\n`claimlens doctor` tells what is missing and how to mend it"))
}

fn load(shop: &Shop<'_>) -> Result<Box<Eyes>> {
    let reader = reader(&shop.reader)?;
    Ok(match &shop.readings {
        Some(readings) => Box::new(Kept { reader, readings: readings.clone() }),
        None => Box::new(reader),
    })
}

/// A bar on standard error; hides itself where that is no terminal.
pub fn progress(len: usize, noun: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(len as u64);
    let style = ProgressStyle::with_template("{bar:32.cyan/dim} {pos}/{len} {msg} · {elapsed} · {eta} left");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.with_message(noun)
}

fn one(shop: &Shop<'_>, case: &Case, reader: &Eyes) -> Worked {
    let start = Instant::now();
    let mut worked = match attempt(shop, case, reader) {
        Ok(worked) => worked,
        Err(why) => failed(shop, case, why),
    };
    worked.wall_us = start.elapsed().as_micros() as u64;
    worked
}

fn attempt(shop: &Shop<'_>, case: &Case, reader: &Eyes) -> Result<Worked, String> {
    let mut photos = Vec::new();
    for path in &case.photos {
        let bytes = photo_bytes(path).map_err(|why| format!("{}: {why}", path.display()))?;
        photos.push((path.display().to_string(), bytes));
    }
    let done = catch_unwind(AssertUnwindSafe(|| {
        let (policy, issuers, limits) = (shop.policy, &shop.issuers, &shop.reader.limits);
        decide_stateless(reader, policy, issuers, case.claim.as_ref(), &photos, limits, shop.now)
    }));
    let Ok((record, timing, pictures)) = done else {
        return Err("the program failed on it; this is a fault of ours, please report it".to_owned());
    };
    let failures = &record.evidence.facts.failures;
    let failed = (!failures.is_empty()).then(|| failures.join("; "));
    Ok(Worked { record, timing, pictures, wall_us: 0, failed })
}

/// A record made without the floors below, for when these are what failed: always a person's. The reason is worded as
/// the decision floor words it; what failed stands among the facts.
pub fn failed(shop: &Shop<'_>, case: &Case, why: String) -> Worked {
    let mut facts = stateless_facts(shop.now);
    facts.failures.push(why.clone());
    let reading = |path: &PathBuf| {
        let hash = ContentHash::of(&photo_bytes(path).unwrap_or_default());
        Reading::unreadable(&path.display().to_string(), hash, why.clone())
    };
    let readings: Vec<Reading> = case.photos.iter().map(reading).collect();
    let reason = Reason {
        code: "processing_failed".to_owned(),
        severity: Severity::Blocking,
        message: Message {
            en: "Part of the processing failed, so a person looks at the claim.".to_owned(),
            zh: "部分处理未能完成，转人工处理。".to_owned(),
        },
        document: None,
        fields: Vec::new(),
        regions: Vec::new(),
    };
    let verdict = Verdict {
        decision: Decision::HumanReview,
        reasons: vec![reason],
        findings: readings.iter().map(|_| Vec::new()).collect(),
        risk: None,
        completeness: None,
    };
    let versions = Versions {
        build: build(),
        models: BTreeMap::new(),
        policy: shop.policy.hash.to_string(),
        calibration: "none".to_owned(),
        runtime: "none".to_owned(),
        cpu: None,
    };
    Worked {
        pictures: readings.iter().map(|_| None).collect(),
        record: Record {
            schema: RECORD_SCHEMA,
            evidence: Evidence { claim: case.claim.clone(), readings, facts },
            verdict,
            versions,
        },
        timing: Timing::default(),
        wall_us: 0,
        failed: Some(why),
    }
}
