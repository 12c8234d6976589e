//! One homography from upload to page, and pixels resampled once along it.

use crate::domain::{Homography, Page, Upload};
use fast_image_resize as fir;
use image::{Rgb, RgbImage};

/// A map from the upload to a picture, and that picture's size in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Upload → picture.
    pub map: Homography<Upload, Page>,
    /// Width and height, pixels; whole numbers only once a picture is made of it.
    pub size: [f64; 2],
}

impl Frame {
    /// The upload itself.
    pub fn plain(width: f64, height: f64) -> Self {
        Self { map: Homography::identity(), size: [width, height] }
    }

    /// The quadrilateral `corners` (upload pixels, clockwise from its top left) made a rectangle as wide and as high
    /// as its longer opposite sides; `None` if it is degenerate.
    pub fn flat(corners: [[f64; 2]; 4]) -> Option<Self> {
        let side = |a: usize, b: usize| (corners[a][0] - corners[b][0]).hypot(corners[a][1] - corners[b][1]);
        let w = side(0, 1).max(side(3, 2)).round().max(1.0);
        let h = side(0, 3).max(side(1, 2)).round().max(1.0);
        let map = Homography::between(corners, [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])?;
        map.inverse()?;
        Some(Self { map, size: [w, h] })
    }

    /// The longer side, pixels.
    pub fn long_side(&self) -> f64 {
        self.size[0].max(self.size[1])
    }

    /// Made smaller so that the longer side is at most `side`; never made larger.
    pub fn scaled_to(&self, side: u32) -> Self {
        let s = (f64::from(side) / self.long_side()).min(1.0);
        let size = self.size.map(|v| (v * s).round().max(1.0));
        let (sx, sy) = (size[0] / self.size[0], size[1] / self.size[1]);
        Self { size, ..self.stretched(sx, sy) }
    }

    /// Made wider and higher by these factors.
    pub fn stretched(&self, across: f64, down: f64) -> Self {
        let size = [(self.size[0] * across).round(), (self.size[1] * down).round()];
        self.then([across, 0.0, 0.0, 0.0, down, 0.0, 0.0, 0.0, 1.0], size)
    }

    /// The same picture made from an upload that was scaled by `factor` before.
    pub fn scaled_back(&self, factor: f64) -> Self {
        let up = Homography::<Upload, Upload>::new([1.0 / factor, 0.0, 0.0, 0.0, 1.0 / factor, 0.0, 0.0, 0.0, 1.0]);
        Self { map: up.then(&self.map), size: self.size }
    }

    /// Turned counter-clockwise by `turns` quarters, which undoes content turned clockwise by as many.
    pub fn quarter_turned_back(&self, turns: u8) -> Self {
        let [w, h] = self.size;
        match turns % 4 {
            1 => self.then([0.0, 1.0, 0.0, -1.0, 0.0, w, 0.0, 0.0, 1.0], [h, w]),
            2 => self.then([-1.0, 0.0, w, 0.0, -1.0, h, 0.0, 0.0, 1.0], [w, h]),
            3 => self.then([0.0, -1.0, h, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0], [h, w]),
            _ => *self,
        }
    }

    /// Turned counter-clockwise by `degrees`, on a canvas large enough that nothing is cut.
    pub fn straightened(&self, degrees: f64) -> Self {
        if degrees == 0.0 {
            return *self;
        }
        let ([w, h], (sin, cos)) = (self.size, degrees.to_radians().sin_cos());
        let size = [(w * cos + h * sin.abs()).ceil(), (w * sin.abs() + h * cos).ceil()];
        // y points down: counter-clockwise to the eye is x' = x cos + y sin, y' = -x sin + y cos.
        let dx = size[0] / 2.0 - (w * cos + h * sin) / 2.0;
        let dy = size[1] / 2.0 - (h * cos - w * sin) / 2.0;
        self.then([cos, sin, dx, -sin, cos, dy, 0.0, 0.0, 1.0], size)
    }

    /// Picture → upload.
    pub fn way_back(&self) -> Homography<Page, Upload> {
        // Frames start from an invertible map and only turn, shift and scale it.
        self.map.inverse().unwrap_or_else(Homography::identity)
    }

    /// The picture; `fill` where it reaches beyond the upload.
    pub fn render(&self, upload: &RgbImage, fill: [u8; 3]) -> RgbImage {
        let (w, h) = (self.size[0] as u32, self.size[1] as u32);
        let m = self.map.0;
        let still = m[1] == 0.0 && m[3] == 0.0 && m[2] == 0.0 && m[5] == 0.0 && m[6] == 0.0 && m[7] == 0.0;
        if still {
            return if (w, h) == upload.dimensions() { upload.clone() } else { resized(upload, w, h) };
        }
        // Bilinear sampling skips pixels below half size: shrink first, with a filter.
        let scale = self.scale();
        if scale < 0.6 {
            let side = upload.width().max(upload.height());
            let smaller = reduced(upload, (f64::from(side) * (scale * 1.25)).ceil() as u32);
            let factor = f64::from(smaller.width()) / f64::from(upload.width());
            return warp(&smaller, &self.scaled_back(factor).way_back(), w, h, fill);
        }
        warp(upload, &self.way_back(), w, h, fill)
    }

    /// Picture pixels for each upload pixel around the middle of the picture.
    fn scale(&self) -> f64 {
        let back = self.way_back();
        let (x, y) = (self.size[0] / 2.0, self.size[1] / 2.0);
        let (o, a, b) = (back.apply([x, y]), back.apply([x + 1.0, y]), back.apply([x, y + 1.0]));
        let area = (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
        1.0 / area.abs().sqrt().max(1e-6)
    }

    fn then(&self, m: [f64; 9], size: [f64; 2]) -> Self {
        Self { map: self.map.then(&Homography::<Page, Page>::new(m)), size }
    }
}

/// A copy whose longer side is at most `side` pixels, averaged, never enlarged.
pub(super) fn reduced(image: &RgbImage, side: u32) -> RgbImage {
    let long = image.width().max(image.height());
    if long <= side {
        return image.clone();
    }
    let scaled = |v: u32| ((u64::from(v) * u64::from(side) + u64::from(long) / 2) / u64::from(long)).max(1) as u32;
    resized(image, scaled(image.width()), scaled(image.height()))
}

/// A copy of exactly this size, filtered.
pub(super) fn resized(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mut out = RgbImage::new(width, height);
    let from = fir::images::ImageRef::new(image.width(), image.height(), image.as_raw(), fir::PixelType::U8x3);
    let to = fir::images::Image::from_slice_u8(width, height, &mut out, fir::PixelType::U8x3);
    if let (Ok(from), Ok(mut to)) = (from, to) {
        let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear));
        // Fails only for mismatched pixel types, and both are U8x3.
        let _ = fir::Resizer::new().resize(&from, &mut to, &options);
    }
    out
}

/// Corners moved away from their middle so that each side lies `share` of the size further out.
pub(super) fn grown(corners: [[f64; 2]; 4], share: f64) -> [[f64; 2]; 4] {
    let unit = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let Some(map) = Homography::<Page, Upload>::between(unit, corners) else { return corners };
    unit.map(|[x, y]| map.apply([x + (2.0 * x - 1.0) * share, y + (2.0 * y - 1.0) * share]))
}

/// The colour of the paper: the upper quartile of each channel.
pub(super) fn paper_colour(image: &RgbImage) -> [u8; 3] {
    [0, 1, 2].map(|c| super::plane::Plane::channel(image, c).percentile(0.75))
}

/// Pixels of a row between which source places are interpolated. A division for each of them would cost as much as
/// the sampling; over 16 pixels even a steep perspective bends by less than 1/50 pixel.
const SPAN: usize = 16;

/// Bilinear samples of `from` at the places that `back` names for each pixel centre; other pixels are `fill`.
///
/// Places have 1/65536 pixel, weights 1/256. A span whose ends both lie inside lies inside as a whole, because
/// straight lines stay straight.
fn warp(from: &RgbImage, back: &Homography<Page, Upload>, width: u32, height: u32, fill: [u8; 3]) -> RgbImage {
    let (fw, fh) = (from.width() as usize, from.height() as usize);
    let mut out = RgbImage::from_pixel(width, height, Rgb(fill));
    if fw < 2 || fh < 2 {
        return out;
    }
    let pixels = from.as_raw();
    let (last_u, last_v) = (fw as f64 - 1.0 - 1.0 / 256.0, fh as f64 - 1.0 - 1.0 / 256.0);
    let fixed = |v: f64| (v * 65_536.0) as i64;
    for (row, line) in out.chunks_exact_mut(width as usize * 3).enumerate() {
        // Sample places count from the middle of the first source pixel.
        let place = |x: usize| {
            let [u, v] = back.apply([x as f64 + 0.5, row as f64 + 0.5]);
            [u - 0.5, v - 0.5]
        };
        let mut start = place(0);
        for (n, span) in line.chunks_mut(SPAN * 3).enumerate() {
            let count = span.len() / 3;
            let end = place(n * SPAN + count);
            let within = |p: [f64; 2]| p[0] >= 0.0 && p[1] >= 0.0 && p[0] <= last_u && p[1] <= last_v;
            let span = span.as_chunks_mut::<3>().0;
            if within(start) && within(end) {
                let (mut u, mut v) = (fixed(start[0]), fixed(start[1]));
                let step = [0, 1].map(|i| fixed((end[i] - start[i]) / count as f64));
                for pixel in span {
                    *pixel = sample(pixels, fw, u, v);
                    u += step[0];
                    v += step[1];
                }
            } else {
                for (i, pixel) in span.iter_mut().enumerate() {
                    let [u, v] = place(n * SPAN + i);
                    // Half a pixel around the upload still belongs to its outermost pixels.
                    if u >= -0.5 && v >= -0.5 && u <= fw as f64 - 0.5 && v <= fh as f64 - 0.5 {
                        *pixel = sample(pixels, fw, fixed(u.clamp(0.0, last_u)), fixed(v.clamp(0.0, last_v)));
                    }
                }
            }
            start = end;
        }
    }
    out
}

/// The pixel at a place in 1/65536 pixel that has a right and a lower neighbour, mixed with those.
#[inline]
fn sample(pixels: &[u8], width: usize, u: i64, v: i64) -> [u8; 3] {
    let (a, b) = ((u >> 8) as u32 & 255, (v >> 8) as u32 & 255);
    let i = ((v >> 16) as usize * width + (u >> 16) as usize) * 3;
    let j = i + width * 3;
    let (top, low) = (&pixels[i..i + 6], &pixels[j..j + 6]);
    // Written out: `array::from_fn` is not inlined here, which costs a third of the warp.
    let mix = |c: usize| {
        let t = u32::from(top[c]) * (256 - a) + u32::from(top[c + 3]) * a;
        let l = u32::from(low[c]) * (256 - a) + u32::from(low[c + 3]) * a;
        ((t * (256 - b) + l * b + (1 << 15)) >> 16) as u8
    };
    [mix(0), mix(1), mix(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).hypot(a[1] - b[1]) < 1e-6
    }

    #[test]
    fn quarter_turns_bring_the_contents_own_top_left_to_the_top_left() {
        let frame = Frame::plain(30.0, 20.0);
        // Content turned clockwise k times has its top left at these corners of the upload.
        for (k, corner) in [(0, [0.0, 0.0]), (1, [30.0, 0.0]), (2, [30.0, 20.0]), (3, [0.0, 20.0])] {
            let turned = frame.quarter_turned_back(k);
            assert!(near(turned.map.apply(corner), [0.0, 0.0]), "{k}");
            assert_eq!(turned.size, if k % 2 == 1 { [20.0, 30.0] } else { [30.0, 20.0] });
        }
    }

    #[test]
    fn straightening_levels_a_line_and_cuts_nothing() {
        for degrees in [-12.0_f64, -3.0, 4.5, 15.0] {
            let frame = Frame::plain(300.0, 200.0).straightened(degrees);
            let (dy, dx) = degrees.to_radians().sin_cos();
            let (a, b) = (frame.map.apply([100.0, 100.0]), frame.map.apply([100.0 + 50.0 * dx, 100.0 + 50.0 * dy]));
            assert!((a[1] - b[1]).abs() < 1e-9 && b[0] > a[0]);
            for corner in [[0.0, 0.0], [300.0, 0.0], [300.0, 200.0], [0.0, 200.0]] {
                let p = frame.map.apply(corner);
                assert!(p[0] > -1e-9 && p[1] > -1e-9 && p[0] <= frame.size[0] + 1e-9 && p[1] <= frame.size[1] + 1e-9);
            }
        }
    }

    #[test]
    fn corners_go_to_corners_and_back_and_pixels_follow() {
        let corners = [[40.0, 30.0], [260.0, 50.0], [280.0, 180.0], [20.0, 170.0]];
        let mut upload = RgbImage::from_pixel(300, 200, Rgb([10; 3]));
        for p in [[60, 60], [200, 120]] {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                upload.put_pixel(p[0] + dx, p[1] + dy, Rgb([250; 3]));
            }
        }
        let frame = Frame::flat(corners).unwrap();
        let [w, h] = frame.size;
        for (from, to) in corners.iter().zip([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]) {
            assert!(near(frame.map.apply(*from), to));
            assert!(near(frame.way_back().apply(to), *from));
        }
        let page = frame.render(&upload, [0; 3]);
        for p in [[61.0, 61.0], [201.0, 121.0]] {
            let [x, y] = frame.map.apply(p);
            assert!(page.get_pixel(x as u32, y as u32)[0] > 150);
        }
    }

    #[test]
    fn identity_copies_and_large_pictures_shrink() {
        let upload = RgbImage::from_fn(90, 60, |x, y| Rgb([x as u8, y as u8, 7]));
        assert_eq!(Frame::plain(90.0, 60.0).scaled_to(2600).render(&upload, [0; 3]), upload);
        let small = Frame::plain(90.0, 60.0).scaled_to(30);
        assert_eq!(small.render(&upload, [0; 3]).dimensions(), (30, 20));
        assert!(near(small.map.apply([90.0, 60.0]), [30.0, 20.0]));
    }
}
