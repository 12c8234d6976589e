//! A perceptual hash, for finding the same photo again.

use super::{plane::Plane, rectify};
use image::RgbImage;
use std::f64::consts::PI;

/// Side of the picture that is transformed, and of the square of low frequencies that is kept.
const SIDE: usize = 32;
const KEPT: usize = 8;
/// Below this standard deviation (luma levels, at 32 × 32) there is nothing to recognise.
const BLANK: f64 = 2.0;

/// 64 bits that change little when the page is recompressed, rescaled or slightly relit; `None` if nearly blank.
///
/// The DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010): the signs
/// of the lowest 8 × 8 frequencies of a 32 × 32 copy against their median. Bit 63 is the constant term's and always
/// clear, so that brightness alone changes nothing. Compare by Hamming distance.
pub(super) fn picture_hash(page: &RgbImage) -> Option<u64> {
    let luma = Plane::luma(&rectify::resized(page, SIDE as u32, SIDE as u32));
    let n = luma.data.len() as f64;
    let mean = luma.data.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = luma.data.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    if variance.sqrt() < BLANK {
        return None;
    }
    let cosine = |k: usize, i: usize| (PI / SIDE as f64 * (i as f64 + 0.5) * k as f64).cos();
    let rows: Vec<[f64; KEPT]> = (0..SIDE)
        .map(|y| std::array::from_fn(|k| (0..SIDE).map(|x| f64::from(luma.row(y)[x]) * cosine(k, x)).sum()))
        .collect();
    let mut low = [0.0; KEPT * KEPT];
    for (i, value) in low.iter_mut().enumerate() {
        *value = (0..SIDE).map(|y| rows[y][i % KEPT] * cosine(i / KEPT, y)).sum();
    }
    low[0] = f64::NEG_INFINITY;
    let mut sorted = low;
    sorted.sort_by(f64::total_cmp);
    let median = sorted[KEPT * KEPT / 2];
    Some(low.iter().fold(0, |hash, &v| hash << 1 | u64::from(v > median)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use image::Rgb;

    #[test]
    fn the_same_page_relit_and_rescaled_is_near_and_another_far() {
        let page = painted_text(700, 900);
        let hash = picture_hash(&page).unwrap();
        let mut dim = rectify::resized(&page, 512, 640);
        dim.pixels_mut().for_each(|p| p.0 = p.0.map(|v| (f32::from(v) * 0.8) as u8 + 10));
        assert!((hash ^ picture_hash(&dim).unwrap()).count_ones() <= 6);
        let other = image::imageops::rotate180(&page);
        assert!((hash ^ picture_hash(&other).unwrap()).count_ones() >= 16);
    }

    #[test]
    fn blank_paper_has_no_hash() {
        assert_eq!(picture_hash(&RgbImage::from_pixel(400, 300, Rgb([231, 230, 228]))), None);
    }
}
