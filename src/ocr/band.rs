//! Where a line runs that is no straight one: on paper that curls, lines are bows.

/// A line cut straight takes in what stands above and below its bow; from this share of the line's height on it is cut
/// along the bow. An eighth: at a quarter misread digits stay, and lines of flat pages stray by a twentieth.
const BOWED: f64 = 0.125;
/// A line shorter than so many of its heights has no bow that could be told from the shape of its characters.
const LONG: f64 = 5.0;
/// Pieces in which a line's middle is measured.
const PIECES: usize = 16;

/// A strip of even height along a bowed line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Where the strip would lie if its ends were joined straight, clockwise from the text's own top left, pixels.
    pub corners: [[f64; 2]; 4],
    /// How far its middle lies from there, pixels to the right and down. It is a parabola in between.
    pub bow: [f64; 2],
}

impl Band {
    /// The band of a line, or `None` if it is as good as straight.
    ///
    /// `pixels` are those of the detector's map that belong to the line, around whose `centre` they reach as far as
    /// `half` in the direction of reading, the unit vector `along`; `unclip` is that of the boxes. Least squares of a
    /// parabola through the middles of the line's pieces.
    pub fn of(
        pixels: impl ExactSizeIterator<Item = [f64; 2]>,
        centre: [f64; 2],
        along: [f64; 2],
        half: f64,
        unclip: f64,
    ) -> Option<Self> {
        let thick = pixels.len() as f64 / (2.0 * half);
        if 2.0 * half < LONG * thick {
            return None;
        }
        let mut pieces = [(0.0, 0.0); PIECES];
        for [x, y] in pixels {
            let (dx, dy) = (x - centre[0], y - centre[1]);
            let t = (dx * along[0] + dy * along[1]) / half;
            let piece = &mut pieces[((t + 1.0) / 2.0 * PIECES as f64).clamp(0.0, PIECES as f64 - 1.0) as usize];
            *piece = (piece.0 + dy * along[0] - dx * along[1], piece.1 + 1.0);
        }
        // 1, t and t² less its mean are orthogonal over pieces evenly spread.
        let t = |i: usize| (2.0 * i as f64 + 1.0) / PIECES as f64 - 1.0;
        let mean = (0..PIECES).map(|i| t(i).powi(2)).sum::<f64>() / PIECES as f64;
        let project = |basis: &dyn Fn(usize) -> f64| {
            let middle = |i: usize| pieces[i].0 / f64::max(pieces[i].1, 1.0);
            let (dot, norm) =
                (0..PIECES).fold((0.0, 0.0), |(d, n), i| (d + basis(i) * middle(i), n + basis(i).powi(2)));
            dot / norm
        };
        let curve = project(&|i| t(i).powi(2) - mean);
        let (level, slope) = (project(&|_| 1.0) - curve * mean, project(&t));

        let grow = half * thick * unclip / (2.0 * half + thick);
        let height = thick + 2.0 * grow;
        let end = 1.0 + grow / half;
        let bow = -curve * end * end;
        if bow.abs() < BOWED * height {
            return None;
        }
        let place = |a: f64, b: f64| [centre[0] + along[0] * a - along[1] * b, centre[1] + along[1] * a + along[0] * b];
        let corner =
            |side: f64, below: f64| place(side * end * half, level + slope * side * end - bow + below * height / 2.0);
        let corners = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
        Some(Self { corners, bow: [-along[1] * bow, along[0] * bow] })
    }

    /// The same band on a picture so many times wider and higher.
    pub fn scaled(&self, [sx, sy]: [f64; 2]) -> Self {
        let scale = |[x, y]: [f64; 2]| [x * sx, y * sy];
        Self { corners: self.corners.map(scale), bow: scale(self.bow) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line 200 px long and 10 px high around (150, 50) whose middle lies `bow` lower than its ends.
    fn line(bow: f64) -> Option<Band> {
        let lies = |x: f64| 50.0 + bow * (0.5 - ((x - 150.0) / 100.0).powi(2));
        let inside = |p: &[f64; 2]| (p[1] - lies(p[0])).abs() < 5.0;
        let all = (50..250).flat_map(|x| (0..100).map(move |y| [f64::from(x) + 0.5, f64::from(y) + 0.5]));
        let pixels: Vec<[f64; 2]> = all.filter(inside).collect();
        Band::of(pixels.into_iter(), [150.0, 50.0], [1.0, 0.0], 100.0, 1.4)
    }

    #[test]
    fn a_bowed_line_has_an_even_band() {
        for bow in [12.0, -12.0] {
            let band = line(bow).unwrap();
            let [a, b, c, d] = band.corners;
            // Grown by 2000 × 1.4 / 420 on all sides.
            assert!((a[0] - 43.3).abs() < 0.2 && (b[0] - 256.7).abs() < 0.2, "{band:?}");
            assert!((d[1] - a[1] - 23.3).abs() < 0.2 && (c[1] - b[1] - 23.3).abs() < 0.2, "{band:?}");
            let middle = (a[1] + d[1]) / 2.0 + band.bow[1];
            assert!((middle - 50.0 - bow / 2.0).abs() < 0.3 && band.bow[0] == 0.0, "{band:?}");
            assert!((band.bow[1] - bow * 1.138).abs() < 0.3, "{band:?}");
        }
    }

    #[test]
    fn a_line_almost_straight_or_short_has_none() {
        assert_eq!([line(0.0), line(2.0), line(-2.0)], [None; 3]);
        let square = (0..20).flat_map(|x| (0..20).map(move |y| [f64::from(x) + 0.5, f64::from(y) + 0.5]));
        let square: Vec<[f64; 2]> = square.collect();
        assert_eq!(Band::of(square.into_iter(), [10.0; 2], [1.0, 0.0], 10.0, 1.4), None);
    }
}
