//! `audit witness`: keep checkpoints of a log where the keeper of its records cannot write.

use super::audit::read_key;
use super::show::many;
use super::{Ending, SecretText, usage};
use crate::audit::keys::{Keys, ShownEntry, follow};
use crate::audit::merkle;
use crate::audit::note::{PublicKey, Root, from_base64};
use crate::domain::ContentHash;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Take the checkpoint of a running service and keep it, if the log only grew since the one kept before
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on a machine that those who run the service cannot write to. A checkpoint that does not continue the
one kept is written beside it, as FILE.rejected: two states signed by one key that do not agree prove that the log was
rewritten. The kept one stays.

Exit status: 0 kept, 1 not kept (the log was rewritten or put back, or does not answer), 2 wrong usage."
)]
pub struct WitnessArgs {
    /// Address of the service
    #[arg(long, value_name = "URL")]
    url: String,
    /// The log's public key, taken once with `audit key` or from /v1/audit/key. After a change of the key it serves as
    /// well
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// An API key of the service, if it asks for one: any role will do. Best given by the environment
    #[arg(long, value_name = "KEY", env = "CLAIMLENS_API_KEY", hide_env_values = true)]
    api_key: Option<SecretText>,
    /// The checkpoint kept; made the first time
    #[arg(long, value_name = "FILE")]
    keep: PathBuf,
    /// Go on, and look again after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
}

/// Runs the command.
pub fn run(args: &WitnessArgs) -> Result<Ending> {
    let key = read_key(&args.key)?;
    loop {
        let ending = match look(args, &key) {
            Ok(told) => {
                println_now(&told)?;
                Ending::Done
            }
            Err(e) => {
                eprintln!("not kept: {e:#}");
                Ending::NotAll
            }
        };
        match args.every {
            None => return Ok(ending),
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
        }
    }
}

fn println_now(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[derive(Deserialize)]
struct Consistency {
    hashes: Vec<String>,
}

#[derive(Deserialize)]
struct Shown {
    checkpoint: String,
    keys: Vec<ShownEntry>,
}

fn look(args: &WitnessArgs, key: &PublicKey) -> Result<String> {
    let base = args.url.trim_end_matches('/');
    let service = Service { base, api_key: args.api_key.as_ref() };
    let (note, now, keys) = newest(&service, key)?;
    let kept = match std::fs::read_to_string(&args.keep) {
        Ok(note) => {
            let opened = key.open(&note).or_else(|e| keys.open(&note).ok_or(e));
            Some(opened.map_err(|e| usage(format!("{}: {e}", args.keep.display())))?)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(usage(format!("{}: {e}", args.keep.display()))),
    };
    if let Some(kept) = &kept {
        let rejected = |why: &str| -> Result<()> {
            let beside = args.keep.with_added_extension("rejected");
            write(&beside, &note)?;
            let entries = many(kept.size, "entry", "entries");
            bail!("{why}: the log had {entries} and now has {}; see {}", now.size, beside.display())
        };
        if now.size < kept.size {
            rejected("the log was put back or cut")?;
        }
        if !grew(&service, kept, &now)? {
            rejected("the log was rewritten")?;
        }
    }
    write(&args.keep, &note)?;
    Ok(format!("kept {} at {}", now.origin, many(now.size, "entry", "entries")))
}

/// The service that is asked.
struct Service<'a> {
    base: &'a str,
    api_key: Option<&'a SecretText>,
}

/// The service's checkpoint, opened, and the changes of its key since the one noted.
fn newest(service: &Service<'_>, key: &PublicKey) -> Result<(String, Root, Keys)> {
    let note = service.fetch("/v1/audit/checkpoint")?;
    if let Ok(now) = key.open(&note) {
        return Ok((note, now, Keys::default()));
    }
    let shown: Shown = serde_json::from_str(&service.fetch("/v1/audit/keys")?).context("the keys are malformed")?;
    let (now, keys) = follow(key, &shown.keys, &shown.checkpoint)
        .context("the service's checkpoint is not signed by the key noted, nor by one that it leads to")?;
    Ok((shown.checkpoint, now, keys))
}

fn grew(service: &Service<'_>, kept: &Root, now: &Root) -> Result<bool> {
    let (old, new) = (kept.size, now.size);
    let proof = service.fetch(&format!("/v1/audit/consistency?old={old}&new={new}"))?;
    let proof: Consistency = serde_json::from_str(&proof).context("the proof is malformed")?;
    let hashes: Option<Vec<ContentHash>> = proof.hashes.iter().map(|text| from_base64(text)).collect();
    Ok(hashes.is_some_and(|hashes| merkle::continues((old, kept.root), (new, now.root), &hashes)))
}

impl Service<'_> {
    fn fetch(&self, path: &str) -> Result<String> {
        let url = format!("{}{path}", self.base);
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let mut request = agent.get(&url);
        if let Some(SecretText(key)) = self.api_key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut answer = request.call().with_context(|| url.clone())?;
        Ok(answer.body_mut().read_to_string()?)
    }
}

/// Replaces a file as a whole, on the disk before this returns.
fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = path.with_added_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    Ok(std::fs::File::open(folder)?.sync_all()?)
}
