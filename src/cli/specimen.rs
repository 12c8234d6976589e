//! `specimen`: labelled synthetic documents, for samples, tests and measurements.

use super::{Ending, usage};
use crate::specimen::{
    CameraParams, Curl, CurlAxis, Fonts, PaintSpec, SAMPLE_QUALITY, SpecimenKind, forge, paint, photograph,
    write_samples, write_specimen,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Paint, photograph and forge made-up documents, each with its truth file
#[derive(Debug, Args)]
#[command(
    after_help = "Needs fonts; `claimlens doctor` says which. Nothing else in claimlens does. The same seed gives the same
pictures.

Examples:
  claimlens specimen paint --out samples --seed 1           what samples/ is made of
  claimlens specimen photograph --out bills --count 50      to measure reading on
  claimlens specimen forge --out forged --count 50          to measure approvals on"
)]
pub struct SpecimenArgs {
    #[command(subcommand)]
    command: SpecimenCommand,
}

#[derive(Debug, Subcommand)]
enum SpecimenCommand {
    /// A folder of samples: of each kind a flat picture, a photo, a photo of an altered copy, and a claim
    Paint {
        /// Where to write them: a folder that is empty or holds samples already
        #[arg(long, value_name = "DIR", default_value = "specimens")]
        out: PathBuf,
        /// What to draw the made-up content from
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
    /// Numbered documents as a phone sees them: tilted, unevenly lit, slightly blurred
    Photograph(SetArgs),
    /// Numbered documents with an altered amount, photographed
    Forge(SetArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Where to write the pictures and their truth files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many of each kind
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// How careless the photographer is: 0 holds the phone well, 3 leaves a person barely able to read
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    severity: u8,
    /// Bend the sheet so far: how high its middle rises, as a share of its width; below 0 it sinks
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    curl: Option<f64>,
    /// Bend it as paper from a roll does, with the edges at the top and the bottom; else those at the sides
    #[arg(long, requires = "curl")]
    rolled: bool,
}

/// Makes the altered copy's photo another photo than the genuine one's.
const ALTERED: u64 = 0x5eed;

/// Runs the command.
pub fn run(args: &SpecimenArgs) -> Result<Ending> {
    let fonts = Fonts::find(None)?;
    let written = match &args.command {
        SpecimenCommand::Paint { out, seed } => write_samples(out, *seed, &fonts).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => usage(format!("{}: {e}", out.display())),
            _ => anyhow::Error::new(e).context(out.display().to_string()),
        })?,
        SpecimenCommand::Photograph(set) => write_photos(set, &fonts, false)?,
        SpecimenCommand::Forge(set) => write_photos(set, &fonts, true)?,
    };
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "{}", path.display())?;
    }
    Ok(Ending::Done)
}

fn write_photos(set: &SetArgs, fonts: &Fonts, altered: bool) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(&set.out).with_context(|| set.out.display().to_string())?;
    let axis = if set.rolled { CurlAxis::Horizontal } else { CurlAxis::Vertical };
    let curl = set.curl.map(|sag| Curl { axis, sag });
    let camera = CameraParams { curl, ..CameraParams::careless(set.severity) };
    let mut written = Vec::new();
    for seed in set.seed..set.seed.saturating_add(set.count) {
        for kind in SpecimenKind::ALL {
            let flat = paint(&PaintSpec { kind, seed }, fonts);
            let (photo, view) = if altered {
                (photograph(&forge(&flat, seed, fonts), seed ^ ALTERED, &camera), "altered")
            } else {
                (photograph(&flat, seed, &camera), "photo")
            };
            let stem = set.out.join(format!("{}_{seed:04}_{view}", kind.as_str()));
            let paths = write_specimen(&stem, &photo, SAMPLE_QUALITY);
            written.extend(paths.with_context(|| stem.display().to_string())?);
        }
    }
    Ok(written)
}
