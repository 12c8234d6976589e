//! From the detector's probability map to text boxes (the post-processing of Differentiable Binarization,
//! Liao et al. 2020, <https://arxiv.org/abs/1911.08947>).

use super::band::Band;

/// How boxes are cut out of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxParams {
    /// A pixel above this probability is text. PP-OCRv6's own value.
    pub pixel: f32,
    /// A box whose mean probability is below this is dropped.
    pub mean: f32,
    /// How far a box grows: distance = area × unclip / perimeter, undoing the shrinking the model was trained on.
    pub unclip: f64,
    /// Boxes with a shorter side below this many map pixels are dropped.
    pub min_side: f64,
}

impl Default for BoxParams {
    fn default() -> Self {
        Self { pixel: 0.2, mean: 0.45, unclip: 1.4, min_side: 3.0 }
    }
}

/// Where a line of text lies, in map pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextBox {
    /// Corners `[x, y]`, clockwise from the text's own top left.
    pub corners: [[f64; 2]; 4],
    /// Where the line runs within, if it is bowed.
    pub band: Option<Band>,
}

/// All text boxes of a `width` × `height` map, row by row, in no promised order.
pub fn text_boxes(map: &[f32], width: usize, height: usize, params: &BoxParams) -> Vec<TextBox> {
    let mut seen = vec![false; width * height];
    let mut stack = Vec::new();
    let mut boxes = Vec::new();
    for start in 0..width * height {
        if seen[start] || map[start] <= params.pixel {
            continue;
        }
        // Flood fill, eight neighbours; keeps the outermost pixels of each row, which is all a hull needs.
        let mut rows: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
        let mut part = Vec::new();
        seen[start] = true;
        stack.push(start);
        while let Some(i) = stack.pop() {
            part.push(i);
            let (x, y) = (i % width, i / width);
            let row = rows.entry(y).or_insert((x, x));
            *row = (row.0.min(x), row.1.max(x));
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let n = ny * width + nx;
                    if !seen[n] && map[n] > params.pixel {
                        seen[n] = true;
                        stack.push(n);
                    }
                }
            }
        }
        let outline: Vec<[f64; 2]> = rows
            .iter()
            .flat_map(|(&y, &(l, r))| {
                let (y, l, r) = (y as f64, l as f64, r as f64);
                [[l, y], [r + 1.0, y], [l, y + 1.0], [r + 1.0, y + 1.0]]
            })
            .collect();
        let Some(rect) = min_area_rect(outline) else { continue };
        let (w, h) = rect.sides();
        if w.min(h) < params.min_side || mean_inside(map, width, height, &rect) < params.mean {
            continue;
        }
        let grow = w * h * params.unclip / (2.0 * (w + h));
        let grown = rect.grown(grow);
        if grown.sides().0.min(grown.sides().1) >= params.min_side + 2.0 {
            let (along, [half, _]) = rect.reading();
            let pixels = part.iter().map(|i| [(i % width) as f64 + 0.5, (i / width) as f64 + 0.5]);
            let band = Band::of(pixels, rect.centre, along, half, params.unclip);
            boxes.push(TextBox { corners: grown.corners(), band });
        }
    }
    boxes
}

/// A rectangle in any direction: centre, unit vector along its long side, half extents along and across it.
#[derive(Debug, Clone, Copy)]
struct Rect {
    centre: [f64; 2],
    along: [f64; 2],
    half: [f64; 2],
}

impl Rect {
    fn sides(&self) -> (f64, f64) {
        (self.half[0] * 2.0, self.half[1] * 2.0)
    }

    fn grown(&self, by: f64) -> Self {
        Self { half: [self.half[0] + by, self.half[1] + by], ..*self }
    }

    /// The direction of reading and the half extents along and across it: to the right, or nearly so.
    fn reading(&self) -> ([f64; 2], [f64; 2]) {
        let [ux, uy] = self.along;
        // Orient the first axis to the right; a box that stands upright keeps its own top at the top.
        let (mut u, mut hw, mut hh) = ([ux, uy], self.half[0], self.half[1]);
        if u[0].abs() < u[1].abs() {
            u = [-u[1], u[0]];
            std::mem::swap(&mut hw, &mut hh);
        }
        if u[0] < 0.0 {
            u = [-u[0], -u[1]];
        }
        (u, [hw, hh])
    }

    /// Corners clockwise from the top left, where "top" is the side nearest the top of the picture.
    fn corners(&self) -> [[f64; 2]; 4] {
        let (u, [hw, hh]) = self.reading();
        let v = [-u[1], u[0]];
        let at = |a: f64, b: f64| {
            [self.centre[0] + u[0] * a * hw + v[0] * b * hh, self.centre[1] + u[1] * a * hw + v[1] * b * hh]
        };
        [at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)]
    }
}

fn cross(o: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

/// Andrew's monotone chain.
fn convex_hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    let mut hull: Vec<[f64; 2]> = Vec::with_capacity(points.len());
    for pass in 0..2 {
        let floor = hull.len();
        let sequence: Box<dyn Iterator<Item = &[f64; 2]>> =
            if pass == 0 { Box::new(points.iter()) } else { Box::new(points.iter().rev()) };
        for p in sequence {
            while hull.len() >= floor + 2 && cross(hull[hull.len() - 2], hull[hull.len() - 1], *p) <= 0.0 {
                hull.pop();
            }
            hull.push(*p);
        }
        hull.pop();
    }
    hull
}

/// The rectangle of least area around the points: one of its sides lies on a side of the hull.
fn min_area_rect(points: Vec<[f64; 2]>) -> Option<Rect> {
    let hull = convex_hull(points);
    let mut best: Option<(f64, Rect)> = None;
    for i in 0..hull.len() {
        let (a, b) = (hull[i], hull[(i + 1) % hull.len()]);
        let length = ((b[0] - a[0]).powi(2) + (b[1] - a[1]).powi(2)).sqrt();
        if length < 1e-9 {
            continue;
        }
        let u = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        let (mut lo, mut hi) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for p in &hull {
            let q = [p[0] * u[0] + p[1] * u[1], -p[0] * u[1] + p[1] * u[0]];
            for k in 0..2 {
                lo[k] = lo[k].min(q[k]);
                hi[k] = hi[k].max(q[k]);
            }
        }
        let half = [(hi[0] - lo[0]) / 2.0, (hi[1] - lo[1]) / 2.0];
        let area = half[0] * half[1];
        if best.as_ref().is_none_or(|(a, _)| area < *a - 1e-9) {
            let m = [(hi[0] + lo[0]) / 2.0, (hi[1] + lo[1]) / 2.0];
            let centre = [m[0] * u[0] - m[1] * u[1], m[0] * u[1] + m[1] * u[0]];
            best = Some((area, Rect { centre, along: u, half }));
        }
    }
    best.map(|(_, rect)| rect)
}

/// Mean of the map over the pixels whose centres lie in the rectangle.
fn mean_inside(map: &[f32], width: usize, height: usize, rect: &Rect) -> f32 {
    let corners = rect.corners();
    let min = |k: usize| corners.iter().map(|c| c[k]).fold(f64::INFINITY, f64::min).floor().max(0.0) as usize;
    let max = |k: usize, limit: usize| {
        (corners.iter().map(|c| c[k]).fold(f64::NEG_INFINITY, f64::max).ceil().max(0.0) as usize).min(limit)
    };
    let (mut sum, mut n) = (0.0_f32, 0_u32);
    for y in min(1)..max(1, height) {
        for x in min(0)..max(0, width) {
            let d = [x as f64 + 0.5 - rect.centre[0], y as f64 + 0.5 - rect.centre[1]];
            let along = d[0] * rect.along[0] + d[1] * rect.along[1];
            let across = -d[0] * rect.along[1] + d[1] * rect.along[0];
            if along.abs() <= rect.half[0] && across.abs() <= rect.half[1] {
                sum += map[y * width + x];
                n += 1;
            }
        }
    }
    if n == 0 { 0.0 } else { sum / n as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bars_give_two_grown_boxes() {
        let (w, h) = (100, 60);
        let mut map = vec![0.0_f32; w * h];
        for y in 0..h {
            for x in 0..w {
                if (10..50).contains(&x) && (10..20).contains(&y) {
                    map[y * w + x] = 0.9;
                }
                // A slanted bar: 20 px thick band along y = x / 4 + 30.
                let d = y as f64 - (x as f64 / 4.0 + 30.0);
                if (20..90).contains(&x) && d.abs() < 4.0 {
                    map[y * w + x] = 0.8;
                }
            }
        }
        let boxes = text_boxes(&map, w, h, &BoxParams { unclip: 1.5, ..BoxParams::default() });
        assert_eq!(boxes.len(), 2);
        assert!(boxes.iter().all(|b| b.band.is_none()), "both are straight");
        // 40 × 10: distance 400 × 1.5 / 100 = 6.
        let upright = boxes[0].corners;
        for (got, want) in upright.iter().flatten().zip([4.0, 4.0, 56.0, 4.0, 56.0, 26.0, 4.0, 26.0]) {
            assert!((got - want).abs() < 0.01, "{upright:?}");
        }
        let slanted = boxes[1].corners;
        let angle = (slanted[1][1] - slanted[0][1]).atan2(slanted[1][0] - slanted[0][0]).to_degrees();
        assert!((angle - 14.04).abs() < 1.5, "{angle}");
    }

    #[test]
    fn faint_and_tiny_parts_are_dropped() {
        let mut map = vec![0.0_f32; 100];
        map[11] = 0.9;
        assert!(text_boxes(&map, 10, 10, &BoxParams::default()).is_empty());
        let faint = vec![0.3_f32; 10_000];
        assert!(text_boxes(&faint, 100, 100, &BoxParams::default()).is_empty());
    }
}
