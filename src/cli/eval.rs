//! `eval`: run labelled photos and tell how well they were read and decided.

mod alterations;
mod gallery;
mod html;
mod lessons;
mod reliability;
mod table;

use super::kept::{Kept, Readings};
use super::places::{photos, read_claim};
use super::show::{Paint, many};
use super::workers::{self, Case, Shop, Worked, work};
use super::{DecisionArgs, Ending, EngineArgs, Format, complain, usage};
use crate::decision::Policy;
use crate::domain::{Claim, Record};
use crate::models;
use crate::pipeline::{self, ReaderConfig};
use crate::service::evaluate::{CaseScore, Report, Truth, report, risk_samples, samples, score, trials};
use crate::service::work::build;
use crate::specimen::Tool;
use anyhow::{Context, Result, ensure};
use clap::Args;
use gallery::{Gallery, Miss};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Measure reading and deciding on labelled photos
#[derive(Debug, Args)]
#[command(
    after_help = "NAME.truth.json beside NAME.jpg tells what the photo shows; a photo without one is run and counted all
the same. Sets are the sub-folders. A claim.json in a folder is the claim of each photo in it, one by one.

How values are compared: money, dates and identifiers exactly (identifiers without spaces), text after folding case,
width and punctuation; \"loose\" also counts text where one contains the other. A truth of null means: must be absent.
Beside fields a truth may tell `corners` of the sheet (clockwise, pixels) and `skew_degrees` (to be turned back by,
counter-clockwise): the sheet found is then compared with them; the skew but for quarter turns.

An approval counts as wrong if the paper is altered, its kind mistaken, or a value misread: one that the decision turns
on (money, dates, numbers), or one elsewhere (names).

Examples:
  claimlens eval samples
  claimlens eval bills/ --report eval.html
  claimlens eval bills/ --errors | grep total

Exit status: 0 all photos were processed, 1 some could not be, 2 wrong usage."
)]
pub struct EvalArgs {
    /// Folder of labelled photos
    dir: PathBuf,
    /// Write a report to look at in a browser; one file that needs nothing else, with pieces of the photos in it
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Instead of measuring confidences, fit them to these photos and write the table
    #[arg(long, value_name = "FILE.toml")]
    fit_calibration: Option<PathBuf>,
    /// Instead of measuring, fit the risk model to these photos and write it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "fit_calibration")]
    fit_risk: Option<PathBuf>,
    /// Also write the certificate that these photos earn the risk model; use photos it was not fitted to
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["fit_calibration", "fit_risk"])]
    certify: Option<PathBuf>,
    /// Instead of measuring, write into a folder what these photos teach the pixel model
    #[arg(long, value_name = "DIR", group = "teach")]
    #[arg(conflicts_with_all = ["fit_calibration", "fit_risk", "certify", "report"])]
    teach_pixels: Option<PathBuf>,
    /// Instead of measuring, write what these photos teach the model of values: a table, for `scripts/train/values.py`
    #[arg(long, value_name = "FILE.csv", requires = "readings", group = "teach")]
    #[arg(conflicts_with_all = ["fit_calibration", "fit_risk", "certify", "report", "teach_pixels", "look_again"])]
    teach_values: Option<PathBuf>,
    /// With --teach-pixels and --teach-values: leave out photos forged with these tools
    #[arg(long, value_name = "TOOL", value_delimiter = ',', requires = "teach")]
    without_tools: Vec<String>,
    /// Keep in this folder what was read, and read nothing again that lies there: for trying out what judges; empty it
    /// when anything has changed that reads or that confidences rest on (sums, words, codes); with another pixel model,
    /// only the pixels are looked at anew (after new weights of values, by --look-again)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["fit_calibration", "teach_pixels"])]
    readings: Option<PathBuf>,
    /// With --readings: look at the pixels of what lies there anew, for trying out what looks at them
    #[arg(long, requires = "readings")]
    look_again: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also print every miss: photo, field, truth, what was read, how sure
    #[arg(long)]
    errors: bool,
    /// Read so many photos at once [default: one a core]
    #[arg(long, short, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

/// A photo to run, with what is known of it.
struct Labelled {
    set: String,
    /// Path under the folder.
    name: String,
    truth: Option<Truth>,
    case: Case,
}

/// What was measured, with what, and as of when.
#[derive(Debug, Serialize)]
struct Run {
    /// The time decided as of, RFC 3339 in UTC.
    at: String,
    /// The folder, as given.
    folder: String,
    /// Version and commit of this program.
    build: String,
    /// `built-in`, or the policy's file as given.
    policy: String,
    policy_sha256: String,
    calibration_sha256: String,
}

impl Run {
    fn of(args: &EvalArgs, policy: &Policy, now: Timestamp) -> Self {
        let file = args.decision.policy.as_ref();
        Self {
            at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            folder: args.dir.display().to_string(),
            build: build(),
            policy: file.map_or_else(|| "built-in".to_owned(), |file| file.display().to_string()),
            policy_sha256: policy.hash.to_string(),
            calibration_sha256: models::Calibration::default().hash.to_string(),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first 12 digits tell two files apart; the JSON form has all.
        let Self { at, folder, build, policy, policy_sha256, calibration_sha256 } = self;
        write!(
            f,
            "{folder} · as of {at} · claimlens {build} · policy {policy} {policy_sha256:.12} · calibration \
             {calibration_sha256:.12}"
        )
    }
}

/// Whether a file can be written; none is left behind for it.
fn writable(path: &Path) -> std::io::Result<()> {
    let is_new = path.symlink_metadata().is_err();
    File::options().create(true).append(true).open(path)?;
    if is_new { std::fs::remove_file(path) } else { Ok(()) }
}

/// Runs the command.
pub fn run(args: &EvalArgs) -> Result<Ending> {
    if !args.dir.is_dir() {
        return Err(usage(format!("{} is not a folder", args.dir.display())));
    }
    let labelled = collect(&args.dir)?;
    let named = |tool: &String| Tool::ALL.iter().any(|known| known.as_str() == tool);
    if let Some(tool) = args.without_tools.iter().find(|tool| !named(tool)) {
        let known = Tool::ALL.map(Tool::as_str).join(", ");
        return Err(usage(format!("--without-tools {tool}: there is no such tool; there are {known}")));
    }
    if let Some(folder) = &args.teach_pixels {
        let count = lessons::write(folder, &labelled, &args.without_tools)?;
        complain(&format!("{} written to {}", many(count, "lesson", "lessons"), folder.display()));
        return Ok(Ending::Done);
    }
    if let (Some(path), Some(folder)) = (&args.teach_values, &args.readings) {
        std::fs::create_dir_all(folder).map_err(|e| usage(format!("{} cannot be made: {e}", folder.display())))?;
        let readings = Readings { folder: folder.clone(), look_again: false };
        let kept = Kept { reader: workers::reader(&args.engines.reader())?, readings };
        let count = lessons::write_values(path, &labelled, &args.without_tools, &kept)?;
        complain(&format!("{} written to {}", many(count, "value", "values"), path.display()));
        return Ok(Ending::Done);
    }
    let policy = args.decision.policy()?;
    // Hours of work are not to end in a folder that does not exist.
    let outputs = || [&args.report, &args.fit_calibration, &args.fit_risk, &args.certify].into_iter().flatten();
    for (i, path) in outputs().enumerate() {
        if outputs().skip(i + 1).any(|other| other == path) {
            return Err(usage(format!("{} is named for two things", path.display())));
        }
        writable(path).map_err(|e| usage(format!("{} cannot be written: {e}", path.display())))?;
    }
    if let Some(folder) = &args.readings {
        std::fs::create_dir_all(folder).map_err(|e| usage(format!("{} cannot be made: {e}", folder.display())))?;
    }
    let shop = Shop {
        readings: args.readings.clone().map(|folder| Readings { folder, look_again: args.look_again }),
        reader: ReaderConfig { calibrated: args.fit_calibration.is_none(), ..args.engines.reader() },
        policy: &policy,
        issuers: Arc::default(),
        now: args.decision.now(),
        jobs: args.jobs,
        noun: "photos",
    };
    let cases: Vec<Case> = labelled.iter().map(|l| l.case.clone()).collect();
    let mut scores = Vec::with_capacity(cases.len());
    let mut gallery = Gallery::default();
    // Cut while the photo is at hand, and only where they are shown.
    let map = |i: usize, worked: Worked| {
        let score = judge(&labelled[i], &worked, &policy);
        let misses = if args.report.is_some() { misses(&score, &worked) } else { Vec::new() };
        (score, misses)
    };
    work(&shop, &cases, map, |_, (score, misses)| {
        gallery.add(misses);
        if let Some(why) = &score.failed {
            complain(&format!("error: {}: {why}", score.photos.first().map_or("", |p| p.source.as_str())));
        }
        scores.push(score);
        Ok(())
    })?;
    if let Some(path) = &args.fit_calibration {
        let samples = samples(&scores);
        ensure!(!samples.is_empty(), "nothing to fit to: no value of these photos is labelled");
        std::fs::write(path, models::Calibration::fit(&samples)).with_context(|| path.display().to_string())?;
        told("fitted to", &many(samples.len(), "value", "values"), path);
        return Ok(ending(&scores));
    }
    if let Some(path) = &args.fit_risk {
        let samples = risk_samples(&scores);
        let open = || samples.iter().filter(|sample| !sample.contradicts);
        let [right, wrong] = [false, true].map(|kind| open().any(|sample| sample.wrong == kind));
        ensure!(
            right && wrong,
            "nothing to fit to: of the photos that do not contradict themselves some must be right to approve, some wrong"
        );
        std::fs::write(path, models::RiskModel::fit(&samples)).with_context(|| path.display().to_string())?;
        told("fitted to", &many(open().count(), "photo", "photos"), path);
        return Ok(ending(&scores));
    }
    if let Some(path) = &args.certify {
        let trials = trials(&scores);
        let [genuine, altered] = [false, true].map(|kind| trials.iter().any(|trial| trial.attack.is_some() == kind));
        ensure!(genuine && altered, "nothing to certify: some photos must be labelled genuine, some altered");
        let date = Timestamp::now().strftime("%Y-%m-%d").to_string();
        let text = models::Certificate::earn(models::RiskModel::in_force(), &date, &trials);
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
        told("earned on", &many(trials.len(), "photo", "photos"), path);
    }
    let report = report(&scores);
    let run = Run::of(args, &policy, shop.now);
    print(args, &report, &run)?;
    if let Some(path) = &args.report {
        std::fs::write(path, html::page(&report, &run, &gallery)).with_context(|| path.display().to_string())?;
        complain(&format!("report written to {}", path.display()));
    }
    Ok(ending(&scores))
}

/// Says what was made of what, and where it lies.
fn told(made: &str, of: &str, path: &Path) {
    complain(&format!("{made} {of}, written to {}; build again to use it", path.display()));
}

fn ending(scores: &[CaseScore]) -> Ending {
    if scores.iter().any(|s| s.failed.is_some()) { Ending::NotAll } else { Ending::Done }
}

fn print(args: &EvalArgs, report: &Report, run: &Run) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => {
            let mut all = serde_json::to_value(report)?;
            all["run"] = serde_json::to_value(run)?;
            all["peak_memory_mib"] = serde_json::json!(peak_memory_mib());
            writeln!(out, "{all}")?;
        }
        Format::Text => {
            out.write_all(table::tables(report, run, Paint::for_stdout()).as_bytes())?;
            if let Some(mib) = peak_memory_mib() {
                writeln!(out, "peak memory: {mib} MiB")?;
            }
        }
    }
    if args.errors {
        for miss in &report.misses {
            let sure = miss.confidence.map_or_else(|| "-".to_owned(), |c| c.to_string());
            let value = |v: &Option<String>| v.as_ref().map_or_else(|| "-".to_owned(), |v| format!("{v:?}"));
            let (truth, got) = (value(&miss.truth), value(&miss.got));
            writeln!(out, "miss\t{}\t{}\ttruth {truth}\tgot {got}\tsure {sure}", miss.photo, miss.field)?;
        }
    }
    Ok(())
}

/// The pictures under `dir`, each a case of its own, with its truth and the claim of its folder.
fn collect(dir: &Path) -> Result<Vec<Labelled>> {
    let mut claims: BTreeMap<PathBuf, Option<Claim>> = BTreeMap::new();
    let mut out = Vec::new();
    for path in photos(&[dir.to_owned()])? {
        let folder = path.parent().unwrap_or(dir).to_owned();
        let claim = match claims.get(&folder) {
            Some(claim) => claim.clone(),
            None => {
                let file = folder.join("claim.json");
                let claim = if file.is_file() { Some(read_claim(&file)?) } else { None };
                claims.insert(folder.clone(), claim.clone());
                claim
            }
        };
        out.push(Labelled {
            set: set_name(dir, &folder),
            name: path.strip_prefix(dir).unwrap_or(&path).display().to_string(),
            truth: truth(&path)?,
            case: Case { photos: vec![path], claim },
        });
    }
    Ok(out)
}

/// The folder's path under `dir`, or the name of `dir` itself.
fn set_name(dir: &Path, folder: &Path) -> String {
    let under = folder.strip_prefix(dir).unwrap_or(folder);
    let name = if under.as_os_str().is_empty() { dir.file_name().map_or(dir, Path::new) } else { under };
    name.display().to_string()
}

/// The truth file beside a photo. One that does not parse is an error: measuring on would measure something else.
fn truth(photo: &Path) -> Result<Option<Truth>> {
    let path = photo.with_extension("truth.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    let truth = Truth::parse(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    if !truth.unknown_fields.is_empty() {
        complain(&format!("{}: not scored, no such fields: {}", path.display(), truth.unknown_fields.join(", ")));
    }
    Ok(Some(truth))
}

fn judge(labelled: &Labelled, worked: &Worked, policy: &Policy) -> CaseScore {
    let truth = labelled.truth.as_ref();
    let Record { evidence, verdict, .. } = &worked.record;
    let photos: Vec<_> = evidence.readings.iter().map(|r| score(&labelled.name, r, truth)).collect();
    let decisive = |kind| policy.kind(kind).map_or(&[][..], |rules| &rules.decisive);
    CaseScore {
        set: labelled.set.clone(),
        misread: photos.iter().zip(&evidence.readings).any(|(photo, r)| photo.misreads(decisive(r.kind))),
        photos,
        genuine: truth.and_then(Truth::is_untouched),
        attack: truth.and_then(|t| t.attack_told().map(str::to_owned)),
        chain: truth.and_then(|t| t.chain.clone()),
        decision: verdict.decision,
        reasons: verdict.reasons.iter().map(|r| r.code.clone()).collect(),
        held_by: verdict.held_by().map(str::to_owned).collect(),
        features: match (&evidence.readings[..], &verdict.findings[..]) {
            ([reading], [findings]) => Some(pipeline::features(reading, findings)),
            _ => None,
        },
        risk_ppm: verdict.risk.as_ref().map(|risk| risk.probability_ppm),
        risk_limit_ppm: verdict.risk.as_ref().and_then(|risk| risk.limit_ppm),
        failed: worked.failed.clone(),
        stages: worked.timing.0.clone(),
        wall_us: worked.wall_us,
    }
}

fn misses(score: &CaseScore, worked: &Worked) -> Vec<Miss> {
    let read = worked.record.evidence.readings.iter().zip(&worked.pictures);
    let photos = score.photos.iter().zip(read);
    photos.flat_map(|(photo, (reading, pictures))| gallery::cut(photo, reading, pictures.as_ref())).collect()
}

/// The most memory this process ever held, where the system tells (Linux).
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn folders_are_sets_and_lend_their_claim() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["bills", "claims/one"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for name in ["bills/a.jpg", "bills/b.png", "claims/one/1.jpg", "top.jpg"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        fs::write(dir.path().join("claims/one/claim.json"), r#"{"id":"one"}"#).unwrap();
        fs::write(dir.path().join("bills/a.truth.json"), r#"{"fields":{"total":"1.00"},"genuine":true}"#).unwrap();
        let found = collect(dir.path()).unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|l| (l.set.as_str(), l.name.as_str(), l.case.claim.is_some(), l.truth.is_some()))
            .collect();
        let top = dir.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(
            seen,
            [
                ("bills", "bills/a.jpg", false, true),
                ("bills", "bills/b.png", false, false),
                ("claims/one", "claims/one/1.jpg", true, false),
                (top, "top.jpg", false, false),
            ]
        );
    }

    #[test]
    fn a_broken_truth_stops_the_measurement() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.jpg"), b"x").unwrap();
        fs::write(dir.path().join("a.truth.json"), "{").unwrap();
        assert!(collect(dir.path()).is_err());
    }
}
