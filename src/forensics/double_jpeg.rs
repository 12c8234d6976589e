//! Characters whose coefficients lack the traces of the page's earlier JPEG save.
//!
//! Where a photo was saved twice on the same grid, its coefficients keep the steps of the first table under those of the
//! second. What was altered in between has no such steps. The likelihood of both stories is compared for every block, as
//! in Bianchi & Piva, "Image forgery localization via block-grained analysis of JPEG artifacts" (IEEE TIFS 2012), and
//! told for every character.

use super::Original;
use super::glyphs::{Glyph, TextLine};
use super::jpeg::{Jpeg, Plane, ZIGZAG, basis, reference_table};
use crate::domain::pixels::{Signal, SignalName};

const NAME: SignalName = SignalName::DoubleJpeg;
/// Fewer characters than this do not show what is usual.
const LEAST_GLYPHS: usize = 20;
/// Frequencies looked at, from the lowest on; higher ones are mostly zero.
const FREQUENCIES: usize = 12;
/// Steps of the earlier save that are tried.
const STEPS: std::ops::RangeInclusive<u16> = 2..=30;
/// Gain of the better story, in nat a coefficient, from which on a frequency was saved before.
const LEAST_GAIN: f64 = 0.02;
/// Blocks that a histogram is made of.
const LEAST_BLOCKS: f64 = 400.0;
/// Frequencies that must show an earlier save.
const LEAST_FREQUENCIES: usize = 3;
/// Noise of a coefficient between both saves, from rounding and clipping the pixels.
const NOISE: f64 = 0.45;
/// Share of blocks that may have no earlier save on a page that has one.
const STRAY: f64 = 0.05;
/// What one block may say, nat.
const CLIP: f64 = 4.0;

/// What every block of a JPEG says of an earlier save on the same grid.
pub(super) struct Earlier {
    blocks_across: usize,
    /// Log-likelihood of saved twice over saved once, nat, at most [`CLIP`] either way; `None` where pixels are clipped.
    says: Vec<Option<f64>>,
    /// Quality of the earlier save, if a reference table has its steps.
    pub(super) quality: Option<u8>,
}

impl Earlier {
    /// A stable word for why there is nothing to look at, if so.
    pub(super) fn of(original: &Original, jpeg: Option<&Jpeg>) -> Result<Self, &'static str> {
        if original.from_pdf {
            return Err("not_a_photo");
        }
        let Some(jpeg) = jpeg else { return Err("no_jpeg") };
        let plane = &jpeg.plane;
        if plane.width < 64 || plane.height < 64 {
            return Err("too_few_characters");
        }
        let (blocks, shifted) = (Blocks::of(plane, 0), Blocks::of(plane, 4));
        let stories: Vec<Story> =
            (0..FREQUENCIES).filter_map(|i| Story::of(i, jpeg.table[ZIGZAG[i + 1]], &blocks, &shifted)).collect();
        if stories.len() < LEAST_FREQUENCIES {
            return Err("no_earlier_save");
        }
        let says = |block: &Option<[f32; FREQUENCIES]>| {
            let block = block.as_ref()?;
            Some(stories.iter().map(|story| story.says(block[story.frequency])).sum::<f64>().clamp(-CLIP, CLIP))
        };
        let says = blocks.values.iter().map(says).collect();
        Ok(Self { blocks_across: blocks.across, says, quality: quality(&stories) })
    }

    /// What the block at a pixel of the stored plane says, in parts of the most that one may say, -1..=1; 0 if nothing.
    pub(super) fn at(&self, x: usize, y: usize) -> f64 {
        let across = x / 8;
        let block = (across < self.blocks_across).then(|| self.says.get(y / 8 * self.blocks_across + across));
        block.flatten().copied().flatten().unwrap_or(0.0) / CLIP
    }

    /// Mean of what blocks say within a box, by the area that they share with it; `None` if less than half of it says
    /// anything.
    fn mean_within(&self, [l, t, r, b]: [usize; 4]) -> Option<f64> {
        let (mut sum, mut area) = (0.0, 0.0);
        for y in t / 8..b.div_ceil(8) {
            for x in (l / 8..r.div_ceil(8)).filter(|x| *x < self.blocks_across) {
                let Some(says) = self.says.get(y * self.blocks_across + x).copied().flatten() else { continue };
                let shared = ((8 * x + 8).min(r) - (8 * x).max(l)) * ((8 * y + 8).min(b) - (8 * y).max(t));
                sum += says * shared as f64;
                area += shared as f64;
            }
        }
        (2.0 * area >= ((r - l) * (b - t)) as f64).then(|| sum / area)
    }
}

/// How far each character lacks the earlier save: -log10 of the number of characters that chance lets lack it as much on
/// such a page.
pub(super) fn measure(earlier: &Result<Earlier, &'static str>, plane: &Plane, lines: &[TextLine]) -> Signal {
    let earlier = match earlier {
        Ok(earlier) => earlier,
        Err(why) => return Signal::not_applicable(NAME, why),
    };
    let glyphs: Vec<&Glyph> = lines.iter().flat_map(|line| &line.glyphs).collect();
    if glyphs.len() < LEAST_GLYPHS {
        return Signal::not_applicable(NAME, "too_few_characters");
    }
    let told: Vec<(f64, &Glyph)> =
        glyphs.iter().filter_map(|glyph| Some((earlier.mean_within(plane.place(glyph, 0))?, *glyph))).collect();
    if told.len() < LEAST_GLYPHS {
        return Signal::not_applicable(NAME, "clipped");
    }
    let mut order: Vec<f64> = told.iter().map(|(v, _)| *v).collect();
    order.sort_by(f64::total_cmp);
    let (low, usual) = (order[order.len() / 10], order[order.len() / 2]);
    if low < LEAST_LOW {
        return Signal::not_applicable(NAME, "faint_earlier_save");
    }
    let tests = (told.len() as f64).log10();
    let scores: Vec<_> = told.iter().map(|(v, glyph)| (-tests - log10_tail(*v, low, usual), *glyph, None)).collect();
    super::told(NAME, &scores)
}

/// Nat a block that nine of ten characters must speak for an earlier save with: less, and its lack tells nothing.
const LEAST_LOW: f64 = 1.0;

/// How likely a genuine character of a page speaks for an earlier save with no more than `says` nat a block, log 10. A
/// tenth of the page's own say no more than `low`; below it the tail falls tenfold every `0.7 + (usual - low)` nat.
/// Measured on 27 genuine pages saved at quality 95 after one at 75 to 93, 9,372 characters: where one
/// in a thousand lies this tells one in 350; the largest score was 1.2. Of 60 scanned and 60 photographed receipts as
/// published, 21 of which can be measured, it was 1.5; 2 is an alarm.
fn log10_tail(says: f64, low: f64, usual: f64) -> f64 {
    (-1.0 - (low - says) / (0.7 + usual - low)).min(0.0)
}

/// The lowest coefficients of every block of a plane.
struct Blocks {
    across: usize,
    /// `None` where pixels are black or white: cut off there, they keep no steps.
    values: Vec<Option<[f32; FREQUENCIES]>>,
}

impl Blocks {
    /// Of whole blocks from `shift` pixels right and down of the corner.
    fn of(plane: &Plane, shift: usize) -> Self {
        let basis = basis();
        let (across, down) = ((plane.width - shift) / 8, (plane.height - shift) / 8);
        let mut values = Vec::with_capacity(across * down);
        for (by, bx) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
            let row = |n: usize| &plane.luma[(by * 8 + shift + n) * plane.width + bx * 8 + shift..][..8];
            if (0..8).any(|n| row(n).iter().any(|v| *v < 0.5 || *v > 254.5)) {
                values.push(None);
                continue;
            }
            // The first 12 in zigzag order lie in the first 5 rows and columns.
            let mut half = [[0.0_f32; 8]; 5];
            for n in 0..8 {
                for (half, basis) in half.iter_mut().zip(&basis) {
                    for (h, v) in half.iter_mut().zip(row(n)) {
                        *h += basis[n] * v;
                    }
                }
            }
            values.push(Some(std::array::from_fn(|i| {
                let (v, u) = (ZIGZAG[i + 1] / 8, ZIGZAG[i + 1] % 8);
                half[v].iter().zip(&basis[u]).map(|(h, b)| h * b).sum()
            })));
        }
        Self { across, values }
    }
}

/// Largest coefficient told apart, in steps of the last save.
const LARGEST: i32 = 200;

/// What the coefficients of one frequency tell of an earlier save with a step of its own.
struct Story {
    /// Index into a block's values.
    frequency: usize,
    /// Step of the last save.
    last: f64,
    /// Step of the earlier one.
    step: u16,
    /// Log-likelihood of saved twice over saved once, for each number of steps from -[`LARGEST`] on.
    gain: Vec<f64>,
}

impl Story {
    fn of(frequency: usize, last: u16, blocks: &Blocks, shifted: &Blocks) -> Option<Self> {
        let last = f64::from(last);
        let places = (2 * LARGEST + 1) as usize;
        let mut seen = vec![0.0; places];
        for block in blocks.values.iter().flatten() {
            seen[place(f64::from(block[frequency]) / last)] += 1.0;
        }
        // Four pixels off the grid no save has left its steps: the histogram of the unsaved picture, in half units.
        let widest = (2.0 * last * f64::from(LARGEST)) as i32;
        let mut unsaved = vec![0.0; (2 * widest + 1) as usize];
        for block in shifted.values.iter().flatten() {
            unsaved[((2.0 * block[frequency]).round() as i32).clamp(-widest, widest).wrapping_add(widest) as usize] +=
                1.0;
        }
        let coefficient = |i: usize| (i as i32 - widest) as f64 / 2.0;
        let mut once = vec![0.0; places];
        for (i, n) in unsaved.iter().enumerate().filter(|(_, n)| **n > 0.0) {
            once[place(coefficient(i) / last)] += n;
        }
        let count: f64 = seen.iter().sum();
        if count < LEAST_BLOCKS {
            return None;
        }
        let smooth = |v: &mut Vec<f64>| {
            let sum: f64 = v.iter().sum::<f64>() + 0.5 * places as f64 * 0.01;
            v.iter_mut().for_each(|p| *p = (*p + 0.005) / sum);
        };
        smooth(&mut once);
        let mut best: Option<(f64, u16, Vec<f64>)> = None;
        for step in STEPS.filter(|step| f64::from(*step) != last) {
            let earlier = f64::from(step);
            let mut steps = std::collections::BTreeMap::new();
            for (i, n) in unsaved.iter().enumerate().filter(|(_, n)| **n > 0.0) {
                *steps.entry((coefficient(i) / earlier).round() as i32).or_insert(0.0) += n;
            }
            let mut twice = vec![0.0; places];
            for (k, n) in steps {
                let middle = f64::from(k) * earlier / last;
                let nearest = middle.round();
                for to in [nearest - 1.0, nearest, nearest + 1.0] {
                    let edge = |side: f64| normal((to + side - middle) * last / NOISE);
                    twice[place(to)] += n * (edge(0.5) - edge(-0.5));
                }
            }
            smooth(&mut twice);
            let gain: Vec<f64> =
                twice.iter().zip(&once).map(|(t, o)| (((1.0 - STRAY) * t + STRAY * o) / o).ln()).collect();
            let mean = gain.iter().zip(&seen).map(|(g, n)| g * n).sum::<f64>() / count;
            if best.as_ref().is_none_or(|(most, ..)| mean > *most) {
                best = Some((mean, step, gain));
            }
        }
        let (mean, step, gain) = best?;
        (mean > LEAST_GAIN).then_some(Self { frequency, last, step, gain })
    }

    fn says(&self, coefficient: f32) -> f64 {
        self.gain[place(f64::from(coefficient) / self.last)]
    }
}

/// Index of a number of steps.
fn place(steps: f64) -> usize {
    (steps.round().clamp(f64::from(-LARGEST), f64::from(LARGEST)) as i32 + LARGEST) as usize
}

/// The normal distribution up to `x`, to 1e-4 (Bowling et al. 2009).
fn normal(x: f64) -> f64 {
    1.0 / (1.0 + (-1.5976 * x - 0.07056 * x.powi(3)).exp())
}

/// Largest mean difference of the found steps from those of a reference table, as a share of them.
const LIKE_REFERENCE: f64 = 0.15;

/// The quality whose reference table has the steps found, if any has.
fn quality(stories: &[Story]) -> Option<u8> {
    let apart = |quality: u8| {
        let table = reference_table(quality);
        let apart = stories.iter().map(|story| {
            let step = f64::from(table[ZIGZAG[story.frequency + 1]]);
            (f64::from(story.step) - step).abs() / step
        });
        apart.sum::<f64>() / stories.len() as f64
    };
    let (apart, quality) = (1..=100).map(|q| (apart(q), q)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    (apart <= LIKE_REFERENCE).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Quad;
    use image::{Rgb, RgbImage};
    use jpeg_encoder::{ColorType, Encoder};

    fn saved(image: &RgbImage, quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (w, h) = (image.width() as u16, image.height() as u16);
        Encoder::new(&mut bytes, quality).encode(image.as_raw(), w, h, ColorType::Rgb).unwrap();
        bytes
    }

    /// Soft print on grey paper with grain.
    fn page() -> RgbImage {
        RgbImage::from_fn(640, 480, |x, y| {
            let wave = ((f64::from(x) * 0.9).sin() + (f64::from(y) * 0.7 + f64::from(x) * 0.13).sin()) * 35.0;
            let grain = ((x * 7919) ^ (y * 104_729) ^ (x * y * 31)) % 11;
            Rgb([(130.0 + wave) as u8 + grain as u8; 3])
        })
    }

    fn lines() -> Vec<TextLine> {
        let glyph = |i: u32| {
            let (left, top) = (16 + i % 15 * 40, 20 + i / 15 * 60);
            Glyph { left, top, right: left + 18, bottom: top + 24, ink: 100, field: None, digit: true, amount: true }
        };
        let glyphs = (0..105).map(glyph).collect();
        vec![TextLine { quad: Quad::rect(0.0, 0.0, 640.0, 480.0), height: 24.0, threshold: 100, glyphs }]
    }

    fn told(bytes: &[u8]) -> (Signal, Option<u8>) {
        let image = image::load_from_memory(bytes).unwrap().into_rgb8();
        let jpeg = Jpeg::of(bytes, image.dimensions()).unwrap();
        let earlier = Earlier::of(&Original { bytes, from_pdf: false, image: &image }, Some(&jpeg));
        (measure(&earlier, &jpeg.plane, &lines()), earlier.ok().and_then(|e| e.quality))
    }

    #[test]
    fn what_was_painted_between_two_saves_stands_out() {
        let mut image = image::load_from_memory(&saved(&page(), 70)).unwrap().into_rgb8();
        // Over the twentieth character, as it was before the first save and shifted.
        let fresh = image::imageops::crop_imm(&page(), 200, 200, 24, 30).to_image();
        image::imageops::replace(&mut image, &fresh, 16 + 4 * 40 - 3, 80 - 3);
        let (signal, earlier) = told(&saved(&image, 95));
        assert_eq!(earlier, Some(70));
        assert_eq!(signal.suspects[0].polygon, Quad::rect(176.0, 80.0, 194.0, 104.0), "{signal:?}");
        assert!(signal.suspects[0].score > 2000 && signal.suspects[1].score < 1000, "{signal:?}");
    }

    #[test]
    fn one_save_has_no_earlier_one() {
        let (signal, earlier) = told(&saved(&page(), 95));
        assert_eq!((signal.not_applicable.as_deref(), earlier), (Some("no_earlier_save"), None));
    }
}
