//! What the pixels of a photo tell of how its file came about, and where it was changed.
//!
//! Every signal looks at single printed characters, because people change digits: a figure's box is far smaller than the
//! regions that published detectors need. All of them work on the upload's own pixels, never on the normalised page,
//! whose resampling would wipe out what they look for. A signal that cannot speak of a photo says so.

mod copies;
mod double_jpeg;
mod glyphs;
mod grid;
mod history;
mod jpeg;
mod learned;
mod metadata;
mod odd;
mod recapture;
mod values;

use crate::domain::pixels::{History, PixelEvidence, Signal, SignalName, Suspect};
use crate::domain::{FieldName, Quad, Upload};
use double_jpeg::Earlier;
use grid::Grid;
use image::{GrayImage, RgbImage};
use jpeg::Stored;
use learned::Scene;

pub use glyphs::{Glyph, TextLine};
pub use learned::{CELL, Lesson, Model, ModelFailed, PLANES, STEP, Window, lessons};
pub use values::{FEATURES, Role, Value};

/// A photo and its file.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// The bytes as uploaded.
    pub bytes: &'a [u8],
    /// The page of a PDF is drawn by us, and tells nothing of a camera.
    pub from_pdf: bool,
    /// The pixels, upright after EXIF.
    pub image: &'a RgbImage,
}

/// What is printed where, for the signals to look at.
#[derive(Debug, Clone, Copy)]
pub struct Print<'a> {
    /// The lines of text.
    pub lines: &'a [Quad<Upload>],
    /// What each of them says, in the same order.
    pub texts: &'a [&'a str],
    /// The fields' values.
    pub fields: &'a [(FieldName, Quad<Upload>)],
}

/// Most places a signal points to.
const SUSPECTS: usize = 12;

/// Looks at a photo with every signal.
///
/// # Errors
/// If the model could not be run.
pub fn examine(original: &Original, print: &Print, model: &mut Model) -> Result<PixelEvidence, ModelFailed> {
    look(original, print, |sight| {
        let Sight { luma, lines, stored, windows, grid, earlier, scene } = sight;
        let (jpeg, plane) = (stored.jpeg(), stored.plane());
        let nearest = copies::nearest(luma, lines);
        let signals = vec![
            grid::measure(grid, plane, lines),
            double_jpeg::measure(earlier, plane, lines),
            copies::measure(lines, &nearest),
            odd::measure(original.image, luma, lines, &nearest),
            recapture::measure(original, luma),
            learned::measure(scene, windows, model)?,
        ];
        // Where the traces are too few to speak of single characters, they are too few to tell the quality as well.
        let earlier_quality = earlier.as_ref().ok().and_then(|e| e.quality).filter(|_| signals[1].score.is_some());
        let history = History { earlier_quality, ..history::of(original, jpeg, plane) };
        Ok(PixelEvidence { history, signals })
    })
}

/// What tells of each value of a photo, to fit the model of values to.
///
/// # Errors
/// If the model could not be run.
pub fn values(original: &Original, print: &Print, model: &mut Model) -> Result<Vec<Value>, ModelFailed> {
    look(original, print, |sight| learned::tell(&sight.scene, sight.windows, model).map(|told| told.values))
}

/// A photo, taken apart for the signals.
struct Sight<'a> {
    luma: &'a GrayImage,
    lines: &'a [TextLine],
    stored: &'a Stored,
    /// What the model looks at.
    windows: &'a [(&'a TextLine, Window)],
    grid: &'a Result<Grid, &'static str>,
    earlier: &'a Result<Earlier, &'static str>,
    scene: Scene<'a>,
}

fn look<T>(original: &Original, print: &Print, with: impl FnOnce(&Sight) -> T) -> T {
    let luma = glyphs::luma(original.image);
    let lines = glyphs::lines(&luma, print);
    let stored = Stored::of(original);
    let (jpeg, plane) = (stored.jpeg(), stored.plane());
    let windows = learned::windows(&lines, original.image.dimensions());
    let mut boxes = Grid::boxes(plane, &lines);
    boxes.extend(windows.iter().map(|(_, window)| window.stored(plane)));
    let grid = Grid::of(original, jpeg, plane, &boxes);
    let earlier = Earlier::of(original, jpeg);
    let scene =
        Scene { image: original.image, stored: &stored, earlier: earlier.as_ref().ok(), grid: grid.as_ref().ok() };
    with(&Sight {
        luma: &luma,
        lines: &lines,
        stored: &stored,
        windows: &windows,
        grid: &grid,
        earlier: &earlier,
        scene,
    })
}

/// The oddest characters as a signal tells them.
fn told(name: SignalName, scores: &[(f64, &Glyph, Option<&Glyph>)]) -> Signal {
    let suspects = scores.iter().map(|(score, glyph, like)| suspect(*score, glyph, *like)).collect();
    strongest(name, suspects, scores.len())
}

/// A character as a place that was looked at, and the one that it is like.
fn suspect(score: f64, glyph: &Glyph, like: Option<&Glyph>) -> Suspect {
    Suspect { polygon: glyph.quad(), score: milli(score), field: glyph.field, like: like.map(Glyph::quad) }
}

/// Thousandths of a signal's unit.
fn milli(score: f64) -> i32 {
    (score * 1000.0).round().clamp(-2e9, 2e9) as i32
}

/// What a signal found at the oddest places, of so many characters looked at.
fn strongest(name: SignalName, mut suspects: Vec<Suspect>, tested: usize) -> Signal {
    suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.score));
    suspects.truncate(SUSPECTS);
    Signal { name, not_applicable: None, score: suspects.first().map(|s| s.score), tested: tested as u32, suspects }
}
