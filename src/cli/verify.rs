//! `verify`: decide on photos from files, remembering nothing.

use super::places::{photos, read_claim};
use super::show::{Lang, Paint, render};
use super::workers::{Case, Shop, Worked, work};
use super::{DecisionArgs, Ending, EngineArgs, IssuerArgs, Lines, StorageArgs, complain, usage};
use crate::domain::result::result_json;
use crate::pipeline::{heatmap, overlay};
use anyhow::{Context, Result};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Decide on photos: one result each, or one for all of them with --claim
#[derive(Debug, Args)]
#[command(
    after_help = "A folder stands for the pictures under it, sorted by path; a file named outright is always tried. Without --data
nothing is remembered from photo to photo, and repeats are not looked for.

Examples:
  claimlens verify bill.jpg
  claimlens verify page1.jpg page2.jpg --claim claim.json
  claimlens verify bills/ --format jsonl > results.jsonl
  claimlens verify bill.jpg --overlay seen/       what was read, drawn on the photo

Exit status: 0 all photos were processed (whatever was decided, unreadable ones included), 1 some could not be,
2 wrong usage."
)]
pub struct VerifyArgs {
    /// Photos or PDFs, or folders of them
    #[arg(value_name = "PHOTO|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// All photos belong to this claim (JSON: id, insured, policy, amount)
    #[arg(long, value_name = "FILE")]
    claim: Option<PathBuf>,
    #[command(flatten)]
    decision: DecisionArgs,
    /// Read so many photos at once [default: one a core]
    #[arg(long, short, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// How to print results
    #[arg(long, value_enum, default_value_t)]
    format: Lines,
    /// Language of the reasons in the text format
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Draw on each photo what was read, and on a second copy what looks altered, and write both here as PNG
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Write each record, evidence and decision, here as NNNN-name.json, and the policy as HASH.toml, for `replay
    /// --records`
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    records: Option<PathBuf>,
    /// Look for repeats in these records, and record the decisions there, made by the policy in force there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    issuers: IssuerArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

/// Runs the command.
pub fn run(args: &VerifyArgs) -> Result<Ending> {
    let photos = photos(&args.paths)?;
    let claim = args.claim.as_deref().map(read_claim).transpose()?;
    let policy = args.decision.policy()?;
    if let Some(dir) = &args.overlay {
        std::fs::create_dir_all(dir).map_err(|e| usage(format!("{}: {e}", dir.display())))?;
    }
    if let Some(dir) = &args.records {
        let kept = std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::write(dir.join(format!("{}.toml", policy.hash)), policy.text()));
        kept.map_err(|e| usage(format!("{}: {e}", dir.display())))?;
    }
    // Where each case's first photo stands among all photos, to name the overlays by.
    let cases: Vec<Case> = match claim {
        Some(claim) => vec![Case { photos, claim: Some(claim) }],
        None => photos.into_iter().map(|photo| Case { photos: vec![photo], claim: None }).collect(),
    };
    let shop = Shop {
        readings: None,
        reader: args.engines.reader(),
        policy: &policy,
        issuers: args.issuers.issuers()?,
        now: args.decision.now(),
        jobs: args.jobs,
        noun: "photos",
    };
    let paint = Paint::for_stdout();
    let mut ending = Ending::Done;
    let finish = |i: usize, worked: Worked| {
        let drawn = args.overlay.as_deref().map_or(Ok(()), |dir| draw(dir, i, &worked));
        let drawn = drawn.and_then(|()| args.records.as_deref().map_or(Ok(()), |dir| keep(dir, i, &worked)));
        let result = result_json(&worked.record, &worked.timing);
        let text = match args.format {
            Lines::Jsonl => format!("{result}\n"),
            Lines::Text => render(&result, args.lang, paint, false),
        };
        (text, worked.failed, drawn)
    };
    let print = |_: usize, (text, failed, drawn): (String, Option<String>, Result<()>)| {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        for fault in failed.into_iter().chain(drawn.err().map(|e| format!("{e:#}"))) {
            complain(&format!("error: {fault}"));
            ending = Ending::NotAll;
        }
        Ok(())
    };
    match &args.data {
        None => work(&shop, &cases, finish, print)?,
        Some(data) => {
            let given = args.decision.policy.is_some().then(|| policy.text().to_owned());
            super::serve::recorded(args.storage.place(data)?, given, args.decision.now, &shop, &cases, finish, print)?
        }
    }
    Ok(ending)
}

/// Writes the record of one case: `0001-name.json`, after its first photo.
fn keep(dir: &Path, case: usize, worked: &Worked) -> Result<()> {
    let first = worked.record.evidence.readings.first().map_or("", |reading| reading.source.as_str());
    let stem = Path::new(first).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = dir.join(format!("{:04}-{stem}.json", case + 1));
    std::fs::write(&path, worked.record.canonical()).with_context(|| path.display().to_string())
}

/// Writes the overlays of one case: `0001-name.png`, or `0001-2-name.png` for a claim's second photo; and the heat maps
/// beside them, `0001-name-heatmap.png`.
fn draw(dir: &Path, case: usize, worked: &Worked) -> Result<()> {
    let readings = &worked.record.evidence.readings;
    for (n, (reading, pictures)) in readings.iter().zip(&worked.pictures).enumerate() {
        let Some(upload) = pictures.as_ref().and_then(|pictures| pictures.upload.as_ref()) else { continue };
        let stem = Path::new(&reading.source).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number =
            if readings.len() == 1 { format!("{:04}", case + 1) } else { format!("{:04}-{}", case + 1, n + 1) };
        let path = dir.join(format!("{number}-{stem}.png"));
        overlay(upload, reading).save(&path).with_context(|| path.display().to_string())?;
        if let Some(pixels) = &reading.pixels {
            let path = dir.join(format!("{number}-{stem}-heatmap.png"));
            heatmap(upload, pixels).save(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
