//! `policy`: look at and check the rules decisions are made by.

use super::places::policy_or_default;
use super::{Ending, complain, usage};
use crate::decision::Policy;
use crate::models::{Certificate, PREVALENCE_PPM, RiskModel};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// Check or show a decision policy
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  claimlens policy show > mine.toml              start from the built-in policy
  claimlens policy check mine.toml
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
