//! The printed characters of a photo, found in its own pixels within the lines that were read.

use super::Print;
use crate::domain::{FieldName, Quad, Upload};
use image::{GrayImage, RgbImage};

/// A patch of ink that hangs together: a digit, a letter, a part of a Chinese character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glyph {
    /// First column of its ink, pixels of the upright photo.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// The column after its last.
    pub right: u32,
    /// The row after its last.
    pub bottom: u32,
    /// How many of its pixels are ink.
    pub ink: u32,
    /// The field it stands in, if any.
    pub field: Option<FieldName>,
    /// Whether it is a digit, by its place among what the line says.
    pub digit: bool,
    /// Whether it is a digit of an amount of money.
    pub amount: bool,
}

impl Glyph {
    /// Width, pixels.
    pub fn width(&self) -> u32 {
        self.right - self.left
    }

    /// Height, pixels.
    pub fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// Whether money, or what a field says, hangs on it.
    pub fn is_decisive(&self) -> bool {
        self.digit && (self.amount || self.field.is_some())
    }

    /// Its box.
    pub fn quad(&self) -> Quad<Upload> {
        Quad::rect(self.left.into(), self.top.into(), self.right.into(), self.bottom.into())
    }
}

/// A line of text in the photo.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// Where it stands.
    pub quad: Quad<Upload>,
    /// Its length of the left edge, pixels.
    pub height: f64,
    /// Luma at or below which a pixel of this line is ink.
    pub threshold: u8,
    /// Its characters, from left to right.
    pub glyphs: Vec<Glyph>,
}

/// Luma after ITU-R BT.601, in integers.
pub(super) fn luma(image: &RgbImage) -> GrayImage {
    let luma = |p: &[u8; 3]| ((77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8) as u8;
    let data = image.as_raw().as_chunks::<3>().0.iter().map(luma).collect();
    GrayImage::from_raw(image.width(), image.height(), data).unwrap_or_default()
}

/// The characters of every line, in the order of the lines. Dark ink on light paper only.
pub(super) fn lines(luma: &GrayImage, print: &Print) -> Vec<TextLine> {
    let said = print.texts.iter().copied().chain(std::iter::repeat(""));
    let found = print.lines.iter().zip(said);
    found
        .filter_map(|(quad, text)| {
            let mut line = line(luma, quad, print.fields)?;
            mark_digits(&mut line, text);
            Some(line)
        })
        .collect()
}

/// A digit is at least so many pixels high; below, nothing can be told of it.
const LEAST_DIGIT: u32 = 8;

/// Marks the characters that the digits at the end of a text, or at its start, must be.
///
/// The reader tells no places within a line, but what has a digit's shape stands there in the text's order. An amount
/// ends its line; a date or a number that does not is found from the start.
fn mark_digits(line: &mut TextLine, text: &str) {
    let shaped: Vec<usize> = (0..line.glyphs.len())
        .filter(|i| {
            let (w, h) = (line.glyphs[*i].width(), line.glyphs[*i].height());
            let share = f64::from(h) / line.height;
            (0.4..=1.1).contains(&share) && h >= LEAST_DIGIT && w <= h && f64::from(w) >= 0.12 * f64::from(h)
        })
        .collect();
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '/' | '-' | ' ');
    let digits = |run: &mut dyn Iterator<Item = char>| {
        run.take_while(|c| numeric(*c)).filter(char::is_ascii_digit).count().min(shaped.len())
    };
    let (first, last) = (digits(&mut text.chars()), digits(&mut text.chars().rev()));
    let cents = text.trim_end().rsplit_once(['.', ',']).map(|(_, cents)| cents.trim());
    let is_amount = cents.is_some_and(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_digit()));
    for (run, amount) in [(&shaped[..first], false), (&shaped[shaped.len() - last..], is_amount)] {
        let mut heights: Vec<u32> = run.iter().map(|i| line.glyphs[*i].height()).collect();
        heights.sort_unstable();
        let Some(usual) = heights.get(heights.len() / 2).copied() else { continue };
        let off = (usual / 8).max(2);
        for i in run {
            let glyph = &mut line.glyphs[*i];
            let fits = glyph.height().abs_diff(usual) <= off;
            glyph.digit |= fits;
            glyph.amount |= fits && amount;
        }
    }
}

/// Ink lower than this share of its line's height is a dot, a speck or a hyphen.
const LEAST_HEIGHT: f64 = 0.25;
/// Ink wider than this many heights of its line is a rule or an underline.
const MOST_WIDTH: f64 = 2.5;
/// Least difference between a line's paper and its ink, grey levels.
const LEAST_CONTRAST: u8 = 24;

fn line(luma: &GrayImage, quad: &Quad<Upload>, fields: &[(FieldName, Quad<Upload>)]) -> Option<TextLine> {
    let (l, t, r, b) = quad.bounds();
    let height = quad.sides()[1];
    let (left, top) = (l.floor().max(0.0) as u32, t.floor().max(0.0) as u32);
    let (right, bottom) = ((r.ceil().max(0.0) as u32).min(luma.width()), (b.ceil().max(0.0) as u32).min(luma.height()));
    if right <= left + 4 || bottom <= top + 4 || height < 5.0 {
        return None;
    }
    let (w, h) = ((right - left) as usize, (bottom - top) as usize);
    let at = |x: usize, y: usize| luma.get_pixel(left + x as u32, top + y as u32).0[0];
    let mut histogram = [0_u32; 256];
    let inside = Inside::of(quad);
    for y in 0..h {
        for x in 0..w {
            if inside.holds(f64::from(left) + x as f64 + 0.5, f64::from(top) + y as f64 + 0.5) {
                histogram[usize::from(at(x, y))] += 1;
            }
        }
    }
    let threshold = otsu(&histogram)?;
    // Labels the ink, one patch after the other.
    let mut seen = vec![false; w * h];
    let mut glyphs = Vec::new();
    let mut stack = Vec::new();
    for start in 0..w * h {
        if seen[start] || at(start % w, start / w) > threshold {
            continue;
        }
        let (mut l, mut t, mut r, mut b, mut ink) = (w, h, 0, 0, 0);
        seen[start] = true;
        stack.push(start);
        while let Some(i) = stack.pop() {
            let (x, y) = (i % w, i / w);
            (l, t, r, b, ink) = (l.min(x), t.min(y), r.max(x + 1), b.max(y + 1), ink + 1);
            for (nx, ny) in neighbours(x, y, w, h) {
                let n = ny * w + nx;
                if !seen[n] && at(nx, ny) <= threshold {
                    seen[n] = true;
                    stack.push(n);
                }
            }
        }
        let middle = [f64::from(left) + (l + r) as f64 / 2.0, f64::from(top) + (t + b) as f64 / 2.0];
        let is_text = (b - t) as f64 >= LEAST_HEIGHT * height
            && (r - l) as f64 <= MOST_WIDTH * height
            && ink >= 6
            && inside.holds(middle[0], middle[1]);
        if is_text {
            let field =
                fields.iter().find(|(_, quad)| Inside::of(quad).holds(middle[0], middle[1])).map(|(name, _)| *name);
            let [l, r] = [l, r].map(|x| left + x as u32);
            let [t, b] = [t, b].map(|y| top + y as u32);
            glyphs.push(Glyph { left: l, top: t, right: r, bottom: b, ink, field, digit: false, amount: false });
        }
    }
    glyphs.sort_by_key(|g| (g.left, g.top));
    Some(TextLine { quad: *quad, height, threshold, glyphs })
}

fn neighbours(x: usize, y: usize, w: usize, h: usize) -> impl Iterator<Item = (usize, usize)> {
    let (xs, ys) = (x.saturating_sub(1)..(x + 2).min(w), y.saturating_sub(1)..(y + 2).min(h));
    ys.flat_map(move |ny| xs.clone().map(move |nx| (nx, ny)))
}

/// Whether places lie in a convex quadrilateral, whichever way round it runs.
struct Inside([[f64; 2]; 4]);

impl Inside {
    fn of(quad: &Quad<Upload>) -> Self {
        Self(quad.to_px())
    }

    fn holds(&self, x: f64, y: f64) -> bool {
        let side = |i: usize| {
            let ([ax, ay], [bx, by]) = (self.0[i], self.0[(i + 1) % 4]);
            (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        };
        let sides = [0, 1, 2, 3].map(side);
        sides.iter().all(|s| *s >= 0.0) || sides.iter().all(|s| *s <= 0.0)
    }
}

/// The threshold that parts ink from paper best (Otsu 1979); `None` if there is no contrast to speak of.
fn otsu(histogram: &[u32; 256]) -> Option<u8> {
    let count: f64 = histogram.iter().map(|n| f64::from(*n)).sum();
    let sum: f64 = histogram.iter().enumerate().map(|(v, n)| v as f64 * f64::from(*n)).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best = (0.0, 0_u8, 0.0);
    for (value, n) in histogram.iter().enumerate() {
        below += f64::from(*n);
        sum_below += value as f64 * f64::from(*n);
        if below == 0.0 || below == count {
            continue;
        }
        let (dark, light) = (sum_below / below, (sum - sum_below) / (count - below));
        let between = below * (count - below) * (light - dark).powi(2);
        if between > best.0 {
            best = (between, value as u8, light - dark);
        }
    }
    (best.2 >= f64::from(LEAST_CONTRAST)).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;

    #[test]
    fn patches_of_ink_within_a_line_are_its_characters() {
        let mut page = GrayImage::from_pixel(120, 60, Luma([230]));
        for (l, t, r, b) in [(10, 20, 18, 36), (24, 20, 32, 36), (40, 34, 42, 36), (60, 20, 116, 22), (24, 44, 30, 58)]
        {
            for y in t..b {
                for x in l..r {
                    page.put_pixel(x, y, Luma([30]));
                }
            }
        }
        let value = (FieldName::Total, Quad::rect(22.0, 18.0, 34.0, 38.0));
        let print = Print { lines: &[Quad::rect(4.0, 17.0, 118.0, 39.0)], texts: &["7 1"], fields: &[value] };
        let found = lines(&page, &print);
        let boxes: Vec<_> =
            found[0].glyphs.iter().map(|g| (g.left, g.top, g.right, g.bottom, g.ink, g.field)).collect();
        // Not the point, the rule, or what stands below the line.
        assert_eq!(boxes, [(10, 20, 18, 36, 128, None), (24, 20, 32, 36, 128, Some(FieldName::Total))]);
    }

    #[test]
    fn paper_without_print_has_no_characters() {
        let page = GrayImage::from_fn(100, 40, |x, y| Luma([200 + ((x * 7 + y * 13) % 9) as u8]));
        let print = Print { lines: &[Quad::rect(0.0, 0.0, 100.0, 40.0)], texts: &["12"], fields: &[] };
        assert!(lines(&page, &print).is_empty());
    }
}
