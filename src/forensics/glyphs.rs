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
    print.lines.iter().filter_map(|quad| line(luma, quad, print.fields)).collect()
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
            glyphs.push(Glyph { left: l, top: t, right: r, bottom: b, ink, field });
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
        let print = Print { lines: &[Quad::rect(4.0, 17.0, 118.0, 39.0)], fields: &[value] };
        let found = lines(&page, &print);
        let boxes: Vec<_> =
            found[0].glyphs.iter().map(|g| (g.left, g.top, g.right, g.bottom, g.ink, g.field)).collect();
        // Not the point, the rule, or what stands below the line.
        assert_eq!(boxes, [(10, 20, 18, 36, 128, None), (24, 20, 32, 36, 128, Some(FieldName::Total))]);
    }

    #[test]
    fn paper_without_print_has_no_characters() {
        let page = GrayImage::from_fn(100, 40, |x, y| Luma([200 + ((x * 7 + y * 13) % 9) as u8]));
        let print = Print { lines: &[Quad::rect(0.0, 0.0, 100.0, 40.0)], fields: &[] };
        assert!(lines(&page, &print).is_empty());
    }
}
