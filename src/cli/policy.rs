//! `policy`: look at and check the rules decisions are made by.

use super::places::policy_or_default;
use super::{Ending, complain, usage};
use crate::decision::Policy;
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
    /// Print a policy, and its SHA-256 on standard error; the built-in one if none is named
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
            complain(&format!("sha256 {}", policy.hash));
            Ok(Ending::Done)
        }
    }
}
