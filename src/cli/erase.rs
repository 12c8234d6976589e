//! `erase`: destroy what is known of claims.

use super::serve::{existing_records, on_runtime};
use super::{Ending, PlaceArgs, complain, usage};
use crate::domain::ClaimId;
use crate::domain::gate::{Reviewer, Why};
use crate::service::{Records, ServiceError};
use anyhow::Result;
use clap::Args;
use std::io::Write;

/// Erase claims: destroy the keys that their content is sealed with, and delete their photos
#[derive(Debug, Args)]
#[command(
    after_help = "What remains is that there was such a claim, when, how it was decided, and the audit log, which still
verifies. There is no way back, but for backups: they hold the claim until they are deleted. Who and why is kept and logged;
do not name the person in it.

Example:
  claimlens erase clm_06aphnm2vqs6b0m3c5n0u0k4ts --by dpo-1 --why 'request 2026-117'

Exit status: 0 erased, 1 not all could be, 2 wrong usage."
)]
pub struct EraseArgs {
    /// Names of the claims here
    #[arg(value_name = "CLAIM", required = true)]
    claims: Vec<ClaimId>,
    /// Who orders it: a short opaque name
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why, on one line
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the command.
pub fn run(args: &EraseArgs) -> Result<Ending> {
    let by = Reviewer::try_from(args.by.clone()).map_err(|e| usage(format!("--by {e}")))?;
    let why = Why::try_from(args.why.clone()).map_err(|e| usage(format!("--why {e}")))?;
    on_runtime(async {
        let records = existing_records(&args.place.place()?).await?;
        let ending = erase(&records, &args.claims, &by, &why).await;
        records.close().await;
        ending
    })
}

async fn erase(records: &Records, claims: &[ClaimId], by: &Reviewer, why: &Why) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    let (mut all, mut was_plain, mut finished) = (true, false, true);
    for id in claims {
        match records.erase(id, by, why).await {
            Ok(done) => {
                writeln!(out, "{id}: erased at {}", done.erased_at)?;
                was_plain |= done.was_plain;
                finished = done.finished;
            }
            Err(error @ (ServiceError::Erased | ServiceError::Erase(_))) => {
                complain(&format!("{id}: {error}"));
                all = false;
            }
            Err(ServiceError::NotFound) => {
                complain(&format!("{id}: there is no such claim"));
                all = false;
            }
            Err(other) => return Err(other.into()),
        }
    }
    if !finished {
        complain(
            "photos could not be deleted, or the database's files not be cleared yet; a running worker tries again",
        );
    }
    if was_plain {
        complain("some of it was not sealed: the database's files are written anew");
        if !records.rewrite_files().await? {
            complain("they could not be cleared of it wholly, since others were reading; a running worker tries again");
        }
    }
    Ok(if all && finished { Ending::Done } else { Ending::NotAll })
}
