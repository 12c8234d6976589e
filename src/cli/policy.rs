//! `policy`: look at and check the rules decisions are made by.

use super::places::{policy_or_default, read_policy};
use super::serve::{existing_records, on_runtime};
use super::{Ending, Format, PlaceArgs, complain, usage};
use crate::decision::Policy;
use crate::models::{Certificate, PREVALENCE_PPM, RiskModel};
use crate::service::{BacktestReport, Change};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// Check or show a decision policy
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  claimlens policy show > mine.toml              start from the built-in policy
  claimlens policy check mine.toml
  claimlens policy backtest mine.toml            what it would have decided of everything recorded
  claimlens verify bills/ --policy mine.toml")]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say whether a policy file is valid, with every fault it has
    Check {
        /// The policy file
        file: PathBuf,
    },
    /// Decide everything recorded again by a policy, and tell in figures what would change. Nothing is altered
    Backtest {
        /// The policy file
        file: PathBuf,
        #[command(flatten)]
        place: PlaceArgs,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print a policy, after it as comments the bound on wrong approvals that was earned, and on standard error its SHA-256;
    /// the built-in one if none is named
    Show {
        /// The policy file
        file: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: &PolicyArgs) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    match &args.command {
        PolicyCommand::Check { file } => {
            let text = std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
            match Policy::parse(&text) {
                Ok(policy) => {
                    writeln!(out, "{} is valid\nsha256 {}", file.display(), policy.hash)?;
                    Ok(Ending::Done)
                }
                Err(faults) => {
                    writeln!(out, "{}: {faults}", file.display())?;
                    Ok(Ending::NotAll)
                }
            }
        }
        PolicyCommand::Backtest { file, place, format } => {
            let policy = read_policy(file)?;
            let report = on_runtime(async {
                let records = existing_records(&place.place()?).await?;
                let report = records.backtest(policy).await?;
                records.close().await;
                Ok(report)
            })?;
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
                Format::Text => out.write_all(told(&report).as_bytes())?,
            }
            Ok(if report.failed == 0 { Ending::Done } else { Ending::NotAll })
        }
        PolicyCommand::Show { file } => {
            let policy = policy_or_default(file.as_deref())?;
            write!(out, "{}", policy.text())?;
            for line in earned(&policy) {
                writeln!(out, "# {line}")?;
            }
            complain(&format!("sha256 {}", policy.hash));
            Ok(Ending::Done)
        }
    }
}

/// A backtest for people: what changes first, what stays the same left out.
fn told(report: &BacktestReport) -> String {
    let BacktestReport { decisions, approved, newly_approved, newly_held, amount_approved_fen: amount, .. } = report;
    let yuan = |fen: u64| format!("{}.{:02}", fen / 100, fen % 100);
    let mut out = format!(
        "{decisions} decisions judged by {:.12}\n\
         approved            {} → {} ({newly_approved} newly approved, {newly_held} newly held)\n\
         amount approved     {} → {}\n",
        report.policy,
        approved.before,
        approved.after,
        yuan(amount.before),
        yuan(amount.after),
    );
    for (title, changes) in [("approved, by kind", &report.approved_by_kind), ("claims with reason", &report.reasons)] {
        let changed: Vec<_> = changes.iter().filter(|(_, c)| c.before != c.after).collect();
        if !changed.is_empty() {
            out += &format!("{title}\n");
        }
        for (name, Change { before, after }) in changed {
            out += &format!("  {name:<32} {before} → {after}\n");
        }
    }
    let earned = &report.guarantee["earned"]["bound"];
    out += &match earned.as_f64() {
        Some(bound) => format!("bound it would run at: {:.0} wrong approvals in a million (95 %)\n", bound * 1e6),
        None => {
            "no bound on wrong approvals was earned that keeps to its limit: nothing would be approved\n".to_owned()
        }
    };
    if report.failed > 0 {
        out += &format!("{} decisions could not be judged: their records are damaged\n", report.failed);
    }
    out
}

/// What the certificate says to a policy's limit on wrong approvals, in lines.
fn earned(policy: &Policy) -> Vec<String> {
    let (model, certificate) = (RiskModel::in_force(), Certificate::in_force());
    let limit = policy.wrong_approvals_ppm();
    let mut lines = vec![
        String::new(),
        format!(
            "Earned on {} by the risk model {:.12}, on painted specimens no fit had seen:",
            certificate.date, model.hash
        ),
    ];
    let Some(step) = certificate.step(model, limit) else {
        lines.push(format!("no step keeps to {limit} wrong approvals in a million, so nothing is approved."));
        return lines;
    };
    let through = 100.0 * step.approved as f64 / step.genuine.max(1) as f64;
    lines.push(format!(
        "at most {:.0} wrong approvals in a million (95 %), if 1 in {} papers is altered; the policy allows {limit}.",
        step.bound() * 1e6,
        1_000_000 / PREVALENCE_PPM
    ));
    lines.push(format!(
        "{} of {} genuine let through ({through:.0} %), {} of them misread; {} of {} altered let through.",
        step.approved, step.genuine, step.misread, step.missed, step.altered
    ));
    let at = certificate.steps.iter().position(|s| s == step).unwrap_or(0);
    for (name, family) in &certificate.families {
        lines.push(format!("  {name}: {} of {} let through", family.missed.get(at).copied().unwrap_or(0), family.n));
    }
    lines
}
