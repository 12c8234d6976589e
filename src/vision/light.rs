//! Flattens shading, where it helps reading.

use super::{plane::Plane, rectify};
use image::RgbImage;

/// Longest side of the copy on which the light is estimated.
const SIDE: u32 = 160;
/// Light is uneven when a twentieth of the paper gets less than this share of what the best lit twentieth gets.
const UNEVEN: f64 = 0.6;
/// Brightest paper aimed at, and the most that any pixel is multiplied by: more would amplify noise only.
const AIM: f64 = 235.0;
const MOST_GAIN: f64 = 3.0;
/// Light changes slowly. A share of pixels above this with a jump (over 12 % between neighbours of the small copy)
/// is objects, print or the table beside the sheet, and dividing by those would invent edges.
const MOST_JUMPS: f64 = 0.04;

/// Divides the page by its light if that is strongly uneven and smooth, in place; answers whether it did.
pub(super) fn flatten(page: &mut RgbImage) -> bool {
    let small = Plane::luma(&rectify::reduced(page, SIDE));
    let light = small.closing(4).blurred(3);
    let (dark, bright) = (f64::from(light.percentile(0.05)), f64::from(light.percentile(0.95)));
    if bright < 60.0 || dark > UNEVEN * bright || jumps(&light) > MOST_JUMPS {
        return false;
    }
    let gains: Vec<f32> =
        light.data.iter().map(|&v| (AIM.min(bright) / f64::from(v).max(1.0)).clamp(1.0, MOST_GAIN) as f32).collect();
    apply(page, &gains, light.width, light.height);
    true
}

/// Share of the pixels where the light jumps.
fn jumps(light: &Plane) -> f64 {
    let jump = |a: u8, b: u8| u32::from(a.abs_diff(b)) * 100 > 12 * u32::from(a.max(b));
    let mut count = 0;
    for y in 1..light.height {
        let (above, here) = (light.row(y - 1), light.row(y));
        count += (1..light.width).filter(|&x| jump(here[x], here[x - 1]) || jump(here[x], above[x])).count();
    }
    count as f64 / light.data.len() as f64
}

/// Multiplies each pixel by the gain at its place, interpolated from a coarse grid.
fn apply(page: &mut RgbImage, gains: &[f32], columns: usize, rows: usize) {
    let (w, h) = (page.width() as usize, page.height() as usize);
    let place = |i: usize, n: usize, cells: usize| {
        let at = ((i as f32 + 0.5) * cells as f32 / n as f32 - 0.5).clamp(0.0, cells as f32 - 1.0);
        let cell = (at as usize).min(cells.saturating_sub(2));
        (cell, at - cell as f32)
    };
    let across: Vec<(usize, f32)> = (0..w).map(|x| place(x, w, columns)).collect();
    for (y, line) in page.chunks_exact_mut(w * 3).enumerate() {
        let (row, down) = place(y, h, rows);
        let next = (row + 1).min(rows - 1);
        let here: Vec<f32> =
            (0..columns).map(|c| gains[row * columns + c] * (1.0 - down) + gains[next * columns + c] * down).collect();
        for (pixel, &(column, right)) in line.as_chunks_mut::<3>().0.iter_mut().zip(&across) {
            let gain = here[column] * (1.0 - right) + here[(column + 1).min(columns - 1)] * right;
            *pixel = pixel.map(|v| (f32::from(v) * gain + 0.5) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;

    #[test]
    fn a_strong_shadow_is_lifted_and_even_light_left_alone() {
        let page = painted_text(600, 800);
        let mut same = page.clone();
        assert!(!flatten(&mut same));
        assert_eq!(same, page);

        let mut shaded = page.clone();
        for (x, _, p) in shaded.enumerate_pixels_mut() {
            let light = 0.35 + 0.65 * x as f32 / 600.0;
            p.0 = p.0.map(|v| (f32::from(v) * light) as u8);
        }
        assert!(flatten(&mut shaded));
        let paper: Vec<u8> = (1..12).map(|i| shaded.get_pixel(i * 50, 10)[0]).collect();
        let (low, high) = (paper.iter().min().unwrap(), paper.iter().max().unwrap());
        assert!(high - low < 30, "{paper:?}");
    }
}
