//! Finds the sheet in the photo, or says that it is not sure.
//!
//! Paper is brighter than what it lies on, so each side of the sheet is a straight step in brightness whose bright
//! half is inside. Ink is removed first (grey closing), steps vote for directed lines (a Hough transform), and four
//! lines that face each other are a candidate. A candidate counts only by the share of its outline that really is
//! such a step. Where light and clutter hide the steps, paper is still colder in colour than most tables: then the
//! sides are sought around the largest patch of cold colour.

use super::plane::{Plane, percentile};
use crate::domain::{Homography, Page};
use image::RgbImage;

/// Radius of the closing that removes ink, as a share of the longer side: strokes and rules of up to 2 % go.
const INK: f64 = 0.010;
/// Weakest step that is an edge, in luma levels for each pixel after smoothing. Sensor noise stays below.
const STEP: f32 = 3.0;
/// A sheet covers at least this share of the photo.
const LEAST_AREA: f64 = 0.08;
/// Share of each side, and of the whole outline, that must be seen as a step.
const SIDE_SEEN: f64 = 0.55;
const OUTLINE_SEEN: f64 = 0.78;
/// Corners may lie this far outside the photo, as a share of its sides.
const OUTSIDE: f64 = 0.03;
/// How far on both sides of the sheet's edge it is compared with its surroundings, as a share of the photo's longer
/// side, and by how many luma levels these must be darker. Printed frames are thinner than where it starts.
const RING: std::ops::Range<f64> = 0.025..0.06;
const DARKER: u8 = 10;
/// Most ink around the sheet, as a share of the density on it.
const MOST_INK_OUTSIDE: f64 = 0.3;
/// By how many levels a sheet told by its colour must be colder than its surroundings, and reflect more blue.
const COLDER: u8 = 16;
const BLUER: u8 = 4;
/// How far around such a sheet ink is sought, as a share of the photo's longer side, how much of it may be there, and
/// how much of the patch's own ink may be cut off, both as shares. What lies further away on the table may be anything.
const NEAR: f64 = 0.12;
const MOST_INK_NEAR: f64 = 0.5;
const MOST_INK_LOST: f64 = 0.02;
/// Radius of the closing that removes strokes of text.
const STROKE: usize = 2;
/// How far the sides of such a sheet may be moved to save its ink, as a share of the sheet.
const FARTHEST: f64 = 0.1;
/// Least share of ink on each of several sheets: an empty sheet is no document.
const TEXT: f64 = 0.02;
/// How well a patch of colour and the sheet cover each other, as intersection over union: other sheets may stick out
/// from under it.
const FILLED: f64 = 0.85;
const UNIT: [[f64; 2]; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
/// Most lines that are combined.
const LINES: usize = 40;
/// Bins of the Hough transform: degrees of direction, and pixels of distance.
const DIRECTIONS: usize = 360;

/// What lies in the photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Located {
    /// No sheet that is seen surely.
    Nothing,
    /// Corners of the sheet in pixels of the photo, clockwise from the one nearest the photo's top left.
    Sheet([[f64; 2]; 4]),
    /// Sheets that lie apart from each other.
    Several,
}

/// Finds the sheet. `photo` should have 400 to 700 pixels on its longer side.
pub(super) fn locate(photo: &RgbImage) -> Located {
    if photo.width() < 40 || photo.height() < 40 {
        return Located::Nothing;
    }
    let radius = ((photo.width().max(photo.height()) as f64 * INK).round() as usize).max(2);
    let luma = Plane::luma(photo);
    let ground = Ground { paper: luma.closing(radius), luma };
    let planes = [0, 1, 2].map(|c| Plane::channel(photo, c).closing(radius));
    let edges = Edges::of(&planes);
    let (lines, size) = (edges.lines(), edges.size());
    let first = best_outline(&lines, size, |_| true)
        .map(|corners| (corners, ground.contrast(&corners, &ground.paper, f64::MAX)));
    if let Some((corners, Some(contrast))) = first
        && contrast.darker()
    {
        let second = best_outline(&lines, size, |other| apart(&corners, other));
        let second = second.and_then(|corners| ground.contrast(&corners, &ground.paper, f64::MAX));
        if second.is_some_and(|second| second.darker() && second.on > TEXT && contrast.on > TEXT) {
            return Located::Several;
        }
        if contrast.ink() < MOST_INK_OUTSIDE {
            return Located::Sheet(corners);
        }
    }
    // Of paper without its ink, which may be blue.
    let cold = planes[2].above(&planes[0]).opening(radius);
    by_colour(&ground, &cold, &planes[2]).map_or(Located::Nothing, Located::Sheet)
}

/// The candidate among those that `allowed` lets pass whose sides are best seen as steps.
fn best_outline(lines: &[Line], size: [f64; 2], allowed: impl Fn(&[[f64; 2]; 4]) -> bool) -> Option<[[f64; 2]; 4]> {
    best_quad(lines, size, |c| {
        // A table or a page under the page also has an outline; the best seen one wins, size only breaks ties.
        let share = area(&c.corners).abs() / (size[0] * size[1]);
        (c.outline >= OUTLINE_SEEN && c.least >= SIDE_SEEN && allowed(&c.corners))
            .then(|| c.outline + 0.3 * c.least + 0.15 * share.sqrt())
    })
}

/// Whether one side of `a` has all of `b` beyond it.
fn apart(a: &[[f64; 2]; 4], b: &[[f64; 2]; 4]) -> bool {
    let turn = area(a).signum();
    (0..4).any(|i| {
        let (p, q) = (a[i], a[(i + 1) % 4]);
        b.iter().all(|c| turn * ((q[0] - p[0]) * (c[1] - p[1]) - (q[1] - p[1]) * (c[0] - p[0])) < 0.0)
    })
}

/// The sheet as the largest patch that is colder in colour than what it lies on, told from it by Otsu's threshold.
///
/// Wood, cardboard, cloth and skin are warmer than paper in any light, where their brightness may differ too little
/// from it, or things lie across the sheet's sides and hide the steps. A cold tint printed on paper is told from a
/// sheet by reflecting no more blue than the paper around it.
fn by_colour(ground: &Ground, cold: &Plane, blue: &Plane) -> Option<[[f64; 2]; 4]> {
    let patch = Patch::largest(cold, otsu(cold))?;
    // Unblurred, its stairs of pixels would face in a few directions only.
    let edges = Edges::of(&[&patch, &patch.hull()].map(|p| p.plane(cold.width).blurred(4)));
    let corners = best_quad(&edges.lines(), edges.size(), |c| {
        let overlap = patch.overlap(&c.corners);
        (overlap >= FILLED).then_some(overlap)
    })?;
    let corners = patch.enclosed(ground, corners)?;
    let (colder, bluer) = (ground.contrast(&corners, cold, NEAR)?, ground.contrast(&corners, blue, NEAR)?);
    let more = |sides: &[[u8; 2]], least| sides.iter().filter(|s| s[1].saturating_sub(s[0]) >= least).count() == 4;
    let stands_out = more(&colder.sides, COLDER) && more(&bluer.sides, BLUER);
    (stands_out && colder.ink() < MOST_INK_NEAR).then_some(corners)
}

/// What a photo looks like with and without its ink.
struct Ground {
    luma: Plane,
    /// Luma after closing.
    paper: Plane,
}

/// A sheet held against its surroundings.
struct Contrast {
    /// Median level in a ring beyond each side, and upper level in one within it. A side at the photo's edge has none.
    sides: Vec<[u8; 2]>,
    /// Upper quartile of the levels on the sheet.
    inside: u8,
    /// Share of the pixels on the sheet, and around it, that are ink.
    on: f64,
    around: f64,
}

impl Contrast {
    /// Whether the surroundings are darker than the sheet.
    ///
    /// A thick printed frame has a bright inside too, but beyond the frame the paper goes on. Cutting that out would
    /// lose text.
    fn darker(&self) -> bool {
        self.sides.iter().all(|[beyond, _]| beyond.saturating_add(DARKER) <= self.inside)
    }

    /// Ink around the sheet, as a share of the density on it: a white form on tinted paper has its title outside.
    fn ink(&self) -> f64 {
        self.around / self.on.max(0.01)
    }
}

impl Ground {
    /// Whether the pixel holds ink: a quarter darker than the paper around it.
    fn ink(&self, i: usize) -> bool {
        let (p, l) = (u32::from(self.paper.data[i]), u32::from(self.luma.data[i]));
        (p - l) * 4 > p && p > 40
    }

    /// Levels of `by` on the sheet and around it, and ink as far as `near` around it (a share of the longer side).
    fn contrast(&self, corners: &[[f64; 2]; 4], by: &Plane, near: f64) -> Option<Contrast> {
        let (w, h) = (self.luma.width, self.luma.height);
        let place = Homography::<Page, Page>::between(*corners, UNIT)?;
        let long = w.max(h) as f64;
        let side = |a: usize, b: usize| (corners[a][0] - corners[b][0]).hypot(corners[a][1] - corners[b][1]) / long;
        let (across, down) = (side(0, 1).max(side(3, 2)), side(0, 3).max(side(1, 2)));
        // Of each side: left, top, right, bottom.
        let (mut inside, mut beyond, mut within) = (Vec::new(), [const { Vec::new() }; 4], [const { Vec::new() }; 4]);
        let (mut ink, mut pixels) = ([0_u32; 2], [0_u32; 2]);
        for y in (0..h).step_by(2) {
            for x in (0..w).step_by(2) {
                let [u, v] = place.apply([x as f64 + 0.5, y as f64 + 0.5]);
                let out = [-u * across, -v * down, (u - 1.0) * across, (v - 1.0) * down];
                let (far, side) = (0..4).map(|i| (out[i], i)).fold((f64::MIN, 0), |a, b| if b.0 > a.0 { b } else { a });
                let i = y * w + x;
                if far < -0.01 {
                    inside.push(by.data[i]);
                }
                if far < -0.01 || far > 0.02 && far < near {
                    let which = usize::from(far > 0.0);
                    pixels[which] += 1;
                    ink[which] += u32::from(self.ink(i));
                }
                if RING.contains(&far) {
                    beyond[side].push(by.data[i]);
                } else if RING.contains(&-far) {
                    within[side].push(by.data[i]);
                }
            }
        }
        let [on, around] = [0, 1].map(|i| f64::from(ink[i]) / f64::from(pixels[i].max(1)));
        let sides = beyond.into_iter().zip(within).filter(|(beyond, _)| beyond.len() >= 20);
        Some(Contrast {
            sides: sides.map(|(b, w)| [percentile(b.into_iter(), 0.5), percentile(w.into_iter(), 0.95)]).collect(),
            inside: percentile(inside.into_iter(), 0.75),
            on,
            around,
        })
    }
}

/// Steps in brightness.
struct Edges {
    width: usize,
    height: usize,
    /// For each pixel the unit vector towards the bright half, or zero.
    toward: Vec<[f32; 2]>,
    /// The pixels that are edges, by the direction of that vector in whole degrees.
    facing: Vec<Vec<(u16, u16)>>,
}

impl Edges {
    /// The steepest step of any of the planes, which are of one size.
    fn of(planes: &[Plane]) -> Self {
        let (width, height) = (planes[0].width, planes[0].height);
        let mut gradient = vec![[0.0_f32; 2]; width * height];
        for plane in planes {
            let plane = plane.blurred(1);
            for y in 1..height - 1 {
                let (above, here, below) = (plane.row(y - 1), plane.row(y), plane.row(y + 1));
                for x in 1..width - 1 {
                    let v = |row: &[u8], i: usize| f32::from(row[i]);
                    // Scharr's weights, to a slope per pixel.
                    let gx = (3.0 * (v(above, x + 1) - v(above, x - 1) + v(below, x + 1) - v(below, x - 1))
                        + 10.0 * (v(here, x + 1) - v(here, x - 1)))
                        / 32.0;
                    let gy = (3.0 * (v(below, x - 1) - v(above, x - 1) + v(below, x + 1) - v(above, x + 1))
                        + 10.0 * (v(below, x) - v(above, x)))
                        / 32.0;
                    let g = &mut gradient[y * width + x];
                    if gx * gx + gy * gy > g[0] * g[0] + g[1] * g[1] {
                        *g = [gx, gy];
                    }
                }
            }
        }
        let strength = |i: usize| gradient[i][0].hypot(gradient[i][1]);
        let (mut toward, mut facing) = (vec![[0.0; 2]; width * height], vec![Vec::new(); DIRECTIONS]);
        for y in 2..height - 2 {
            for x in 2..width - 2 {
                let i = y * width + x;
                let [gx, gy] = gradient[i];
                if gx.abs() < STEP * 0.6 && gy.abs() < STEP * 0.6 {
                    continue;
                }
                let s = gx.hypot(gy);
                // Keep the ridge only: not weaker than both neighbours across the edge.
                let step = match (gx.abs() > 2.4 * gy.abs(), gy.abs() > 2.4 * gx.abs(), gx * gy > 0.0) {
                    (true, _, _) => 1,
                    (_, true, _) => width,
                    (_, _, true) => width + 1,
                    _ => width - 1,
                };
                if s >= STEP && s >= strength(i - step) && s > strength(i + step) {
                    toward[i] = [gx / s, gy / s];
                    let degrees = (gy.atan2(gx).to_degrees().round() as i32).rem_euclid(DIRECTIONS as i32);
                    facing[degrees as usize].push((x as u16, y as u16));
                }
            }
        }
        Self { width, height, toward, facing }
    }

    /// Width and height, pixels.
    fn size(&self) -> [f64; 2] {
        [self.width as f64, self.height as f64]
    }

    /// The lines with the most edge points, each fitted to its points.
    fn lines(&self) -> Vec<Line> {
        let reach = (self.width as f64).hypot(self.height as f64).ceil() as usize;
        let bins = 2 * reach + 1;
        let directions: Vec<[f32; 2]> =
            (0..DIRECTIONS).map(|d| (d as f32).to_radians()).map(|a| [a.cos(), a.sin()]).collect();
        let mut votes = vec![0_u16; DIRECTIONS * bins];
        for (middle, points) in self.facing.iter().enumerate() {
            for d in (middle + DIRECTIONS - 3..=middle + DIRECTIONS + 3).map(|d| d % DIRECTIONS) {
                let [cos, sin] = directions[d];
                let row = &mut votes[d * bins..(d + 1) * bins];
                for &(x, y) in points {
                    let rho = f32::from(x) * cos + f32::from(y) * sin;
                    row[(rho + reach as f32 + 0.5) as usize] += 1;
                }
            }
        }
        let least = (self.width.min(self.height) as f64 * 0.10) as u16;
        let sum = |d: usize, r: usize| votes[d * bins + r - 1] + votes[d * bins + r] + votes[d * bins + r + 1];
        let mut peaks: Vec<(u16, usize, usize)> = Vec::new();
        for d in 0..DIRECTIONS {
            for r in 1..bins - 1 {
                if votes[d * bins + r] > 0 && sum(d, r) >= least {
                    peaks.push((sum(d, r), d, r));
                }
            }
        }
        peaks.sort_unstable_by(|a, b| b.cmp(a));
        let mut tried: Vec<(usize, usize)> = Vec::new();
        let mut lines: Vec<Line> = Vec::new();
        for (_, d, r) in peaks {
            let near =
                |&(e, s): &(usize, usize)| d.abs_diff(e).min(DIRECTIONS - d.abs_diff(e)) <= 4 && r.abs_diff(s) <= 5;
            if tried.iter().any(near) {
                continue;
            }
            tried.push((d, r));
            let (normal, rho) = self.fitted(directions[d].map(f64::from), r as f64 - reach as f64);
            // The foothills of a strong edge's peak lead to the same line.
            let same = |other: &Line| {
                let cos = other.normal[0] * normal[0] + other.normal[1] * normal[1];
                cos > 0.9998 && (other.rho - rho).abs() < 2.0
            };
            if !lines.iter().any(same) {
                lines.push(Line::new(self, normal, rho));
            }
            if lines.len() == LINES || tried.len() == 4 * LINES {
                break;
            }
        }
        lines
    }

    /// The line fitted to the edge points near it that face the same way.
    fn fitted(&self, mut normal: [f64; 2], mut rho: f64) -> ([f64; 2], f64) {
        for within in [3.0, 1.8] {
            let (mut n, mut mx, mut my) = (0.0, 0.0, 0.0);
            let degrees = normal[1].atan2(normal[0]).to_degrees().round() as i32;
            let near: Vec<[f64; 2]> = (degrees - 20..=degrees + 20)
                .flat_map(|d| &self.facing[d.rem_euclid(DIRECTIONS as i32) as usize])
                .map(|&(x, y)| [f64::from(x) + 0.5, f64::from(y) + 0.5])
                .filter(|p| (p[0] * normal[0] + p[1] * normal[1] - rho).abs() <= within)
                .collect();
            for [x, y] in &near {
                n += 1.0;
                mx += x;
                my += y;
            }
            if n < 10.0 {
                break;
            }
            (mx, my) = (mx / n, my / n);
            let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
            for [x, y] in &near {
                let (dx, dy) = (x - mx, y - my);
                xx += dx * dx;
                xy += dx * dy;
                yy += dy * dy;
            }
            // The direction of least spread, on the same side as before.
            let along = 0.5 * (2.0 * xy).atan2(xx - yy);
            let fitted = [-along.sin(), along.cos()];
            let facing = if fitted[0] * normal[0] + fitted[1] * normal[1] < 0.0 { -1.0 } else { 1.0 };
            normal = fitted.map(|v| v * facing);
            rho = mx * normal[0] + my * normal[1];
        }
        (normal, rho)
    }

    /// Whether the pixel is an edge within `within` of the line and faces along its normal, by 20°.
    fn on(&self, x: usize, y: usize, normal: [f64; 2], rho: f64, within: f64) -> bool {
        let [tx, ty] = self.toward[y * self.width + x].map(f64::from);
        let distance = (x as f64 + 0.5) * normal[0] + (y as f64 + 0.5) * normal[1] - rho;
        distance.abs() <= within && tx * normal[0] + ty * normal[1] > 0.94
    }
}

/// A directed line `x · normal = rho` (pixels), with the bright half where the normal points.
struct Line {
    normal: [f64; 2],
    rho: f64,
    /// How many of the first `i` pixels along the line, from `from`, are seen as an edge.
    seen: Vec<u32>,
    from: f64,
}

impl Line {
    fn new(edges: &Edges, normal: [f64; 2], rho: f64) -> Self {
        let reach = (edges.width as f64).hypot(edges.height as f64);
        let along = [-normal[1], normal[0]];
        let mut seen = vec![0];
        let mut flags = Vec::new();
        for i in 0..(2.0 * reach) as usize {
            let t = i as f64 - reach;
            let (x, y) = (rho * normal[0] + t * along[0], rho * normal[1] + t * along[1]);
            let edge = (-2..=2).any(|k| {
                let (px, py) = (x + f64::from(k) * normal[0], y + f64::from(k) * normal[1]);
                px >= 0.0
                    && py >= 0.0
                    && (px as usize) < edges.width
                    && (py as usize) < edges.height
                    && edges.on(px as usize, py as usize, normal, rho, 2.6)
            });
            flags.push(edge);
        }
        // Gaps of two pixels are rasterisation.
        for i in 0..flags.len() {
            let near = flags[i] || (i > 0 && flags[i - 1]) && flags[i..flags.len().min(i + 3)].contains(&true);
            seen.push(seen[i] + u32::from(near));
        }
        Self { normal, rho, seen, from: -reach }
    }

    /// Pixels of the line between two of its points that are seen as an edge.
    fn seen_between(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        let along = [-self.normal[1], self.normal[0]];
        let t = |p: [f64; 2]| {
            let t = p[0] * along[0] + p[1] * along[1] - self.from;
            (t.max(0.0) as usize).min(self.seen.len() - 1)
        };
        let (s, e) = (t(a).min(t(b)), t(a).max(t(b)));
        f64::from(self.seen[e] - self.seen[s])
    }

    fn crossing(&self, other: &Self) -> Option<[f64; 2]> {
        let (a, b) = (self.normal, other.normal);
        let det = a[0] * b[1] - a[1] * b[0];
        (det.abs() > 0.5)
            .then(|| [(self.rho * b[1] - other.rho * a[1]) / det, (a[0] * other.rho - b[0] * self.rho) / det])
    }
}

/// A quadrilateral of four lines, and how much of it is seen.
struct Candidate {
    corners: [[f64; 2]; 4],
    /// Share of the outline, and of its least seen side, that is an edge (0..=1).
    outline: f64,
    least: f64,
}

/// The candidate of four lines that scores highest, among those that `score` does not refuse.
fn best_quad(lines: &[Line], size: [f64; 2], score: impl Fn(&Candidate) -> Option<f64>) -> Option<[[f64; 2]; 4]> {
    let [width, height] = size;
    let facing = |a: &Line, b: &Line| a.normal[0] * b.normal[0] + a.normal[1] * b.normal[1] < -0.86;
    let mut pairs = Vec::new();
    for (i, a) in lines.iter().enumerate() {
        for (j, b) in lines.iter().enumerate().skip(i + 1) {
            // Bright halves between them: moving from a along its normal leads towards b.
            if facing(a, b) && a.rho + b.rho < -0.12 * width.min(height) {
                pairs.push((i, j));
            }
        }
    }
    let mut best: Option<(f64, [[f64; 2]; 4])> = None;
    for (n, &(a, c)) in pairs.iter().enumerate() {
        for &(b, d) in &pairs[n + 1..] {
            let sides = [&lines[a], &lines[b], &lines[c], &lines[d]];
            if let Some(candidate) = Candidate::of(sides, size)
                && let Some(score) = score(&candidate)
                && best.as_ref().is_none_or(|(s, _)| score > *s)
            {
                best = Some((score, candidate.corners));
            }
        }
    }
    best.map(|(_, corners)| from_top_left(corners))
}

impl Candidate {
    /// The quadrilateral with these sides in order, if it can be a sheet.
    fn of(sides: [&Line; 4], [width, height]: [f64; 2]) -> Option<Self> {
        let mut corners = [[0.0; 2]; 4];
        for i in 0..4 {
            corners[i] = sides[(i + 3) % 4].crossing(sides[i])?;
            let [x, y] = corners[i];
            let inside = |v: f64, size: f64| v >= -OUTSIDE * size && v <= (1.0 + OUTSIDE) * size;
            if !inside(x, width) || !inside(y, height) {
                return None;
            }
        }
        if area(&corners).abs() < LEAST_AREA * width * height || !is_convex(&corners) {
            return None;
        }
        let (mut seen, mut outline, mut least) = (0.0, 0.0, 1.0_f64);
        for i in 0..4 {
            let (a, b) = (corners[i], corners[(i + 1) % 4]);
            let length = (a[0] - b[0]).hypot(a[1] - b[1]);
            let other = (corners[(i + 2) % 4], corners[(i + 3) % 4]);
            let opposite = (other.0[0] - other.1[0]).hypot(other.0[1] - other.1[1]);
            if length < 0.1 * width.min(height) || length < 0.5 * opposite {
                return None;
            }
            let here = sides[i].seen_between(a, b);
            seen += here;
            outline += length;
            least = least.min(here / length);
        }
        Some(Self { corners, outline: seen / outline, least })
    }
}

/// A connected patch of the picture, filled from side to side: `rows[y]` is the run of pixels that belongs to it.
struct Patch {
    rows: Vec<std::ops::Range<usize>>,
    area: f64,
}

impl Patch {
    /// The largest connected patch of values above `threshold`; `None` if there is none.
    fn largest(plane: &Plane, threshold: u8) -> Option<Self> {
        let (w, h) = (plane.width, plane.height);
        let mut free: Vec<bool> = plane.data.iter().map(|&v| v > threshold).collect();
        let mut best = Vec::new();
        let mut stack = Vec::new();
        for seed in 0..free.len() {
            if !free[seed] {
                continue;
            }
            let mut patch = Vec::new();
            free[seed] = false;
            stack.push(seed);
            while let Some(i) = stack.pop() {
                patch.push(i);
                let (x, y) = (i % w, i / w);
                let next =
                    [(x > 0, i.wrapping_sub(1)), (x + 1 < w, i + 1), (y > 0, i.wrapping_sub(w)), (y + 1 < h, i + w)];
                for (_, j) in next.into_iter().filter(|n| n.0) {
                    if std::mem::take(&mut free[j]) {
                        stack.push(j);
                    }
                }
            }
            if patch.len() > best.len() {
                best = patch;
            }
        }
        let mut rows = vec![w..0; h];
        for i in best {
            let row = &mut rows[i / w];
            *row = row.start.min(i % w)..row.end.max(i % w + 1);
        }
        let area: usize = rows.iter().map(std::ops::Range::len).sum();
        (area > 0).then_some(Self { rows, area: area as f64 })
    }

    /// The convex hull, without what things that lie across the sides bite out.
    fn hull(&self) -> Self {
        let hull = hull(self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty()).flat_map(|(y, row)| {
            let (left, right, y) = (row.start as f64, row.end as f64, y as f64);
            [[left, y], [left, y + 1.0], [right, y], [right, y + 1.0]]
        }));
        let row = |y| span(&hull, y).map_or(0..0, |[from, to]| from.round() as usize..to.round() as usize);
        let rows: Vec<std::ops::Range<usize>> = (0..self.rows.len()).map(row).collect();
        Self { area: rows.iter().map(|row| row.len() as f64).sum(), rows }
    }

    /// The patch in white on black.
    fn plane(&self, width: usize) -> Plane {
        let mut data = vec![0; width * self.rows.len()];
        for (line, row) in data.chunks_exact_mut(width).zip(&self.rows) {
            if !row.is_empty() {
                line[row.clone()].fill(255);
            }
        }
        Plane { width, height: self.rows.len(), data }
    }

    /// The quadrilateral with each side moved outwards until no more than [`MOST_INK_LOST`] of the patch's ink lies
    /// beyond it; `None` if that is far.
    fn enclosed(&self, ground: &Ground, corners: [[f64; 2]; 4]) -> Option<[[f64; 2]; 4]> {
        let place = Homography::<Page, Page>::between(corners, UNIT)?;
        let back = place.inverse()?;
        // Strokes of text only: pens and cables that lie across the sheet are thicker.
        let fine = ground.luma.closing(STROKE);
        let (mut beyond, mut all) = ([const { Vec::new() }; 4], 0);
        for (y, row) in self.rows.iter().enumerate() {
            for x in row.clone() {
                let i = y * ground.luma.width + x;
                let (paper, here) = (u32::from(fine.data[i]), u32::from(ground.luma.data[i]));
                // Faint where strokes are thinner than a pixel.
                if (paper - here) * 8 <= paper {
                    continue;
                }
                all += 1;
                let [u, v] = place.apply([x as f64 + 0.5, y as f64 + 0.5]);
                for (beyond, out) in beyond.iter_mut().zip([-u, -v, u - 1.0, v - 1.0]) {
                    if out > 0.0 {
                        beyond.push(out);
                    }
                }
            }
        }
        let [left, top, right, bottom] = beyond.map(|mut out| {
            out.sort_by(|a, b| b.total_cmp(a));
            out.get((f64::from(all) * MOST_INK_LOST) as usize).copied().unwrap_or(0.0)
        });
        let grown = [[-left, -top], [1.0 + right, -top], [1.0 + right, 1.0 + bottom], [-left, 1.0 + bottom]];
        ([left, top, right, bottom].into_iter().all(|out| out < FARTHEST)).then(|| grown.map(|p| back.apply(p)))
    }

    /// Intersection over union of the patch and a convex quadrilateral.
    fn overlap(&self, corners: &[[f64; 2]; 4]) -> f64 {
        let mut both = 0.0;
        for (y, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
            if let Some([from, to]) = span(corners, y) {
                both += (to.min(row.end as f64) - from.max(row.start as f64)).max(0.0);
            }
        }
        both / (self.area + area(corners).abs() - both)
    }
}

/// The convex hull of points (Andrew's monotone chain).
fn hull(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = points.collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..]
                && (b[0] - a[0]) * (p[1] - a[1]) <= (b[1] - a[1]) * (p[0] - a[0])
            {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}

/// Where a convex polygon begins and ends in the row of pixels `y`.
fn span(corners: &[[f64; 2]], y: usize) -> Option<[f64; 2]> {
    let middle = y as f64 + 0.5;
    let crossings = (0..corners.len())
        .map(|i| (corners[i], corners[(i + 1) % corners.len()]))
        .filter(|(a, b)| (a[1] <= middle) != (b[1] <= middle));
    crossings.map(|(a, b)| a[0] + (b[0] - a[0]) * (middle - a[1]) / (b[1] - a[1])).fold(None, |span, x| match span {
        None => Some([x, x]),
        Some([from, to]) => Some([x.min(from), x.max(to)]),
    })
}

/// The threshold that parts the values into the two classes with the most variance between them (Otsu 1979).
fn otsu(plane: &Plane) -> u8 {
    let mut histogram = [0_u64; 256];
    plane.data.iter().for_each(|&v| histogram[usize::from(v)] += 1);
    let (count, total) = (plane.data.len() as f64, plane.data.iter().map(|&v| f64::from(v)).sum::<f64>());
    let (mut below, mut sum, mut best) = (0.0, 0.0, (0.0, 0));
    for (value, &n) in (0_u8..=255).zip(&histogram) {
        below += n as f64;
        sum += f64::from(value) * n as f64;
        let between = (total * below / count - sum).powi(2) / (below * (count - below)).max(1.0);
        if between > best.0 {
            best = (between, value);
        }
    }
    best.1
}

/// Signed area by the shoelace formula; positive if clockwise to the eye.
fn area(q: &[[f64; 2]; 4]) -> f64 {
    (0..4).map(|i| q[i][0] * q[(i + 1) % 4][1] - q[(i + 1) % 4][0] * q[i][1]).sum::<f64>() / 2.0
}

/// Whether all corners turn the same way, none of them sharper than 40° or flatter than 140°.
fn is_convex(q: &[[f64; 2]; 4]) -> bool {
    let turn = |i: usize| {
        let (p, c, n) = (q[(i + 3) % 4], q[i], q[(i + 1) % 4]);
        let (a, b) = ([c[0] - p[0], c[1] - p[1]], [n[0] - c[0], n[1] - c[1]]);
        (a[0] * b[1] - a[1] * b[0]) / (a[0].hypot(a[1]) * b[0].hypot(b[1])).max(1e-9)
    };
    let sign = turn(0).signum();
    (0..4).all(|i| turn(i) * sign > 0.64)
}

/// The same corners, clockwise, starting with the one nearest to the top left.
fn from_top_left(mut q: [[f64; 2]; 4]) -> [[f64; 2]; 4] {
    if area(&q) < 0.0 {
        q.reverse();
    }
    let first = (0..4).min_by(|&a, &b| (q[a][0] + q[a][1]).total_cmp(&(q[b][0] + q[b][1]))).unwrap_or(0);
    q.rotate_left(first);
    q
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::Upload;
    use crate::vision::deskew::tests::painted_text;
    use crate::vision::rectify::Frame;
    use image::Rgb;

    /// Intersection over union of two convex quadrilaterals, counted on half pixels of a 640 × 640 picture.
    pub(in crate::vision) fn overlap(a: &[[f64; 2]; 4], b: &[[f64; 2]; 4]) -> f64 {
        let inside = |q: &[[f64; 2]; 4], x: f64, y: f64| {
            let turn = |i: usize| {
                let (p, n) = (q[i], q[(i + 1) % 4]);
                (n[0] - p[0]) * (y - p[1]) - (n[1] - p[1]) * (x - p[0]) >= 0.0
            };
            (0..4).all(turn) || !(0..4).any(turn)
        };
        let (mut both, mut either) = (0_u32, 0_u32);
        for i in 0..1280 {
            for j in 0..1280 {
                let (x, y) = (f64::from(i) / 2.0, f64::from(j) / 2.0);
                let (p, q) = (inside(a, x, y), inside(b, x, y));
                both += u32::from(p && q);
                either += u32::from(p || q);
            }
        }
        f64::from(both) / f64::from(either.max(1))
    }

    /// A page of painted text with these corners on a table of this grey, with some grain.
    pub(in crate::vision) fn photographed(corners: [[f64; 2]; 4], table: u8, width: u32, height: u32) -> RgbImage {
        on_table(corners, [table; 3], width, height)
    }

    fn on_table(corners: [[f64; 2]; 4], table: [u8; 3], width: u32, height: u32) -> RgbImage {
        let page = painted_text(600, 800);
        let map =
            Homography::<Upload, Page>::between([[0.0, 0.0], [600.0, 0.0], [600.0, 800.0], [0.0, 800.0]], corners)
                .unwrap();
        let mut photo = Frame { map, size: [f64::from(width), f64::from(height)] }.render(&page, table);
        let mut seed = 3_u32;
        for p in photo.pixels_mut() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (seed >> 29) as i16 - 4;
            *p = Rgb(p.0.map(|v| (i16::from(v) + grain).clamp(0, 255) as u8));
        }
        photo
    }

    #[test]
    fn painted_sheets_are_found_to_the_pixel_or_left_whole() {
        let mut count = 0;
        let table = [
            ([[120.0, 60.0], [500.0, 70.0], [510.0, 590.0], [110.0, 580.0]], 60),
            ([[160.0, 90.0], [470.0, 60.0], [560.0, 540.0], [90.0, 560.0]], 110),
            ([[200.0, 50.0], [560.0, 160.0], [440.0, 600.0], [80.0, 480.0]], 190),
            ([[30.0, 20.0], [610.0, 25.0], [615.0, 620.0], [25.0, 612.0]], 90),
        ];
        for (corners, grey) in table {
            let photo = photographed(corners, grey, 640, 640);
            // A missed sheet costs time, a wrong one costs text: the strongly tilted second case is missed today.
            let Located::Sheet(found) = locate(&photo) else { continue };
            let iou = overlap(&found, &corners);
            assert!(iou > 0.97, "{corners:?} on {grey}: {iou} {found:?}");
            count += 1;
        }
        assert!(count >= 1, "no painted sheet was found");
    }

    #[test]
    fn a_sheet_on_a_bright_warm_table_is_found_by_its_colour() {
        let corners = [[150.0, 80.0], [480.0, 60.0], [540.0, 560.0], [100.0, 540.0]];
        let mut photo = on_table(corners, [250, 236, 196], 640, 640);
        // A pen across one side and a cable across two.
        for i in 0..640 {
            (0..3).for_each(|k| photo.put_pixel(i, 300 + k + i / 20, Rgb([20; 3])));
            (0..14).for_each(|k| photo.put_pixel(60 + i / 5, 200 + k + i / 20, Rgb([30; 3])));
        }
        let luma = Plane::luma(&photo);
        assert!(percentile(luma.data.iter().copied(), 0.9) - luma.data[5 * 640 + 5] < DARKER);
        let Located::Sheet(found) = locate(&photo) else { panic!("not found") };
        assert!(overlap(&found, &corners) > 0.95, "{found:?}");

        // The same place as a cold tint on white paper is print, not paper.
        let mut tint = RgbImage::from_pixel(640, 640, Rgb([244; 3]));
        let text = on_table(corners, [0; 3], 640, 640);
        for (to, from) in tint.pixels_mut().zip(text.pixels()).filter(|(_, from)| from.0[0] > 8) {
            to.0 = [from.0[0].saturating_sub(40), from.0[1], 244];
        }
        assert_eq!(locate(&tint), Located::Nothing);
    }

    #[test]
    fn two_sheets_side_by_side_are_several_and_a_blank_one_is_none() {
        let left = [[30.0, 60.0], [300.0, 50.0], [290.0, 420.0], [40.0, 430.0]];
        let right = [[380.0, 90.0], [600.0, 110.0], [580.0, 440.0], [370.0, 430.0]];
        let mut both = photographed(left, 70, 640, 480);
        for (to, from) in both.pixels_mut().zip(photographed(right, 70, 640, 480).pixels()) {
            to.0 = [0, 1, 2].map(|i| if from.0[i].abs_diff(70) > 8 { from.0[i] } else { to.0[i] });
        }
        assert_eq!(locate(&both), Located::Several);
        let mut one = photographed(left, 70, 640, 480);
        (380..600).flat_map(|x| (100..420).map(move |y| (x, y))).for_each(|(x, y)| one.put_pixel(x, y, Rgb([235; 3])));
        assert!(matches!(locate(&one), Located::Sheet(found) if overlap(&found, &left) > 0.97));
    }

    #[test]
    fn a_curled_sheet_keeps_its_text() {
        // Top and bottom are arcs: the four straight lines that fit best would cut the first line of text.
        let flat = on_table([[150.0, 90.0], [490.0, 90.0], [490.0, 560.0], [150.0, 560.0]], [250, 236, 196], 640, 640);
        let mut photo = flat.clone();
        for (x, y, pixel) in photo.enumerate_pixels_mut() {
            let bend = 40.0 * (1.0 - ((f64::from(x) - 320.0) / 170.0).powi(2));
            *pixel = *flat.get_pixel(x, (f64::from(y) + bend.max(-40.0)).clamp(0.0, 639.0) as u32);
        }
        if let Located::Sheet(found) = locate(&photo) {
            let top = found.iter().map(|c| c[1]).fold(f64::MAX, f64::min);
            assert!(top < 90.0, "{found:?}");
        }
    }

    #[test]
    fn a_page_that_fills_the_picture_is_left_whole() {
        assert_eq!(locate(&painted_text(480, 640)), Located::Nothing);
        // The sheet runs out of the photo on two sides.
        let cut = photographed([[-80.0, 60.0], [500.0, 70.0], [510.0, 760.0], [-90.0, 750.0]], 60, 640, 640);
        assert_eq!(locate(&cut), Located::Nothing);
        assert_eq!(locate(&RgbImage::from_pixel(300, 200, Rgb([128; 3]))), Located::Nothing);
        assert_eq!(locate(&RgbImage::new(5, 5)), Located::Nothing);
    }
}
