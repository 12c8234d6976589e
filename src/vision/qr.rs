//! QR codes in the photo.
//!
//! Finder patterns are sought on a reduced copy, and each set of three that fits is cut out of the upload, flat and
//! upright, and handed to `rqrr`. Its own search copies the picture for every pair of finders, so on a large hostile
//! picture it has no bound; on a small cut-out with few finders it has.

use super::{plane::Plane, rectify::Frame};
use crate::domain::{QrCode, Quad, Upload};
use image::RgbImage;
use image::imageops::crop_imm;

/// Most finder patterns considered, sets of three tried, and finders allowed in one cut-out.
const FINDERS: usize = 48;
const SETS: usize = 4;
const FINDERS_IN_CUT: usize = 12;
/// Most modules of a side: version 20. Fiscal and tax codes have versions 5 to 10.
const MODULES: f64 = 97.0;
/// A code's modules are masked to be about half dark; pictures of other things rarely are.
const DARK_SHARE: std::ops::Range<f64> = 0.3..0.7;
/// Pixels for each module of a cut-out and threshold as a share of the local mean, in the order they are tried.
const TRIES: [(f64, u32); 5] = [(5.0, 90), (8.0, 90), (5.0, 75), (4.0, 97), (3.0, 90)];

/// A finder pattern: its middle, the size of one module, and how many rows showed it.
#[derive(Debug, Clone, Copy)]
struct Finder {
    at: [f64; 2],
    module: f64,
    rows: u32,
}

/// The codes that decode, with their outline in upload pixels, clockwise from the code's own top left.
/// `mid` is a reduced copy of `upload` or the same.
pub(super) fn find(upload: &RgbImage, mid: &RgbImage) -> Vec<QrCode> {
    let scale = f64::from(upload.width()) / f64::from(mid.width().max(1));
    let luma = Plane::luma(mid);
    let dark = darker(&luma, (luma.width.max(luma.height) / 40).max(12), 85);
    let mut found: Vec<QrCode> = Vec::new();
    for set in sets(&finders(&dark)) {
        let at = set.map(|f| f.at.map(|v| v * scale));
        if found.iter().any(|code| holds(code, at[1])) {
            continue;
        }
        if let Some(code) = decode(upload, at, set.iter().map(|f| f.module).sum::<f64>() / 3.0 * scale)
            && found.iter().all(|other| other.text != code.text)
        {
            found.push(code);
        }
    }
    found
}

/// 1 where a pixel is darker than `percent` of the mean around it.
fn darker(luma: &Plane, radius: usize, percent: u32) -> Plane {
    let mean = luma.blurred(radius);
    let data = luma.data.iter().zip(&mean.data);
    let data = data.map(|(&v, &m)| u8::from(u32::from(v) * 100 < u32::from(m) * percent)).collect();
    Plane { data, ..mean }
}

/// Finder patterns, those seen in most rows first.
fn finders(dark: &Plane) -> Vec<Finder> {
    let mut found: Vec<Finder> = Vec::new();
    for y in 0..dark.height {
        let row = dark.row(y);
        let (mut runs, mut start) = ([0_usize; 5], 0);
        for x in 1..=row.len() {
            if x < row.len() && row[x] == row[start] {
                continue;
            }
            runs.rotate_left(1);
            runs[4] = x - start;
            if row[start] == 1
                && let Some(module) = is_finder(&runs)
            {
                let middle = x as f64 - (runs[4] + runs[3]) as f64 - runs[2] as f64 / 2.0;
                if let Some((cy, vertical)) = across(dark, middle as usize, y, module) {
                    add(&mut found, Finder { at: [middle, cy], module: (module + vertical) / 2.0, rows: 1 });
                }
            }
            start = x;
        }
        // A hostile picture of nothing but finders: enough is enough.
        if found.len() > 4000 {
            break;
        }
    }
    found.retain(|f| f.rows >= 2);
    found.sort_by_key(|f| std::cmp::Reverse(f.rows));
    found.truncate(FINDERS);
    found
}

/// The module's size if five runs stand as 1 : 1 : 3 : 1 : 1.
fn is_finder(runs: &[usize; 5]) -> Option<f64> {
    let module = runs.iter().sum::<usize>() as f64 / 7.0;
    let fits = |run: usize, of: f64| (run as f64 - of * module).abs() <= 0.5 * module * of.min(1.6) + 0.5;
    let all =
        fits(runs[0], 1.0) && fits(runs[1], 1.0) && fits(runs[2], 3.0) && fits(runs[3], 1.0) && fits(runs[4], 1.0);
    (module >= 1.0 && all).then_some(module)
}

/// The same pattern down the column `x` through row `y`: its middle and module size.
fn across(dark: &Plane, x: usize, y: usize, module: f64) -> Option<(f64, f64)> {
    let at = |y: isize| (0..dark.height as isize).contains(&y).then(|| dark.data[y as usize * dark.width + x]);
    if at(y as isize) != Some(1) {
        return None;
    }
    let most = (module * 5.0) as isize + 2;
    let run =
        |from: isize, step: isize, value: u8| (0..most).take_while(|i| at(from + i * step) == Some(value)).count();
    let (up, down) = (run(y as isize, -1, 1), run(y as isize, 1, 1));
    let (u, d) = (y as isize - up as isize, (y + down) as isize);
    let (up_white, down_white) = (run(u, -1, 0), run(d, 1, 0));
    let (up_black, down_black) = (run(u - up_white as isize, -1, 1), run(d + down_white as isize, 1, 1));
    let vertical = is_finder(&[up_black, up_white, up + down - 1, down_white, down_black])?;
    (vertical < 1.8 * module && module < 1.8 * vertical).then(|| ((u + 1 + d) as f64 / 2.0, vertical))
}

/// Joins a finder with one already found at the same place.
fn add(found: &mut Vec<Finder>, new: Finder) {
    let near = |f: &&mut Finder| (f.at[0] - new.at[0]).hypot(f.at[1] - new.at[1]) < 2.0 * new.module.max(f.module);
    match found.iter_mut().rev().take(150).find(near) {
        Some(f) => {
            let n = f64::from(f.rows);
            let mean = |a: f64, b: f64| (a * n + b) / (n + 1.0);
            f.at = [mean(f.at[0], new.at[0]), mean(f.at[1], new.at[1])];
            f.module = mean(f.module, new.module);
            f.rows += 1;
        }
        None => found.push(new),
    }
}

/// Sets of three finders that can be one code's: bottom left, top left (the right angle), top right; the squarest
/// first.
fn sets(finders: &[Finder]) -> Vec<[Finder; 3]> {
    let mut sets = Vec::new();
    for (i, b) in finders.iter().enumerate() {
        for (j, a) in finders.iter().enumerate() {
            for (k, c) in finders.iter().enumerate() {
                if i == j || i == k || j == k {
                    continue;
                }
                let (u, v) = ([a.at[0] - b.at[0], a.at[1] - b.at[1]], [c.at[0] - b.at[0], c.at[1] - b.at[1]]);
                // Clockwise to the eye from top right (v) to bottom left (u).
                let (turn, dot) = (v[0] * u[1] - v[1] * u[0], v[0] * u[0] + v[1] * u[1]);
                let (lu, lv) = (u[0].hypot(u[1]), v[0].hypot(v[1]));
                let small = a.module.min(b.module).min(c.module);
                let large = a.module.max(b.module).max(c.module);
                let (skew, stretch) = ((dot / (lu * lv)).abs(), (lu / lv).max(lv / lu));
                let modules = (lu + lv) / (small + large);
                if turn > 0.0
                    && skew < 0.4
                    && stretch < 1.5
                    && large < 1.7 * small
                    && (11.0..MODULES).contains(&modules)
                {
                    sets.push((skew + (stretch - 1.0) + (large / small - 1.0) * 0.5, [*a, *b, *c]));
                }
            }
        }
    }
    sets.sort_by(|a, b| a.0.total_cmp(&b.0));
    sets.into_iter().take(SETS).map(|s| s.1).collect()
}

/// Cuts the code with these finder middles (bottom left, top left, top right; upload pixels) out and decodes it.
fn decode(upload: &RgbImage, [a, b, c]: [[f64; 2]; 3], module: f64) -> Option<QrCode> {
    let length = |p: [f64; 2]| (p[0] - b[0]).hypot(p[1] - b[1]);
    // Finder middles are 7 modules short of the side; 4 more on each side are quiet zone.
    let modules = ((length(a) + length(c)) / 2.0 / module + 7.0).clamp(21.0, MODULES);
    let out = 7.5 / (modules - 7.0);
    let at = |s: f64, t: f64| [0, 1].map(|i| b[i] + (c[i] - b[i]) * s + (a[i] - b[i]) * t);
    let corners = [at(-out, -out), at(1.0 + out, -out), at(1.0 + out, 1.0 + out), at(-out, 1.0 + out)];
    // Only the part of the upload around the code is resampled.
    let (left, top, right, bottom) = Quad::<Upload>::from_px(corners).clamped(upload.width(), upload.height()).bounds();
    let (x, y) = (left.floor(), top.floor());
    let part = crop_imm(upload, x as u32, y as u32, (right - x).ceil() as u32, (bottom - y).ceil() as u32).to_image();
    if part.width() < 21 || part.height() < 21 {
        return None;
    }
    let whole = Frame::flat(corners.map(|p| [p[0] - x, p[1] - y]))?;
    TRIES.iter().find_map(|&(pixels, percent)| {
        let side = ((modules + 8.0) * pixels).round();
        let [w, h] = whole.size;
        let frame = whole.stretched(side / w, side / h);
        let luma = Plane::luma(&frame.render(&part, [255; 3]));
        let dark = darker(&luma, (side / 6.0) as usize, percent);
        let inside = (4.0 * pixels) as usize..(side - 4.0 * pixels) as usize;
        let ink: usize = inside.clone().map(|y| dark.row(y)[inside.clone()].iter().filter(|&&v| v == 1).count()).sum();
        if !DARK_SHARE.contains(&(ink as f64 / (inside.len() * inside.len()).max(1) as f64))
            || !(3..=FINDERS_IN_CUT).contains(&finders(&dark).len())
        {
            return None;
        }
        let (text, bounds) = std::panic::catch_unwind(|| {
            let mut picture = rqrr::PreparedImage::prepare_from_bitmap(dark.width, dark.height, |x, y| {
                dark.data[y * dark.width + x] == 1
            });
            picture.detect_grids().into_iter().find_map(|grid| {
                let mut bytes = Vec::new();
                grid.decode_to(&mut bytes).ok()?;
                Some((String::from_utf8_lossy(&bytes).into_owned(), grid.bounds))
            })
        })
        .ok()??;
        let back = frame.way_back();
        let place = |p: rqrr::Point| {
            let [u, v] = back.apply([f64::from(p.x), f64::from(p.y)]);
            [u + x, v + y]
        };
        Some(QrCode { text, polygon: Quad::from_px(bounds.map(place)) })
    })
}

/// Whether a place lies in the box around a code.
fn holds(code: &QrCode, [x, y]: [f64; 2]) -> bool {
    let (left, top, right, bottom) = code.polygon.bounds();
    x >= left && x <= right && y >= top && y <= bottom
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use image::Rgb;

    const TEXT: &str = "01,10,044001500111,12345678,173.79,20170524,17884534745749991611,ABCD,";

    /// A code with its top left module at (`left`, `top`), `module` pixels each.
    fn stamp(page: &mut RgbImage, text: &str, left: u32, top: u32, module: u32) -> u32 {
        let code = qrcode::QrCode::new(text).unwrap();
        let n = code.width() as u32;
        for (i, colour) in code.to_colors().into_iter().enumerate() {
            let (cx, cy) = (left + i as u32 % n * module, top + i as u32 / n * module);
            let value = colour.select(20, 250);
            (0..module * module).for_each(|k| page.put_pixel(cx + k % module, cy + k / module, Rgb([value; 3])));
        }
        n * module
    }

    #[test]
    fn codes_are_read_upright_tilted_turned_and_small() {
        for (degrees, turns, module) in
            [(0.0, 0, 4), (7.0, 0, 4), (-12.0, 1, 4), (0.0, 2, 3), (30.0, 0, 5), (0.0, 0, 2)]
        {
            let mut page = painted_text(900, 700);
            (500..850).for_each(|x| (100..400).for_each(|y| page.put_pixel(x, y, Rgb([240; 3]))));
            let side = f64::from(stamp(&mut page, TEXT, 560, 140, module));
            let frame = Frame::plain(900.0, 700.0).quarter_turned_back(turns).straightened(degrees);
            let photo = frame.render(&page, [200; 3]);
            let codes = find(&photo, &photo);
            assert_eq!(codes.len(), 1, "{degrees} {turns} {module}");
            assert_eq!(codes[0].text, TEXT);
            let own = [[560.0, 140.0], [560.0 + side, 140.0], [560.0 + side, 140.0 + side], [560.0, 140.0 + side]];
            for (p, q) in codes[0].polygon.to_px().into_iter().zip(own) {
                let q = frame.map.apply(q);
                assert!((p[0] - q[0]).hypot(p[1] - q[1]) < 2.5 * f64::from(module), "{p:?} {q:?}");
            }
        }
    }

    #[test]
    fn several_codes_and_none() {
        let mut page = RgbImage::from_pixel(900, 500, Rgb([250; 3]));
        stamp(&mut page, "first", 60, 60, 4);
        stamp(&mut page, "second", 500, 200, 5);
        let mut texts: Vec<String> = find(&page, &page).into_iter().map(|c| c.text).collect();
        texts.sort();
        assert_eq!(texts, ["first", "second"]);
        let none = painted_text(900, 700);
        assert!(find(&none, &none).is_empty());
    }
}
