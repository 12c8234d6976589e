//! Retouching: what a picture editor does to pixels, each act inside a region that is altered by it and nothing else.
//!
//! Coordinates are pixels of the picture being edited; "flat" ones are pixels of the sheet as painted.

use super::Fonts;
use super::canvas::{Bounds, Canvas, Style, smooth_noise};
use super::dice::Dice;
use image::{Rgb, RgbImage};

/// Pixels around a region's own that are looked at to learn what the paper is like.
const RING: f64 = 7.0;

/// A convex part of a picture and a ring around it.
pub(super) struct Region {
    pub(super) corners: [[f64; 2]; 4],
    /// Left and top of the grid, its width and height.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// How far inside each pixel centre of the grid lies; below 0 outside.
    depth: Vec<f32>,
}

impl Region {
    /// `None` if no pixel centre of the picture lies inside. Corners run clockwise.
    pub(super) fn new(corners: [[f64; 2]; 4], image: &RgbImage) -> Option<Self> {
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let low = |i: usize| corners.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min);
        let high = |i: usize| corners.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max);
        let (left, top) = ((low(0) - RING).clamp(0.0, w) as usize, (low(1) - RING).clamp(0.0, h) as usize);
        let right = (high(0) + RING).ceil().clamp(0.0, w) as usize;
        let bottom = (high(1) + RING).ceil().clamp(0.0, h) as usize;
        let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
        let mut depth = Vec::with_capacity(width * height);
        for y in top..top + height {
            for x in left..left + width {
                let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                let edge = |i: usize| {
                    let ([ax, ay], [bx, by]) = (corners[i], corners[(i + 1) % 4]);
                    ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / (bx - ax).hypot(by - ay).max(1e-9)
                };
                depth.push((0..4).map(edge).fold(f64::INFINITY, f64::min) as f32);
            }
        }
        depth.iter().any(|d| *d > 0.0).then_some(Self { corners, left, top, width, height, depth })
    }

    /// Every pixel of the grid: its place in the grid, its place in the picture, how far inside it lies.
    fn pixels(&self) -> impl Iterator<Item = (usize, [usize; 2], f32)> + '_ {
        self.depth.iter().enumerate().map(|(i, d)| (i, [self.left + i % self.width, self.top + i / self.width], *d))
    }
}

/// The picture at a pixel.
pub(super) fn at(image: &RgbImage, [x, y]: [usize; 2]) -> [f32; 3] {
    image.get_pixel(x as u32, y as u32).0.map(f32::from)
}

fn put(image: &mut RgbImage, [x, y]: [usize; 2], colour: [f32; 3]) {
    image.put_pixel(x as u32, y as u32, Rgb(colour.map(|c| (c.clamp(0.0, 255.0) + 0.5) as u8)));
}

fn luma(c: [f32; 3]) -> f32 {
    0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]
}

/// The picture between pixel centres; beyond its edge the edge's own.
pub(super) fn between(image: &RgbImage, [x, y]: [f64; 2]) -> [f32; 3] {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let (x, y) = ((x - 0.5).clamp(0.0, w as f64 - 1.001), (y - 0.5).clamp(0.0, h as f64 - 1.001));
    let (i, j) = (x as usize, y as usize);
    let (fx, fy) = ((x - i as f64) as f32, (y - j as f64) as f32);
    let [a, b, c, d] = [[i, j], [i + 1, j], [i, j + 1], [i + 1, j + 1]].map(|p| at(image, p));
    std::array::from_fn(|k| {
        let (top, low) = (a[k] + (b[k] - a[k]) * fx, c[k] + (d[k] - c[k]) * fx);
        top + (low - top) * fy
    })
}

/// A pixel's place and colour.
type Seen = ([usize; 2], [f32; 3]);

/// The unprinted paper around a region: its light as a plane over x and y, and its grain.
pub(super) struct Paper {
    middle: [f64; 2],
    /// Per channel: level, slope in x, slope in y.
    plane: [[f64; 3]; 3],
    /// Standard deviation of luma about the plane, grey levels.
    pub(super) grain: f32,
}

impl Paper {
    /// Learnt from the ring, without the print in it.
    pub(super) fn around(image: &RgbImage, region: &Region) -> Self {
        let ring: Vec<Seen> =
            region.pixels().filter(|(_, _, d)| *d < -0.5).map(|(_, p, _)| (p, at(image, p))).collect();
        let mut lumas: Vec<f32> = ring.iter().map(|(_, c)| luma(*c)).collect();
        lumas.sort_unstable_by(f32::total_cmp);
        let median = lumas.get(lumas.len() / 2).copied().unwrap_or(255.0);
        let blank: Vec<_> = ring.into_iter().filter(|(_, c)| (luma(*c) - median).abs() < 12.0).collect();
        let n = blank.len().max(1) as f64;
        let mean = |f: &dyn Fn(&Seen) -> f64| blank.iter().map(f).sum::<f64>() / n;
        let middle = [0, 1].map(|i| mean(&|(p, _)| p[i] as f64));
        let spread = |i: usize, j: usize| mean(&|(p, _)| (p[i] as f64 - middle[i]) * (p[j] as f64 - middle[j]));
        let (xx, xy, yy) = (spread(0, 0), spread(0, 1), spread(1, 1));
        // A ring is never thin in either direction; if it is cut off, the paper is taken as even.
        let determinant = xx * yy - xy * xy;
        let plane = [0, 1, 2].map(|c| {
            let level = mean(&|(_, v)| f64::from(v[c]));
            let [bx, by] = [0, 1].map(|i| mean(&|(p, v)| (p[i] as f64 - middle[i]) * (f64::from(v[c]) - level)));
            if determinant < 1.0 {
                return [level, 0.0, 0.0];
            }
            [level, (bx * yy - by * xy) / determinant, (by * xx - bx * xy) / determinant]
        });
        let mut paper = Self { middle, plane, grain: 0.0 };
        let variance = mean(&|(p, v)| f64::from(luma(*v) - luma(paper.at(*p))).powi(2));
        paper.grain = variance.sqrt() as f32;
        paper
    }

    pub(super) fn at(&self, [x, y]: [usize; 2]) -> [f32; 3] {
        let (dx, dy) = (x as f64 - self.middle[0], y as f64 - self.middle[1]);
        self.plane.map(|[level, sx, sy]| (level + sx * dx + sy * dy) as f32)
    }

    /// One colour for all of it.
    pub(super) fn level(&self) -> [f32; 3] {
        self.plane.map(|p| p[0] as f32)
    }
}

/// How the edge of a paste is treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blend {
    /// Not at all.
    Hard,
    /// Fades out over this many pixels.
    Feather(f32),
    /// Poisson blending: the paste keeps its gradients and takes the surroundings' level.
    Seamless,
}

/// Fills a region with what `source` gives for each pixel.
pub(super) fn paste(image: &mut RgbImage, region: &Region, source: impl Fn([usize; 2]) -> [f32; 3], blend: Blend) {
    let lift = (blend == Blend::Seamless).then(|| membrane(image, region, &source));
    for (i, p, depth) in region.pixels() {
        if depth <= 0.0 {
            continue;
        }
        let mut colour = source(p);
        if let Some(lift) = &lift {
            colour = [0, 1, 2].map(|c| colour[c] + lift[i][c]);
        }
        if let Blend::Feather(width) = blend {
            let (old, share) = (at(image, p), (depth / width).min(1.0));
            colour = [0, 1, 2].map(|c| old[c] + (colour[c] - old[c]) * share);
        }
        put(image, p, colour);
    }
}

/// What to add to `source` so that it meets the picture at the region's edge: a harmonic function, which is what the
/// Poisson equation asks for (Pérez et al. 2003). By successive over-relaxation.
fn membrane(image: &RgbImage, region: &Region, source: &impl Fn([usize; 2]) -> [f32; 3]) -> Vec<[f32; 3]> {
    let mut lift: Vec<[f32; 3]> = Vec::with_capacity(region.depth.len());
    let (mut sum, mut n) = ([0.0_f32; 3], 0.0_f32);
    for (_, p, depth) in region.pixels() {
        let mut gap = [0.0; 3];
        // Only the pixels next to the region are ever asked for.
        if depth <= 0.0 && depth > -1.5 {
            let (old, new) = (at(image, p), source(p));
            gap = [0, 1, 2].map(|c| old[c] - new[c]);
            sum = [0, 1, 2].map(|c| sum[c] + gap[c]);
            n += 1.0;
        }
        lift.push(gap);
    }
    let mean = sum.map(|s| s / n.max(1.0));
    let w = region.width;
    let inner: Vec<usize> =
        (w..lift.len().saturating_sub(w)).filter(|i| region.depth[*i] > 0.0 && i % w > 0 && i % w < w - 1).collect();
    for (gap, depth) in lift.iter_mut().zip(&region.depth) {
        if *depth > 0.0 {
            *gap = mean;
        }
    }
    for _ in 0..60 {
        for &i in &inner {
            let [left, right, above, below] = [lift[i - 1], lift[i + 1], lift[i - w], lift[i + w]];
            for (c, value) in lift[i].iter_mut().enumerate() {
                let around = (left[c] + right[c] + above[c] + below[c]) / 4.0;
                *value += 1.8 * (around - *value);
            }
        }
    }
    lift
}

/// By how much to move a region to come upon blank paper as near as may be: where a clone brush would be loaded.
pub(super) fn blank_nearby(image: &RgbImage, region: &Region, dice: &mut Dice) -> Option<[i64; 2]> {
    let (w, h) = (region.width as f64, region.height as f64);
    let mut best: Option<(f32, [i64; 2])> = None;
    for _ in 0..24 {
        let shift = if dice.chance(0.7) {
            [dice.real(-0.3 * w, 0.3 * w), dice.real(0.7, 3.5) * h * dice.pick(&[-1.0, 1.0])]
        } else {
            [dice.real(0.9, 2.0) * w * dice.pick(&[-1.0, 1.0]), dice.real(-0.3 * h, 0.3 * h)]
        }
        .map(|v| v.round() as i64);
        let Some(there) = moved(image, region, shift) else { continue };
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (_, p, depth) in region.pixels().filter(|(i, ..)| i % 3 == 0) {
            if depth > -1.5 {
                let v = luma(at(image, there(p)));
                (n, sum, squares) = (n + 1.0, sum + v, squares + v * v);
            }
        }
        let spread = squares / n - (sum / n) * (sum / n);
        if best.is_none_or(|(least, _)| spread < least) {
            best = Some((spread, shift));
        }
    }
    // Blank paper with its grain and the slope of the light; any print is far above.
    best.filter(|(spread, _)| *spread < 40.0).map(|(_, shift)| shift)
}

/// The map that moves pixels by `shift`, if it keeps the whole grid of the region inside the picture.
pub(super) fn moved(
    image: &RgbImage,
    region: &Region,
    shift: [i64; 2],
) -> Option<impl Fn([usize; 2]) -> [usize; 2] + use<>> {
    let fits = |from: usize, size: usize, by: i64, most: u32| {
        from as i64 + by >= 0 && (from + size) as i64 + by <= i64::from(most)
    };
    let inside = fits(region.left, region.width, shift[0], image.width())
        && fits(region.top, region.height, shift[1], image.height());
    inside.then_some(move |[x, y]: [usize; 2]| [(x as i64 + shift[0]) as usize, (y as i64 + shift[1]) as usize])
}

/// Coverage on the flat sheet, at twice its resolution.
pub(super) struct Mask {
    /// Left and top, flat pixels.
    origin: [f64; 2],
    width: usize,
    height: usize,
    cover: Vec<f32>,
    /// How far the hand strays, flat pixels, and by which noise.
    wobble: f64,
    seed: u64,
}

/// Samples of a mask a flat pixel.
const FINE: f64 = 2.0;

impl Mask {
    fn blank([left, top, right, bottom]: Bounds) -> Self {
        let (width, height) =
            (((right - left) * FINE).ceil() as usize + 2, ((bottom - top) * FINE).ceil() as usize + 2);
        let cover = vec![0.0; width * height];
        Self { origin: [left, top], width, height, cover, wobble: 0.0, seed: 0 }
    }

    /// A text as an editor's text tool sets it from `x` on a baseline.
    pub(super) fn typed(fonts: &Fonts, style: &Style, [x, baseline]: [f64; 2], text: &str) -> Self {
        let em = f64::from(style.em);
        let width: f64 = text.chars().map(|c| f64::from(super::canvas::advance(fonts, style, c))).sum();
        let mut mask = Self::blank([x - 2.0, baseline - em * 1.1, x + width + 2.0, baseline + em * 0.45]);
        let image = RgbImage::from_pixel(mask.width as u32, mask.height as u32, Rgb([255; 3]));
        let mut canvas = Canvas::new(image, fonts);
        let [left, top] = mask.origin;
        let fine = Style { em: style.em * FINE as f32, ink: [0; 3], weight: style.weight * FINE as f32, ..*style };
        canvas.text(&fine, (x - left) * FINE, (baseline - top) * FINE, text);
        mask.cover = canvas.image.pixels().map(|p| 1.0 - f32::from(p.0[0]) / 255.0).collect();
        mask
    }

    /// A text as drawn with a round brush, each character in the space it has when set; what has no strokes of ours is
    /// set and then drawn over with an unsteady hand.
    pub(super) fn brushed(fonts: &Fonts, style: &Style, at: [f64; 2], text: &str, dice: &mut Dice) -> Self {
        let em = f64::from(style.em);
        let mut mask = if text.chars().all(|c| strokes(c).is_some()) {
            let width: f64 = text.chars().map(|c| f64::from(super::canvas::advance(fonts, style, c))).sum();
            Self::blank([at[0] - 2.0, at[1] - em * 1.1, at[0] + width + 2.0, at[1] + em * 0.45])
        } else {
            Self::typed(fonts, style, at, text)
        };
        (mask.wobble, mask.seed) = (dice.real(0.5, 1.2), dice.bits());
        let radius = em * dice.real(0.024, 0.042);
        let mut pen = at[0];
        for c in text.chars() {
            let wide = f64::from(super::canvas::advance(fonts, style, c));
            if let Some(path) = strokes(c) {
                let mut jitter = || dice.real(-0.025, 0.025);
                let path: Vec<[f64; 2]> = path
                    .iter()
                    .map(|[x, y]| {
                        let x = pen + wide * (0.1 + 0.8 * (x + jitter()) / 0.56);
                        [x, at[1] - em * 0.7 * (1.0 - y - jitter())]
                    })
                    .collect();
                mask.stroke(&path, radius);
            }
            pen += wide;
        }
        mask
    }

    /// Draws along a path with a round brush.
    fn stroke(&mut self, path: &[[f64; 2]], radius: f64) {
        let r = radius * FINE;
        for pair in path.windows(2) {
            let [a, b] = [0, 1].map(|i| [0, 1].map(|k| (pair[i][k] - self.origin[k]) * FINE));
            let along = [b[0] - a[0], b[1] - a[1]];
            let length = (along[0] * along[0] + along[1] * along[1]).max(1e-9);
            let range = |k: usize, most: usize| {
                let from = (a[k].min(b[k]) - r - 1.0).max(0.0) as usize;
                from..((a[k].max(b[k]) + r + 2.0).max(0.0) as usize).min(most)
            };
            for y in range(1, self.height) {
                for x in range(0, self.width) {
                    let (dx, dy) = (x as f64 + 0.5 - a[0], y as f64 + 0.5 - a[1]);
                    let t = ((dx * along[0] + dy * along[1]) / length).clamp(0.0, 1.0);
                    let away = (dx - t * along[0]).hypot(dy - t * along[1]);
                    let cover = &mut self.cover[y * self.width + x];
                    *cover = cover.max((r + 0.5 - away).clamp(0.0, 1.0) as f32);
                }
            }
        }
    }

    /// A square code of `n` by `n` modules, row by row, in a box of the flat sheet.
    pub(super) fn code([left, top, right, bottom]: Bounds, n: usize, dark: &[bool]) -> Self {
        let mut mask = Self::blank([left, top, right, bottom]);
        let module = |i: usize, from: f64, to: f64| (((i as f64 + 0.5) / FINE) / (to - from) * n as f64) as usize;
        for y in 0..mask.height {
            for x in 0..mask.width {
                let (i, j) = (module(x, left, right), module(y, top, bottom));
                if i < n && j < n && dark.get(j * n + i).copied().unwrap_or(false) {
                    mask.cover[y * mask.width + x] = 1.0;
                }
            }
        }
        mask
    }

    /// The box it may cover, flat pixels.
    pub(super) fn bounds(&self) -> Bounds {
        let [left, top] = self.origin;
        let mut found = [usize::MAX, usize::MAX, 0, 0];
        for (i, _) in self.cover.iter().enumerate().filter(|(_, c)| **c > 0.02) {
            let (x, y) = (i % self.width, i / self.width);
            found = [found[0].min(x), found[1].min(y), found[2].max(x + 1), found[3].max(y + 1)];
        }
        if found[2] == 0 {
            return [left, top, left + 1.0, top + 1.0];
        }
        let [x0, y0, x1, y1] = found.map(|v| v as f64 / FINE);
        let room = self.wobble + 1.0;
        [left + x0 - room, top + y0 - room, left + x1 + room, top + y1 + room]
    }

    /// Coverage at a place of the flat sheet.
    fn at(&self, [mut u, mut v]: [f64; 2]) -> f32 {
        if self.wobble > 0.0 {
            let stray = |seed| (smooth_noise(u / 9.0, v / 9.0, self.seed ^ seed) - 0.5) * 2.0 * self.wobble;
            let (du, dv) = (stray(1), stray(2));
            (u, v) = (u + du, v + dv);
        }
        let (x, y) = ((u - self.origin[0]) * FINE - 0.5, (v - self.origin[1]) * FINE - 0.5);
        if x < 0.0 || y < 0.0 || x >= self.width as f64 - 1.0 || y >= self.height as f64 - 1.0 {
            return 0.0;
        }
        let (i, j) = (x as usize, y as usize);
        let (fx, fy) = ((x - i as f64) as f32, (y - j as f64) as f32);
        let k = j * self.width + i;
        let top = self.cover[k] + (self.cover[k + 1] - self.cover[k]) * fx;
        let low = self.cover[k + self.width] + (self.cover[k + self.width + 1] - self.cover[k + self.width]) * fx;
        top + (low - top) * fy
    }
}

/// Coverage over a region of the picture; `back` leads from the picture to the flat sheet. `blur` is the standard
/// deviation in pixels of the Gaussian that softens it, 0 for none.
pub(super) fn cover(region: &Region, mask: &Mask, back: impl Fn([f64; 2]) -> [f64; 2], blur: f64) -> Vec<f32> {
    let mut cover: Vec<f32> = region
        .pixels()
        .map(|(_, [x, y], depth)| {
            if depth < -3.0 {
                return 0.0;
            }
            let sub = |dx: f64, dy: f64| mask.at(back([x as f64 + dx, y as f64 + dy]));
            (sub(0.25, 0.25) + sub(0.75, 0.25) + sub(0.25, 0.75) + sub(0.75, 0.75)) / 4.0
        })
        .collect();
    if blur > 0.0 {
        let tap = |d: f64| (-d * d / (2.0 * blur * blur)).exp();
        let sum = 1.0 + 2.0 * (tap(1.0) + tap(2.0));
        let k = [0.0, 1.0, 2.0].map(|d| (tap(d) / sum) as f32);
        for step in [1, region.width] {
            let old = cover.clone();
            for i in 2 * step..old.len().saturating_sub(2 * step) {
                cover[i] = k[0] * old[i]
                    + k[1] * (old[i - step] + old[i + step])
                    + k[2] * (old[i - 2 * step] + old[i + 2 * step]);
            }
        }
    }
    cover
}

/// What colour ink has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ink {
    /// The same everywhere, as an editor's colour.
    Opaque([f32; 3]),
    /// This share of the light that the paper gives back.
    Share([f32; 3]),
}

/// The share of the paper's light that the darkest print in a region gives back.
pub(super) fn ink_share(image: &RgbImage, region: &Region, paper: &Paper) -> [f32; 3] {
    let mut inside: Vec<_> = region
        .pixels()
        .filter(|(_, _, d)| *d > 0.0)
        .map(|(_, p, _)| {
            let (ink, blank) = (at(image, p), paper.at(p));
            [0, 1, 2].map(|c| ink[c] / blank[c].max(1.0))
        })
        .collect();
    inside.sort_unstable_by(|a, b| luma(*a).total_cmp(&luma(*b)));
    let darkest = &inside[..(inside.len() / 60).clamp(1, inside.len().max(1)).min(inside.len())];
    [0, 1, 2].map(|c| darkest.iter().map(|s| s[c]).sum::<f32>() / darkest.len().max(1) as f32)
}

/// Lays ink on a region; `grain` is the standard deviation of the noise it gets, grey levels.
pub(super) fn lay(image: &mut RgbImage, region: &Region, cover: &[f32], ink: Ink, grain: f32, dice: &mut Dice) {
    for (i, p, depth) in region.pixels() {
        let share = cover[i];
        if depth <= 0.0 || share < 0.004 {
            continue;
        }
        let blank = at(image, p);
        let colour = match ink {
            Ink::Opaque(colour) => colour,
            Ink::Share(of) => [0, 1, 2].map(|c| blank[c] * of[c]),
        };
        let noise = if grain > 0.0 { normal(dice) * grain * share } else { 0.0 };
        put(image, p, [0, 1, 2].map(|c| blank[c] + (colour[c] - blank[c]) * share + noise));
    }
}

/// Nearly normal, with a standard deviation of 1: the sum of four uniforms.
pub(super) fn normal(dice: &mut Dice) -> f32 {
    ((0..4).map(|_| dice.real(-0.5, 0.5)).sum::<f64>() * 3.0_f64.sqrt()) as f32
}

/// The pen's path for a character, in a box 0.56 wide and 1 high with y down; `None` for what we have no strokes of.
fn strokes(c: char) -> Option<&'static [[f64; 2]]> {
    Some(match c {
        '0' => &[
            [0.28, 0.0],
            [0.08, 0.15],
            [0.02, 0.5],
            [0.08, 0.85],
            [0.28, 1.0],
            [0.47, 0.85],
            [0.53, 0.5],
            [0.47, 0.15],
            [0.28, 0.0],
        ],
        '1' => &[[0.12, 0.22], [0.32, 0.0], [0.32, 1.0]],
        '2' => {
            &[[0.05, 0.2], [0.15, 0.03], [0.35, 0.0], [0.5, 0.15], [0.48, 0.35], [0.3, 0.6], [0.04, 1.0], [0.54, 0.98]]
        }
        '3' => &[
            [0.06, 0.08],
            [0.3, 0.0],
            [0.48, 0.15],
            [0.44, 0.38],
            [0.22, 0.46],
            [0.46, 0.55],
            [0.52, 0.78],
            [0.36, 0.98],
            [0.06, 0.93],
        ],
        '4' => &[[0.42, 1.0], [0.42, 0.0], [0.03, 0.68], [0.55, 0.68]],
        '5' => &[
            [0.48, 0.0],
            [0.12, 0.02],
            [0.08, 0.42],
            [0.32, 0.38],
            [0.52, 0.58],
            [0.46, 0.88],
            [0.24, 1.0],
            [0.04, 0.92],
        ],
        '6' => &[
            [0.44, 0.03],
            [0.18, 0.2],
            [0.05, 0.6],
            [0.12, 0.92],
            [0.3, 1.0],
            [0.5, 0.86],
            [0.48, 0.6],
            [0.28, 0.5],
            [0.08, 0.66],
        ],
        '7' => &[[0.03, 0.02], [0.53, 0.0], [0.3, 0.45], [0.2, 1.0]],
        '8' => &[
            [0.28, 0.46],
            [0.08, 0.3],
            [0.12, 0.06],
            [0.3, 0.0],
            [0.48, 0.1],
            [0.46, 0.32],
            [0.28, 0.46],
            [0.06, 0.66],
            [0.08, 0.92],
            [0.28, 1.0],
            [0.5, 0.9],
            [0.5, 0.66],
            [0.28, 0.46],
        ],
        '9' => &[
            [0.5, 0.32],
            [0.3, 0.5],
            [0.08, 0.4],
            [0.06, 0.14],
            [0.26, 0.0],
            [0.46, 0.08],
            [0.5, 0.32],
            [0.46, 0.7],
            [0.3, 1.0],
        ],
        '.' => &[[0.22, 0.97], [0.25, 0.99]],
        '-' => &[[0.08, 0.55], [0.46, 0.55]],
        '/' => &[[0.45, 0.0], [0.05, 1.0]],
        ' ' => &[],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sloped() -> RgbImage {
        RgbImage::from_fn(120, 80, |x, y| Rgb([(100 + x / 2) as u8, (120 + y / 2) as u8, 200]))
    }

    const BOX: [[f64; 2]; 4] = [[30.0, 30.0], [80.0, 34.0], [79.0, 50.0], [29.0, 46.0]];

    #[test]
    fn a_region_is_what_is_painted() {
        let mut image = sloped();
        let region = Region::new(BOX, &image).unwrap();
        paste(&mut image, &region, |_| [0.0; 3], Blend::Hard);
        let painted = image.pixels().filter(|p| p.0 == [0; 3]).count();
        assert!((750..=850).contains(&painted), "an area of 808 gave {painted} pixels");
        assert_eq!((image.get_pixel(55, 40).0, image.get_pixel(28, 40).0[2]), ([0; 3], 200));
        assert!(Region::new(BOX.map(|[x, y]| [x + 500.0, y]), &image).is_none());
    }

    #[test]
    fn paper_is_its_own_light() {
        let mut image = sloped();
        let region = Region::new(BOX, &image).unwrap();
        for x in 30..80 {
            image.put_pixel(x, 40, Rgb([0; 3]));
        }
        let paper = Paper::around(&image, &region);
        let there = paper.at([60, 40]);
        for (a, b) in there.iter().zip([130.0, 140.0, 200.0]) {
            assert!((a - b).abs() < 1.5, "{there:?}");
        }
        assert!(paper.grain < 1.0);
    }

    #[test]
    fn a_seamless_paste_takes_the_level_around_it() {
        let mut image = RgbImage::from_pixel(120, 80, Rgb([200, 180, 160]));
        let region = Region::new(BOX, &image).unwrap();
        // Another level, with one dark pixel, which is what should remain.
        let source = |p: [usize; 2]| if p == [55, 40] { [20.0; 3] } else { [120.0; 3] };
        paste(&mut image, &region, source, Blend::Seamless);
        assert_eq!(image.get_pixel(45, 40).0, [200, 180, 160]);
        assert_eq!(image.get_pixel(55, 40).0, [100, 80, 60]);
    }

    #[test]
    fn blank_paper_is_found_beside_print() {
        let mut image = RgbImage::from_pixel(300, 300, Rgb([220; 3]));
        for (x, y) in (0..300).flat_map(|x| (0..300).map(move |y| (x, y))) {
            if y < 160 && (x / 3 + y / 3) % 2 == 0 {
                image.put_pixel(x, y, Rgb([20; 3]));
            }
        }
        let region = Region::new([[120.0, 120.0], [160.0, 120.0], [160.0, 136.0], [120.0, 136.0]], &image).unwrap();
        let [_, down] = blank_nearby(&image, &region, &mut Dice::new(1, "test")).unwrap();
        assert!(down > 24, "{down}");
    }
}
