//! One channel of a picture, and the few filters the floor needs on it.

use image::RgbImage;

/// One 8-bit channel, row by row.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// Width, pixels.
    pub width: usize,
    /// Height, pixels.
    pub height: usize,
    /// `width * height` values.
    pub data: Vec<u8>,
}

impl Plane {
    /// Luma after ITU-R BT.601, in integers.
    pub fn luma(image: &RgbImage) -> Self {
        let luma = |p: &[u8]| ((77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8) as u8;
        Self {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.as_raw().as_chunks::<3>().0.iter().map(|p| luma(p)).collect(),
        }
    }

    /// Red, green or blue (0, 1, 2).
    pub fn channel(image: &RgbImage, which: usize) -> Self {
        Self {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.as_raw().as_chunks::<3>().0.iter().map(|p| p[which]).collect(),
        }
    }

    /// How far this plane's values lie above those of `other`: 128 where they are equal.
    pub fn above(&self, other: &Self) -> Self {
        let above = |(a, b): (&u8, &u8)| (128 + i16::from(*a) - i16::from(*b)).clamp(0, 255) as u8;
        Self { data: self.data.iter().zip(&other.data).map(above).collect(), ..*self }
    }

    /// The row `y`.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.width..(y + 1) * self.width]
    }

    /// Grey closing with a square of `2 * radius + 1`: dark things thinner than that disappear into the paper.
    pub fn closing(&self, radius: usize) -> Self {
        self.windowed(radius, u8::max).windowed(radius, u8::min)
    }

    /// Grey opening with a square of `2 * radius + 1`: bright things thinner than that disappear.
    pub fn opening(&self, radius: usize) -> Self {
        self.windowed(radius, u8::min).windowed(radius, u8::max)
    }

    /// Mean over a square of `2 * radius + 1`, at most 257, edges repeated.
    pub fn blurred(&self, radius: usize) -> Self {
        let (w, h, radius) = (self.width, self.height, radius.min(128));
        let n = 2 * radius + 1;
        // Sums along rows: at most 257 * 255, which a u16 just holds.
        let mut rows: Vec<u16> = Vec::with_capacity(w * h);
        let mut padded = Vec::with_capacity(w + n);
        for y in 0..h {
            let row = self.row(y);
            padded.clear();
            padded.extend(std::iter::repeat_n(u16::from(row[0]), radius));
            padded.extend(row.iter().map(|&v| u16::from(v)));
            padded.extend(std::iter::repeat_n(u16::from(row[w - 1]), radius + 1));
            let mut sum: u16 = padded[..n].iter().sum();
            rows.extend(padded[n..].iter().zip(&padded).map(|(&enter, &leave)| {
                let here = sum;
                sum = sum.wrapping_add(enter).wrapping_sub(leave);
                here
            }));
        }
        let line = |y: usize| {
            let y = y.saturating_sub(radius).min(h - 1);
            &rows[y * w..(y + 1) * w]
        };
        let mut sums: Vec<u32> = vec![0; w];
        (0..n).for_each(|y| sums.iter_mut().zip(line(y)).for_each(|(s, &v)| *s += u32::from(v)));
        let share = 1.0 / (n * n) as f32;
        let mut data = Vec::with_capacity(w * h);
        for y in 0..h {
            data.extend(sums.iter().map(|&s| (s as f32 * share + 0.001) as u8));
            let change = line(y + n).iter().zip(line(y));
            sums.iter_mut().zip(change).for_each(|(s, (&e, &l))| *s = *s + u32::from(e) - u32::from(l));
        }
        Self { width: w, height: h, data }
    }

    /// The value below which `share` (0..=1) of the values lie.
    pub fn percentile(&self, share: f64) -> u8 {
        percentile(self.data.iter().copied(), share)
    }

    /// Maximum or minimum over a square window, edges repeated.
    fn windowed(&self, radius: usize, pick: fn(u8, u8) -> u8) -> Self {
        let (w, h, n) = (self.width, self.height, 2 * radius + 1);
        let padded = w + 2 * radius;
        let mut rows = Vec::with_capacity(padded * h);
        for y in 0..h {
            let row = self.row(y);
            rows.extend(std::iter::repeat_n(row[0], radius));
            rows.extend_from_slice(row);
            rows.extend(std::iter::repeat_n(row[w - 1], radius));
        }
        let rows = sliding(rows, 1, n, pick);
        let mut columns = Vec::with_capacity(w * (h + 2 * radius));
        for y in 0..h + 2 * radius {
            let from = y.saturating_sub(radius).min(h - 1) * padded;
            columns.extend_from_slice(&rows[from..from + w]);
        }
        let mut data = sliding(columns, w, n, pick);
        data.truncate(w * h);
        Self { width: w, height: h, data }
    }
}

/// `pick` over each run of `n` values that lie `stride` apart, by doubling the run: log₂ n plain passes.
fn sliding(mut data: Vec<u8>, stride: usize, n: usize, pick: fn(u8, u8) -> u8) -> Vec<u8> {
    let mut run = 1;
    while run < n {
        let step = run.min(n - run);
        let ahead = data[(step * stride).min(data.len())..].to_vec();
        // `max` and `min` reach here as constants after inlining, so both loops vectorise.
        if pick(0, 1) == 1 {
            data.iter_mut().zip(&ahead).for_each(|(a, b)| *a = (*a).max(*b));
        } else {
            data.iter_mut().zip(&ahead).for_each(|(a, b)| *a = (*a).min(*b));
        }
        run += step;
    }
    data
}

/// The value below which `share` (0..=1) of the values lie; 0 of none.
pub(super) fn percentile(values: impl Iterator<Item = u8>, share: f64) -> u8 {
    let mut histogram = [0_usize; 256];
    values.for_each(|v| histogram[usize::from(v)] += 1);
    let wanted = (histogram.iter().sum::<usize>() as f64 * share) as usize;
    let mut seen = 0;
    histogram
        .iter()
        .position(|n| {
            seen += n;
            seen > wanted
        })
        .unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_fills_thin_ink_and_keeps_edges() {
        let mut p = Plane { width: 40, height: 30, data: vec![200; 1200] };
        for y in 0..30 {
            for x in 0..40 {
                if x < 15 || (x == 25 && y > 5) {
                    p.data[y * 40 + x] = 20;
                }
            }
        }
        let c = p.closing(3);
        assert!((0..30).all(|y| c.row(y)[14] == 20 && c.row(y)[15] == 200 && c.row(y)[25] == 200));
    }

    #[test]
    fn blur_keeps_the_mean_of_a_flat_plane_and_softens_a_step() {
        let p = Plane { width: 10, height: 4, data: (0..40).map(|i| if i % 10 < 5 { 0 } else { 90 }).collect() };
        let b = p.blurred(1);
        assert_eq!(b.row(2), [0, 0, 0, 0, 30, 60, 90, 90, 90, 90]);
        assert_eq!(p.percentile(0.25), 0);
        assert_eq!(p.percentile(0.75), 90);
    }
}
