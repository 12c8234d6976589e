//! Cutting a line out of a page and shaping pictures into tensors.

use super::band::Band;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Corners of a place on a picture, in its pixels, clockwise from the top left.
pub type Corners = [[f64; 2]; 4];

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

/// The quad as an upright picture of its own size in pixels, bilinear; outside the picture the edge is repeated.
pub fn cut(picture: &RgbImage, corners: &Corners) -> RgbImage {
    cut_along(picture, &Band { corners: *corners, bow: [0.0; 2] })
}

/// The band as an upright picture, its line made straight; else as [`cut`] does.
pub fn cut_along(picture: &RgbImage, band: &Band) -> RgbImage {
    let ([a, b, c, d], bow) = (band.corners, band.bow);
    let width = distance(a, b).max(distance(d, c)).round().max(1.0) as u32;
    let height = distance(a, d).max(distance(b, c)).round().max(1.0) as u32;
    let (w, h) = (picture.width() as i64, picture.height() as i64);
    let raw = picture.as_raw();
    let mut out = RgbImage::new(width, height);
    for (y, row) in out.rows_mut().enumerate() {
        let v = (y as f64 + 0.5) / f64::from(height);
        let left = [a[0] + (d[0] - a[0]) * v, a[1] + (d[1] - a[1]) * v];
        let right = [b[0] + (c[0] - b[0]) * v, b[1] + (c[1] - b[1]) * v];
        let step = [(right[0] - left[0]) / f64::from(width), (right[1] - left[1]) / f64::from(width)];
        for (x, pixel) in row.enumerate() {
            let t = x as f64 + 0.5;
            let rise = 4.0 * t * (f64::from(width) - t) / f64::from(width).powi(2);
            let (px, py) = (left[0] + step[0] * t - 0.5 + bow[0] * rise, left[1] + step[1] * t - 0.5 + bow[1] * rise);
            let (fx, fy) = (px.floor(), py.floor());
            let (rx, ry) = ((px - fx) as f32, (py - fy) as f32);
            let at = |xx: i64, yy: i64| 3 * (yy.clamp(0, h - 1) * w + xx.clamp(0, w - 1)) as usize;
            let (x0, y0) = (fx as i64, fy as i64);
            let (p00, p10, p01, p11) = (at(x0, y0), at(x0 + 1, y0), at(x0, y0 + 1), at(x0 + 1, y0 + 1));
            for k in 0..3 {
                let top = f32::from(raw[p00 + k]) * (1.0 - rx) + f32::from(raw[p10 + k]) * rx;
                let bottom = f32::from(raw[p01 + k]) * (1.0 - rx) + f32::from(raw[p11 + k]) * rx;
                pixel.0[k] = (top * (1.0 - ry) + bottom * ry + 0.5) as u8;
            }
        }
    }
    out
}

/// The picture at another size, bilinear with anti-aliasing.
///
/// # Panics
/// Never for pictures with pixels: sizes are at least 1.
pub fn resized(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .expect("an RgbImage's buffer fits its size");
    let mut out = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut out, &options).expect("both pictures are RGB");
    RgbImage::from_raw(width, height, out.into_vec()).expect("the buffer was made for this size")
}

/// Planes of a picture as a model wants them, `[3][height][pad_width]`, zero where padded.
///
/// Each value is `v × scale[c] + offset[c]` for the channel as stored; `order` says which stored channel
/// becomes which plane.
pub fn planes(
    picture: &RgbImage,
    pad: (usize, usize),
    order: [usize; 3],
    scale: [f32; 3],
    offset: [f32; 3],
) -> Vec<f32> {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let (pad_w, pad_h) = pad;
    let mut out = vec![0.0_f32; 3 * pad_w * pad_h];
    for (plane, &channel) in order.iter().enumerate() {
        let base = plane * pad_w * pad_h;
        for y in 0..h {
            let row = &picture.as_raw()[y * w * 3..(y + 1) * w * 3];
            let target = &mut out[base + y * pad_w..base + y * pad_w + w];
            for (t, px) in target.iter_mut().zip(row.chunks_exact(3)) {
                *t = f32::from(px[channel]) * scale[plane] + offset[plane];
            }
        }
    }
    out
}

/// Turns a picture by quarter turns counter-clockwise.
pub fn turned_back(picture: &RgbImage, quarters: u8) -> RgbImage {
    match quarters % 4 {
        1 => image::imageops::rotate270(picture),
        2 => image::imageops::rotate180(picture),
        3 => image::imageops::rotate90(picture),
        _ => picture.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn an_upright_cut_is_a_crop() {
        let picture = RgbImage::from_fn(20, 10, |x, y| Rgb([x as u8 * 10, y as u8 * 10, 7]));
        let crop = cut(&picture, &[[4.0, 2.0], [9.0, 2.0], [9.0, 6.0], [4.0, 6.0]]);
        assert_eq!(crop.dimensions(), (5, 4));
        assert_eq!(crop.get_pixel(0, 0), &Rgb([40, 20, 7]));
        assert_eq!(crop.get_pixel(4, 3), &Rgb([80, 50, 7]));
    }

    #[test]
    fn a_bowed_line_is_cut_straight() {
        let lies = |x: f64| 20.0 + 12.0 * (1.0 - ((x - 50.0) / 50.0).powi(2));
        let ink = |x: u32, y: u32| (f64::from(y) + 0.5 - lies(f64::from(x) + 0.5)).abs() < 4.0;
        let picture = RgbImage::from_fn(100, 60, |x, y| Rgb([if ink(x, y) { 0 } else { 255 }; 3]));
        let corners = [[0.0, 12.0], [100.0, 12.0], [100.0, 28.0], [0.0, 28.0]];
        let crop = cut_along(&picture, &Band { corners, bow: [0.0, 12.0] });
        assert_eq!(crop.dimensions(), (100, 16));
        for x in 1..99 {
            let at = |y: u32| crop.get_pixel(x, y)[0];
            assert!(at(2) > 200 && at(6) < 50 && at(9) < 50 && at(13) > 200, "column {x}");
        }
    }

    #[test]
    fn planes_are_padded_and_ordered() {
        let picture = RgbImage::from_pixel(2, 1, Rgb([10, 20, 30]));
        let p = planes(&picture, (3, 2), [2, 1, 0], [1.0; 3], [0.5; 3]);
        assert_eq!(p, vec![30.5, 30.5, 0., 0., 0., 0., 20.5, 20.5, 0., 0., 0., 0., 10.5, 10.5, 0., 0., 0., 0.]);
    }
}
