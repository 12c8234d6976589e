//! The rim of a round or oval seal laid out straight, so that the name along it can be read as a line.
//!
//! The ring is sought in the ink alone: of all ellipses about the seal's box, the one that most of it lies on. What stands
//! inside it, a letter's height deep, is then sampled along the ring.

use super::ink::{Ink, SealBox};
use image::{Rgb, RgbImage};
use std::f64::consts::{PI, TAU};

/// Longest side of the ink that is looked at, pixels: letters of a rim are a tenth of it.
const SIDE: f64 = 640.0;
/// A seal smaller than this on the page has letters of fewer than about ten pixels.
const LEAST_SIDE: u32 = 90;
/// Paper kept around the seal's box, which was found on a small copy, as a share of its sides.
const MARGIN: f64 = 0.10;
/// Share of an ellipse's points that must lie on ink for it to be a ring: stamps wear off in places.
const RING: f64 = 0.55;
/// A half axis is at most this share of the box's side: the box was found on a small copy, and may be a tenth too small.
const MOST_OF_BOX: f64 = 0.6;
/// Times that a ring is moved at most.
const MOST_MOVES: usize = 60;
/// Points of an ellipse that are looked at.
const POINTS: usize = 120;
/// Where the letters lie, from the ring inwards, as shares of the shorter half axis. Real letters are a fifth to two fifths
/// of it; the two bands are for the small ones of long names and for the large ones.
pub const BANDS: [[f64; 2]; 2] = [[0.05, 0.39], [0.08, 0.54]];
/// Height of a strip, pixels.
const HEIGHT: u32 = 48;
/// Steps around the rim in which the gap between the end and the start of the name is sought.
const STEPS: usize = 180;

/// The ring of a seal, in the pixels of its ink.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ellipse {
    centre: [f64; 2],
    /// Half axes, before it is turned.
    half: [f64; 2],
    /// How far it is turned, radians clockwise.
    turn: f64,
}

impl Ellipse {
    /// The point at `angle`, clockwise from the top, moved inwards by `depth` along the normal.
    fn at(&self, angle: f64, depth: f64) -> [f64; 2] {
        let (sin, cos) = angle.sin_cos();
        let [a, b] = self.half;
        let (nx, ny) = (sin / a, -cos / b);
        let length = nx.hypot(ny).max(1e-9);
        let (x, y) = (a * sin - depth * nx / length, -b * cos - depth * ny / length);
        let (ts, tc) = self.turn.sin_cos();
        [self.centre[0] + x * tc - y * ts, self.centre[1] + x * ts + y * tc]
    }
}

/// A seal's ink alone and the ring found in it.
pub struct Rim {
    ink: Vec<f32>,
    size: [usize; 2],
    ring: Ellipse,
}

impl Rim {
    /// Finds the ring of a seal; `None` if it has none or is too small to be read.
    pub fn of(page: &RgbImage, seal: SealBox, ink: Ink) -> Option<Self> {
        let [left, top, right, bottom] = seal;
        let (w, h) = (right.saturating_sub(left), bottom.saturating_sub(top));
        if w.min(h) < LEAST_SIDE * 2 / 3 || w.max(h) < LEAST_SIDE {
            return None;
        }
        let (mx, my) = ((f64::from(w) * MARGIN) as u32, (f64::from(h) * MARGIN) as u32);
        let (l, t) = (left.saturating_sub(mx), top.saturating_sub(my));
        let (r, b) = ((right + mx).min(page.width()), (bottom + my).min(page.height()));
        let part = image::imageops::crop_imm(page, l, t, r - l, b - t).to_image();
        let part = super::rectify::reduced(&part, SIDE as u32);
        let scale = f64::from(part.width()) / f64::from(r - l);
        let size = [part.width() as usize, part.height() as usize];
        let ink = levelled(&part, ink);
        let mut rim = Self { ink, size, ring: Ellipse { centre: [0.0; 2], half: [1.0; 2], turn: 0.0 } };
        let start = [left - l, top - t, right - l, bottom - t].map(|v| f64::from(v) * scale);
        rim.ring = rim.fitted(start)?;
        Some(rim)
    }

    /// The ink at a point, 0 to 1, between pixels by their shares; none outside.
    fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (fx, fy) = (x.floor(), y.floor());
        let (rx, ry) = (x - fx, y - fy);
        let [w, h] = self.size;
        let of = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0 && x < w as f64 && y < h as f64;
            if inside { f64::from(self.ink[y as usize * w + x as usize]) } else { 0.0 }
        };
        let top = of(fx, fy) * (1.0 - rx) + of(fx + 1.0, fy) * rx;
        let bottom = of(fx, fy + 1.0) * (1.0 - rx) + of(fx + 1.0, fy + 1.0) * rx;
        top * (1.0 - ry) + bottom * ry
    }

    /// Share of an ellipse's points with ink no farther off than `near`.
    fn on_ink(&self, ring: &Ellipse, near: f64) -> f64 {
        let inked = (0..POINTS)
            .filter(|&i| {
                let angle = TAU * i as f64 / POINTS as f64;
                [0.0, near, -near].iter().any(|&off| self.at(ring.at(angle, off)) > 0.35)
            })
            .count();
        inked as f64 / POINTS as f64
    }

    /// The ellipse that most of the ring lies on: first the best of many about the box, then that one moved, stretched
    /// and turned as long as it gets better.
    fn fitted(&self, [left, top, right, bottom]: [f64; 4]) -> Option<Ellipse> {
        let (w, h) = (right - left, bottom - top);
        let of_edges = |[l, t, r, b]: [f64; 4], turn: f64| Ellipse {
            centre: [(l + r) / 2.0, (t + b) / 2.0],
            half: [((r - l) / 2.0).max(1.0), ((b - t) / 2.0).max(1.0)],
            turn,
        };
        // Of two rings that are as good, the larger one, within reason: some seals have an inner one too.
        let worth = |edges: [f64; 4], turn: f64, near: f64| {
            let ring = of_edges(edges, turn);
            let size = (ring.half[0] / w).min(MOST_OF_BOX) + (ring.half[1] / h).min(MOST_OF_BOX);
            self.on_ink(&ring, near * w.min(h)) + 0.04 * size
        };
        let offsets = [-0.08, -0.04, 0.0, 0.04, 0.08];
        let mut best = ([left, top, right, bottom], 0.0, f64::MIN);
        for l in offsets {
            for t in offsets {
                for r in offsets {
                    for b in offsets {
                        let edges = [left + l * w, top + t * h, right + r * w, bottom + b * h];
                        let value = worth(edges, 0.0, 0.02);
                        if value > best.2 {
                            best = (edges, 0.0, value);
                        }
                    }
                }
            }
        }
        let mut step = 0.03;
        for _ in 0..MOST_MOVES {
            if step <= 0.004 {
                break;
            }
            let near = step / 2.0;
            best.2 = worth(best.0, best.1, near);
            let (edges, turn) = (best.0, best.1);
            let mut moves: Vec<([f64; 4], f64)> = vec![(edges, turn + 3.0 * step), (edges, turn - 3.0 * step)];
            for i in 0..4 {
                for sign in [-1.0, 1.0] {
                    let mut one = edges;
                    one[i] += sign * step * if i % 2 == 0 { w } else { h };
                    moves.push((one, turn));
                    // Moved as a whole.
                    let mut all = one;
                    all[(i + 2) % 4] += sign * step * if i % 2 == 0 { w } else { h };
                    moves.push((all, turn));
                }
            }
            let better = moves
                .into_iter()
                .map(|(edges, turn)| (edges, turn, worth(edges, turn, near)))
                .max_by(|a, b| a.2.total_cmp(&b.2))
                .filter(|found| found.2 > best.2 + 1e-9);
            match better {
                Some(found) => best = found,
                None => step /= 2.0,
            }
        }
        let ring = of_edges(best.0, best.1);
        (self.on_ink(&ring, 0.015 * w.min(h)) >= RING).then_some(ring)
    }

    /// The band of the rim between two depths (shares of the shorter half axis) as a line of text, black on white, from the
    /// gap between the name's end and its start.
    pub fn strip(&self, [from, to]: [f64; 2]) -> RgbImage {
        let short = self.ring.half[0].min(self.ring.half[1]);
        let [outer, inner] = [from, to].map(|depth| depth * short);
        // Angles at equal steps of length along the middle of the band.
        let middle = (outer + inner) / 2.0;
        let fine = 720;
        let mut lengths = vec![0.0];
        for i in 0..fine {
            let [a, b] = [i, i + 1].map(|i| self.ring.at(PI + TAU * f64::from(i) / f64::from(fine), middle));
            lengths.push(lengths[i as usize] + (b[0] - a[0]).hypot(b[1] - a[1]));
        }
        let around = lengths[fine as usize];
        let angle = |share: f64| {
            let wanted = share.rem_euclid(1.0) * around;
            let next = lengths.partition_point(|l| *l < wanted).clamp(1, fine as usize);
            let (a, b) = (lengths[next - 1], lengths[next]);
            let within = if b > a { (wanted - a) / (b - a) } else { 0.0 };
            PI + TAU * ((next - 1) as f64 + within) / f64::from(fine)
        };
        let [start, end] = self.inscribed(&angle, [outer, inner]);
        let width = ((end - start) * around * f64::from(HEIGHT) / (inner - outer)).round().max(8.0) as u32;
        RgbImage::from_fn(width, HEIGHT, |x, y| {
            let share = start + (end - start) * (f64::from(x) + 0.5) / f64::from(width);
            let depth = outer + (inner - outer) * (f64::from(y) + 0.5) / f64::from(HEIGHT);
            Rgb([255 - (self.at(self.ring.at(angle(share), depth)) * 255.0).round() as u8; 3])
        })
    }

    /// Where along the rim the name runs, in shares from the bottom clockwise: all but the widest stretch without ink, where
    /// one nearer to the bottom counts for more.
    fn inscribed(&self, angle: &dyn Fn(f64) -> f64, [outer, inner]: [f64; 2]) -> [f64; 2] {
        let blank: Vec<bool> = (0..STEPS)
            .map(|i| {
                let angle = angle((i as f64 + 0.5) / STEPS as f64);
                // Not the outermost part, where the ring may show.
                let depths = (2..10).map(|k| outer + (inner - outer) * f64::from(k) / 11.0);
                depths.map(|depth| self.at(self.ring.at(angle, depth))).fold(0.0, f64::max) < 0.35
            })
            .collect();
        let mut widest = (0.0, 0, 0);
        for start in (0..STEPS).filter(|&i| blank[i] && !blank[(i + STEPS - 1) % STEPS]) {
            let length = (0..STEPS).take_while(|k| blank[(start + k) % STEPS]).count();
            let middle = (start as f64 + length as f64 / 2.0) / STEPS as f64;
            let weight = length as f64 * (1.0 + 0.5 * (TAU * middle).cos());
            if weight > widest.0 {
                widest = (weight, start, length);
            }
        }
        let (_, start, length) = widest;
        let margin = (length / 3).min(3);
        let from = (start + length - margin) as f64 / STEPS as f64;
        let to = (start + STEPS + margin) as f64 / STEPS as f64;
        [from, to]
    }
}

/// How much ink there is at each pixel, 0 to 1: as much as on the most inked thirtieth is 1, so that worn stamps are read too.
fn levelled(part: &RgbImage, ink: Ink) -> Vec<f32> {
    let strengths: Vec<u8> = part.pixels().map(|p| ink.strength(p)).collect();
    let mut sorted = strengths.clone();
    sorted.sort_unstable();
    let full = f32::from(sorted[sorted.len() - 1 - sorted.len() / 30].max(24));
    strengths.into_iter().map(|s| (f32::from(s) / full).min(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring with seven dots along the inside of its upper half, the first of them larger, at these half axes and turn.
    fn stamped([a, b]: [f64; 2], turn: f64) -> RgbImage {
        let ring = Ellipse { centre: [300.0, 250.0], half: [a, b], turn };
        let dots: Vec<([f64; 2], f64)> =
            (0..7).map(|i| (ring.at(-1.2 + 0.4 * f64::from(i), 0.24 * b), if i == 0 { 12.0 } else { 7.0 })).collect();
        let outline: Vec<[f64; 2]> = (0..2_000).map(|i| ring.at(TAU * f64::from(i) / 2_000.0, 0.0)).collect();
        let mut page = RgbImage::from_pixel(600, 500, Rgb([250; 3]));
        for point in outline {
            for (dx, dy) in (-2..=2).flat_map(|dx| (-2..=2).map(move |dy| (dx, dy))) {
                page.put_pixel((point[0] as i32 + dx) as u32, (point[1] as i32 + dy) as u32, Rgb([220, 50, 50]));
            }
        }
        for (x, y, pixel) in page.enumerate_pixels_mut() {
            let near = |(at, radius): &([f64; 2], f64)| (f64::from(x) - at[0]).hypot(f64::from(y) - at[1]) < *radius;
            if dots.iter().any(near) {
                *pixel = Rgb([220, 50, 50]);
            }
        }
        page
    }

    /// Widths of the dark runs along the middle of a strip.
    fn runs(strip: &RgbImage) -> Vec<usize> {
        let dark: Vec<bool> = (0..strip.width()).map(|x| (12..40).any(|y| strip.get_pixel(x, y).0[0] < 100)).collect();
        dark.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect()
    }

    #[test]
    fn what_stands_along_a_rim_is_laid_out_from_its_start_to_its_end() {
        for (half, turn, seal) in [
            ([160.0, 160.0], 0.0, [140, 90, 460, 410]),
            ([180.0, 120.0], 0.0, [120, 130, 480, 370]),
            // The box was found askew, and the stamp was set down turned.
            ([160.0, 160.0], 0.0, [134, 96, 456, 418]),
            ([180.0, 120.0], 0.15, [120, 126, 480, 374]),
        ] {
            let rim = Rim::of(&stamped(half, turn), seal, Ink::Red).unwrap();
            let strip = rim.strip(BANDS[0]);
            let runs = runs(&strip);
            assert_eq!(runs.len(), 7, "{half:?} {turn}: {runs:?}");
            assert!(runs[1..].iter().all(|run| *run < runs[0]), "the large one is the first: {runs:?}");
            assert!(strip.width() > 4 * HEIGHT && strip.width() < 16 * HEIGHT);
        }
    }

    #[test]
    fn what_has_no_ring_or_is_too_small_has_no_rim() {
        let page = stamped([160.0, 160.0], 0.0);
        assert!(Rim::of(&page, [200, 150, 400, 350], Ink::Red).is_none(), "inside of the ring");
        assert!(Rim::of(&page, [140, 90, 460, 410], Ink::Blue).is_none());
        assert!(Rim::of(&page, [140, 90, 200, 150], Ink::Red).is_none());
        assert!(Rim::of(&RgbImage::new(10, 10), [0, 0, 10, 10], Ink::Red).is_none());
    }
}
