//! Coloured ink on a page: red seals, stamps in red or blue, the page without them and they without the page.
//!
//! A seal is stamped or printed in a saturated red over black print. In the red channel alone its ink is nearly as
//! bright as paper while black stays black, so what a seal covers without hiding it can be read there.

use super::rectify;
use image::{Rgb, RgbImage};

/// A seal's upright box in pixels of the page: left, top, right, bottom.
pub type SealBox = [u32; 4];

/// Longest side of the copy on which seals are sought.
const SIDE: u32 = 400;
/// How far an ink must stand above the other channels on that copy, of 255: thin strokes are pale there.
const INKED: u8 = 30;
/// Side of a seal as a share of the page's longer side: real ones are 30 to 50 mm wide on sheets of 150 to 300 mm.
const SIDES: std::ops::RangeInclusive<f64> = 0.05..=0.34;
/// The same for a part of a seal: red words are lower.
const LEAST_PART: f64 = 0.03;
/// Share of a seal's box that is ink: less is a few red strokes, more is a red area.
const INK: std::ops::RangeInclusive<f64> = 0.08..=0.75;

/// Parts of one seal stand no farther apart than this share of the page's longer side.
const GAP: f64 = 0.02;
/// Longest to shortest side of a seal, and of a stamp of a few words.
const ROUND: f64 = 2.2;
const WORDS: f64 = 6.0;

/// The colour of a seal or stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Red, as seals of authority and most stamps are.
    Red,
    /// Blue, as the rest is.
    Blue,
}

impl Ink {
    /// How far the ink's channel stands above the two others, 0 to 255: 0 on paper and on black print.
    pub(super) fn strength(self, p: &Rgb<u8>) -> u8 {
        let [r, g, b] = p.0;
        match self {
            Self::Red => r.saturating_sub(g.max(b)),
            Self::Blue => b.saturating_sub(r.max(g)),
        }
    }
}

/// A page looked at for coloured ink.
pub struct Inked {
    /// Width and height of the page, pixels.
    page: (u32, u32),
    small: RgbImage,
}

impl Inked {
    /// Looks at a page.
    pub fn of(page: &RgbImage) -> Self {
        Self { page: page.dimensions(), small: rectify::reduced(page, SIDE) }
    }

    /// The red seals: connected red areas, as round or square as seals are. At most four, the largest first.
    pub fn seals(&self) -> Vec<SealBox> {
        self.placed(&self.parts(Ink::Red), ROUND, GAP)
    }

    /// What is stamped in an ink: as [`Inked::seals`], but of the shape of a few words too. Two stamps that touch stand
    /// there as one and each by itself.
    pub fn stamps(&self, ink: Ink) -> Vec<SealBox> {
        let parts = self.parts(ink);
        let mut found = self.placed(&parts, WORDS, GAP);
        found.extend(self.placed(&parts, WORDS, 0.0));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Connected areas of an ink, with how many pixels of the copy are ink and their boxes there.
    fn parts(&self, ink: Ink) -> Vec<(usize, [usize; 4])> {
        let (w, h) = (self.small.width() as usize, self.small.height() as usize);
        let inked: Vec<bool> = self.small.pixels().map(|p| ink.strength(p) > INKED).collect();
        let mut parts = Vec::new();
        if inked.iter().filter(|i| **i).count() < 20 {
            return parts;
        }
        // Parts of one seal stand apart by less than two of its strokes.
        let reach = 2_i64;
        let mut seen = vec![false; w * h];
        let least = LEAST_PART * w.max(h) as f64;
        for start in 0..w * h {
            if !inked[start] || seen[start] {
                continue;
            }
            let (mut stack, mut ink) = (vec![start], 0_usize);
            let (mut left, mut top, mut right, mut bottom) = (w, h, 0, 0);
            seen[start] = true;
            while let Some(at) = stack.pop() {
                let (x, y) = (at % w, at / w);
                ink += 1;
                (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
                for dy in -reach..=reach {
                    for dx in -reach..=reach {
                        let (nx, ny) = (x as i64 + dx, y as i64 + dy);
                        if nx < 0 || ny < 0 || nx >= w as i64 || ny >= h as i64 {
                            continue;
                        }
                        let next = ny as usize * w + nx as usize;
                        if inked[next] && !seen[next] {
                            seen[next] = true;
                            stack.push(next);
                        }
                    }
                }
            }
            if (right - left) as f64 > least && (bottom - top) as f64 > least {
                parts.push((ink, [left, top, right, bottom]));
            }
        }
        parts
    }

    /// Those areas, joined across `gap`, that have the size and shape of a seal or stamp, on the page.
    fn placed(&self, parts: &[(usize, [usize; 4])], elongation: f64, gap: f64) -> Vec<SealBox> {
        let (w, h) = (f64::from(self.small.width()), f64::from(self.small.height()));
        let (sx, sy) = (f64::from(self.page.0) / w, f64::from(self.page.1) / h);
        let long = w.max(h);
        let mut found: Vec<(usize, SealBox)> = joined(parts.to_vec(), (gap * long) as usize)
            .into_iter()
            .filter(|(ink, [left, top, right, bottom])| {
                let (bw, bh) = ((right - left) as f64, (bottom - top) as f64);
                let share = *ink as f64 / (bw * bh);
                SIDES.contains(&(bw / long))
                    && SIDES.contains(&(bh / long))
                    && INK.contains(&share)
                    && bw.max(bh) < elongation * bw.min(bh)
            })
            .map(|(ink, at)| {
                let [left, top, right, bottom] = at.map(|v| v as f64);
                (ink, [left * sx, top * sy, right * sx, bottom * sy].map(|v| v.round() as u32))
            })
            .collect();
        found.sort_by_key(|(ink, at)| (std::cmp::Reverse(*ink), *at));
        found.into_iter().take(4).map(|(_, at)| at).collect()
    }
}

/// Parts that stand within `gap` of one another as one: a seal breaks where it was stamped unevenly.
fn joined(mut parts: Vec<(usize, [usize; 4])>, gap: usize) -> Vec<(usize, [usize; 4])> {
    let near = |a: &[usize; 4], b: &[usize; 4]| {
        a[0] < b[2] + gap && b[0] < a[2] + gap && a[1] < b[3] + gap && b[1] < a[3] + gap
    };
    let mut i = 0;
    while i < parts.len() {
        match (i + 1..parts.len()).find(|&j| near(&parts[i].1, &parts[j].1)) {
            Some(j) => {
                let (ink, b) = parts.remove(j);
                let a = parts[i].1;
                parts[i] = (parts[i].0 + ink, [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]);
                i = 0;
            }
            None => i += 1,
        }
    }
    parts
}

/// A part of the page (left, top, right, bottom) with nothing but the ink of one colour, in black on white, at most
/// `side` pixels long.
pub fn alone(page: &RgbImage, [left, top, right, bottom]: [u32; 4], ink: Ink, side: u32) -> RgbImage {
    let part = image::imageops::crop_imm(page, left, top, right - left, bottom - top).to_image();
    let mut out = rectify::reduced(&part, side);
    let strongest = out.pixels().map(|p| ink.strength(p)).max().unwrap_or(0).max(1);
    for pixel in out.pixels_mut() {
        let dark = u32::from(ink.strength(pixel)) * 255 / u32::from(strongest);
        *pixel = Rgb([255 - dark as u8; 3]);
    }
    out
}

/// A part of the page (left, top, right, bottom) in which the red ink inside `seals` is gone.
pub fn without_red(page: &RgbImage, part: [u32; 4], seals: &[SealBox]) -> RgbImage {
    let [left, top, right, bottom] = part;
    let mut out = image::imageops::crop_imm(page, left, top, right - left, bottom - top).to_image();
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let (px, py) = (x + left, y + top);
        let [r, g, b] = pixel.0;
        // Any tinge: where ink thins out the paper is pink.
        let tinged = r > g.max(b).saturating_add(8);
        if tinged && seals.iter().any(|s| (s[0]..s[2]).contains(&px) && (s[1]..s[3]).contains(&py)) {
            *pixel = Rgb([r; 3]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White paper with a black bar, and a red ring of 100 pixels over it.
    fn stamped() -> RgbImage {
        RgbImage::from_fn(800, 500, |x, y| {
            let (dx, dy) = (f64::from(x) - 400.0, f64::from(y) - 250.0);
            let distance = dx.hypot(dy);
            match (distance, y) {
                (d, 245..=255) if d < 90.0 => Rgb([20, 20, 20]),
                (d, _) if (85.0..100.0).contains(&d) || d < 25.0 => Rgb([225, 60, 60]),
                _ => Rgb([250, 250, 250]),
            }
        })
    }

    #[test]
    fn a_seal_is_found_and_taken_away_and_black_stays() {
        let page = stamped();
        let found = Inked::of(&page).seals();
        assert_eq!(found.len(), 1);
        let [l, t, r, b] = found[0];
        assert!(l.abs_diff(300) < 8 && t.abs_diff(150) < 8 && r.abs_diff(500) < 8 && b.abs_diff(350) < 8, "{found:?}");
        let clean = without_red(&page, [200, 100, 600, 400], &found);
        assert_eq!(clean.get_pixel(200 - 92, 150).0, [225; 3], "ink");
        assert_eq!(clean.get_pixel(200, 150).0, [20; 3], "print");
    }

    #[test]
    fn an_ink_stands_alone_without_the_print() {
        let page = stamped();
        let ink = alone(&page, [200, 100, 600, 400], Ink::Red, 400);
        assert_eq!(ink.get_pixel(200 - 92, 150).0, [0; 3], "ink");
        assert_eq!(ink.get_pixel(200 - 50, 150).0, [255; 3], "print");
        assert!(Inked::of(&page).stamps(Ink::Blue).is_empty());
    }

    #[test]
    fn red_words_and_red_areas_are_no_seals() {
        let words = RgbImage::from_fn(800, 500, |x, y| {
            if (100..112).contains(&y) && x % 20 < 12 { Rgb([220, 40, 40]) } else { Rgb([250; 3]) }
        });
        assert!(Inked::of(&words).seals().is_empty());
        assert!(Inked::of(&RgbImage::from_pixel(800, 500, Rgb([220, 40, 40]))).seals().is_empty());
        assert!(Inked::of(&RgbImage::new(1, 1)).seals().is_empty());
    }
}
