//! `audit`: hold the log and everything it commits to against each other.

use super::serve::{existing_records, on_runtime};
use super::show::Paint;
use super::{Ending, Format, usage};
use crate::audit::Checkpoint;
use crate::domain::ClaimId;
use crate::service::{AuditReport, ServiceError};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Verify the audit log, or print its head to keep elsewhere
#[derive(Debug, Args)]
#[command(
    after_help = "A log that continues a head noted elsewhere was not altered up to there. Without a noted head, a log
rewritten from its start verifies as well: note heads where the records cannot be written.

Examples:
  claimlens audit verify
  claimlens audit checkpoint > head.json
  claimlens audit verify --checkpoint head.json

Exit status: 0 everything holds, 1 something does not (every fault is located), 2 wrong usage."
)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Recompute the chain, every record, every claim and every photo's hash
    Verify {
        #[command(flatten)]
        place: DataArgs,
        /// Also check that the log continues this head, noted earlier with `audit checkpoint`
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List approvals that share a picture, a number, content or the issuer with a claim, newest first, one JSON a line
    Related {
        #[command(flatten)]
        place: DataArgs,
        /// Name of the claim here, such as one of which a paper turned out to be forged
        #[arg(long, value_name = "ID")]
        claim: ClaimId,
        /// List at most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Only claims older than this one: the last of the page before
        #[arg(long, value_name = "ID")]
        before: Option<ClaimId>,
    },
    /// Print the log's size and the hash of its head, as JSON
    Checkpoint {
        #[command(flatten)]
        place: DataArgs,
    },
}

#[derive(Debug, Args)]
struct DataArgs {
    /// Where the records are
    #[arg(long, value_name = "DIR", default_value = "data", env = "CLAIMLENS_DATA")]
    data: PathBuf,
}

/// Runs the command.
pub fn run(args: &AuditArgs) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    match &args.command {
        AuditCommand::Verify { place, checkpoint, format } => {
            let noted = checkpoint.as_deref().map(read_checkpoint).transpose()?;
            let report = on_runtime(async {
                let records = existing_records(&place.data).await?;
                let report = records.audit_verify(noted.as_ref()).await?;
                records.close().await;
                Ok(report)
            })?;
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
                Format::Text => out.write_all(text(&report, Paint::for_stdout()).as_bytes())?,
            }
            Ok(if report.faults.is_empty() { Ending::Done } else { Ending::NotAll })
        }
        AuditCommand::Related { place, claim, limit, before } => {
            let (related, next) = on_runtime(async {
                let records = existing_records(&place.data).await?;
                let page = records.related(claim, before.as_ref(), *limit).await.map_err(|e| match e {
                    ServiceError::NotFound => usage(format!("there is no claim {claim}")),
                    other => other.into(),
                })?;
                records.close().await;
                Ok(page)
            })?;
            for one in &related {
                writeln!(out, "{}", serde_json::to_string(one)?)?;
            }
            if let Some(next) = next {
                eprintln!("there are more: go on with --before {next}");
            }
            Ok(Ending::Done)
        }
        AuditCommand::Checkpoint { place } => {
            let head = on_runtime(async {
                let records = existing_records(&place.data).await?;
                let head = records.audit_checkpoint().await?;
                records.close().await;
                Ok(head)
            })?;
            writeln!(out, "{}", serde_json::to_string(&head)?)?;
            Ok(Ending::Done)
        }
    }
}

fn read_checkpoint(path: &Path) -> Result<Checkpoint> {
    let text = std::fs::read_to_string(path).map_err(|e| usage(format!("{}: {e}", path.display())))?;
    serde_json::from_str(&text).map_err(|e| usage(format!("{} is no noted head: {e}", path.display())))
}

fn text(report: &AuditReport, paint: Paint) -> String {
    let mut out = String::new();
    for fault in &report.faults {
        out += &format!("{} {fault}\n", paint.red("✗"));
    }
    out += &format!(
        "{} log entries, {} claims, {} decisions, {} photos checked\n",
        report.entries, report.claims, report.decisions, report.photos
    );
    if let Some(head) = &report.head {
        out += &paint.dim(&format!("head {} at {}\n", head.hash, head.size));
    }
    out + &match report.faults.len() {
        0 => paint.green("everything holds\n"),
        1 => paint.red("1 fault\n"),
        n => paint.red(&format!("{n} faults\n")),
    }
}
