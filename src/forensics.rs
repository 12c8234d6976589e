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

use crate::domain::pixels::{PixelEvidence, Signal, Suspect};
use crate::domain::{FieldName, Quad, Upload};
use double_jpeg::Earlier;
use grid::Grid;
use image::RgbImage;
use jpeg::Stored;
use learned::Scene;

pub use glyphs::{Glyph, TextLine};
pub use learned::{CELL, Lesson, Model, ModelFailed, PLANES, STEP, Window, lessons};

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
    let luma = glyphs::luma(original.image);
    let lines = glyphs::lines(&luma, print);
    let stored = Stored::of(original);
    let (jpeg, plane) = (stored.jpeg(), stored.plane());
    let history = history::of(original, jpeg, plane);
    let windows = learned::windows(&lines, original.image.dimensions());
    let mut boxes = Grid::boxes(plane, &lines);
    boxes.extend(windows.iter().map(|(_, window)| window.stored(plane)));
    let grid = Grid::of(original, jpeg, plane, &boxes);
    let earlier = Earlier::of(original, jpeg);
    let scene =
        Scene { image: original.image, stored: &stored, earlier: earlier.as_ref().ok(), grid: grid.as_ref().ok() };
    let nearest = copies::nearest(&luma, &lines);
    let signals = vec![
        grid::measure(&grid, plane, &lines),
        double_jpeg::measure(&earlier, plane, &lines),
        copies::measure(&lines, &nearest),
        odd::measure(original.image, &luma, &lines, &nearest),
        recapture::measure(original, &luma),
        learned::measure(&scene, &windows, model)?,
    ];
    // Where the traces are too few to speak of single characters, they are too few to tell the quality as well.
    let earlier_quality = earlier.ok().and_then(|e| e.quality).filter(|_| signals[1].score.is_some());
    let history = crate::domain::pixels::History { earlier_quality, ..history };
    Ok(PixelEvidence { history, signals })
}

/// The oddest characters as a signal tells them.
fn told(name: crate::domain::pixels::SignalName, scores: &[(f64, &Glyph, Option<&Glyph>)]) -> Signal {
    let milli = |score: f64| (score * 1000.0).round().clamp(-2e9, 2e9) as i32;
    let mut order: Vec<_> = scores.iter().collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let suspects: Vec<Suspect> = order
        .iter()
        .take(SUSPECTS)
        .map(|(score, glyph, like)| Suspect {
            polygon: glyph.quad(),
            score: milli(*score),
            field: glyph.field,
            like: like.map(Glyph::quad),
        })
        .collect();
    Signal {
        name,
        not_applicable: None,
        score: suspects.first().map(|s| s.score),
        tested: scores.len() as u32,
        suspects,
    }
}
