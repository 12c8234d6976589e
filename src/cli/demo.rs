//! What `serve --demo` shows: made-up claims, one of each finding, in records of their own.
//!
//! They go the way of every claim, but for the reading: see `--sandbox-claims`. `tests/workbench/demo-papers.js` painted
//! the papers.

use super::show::many;
use crate::domain::Claim;
use crate::domain::evidence::Insured;
use crate::service::intake::{Submission, Upload};
use crate::service::{PhotoPlace, Place, Service};
use anyhow::Result;
use serde_json::Value;
use std::ffi::OsString;

/// A claim of the demo.
struct Sample {
    /// The sender's name of it.
    id: &'static str,
    /// What it asks for, whose last digits say how it ends.
    amount: &'static str,
    papers: &'static [&'static [u8]],
}

macro_rules! paper {
    ($name:literal) => {
        include_bytes!(concat!("demo/", $name, ".webp")).as_slice()
    };
}

const fn sample(id: &'static str, amount: &'static str, papers: &'static [&'static [u8]]) -> Sample {
    Sample { id, amount, papers }
}

const SAMPLES: &[Sample] = &[
    sample("DEMO-sound-1", "86.20", &[paper!("sound-1")]),
    sample("DEMO-sound-2", "1204.50", &[paper!("sound-2")]),
    sample("DEMO-sound-3", "312.80", &[paper!("sound-3")]),
    sample("DEMO-altered", "644.01", &[paper!("altered")]),
    sample("DEMO-repeated", "320.02", &[paper!("repeated")]),
    sample("DEMO-another-person", "158.03", &[paper!("another")]),
    sample("DEMO-blurred", "97.04", &[paper!("blurred")]),
    sample("DEMO-unreadable", "210.05", &[paper!("unreadable")]),
    sample("DEMO-unknown-paper", "75.06", &[paper!("unknown")]),
    sample("DEMO-failed", "132.07", &[paper!("failed")]),
    sample("DEMO-too-old", "460.08", &[paper!("stale")]),
    sample("DEMO-large-amount", "12800.10", &[paper!("large")]),
    sample("DEMO-two-papers", "540.30", &[paper!("several"), paper!("list")]),
];

/// Where the demo keeps its records: beside those of the folder given, in one of the same name with `-demo` behind it.
/// Never in a shared database or bucket.
pub fn place(given: &Place) -> Place {
    let mut name = given.data.file_name().map_or_else(|| OsString::from("claimlens"), ToOwned::to_owned);
    name.push("-demo");
    Place { data: given.data.with_file_name(name), database: None, photos: PhotoPlace::default(), kek: None }
}

/// Sends the claims of the demo, unless there are claims already; says which.
///
/// # Errors
/// If one is not taken in.
pub async fn fill(service: &Service) -> Result<String> {
    let stats = service.stats().await?;
    let there: i64 =
        stats["claims"].as_object().into_iter().flat_map(|states| states.values()).filter_map(Value::as_i64).sum();
    if there > 0 {
        return Ok(many(there, "claim of an earlier start is there", "claims of earlier starts are there"));
    }
    for Sample { id, amount, papers } in SAMPLES {
        let claim = Claim {
            id: (*id).to_owned(),
            insured: Some(Insured { name: "张三".to_owned(), id_number: None }),
            policy: None,
            amount: Some((*amount).to_owned()),
            claim_type: None,
            currency: None,
        };
        let upload = |(n, bytes): (usize, &&[u8])| Upload { name: format!("{id}-{n}.webp"), bytes: bytes.to_vec() };
        let photos = papers.iter().enumerate().map(upload).collect();
        let ticket = service.admit(None).await?;
        service.submit(ticket, Submission { claim: Some(claim), photos, now: None, known: None }).await?;
    }
    Ok(many(SAMPLES.len() as u64, "made-up claim is sent", "made-up claims are sent"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn the_demo_keeps_its_records_beside_the_real_ones() {
        for (given, kept) in
            [("data", "data-demo"), ("/var/lib/claimlens", "/var/lib/claimlens-demo"), ("/", "/claimlens-demo")]
        {
            let place = place(&Place::from(given));
            assert_eq!(place.data, PathBuf::from(kept));
            assert!(place.database.is_none());
        }
    }

    #[test]
    fn there_is_one_claim_of_each_way_to_end() {
        let mut endings: Vec<&str> = SAMPLES.iter().map(|sample| &sample.amount[sample.amount.len() - 2..]).collect();
        endings.sort_unstable();
        for cents in ["01", "02", "03", "04", "05", "06", "07", "08"] {
            assert!(endings.contains(&cents), "{cents}");
        }
    }
}
