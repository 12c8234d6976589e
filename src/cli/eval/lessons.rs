//! What labelled photos teach the pixel model and the model of values, written for `scripts/train/`.

use super::Labelled;
use crate::cli::kept::Kept;
use crate::cli::workers::progress;
use crate::domain::{Quad, Upload};
use crate::forensics::{FEATURES, Lesson, Original, STEP, Window, lessons};
use crate::service::evaluate::Truth;
use crate::service::work::ReadPhotos;
use crate::vision::{self, Limits};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Size of a lesson's window, pixels: a line of text and what is around it.
const SIZE: (u32, u32) = (192, 48);
/// Lessons of altered places a photo gives at most, and of others.
const ALTERED: usize = 14;
const OTHERS: usize = 8;
/// Cells with print in a window that is worth looking at, of 576.
const LEAST_PRINT: usize = 40;

/// A small generator (SplitMix64, Steele et al. 2014): the same photos give the same lessons.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(n.max(1))) as u32
    }
}

/// Writes `planes.i8`, `labels.u8` and `lessons.csv` into a folder. Photos forged with one of the tools `held_out`, and
/// those of which the truth does not tell where they were altered, are left out. Gives the number of lessons.
pub fn write(dir: &Path, labelled: &[Labelled], held_out: &[String]) -> Result<usize> {
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let create = |name: &str| -> Result<BufWriter<File>> {
        let path = dir.join(name);
        Ok(BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?))
    };
    let (mut planes, mut labels, mut list) = (create("planes.i8")?, create("labels.u8")?, create("lessons.csv")?);
    writeln!(list, "photo,attack,tool,chain,altered_cells")?;
    let mut count = 0;
    for (i, photo) in labelled.iter().enumerate() {
        let Some(truth) = photo.truth.as_ref().filter(|truth| teaches(truth, held_out)) else { continue };
        let Some(path) = photo.case.photos.first() else { continue };
        for lesson in of_photo(path, truth, i as u64).with_context(|| path.display().to_string())? {
            let bytes: Vec<u8> = lesson.planes.iter().map(|v| v.cast_unsigned()).collect();
            planes.write_all(&bytes)?;
            labels.write_all(&lesson.labels)?;
            let altered = lesson.labels.iter().filter(|l| **l == Lesson::ALTERED).count();
            let word = |told: &Option<String>| told.clone().unwrap_or_default();
            let (attack, tool, chain) = (word(&truth.attack), word(&truth.tool), word(&truth.chain));
            writeln!(list, "{i},{attack},{tool},{chain},{altered}")?;
            count += 1;
        }
    }
    for mut file in [planes, labels, list] {
        file.flush()?;
    }
    Ok(count)
}

/// Writes a row for each value of the photos that is worth changing: the photo's number, the share of it that was altered,
/// and what tells of it. The same photos are left out as for [`write`]. Gives the number of rows.
pub fn write_values(path: &Path, labelled: &[Labelled], held_out: &[String], kept: &Kept) -> Result<usize> {
    let mut file = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    let names: Vec<_> = (0..FEATURES).map(|n| format!("f{n}")).collect();
    writeln!(file, "photo,altered,{}", names.join(","))?;
    let bar = progress(labelled.len(), "photos");
    let mut count = 0;
    for (i, photo) in labelled.iter().enumerate() {
        bar.inc(1);
        let Some(truth) = photo.truth.as_ref().filter(|truth| teaches(truth, held_out)) else { continue };
        let Some(path) = photo.case.photos.first() else { continue };
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let reading = kept.read(&photo.name, &bytes, None)?.reading;
        let values = kept.reader.values(&bytes, &reading).with_context(|| path.display().to_string())?;
        for value in values.iter().filter(|value| !value.features.is_empty()) {
            let features: Vec<_> = value.features.iter().map(|f| format!("{f:.4}")).collect();
            writeln!(file, "{i},{:.3},{}", altered_share(&value.polygon, truth), features.join(","))?;
            count += 1;
        }
    }
    bar.finish_and_clear();
    file.flush()?;
    Ok(count)
}

/// How much of a value's width lies in one of the places that were altered.
fn altered_share(value: &Quad<Upload>, truth: &Truth) -> f64 {
    let (l, t, r, b) = value.bounds();
    let share = |quad: &Quad<Upload>| {
        let (al, at, ar, ab) = quad.bounds();
        let (wide, high) = (r.min(ar) - l.max(al), b.min(ab) - t.max(at));
        if high > 0.5 * (b - t) { (wide / (r - l).max(1.0)).max(0.0) } else { 0.0 }
    };
    truth.altered.iter().map(share).fold(0.0, f64::max)
}

fn teaches(truth: &Truth, held_out: &[String]) -> bool {
    match truth.genuine {
        Some(true) => true,
        // Taken again, a picture no longer holds what was altered before.
        Some(false) => {
            !truth.altered.is_empty()
                && truth.recapture.is_none()
                && truth.tool.as_ref().is_some_and(|tool| !held_out.contains(tool))
        }
        None => false,
    }
}

fn of_photo(path: &Path, truth: &Truth, seed: u64) -> Result<Vec<Lesson>> {
    let bytes = std::fs::read(path)?;
    let image = vision::decode(&bytes, None, &Limits::default())?.image;
    let original = Original { bytes: &bytes, from_pdf: false, image: &image };
    let altered: Vec<[f64; 4]> =
        truth.altered.iter().map(|quad| quad.bounds()).map(|(l, t, r, b)| [l, t, r, b]).collect();
    let size = (image.width(), image.height());
    if size.0 < SIZE.0 || size.1 < SIZE.1 {
        return Ok(Vec::new());
    }
    let mut draw = Draw(seed);
    let at = |left: u32, top: u32| Window {
        left: left.min(size.0 - SIZE.0) / STEP * STEP,
        top: top.min(size.1 - SIZE.1) / STEP * STEP,
        width: SIZE.0,
        height: SIZE.1,
    };
    let mut windows = Vec::new();
    for [l, t, r, b] in &altered {
        for _ in 0..2 {
            let near = |low: f64, high: f64, side: u32, draw: &mut Draw| {
                let middle = low + (high - low) * f64::from(draw.below(1000)) / 1000.0;
                (middle as u32).saturating_sub(draw.below(side))
            };
            windows.push(at(near(*l, *r, SIZE.0, &mut draw), near(*t, *b, SIZE.1, &mut draw)));
        }
    }
    while windows.len() > ALTERED {
        windows.swap_remove(draw.below(windows.len() as u32) as usize);
    }
    let wanted = windows.len() + OTHERS;
    let (left, top, right, bottom) =
        truth.corners.map_or((0.0, 0.0, f64::from(size.0), f64::from(size.1)), |c| c.bounds());
    let (left, top) = (left.max(0.0) as u32, top.max(0.0) as u32);
    for _ in 0..OTHERS * 6 {
        let (x, y) = (left + draw.below(right as u32 - left), top + draw.below(bottom as u32 - top));
        windows.push(at(x, y));
    }
    let printed = |lesson: &Lesson| lesson.labels.iter().filter(|l| **l != Lesson::BLANK).count() >= LEAST_PRINT;
    Ok(lessons(&original, &windows, &altered).into_iter().filter(printed).take(wanted).collect())
}
