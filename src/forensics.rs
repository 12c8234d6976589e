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
mod stance;
mod values;

use crate::domain::pixels::{History, PixelEvidence, Signal, SignalName, Suspect};
use crate::domain::{FieldName, Quad, Upload};
use double_jpeg::Earlier;
use grid::Grid;
use image::{GrayImage, RgbImage};
use jpeg::Stored;
use learned::{Scene, Small};
use stance::{Placed, Stance};

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
        let Sight { image, luma, lines, stored, history, windows, grid, earlier, scene, .. } = sight;
        let plane = stored.plane();
        let nearest = copies::nearest(luma, lines);
        let mut learned = match sight.leaves_out {
            true => Signal::not_applicable(SignalName::LearnedTrace, "too_large"),
            false => learned::measure(scene, windows, model)?,
        };
        learned.suspects.iter_mut().for_each(|suspect| suspect.polygon = sight.enlarged(&suspect.polygon));
        let mut signals = vec![
            grid::measure(grid, plane, lines),
            double_jpeg::measure(earlier, plane, lines),
            copies::measure(lines, &nearest),
            odd::measure(image, luma, lines, &nearest),
            recapture::measure(original.from_pdf, image, luma, lines),
            learned,
        ];
        for suspect in signals.iter_mut().flat_map(|signal| &mut signal.suspects) {
            suspect.polygon = sight.stance.back(&suspect.polygon);
            suspect.like = suspect.like.map(|like| sight.stance.back(&like));
        }
        // Where the traces are too few to speak of single characters, they are too few to tell the quality as well.
        let earlier_quality = earlier.as_ref().ok().and_then(|e| e.quality).filter(|_| signals[1].score.is_some());
        Ok(PixelEvidence { history: History { earlier_quality, ..History::clone(history) }, signals })
    })
}

/// What tells of each value of a photo, to fit the model of values to.
///
/// # Errors
/// If the model could not be run.
pub fn values(original: &Original, print: &Print, model: &mut Model) -> Result<Vec<Value>, ModelFailed> {
    look(original, print, |sight| {
        let mut values = learned::tell(&sight.scene, sight.windows, model)?.values;
        values.iter_mut().for_each(|value| value.polygon = sight.stance.back(&sight.enlarged(&value.polygon)));
        Ok(values)
    })
}

/// A photo, set upright and taken apart for the signals.
struct Sight<'a> {
    stance: Stance,
    image: &'a RgbImage,
    luma: &'a GrayImage,
    lines: &'a [TextLine],
    stored: &'a Stored,
    history: &'a History,
    /// What the model looks at: the photo, or a smaller one.
    scene: Scene<'a>,
    windows: &'a [(&'a TextLine, Window)],
    /// Whether the model does not look at a line that decides.
    leaves_out: bool,
    small: Option<&'a Small>,
    grid: &'a Result<Grid, &'static str>,
    earlier: &'a Result<Earlier, &'static str>,
}

impl Sight<'_> {
    /// Where a place that the model looked at stands in the upright photo.
    fn enlarged(&self, quad: &Quad<Upload>) -> Quad<Upload> {
        self.small.map_or(*quad, |small| small.enlarged(quad))
    }
}

fn look<T>(original: &Original, print: &Print, with: impl FnOnce(&Sight) -> T) -> T {
    let mut stored = Stored::of(original);
    let history = history::of(original, stored.jpeg(), stored.plane());
    let stance = Stance::of(print.lines, original.image.dimensions());
    let image = &*stance.turned(original.image);
    let placed = Placed::of(print, |quad| stance.place(quad));
    stored.turn(stance.quarters());

    let luma = glyphs::luma(image);
    let lines = glyphs::lines(&luma, &placed.print());
    let (jpeg, plane) = (stored.jpeg(), stored.plane());
    let small = Small::of(image, &placed.print(), &lines);
    let (seen, size) = match &small {
        Some(small) => (&small.lines, small.image.dimensions()),
        None => (&lines, image.dimensions()),
    };
    let windows = learned::windows(seen, size);
    let mut boxes = Grid::boxes(plane, &lines);
    if small.is_none() {
        boxes.extend(windows.iter().map(|(_, window)| window.stored(plane)));
    }
    let grid = Grid::of(original, jpeg, plane, &boxes);
    let earlier = Earlier::of(original, jpeg);
    let scene = match &small {
        Some(small) => small.scene(),
        None => Scene { image, stored: &stored, earlier: earlier.as_ref().ok(), grid: grid.as_ref().ok() },
    };
    with(&Sight {
        stance,
        image,
        luma: &luma,
        lines: &lines,
        stored: &stored,
        history: &history,
        scene,
        windows: &windows,
        leaves_out: learned::leaves_out(&lines, &windows, |quad| small.as_ref().map_or(*quad, |s| s.enlarged(quad))),
        small: small.as_ref(),
        grid: &grid,
        earlier: &earlier,
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, imageops};

    /// Six rows of three amounts, drawn as blocks of noise; the third row's are darker.
    fn page() -> (RgbImage, Vec<Quad<Upload>>) {
        let (left, top) = (|i: u32| 40 + i / 4 * 90 + i % 4 * 16, |row: u32| 60 + row * 60);
        let mut seed = 1_u32;
        let mut image = RgbImage::from_fn(400, 480, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb([215 + (seed >> 28) as u8; 3])
        });
        for (row, i) in (0..6).flat_map(|row| (0..12).map(move |i| (row, i))) {
            for (x, y) in (0..10).flat_map(|x| (0..18).map(move |y| (x, y))) {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let ink = if row == 2 { 20 } else { 70 } + (seed >> 28) as u8;
                image.put_pixel(left(i) + x, top(row) + y, Rgb([ink; 3]));
            }
        }
        let line = |row: u32| Quad::rect(36.0, f64::from(top(row)) - 4.0, 300.0, f64::from(top(row)) + 22.0);
        (image, (0..6).map(line).collect())
    }

    fn seen(image: &RgbImage, lines: &[Quad<Upload>]) -> PixelEvidence {
        let texts = vec!["12.00 34.00 56.00"; lines.len()];
        let print = Print { lines, texts: &texts, fields: &[(FieldName::Total, lines[2])] };
        // What is dark was put in later.
        let mut model = |shape: [usize; 4], planes: Vec<f32>| {
            let (across, down) = (shape[3] / CELL, shape[2] / CELL);
            let darkness = |i: usize| -planes[(i / across * CELL + 2) * shape[3] + i % across * CELL + 2] / 20.0;
            Ok((0..across * down).map(darkness).collect())
        };
        examine(&Original { bytes: &[], from_pdf: false, image }, &print, &mut model).unwrap()
    }

    #[test]
    fn a_photo_on_its_side_or_upside_down_tells_the_same_of_the_same_places() {
        let (mut image, mut lines) = page();
        let mut want = seen(&image, &lines).signals;
        for name in [SignalName::OddInLine, SignalName::LearnedTrace] {
            assert!(want.iter().any(|signal| signal.name == name && signal.suspects.len() > 3), "{name:?}");
        }
        for _ in 0..3 {
            let height = f64::from(image.height());
            let quarter = |quad: &mut Quad<Upload>| *quad = Quad::from_px(quad.to_px().map(|[x, y]| [height - y, x]));
            lines.iter_mut().for_each(quarter);
            for suspect in want.iter_mut().flat_map(|signal| &mut signal.suspects) {
                quarter(&mut suspect.polygon);
                suspect.like.iter_mut().for_each(quarter);
            }
            image = imageops::rotate90(&image);
            assert_eq!(seen(&image, &lines).signals, want);
        }
    }

    #[test]
    fn an_enlarged_photo_is_seen_by_the_model_as_it_was() {
        let (image, lines) = page();
        let three = |quad: &Quad<Upload>| Quad::from_px(quad.to_px().map(|corner| corner.map(|v| v * 3.0)));
        let large = imageops::resize(&image, 1200, 1440, imageops::FilterType::Triangle);
        let name = SignalName::LearnedTrace;
        let [was, now] = [seen(&image, &lines), seen(&large, &lines.iter().map(three).collect::<Vec<_>>())]
            .map(|evidence| evidence.signal(name).unwrap().clone());
        assert_eq!((was.tested, now.tested), (72, 72));
        let [was, now] = [was.suspects, now.suspects].map(|suspects| suspects[0].polygon.bounds());
        let off = (was.1 * 3.0 - now.1).abs().max((was.3 * 3.0 - now.3).abs());
        assert!(off < 9.0, "{was:?} {now:?}");
    }
}
