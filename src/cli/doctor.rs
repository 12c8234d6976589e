//! `doctor`: what works, what is missing, and how to mend it.

use super::oidc::OidcArgs;
use super::reader as child;
use super::serve::on_runtime;
use super::show::{Paint, many};
use super::{Ending, EngineArgs, Format, PlaceArgs};
use crate::decision::Policy;
use crate::models::{MANIFEST, Manifest};
use crate::pipeline::{Inference, Reader};
use crate::service::sandbox::escapes::{ESCAPES, is_denied};
use crate::service::{PhotoPlace, Place, Records};
use crate::specimen::Fonts;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Say what works, what is missing, and how to mend it
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 everything needed is there, 1 something is missing.")]
pub struct DoctorArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    oidc: OidcArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Works.
    Ok,
    /// Works, but not as measured, or only specimens need it.
    Note,
    /// Missing or wrong; nothing can be decided.
    Missing,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Finding {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Ok, detail: detail.into(), mend: None }
    }

    fn note(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Note, detail: detail.into(), mend: Some(mend.into()) }
    }

    fn missing(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Missing, detail: detail.into(), mend: Some(mend.into()) }
    }
}

/// Runs the command.
pub fn run(args: &DoctorArgs) -> Result<Ending> {
    let mut findings = models(&args.engines);
    findings.push(tesseract());
    // Loading with a file missing would only say the same again.
    if findings.iter().all(|f| f.state != State::Missing) {
        findings.push(reader(&args.engines));
    }
    findings.push(sandbox());
    let place = args.place.place()?;
    findings.push(policy(&place));
    findings.push(data(&place));
    findings.push(seal(&place));
    findings.push(photos(&place));
    findings.push(access(&place));
    findings.push(sign_in(&args.oidc));
    findings.push(fonts());
    let missing = findings.iter().filter(|f| f.state == State::Missing).count();
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => {
            let report = serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"), "healthy": missing == 0, "findings": findings,
            });
            writeln!(out, "{report:#}")?;
        }
        Format::Text => out.write_all(text(&findings, missing, Paint::for_stdout()).as_bytes())?,
    }
    Ok(if missing == 0 { Ending::Done } else { Ending::NotAll })
}

fn text(findings: &[Finding], missing: usize, paint: Paint) -> String {
    let mut out = format!("claimlens {}\n\n", env!("CARGO_PKG_VERSION"));
    for f in findings {
        let mark = match f.state {
            State::Ok => paint.green("✓"),
            State::Note => paint.yellow("○"),
            State::Missing => paint.red("✗"),
        };
        out += &format!("{mark} {}: {}\n", paint.bold(&f.what), f.detail);
        if let Some(mend) = &f.mend {
            out += &format!("    → {mend}\n");
        }
    }
    out + &match missing {
        0 => paint.green("\neverything needed is there\n"),
        1 => paint.red("\n1 thing is missing; see the arrow\n"),
        n => paint.red(&format!("\n{n} things are missing; see the arrows\n")),
    }
}

const RESTORE_MODELS: &str =
    "restore models/ from the repository, or name the folder with --models or CLAIMLENS_MODELS";

fn models(engines: &EngineArgs) -> Vec<Finding> {
    let dir = engines.models_dir();
    let manifest = match Manifest::parse(&dir) {
        Ok(manifest) => manifest,
        Err(e) => {
            let what = format!("models ({})", dir.join(MANIFEST).display());
            return vec![Finding::missing(what, e.to_string(), RESTORE_MODELS), library(engines, None)];
        }
    };
    let mut out: Vec<Finding> = manifest
        .models()
        .iter()
        .map(|m| {
            let (what, path) = (format!("model {}", m.name), dir.join(&m.file));
            match m.verify(&path) {
                Ok(()) => Finding::ok(what, format!("{} ({})", m.version, path.display())),
                Err(e) => Finding::missing(what, e.to_string(), RESTORE_MODELS),
            }
        })
        .collect();
    out.push(library(engines, Some(&manifest)));
    out
}

fn library(engines: &EngineArgs, manifest: Option<&Manifest>) -> Finding {
    let what = "inference library";
    let path = match engines.inference() {
        Inference::F32(path) => path,
        Inference::Bf16(dir) => {
            return match manifest.map(|m| (m.bf16(), m.bf16().verify(&dir))) {
                Some((pinned, Ok(()))) => Finding::ok(what, format!("{} ({})", pinned.version, dir.display())),
                Some((_, Err(e))) => {
                    Finding::missing(what, e.to_string(), "run `make setup`, or choose --precision f32")
                }
                None => Finding::note(what, format!("{} (not checked)", dir.display()), "restore the models first"),
            };
        }
    };
    if !path.is_file() {
        let detail = format!("{} is not there", path.display());
        return Finding::missing(what, detail, "run `make setup`, or name yours with CLAIMLENS_ONNXRUNTIME");
    }
    match manifest.map(|m| (m.runtime(), m.runtime().verify(&path))) {
        Some((pinned, Ok(()))) => Finding::ok(what, format!("{} ({})", pinned.version, path.display())),
        Some((pinned, Err(_))) if engines.onnxruntime.is_some() => Finding::note(
            what,
            format!("{} is not the pinned {}", path.display(), pinned.version),
            "it may read slightly differently; measure with `make eval`",
        ),
        Some((_, Err(e))) => Finding::missing(what, e.to_string(), "delete it and run `make setup`"),
        None => Finding::note(what, format!("{} (not checked)", path.display()), "restore the models first"),
    }
}

/// The second reader's language data, where Debian, Fedora, Arch and a build from source put it.
fn tesseract() -> Finding {
    let mut places: Vec<PathBuf> = std::env::var_os("TESSDATA_PREFIX").map(PathBuf::from).into_iter().collect();
    if let Ok(versions) = std::fs::read_dir("/usr/share/tesseract-ocr") {
        places.extend(versions.flatten().map(|v| v.path().join("tessdata")));
    }
    places.extend(
        ["/usr/share/tessdata", "/usr/share/tesseract/tessdata", "/usr/local/share/tessdata"].map(PathBuf::from),
    );
    match places.iter().map(|p| p.join("eng.traineddata")).find(|p| p.is_file()) {
        Some(path) => Finding::ok("Tesseract language data", path.display().to_string()),
        None => Finding::missing(
            "Tesseract language data",
            "eng.traineddata is not in any of the usual places",
            "run `make setup`, or install tesseract-ocr-eng, or set TESSDATA_PREFIX",
        ),
    }
}

fn reader(engines: &EngineArgs) -> Finding {
    let config = engines.reader();
    match catch_unwind(|| Reader::load(&config).map(|r| r.runtime().to_owned())) {
        Ok(Ok(runtime)) => Finding::ok("reading", format!("all engines load ({runtime})")),
        Ok(Err(e)) => Finding::missing("reading", e.to_string(), "run `make setup`, then `claimlens doctor` again"),
        Err(_) => Finding::missing(
            "reading",
            "an engine failed while loading",
            "run `make setup`; if that changes nothing, report it",
        ),
    }
}

/// Starts a process that is locked in like those that decode and read, and tries every way out.
fn sandbox() -> Finding {
    let what = "sandbox of decoding and reading";
    let decoder = child::decoder(crate::service::sandbox::child::memory_for(1));
    if let Err(why) = decoder.start() {
        return Finding::missing(what, why, "let the kernel grant it, or choose `serve --no-sandbox`");
    }
    let Some(locks) = decoder.locks() else { return Finding::missing(what, "it says nothing", "report it") };
    let program = child::tries();
    let open: Vec<String> = ESCAPES
        .iter()
        .filter_map(|escape| match is_denied(escape, &program) {
            Ok(true) => None,
            Ok(false) => Some(escape.name.to_owned()),
            Err(why) => Some(why),
        })
        .collect();
    let (all, denied) = (ESCAPES.len(), ESCAPES.len() - open.len());
    let told = format!("{locks}; {denied} of {all} escapes denied");
    match (open.is_empty(), locks.landlock > 0 && locks.seccomp) {
        (true, true) => Finding::ok(what, told),
        (true, false) => Finding::note(what, told, "a newer kernel, or one with all of it turned on, holds twice"),
        (false, _) => Finding::note(
            what,
            format!("{told}; not denied: {}", open.join(", ")),
            "use a kernel from 5.13 on with seccomp and landlock turned on",
        ),
    }
}

/// The policy that decides there; the built-in one where none was put in force yet.
fn policy(place: &Place) -> Finding {
    let what = "policy";
    let Ok(built_in) = catch_unwind(Policy::default) else {
        return Finding::missing(what, "the built-in policy is not valid", "rebuild from an unchanged checkout");
    };
    match on_runtime(async { Ok(Records::inspect_policy(place).await?) }) {
        Ok(None) => Finding::ok(what, format!("built in, sha256 {}; none is in force yet", built_in.hash)),
        Ok(Some((hash, at))) if hash == built_in.hash.to_string() => {
            Finding::ok(what, format!("in force since {at}: the built-in one, sha256 {hash}"))
        }
        Ok(Some((hash, at))) => Finding::ok(what, format!("in force since {at}: sha256 {hash}")),
        Err(e) => Finding::missing(what, e.to_string(), "mend the records first"),
    }
}

fn data(place: &Place) -> Finding {
    let dir = place.data.as_path();
    // The folder itself if it is there, else the first one above it that is: it would be made in there.
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let home = absolute.ancestors().find(|d| d.exists()).unwrap_or(Path::new("/"));
    let probe = home.join(format!(".claimlens-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"probe");
    let _ = std::fs::remove_file(&probe);
    match on_runtime(async { Ok(Records::inspect(place.clone()).await?) }) {
        Err(e) => {
            let mend = match &place.database {
                Some(_) => "start the database, or name another with --database or CLAIMLENS_DATABASE",
                None => "stop the service and put the folder's last backup in its place, or choose another with --data",
            };
            return Finding::missing("records", format!("{place}: {e}"), mend);
        }
        Ok(true) if !dir.join("log.key").is_file() => {
            let mend = "put the key back: without it nothing is taken in or decided, and no reading is logged";
            return Finding::missing("records", format!("{}: the log's signing key is missing", dir.display()), mend);
        }
        Ok(_) => {}
    }
    match written {
        Ok(()) if dir.exists() && place.database.is_some() => Finding::ok("records", format!("{place} can be written")),
        Ok(()) if dir.exists() => Finding::ok("records", format!("{} can be written", dir.display())),
        Ok(()) => Finding::ok("records", format!("{} can be made", dir.display())),
        Err(e) => {
            Finding::missing("records", format!("{}: {e}", home.display()), "choose a folder you may write with --data")
        }
    }
}

fn seal(place: &Place) -> Finding {
    let what = "key-encryption key";
    match on_runtime(async { Ok(Records::inspect_seal(place.clone()).await?) }) {
        Ok(true) => Finding::ok(what, "it opens what the records hold of people"),
        Ok(false) => Finding::ok(what, "it is made with the records, or used if it is there"),
        Err(e) => Finding::missing(
            what,
            e.to_string(),
            "put the key back, or name it with --kek-file, CLAIMLENS_KEK_FILE or CLAIMLENS_KEK; without it no claim can be \
             read, and none is accepted",
        ),
    }
}

fn photos(place: &Place) -> Finding {
    let what = "photo storage";
    let dir = place.data.join("photos");
    let (storage, mend) = match &place.photos {
        PhotoPlace::Folder if !dir.exists() => {
            return Finding::ok(what, format!("{} is made with the records", dir.display()));
        }
        PhotoPlace::Folder => (format!("the folder {}", dir.display()), "let the service's user write there"),
        PhotoPlace::Bucket(_) => (
            "the S3-compatible bucket of --photos".to_owned(),
            "look at AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, at AWS_ALLOW_HTTP for plain http, \
             and at the bucket's name",
        ),
    };
    match on_runtime(async { Ok(Records::try_photos(place).await?) }) {
        Ok(()) => Finding::ok(what, format!("{storage}; a write and a read work")),
        Err(e) => Finding::missing(what, format!("{storage}: {e}"), mend),
    }
}

fn access(place: &Place) -> Finding {
    let what = "API keys";
    match on_runtime(async { Ok(Records::inspect_open(place).await?) }) {
        Ok(false) => Finding::ok(what, "nobody comes in without one; `claimlens keys list` tells which there are"),
        Ok(true) => Finding::note(
            what,
            "there is none: whoever reaches the service may do everything, and it listens on this machine only",
            "give the first one with `claimlens keys add NAME --role admin` before others can reach it",
        ),
        Err(e) => Finding::missing(what, e.to_string(), "mend the records first"),
    }
}

/// Whether the issuer that people sign in at answers.
fn sign_in(oidc: &OidcArgs) -> Finding {
    let what = "sign-in of people";
    let issuer = match oidc.issuer() {
        Ok(None) => return Finding::ok(what, "by API keys; no OpenID Connect issuer is named"),
        Ok(Some(issuer)) => issuer,
        Err(e) => return Finding::missing(what, e.to_string(), "see Sign-in in `claimlens serve --help`"),
    };
    match issuer.try_out() {
        Ok(0) => {
            Finding::missing(what, "the issuer answers, and tells of no key", "give the issuer a key to sign with")
        }
        Ok(keys) => Finding::ok(
            what,
            format!("by API keys and at the issuer, which answers and tells of {}", many(keys, "key", "keys")),
        ),
        Err(why) => Finding::missing(
            what,
            why.to_string(),
            "open --oidc-issuer with /.well-known/openid-configuration behind it: it must answer, and its `issuer` must \
             be the same text",
        ),
    }
}

/// Only `specimen` needs fonts.
fn fonts() -> Finding {
    let what = "fonts for specimens";
    match Fonts::find(None) {
        Ok(_) => Finding::ok(what, "found"),
        Err(e) => Finding::note(what, "only `claimlens specimen` needs them", e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PrecisionArg;
    use crate::domain::gate::{Reviewer, Why};

    #[test]
    fn a_missing_library_is_named_with_its_mending() {
        let engines = EngineArgs { models: None, onnxruntime: Some("no/such.so".into()), precision: PrecisionArg::F32 };
        let found = library(&engines, None);
        assert_eq!(found.state, State::Missing);
        let text = text(&[found], 1, Paint(false));
        assert!(text.contains("✗ inference library: no/such.so is not there\n    → run `make setup`"), "{text}");
    }

    #[test]
    fn another_library_than_the_pinned_one_is_told() {
        let engines = EngineArgs { models: None, onnxruntime: Some("Cargo.toml".into()), precision: PrecisionArg::F32 };
        let manifest = Manifest::parse(Path::new("models")).unwrap();
        assert_eq!(library(&engines, Some(&manifest)).state, State::Note);
    }

    #[test]
    fn a_folder_that_can_be_made_is_enough_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::from(&dir.path().join("a/b"));
        assert_eq!(data(&place).state, State::Ok);
        assert_eq!(photos(&place).state, State::Ok);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_policy_in_force_is_named_and_not_the_one_that_is_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::from(dir.path());
        assert!(policy(&place).detail.starts_with("built in, sha256 "), "{}", policy(&place).detail);
        let ours = Policy::parse(&format!("{}\n# ours\n", Policy::default().text())).unwrap();
        let (kept, hash) = (place.clone(), ours.hash.to_string());
        on_runtime(async move {
            let records = Records::open(kept).await?;
            let by = Reviewer::try_from("boss-1".to_owned())?;
            records.adopt(&ours, &by, &Why::try_from("ours".to_owned())?, None).await?;
            records.close().await;
            Ok(())
        })
        .unwrap();
        let told = policy(&place).detail;
        assert!(told.starts_with("in force since ") && told.ends_with(&hash), "{told}");
    }

    #[test]
    fn records_that_are_no_database_are_told() {
        let dir = tempfile::tempdir().unwrap();
        on_runtime(async {
            Records::open(dir.path()).await?.close().await;
            Ok(())
        })
        .unwrap();
        let place = Place::from(dir.path());
        assert_eq!(data(&place).state, State::Ok);
        let kept = photos(&place);
        assert!(kept.state == State::Ok && kept.detail.ends_with("a write and a read work"), "{}", kept.detail);
        std::fs::rename(dir.path().join("log.key"), dir.path().join("elsewhere")).unwrap();
        let found = data(&place);
        assert!(found.state == State::Missing && found.detail.contains("signing key"), "{}", found.detail);
        std::fs::write(dir.path().join("claimlens.sqlite"), "junk\n").unwrap();
        let found = data(&Place::from(dir.path()));
        assert!(found.state == State::Missing && found.detail.contains("damaged"), "{}", found.detail);
    }
}
