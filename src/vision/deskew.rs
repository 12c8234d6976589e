//! The angle that remains after rectifying: projection profiles of the ink.

use super::plane::Plane;

/// Largest skew that is sought, degrees. More than that is a photo held askew that the eye would call rotated.
const REACH: f64 = 15.0;
/// Sought a little beyond, so that the best angle is known to be a peak and not the end of the range.
const BEYOND: f64 = 1.5;
/// Fewer dark pixels than this say nothing.
const LEAST_INK: usize = 300;
/// How many times the best profile must exceed the median one, and how much more for each degree. Printed pages
/// reach 5 to 200, crumpled receipts 2.5 upwards but with little skew; wood, cloth and clutter reach 3 at any angle.
const CLEAR: f64 = 2.0;
const CLEAR_PER_DEGREE: f64 = 0.4;

/// Degrees that the picture must be turned counter-clockwise to make its lines level; `None` if no angle stands out.
///
/// After Postl (1986): ink is summed along each candidate direction, and the direction whose sums change most
/// sharply from row to row is that of the lines. `luma` should have 500 to 1200 pixels a side.
pub(super) fn skew(luma: &Plane) -> Option<f64> {
    let ink = ink(luma);
    if ink.len() < LEAST_INK {
        return None;
    }
    let thin = |most: usize| ink.iter().step_by(ink.len().div_ceil(most)).copied().collect::<Vec<_>>();
    let bins = luma.width + luma.height + 4;

    let rough = thin(20_000);
    let steps = ((REACH + BEYOND) * 2.0) as i32;
    let coarse: Vec<(f64, f64)> =
        (-steps..=steps).map(|i| f64::from(i) * 0.5).map(|a| (a, sharpness(&rough, a, bins, 0.5))).collect();
    let mut scores: Vec<f64> = coarse.iter().map(|c| c.1).collect();
    scores.sort_by(f64::total_cmp);
    let best = coarse.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let clear = CLEAR + CLEAR_PER_DEGREE * best.0.abs();
    if best.1 < clear * scores[scores.len() / 2] || best.0.abs() > REACH + 0.5 {
        return None;
    }

    let fine = thin(60_000);
    let around: Vec<(f64, f64)> =
        (-14..=14).map(|i| best.0 + f64::from(i) * 0.05).map(|a| (a, sharpness(&fine, a, bins, 1.0))).collect();
    let top = around.iter().map(|c| c.1).fold(0.0, f64::max);
    // The middle of the plateau is steadier than its highest point.
    let (sum, weight) = around.iter().filter(|c| c.1 > 0.9 * top).fold((0.0, 0.0), |(s, w), c| {
        let v = c.1 - 0.9 * top;
        (s + c.0 * v, w + v)
    });
    let angle = if weight > 0.0 { sum / weight } else { best.0 };
    (angle.abs() <= REACH + 0.1).then_some(angle)
}

/// Dark things thinner than about 13 pixels, as points from the middle: text and rules, not photo backgrounds.
fn ink(luma: &Plane) -> Vec<[f32; 2]> {
    let paper = luma.closing(6);
    let (cx, cy) = (luma.width as f32 / 2.0, luma.height as f32 / 2.0);
    let mut points = Vec::new();
    for y in 1..luma.height.saturating_sub(1) {
        for (x, (&v, &p)) in luma.row(y).iter().zip(paper.row(y)).enumerate() {
            // A quarter darker than the paper around it.
            if u32::from(p - v) * 4 > u32::from(p) && p > 40 {
                points.push([x as f32 - cx, y as f32 - cy]);
            }
        }
    }
    points
}

/// How sharply the ink's sums along the direction `degrees` change: the sum of squared differences of neighbours.
fn sharpness(ink: &[[f32; 2]], degrees: f64, bins: usize, per_pixel: f32) -> f64 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (sin, cos) = (sin as f32 * per_pixel, cos as f32 * per_pixel);
    let mut profile = vec![0_i32; bins];
    let middle = bins as f32 / 2.0;
    for [x, y] in ink {
        profile[(y * cos - x * sin + middle) as usize] += 1;
    }
    profile.windows(2).map(|w| f64::from(w[1] - w[0]).powi(2)).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vision::rectify::Frame;
    use image::{Rgb, RgbImage};

    /// Paper with lines of bars of uneven length, as text looks from afar.
    pub(in crate::vision) fn painted_text(width: u32, height: u32) -> RgbImage {
        let mut page = RgbImage::from_pixel(width, height, Rgb([240, 240, 236]));
        let mut seed = 7_u32;
        for line in 2..height / 22 - 2 {
            let mut x = 40;
            loop {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let letter = 4 + (seed >> 28);
                if x + letter > width - 40 - (line * 53) % (width / 4) {
                    break;
                }
                if !(seed >> 20).is_multiple_of(6) {
                    for y in line * 22..line * 22 + 9 + (seed >> 24) % 3 {
                        (x..x + letter).for_each(|x| page.put_pixel(x, y, Rgb([30, 30, 40])));
                    }
                }
                x += letter + 3;
            }
        }
        page
    }

    #[test]
    fn painted_text_is_levelled_to_a_tenth_of_a_degree() {
        let page = painted_text(700, 900);
        for degrees in [-14.0, -7.3, -2.0, -0.4, 0.0, 0.6, 3.1, 9.0, 14.5] {
            let tilted = Frame::plain(700.0, 900.0).straightened(-degrees).render(&page, [240; 3]);
            let found = skew(&Plane::luma(&tilted)).unwrap();
            assert!((found - degrees).abs() < 0.12, "{degrees}: {found}");
        }
    }

    #[test]
    fn blank_paper_and_noise_have_no_skew() {
        assert_eq!(skew(&Plane { width: 300, height: 400, data: vec![230; 120_000] }), None);
        let mut seed = 1_u32;
        let noise = (0..120_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        assert_eq!(skew(&Plane { width: 300, height: 400, data: noise }), None);
    }
}
