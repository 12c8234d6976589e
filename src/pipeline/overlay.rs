//! Boxes drawn on the upload, for people.

use crate::domain::{Quad, Reading, Upload};
use image::{Rgb, RgbImage};

const LINE: Rgb<u8> = Rgb([120, 160, 220]);
const FIELD: Rgb<u8> = Rgb([20, 140, 60]);
const DOUBTFUL: Rgb<u8> = Rgb([220, 120, 0]);
const UNREAD: Rgb<u8> = Rgb([210, 30, 30]);
const ITEM: Rgb<u8> = Rgb([140, 80, 180]);
const SHEET: Rgb<u8> = Rgb([0, 170, 190]);
/// Confidence below which a field is drawn as doubtful, basis points.
const DOUBT_BELOW: u16 = 9_000;

/// The upload with its sheet (cyan), lines (thin blue), items (violet) and fields (green; orange if doubtful, red
/// if not understood) drawn in, each field with its name beside it, where it covers least of the text.
pub fn overlay(upload: &RgbImage, reading: &Reading) -> RgbImage {
    let mut out = upload.clone();
    let weight = (upload.width().max(upload.height()) / 900).max(1) as i32;
    if let Some(back) =
        crate::domain::Homography::<Upload, crate::domain::Page>::new(reading.upload_to_page.to_f64()).inverse()
    {
        let [w, h] = reading.page_size.map(f64::from);
        outline(&mut out, &back.quad(&Quad::rect(0.0, 0.0, w, h)), SHEET, weight);
    }
    for line in &reading.lines {
        outline(&mut out, &line.polygon, LINE, 1);
    }
    for item in &reading.items {
        outline(&mut out, &item.polygon, ITEM, weight);
    }
    let text = |quad: &Quad<Upload>| Area::of(quad.bounds());
    let mut taken: Vec<Area> = reading.lines.iter().map(|line| text(&line.polygon)).collect();
    for (name, field) in &reading.fields {
        let colour = match &field.value {
            None => UNREAD,
            Some(_) if field.confidence.0 < DOUBT_BELOW => DOUBTFUL,
            Some(_) => FIELD,
        };
        outline(&mut out, &field.polygon, colour, weight + 1);
        let scale = (weight + 1).max(2);
        let place = beside(text(&field.polygon), caption_size(name.as_str(), scale), out.dimensions(), &taken);
        caption(&mut out, name.as_str(), place, scale, colour);
        taken.push(place);
    }
    out
}

/// An upright rectangle in pixels of the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Area {
    fn of((left, top, right, bottom): (f64, f64, f64, f64)) -> Self {
        Self { left: left as i32, top: top as i32, right: right as i32, bottom: bottom as i32 }
    }

    /// Square pixels that both cover.
    fn shared(&self, other: &Self) -> i64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        i64::from(width.max(0)) * i64::from(height.max(0))
    }
}

/// Where a caption of this size beside `field` covers least of what is taken: above, below, to the right or to the left.
fn beside(field: Area, (width, height): (i32, i32), picture: (u32, u32), taken: &[Area]) -> Area {
    let gap = 3;
    let middle = (field.top + field.bottom - height) / 2;
    [
        (field.left, field.top - height - gap),
        (field.left, field.bottom + gap),
        (field.right + gap, middle),
        (field.left - width - gap, middle),
        (field.right - width, field.top - height - gap),
        (field.right - width, field.bottom + gap),
    ]
    .map(|(left, top)| {
        let left = left.min(picture.0 as i32 - width).max(0);
        let top = top.min(picture.1 as i32 - height).max(0);
        Area { left, top, right: left + width, bottom: top + height }
    })
    .into_iter()
    .min_by_key(|place| taken.iter().map(|t| t.shared(place)).sum::<i64>())
    .unwrap_or(field)
}

fn outline(picture: &mut RgbImage, quad: &Quad<Upload>, colour: Rgb<u8>, weight: i32) {
    let p = quad.to_px();
    for i in 0..4 {
        let (a, b) = (p[i], p[(i + 1) % 4]);
        let steps = (a[0] - b[0]).abs().max((a[1] - b[1]).abs()).ceil().max(1.0);
        for s in 0..=steps as u32 {
            let t = f64::from(s) / steps;
            let (x, y) = (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t);
            dot(picture, x as i32, y as i32, weight, colour);
        }
    }
}

fn dot(picture: &mut RgbImage, x: i32, y: i32, size: i32, colour: Rgb<u8>) {
    for yy in y - size / 2..=y + (size - 1) / 2 {
        for xx in x - size / 2..=x + (size - 1) / 2 {
            if let (Ok(ux), Ok(uy)) = (u32::try_from(xx), u32::try_from(yy))
                && ux < picture.width()
                && uy < picture.height()
            {
                picture.put_pixel(ux, uy, colour);
            }
        }
    }
}

/// A 3 × 5 pixel alphabet, one row of three bits after another from the top, so that overlays need no font.
const GLYPHS: &[(char, [u8; 5])] = &[
    ('a', [2, 5, 7, 5, 5]),
    ('b', [6, 5, 6, 5, 6]),
    ('c', [3, 4, 4, 4, 3]),
    ('d', [6, 5, 5, 5, 6]),
    ('e', [7, 4, 6, 4, 7]),
    ('f', [7, 4, 6, 4, 4]),
    ('g', [3, 4, 5, 5, 3]),
    ('h', [5, 5, 7, 5, 5]),
    ('i', [7, 2, 2, 2, 7]),
    ('j', [1, 1, 1, 5, 2]),
    ('k', [5, 5, 6, 5, 5]),
    ('l', [4, 4, 4, 4, 7]),
    ('m', [5, 7, 7, 5, 5]),
    ('n', [6, 5, 5, 5, 5]),
    ('o', [2, 5, 5, 5, 2]),
    ('p', [6, 5, 6, 4, 4]),
    ('q', [2, 5, 5, 3, 1]),
    ('r', [6, 5, 6, 5, 5]),
    ('s', [3, 4, 2, 1, 6]),
    ('t', [7, 2, 2, 2, 2]),
    ('u', [5, 5, 5, 5, 7]),
    ('v', [5, 5, 5, 5, 2]),
    ('w', [5, 5, 7, 7, 5]),
    ('x', [5, 5, 2, 5, 5]),
    ('y', [5, 5, 2, 2, 2]),
    ('z', [7, 1, 2, 4, 7]),
    ('_', [0, 0, 0, 0, 7]),
];

/// Width and height of a caption with its white margin, in pixels.
fn caption_size(text: &str, scale: i32) -> (i32, i32) {
    (4 * scale * text.chars().count() as i32 + 1, 5 * scale + 2)
}

fn caption(picture: &mut RgbImage, text: &str, place: Area, scale: i32, colour: Rgb<u8>) {
    for y in place.top..place.bottom {
        for x in place.left..place.right {
            dot(picture, x, y, 1, Rgb([255, 255, 255]));
        }
    }
    for (i, c) in text.chars().enumerate() {
        let Some((_, rows)) = GLYPHS.iter().find(|(g, _)| *g == c) else { continue };
        for (r, bits) in rows.iter().enumerate() {
            for b in 0..3 {
                if bits & (4 >> b) != 0 {
                    let x = place.left + 1 + (4 * i as i32 + b) * scale;
                    let y = place.top + 1 + r as i32 * scale;
                    dot(picture, x + scale / 2, y + scale / 2, scale, colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_goes_where_it_covers_no_text() {
        let area = |left, top, right, bottom| Area { left, top, right, bottom };
        let field = area(100, 100, 160, 120);
        let (above, below) = (area(80, 80, 300, 98), area(80, 122, 300, 140));
        let at = |taken: &[Area]| beside(field, (80, 12), (400, 400), taken);
        assert_eq!(at(&[field]), area(100, 85, 180, 97), "above, if that is free");
        assert_eq!(at(&[field, above]), area(100, 123, 180, 135), "else below");
        assert_eq!(at(&[field, above, below]), area(163, 104, 243, 116), "else to the right");
        let corner = beside(area(0, 0, 20, 10), (80, 12), (60, 400), &[]);
        assert!(corner.left == 0 && corner.top == 0, "kept inside where it fits: {corner:?}");
    }
}
