//! `gate`: look at the gate of automatic approval, and open it again.

use super::places::read_policy;
use super::serve::{existing_records, on_runtime};
use super::{Ending, Format, PlaceArgs, usage};
use crate::domain::gate::{Gate, Reviewer, Why};
use crate::service::{GateRefusal, GateView, ServiceError};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// Look at the gate of automatic approval, or open it again
#[derive(Debug, Args)]
#[command(
    after_help = "The gate closes by itself when the approvals that people looked at were wrong too often for the policy's
limit, and stays closed until it is opened here or by POST /v1/gate/reopen. Either is logged with who and why.

Examples:
  claimlens gate status
  claimlens gate reopen --by rv-017 --why 'the two wrong ones were one clinic, which is looked at by hand now'

Exit status: 0 done, 1 it was open already, 2 wrong usage."
)]
pub struct GateArgs {
    #[command(subcommand)]
    command: GateCommand,
}

#[derive(Debug, Subcommand)]
enum GateCommand {
    /// Say whether it is open, and what is borne out
    Status {
        #[command(flatten)]
        place: GatePlaceArgs,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Open it again; outcomes recorded so far no longer count
    Reopen {
        #[command(flatten)]
        place: GatePlaceArgs,
        /// Who does: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why, on one line
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

#[derive(Debug, Args)]
struct GatePlaceArgs {
    #[command(flatten)]
    records: PlaceArgs,
    /// The policy whose limit counts, instead of the one in force
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &GateArgs) -> Result<Ending> {
    let (GateCommand::Status { place, .. } | GateCommand::Reopen { place, .. }) = &args.command;
    let given = place.policy.as_deref().map(read_policy).transpose()?;
    let order = match &args.command {
        GateCommand::Status { .. } => None,
        GateCommand::Reopen { by, why, .. } => Some((
            Reviewer::try_from(by.clone()).map_err(|e| usage(format!("--by {e}")))?,
            Why::try_from(why.clone()).map_err(|e| usage(format!("--why {e}")))?,
        )),
    };
    let outcome = on_runtime(async {
        let records = existing_records(&place.records.place()?).await?;
        let policy = match given {
            Some(policy) => policy,
            None => records.policy_in_force().await?.unwrap_or_default(),
        };
        let outcome = match &order {
            None => records.gate(&policy).await,
            Some((by, why)) => records.reopen_gate(by, why, &policy).await,
        };
        records.close().await;
        Ok(outcome)
    })?;
    let mut out = std::io::stdout().lock();
    let view = match outcome {
        Err(ServiceError::Gate(refusal @ GateRefusal::Open)) => {
            super::complain(&format!("nothing to do: {refusal}"));
            return Ok(Ending::NotAll);
        }
        other => other?,
    };
    match &args.command {
        GateCommand::Status { format: Format::Json, .. } => writeln!(out, "{}", serde_json::to_string(&view)?)?,
        _ => out.write_all(text(&view).as_bytes())?,
    }
    Ok(Ending::Done)
}

fn text(view: &GateView) -> String {
    let state = match view.state {
        Gate::Open => "open",
        Gate::Closed => "closed",
    };
    let since = view.since.as_ref().map(|at| format!(" since {at}")).unwrap_or_default();
    let mut out = format!("automatic approval is {state}{since}\n");
    out += &format!("{} outcomes count, {} of them wrong to approve\n", view.audited, view.wrong);
    let per_cent = |share: f64| format!("{:.3} %", share * 100.0);
    match view.bound {
        Some(bound) => {
            let (bound, limit) = (per_cent(bound), per_cent(view.limit));
            out += &format!("at most {bound} of approvals are wrong, at 95 %; the limit is {limit}\n");
        }
        None => out += "no measurement bears out the policy's limit, so nothing is approved\n",
    }
    if let (Gate::Open, Some(left)) = (view.state, view.outcomes_left) {
        out += &format!("it closes after {left} more outcomes at the earliest, all of them wrong\n");
    }
    for after in &view.closes_after {
        let share = per_cent(after.wrong_share);
        out += &match after.audits {
            Some(n) => format!("  at {share} wrong it closes after {n} audits from none on\n"),
            None => format!("  at {share} wrong it stays open\n"),
        };
    }
    out
}
