//! `audit`: hold the log and everything it commits to against each other.

use super::places::actor;
use super::serve::{existing_records, of_records, on_runtime};
use super::show::{Paint, many};
use super::witness::WitnessArgs;
use super::{Ending, Format, PlaceArgs, complain, usage};
use crate::audit::note::PublicKey;
use crate::domain::{ClaimId, Decision, Scope};
use crate::service::{AuditReport, Noted, ReadOf, ServiceError};
use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Verify the audit log, prove what is in it, or keep watch over it from elsewhere
#[derive(Debug, Args)]
#[command(
    after_help = "A log that continues a checkpoint noted elsewhere was not altered up to there. Without one, an older state
put back as a whole verifies as well, and so does a log rewritten by somebody who has its key: keep checkpoints and the
public key where the records cannot be written, or let `audit witness` do so.

Examples:
  claimlens audit verify
  claimlens audit key > log.pub
  claimlens audit checkpoint > head.note
  claimlens audit verify --key log.pub --checkpoint head.note
  claimlens audit prove --entry 17 > entry.tlog-proof
  claimlens audit export --claim clm_… > claim.pack.json
  claimlens audit export --tiles mirror/
  claimlens audit rotate-key > new.pub
  claimlens audit witness --url http://127.0.0.1:8080 --key log.pub --keep head.note

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
        place: PlaceArgs,
        /// Also check that the log continues this one, noted earlier with `audit checkpoint`
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The log's public key, noted earlier with `audit key`, instead of the one it now says is its own
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List approvals that share a picture, a number, content, the camera or the issuer with a claim, newest first, one
    /// JSON a line
    Related {
        #[command(flatten)]
        place: PlaceArgs,
        /// Name of the claim here, such as one of which a paper turned out to be forged
        #[arg(long, value_name = "ID")]
        claim: ClaimId,
        /// Claims that went to a person too
        #[arg(long)]
        all: bool,
        /// List at most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Only claims older than this one: the last of the page before
        #[arg(long, value_name = "ID")]
        before: Option<ClaimId>,
        /// Who looks, for the audit log: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// List who read what of a claim, the first one first, one JSON a line
    Reads {
        #[command(flatten)]
        place: PlaceArgs,
        /// Name of the claim here
        #[arg(long, value_name = "ID")]
        claim: ClaimId,
    },
    /// Print the signed state of the log, as a C2SP checkpoint
    Checkpoint {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Print the public key of the log
    Key {
        #[command(flatten)]
        place: PlaceArgs,
        /// Print every key it had, each with the entry from which on it signs
        #[arg(long)]
        history: bool,
    },
    /// Change the log's key: the old one signs the new one in an entry of the log, and is then gone. Running services
    /// take the new one up by themselves
    RotateKey {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Print the proof that an entry is in the log, as a C2SP tlog-proof
    Prove {
        #[command(flatten)]
        place: PlaceArgs,
        /// Number of the entry, from 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        entry: u64,
    },
    /// Hand out what proves something: of one claim to whoever may see it, or the whole log without personal data
    #[command(
        group = ArgGroup::new("what").required(true).args(["claim", "tiles"]),
        after_help = "--claim prints one JSON, the evidence pack: the claim, its decisions, what people did with it, and of each
the proof that it is in the log. It holds personal data, and that it was taken is logged. The names of photos
that it tells are those under photos/ in the data folder.

--tiles writes the log alone, as files that any web server can offer (C2SP tlog-tiles): hashes, no personal data.

Examples:
  claimlens audit export --claim clm_… --by au-1 > claim.pack.json
  claimlens audit key > log.pub && python3 tests/verify_pack.py claim.pack.json log.pub
  claimlens audit export --tiles mirror/"
    )]
    Export {
        #[command(flatten)]
        place: PlaceArgs,
        /// Print the evidence pack of this claim: its name here, clm_…, as `GET /v1/claims` and the workbench tell it
        #[arg(long, value_name = "ID")]
        claim: Option<ClaimId>,
        /// Write the log as static files into this folder: tiles, entries, and the checkpoint last
        #[arg(long, value_name = "DIR", conflicts_with = "by")]
        tiles: Option<PathBuf>,
        /// Who takes the pack, for the audit log: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Take the checkpoint of a running service and keep it, if the log only grew since the one kept before
    Witness(WitnessArgs),
}

/// Runs the command.
pub fn run(args: &AuditArgs) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    match &args.command {
        AuditCommand::Verify { place, checkpoint, key, format } => {
            let noted = Noted {
                note: checkpoint.as_deref().map(read).transpose()?,
                key: key.as_deref().map(read_key).transpose()?,
            };
            let report = on_runtime(async {
                let records = existing_records(&place.place()?).await?;
                let report = records.audit_verify(&noted).await?;
                records.close().await;
                Ok(report)
            })?;
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
                Format::Text => out.write_all(text(&report, Paint::for_stdout()).as_bytes())?,
            }
            Ok(if report.faults.is_empty() && report.locked == 0 { Ending::Done } else { Ending::NotAll })
        }
        AuditCommand::Related { place, claim, all, limit, before, by } => {
            let decided = (!all).then_some(Decision::AutoApprove);
            let actor = actor(by.as_deref())?;
            let (related, next) = on_runtime(async {
                let records = existing_records(&place.place()?).await?;
                let page = records.related(&Scope::All, claim, decided, before.as_ref(), *limit).await.map_err(
                    |e| match e {
                        ServiceError::NotFound => usage(format!("there is no claim {claim}")),
                        other => other.into(),
                    },
                )?;
                records.log_read(&actor, ReadOf::Related, std::slice::from_ref(claim)).await?;
                records.close().await;
                Ok(page)
            })?;
            for one in &related {
                writeln!(out, "{}", serde_json::to_string(one)?)?;
            }
            if related.is_empty() && !all {
                complain("no approval shares anything with it; --all looks at claims that went to a person too");
            }
            if let Some(next) = next {
                eprintln!("there are more: go on with --before {next}");
            }
            Ok(Ending::Done)
        }
        AuditCommand::Checkpoint { place } => {
            let (note, _) = of_records(place, async |records| Ok(records.audit_checkpoint().await?))?;
            out.write_all(note.as_bytes())?;
            Ok(Ending::Done)
        }
        AuditCommand::Key { place, history: false } => {
            let (_, key) = of_records(place, async |records| Ok(records.audit_checkpoint().await?))?;
            writeln!(out, "{key}")?;
            Ok(Ending::Done)
        }
        AuditCommand::Key { place, history: true } => {
            let (key, rotations) = of_records(place, async |records| {
                Ok((records.audit_checkpoint().await?.1, records.key_rotations().await?))
            })?;
            let first = rotations.first().map_or(&key, |rotation| &rotation.old);
            writeln!(out, "from entry 1, when the log was made: {first}")?;
            for rotation in &rotations {
                writeln!(out, "from entry {}, {}: {}", rotation.entry, rotation.at, rotation.new)?;
            }
            Ok(Ending::Done)
        }
        AuditCommand::RotateKey { place } => {
            let key = of_records(place, async |records| Ok(records.rotate_key().await?))?;
            writeln!(out, "{key}")?;
            complain("note the new public key where the records cannot be written; the old one goes on serving");
            Ok(Ending::Done)
        }
        AuditCommand::Reads { place, claim } => {
            for read in of_records(place, async |records| Ok(records.reads_of(claim).await?))? {
                writeln!(out, "{}", serde_json::to_string(&read)?)?;
            }
            Ok(Ending::Done)
        }
        AuditCommand::Prove { place, entry } => {
            let proof = of_records(place, async |records| Ok(records.proof(*entry).await?))?;
            let proof = proof.ok_or_else(|| usage(format!("there is no entry {entry}")))?;
            out.write_all(proof.to_string().as_bytes())?;
            Ok(Ending::Done)
        }
        AuditCommand::Export { place, tiles: Some(dir), .. } => {
            let files = of_records(place, async |records| {
                Ok(records.tiles(|path, bytes| write_tile(dir, path, bytes)).await?)
            })?;
            writeln!(out, "{} in {}", many(files, "file", "files"), dir.display())?;
            Ok(Ending::Done)
        }
        AuditCommand::Export { place, claim: Some(claim), by, .. } => {
            let actor = actor(by.as_deref())?;
            let pack = of_records(place, async |records| {
                let pack = records.evidence_pack(claim).await.map_err(|e| match e {
                    ServiceError::NotFound => usage(format!("there is no claim {claim}")),
                    other => other.into(),
                })?;
                records.log_read(&actor, ReadOf::Evidence, std::slice::from_ref(claim)).await?;
                Ok(pack)
            })?;
            writeln!(out, "{}", serde_json::to_string_pretty(&pack)?)?;
            Ok(Ending::Done)
        }
        AuditCommand::Export { .. } => Err(usage("name a --claim, or a folder for --tiles")),
        AuditCommand::Witness(args) => super::witness::run(args),
    }
}

/// Writes one file of the log, unless it is there already: a mirror is not written anew as a whole.
fn write_tile(dir: &Path, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    let file = dir.join(path);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if std::fs::read(&file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::write(file, bytes)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| usage(format!("{}: {e}", path.display())))
}

/// Reads a public key.
pub(super) fn read_key(path: &Path) -> Result<PublicKey> {
    read(path)?.parse().map_err(|e| usage(format!("{}: {e}", path.display())))
}

fn text(report: &AuditReport, paint: Paint) -> String {
    let mut out = String::new();
    for fault in &report.faults {
        out += &format!("{} {fault}\n", paint.red("✗"));
    }
    let checked = [
        many(report.entries, "log entry", "log entries"),
        many(report.claims, "claim", "claims"),
        many(report.decisions, "decision", "decisions"),
        many(report.photos, "photo", "photos"),
    ];
    out += &format!("{} checked\n", checked.join(", "));
    if report.erased > 0 {
        let erased = many(report.erased, "of the claims was", "of the claims were");
        out += &format!("{erased} erased: what is left was checked\n");
    }
    if report.locked > 0 {
        out += &format!(
            "{} of the claims could not be opened without the key-encryption key: the sealed bytes alone were checked\n",
            report.locked
        );
    }
    match report.unreferenced {
        Some(0) => {}
        Some(1) => out += "1 file among the photos is named by no record\n",
        Some(n) => out += &format!("{n} files among the photos are named by no record\n"),
        None => out += "files among the photos that no record names were not counted\n",
    }
    if let Some(head) = &report.head {
        out += &paint.dim(&format!("head {} at {}\n", head.hash, head.size));
    }
    out + &match report.faults.len() {
        0 if report.locked > 0 => paint.yellow("what could be checked holds\n"),
        0 => paint.green("everything holds\n"),
        1 => paint.red("1 fault\n"),
        n => paint.red(&format!("{n} faults\n")),
    }
}
