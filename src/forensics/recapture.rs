//! A picture of a screen or of a print of a photo.
//!
//! A screen's pixels and a print's raster are periodic; paper and a sensor's noise are not. So a photo of either has
//! peaks in the spectrum of what should be blank paper. A screen's red, green and blue stand side by side, and a print's
//! inks at an angle to each other: what is left of them between the camera's pixels shows in colour more than in
//! lightness, and, being what is left, changes from place to place. A phone's screenshot has a phone's shape and bars of
//! one colour that no lens makes.

use super::copies::median;
use super::glyphs::TextLine;
use crate::domain::pixels::{Signal, SignalName};
use image::{GrayImage, RgbImage};

/// Side of a piece of the page, pixels.
const TILE: usize = 128;
/// From one to the next, pixels.
const STRIDE: usize = 64;
/// Those chosen lie at least so far apart, pixels.
const APART: usize = 96;
/// The most blank pieces are looked at, at most so many.
const TILES: usize = 16;
/// Sums of a piece's differences below this are of no photo of paper, grey levels: a margin of one colour, or overexposed.
const FLAT: u32 = 800;
/// With fewer pieces there is no telling.
const LEAST_TILES: usize = 4;
/// Peaks below this frequency are print and shadow, cycles per tile.
const LEAST_FREQUENCY: i32 = 10;

/// The limit that each way of telling is divided by: peaks in lightness, decibels over the spectrum around them.
/// The highest of 287 genuine receipts, invoices and bills, scanned, photographed or saved again, was 7.9.
const PEAK_LIMIT: f64 = 10.0;
/// Peaks in colour, likewise: half the pieces have one as high. The highest of the same 287 was 9.2.
const FRINGE_LIMIT: f64 = 10.0;
/// And rows or columns of one colour in a picture of a phone's shape, share of its length.
const BARS_LIMIT: f64 = 0.03;

/// The largest of what the ways of telling find, each over its own limit.
pub(super) fn measure(from_pdf: bool, image: &RgbImage, luma: &GrayImage, lines: &[TextLine]) -> Signal {
    let Some(blank) = blank(luma, printed(lines, luma)) else {
        return Signal::not_applicable(SignalName::Recapture, "too_small");
    };
    let bars = if from_pdf { 0.0 } else { bars(image) };
    let found = [peak(luma, &blank) / PEAK_LIMIT, fringes(image, &blank) / FRINGE_LIMIT, bars / BARS_LIMIT];
    Signal {
        name: SignalName::Recapture,
        not_applicable: None,
        score: Some(super::milli(found.into_iter().fold(0.0, f64::max))),
        tested: 1,
        suspects: vec![],
    }
}

/// Share of a phone-shaped picture's length that is of one colour across, near both its ends; 0 for other shapes.
fn bars(image: &RgbImage) -> f64 {
    let (w, h) = image.dimensions();
    let (short, long) = (w.min(h), w.max(h));
    let shape = f64::from(long) / f64::from(short.max(1));
    if !PHONES.iter().any(|(across, down)| (shape * across / down - 1.0).abs() < 0.002) {
        return 0.0;
    }
    let across = short / 50..short - short / 50;
    let uniform = |along: &u32| {
        let pixels =
            across.clone().map(|k| if h > w { image.get_pixel(k, *along) } else { image.get_pixel(*along, k) });
        let ranges = pixels.fold([(u8::MAX, 0); 3], |ranges, pixel| {
            std::array::from_fn(|c| (ranges[c].0.min(pixel.0[c]), ranges[c].1.max(pixel.0[c])))
        });
        ranges.iter().all(|(least, most)| most.saturating_sub(*least) <= 3)
    };
    let edge = long / 5;
    let count = |of: std::ops::Range<u32>| of.filter(uniform).count() as f64;
    count(0..edge).min(count(long - edge..long)) / f64::from(long)
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

/// The least upright box around all print and a piece's side more, `[left, top, right, bottom]`, pixels. What lies outside
/// it may have been put around the picture.
fn printed(lines: &[TextLine], luma: &GrayImage) -> [usize; 4] {
    let mut boxes = lines.iter().map(|line| line.quad);
    let Some(first) = boxes.next() else { return [0; 4] };
    let (left, top, right, bottom) = boxes.fold(first, |all, quad| all.union(&quad)).bounds();
    let within = |v: f64, most: u32| v.clamp(0.0, most.into()) as usize;
    let (side, (width, height)) = (TILE as f64, luma.dimensions());
    [within(left - side, width), within(top - side, height), within(right + side, width), within(bottom + side, height)]
}

/// The smoothest pieces of the lighter half of a part of the page, which is paper: the index of each one's first pixel.
/// Those that are flatter than a photo of paper come last.
fn blank(luma: &GrayImage, [left, top, right, bottom]: [usize; 4]) -> Option<Vec<usize>> {
    let (width, pixels) = (luma.width() as usize, luma.as_raw());
    let mut tiles: Vec<(u32, u32, usize)> = Vec::new();
    for y in (top..(bottom + 1).saturating_sub(TILE)).step_by(STRIDE) {
        for x in (left..(right + 1).saturating_sub(TILE)).step_by(STRIDE) {
            let start = y * width + x;
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
    if tiles.is_empty() {
        return None;
    }
    let half = tiles.len() / 2;
    tiles.select_nth_unstable_by_key(half, |t| t.0);
    let (dark, light) = tiles.split_at_mut(half);
    let mut blank: Vec<usize> = Vec::new();
    // Of a small page the darker ones make up the number.
    for (tiles, most) in [(light, TILES), (dark, LEAST_TILES)] {
        tiles.sort_by_key(|t| (t.1 < FLAT, t.1));
        for (_, _, start) in tiles {
            let apart = |other: &usize| {
                let (dx, dy) = ((*start % width).abs_diff(other % width), (*start / width).abs_diff(other / width));
                dx.max(dy) >= APART
            };
            if blank.len() < most && blank.iter().all(apart) {
                blank.push(*start);
            }
        }
    }
    (blank.len() >= LEAST_TILES).then_some(blank)
}

/// The highest peak of the blank pieces' mean spectrum, decibels.
fn peak(luma: &GrayImage, blank: &[usize]) -> f64 {
    let (width, pixels) = (luma.width() as usize, luma.as_raw());
    let mut mean = vec![0.0_f32; TILE * TILE];
    for start in blank {
        for (sum, level) in mean.iter_mut().zip(spectrum(width, |i| f32::from(pixels[start + i]))) {
            *sum += level / blank.len() as f32;
        }
    }
    highest(&mean)
}

/// The median of the blank pieces' highest peaks in red less blue, decibels.
fn fringes(image: &RgbImage, blank: &[usize]) -> f64 {
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let red_less_blue = |i: usize| f32::from(pixels[i][0]) - f32::from(pixels[i][2]);
    let peak = |start: &usize| highest(&spectrum(image.width() as usize, |i| red_less_blue(start + i)));
    median(&mut blank.iter().map(peak).collect::<Vec<_>>())
}

/// The highest peak of a spectrum over what is around it, decibels.
fn highest(levels: &[f32]) -> f64 {
    let size = TILE as i32;
    // A JPEG's blocks have peaks of their own.
    let block = |f: i32| (f + 1).rem_euclid(size / 8) <= 2;
    let at = |u: i32, v: i32| levels[(v.rem_euclid(size) * size + u.rem_euclid(size)) as usize];
    // What a peak is held against: what lies around it, and along both axes, where every rule has a ridge.
    let ring = || {
        let steps = || (-8..=8).step_by(2);
        steps()
            .flat_map(move |dv: i32| steps().map(move |du: i32| (du, dv)))
            .filter(|(du, dv)| du.abs().max(dv.abs()) > 4)
    };
    let some = [(6, 0), (-6, 0), (0, 6), (0, -6), (6, 6), (-6, 6), (6, -6), (-6, -6)];
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
            // Most places are no peak, and need no second look.
            if level - some.iter().map(|(du, dv)| at(u + du, v + dv)).fold(f32::MAX, f32::min) <= most {
                continue;
            }
            let over = level - usual(&mut ring(), u, v);
            if over > most {
                let ridge = usual(&mut beside().map(|d| (d, 0)), u, v).max(usual(&mut beside().map(|d| (0, d)), u, v));
                most = most.max(over.min(level - ridge));
            }
        }
    }
    f64::from(most)
}

/// Power that rounding to whole grey levels alone makes in each of the spectrum's sums.
const ROUNDING_POWER: f32 = 9.0 / 12.0 * (TILE * TILE) as f32 * 0.14;

/// Power of each frequency with the eight next to it in a piece of a page so wide, decibels; pixels are asked for by
/// their index from the piece's first.
fn spectrum(width: usize, pixel: impl Fn(usize) -> f32) -> Vec<f32> {
    let window: [f32; TILE] =
        std::array::from_fn(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / TILE as f32).cos());
    let values: Vec<f32> = (0..TILE * TILE).map(|i| pixel(i / TILE * width + i % TILE)).collect();
    let mean = values.iter().sum::<f32>() / (TILE * TILE) as f32;
    let windowed = |(i, v): (usize, &f32)| [(v - mean) * window[i % TILE] * window[i / TILE], 0.0];
    let mut field: Vec<[f32; 2]> = values.iter().enumerate().map(windowed).collect();
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
    use image::Rgb;

    const SIDE: u32 = 640;

    /// Paper with a sensor's noise; `wave` is added to the light of the colours at a place.
    fn paper(wave: impl Fn(f32, f32) -> [f32; 3]) -> RgbImage {
        let mut seed = 1_u32;
        RgbImage::from_fn(SIDE, SIDE, |x, y| {
            Rgb(wave(x as f32, y as f32).map(|w| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (200.0 + (seed >> 24) as f32 / 32.0 + w) as u8
            }))
        })
    }

    fn sine(turns: f32) -> f32 {
        (turns * std::f32::consts::TAU).sin()
    }

    /// A line at the top and one at the bottom.
    fn print(image: &RgbImage) -> [TextLine; 2] {
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let line = |top: f64| {
            let quad = crate::domain::Quad::rect(0.0, top, w, top + 20.0);
            TextLine { quad, height: 20.0, threshold: 100, glyphs: vec![] }
        };
        [line(0.0), line(h - 20.0)]
    }

    /// The peaks in lightness and in colour.
    fn peaks(image: &RgbImage) -> [f64; 2] {
        let luma = super::super::glyphs::luma(image);
        let blank = blank(&luma, printed(&print(image), &luma)).unwrap();
        [peak(&luma, &blank), fringes(image, &blank)]
    }

    #[test]
    fn a_raster_has_a_peak_in_lightness_and_noise_has_none() {
        let plain = peaks(&paper(|_, _| [0.0; 3]));
        assert!(plain[0] < 0.5 * PEAK_LIMIT && plain[1] < 0.8 * FRINGE_LIMIT, "{plain:?}");
        let [light, colour] = peaks(&paper(|x, y| [6.0 * sine(0.43 * x + 0.03 * y); 3]));
        assert!(light > PEAK_LIMIT && colour < 0.8 * FRINGE_LIMIT, "{light} {colour}");
        assert!(blank(&GrayImage::new(200, 200), [0, 0, 200, 200]).is_none());
    }

    #[test]
    fn stripes_of_three_colours_show_in_colour_though_they_change_from_place_to_place() {
        // A third of a turn apart, and wider towards the right, as the stripes of a screen seen at an angle.
        let stripes = paper(|x, _| [0.0, 1.0, 2.0].map(|c| 3.0 * sine(x * (0.35 - 0.0001 * x) - c / 3.0)));
        let [light, colour] = peaks(&stripes);
        assert!(light < PEAK_LIMIT && colour > FRINGE_LIMIT, "{light} {colour}");
        let signal = measure(false, &stripes, &super::super::glyphs::luma(&stripes), &print(&stripes));
        assert_eq!(
            (signal.score, signal.alarms()),
            (Some((colour * 1000.0 / FRINGE_LIMIT).round() as i32), Some(true))
        );
    }

    #[test]
    fn bars_of_one_colour_at_both_ends_of_a_phones_shape_are_a_screenshot() {
        let upright = |height: u32| {
            RgbImage::from_fn(360, height, |x, y| {
                let bar = y < height / 10 || y >= height - height / 10;
                Rgb(if bar { [0; 3] } else { [(x * 7 + y * 3) as u8; 3] })
            })
        };
        assert!((bars(&upright(780)) - 0.1).abs() < 0.01);
        assert!((bars(&image::imageops::rotate90(&upright(780))) - 0.1).abs() < 0.01);
        assert!(bars(&upright(600)) < 1e-9);
        let one_bar = RgbImage::from_fn(360, 780, |x, y| Rgb(if y < 78 { [0; 3] } else { [(x * 7 + y * 3) as u8; 3] }));
        assert!(bars(&one_bar) < 1e-9);
    }
}
