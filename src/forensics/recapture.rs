//! A picture of a screen or of a print of a photo.
//!
//! A screen's pixels and a print's raster are periodic; paper and a sensor's noise are not. So a photo of either has
//! peaks in the spectrum of what should be blank paper. A phone's screenshot has a phone's shape and bars of one colour
//! that no lens makes.

use super::Original;
use crate::domain::pixels::{Signal, SignalName};
use image::GrayImage;

/// Side of a piece of the page, pixels.
const TILE: usize = 128;
/// The most blank pieces are looked at, at most so many.
const TILES: usize = 16;
/// With fewer pieces there is no telling.
const LEAST_TILES: usize = 4;
/// Peaks below this frequency are print and shadow, cycles per tile.
const LEAST_FREQUENCY: i32 = 10;

/// The limit that each way of telling is divided by: peaks, decibels over the spectrum around them.
/// The highest of 258 genuine receipts, invoices and bills, scanned, photographed or saved again, was 7.8.
const PEAK_LIMIT: f64 = 10.0;
/// And rows of one colour in a picture of a phone's shape, share of its height.
const BARS_LIMIT: f64 = 0.03;

/// The largest of what the ways of telling find, each over its own limit.
pub(super) fn measure(original: &Original, luma: &GrayImage) -> Signal {
    let bars = if original.from_pdf { 0.0 } else { bars(original) };
    let Some(peak) = peak(luma) else {
        return Signal::not_applicable(SignalName::Recapture, "too_small");
    };
    let score = (peak / PEAK_LIMIT).max(bars / BARS_LIMIT);
    Signal {
        name: SignalName::Recapture,
        not_applicable: None,
        score: Some((score * 1000.0).round() as i32),
        tested: 1,
        suspects: vec![],
    }
}

/// Share of a phone-shaped picture's rows that are of one colour, near its upper and lower edge; 0 for other shapes.
fn bars(original: &Original) -> f64 {
    let (w, h) = original.image.dimensions();
    let shape = f64::from(h) / f64::from(w.max(1));
    if !PHONES.iter().any(|(across, down)| (shape * across / down - 1.0).abs() < 0.002) {
        return 0.0;
    }
    let inset = (w / 50) as usize;
    let rows: Vec<&[u8]> = original.image.as_raw().chunks_exact(3 * w as usize).collect();
    let uniform = |row: &&&[u8]| {
        (0..3).all(|c| {
            let values = row[3 * inset..row.len() - 3 * inset].iter().skip(c).step_by(3);
            let (least, most) = values.fold((u8::MAX, 0), |(a, b), v| (a.min(*v), b.max(*v)));
            most - least <= 3
        })
    };
    let edge = rows.len() / 5;
    let (top, bottom) = (&rows[..edge], &rows[rows.len() - edge..]);
    let count = |rows: &[&[u8]]| rows.iter().filter(uniform).count() as f64;
    count(top).min(count(bottom)) / rows.len() as f64
}

/// Shapes of phones' screens, across and down.
const PHONES: [(f64, f64); 9] = [
    (9.0, 16.0),
    (9.0, 18.0),
    (9.0, 18.5),
    (9.0, 19.0),
    (9.0, 19.5),
    (9.0, 20.0),
    (9.0, 21.0),
    (1125.0, 2436.0),
    (1179.0, 2556.0),
];

/// The highest peak of the page's blank pieces' mean spectrum over the spectrum around it, decibels.
fn peak(luma: &GrayImage) -> Option<f64> {
    let (width, pixels) = (luma.width() as usize, luma.as_raw());
    let (across, down) = (width / TILE, luma.height() as usize / TILE);
    let mut tiles: Vec<(u32, u32, usize)> = Vec::new();
    for row in 0..down {
        for column in 0..across {
            let start = row * TILE * width + column * TILE;
            let (mut sum, mut rough) = (0_u32, 0_u32);
            for y in (0..TILE - 2).step_by(2) {
                let here = &pixels[start + y * width..][..TILE];
                let below = &pixels[start + (y + 2) * width..][..TILE];
                for x in (0..TILE - 2).step_by(2) {
                    sum += u32::from(here[x]);
                    rough += u32::from(here[x].abs_diff(here[x + 2])) + u32::from(here[x].abs_diff(below[x]));
                }
            }
            tiles.push((sum, rough, start));
        }
    }
    if tiles.len() < LEAST_TILES {
        return None;
    }
    // Paper is the lighter half.
    let half = tiles.len() / 2;
    tiles.select_nth_unstable_by_key(half, |t| t.0);
    let mut light = tiles.split_off(half.min(tiles.len() - LEAST_TILES));
    light.sort_by_key(|t| t.1);
    light.truncate(TILES);
    let mut mean = vec![0.0_f32; TILE * TILE];
    for (_, _, start) in &light {
        for (sum, level) in mean.iter_mut().zip(spectrum(&pixels[*start..], width)) {
            *sum += level / light.len() as f32;
        }
    }
    let size = TILE as i32;
    // A JPEG's blocks have peaks of their own.
    let block = |f: i32| (f + 1).rem_euclid(size / 8) <= 2;
    let at = |u: i32, v: i32| mean[(v.rem_euclid(size) * size + u.rem_euclid(size)) as usize];
    // What a peak is held against: what lies around it, and along both axes, where every rule has a ridge.
    let ring = || {
        let steps = || (-8..=8).step_by(2);
        steps()
            .flat_map(move |dv: i32| steps().map(move |du: i32| (du, dv)))
            .filter(|(du, dv)| du.abs().max(dv.abs()) > 4)
    };
    let beside = || (3..=8).flat_map(|d| [d, -d]);
    let mut around = Vec::new();
    let mut usual = |places: &mut dyn Iterator<Item = (i32, i32)>, u: i32, v: i32| {
        around.clear();
        around.extend(places.map(|(du, dv)| at(u + du, v + dv)));
        let half = around.len() / 2;
        *around.select_nth_unstable_by(half, f32::total_cmp).1
    };
    let mut most = 0.0_f32;
    for v in 0..=size / 2 {
        for u in -size / 2..size / 2 {
            if u * u + v * v < LEAST_FREQUENCY * LEAST_FREQUENCY || (block(u) && block(v)) {
                continue;
            }
            let level = at(u, v);
            let over = level - usual(&mut ring(), u, v);
            // Most places are no peak, and need no second look.
            if over > most {
                let ridge = usual(&mut beside().map(|d| (d, 0)), u, v).max(usual(&mut beside().map(|d| (0, d)), u, v));
                most = most.max(over.min(level - ridge));
            }
        }
    }
    Some(f64::from(most))
}

/// Power that rounding to whole grey levels alone makes in each of the spectrum's sums.
const ROUNDING_POWER: f32 = 9.0 / 12.0 * (TILE * TILE) as f32 * 0.14;

/// Power of each frequency with the eight next to it in a piece of the page, decibels.
fn spectrum(pixels: &[u8], width: usize) -> Vec<f32> {
    let window: [f32; TILE] =
        std::array::from_fn(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / TILE as f32).cos());
    let rows = (0..TILE).map(|y| &pixels[y * width..][..TILE]);
    let mean = rows.clone().flatten().map(|v| f32::from(*v)).sum::<f32>() / (TILE * TILE) as f32;
    let mut field: Vec<[f32; 2]> = rows
        .zip(window)
        .flat_map(|(row, wy)| row.iter().zip(window).map(move |(v, wx)| [(f32::from(*v) - mean) * wx * wy, 0.0]))
        .collect();
    let turns: [[f32; 2]; TILE / 2] = std::array::from_fn(|k| {
        let (sin, cos) = (-std::f32::consts::TAU * k as f32 / TILE as f32).sin_cos();
        [cos, sin]
    });
    for row in field.chunks_exact_mut(TILE) {
        fourier(row, &turns);
    }
    let mut power = vec![0.0_f32; TILE * TILE];
    let mut column = [[0.0; 2]; TILE];
    for x in 0..TILE {
        for (y, value) in column.iter_mut().enumerate() {
            *value = field[y * TILE + x];
        }
        fourier(&mut column, &turns);
        for (y, [re, im]) in column.iter().enumerate() {
            power[y * TILE + x] = re * re + im * im;
        }
    }
    let near = |i: usize| [(i + TILE - 1) % TILE, i, (i + 1) % TILE];
    let across: Vec<f32> =
        (0..TILE * TILE).map(|i| near(i % TILE).map(|x| power[i / TILE * TILE + x]).iter().sum()).collect();
    let sum = |i: usize| near(i / TILE).map(|y| across[y * TILE + i % TILE]).iter().sum::<f32>();
    (0..TILE * TILE).map(|i| 10.0 * (sum(i) + ROUNDING_POWER).log10()).collect()
}

/// The discrete Fourier transform in place (Cooley and Tukey 1965), of a power of two of values.
fn fourier(values: &mut [[f32; 2]], turns: &[[f32; 2]]) {
    let n = values.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let k = i.reverse_bits() >> (usize::BITS - bits);
        if k > i {
            values.swap(i, k);
        }
    }
    let mut half = 1;
    while half < n {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let [c, s] = turns[k * (n / 2 / half)];
                let [re, im] = [b[0] * c - b[1] * s, b[0] * s + b[1] * c];
                *b = [a[0] - re, a[1] - im];
                *a = [a[0] + re, a[1] + im];
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Luma, Rgb, RgbImage};

    /// Paper with a sensor's noise, and a raster of this strength.
    fn paper(raster: f32) -> GrayImage {
        let mut seed = 1_u32;
        GrayImage::from_fn(640, 640, |x, y| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = ((0.43 * x as f32 + 0.03 * y as f32) * std::f32::consts::TAU).sin();
            Luma([(200.0 + (seed >> 24) as f32 / 32.0 + raster * wave) as u8])
        })
    }

    #[test]
    fn a_raster_has_a_peak_and_noise_has_none() {
        let (plain, raster) = (peak(&paper(0.0)).unwrap(), peak(&paper(6.0)).unwrap());
        assert!(plain < 0.5 * PEAK_LIMIT, "{plain}");
        assert!(raster > PEAK_LIMIT, "{raster}");
        assert!(peak(&GrayImage::new(200, 200)).is_none());
    }

    #[test]
    fn bars_of_one_colour_above_and_below_in_a_phones_shape_are_a_screenshot() {
        let picture = |height: u32| {
            RgbImage::from_fn(360, height, |x, y| {
                let bar = y < height / 10 || y >= height - height / 10;
                Rgb(if bar { [0; 3] } else { [(x * 7 + y * 3) as u8; 3] })
            })
        };
        let [phone, other] = [780, 600].map(picture);
        let of = |image| bars(&Original { bytes: &[], from_pdf: false, image });
        assert!((of(&phone) - 0.1).abs() < 0.01);
        assert!(of(&other) < 1e-9);
    }
}
