//! `replay`: decide again from recorded evidence; the answer must be the same, byte for byte.

use super::places::read_policy;
use super::serve::{existing_records, load_reader, on_runtime};
use super::show::{Paint, many};
use super::{Ending, EngineArgs, Format, PlaceArgs, usage};
use crate::domain::{ClaimId, Decision, Record};
use crate::service::replay::variants::digest;
use crate::service::replay::{ReplayFrom, ReplayOf, ReplayReport, replay_records};
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Decide recorded claims again and tell what differs
#[derive(Debug, Args)]
#[command(
    after_help = "From evidence, the recorded policy must give the same bytes again, on any machine. From photos the same
build on the same class of processor must; another one may differ in confidences by one hundredth, and in no value and
no decision. What was held and would now be approved is always a fault. With --policy it shows what another
policy would have decided; differences are then the answer and no fault.

Examples:
  claimlens replay --all
  claimlens replay clm_06aphnm2vqs6b0m3c5n0u0k4ts
  claimlens replay --all --from photos           read the kept photos again
  claimlens replay --all --policy stricter.toml
  claimlens replay --records golden/ --variants 100000

Exit status: 0 every decision came out the same, 1 one did not, 2 wrong usage."
)]
pub struct ReplayArgs {
    /// Claims to decide again; --all for every one
    #[arg(value_name = "CLAIM", conflicts_with = "all")]
    claims: Vec<String>,
    /// Every recorded decision
    #[arg(long)]
    all: bool,
    /// Start from what was read, or read the kept photos again
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// Decide again the records in this folder, as `verify --records` writes them, by the policies beside them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["claims", "all", "from", "policy"])]
    records: Option<PathBuf>,
    /// Bend the evidence of these records into so many variants, always the same ones, decide them all, and print one
    /// digest over the verdicts: it is the same on every machine
    #[arg(long, value_name = "N", requires = "records")]
    variants: Option<u64>,
    /// Decide by this policy instead of the recorded one
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum From {
    /// What was read and looked up
    #[default]
    Evidence,
    /// The photos: the readings must come out the same
    Photos,
}

/// Runs the command.
pub fn run(args: &ReplayArgs) -> Result<Ending> {
    if let Some(dir) = &args.records {
        return of_files(dir, args.variants, args.format);
    }
    if args.claims.is_empty() && !args.all {
        return Err(usage("name the claims to decide again, or give --all for every recorded one"));
    }
    let from = match (&args.policy, args.from) {
        (Some(_), From::Photos) => return Err(usage("--policy decides again on evidence, not on photos")),
        (Some(policy), From::Evidence) => ReplayFrom::Policy(Box::new(read_policy(policy)?)),
        (None, From::Photos) => ReplayFrom::Photos(load_reader(args.engines.reader())),
        (None, From::Evidence) => ReplayFrom::Evidence,
    };
    let claims = args.claims.iter().map(|c| c.parse().map_err(|_| usage(format!("{c:?} is no claim's name"))));
    let claims: Vec<ClaimId> = claims.collect::<Result<_>>()?;
    let of = if args.all { ReplayOf::All } else { ReplayOf::Claims(claims) };
    let report = on_runtime(async {
        let records = existing_records(&args.place.place()?).await?;
        let report = records.replay(&of, &from).await?;
        records.close().await;
        Ok(report)
    })?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Format::Text => out.write_all(text(&report, Paint::for_stdout()).as_bytes())?,
    }
    // What another policy would do is no fault, whatever it is.
    let same = args.policy.is_some() || report.differing.is_empty();
    Ok(if same && report.undecided.is_empty() && report.erased.is_empty() { Ending::Done } else { Ending::NotAll })
}

/// Records out of a folder, decided again or in variants.
fn of_files(dir: &Path, variants: Option<u64>, format: Format) -> Result<Ending> {
    let (mut records, mut policies) = (Vec::new(), HashMap::new());
    let read_dir = std::fs::read_dir(dir).map_err(|e| usage(format!("{}: {e}", dir.display())))?;
    let mut paths = read_dir.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match path.extension().and_then(|e| e.to_str()) {
            Some("json") => records.push((name, std::fs::read(&path)?)),
            Some("toml") => {
                let policy = read_policy(&path)?;
                policies.insert(policy.hash.to_string(), Arc::new(policy));
            }
            _ => {}
        }
    }
    if records.is_empty() {
        return Err(usage(format!("no records in {}", dir.display())));
    }
    let mut out = std::io::stdout().lock();
    if let Some(variants) = variants {
        let parsed = records.iter().map(|(name, bytes)| {
            serde_json::from_slice(bytes).map_err(|e| usage(format!("{name}.json is no record: {e}")))
        });
        let parsed: Vec<Record> = parsed.collect::<Result<_>>()?;
        let [policy] = policies.values().collect::<Vec<_>>()[..] else {
            return Err(usage(format!("one policy, HASH.toml, is needed in {}", dir.display())));
        };
        let decisions = many(variants, "decision", "decisions");
        writeln!(out, "{decisions}, sha256 {}", digest(&parsed, policy, variants))?;
        return Ok(Ending::Done);
    }
    let report = replay_records(&records, |hash| policies.get(hash).cloned());
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Format::Text => out.write_all(text(&report, Paint::for_stdout()).as_bytes())?,
    }
    Ok(if report.differing.is_empty() { Ending::Done } else { Ending::NotAll })
}

fn text(report: &ReplayReport, paint: Paint) -> String {
    let mut out = String::new();
    let decision = |d: Option<Decision>| d.map_or("nothing", Decision::as_str);
    for d in &report.differing {
        let flipped = (d.was, d.now) == (Some(Decision::HumanReview), Some(Decision::AutoApprove));
        let change = match (d.was, d.now) {
            (was, now) if now.is_some() && was != now => format!("{} → {}", decision(was), decision(now)),
            (was, _) => format!("decided as {}", decision(was)),
        };
        let mark = if flipped { paint.red("✗ held, and would now be approved:") } else { paint.yellow("≠") };
        out += &format!("{mark} {}: {change}\n", d.claim);
        for difference in &d.differences {
            out += &format!("    {difference}\n");
        }
    }
    for claim in &report.erased {
        out += &format!("{} {claim}: erased; nothing is left to decide again\n", paint.yellow("?"));
    }
    for claim in &report.undecided {
        out += &format!("{} {claim}: no decision is recorded\n", paint.yellow("?"));
    }
    let checked = many(report.checked, "decision", "decisions");
    let mut line = format!("{} of {checked} came out identical\n", report.identical);
    if report.within_tolerance > 0 {
        line += &format!("{} more, of another build or processor, within the tolerance\n", report.within_tolerance);
    }
    if report.fields > 0 {
        line += &format!("{} of {} read the same\n", report.fields_equal, many(report.fields, "field", "fields"));
    }
    if report.flips_to_approval > 0 {
        let flips = many(report.flips_to_approval, "was held", "were held");
        line += &format!("{flips} and would now be approved\n");
    }
    let all = report.identical + report.within_tolerance == report.checked;
    out + &if all { paint.green(&line) } else { paint.yellow(&line) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::replay::Differing;

    #[test]
    fn what_differs_is_told_with_its_place() {
        let report = ReplayReport {
            checked: 2,
            identical: 1,
            differing: vec![Differing {
                claim: "clm_1".to_owned(),
                was: Some(Decision::AutoApprove),
                now: Some(Decision::HumanReview),
                differences: vec!["verdict.reasons[0].code".to_owned()],
            }],
            undecided: vec!["clm_2".to_owned()],
            erased: vec!["clm_3".to_owned()],
            ..ReplayReport::default()
        };
        let text = text(&report, Paint(false));
        assert_eq!(
            text,
            "≠ clm_1: auto_approve → human_review\n    verdict.reasons[0].code\n? clm_3: erased; nothing is left to \
             decide again\n? clm_2: no decision is recorded\n\
             1 of 2 decisions came out identical\n"
        );
    }
}
