//! `check`: what to do better with a photo, without reading it.

use super::places::{photo_bytes, photos};
use super::show::Lang;
use super::{Ending, Lines, complain};
use crate::service::check::check;
use crate::vision::Limits;
use anyhow::Result;
use clap::Args;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;

/// Look at photos before they are submitted: should they be taken again?
#[derive(Debug, Args)]
#[command(after_help = "What `POST /v1/photos:check` answers, for files: no text is read, nothing is decided. Of a
PDF the first page is looked at.

Examples:
  claimlens check bill.jpg
  claimlens check bills/ --format jsonl

Exit status: 0 all photos were looked at (whatever was seen), 1 some could not be read, 2 wrong usage.")]
pub struct CheckArgs {
    /// Photos, or folders of photos
    #[arg(value_name = "PHOTO|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Lines,
    /// Language of the advice in the text format
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<Ending> {
    let mut ending = Ending::Done;
    let mut out = std::io::stdout().lock();
    for path in photos(&args.paths)? {
        let name = path.display();
        let look = photo_bytes(&path).and_then(|bytes| check(&bytes, &Limits::default()).map_err(|e| e.to_string()));
        match (look, args.format) {
            (Ok(mut look), Lines::Jsonl) => {
                look["source"] = name.to_string().into();
                writeln!(out, "{look}")?;
            }
            (Ok(look), Lines::Text) => writeln!(out, "{name}: {}", told(&look, args.lang))?,
            (Err(why), _) => {
                complain(&format!("error: {name}: {why}"));
                ending = Ending::NotAll;
            }
        }
    }
    Ok(ending)
}

/// The advice in one line, or `ok`; and the time it took.
fn told(look: &Value, lang: Lang) -> String {
    let lang = if lang == Lang::Zh { "zh" } else { "en" };
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let advice: Vec<String> = look["retake"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| format!("{}: {}", word(&r["code"]), word(&r["message"][lang])))
        .collect();
    let advice = if advice.is_empty() { "ok".to_owned() } else { advice.join(" ") };
    let advice = match look["pages"].as_u64() {
        Some(pages) if pages > 1 => format!("page 1 of {pages}: {advice}"),
        _ => advice,
    };
    format!("{advice} ({:.0} ms)", look["timing_ms"]["total"].as_f64().unwrap_or_default())
}
