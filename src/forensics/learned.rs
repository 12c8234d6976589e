//! Characters that a small model takes for put in later.
//!
//! The model sees what the other signals see, of each pixel: its luma against what is around, its colour, what the earlier
//! save says there and what the grid says, so that it can weigh them together. It was trained on painted specimens alone:
//! see `models/README.md`. It is one signal among others, and never a proof of being genuine.

use super::copies::median;
use super::double_jpeg::Earlier;
use super::glyphs::{Glyph, TextLine};
use super::grid::Grid;
use super::jpeg::{Plane, Stored};
use super::stance::Placed;
use super::values::{Seeing, Value};
use super::{Original, Print};
use crate::domain::pixels::{Signal, SignalName};
use crate::domain::{Quad, Upload};
use image::RgbImage;

const NAME: SignalName = SignalName::LearnedTrace;
/// How many planes the model sees.
pub const PLANES: usize = 9;
/// Side of the squares that the model answers for, pixels.
pub const CELL: usize = 4;
/// Windows lie on multiples of this and have sides of multiples of it, pixels.
pub const STEP: u32 = 8;
/// Least height and width of a window: what the model was trained on, pixels.
const LEAST_WINDOW: [u32; 2] = [48, 64];
/// Around a line, pixels.
const MARGIN: u32 = 8;
/// Half the side of the square that a pixel is held against.
const AROUND: usize = 12;

/// The model could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the pixel model failed: {0}")]
pub struct ModelFailed(pub String);

/// Runs the model: from planes, `[1, PLANES, height, width]` row by row, values -127..=127, to the log-odds that each cell
/// shows something put in later, row by row.
pub type Model<'a> = dyn FnMut([usize; 4], Vec<f32>) -> Result<Vec<f32>, ModelFailed> + 'a;

/// A rectangle of the upright photo, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column, a multiple of [`STEP`].
    pub left: u32,
    /// First row, likewise.
    pub top: u32,
    /// Likewise.
    pub width: u32,
    /// Likewise.
    pub height: u32,
}

impl Window {
    /// The least window around a box, with [`MARGIN`], inside a picture; `None` if the picture is too small for one.
    fn around((l, t, r, b): (f64, f64, f64, f64), (width, height): (u32, u32)) -> Option<Self> {
        let side = |low: f64, high: f64, least: u32, most: u32| {
            let most = most / STEP * STEP;
            let low = (low.max(0.0) as u32).saturating_sub(MARGIN);
            let high = (high.max(0.0).ceil() as u32 + MARGIN).min(most);
            let missing = least.saturating_sub(high.saturating_sub(low));
            let low = low.saturating_sub(missing / 2) / STEP * STEP;
            let high = high.max(low + least).next_multiple_of(STEP).min(most);
            let low = low.min(high.saturating_sub(least)) / STEP * STEP;
            (high >= low + least).then(|| (low, high - low))
        };
        let (left, width) = side(l, r, LEAST_WINDOW[1], width)?;
        let (top, height) = side(t, b, LEAST_WINDOW[0], height)?;
        Some(Self { left, top, width, height })
    }

    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Where its pixels lie in the stored plane: `[left, top, right, bottom]`.
    pub(super) fn stored(&self, plane: &Plane) -> [usize; 4] {
        plane.stored([self.left, self.top, self.left + self.width, self.top + self.height].map(|v| v as usize))
    }
}

/// A photo as the model sees it.
pub(super) struct Scene<'a> {
    /// Upright.
    pub image: &'a RgbImage,
    pub stored: &'a Stored,
    pub earlier: Option<&'a Earlier>,
    pub grid: Option<&'a Grid>,
}

impl Scene<'_> {
    /// The planes of a window inside the photo, one after the other, row by row: whole numbers, so that training sees what
    /// running sees.
    ///
    /// 0: luma less its mean within 25 × 25, halves. 1: luma less its mean within 3 × 3, eighths. 2 and 3: blue and red less
    /// green less their means within 25 × 25, halves. 4: what the block says of an earlier save, 124 at most. 5 and 6: 64
    /// where the pixel votes for another grid, and where it votes for none. 7 and 8: 64 at the rows and columns where blocks
    /// of the file's last save meet.
    pub(super) fn planes(&self, window: Window) -> Vec<i8> {
        let (w, h) = (window.width as usize, window.height as usize);
        let (left, top) = (window.left as usize, window.top as usize);
        let plane = self.stored.plane();
        let (image_width, image_height) = (self.image.width() as usize, self.image.height() as usize);
        // With what is around, as far as the picture goes.
        let (x0, y0) = (left.saturating_sub(AROUND), top.saturating_sub(AROUND));
        let (x1, y1) = ((left + w + AROUND).min(image_width), (top + h + AROUND).min(image_height));
        let (wide, high) = (x1 - x0, y1 - y0);
        let mut luma = vec![0.0_f32; wide * high];
        let mut colour = [vec![0.0_f32; wide * high], vec![0.0_f32; wide * high]];
        for y in 0..high {
            for x in 0..wide {
                let [r, g, b] = self.image.get_pixel((x0 + x) as u32, (y0 + y) as u32).0.map(f32::from);
                let (sx, sy) = plane.pixel(x0 + x, y0 + y);
                luma[y * wide + x] = plane.luma[sy * plane.width + sx];
                colour[0][y * wide + x] = b - g;
                colour[1][y * wide + x] = r - g;
            }
        }
        let size = w * h;
        let mut planes = vec![0_i8; PLANES * size];
        let mut put = |plane: usize, place: usize, value: f32| {
            planes[plane * size + place] = value.round().clamp(-127.0, 127.0) as i8;
        };
        let sums = [&luma, &colour[0], &colour[1]].map(|values| Sums::of(values, wide));
        for y in 0..h {
            for x in 0..w {
                let (cx, cy, place) = (left - x0 + x, top - y0 + y, y * w + x);
                let here = cy * wide + cx;
                put(0, place, (luma[here] - sums[0].mean(cx, cy, AROUND)) * 2.0);
                put(1, place, (luma[here] - sums[0].mean(cx, cy, 1)) * 8.0);
                put(2, place, (colour[0][here] - sums[1].mean(cx, cy, AROUND)) * 2.0);
                put(3, place, (colour[1][here] - sums[2].mean(cx, cy, AROUND)) * 2.0);
                let (sx, sy) = plane.pixel(left + x, top + y);
                put(4, place, self.earlier.map_or(0.0, |e| e.at(sx, sy) as f32) * 124.0);
                if let Some(grid) = self.grid {
                    let strays = grid.strays(sx, sy);
                    put(5, place, if strays == Some(true) { 64.0 } else { 0.0 });
                    put(6, place, if strays.is_none() { 64.0 } else { 0.0 });
                }
                if self.stored.jpeg().is_some() {
                    put(7, place, if matches!(sx % 8, 0 | 7) { 64.0 } else { 0.0 });
                    put(8, place, if matches!(sy % 8, 0 | 7) { 64.0 } else { 0.0 });
                }
            }
        }
        planes
    }
}

/// Sums over all rectangles that start in the corner.
struct Sums {
    wide: usize,
    high: usize,
    sums: Vec<f64>,
}

impl Sums {
    fn of(values: &[f32], wide: usize) -> Self {
        let high = values.len() / wide.max(1);
        let mut sums = vec![0.0; (wide + 1) * (high + 1)];
        for y in 0..high {
            let mut row = 0.0;
            for x in 0..wide {
                row += f64::from(values[y * wide + x]);
                sums[(y + 1) * (wide + 1) + x + 1] = sums[y * (wide + 1) + x + 1] + row;
            }
        }
        Self { wide, high, sums }
    }

    /// Mean within a square around a place, cut to what there is.
    fn mean(&self, x: usize, y: usize, around: usize) -> f32 {
        let (l, t) = (x.saturating_sub(around), y.saturating_sub(around));
        let (r, b) = ((x + around + 1).min(self.wide), (y + around + 1).min(self.high));
        let at = |x: usize, y: usize| self.sums[y * (self.wide + 1) + x];
        ((at(r, b) - at(l, b) - at(r, t) + at(l, t)) / ((r - l) * (b - t)) as f64) as f32
    }
}

/// Pixels of text lines that are looked at, at most: the lines that decide come first. The most that 2,922 painted
/// specimens have is 604,032.
const MOST_PIXELS: u64 = 800_000;
/// Lines taller than this are not looked at: the model has seen none, pixels.
const TALLEST_LINE: f64 = 72.0;
/// A page whose lines are taller than this in the median, and too large for [`MOST_PIXELS`], is looked at smaller, pixels.
const TALL_PAGE: f64 = 40.0;
/// So tall are its lines then, which is what the model has seen most of, pixels.
const USUAL_LINE: f64 = 30.0;
/// Not even for the sake of the tallest line are others made smaller than this, pixels.
const LEAST_LINE: f64 = 16.0;

/// A large picture made smaller, so that its print is of the size that the model knows. Whoever enlarges a picture does
/// not get round the model.
pub(super) struct Small {
    pub image: RgbImage,
    pub lines: Vec<TextLine>,
    stored: Stored,
    scale: f64,
}

impl Small {
    /// `None` for a picture whose lines are no larger than the model has seen.
    pub(super) fn of(image: &RgbImage, print: &Print, lines: &[TextLine]) -> Option<Self> {
        let mut heights: Vec<f64> = lines.iter().filter(|line| is_wanted(line)).map(|line| line.height).collect();
        if heights.is_empty() {
            return None;
        }
        let usual = median(&mut heights);
        let tallest = lines.iter().filter(|line| decides(line)).map(|line| line.height).fold(0.0, f64::max);
        let boxes = wanted(lines, image.dimensions()).map(|(_, window)| window.pixels());
        let is_tall = usual > TALLEST_LINE || (usual > TALL_PAGE && boxes.sum::<u64>() > MOST_PIXELS);
        let of_page = if is_tall { USUAL_LINE / usual } else { 1.0 };
        // The boxes of lines are rounded.
        let of_line = (TALLEST_LINE - 1.0) / tallest.max(TALLEST_LINE);
        let scale = if tallest > TALLEST_LINE { of_page.min(of_line.max(LEAST_LINE / usual)) } else { of_page };
        if scale >= 1.0 {
            return None;
        }
        let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
        let (width, height) = (side(image.width()), side(image.height()));
        let image = image::imageops::resize(image, width, height, image::imageops::FilterType::Triangle);
        let placed = Placed::of(print, |quad| scaled(quad, scale));
        let lines = super::glyphs::lines(&super::glyphs::luma(&image), &placed.print());
        let stored = Stored::Other(Plane::of(&image));
        Some(Self { image, lines, stored, scale })
    }

    /// Without the traces of JPEG saves, which do not outlive it.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene { image: &self.image, stored: &self.stored, earlier: None, grid: None }
    }

    /// Where a place of the smaller picture stands in the large one.
    pub(super) fn enlarged(&self, quad: &Quad<Upload>) -> Quad<Upload> {
        scaled(quad, 1.0 / self.scale)
    }
}

fn scaled(quad: &Quad<Upload>, scale: f64) -> Quad<Upload> {
    Quad::from_px(quad.to_px().map(|corner| corner.map(|v| v * scale)))
}

/// Lines with digits or fields.
fn is_wanted(line: &TextLine) -> bool {
    line.glyphs.iter().any(|g| g.digit || g.field.is_some())
}

/// Lines on which money, or what a field says, hangs.
fn decides(line: &TextLine) -> bool {
    line.glyphs.iter().any(Glyph::is_decisive)
}

/// The lines that are looked at, with their windows: those with digits or fields.
pub(super) fn windows(lines: &[TextLine], size: (u32, u32)) -> Vec<(&TextLine, Window)> {
    let names = |line: &TextLine| line.glyphs.iter().any(|g| g.field.is_some() || g.amount);
    let mut wanted: Vec<_> = wanted(lines, size).collect();
    wanted.sort_by_key(|(line, _)| !names(line));
    let mut left = MOST_PIXELS;
    wanted.retain(|(_, window)| {
        let pixels = window.pixels();
        let fits = pixels <= left;
        left = left.saturating_sub(if fits { pixels } else { 0 });
        fits
    });
    wanted
}

fn wanted(lines: &[TextLine], size: (u32, u32)) -> impl Iterator<Item = (&TextLine, Window)> {
    let small = lines.iter().filter(|line| line.height <= TALLEST_LINE && is_wanted(line));
    small.filter_map(move |line| Some((line, Window::around(line.quad.bounds(), size)?)))
}

/// Whether a line that decides is not among those looked at; `enlarged` tells where a place looked at stands among the
/// lines, which may be of a larger picture.
pub(super) fn leaves_out(
    lines: &[TextLine],
    windows: &[(&TextLine, Window)],
    enlarged: impl Fn(&Quad<Upload>) -> Quad<Upload>,
) -> bool {
    let seen = |line: &TextLine| {
        let (left, top, right, bottom) = line.quad.bounds();
        windows.iter().any(|(looked_at, _)| {
            let (l, t, r, b) = enlarged(&looked_at.quad).bounds();
            let (x, y) = ((l + r) / 2.0, (t + b) / 2.0);
            decides(looked_at) && (left..=right).contains(&x) && (top..=bottom).contains(&y)
        })
    };
    lines.iter().any(|line| decides(line) && !seen(line))
}

/// Fewer characters than this do not show what is usual.
const LEAST_GLYPHS: usize = 20;
/// So many of the oddest amounts are told by their mean: one alone is what sums are for, and who changes a row has to
/// change the sums below it.
const AMOUNTS: usize = 3;
/// Added to a value's score, so that the alarm of characters is that of values too: by a value, 3 of the 435 genuine
/// specimens that the weights were fitted to reach it.
const SHIFT: f64 = 1.4;
/// Added to the page's own spread, nat: the odds of no page lie closer together.
const LEAST_SPREAD: f64 = 0.5;

/// How much tells, by the model of values, that each value was put in later; of amounts, the mean of the oddest. And the
/// characters that alarm alone, wherever they stand; on a page without values that can be compared, all characters.
///
/// A character's score is how far the pixel model's log-odds lie above the page's median, in units of the page's upper
/// quartile above its median and [`LEAST_SPREAD`]. The odds themselves mean little on pictures unlike the lab's: every
/// character of a scanner's receipt may have odds of 8. What stands out on its page stands out there too. Of 291 public
/// photos and scans of receipts and bills (160 SROIE, 60 WildReceipt, 16 softmatic, 40 VAT invoices, 15 bills and records)
/// eleven have a character or a value that reaches the alarm's 4.4.
pub(super) fn measure(
    scene: &Scene,
    windows: &[(&TextLine, Window)],
    model: &mut Model,
) -> Result<Signal, ModelFailed> {
    let Told { values, glyphs } = tell(scene, windows, model)?;
    if glyphs.len() < LEAST_GLYPHS {
        return Ok(Signal::not_applicable(NAME, "too_few_characters"));
    }
    let mut told: Vec<(f64, &Value)> = values.iter().filter_map(|value| Some((value.score()?, value))).collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    let amounts: Vec<f64> = told.iter().filter(|(_, value)| value.is_money()).map(|(score, _)| *score).collect();
    let together = amounts.iter().take(AMOUNTS).sum::<f64>() / amounts.len().clamp(1, AMOUNTS) as f64;
    let score = |alone: f64, value: &Value| SHIFT + if value.is_money() { alone.min(together) } else { alone };
    let mut suspects: Vec<_> =
        told.iter().map(|(alone, value)| value.suspect(super::milli(score(*alone, value)))).collect();

    let mut order: Vec<f64> = glyphs.iter().map(|(odds, _)| *odds).collect();
    order.sort_by(f64::total_cmp);
    let (usual, upper) = (order[order.len() / 2], order[order.len() * 3 / 4]);
    let alone =
        glyphs.iter().map(|(odds, glyph)| super::suspect((odds - usual) / (upper - usual + LEAST_SPREAD), glyph, None));
    suspects.extend(alone.filter(|suspect| told.is_empty() || suspect.score >= NAME.alarm()));
    Ok(super::strongest(NAME, suspects, glyphs.len()))
}

/// What the models make of the lines looked at.
pub(super) struct Told<'a> {
    /// The values, each held against the others.
    pub values: Vec<Value>,
    /// The characters that the pixel model told of, with its log-odds.
    glyphs: Vec<(f64, &'a Glyph)>,
}

/// Runs the pixel model over the lines, and compares their values.
pub(super) fn tell<'a>(
    scene: &Scene,
    windows: &[(&'a TextLine, Window)],
    model: &mut Model,
) -> Result<Told<'a>, ModelFailed> {
    let (mut values, mut glyphs) = (Vec::new(), Vec::new());
    for (line, window) in windows {
        let planes = scene.planes(*window);
        let (w, h) = (window.width as usize, window.height as usize);
        let cells = model([1, PLANES, h, w], planes.iter().map(|v| f32::from(*v)).collect())?;
        let (across, down) = (w / CELL, h / CELL);
        if cells.len() != across * down {
            return Err(ModelFailed(format!("{} answers for {across} × {down} cells", cells.len())));
        }
        if cells.iter().any(|odds| !odds.is_finite()) {
            return Err(ModelFailed("an answer that is no number".to_owned()));
        }
        let odds: Vec<_> = line.glyphs.iter().map(|glyph| mean_within(&cells, across, window, glyph)).collect();
        glyphs.extend(line.glyphs.iter().zip(&odds).filter_map(|(glyph, odds)| Some(((*odds)?, glyph))));
        values.extend(Value::of_line(&Seeing { line, window: *window, odds, planes: &planes }));
    }
    super::values::compare(&mut values);
    Ok(Told { values, glyphs })
}

/// Mean of the cells whose middle lies in a character's box; `None` if there are none.
fn mean_within(odds: &[f32], across: usize, window: &Window, glyph: &Glyph) -> Option<f64> {
    let cell = CELL as u32;
    let cells = |low: u32, high: u32, origin: u32, count: usize| {
        let first = (low.saturating_sub(origin) + cell / 2).saturating_sub(1) / cell;
        let last = ((high.saturating_sub(origin) + cell / 2) / cell).min(count as u32);
        first..last.max(first)
    };
    let columns = cells(glyph.left, glyph.right, window.left, across);
    let (mut sum, mut count) = (0.0, 0_u32);
    for y in cells(glyph.top, glyph.bottom, window.top, odds.len() / across) {
        for x in columns.clone() {
            sum += f64::from(odds[y as usize * across + x as usize]);
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// One window of a labelled picture, to train the model on.
#[derive(Debug)]
pub struct Lesson {
    /// See [`Scene::planes`].
    pub planes: Vec<i8>,
    /// A cell each: [`Lesson::ALTERED`], [`Lesson::GENUINE`] or [`Lesson::BLANK`], row by row.
    pub labels: Vec<u8>,
}

impl Lesson {
    /// Paper as printed.
    pub const GENUINE: u8 = 0;
    /// Put in later.
    pub const ALTERED: u8 = 1;
    /// Nothing printed there.
    pub const BLANK: u8 = 255;
}

/// Pixels so much darker than what is around are print, grey levels.
pub(super) const INK: i8 = -28;

/// What windows of a photo teach: print inside the altered boxes, `[left, top, right, bottom]`, is altered.
pub fn lessons(original: &Original, windows: &[Window], altered: &[[f64; 4]]) -> Vec<Lesson> {
    let stored = Stored::of(original);
    let boxes: Vec<_> = windows.iter().map(|window| window.stored(stored.plane())).collect();
    let earlier = Earlier::of(original, stored.jpeg()).ok();
    let grid = Grid::of(original, stored.jpeg(), stored.plane(), &boxes).ok();
    let scene = Scene { image: original.image, stored: &stored, earlier: earlier.as_ref(), grid: grid.as_ref() };
    windows.iter().map(|window| lesson(&scene, *window, altered)).collect()
}

fn lesson(scene: &Scene, window: Window, altered: &[[f64; 4]]) -> Lesson {
    let planes = scene.planes(window);
    let (w, h) = (window.width as usize, window.height as usize);
    let label = |cell: usize| {
        let (x, y) = (cell % (w / CELL) * CELL, cell / (w / CELL) * CELL);
        // Print within the cell or next to it: its edges are where the traces are.
        let near = |v: usize, most: usize| v.saturating_sub(CELL)..(v + 2 * CELL).min(most);
        let printed = near(y, h).any(|y| near(x, w).any(|x| planes[y * w + x] <= INK));
        let middle = |v: usize, origin: u32| f64::from(origin) + (v + CELL / 2) as f64;
        let (cx, cy) = (middle(x, window.left), middle(y, window.top));
        let inside = altered.iter().any(|[l, t, r, b]| (*l..*r).contains(&cx) && (*t..*b).contains(&cy));
        match (printed, inside) {
            (false, _) => Lesson::BLANK,
            (true, true) => Lesson::ALTERED,
            (true, false) => Lesson::GENUINE,
        }
    };
    let labels = (0..w * h / (CELL * CELL)).map(label).collect();
    Lesson { planes, labels }
}

#[cfg(test)]
mod tests {
    use super::super::jpeg::Jpeg;
    use super::*;
    use crate::domain::Quad;
    use image::Rgb;

    fn scene<'a>(image: &'a RgbImage, stored: &'a Stored) -> Scene<'a> {
        Scene { image, stored, earlier: None, grid: None }
    }

    fn line(glyphs: Vec<Glyph>, height: f64) -> TextLine {
        TextLine { quad: Quad::rect(100.0, 60.0, 300.0, 60.0 + height), height, threshold: 100, glyphs }
    }

    fn digit(left: u32) -> Glyph {
        Glyph { left, top: 64, right: left + 12, bottom: 80, ink: 60, field: None, digit: true, amount: true }
    }

    #[test]
    fn windows_hold_their_line_and_stay_inside() {
        let size = (640, 200);
        for bounds in [(100.0, 60.0, 300.0, 84.0), (0.0, 0.0, 5.0, 5.0), (600.0, 190.0, 640.0, 200.0)] {
            let w = Window::around(bounds, size).unwrap();
            assert!(w.left + w.width <= size.0 && w.top + w.height <= size.1, "{bounds:?} {w:?}");
            assert!([w.left, w.top, w.width, w.height].iter().all(|v| v % STEP == 0), "{w:?}");
            assert!(f64::from(w.left) <= bounds.0 && f64::from(w.left + w.width) >= bounds.2, "{bounds:?} {w:?}");
            assert!(f64::from(w.top) <= bounds.1 && f64::from(w.top + w.height) >= bounds.3, "{bounds:?} {w:?}");
            assert!(w.height >= LEAST_WINDOW[0] && w.width >= LEAST_WINDOW[1], "{w:?}");
        }
        assert_eq!(Window::around((0.0, 0.0, 30.0, 20.0), (60, 40)), None);
    }

    #[test]
    fn planes_tell_ink_from_paper_and_the_files_blocks() {
        let ink = |x: u32, y: u32| (100..112).contains(&x) && (60..76).contains(&y);
        let image =
            RgbImage::from_fn(320, 160, |x, y| if ink(x, y) { Rgb([40, 40, 90]) } else { Rgb([220, 220, 220]) });
        let stored = Stored::Jpeg(Jpeg { table: [1; 64], plane: Plane::of(&image) });
        let window = Window { left: 64, top: 48, width: 96, height: 48 };
        let planes = scene(&image, &stored).planes(window);
        let at = |p: usize, x: u32, y: u32| planes[p * 96 * 48 + (y - 48) as usize * 96 + (x - 64) as usize];
        assert!(at(0, 105, 68) <= INK && at(0, 140, 68) == 0, "{} {}", at(0, 105, 68), at(0, 140, 68));
        assert!(at(1, 100, 68) < 0 && at(1, 105, 68) == 0, "the edge alone is unlike what touches it");
        assert!(at(2, 105, 68) > 40 && at(3, 105, 68) == 0, "the ink is blue");
        assert_eq!([at(7, 64, 60), at(7, 71, 60), at(7, 67, 60), at(8, 67, 56)], [64, 64, 0, 64]);
        // Without a JPEG there are no blocks.
        let stored = Stored::Other(Plane::of(&image));
        assert!(scene(&image, &stored).planes(window)[7 * 96 * 48..].iter().all(|v| *v == 0));
    }

    /// Two lines of three amounts each, of four digits.
    fn amounts() -> (RgbImage, [TextLine; 3]) {
        let row = |top: u32| -> Vec<Glyph> {
            let left = |i: u32| 100 + i / 4 * 120 + i % 4 * 16;
            (0..12).map(|i| Glyph { left: left(i), top, right: left(i) + 10, bottom: top + 16, ..digit(0) }).collect()
        };
        let wide = |top: u32, glyphs: Vec<Glyph>, height: f64| TextLine {
            quad: Quad::rect(100.0, top.into(), 420.0, f64::from(top) + 24.0),
            ..line(glyphs, height)
        };
        let lines = [wide(60, row(64), 24.0), wide(120, row(124), 24.0), line(vec![digit(120)], 90.0)];
        let inked = |x: u32, y: u32| {
            let mut glyphs = lines[..2].iter().flat_map(|line| &line.glyphs);
            glyphs.any(|g| (g.left..g.right).contains(&x) && (g.top..g.bottom).contains(&y) && (x - g.left) % 6 < 3)
        };
        (RgbImage::from_fn(640, 200, |x, y| Rgb([if inked(x, y) { 50 } else { 220 }; 3])), lines)
    }

    #[test]
    fn a_value_is_told_by_the_cells_of_its_characters_and_a_failure_is_no_answer() {
        let (image, lines) = amounts();
        let stored = Stored::Other(Plane::of(&image));
        let windows = windows(&lines, (640, 200));
        assert_eq!(windows.len(), 2, "a line taller than any the model has seen is left out");
        let window = windows[0].1;
        // Odds of 3 in the columns of the second amount of the first line, of -3 elsewhere.
        let model = |asked: &mut usize, shape: [usize; 4], planes: Vec<f32>| {
            assert_eq!(planes.len(), shape.iter().product::<usize>());
            let across = shape[3] / CELL;
            *asked += 1;
            let hot = |i: usize| {
                let x = window.left as usize + i % across * CELL + CELL / 2;
                if *asked == 1 && (216..290).contains(&x) { 3.0 } else { -3.0 }
            };
            Ok((0..shape[2] / CELL * across).map(hot).collect())
        };
        let mut asked = 0;
        let scene = scene(&image, &stored);
        let Told { values, glyphs } = tell(&scene, &windows, &mut |s, p| model(&mut asked, s, p)).unwrap();
        assert_eq!((values.len(), glyphs.len()), (6, 24));
        // Above the page's median by 6, a fifth less for as few as four characters.
        let lift = |value: &Value| (value.features[2 * 16].exp_m1() * 10.0).round() as i32;
        assert_eq!(values.iter().map(lift).collect::<Vec<_>>(), [0, 48, 0, 0, 0, 0]);
        asked = 0;
        let signal = measure(&scene, &windows, &mut |s, p| model(&mut asked, s, p)).unwrap();
        // Its four characters stand out alone as well; amounts are told by the three oddest together.
        assert_eq!((signal.tested, signal.suspects.len()), (24, 10));
        assert_eq!((signal.score, signal.suspects[3].score), (Some(12_000), 12_000));
        assert_eq!(signal.suspects[4].polygon, values[1].polygon);
        let odds: Vec<f64> = values.iter().filter_map(Value::score).collect();
        assert!(odds[1] > odds[0] && signal.suspects[4].score < super::super::milli(SHIFT + odds[1]), "{odds:?}");
        let mut broken = |_: [usize; 4], _: Vec<f32>| Err(ModelFailed("no".to_owned()));
        assert!(measure(&scene, &windows, &mut broken).is_err());
        let mut short = |_: [usize; 4], _: Vec<f32>| Ok(vec![0.0]);
        assert!(measure(&scene, &windows, &mut short).is_err());
        let mut nothing = |shape: [usize; 4], _: Vec<f32>| Ok(vec![f32::NAN; shape[2] / CELL * (shape[3] / CELL)]);
        assert!(measure(&scene, &windows, &mut nothing).is_err());
        let few = measure(&scene, &windows[..1], &mut |s, p| model(&mut 0, s, p)).unwrap();
        assert_eq!((few.score, few.not_applicable.as_deref()), (None, Some("too_few_characters")));
    }

    #[test]
    fn print_inside_an_altered_box_teaches_alteration() {
        let image =
            RgbImage::from_fn(320, 160, |x, y| Rgb([if (60..76).contains(&y) && x % 16 < 8 { 40 } else { 220 }; 3]));
        let original = Original { bytes: &[], from_pdf: false, image: &image };
        let window = Window { left: 64, top: 40, width: 192, height: 48 };
        let lesson = lessons(&original, &[window], &[[100.0, 50.0, 140.0, 90.0]]).remove(0);
        let at = |x: u32, y: u32| lesson.labels[((y - 40) / 4 * 48 + (x - 64) / 4) as usize];
        assert_eq!([at(112, 68), at(180, 68), at(112, 44)], [Lesson::ALTERED, Lesson::GENUINE, Lesson::BLANK]);
        assert_eq!(lesson.planes.len(), PLANES * 192 * 48);
    }
}
