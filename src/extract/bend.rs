//! How far the lines of a page stray from level: of paper that curls, or lies askew, as its own lines tell.

use crate::domain::{Page, PageText, Quad};

/// Lines shorter than so many of their heights say little about where they run.
const LONG: f64 = 2.5;
/// Fewer long lines than this say nothing about the page.
const LEAST_LINES: usize = 8;
/// A slope further than this from what the page's other lines say counts less: a stamp, a crease, handwriting. 2
/// degrees, about what a box around a short word strays by.
const STRAY: f64 = 0.035;
/// How much the bending of a page weighs against its lines, as a share of them: few lines do not bend a page.
const STIFF: f64 = 0.01;
/// A page whose lines stray by less than this share of a line's height from one side to the other is level.
const LEVEL: f64 = 0.5;

/// The slope of a page's lines as `a + bx + cy + dxy`, the place counted from the page's middle in half its size.
///
/// This is how a cylinder before a pinhole camera looks, to first order: lines bend alike (`b`), the more the further
/// they lie from the optical axis (`d`); `a` and `c` are turn and perspective.
#[derive(Debug, Clone, Copy)]
pub struct Bend {
    half: [f64; 2],
    terms: [f64; 4],
}

impl Bend {
    /// The bend of a page, or `None` if its lines are level for all that can be told.
    pub fn of(page: &PageText) -> Option<Self> {
        let half = [f64::from(page.width.max(1)) / 2.0, f64::from(page.height.max(1)) / 2.0];
        let mut bend = Self { half, terms: [0.0; 4] };
        let long: Vec<(f64, f64, [f64; 4])> = page.lines.iter().filter_map(|line| bend.witness(&line.quad)).collect();
        if long.len() < LEAST_LINES {
            return None;
        }
        // Least squares of weights that fall with what is left over, one term after the other.
        for _ in 0..40 {
            for k in 0..4 {
                let (mut pull, mut hold, mut all) = (0.0, 0.0, 0.0);
                for (width, slope, basis) in &long {
                    let left = slope - bend.slope(basis);
                    let weight = width * (STRAY / left.abs()).min(1.0);
                    pull += weight * left * basis[k];
                    hold += weight * basis[k] * basis[k];
                    all += weight;
                }
                let stiff = if k == 0 { 0.0 } else { STIFF * all };
                bend.terms[k] += (pull - stiff * bend.terms[k]) / (hold + stiff).max(1e-9);
            }
        }
        let mut heights: Vec<f64> = page.lines.iter().map(|line| line.quad.sides()[1]).collect();
        heights.sort_by(f64::total_cmp);
        let drops = page.lines.iter().map(|line| bend.drop(middle(&line.quad)));
        let (least, most) = drops.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), d| (l.min(d), m.max(d)));
        (most - least > LEVEL * heights[heights.len() / 2]).then_some(bend)
    }

    /// How far below its place on a level page something stands, in pixels.
    pub fn drop(&self, [x, y]: [f64; 2]) -> f64 {
        let [u, v] = self.place([x, y]);
        let [a, b, c, d] = self.terms;
        self.half[0] * u * (a + c * v + (b + d * v) * u / 2.0)
    }

    /// Top and bottom of a line on the level page.
    pub fn level(&self, quad: &Quad<Page>) -> (f64, f64) {
        let at = middle(quad);
        let (y, height) = (at[1] - self.drop(at), quad.sides()[1]);
        (y - height / 2.0, y + height / 2.0)
    }

    /// Width, slope and basis of a line that is long and runs across the page.
    fn witness(&self, quad: &Quad<Page>) -> Option<(f64, f64, [f64; 4])> {
        let [a, b, c, d] = quad.to_px();
        let [width, height] = quad.sides();
        let (dx, dy) = (b[0] + c[0] - a[0] - d[0], b[1] + c[1] - a[1] - d[1]);
        let [u, v] = self.place(middle(quad));
        (width > LONG * height && dy.abs() < 0.3 * dx).then(|| (width, dy / dx, [1.0, u, v, u * v]))
    }

    fn slope(&self, basis: &[f64; 4]) -> f64 {
        self.terms.iter().zip(basis).map(|(t, b)| t * b).sum()
    }

    fn place(&self, at: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| at[i] / self.half[i] - 1.0)
    }
}

fn middle(quad: &Quad<Page>) -> [f64; 2] {
    let p = quad.to_px();
    [0, 1].map(|i| p.iter().map(|c| c[i]).sum::<f64>() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Line;

    /// Twelve rows of three lines, each where `drop` says that its place comes to lie.
    fn page(drop: impl Fn(f64, f64) -> f64) -> PageText {
        let lines = (0..36).map(|i| {
            let (left, y) = (40.0 + f64::from(i % 3) * 330.0, 80.0 + f64::from(i / 3) * 80.0);
            let right = left + [250.0, 120.0, 80.0][i as usize % 3];
            let at = |x: f64, y: f64| [x, y + drop(x, y)];
            let quad = [at(left, y - 12.0), at(right, y - 12.0), at(right, y + 12.0), at(left, y + 12.0)];
            Line { quad: Quad::from_px(quad), ..Line::at("word", left, y - 12.0, right, y + 12.0) }
        });
        PageText { width: 1000, height: 1000, lines: lines.collect() }
    }

    #[test]
    fn a_level_page_has_no_bend() {
        assert!(Bend::of(&page(|_, _| 0.0)).is_none());
        assert!(Bend::of(&page(|x, _| 0.008 * x)).is_none());
        let mut few = page(|x, _| 0.06 * x);
        few.lines.truncate(LEAST_LINES - 1);
        assert!(Bend::of(&few).is_none());
    }

    #[test]
    fn rows_of_a_bent_page_are_level_again() {
        let pages = [
            ("askew", page(|x, _| 0.04 * (x - 500.0))),
            ("sinking in the middle", page(|x, _| -50.0 * ((x - 500.0) / 500.0).powi(2))),
            (
                "bowed at the head and the foot",
                page(|x, y| 0.08 * (y - 500.0) * ((x - 500.0) / 500.0).powi(2) + 0.03 * x),
            ),
        ];
        for (name, text) in pages {
            let bend = Bend::of(&text).unwrap();
            for row in text.lines.chunks(3) {
                let middles = row.iter().map(|line| bend.level(&line.quad)).map(|(t, b)| (t + b) / 2.0);
                let (least, most) = middles.fold((f64::INFINITY, 0.0_f64), |(l, m), y| (l.min(y), m.max(y)));
                assert!(most - least < 6.0, "{name}: {least}..{most}");
            }
        }
    }
}
