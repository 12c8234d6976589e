//! Characters that are copies of each other to the noise.
//!
//! Two prints of one digit differ by toner, paper and sensor noise. A digit that was copied within the photo differs
//! from its original by no more than what saving it again did to both.

use super::glyphs::{Glyph, TextLine};
use crate::domain::pixels::{Signal, SignalName};
use image::GrayImage;

/// How a character compares with the other one that it differs least from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// Which other, as its place among [`characters`].
    pub other: usize,
    /// Mean absolute difference at the best shift, less the median difference; grey levels.
    pub difference: f64,
    /// The same for the second nearest, if there is one.
    pub second: Option<f64>,
    /// Normalised cross-correlation with the most alike, -1..=1.
    pub correlation: f64,
    /// Grey levels between the character's ink and paper.
    pub contrast: f64,
}

/// All characters of a page, line after line.
pub(super) fn characters(lines: &[TextLine]) -> Vec<&Glyph> {
    lines.iter().flat_map(|line| &line.glyphs).collect()
}

/// Boxes that differ by more pixels than this in width or height are not compared.
const SIZES_DIFFER: u32 = 2;
/// The most alike by shape are compared pixel by pixel, at most so many for each.
const COMPARED: usize = 16;
/// Least cosine of two shapes to be compared.
const LEAST_ALIKE: f32 = 0.75;
/// Paper around a character that is compared with it, and the largest shift tried, pixels.
const MARGIN: i32 = 1;
const SHIFT: i32 = 2;

/// For each character that is a digit, how it compares with all others of the page.
pub(super) fn nearest(luma: &GrayImage, lines: &[TextLine]) -> Vec<Option<Likeness>> {
    let all = characters(lines);
    let shapes: Vec<Option<Shape>> = all.iter().map(|g| Shape::of(luma, g)).collect();
    let mut found = vec![None; all.len()];
    let mut alike: Vec<(f32, usize)> = Vec::new();
    for (i, (glyph, shape)) in all.iter().zip(&shapes).enumerate() {
        let (true, Some(shape)) = (glyph.digit, shape) else { continue };
        alike.clear();
        for (k, (other, other_shape)) in all.iter().zip(&shapes).enumerate() {
            let Some(other_shape) = other_shape else { continue };
            let fits = glyph.width().abs_diff(other.width()) <= SIZES_DIFFER
                && glyph.height().abs_diff(other.height()) <= SIZES_DIFFER
                && !overlap(glyph, other);
            if k == i || !fits {
                continue;
            }
            let cosine = shape.cosine(other_shape);
            if cosine >= LEAST_ALIKE {
                alike.push((cosine, k));
            }
        }
        alike.sort_by(|a, b| b.0.total_cmp(&a.0));
        alike.truncate(COMPARED);
        let contrast = contrast(luma, glyph);
        let mut likeness: Option<Likeness> = None;
        for (_, k) in &alike {
            let Some((difference, correlation)) = compare(luma, glyph, all[*k]) else { continue };
            likeness = Some(match likeness {
                None => Likeness { other: *k, difference, second: None, correlation, contrast },
                Some(best) if difference < best.difference => Likeness {
                    other: *k,
                    difference,
                    second: Some(best.difference),
                    correlation: best.correlation.max(correlation),
                    contrast,
                },
                Some(best) => Likeness {
                    second: Some(best.second.map_or(difference, |s| s.min(difference))),
                    correlation: best.correlation.max(correlation),
                    ..best
                },
            });
        }
        found[i] = likeness;
    }
    found
}

/// Between the darkest and the lightest tenth of a character's pixels.
fn contrast(luma: &GrayImage, glyph: &Glyph) -> f64 {
    let mut values: Vec<u8> = (glyph.top..glyph.bottom)
        .flat_map(|y| (glyph.left..glyph.right).map(move |x| luma.get_pixel(x, y).0[0]))
        .collect();
    values.sort_unstable();
    let tenth = values.len() / 10;
    f64::from(values[values.len() - 1 - tenth] - values[tenth])
}

fn overlap(a: &Glyph, b: &Glyph) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

const COLUMNS: usize = 6;
const ROWS: usize = 8;

/// A character's luma in a few cells, of mean 0 and length 1: what it is, not how it was printed.
struct Shape([f32; COLUMNS * ROWS]);

impl Shape {
    fn of(luma: &GrayImage, glyph: &Glyph) -> Option<Self> {
        let mut cells = [0.0; COLUMNS * ROWS];
        let (w, h) = (glyph.width() as usize, glyph.height() as usize);
        for (row, cell_row) in cells.chunks_exact_mut(COLUMNS).enumerate() {
            let ys = row * h / ROWS..((row + 1) * h).div_ceil(ROWS);
            for (column, cell) in cell_row.iter_mut().enumerate() {
                let xs = column * w / COLUMNS..((column + 1) * w).div_ceil(COLUMNS);
                let count = (xs.len() * ys.len()) as f32;
                let sum: u32 = ys
                    .clone()
                    .flat_map(|y| xs.clone().map(move |x| (x, y)))
                    .map(|(x, y)| u32::from(luma.get_pixel(glyph.left + x as u32, glyph.top + y as u32).0[0]))
                    .sum();
                *cell = sum as f32 / count;
            }
        }
        let mean = cells.iter().sum::<f32>() / cells.len() as f32;
        cells.iter_mut().for_each(|c| *c -= mean);
        let length = cells.iter().map(|c| c * c).sum::<f32>().sqrt();
        (length > 1.0).then(|| Self(cells.map(|c| c / length)))
    }

    fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// Mean absolute difference less the median one, and correlation, at the shift where two characters differ least.
fn compare(luma: &GrayImage, a: &Glyph, b: &Glyph) -> Option<(f64, f64)> {
    let (w, h) = (a.width() as i32 + 2 * MARGIN, a.height() as i32 + 2 * MARGIN);
    let (ax, ay) = (a.left as i32 - MARGIN, a.top as i32 - MARGIN);
    let (bx, by) = (b.left as i32 - MARGIN, b.top as i32 - MARGIN);
    let (width, height) = (luma.width() as i32, luma.height() as i32);
    let inside = |x: i32, y: i32, room: i32| x >= room && y >= room && x + w + room <= width && y + h + room <= height;
    if !inside(ax, ay, 0) || !inside(bx, by, SHIFT) {
        return None;
    }
    let pixels = luma.as_raw();
    let row = |x: i32, y: i32| &pixels[(y * width + x) as usize..][..w as usize];
    let count = i64::from(w * h);
    // The shift shows as well in a few rows of a large character.
    let step = (h / 16).max(1) as usize;
    let sampled = i64::from(w) * (0..h).step_by(step).count() as i64;
    let mut best: Option<(i64, i32, i32)> = None;
    for dy in -SHIFT..=SHIFT {
        for dx in -SHIFT..=SHIFT {
            let (mut sum, mut square) = (0_i32, 0_i32);
            for y in (0..h).step_by(step) {
                for (p, q) in row(ax, ay + y).iter().zip(row(bx + dx, by + dy + y)) {
                    let d = i32::from(*p) - i32::from(*q);
                    sum += d;
                    square += d * d;
                }
            }
            let spread = i64::from(square) * sampled - i64::from(sum).pow(2);
            if best.is_none_or(|b| spread < b.0) {
                best = Some((spread, dx, dy));
            }
        }
    }
    let (_, dx, dy) = best?;
    let mut histogram = [0_u32; 511];
    let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0_i64, 0_i64, 0_i64, 0_i64, 0_i64);
    for y in 0..h {
        for (p, q) in row(ax, ay + y).iter().zip(row(bx + dx, by + dy + y)) {
            let (p, q) = (i64::from(*p), i64::from(*q));
            histogram[(p - q + 255) as usize] += 1;
            (sa, sb, saa, sbb, sab) = (sa + p, sb + q, saa + p * p, sbb + q * q, sab + p * q);
        }
    }
    let mut below = 0;
    let median = histogram.iter().position(|n| {
        below += i64::from(*n);
        2 * below >= count
    })? as i64;
    let sum: i64 = histogram.iter().zip(0_i64..).map(|(n, d)| i64::from(*n) * (d - median).abs()).sum();
    let (va, vb) = ((saa * count - sa * sa) as f64, (sbb * count - sb * sb) as f64);
    let correlation = (sab * count - sa * sb) as f64 / (va * vb).sqrt().max(1.0);
    Some((sum as f64 / count as f64, correlation))
}

/// Less alike than this is another character.
const LEAST_CORRELATION: f64 = 0.85;
/// Fewer characters with a like than this show no usual difference.
const LEAST_CHARACTERS: usize = 6;
/// Added to differences before the logarithm, grey levels: rounding makes smaller ones meaningless.
const ROUNDING: f64 = 0.3;
/// Added to the page's scale of logarithms, so that a page of very even differences does not make specks of them.
const SCALE_FLOOR: f64 = 0.08;
/// A thin character (a one) differs little from any other for want of ink: power of its width over its height by which
/// differences are made comparable.
const THINNESS: f64 = 0.3;
/// Share of the score that how much nearer the nearest is than the second nearest has. A copy has one twin.
const TWIN: f64 = 0.3;
/// A page is drawn by a computer where the second nearest of one character in four differs by less than this share of
/// the contrast of ink and paper. Of 40 printed e-invoices 29 drawn ones lie at 0.0003..0.03, scans and photos above
/// 0.046, also after saving at any quality.
const DRAWN: f64 = 0.037;

/// How many scales of the page's logarithms a digit of an amount or a field is nearer to its like than is usual.
///
/// The limit of an alarm is that of [`SignalName::alarm`].
pub(super) fn measure(lines: &[TextLine], nearest: &[Option<Likeness>]) -> Signal {
    let all = characters(lines);
    let alike: Vec<(usize, &Likeness)> = nearest
        .iter()
        .enumerate()
        .filter_map(|(i, likeness)| Some((i, likeness.as_ref()?)))
        .filter(|(_, likeness)| likeness.correlation > LEAST_CORRELATION)
        .collect();
    if alike.len() < LEAST_CHARACTERS {
        return Signal::not_applicable(SignalName::CopiedGlyphs, "too_few_characters");
    }
    let mut seconds: Vec<f64> =
        alike.iter().filter_map(|(_, likeness)| Some(likeness.second? / likeness.contrast.max(1.0))).collect();
    seconds.sort_by(f64::total_cmp);
    if seconds.get(seconds.len() / 4).is_some_and(|second| *second < DRAWN) {
        return Signal::not_applicable(SignalName::CopiedGlyphs, "drawn_by_computer");
    }
    let log = |difference: f64| (difference + ROUNDING).ln();
    let level = |(i, likeness): &(usize, &Likeness)| {
        log(likeness.difference) - THINNESS * (f64::from(all[*i].width()) / f64::from(all[*i].height())).ln()
    };
    let levels: Vec<f64> = alike.iter().map(level).collect();
    let usual = median(&mut levels.clone());
    let scale = 1.4826 * median(&mut levels.iter().map(|l| (l - usual).abs()).collect::<Vec<_>>()) + SCALE_FLOOR;
    let scores: Vec<_> = alike
        .iter()
        .zip(&levels)
        .filter(|((i, _), _)| all[*i].is_decisive())
        .map(|((i, likeness), level)| {
            let lead = likeness.second.map_or(0.0, |second| log(second) - log(likeness.difference));
            let score = ((1.0 - TWIN) * (usual - level) + TWIN * lead) / scale;
            (score, all[*i], Some(all[likeness.other]))
        })
        .collect();
    super::told(SignalName::CopiedGlyphs, &scores)
}

/// The upper median; 0 of nothing.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(half, f64::total_cmp).1 }
}

#[cfg(test)]
mod tests {
    use super::super::glyphs;
    use super::*;
    use crate::domain::Quad;
    use crate::forensics::Print;
    use image::Luma;

    /// Rows of eights printed with noise of their own, of this many grey levels, drawn from `seed`.
    fn page(noise: u32) -> GrayImage {
        let mut seed = 7_u32;
        GrayImage::from_fn(300, 200, |x, y| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (cx, cy) = (x % 20, y % 40);
            let ring = |from: u32, to: u32| {
                (4..14).contains(&cx)
                    && (from..to).contains(&cy)
                    && !((7..11).contains(&cx) && (from + 3..to - 3).contains(&cy))
            };
            let level = if ring(10, 20) || ring(18, 28) { 60 } else { 220 };
            Luma([(level + (seed >> 16) % noise.max(1)) as u8])
        })
    }

    fn score(page: &GrayImage) -> Signal {
        let quads: Vec<_> =
            (0..5).map(|i| Quad::rect(0.0, f64::from(i) * 40.0 + 6.0, 300.0, f64::from(i) * 40.0 + 32.0)).collect();
        let print = Print { lines: &quads, texts: &["888888888888888.88"; 5], fields: &[] };
        let lines = glyphs::lines(page, &print);
        measure(&lines, &nearest(page, &lines))
    }

    #[test]
    fn a_copied_digit_and_its_like_are_found_among_digits_printed_anew() {
        let mut page = page(30);
        let genuine = score(&page).score.unwrap();
        assert!(genuine < SignalName::CopiedGlyphs.alarm(), "{genuine}");
        let digit = image::imageops::crop_imm(&page, 62, 46, 16, 26).to_image();
        image::imageops::replace(&mut page, &digit, 202, 126);
        let found = score(&page);
        assert!(found.score.unwrap() > SignalName::CopiedGlyphs.alarm(), "{found:?}");
        let pair =
            [&found.suspects[0].polygon, found.suspects[0].like.as_ref().unwrap()].map(|q| q.bounds().0 as i32 / 20);
        assert!(pair == [3, 10] || pair == [10, 3], "{pair:?}");
    }

    #[test]
    fn a_page_drawn_by_a_computer_has_nothing_but_copies() {
        assert_eq!(score(&page(0)).not_applicable.as_deref(), Some("drawn_by_computer"));
    }
}
