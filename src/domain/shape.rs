//! Places: quadrilaterals and the maps between the two spaces a place can be in.
//!
//! [`Upload`] is the photo as uploaded after EXIF orientation, [`Page`] the normalised picture made of it.
//! Both have their origin at the top left corner of the top left pixel, x to the right and y down.

use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// The space of the uploaded photo, after EXIF orientation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Upload;

/// The space of the normalised page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Page;

/// Units of a stored coordinate in one pixel.
pub const SUBPIXELS: f64 = 16.0;

/// Four corners in space `S`, clockwise from the text's own top left, each `[x, y]` in 1/16 pixel.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quad<S>(pub [[i32; 2]; 4], #[serde(skip)] PhantomData<S>);

impl<S> Clone for Quad<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Quad<S> {}
impl<S> PartialEq for Quad<S> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<S> Eq for Quad<S> {}
impl<S> std::fmt::Debug for Quad<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.to_px())
    }
}

impl<S> Quad<S> {
    /// From corners in pixels, rounded to 1/16.
    pub fn from_px(corners: [[f64; 2]; 4]) -> Self {
        Self(corners.map(|p| p.map(|v| (v * SUBPIXELS).round() as i32)), PhantomData)
    }

    /// The upright rectangle with these edges, in pixels.
    pub fn rect(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self::from_px([[left, top], [right, top], [right, bottom], [left, bottom]])
    }

    /// The corners in pixels.
    pub fn to_px(&self) -> [[f64; 2]; 4] {
        self.0.map(|p| p.map(|v| f64::from(v) / SUBPIXELS))
    }

    /// Left, top, right and bottom of the upright box around the corners, in pixels.
    pub fn bounds(&self) -> (f64, f64, f64, f64) {
        let p = self.to_px();
        let min = |i: usize| p.iter().map(|q| q[i]).fold(f64::INFINITY, f64::min);
        let max = |i: usize| p.iter().map(|q| q[i]).fold(f64::NEG_INFINITY, f64::max);
        (min(0), min(1), max(0), max(1))
    }

    /// Lengths of the upper edge and of the left one, in pixels: a line's width and height.
    pub fn sides(&self) -> [f64; 2] {
        let [a, b, _, d] = self.to_px();
        [(b[0] - a[0]).hypot(b[1] - a[1]), (d[0] - a[0]).hypot(d[1] - a[1])]
    }

    /// The part of this quad between two fractions (0..=1) of its reading direction.
    pub fn slice(&self, from: f64, to: f64) -> Self {
        let [a, b, c, d] = self.to_px();
        let mix = |p: [f64; 2], q: [f64; 2], t: f64| [p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t];
        Self::from_px([mix(a, b, from), mix(a, b, to), mix(d, c, to), mix(d, c, from)])
    }

    /// The upright rectangle around this quad and `other`.
    pub fn union(&self, other: &Self) -> Self {
        let (a, b) = (self.bounds(), other.bounds());
        Self::rect(a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3))
    }

    /// The same shape, moved by so many pixels.
    pub fn shifted(&self, dx: f64, dy: f64) -> Self {
        Self::from_px(self.to_px().map(|[x, y]| [x + dx, y + dy]))
    }

    /// Moves corners that lie outside a picture of this size onto its edge.
    pub fn clamped(&self, width: u32, height: u32) -> Self {
        Self::from_px(self.to_px().map(|[x, y]| [x.clamp(0.0, f64::from(width)), y.clamp(0.0, f64::from(height))]))
    }
}

/// A projective map from space `A` to space `B`, row-major, acting on column vectors `(x, y, 1)` in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography<A, B>(pub [f64; 9], PhantomData<(A, B)>);

impl<A, B> Homography<A, B> {
    /// From nine row-major numbers.
    pub fn new(m: [f64; 9]) -> Self {
        Self(m, PhantomData)
    }

    /// The map that moves nothing.
    pub fn identity() -> Self {
        Self::new([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    }

    /// Where a point goes.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let m = &self.0;
        let w = m[6] * x + m[7] * y + m[8];
        [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w]
    }

    /// Where a quad goes.
    pub fn quad(&self, q: &Quad<A>) -> Quad<B> {
        Quad::from_px(q.to_px().map(|p| self.apply(p)))
    }

    /// First this map, then `next`.
    pub fn then<C>(&self, next: &Homography<B, C>) -> Homography<A, C> {
        let (a, b) = (&next.0, &self.0);
        let mut m = [0.0; 9];
        for r in 0..3 {
            for c in 0..3 {
                m[r * 3 + c] = (0..3).map(|k| a[r * 3 + k] * b[k * 3 + c]).sum();
            }
        }
        Homography::new(m)
    }

    /// The way back, or `None` if the map is singular.
    pub fn inverse(&self) -> Option<Homography<B, A>> {
        let m = &self.0;
        let cofactor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[d] - m[b] * m[c];
        let adj = [
            cofactor(4, 5, 7, 8),
            -cofactor(1, 2, 7, 8),
            cofactor(1, 2, 4, 5),
            -cofactor(3, 5, 6, 8),
            cofactor(0, 2, 6, 8),
            -cofactor(0, 2, 3, 5),
            cofactor(3, 4, 6, 7),
            -cofactor(0, 1, 6, 7),
            cofactor(0, 1, 3, 4),
        ];
        let det = m[0] * adj[0] + m[1] * adj[3] + m[2] * adj[6];
        (det.abs() > 1e-12).then(|| Homography::new(adj.map(|v| v / det)))
    }

    /// The map that takes four points to four others, or `None` if three of them are in line.
    ///
    /// Solves the usual 8 × 8 system by Gaussian elimination with partial pivoting.
    pub fn between(from: [[f64; 2]; 4], to: [[f64; 2]; 4]) -> Option<Self> {
        let mut a = [[0.0_f64; 9]; 8];
        for i in 0..4 {
            let ([x, y], [u, v]) = (from[i], to[i]);
            a[2 * i] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            a[2 * i + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        for col in 0..8 {
            let pivot = (col..8).max_by(|&i, &j| a[i][col].abs().total_cmp(&a[j][col].abs()))?;
            if a[pivot][col].abs() < 1e-9 {
                return None;
            }
            a.swap(col, pivot);
            let pivot_row = a[col];
            for (row, values) in a.iter_mut().enumerate() {
                if row != col {
                    let f = values[col] / pivot_row[col];
                    values.iter_mut().zip(pivot_row).for_each(|(v, p)| *v -= f * p);
                }
            }
        }
        let mut m = [1.0; 9];
        for i in 0..8 {
            m[i] = a[i][8] / a[i][i];
        }
        Some(Self::new(m))
    }
}

/// A homography as recorded: nine integers in 1e-9, scaled so that the last is 1e9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FixedHomography(pub [i64; 9]);

impl<A, B> From<Homography<A, B>> for FixedHomography {
    fn from(h: Homography<A, B>) -> Self {
        Self(h.0.map(|v| (v / h.0[8] * 1e9).round() as i64))
    }
}

impl FixedHomography {
    /// The nine numbers as floats, for display and for mapping points.
    pub fn to_f64(self) -> [f64; 9] {
        self.0.map(|v| v as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3
    }

    proptest! {
        #[test]
        fn there_and_back(dx in prop::array::uniform8(-80.0..80.0_f64), x in 0.0..1000.0_f64, y in 0.0..700.0_f64) {
            let from = [[0.0, 0.0], [1000.0, 0.0], [1000.0, 700.0], [0.0, 700.0]];
            let mut to = from;
            for i in 0..4 { to[i][0] += dx[2 * i]; to[i][1] += dx[2 * i + 1]; }
            let h = Homography::<Upload, Page>::between(from, to).unwrap();
            for i in 0..4 { prop_assert!(close(h.apply(from[i]), to[i])); }
            prop_assert!(close(h.inverse().unwrap().apply(h.apply([x, y])), [x, y]));
            let fixed = Homography::<Upload, Page>::new(FixedHomography::from(h).to_f64());
            prop_assert!((fixed.apply([x, y])[0] - h.apply([x, y])[0]).abs() < 0.02);
        }
    }
}
