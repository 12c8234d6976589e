//! `specimen`: labelled synthetic documents, for samples, tests and measurements.

use super::{Ending, usage};
use crate::service::work::cores;
use crate::specimen::{
    Attack, CameraParams, Chain, Curl, CurlAxis, Fonts, MAKERS, Order, PaintSpec, SpecimenKind, Take, develop_all,
    write_picture, write_samples, write_sheet,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Mutex;

/// Paint, photograph and forge made-up documents, each with its truth file
#[derive(Debug, Args)]
#[command(
    after_help = "Needs fonts; `claimlens doctor` says which. Nothing else in claimlens does. The same seed gives the same
pictures.

Chains: camera, png, resave95, resave85, resave75, messenger, screenshot, screen_photo, reprint.
Attacks: retype_amount, retype_all, copy_move, splice, erase, edit_date, edit_name, edit_number, qr_replaced,
generated, flat_retype.

Examples:
  claimlens specimen paint --out samples --seed 1                 what samples/ is made of
  claimlens specimen photograph --out bills --count 50            to measure reading on
  claimlens specimen forge --out forged --count 50 --chain mixed  to measure approvals on"
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
    Photograph {
        #[command(flatten)]
        set: SetArgs,
        /// Of each also another photo, a crop of the same photo, and a scan; their truth says `same_as`
        #[arg(long)]
        again: bool,
    },
    /// Numbered documents, photographed and then altered in the photo's own pixels
    Forge {
        #[command(flatten)]
        set: SetArgs,
        /// What the forger does: a name, `all` for one file of each, or `mixed` for the seed's choice
        #[arg(long, value_name = "NAME", default_value = "mixed", value_parser = wanted_attack)]
        attack: Wanted<Attack>,
    },
    /// A contact sheet of twelve mixed ones, to look at
    Sheet {
        /// The file: a PNG, or a JPEG by any other ending
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The first seed
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
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
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Which kind of document, by name; without it every kind
    #[arg(long, value_name = "NAME", value_parser = kind)]
    kind: Option<SpecimenKind>,
    /// How it is set: the number of one of the kind's layouts, `all` for one file of each, or `mixed` for the seed's choice
    #[arg(long, value_name = "N", default_value = "mixed", value_parser = wanted_layout)]
    layout: Wanted<u8>,
    /// How careless the photographer is: 0 holds the phone well, 3 leaves a person barely able to read
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    severity: u8,
    /// Bend the sheet so far: how high its middle rises, as a share of its width; below 0 it sinks
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = share)]
    curl: Option<f64>,
    /// Bend it as paper from a roll does, with the edges at the top and the bottom; else those at the sides
    #[arg(long, requires = "curl")]
    rolled: bool,
    /// What befalls the file: a name, `all` for one file of each, or `mixed` for the seed's choice
    #[arg(long, value_name = "NAME", default_value = "camera", value_parser = wanted_chain)]
    chain: Wanted<Chain>,
    /// Which maker's phone takes the photos; without it the seed's choice
    #[arg(long, value_name = "N", value_parser = maker)]
    camera: Option<usize>,
    /// How many to make at once; without it one for each core
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What was asked for among several.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted<T> {
    One(T),
    All,
    Mixed,
}

fn wanted<T: Copy>(name: &str, all: &[T], named: impl Fn(T) -> &'static str) -> Result<Wanted<T>, String> {
    match name {
        "all" => Ok(Wanted::All),
        "mixed" => Ok(Wanted::Mixed),
        _ => all.iter().find(|t| named(**t) == name).map(|t| Wanted::One(*t)).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|t| named(*t)).collect();
            format!("none of {}, all, mixed", names.join(", "))
        }),
    }
}

fn wanted_chain(name: &str) -> Result<Wanted<Chain>, String> {
    wanted(name, &Chain::ALL, Chain::as_str)
}

fn wanted_attack(name: &str) -> Result<Wanted<Attack>, String> {
    wanted(name, &Attack::ALL, Attack::as_str)
}

fn wanted_layout(number: &str) -> Result<Wanted<u8>, String> {
    let most = SpecimenKind::ALL.map(SpecimenKind::layouts).into_iter().max().unwrap_or(1) - 1;
    match number {
        "all" => Ok(Wanted::All),
        "mixed" => Ok(Wanted::Mixed),
        _ => number
            .parse()
            .ok()
            .filter(|n| *n <= most)
            .map(Wanted::One)
            .ok_or_else(|| format!("none of 0 to {most}, all, mixed")),
    }
}

fn kind(name: &str) -> Result<SpecimenKind, String> {
    SpecimenKind::ALL
        .into_iter()
        .find(|k| k.as_str() == name)
        .ok_or_else(|| format!("none of {}", SpecimenKind::ALL.map(SpecimenKind::as_str).join(", ")))
}

fn maker(number: &str) -> Result<usize, String> {
    let most = MAKERS.len() - 1;
    number.parse().ok().filter(|n| *n <= most).ok_or_else(|| format!("not between 0 and {most}"))
}

/// Runs the command.
pub fn run(args: &SpecimenArgs) -> Result<Ending> {
    let fonts = Fonts::find(None)?;
    let written = match &args.command {
        SpecimenCommand::Paint { out, seed } => write_samples(out, *seed, &fonts).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => usage(format!("{}: {e}", out.display())),
            _ => anyhow::Error::new(e).context(out.display().to_string()),
        })?,
        SpecimenCommand::Photograph { set, again } => write_set(set, &photographs(set, *again), &fonts)?,
        SpecimenCommand::Forge { set, attack } => write_set(set, &forgeries(set, *attack)?, &fonts)?,
        SpecimenCommand::Sheet { out, seed } => {
            write_sheet(out, *seed, cores(), &fonts).with_context(|| out.display().to_string())?;
            vec![out.clone()]
        }
    };
    let mut out = std::io::stdout().lock();
    for path in written {
        writeln!(out, "{}", path.display())?;
    }
    Ok(Ending::Done)
}

/// One file to be: its stem, the stem of the one that shows the same sheet, how it is made.
struct Job {
    stem: String,
    same_as: Option<String>,
    order: Order,
}

/// Every sheet of the set, in the order in which they are written, each with what its layout adds to the file's name.
/// A kind that has not got the layout asked for is left out.
fn sheets(set: &SetArgs) -> Vec<(PaintSpec, String)> {
    let kinds: Vec<_> = SpecimenKind::ALL.into_iter().filter(|k| set.kind.is_none_or(|wanted| wanted == *k)).collect();
    let mut sheets = Vec::new();
    for seed in set.seed..set.seed.saturating_add(set.count) {
        for &kind in &kinds {
            let of = |layout| PaintSpec { kind, seed, layout };
            match set.layout {
                Wanted::One(layout) if layout >= kind.layouts() => {}
                Wanted::One(layout) => sheets.push((of(layout), String::new())),
                Wanted::Mixed => sheets.push((of(kind.layout(seed)), String::new())),
                Wanted::All => sheets.extend((0..kind.layouts()).map(|n| (of(n), format!("_layout{n}")))),
            }
        }
    }
    sheets
}

/// From -1 to 1.
fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    if value.abs() <= 1.0 { Ok(value) } else { Err("it is not within -1 and 1".to_owned()) }
}

fn order(set: &SetArgs, sheet: PaintSpec, chain: Chain) -> Order {
    let PaintSpec { kind, seed, layout } = sheet;
    let axis = if set.rolled { CurlAxis::Horizontal } else { CurlAxis::Vertical };
    let curl = set.curl.map(|sag| Curl { axis, sag });
    let camera = CameraParams { curl, ..CameraParams::careless(set.severity) };
    Order { kind, seed, layout, attack: None, chain, maker: set.camera, camera, take: Take::First }
}

/// The chains for one sheet, each with what it adds to the file's name.
fn chains(set: &SetArgs, kind: SpecimenKind, seed: u64, forged: bool) -> Vec<(Chain, String)> {
    match set.chain {
        Wanted::One(chain) => vec![(chain, String::new())],
        Wanted::Mixed => vec![(Chain::mixed(kind, seed, forged), String::new())],
        Wanted::All => Chain::ALL.map(|c| (c, format!("_{}", c.as_str()))).to_vec(),
    }
}

fn photographs(set: &SetArgs, again: bool) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (sheet, set_in) in sheets(set) {
        let PaintSpec { kind, seed, .. } = sheet;
        for (chain, suffix) in chains(set, kind, seed, false) {
            let stem = format!("{}_{seed:04}{set_in}_photo{suffix}", kind.as_str());
            let order = order(set, sheet, chain);
            if again {
                jobs.extend(Take::AGAIN.map(|take| Job {
                    stem: format!("{stem}_again_{}", take.as_str()),
                    same_as: Some(stem.clone()),
                    order: Order { take, ..order },
                }));
            }
            jobs.push(Job { stem, same_as: None, order });
        }
    }
    jobs
}

fn forgeries(set: &SetArgs, wanted: Wanted<Attack>) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for (sheet, set_in) in sheets(set) {
        let PaintSpec { kind, seed, layout } = sheet;
        let attacks: Vec<(Attack, String)> = match wanted {
            Wanted::One(attack) => vec![(attack, String::new())],
            Wanted::Mixed => vec![(Attack::mixed(kind, layout, seed), String::new())],
            Wanted::All => Attack::ALL.map(|a| (a, format!("_{}", a.as_str()))).to_vec(),
        };
        for (attack, middle) in attacks.into_iter().filter(|(a, _)| a.suits(kind, layout)) {
            for (chain, suffix) in chains(set, kind, seed, true) {
                let stem = format!("{}_{seed:04}{set_in}_altered{middle}{suffix}", kind.as_str());
                let order = Order { attack: Some(attack), ..order(set, sheet, chain) };
                jobs.push(Job { stem, same_as: None, order });
            }
        }
    }
    if jobs.is_empty() {
        return Err(usage(
            "no such document prints what the attack is after; see --kind, --layout and --attack".to_owned(),
        ));
    }
    Ok(jobs)
}

fn write_set(set: &SetArgs, jobs: &[Job], fonts: &Fonts) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(&set.out).with_context(|| set.out.display().to_string())?;
    let orders: Vec<Order> = jobs.iter().map(|j| j.order).collect();
    let written: Mutex<Vec<Vec<PathBuf>>> = Mutex::new(vec![Vec::new(); jobs.len()]);
    develop_all(&orders, set.threads.unwrap_or_else(cores), fonts, |i, picture| {
        let Some(mut picture) = picture else { return Ok(()) };
        picture.truth.same_as.clone_from(&jobs[i].same_as);
        let paths = write_picture(&set.out.join(&jobs[i].stem), &picture)?;
        written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[i] = paths.to_vec();
        Ok(())
    })
    .with_context(|| set.out.display().to_string())?;
    let written = written.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (job, _) in jobs.iter().zip(&written).filter(|(_, paths)| paths.is_empty()) {
        writeln!(std::io::stderr(), "{}: left out, it offers nothing to the attack", job.stem)?;
    }
    Ok(written.concat())
}
