//! Characters that lie on another 8 × 8 grid than the page's JPEG.
//!
//! A JPEG leaves its blocks with many coefficients near zero, and only where the blocks lay. Every pixel votes for the
//! phase of the 8 × 8 window around it that has the most such zeros, as in ZERO (Nikoukhah et al., IPOL 2021, after the
//! paper); a character pasted, typed or painted over the page votes for others than the page. Here it is the single
//! character that is judged, not a region, against what genuine characters do.

use super::Original;
use super::glyphs::{Glyph, TextLine};
use super::jpeg::{Jpeg, Plane};
use crate::domain::pixels::{Signal, SignalName};

const NAME: SignalName = SignalName::GlyphGrid;
/// Fewer characters than this show no main grid.
const LEAST_GLYPHS: usize = 20;
/// Pixels around a character that are its own: the edge of its ink.
const MARGIN: usize = 2;
/// Share of stray votes in a tenth of the characters above which the main grid is too faint to miss it anywhere: white
/// clipped to 255 around print does that to scans.
const MOST_ASTRAY: f64 = 0.3;
/// A last JPEG save with coarser steps than this lays its own grid under everything (mean of its luma table; quality 98
/// has 2.3).
const FINEST_STEPS: f64 = 2.5;

/// The page's own 8 × 8 grid, and what pixels vote for.
pub(super) struct Grid {
    votes: Votes,
    main: u8,
    width: usize,
}

impl Grid {
    /// Looks within boxes of the stored plane, `[left, top, right, bottom]`; a stable word for why there is nothing to look
    /// at, if so. `plane` is the JPEG's or, of another upload, the photo's.
    pub(super) fn of(
        original: &Original,
        jpeg: Option<&Jpeg>,
        plane: &Plane,
        boxes: &[[usize; 4]],
    ) -> Result<Self, &'static str> {
        if original.from_pdf {
            return Err("not_a_photo");
        }
        if jpeg.is_some_and(|jpeg| jpeg.table.iter().map(|q| f64::from(*q)).sum::<f64>() > 64.0 * FINEST_STEPS) {
            return Err("saved_as_jpeg");
        }
        let votes = Votes::of(plane, boxes);
        let main = votes.main_grid().ok_or("no_jpeg_grid")?;
        Ok(Self { votes, main, width: plane.width })
    }

    /// The boxes that [`measure`] needs looked at.
    pub(super) fn boxes(plane: &Plane, lines: &[TextLine]) -> Vec<[usize; 4]> {
        lines.iter().flat_map(|line| &line.glyphs).map(|glyph| plane.place(glyph, MARGIN)).collect()
    }

    /// Whether a pixel of the stored plane votes for another phase than the page's; `None` if for none.
    pub(super) fn strays(&self, x: usize, y: usize) -> Option<bool> {
        let phase = *self.votes.phases.get(y * self.width + x)?;
        (phase < TIE).then_some(phase != self.main)
    }
}

/// How far each character's votes stray: -log10 of the number of characters that chance lets stray as far on such a page.
pub(super) fn measure(grid: &Result<Grid, &'static str>, plane: &Plane, lines: &[TextLine]) -> Signal {
    let Grid { votes, main, .. } = match grid {
        Ok(grid) => grid,
        Err(why) => return Signal::not_applicable(NAME, why),
    };
    let glyphs: Vec<&Glyph> = lines.iter().flat_map(|line| &line.glyphs).collect();
    if glyphs.len() < LEAST_GLYPHS {
        return Signal::not_applicable(NAME, "too_few_characters");
    }
    let shares: Vec<f64> = glyphs
        .iter()
        .map(|glyph| {
            let [l, t, r, b] = plane.place(glyph, MARGIN);
            let row = |y: usize| &votes.phases[y * plane.width + l..y * plane.width + r];
            let others = (t..b).flat_map(row).filter(|phase| **phase < TIE && *phase != main).count();
            others as f64 / ((r - l) * (b - t)).max(1) as f64
        })
        .collect();
    let mut order = shares.clone();
    order.sort_by(f64::total_cmp);
    let usual = order[order.len() * 9 / 10];
    if usual > MOST_ASTRAY {
        return Signal::not_applicable(NAME, "weak_jpeg_grid");
    }
    let scores: Vec<_> = glyphs
        .iter()
        .zip(&shares)
        .map(|(glyph, share)| (-(glyphs.len() as f64).log10() - log10_tail(*share, usual), *glyph, None))
        .collect();
    super::told(NAME, &scores)
}

/// How likely a genuine character of a page has at least this share of votes astray, log 10. A tenth of the page's own
/// have `usual`; beyond it the tail falls tenfold every `0.06 + 0.35 usual`. Measured on 35 genuine pages saved without
/// loss after a JPEG of quality 75 to 93, 15,782 characters; there the tail is thinner everywhere: with `usual` below
/// 0.1 one in a thousand lies 0.13 beyond (told: 0.15), with 0.3 to 0.45 one in a thousand 0.34 (told: 0.38). The largest
/// score of a genuine page was 0.7 there, 1.5 among 60 scanned receipts as published, and 2.4 among
/// 40 photos of painted papers kept as PNG; 2.5 is an alarm.
fn log10_tail(share: f64, usual: f64) -> f64 {
    (-1.0 - (share - usual) / (0.06 + 0.35 * usual)).min(0.0)
}

/// The vote of a pixel whose best windows are several, or that no window is around.
const TIE: u8 = 64;
/// Side of the squares that windows are looked at in.
const TILE: usize = 32;

/// What every pixel near a box votes for.
struct Votes {
    /// The phase, `8 y + x` modulo 8 each, or [`TIE`].
    phases: Vec<u8>,
}

impl Votes {
    fn of(plane: &Plane, boxes: &[[usize; 4]]) -> Self {
        let (w, h) = (plane.width, plane.height);
        let mut best = vec![u16::from(TIE); w * h];
        if w < 16 || h < 16 {
            return Self { phases: vec![TIE; w * h] };
        }
        // Windows that hold a pixel of a box start up to 7 above and left of it.
        let across = w.div_ceil(TILE);
        let mut wanted = vec![false; across * h.div_ceil(TILE)];
        for [l, t, r, b] in boxes.iter().copied() {
            for y in t.saturating_sub(7) / TILE..=b.saturating_sub(1) / TILE {
                for x in l.saturating_sub(7) / TILE..=r.saturating_sub(1) / TILE {
                    wanted[y * across + x] = true;
                }
            }
        }
        let mut rows = Rows::new(w);
        for y in 0..h - 7 {
            let tiles = &wanted[y / TILE * across..][..across];
            let mut x = 0;
            while let Some(start) = tiles[x..].iter().position(|t| *t).map(|n| x + n) {
                let end = tiles[start..].iter().position(|t| !t).map_or(across, |n| start + n);
                let (from, to) = (start * TILE, (end * TILE).min(w - 7));
                if from < to {
                    rows.zeros(plane, y, from, to);
                    for x in from..to {
                        // No zeros is told from no window by one more.
                        best[y * w + x] = (u16::from(rows.count[x]) + 1) << 8 | (y % 8 * 8 + x % 8) as u16;
                    }
                }
                x = end;
                if x >= across {
                    break;
                }
            }
        }
        // The best of 8 windows along the row, then of 8 rows: 1, 2 and 4 steps back cover 7.
        for step in [1, 2, 4] {
            for row in best.chunks_exact_mut(w) {
                for x in (step..w).rev() {
                    row[x] = better(row[x], row[x - step]);
                }
            }
        }
        for step in [1, 2, 4] {
            for y in (step..h).rev() {
                let (above, below) = best.split_at_mut(y * w);
                for (b, a) in below[..w].iter_mut().zip(&above[(y - step) * w..]) {
                    *b = better(*b, *a);
                }
            }
        }
        let vote = |(i, v): (usize, u16)| {
            // Beyond the squares only some of the windows around a pixel were looked at.
            if wanted[i / w / TILE * across + i % w / TILE] { (v & 0xff) as u8 } else { TIE }
        };
        Self { phases: best.into_iter().enumerate().map(vote).collect() }
    }

    /// The phase that so many pixels vote for that chance does not explain it: fewer than one such in a picture without
    /// a grid (number of false alarms, Desolneux et al. 2000; 64 votes of one block count as one).
    fn main_grid(&self) -> Option<u8> {
        let mut count = [0_u32; TIE as usize];
        for phase in self.phases.iter().filter(|phase| **phase < TIE) {
            count[usize::from(*phase)] += 1;
        }
        let (main, most) = count.iter().enumerate().max_by_key(|(_, n)| **n)?;
        let (n, k) = (f64::from(count.iter().sum::<u32>()) / 64.0, f64::from(*most) / 64.0);
        let share = k / n.max(1.0);
        if share <= 1.0 / 64.0 {
            return None;
        }
        // Hoeffding's bound of the binomial tail, log 10.
        let rest = if share < 1.0 { (1.0 - share) * ((1.0 - share) * 64.0 / 63.0).ln() } else { 0.0 };
        let tail = -n * (share * (share * 64.0).ln() + rest) / std::f64::consts::LN_10;
        let tests = 2.0 * (64.0 * self.phases.len() as f64).log10();
        (tests + tail < 0.0).then_some(main as u8)
    }
}

/// The better of two votes, `zeros << 8 | phase`; as many zeros for two phases is a tie.
fn better(a: u16, b: u16) -> u16 {
    let most = a.max(b);
    let same = u16::from((a ^ b) < 0x100 && a != b);
    // All ones below the zeros stand for a tie, and win over every phase.
    (most & !(same * 0xff)) | (same * u16::from(TIE))
}

/// Counts near-zero coefficients of the windows of one row of places.
struct Rows {
    vertical: [Vec<f32>; 8],
    count: Vec<u8>,
}

/// Windows done at once: enough that the compiler makes vectors of them.
const LANES: usize = 16;
type Lanes = [f32; LANES];

impl Rows {
    fn new(width: usize) -> Self {
        let padded = width + LANES + 8;
        Self { vertical: std::array::from_fn(|_| vec![0.0; padded]), count: vec![0; padded] }
    }

    /// Zeros of the windows whose top left pixels are `from..to` of row `y`. A window whose rows or columns are all alike
    /// has none: it would fit any phase.
    fn zeros(&mut self, plane: &Plane, y: usize, from: usize, to: usize) {
        let w = plane.width;
        let rows: [&[f32]; 8] = std::array::from_fn(|i| &plane.luma[(y + i) * w..(y + i + 1) * w]);
        let last = (to + 7).min(w);
        for x in (from..last).step_by(LANES) {
            let lanes = LANES.min(last - x);
            let columns = rows.map(|row| match row[x..].first_chunk::<LANES>() {
                Some(whole) => *whole,
                None => std::array::from_fn(|i| if i < lanes { row[x + i] } else { 0.0 }),
            });
            for (plane, values) in self.vertical.iter_mut().zip(transform(&columns)) {
                plane[x..x + LANES].copy_from_slice(&values);
            }
        }
        for x in (from..to).step_by(LANES) {
            // Zeros with both frequencies above 0, of the first column, and of the first row.
            let (mut inner, mut first_column, mut first_row) = ([0_u32; LANES], [0_u32; LANES], [0_u32; LANES]);
            for (v, plane) in self.vertical.iter().enumerate() {
                let columns = std::array::from_fn(|i| *plane[x + i..].first_chunk::<LANES>().unwrap_or(&[0.0; LANES]));
                let values = transform(&columns);
                let row = if v == 0 { &mut first_row } else { &mut inner };
                for values in &values[1..] {
                    add_zeros(row, values);
                }
                if v > 0 {
                    add_zeros(&mut first_column, &values[0]);
                }
            }
            for i in 0..LANES {
                let flat = inner[i] == 49 && (first_column[i] == 7 || first_row[i] == 7);
                self.count[x + i] = if flat { 0 } else { (inner[i] + first_column[i] + first_row[i]) as u8 };
            }
        }
    }
}

#[inline(always)]
fn add_zeros(count: &mut [u32; LANES], values: &Lanes) {
    for i in 0..LANES {
        count[i] += u32::from(values[i].abs() < 0.5);
    }
}

/// The orthonormal 8-point DCT-II of columns, several at once. Sums and differences of opposite places halve the products.
#[inline(always)]
fn transform(c: &[Lanes; 8]) -> [Lanes; 8] {
    // cos(k π / 16) / 2, k = 1..=7.
    const C: [f32; 7] =
        [0.490_392_64, 0.461_939_77, 0.415_734_8, 0.353_553_4, 0.277_785_12, 0.191_341_72, 0.097_545_16];
    let mut out = [[0.0; LANES]; 8];
    for i in 0..LANES {
        let (s0, s1, s2, s3) = (c[0][i] + c[7][i], c[1][i] + c[6][i], c[2][i] + c[5][i], c[3][i] + c[4][i]);
        let (d0, d1, d2, d3) = (c[0][i] - c[7][i], c[1][i] - c[6][i], c[2][i] - c[5][i], c[3][i] - c[4][i]);
        let (e0, e1, e2, e3) = (s0 + s3, s1 + s2, s0 - s3, s1 - s2);
        out[0][i] = (e0 + e1) * C[3];
        out[1][i] = d0 * C[0] + d1 * C[2] + d2 * C[4] + d3 * C[6];
        out[2][i] = e2 * C[1] + e3 * C[5];
        out[3][i] = d0 * C[2] - d1 * C[6] - d2 * C[0] - d3 * C[4];
        out[4][i] = (e0 - e1) * C[3];
        out[5][i] = d0 * C[4] - d1 * C[0] + d2 * C[6] + d3 * C[2];
        out[6][i] = e2 * C[5] - e3 * C[1];
        out[7][i] = d0 * C[6] - d1 * C[4] + d2 * C[2] - d3 * C[0];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Quad;
    use image::{GrayImage, Luma, RgbImage};
    use jpeg_encoder::{ColorType, Encoder};

    /// A page of soft-edged bars on grey paper with grain, saved as JPEG and opened again.
    fn page(altered: bool) -> (RgbImage, Vec<TextLine>) {
        let (w, h) = (640_usize, 320_usize);
        let grain = |x: usize, y: usize| ((x * 7919 + y * 104_729) ^ (x * y * 31)) % 7;
        let boxes: Vec<(usize, usize)> =
            (0..4).flat_map(|row| (0..20).map(move |i| (21 + i * 30, 24 + row * 75))).collect();
        let mut pixels = vec![0_u8; w * h];
        for y in 0..h {
            for x in 0..w {
                let ink = boxes
                    .iter()
                    .any(|(l, t)| (*l..l + 11).contains(&x) && (*t..t + 22).contains(&y) && (x + y) % 9 > 2);
                pixels[y * w + x] = (if ink { 70 } else { 200 } + grain(x, y)) as u8;
            }
        }
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, 75).encode(&pixels, w as u16, h as u16, ColorType::Luma).unwrap();
        let mut image = image::load_from_memory(&bytes).unwrap().into_rgb8();
        if altered {
            // The third character is copied over the tenth, three pixels off the grid.
            let copy = image::imageops::crop_imm(&image, 21 + 60 - 3, 21, 17, 28).to_image();
            image::imageops::replace(&mut image, &copy, 21 + 9 * 30 - 3, 21);
        }
        let glyph = |(l, t): &(usize, usize)| Glyph {
            left: *l as u32,
            top: *t as u32,
            right: *l as u32 + 11,
            bottom: *t as u32 + 22,
            ink: 100,
            digit: true,
            amount: true,
            field: None,
        };
        let line = TextLine {
            quad: Quad::rect(0.0, 0.0, 640.0, 320.0),
            height: 22.0,
            threshold: 128,
            glyphs: boxes.iter().map(glyph).collect(),
        };
        (image, vec![line])
    }

    fn told(image: &RgbImage, lines: &[TextLine]) -> Signal {
        let (original, plane) = (Original { bytes: &[], from_pdf: false, image }, Plane::of(image));
        let grid = Grid::of(&original, None, &plane, &Grid::boxes(&plane, lines));
        measure(&grid, &plane, lines)
    }

    #[test]
    fn a_character_off_the_grid_stands_out() {
        let (image, lines) = page(true);
        let signal = told(&image, &lines);
        assert_eq!((signal.not_applicable.as_deref(), signal.tested), (None, 80));
        let first = &signal.suspects[0];
        assert_eq!(first.polygon, Quad::rect(291.0, 24.0, 302.0, 46.0));
        assert!(first.score > 2000 && first.score > signal.suspects[1].score + 1000, "{:?}", signal.suspects);
        let (image, lines) = page(false);
        assert!(told(&image, &lines).score < Some(1000));
    }

    #[test]
    fn pixels_never_saved_as_jpeg_have_no_grid() {
        let (_, lines) = page(false);
        let noise =
            GrayImage::from_fn(640, 320, |x, y| Luma([(((x * 7919) ^ (y * 104_729) ^ (x * y * 31)) % 251) as u8]));
        let image = image::DynamicImage::ImageLuma8(noise).into_rgb8();
        assert_eq!(told(&image, &lines).not_applicable.as_deref(), Some("no_jpeg_grid"));
        let pdf = Original { bytes: &[], from_pdf: true, image: &image };
        assert_eq!(Grid::of(&pdf, None, &Plane::of(&image), &[]).err(), Some("not_a_photo"));
    }

    #[test]
    fn the_transform_is_the_orthonormal_one() {
        let basis = super::super::jpeg::basis();
        let columns: [Lanes; 8] = std::array::from_fn(|n| std::array::from_fn(|i| ((n * 37 + i * 11) % 50) as f32));
        let out = transform(&columns);
        for k in 0..8 {
            for i in 0..LANES {
                let want: f32 = (0..8).map(|n| columns[n][i] * basis[k][n]).sum();
                assert!((out[k][i] - want).abs() < 1e-3);
            }
        }
    }
}
