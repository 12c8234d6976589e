//! Misses to look at: what the photo itself shows where a value was read.

use crate::domain::{Homography, Quad, Reading, Upload};
use crate::pipeline::Pictures;
use crate::service::evaluate::{FieldScore, PhotoScore, Score};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, interpolate_bilinear, resize};
use std::cmp::Reverse;

/// How many misses are kept; a page with more is no longer looked through, and each holds memory.
const KEPT: usize = 120;

/// Largest crop, pixels; a line of print stays legible at a few kilobytes.
const LARGEST: [f64; 2] = [360.0, 240.0];

/// A value that did not come out right.
pub struct Miss {
    /// Path of the photo under the folder.
    pub photo: String,
    /// What was read, and what is true.
    pub score: FieldScore,
    /// JPEG of the place where it was read, level and upright; `None` if nothing was read.
    pub crop: Option<Vec<u8>>,
}

/// The misses of one photo, cut from its upload.
pub fn cut(photo: &PhotoScore, reading: &Reading, pictures: Option<&Pictures>) -> Vec<Miss> {
    let missed = photo.fields.iter().filter(|f| f.score != Score::Right);
    missed
        .map(|score| {
            let place = reading.fields.get(&score.field).filter(|field| field.value.is_some()).map(|f| f.polygon);
            let upload = pictures.and_then(|pictures| pictures.upload.as_ref());
            let crop = upload.zip(place).and_then(|(upload, place)| crop(upload, &place));
            Miss { photo: photo.source.clone(), score: score.clone(), crop }
        })
        .collect()
}

/// The misses most worth a look: values that decide before text, and the surest of them first.
#[derive(Default)]
pub struct Gallery {
    /// Those kept, at most [`KEPT`].
    pub kept: Vec<Miss>,
    /// How many there were.
    pub of: usize,
}

impl Gallery {
    /// Takes in the misses of a photo and lets go of those that fall behind.
    pub fn add(&mut self, misses: Vec<Miss>) {
        self.of += misses.len();
        self.kept.extend(misses);
        // Stable, so equals stay in the order of the photos.
        self.kept.sort_by_key(|m| (!m.score.field.value_type().is_decisive(), Reverse(m.score.confidence)));
        self.kept.truncate(KEPT);
    }
}

/// Pixels of a crop.
struct Crop;

/// The place with a margin of half its height around, turned level; `None` if it has no area.
fn crop(photo: &RgbImage, place: &Quad<Upload>) -> Option<Vec<u8>> {
    // A place on a steeply seen page may run far out of the photo.
    let corners = place.clamped(photo.width(), photo.height()).to_px();
    let side = |i: usize, j: usize| (corners[j][0] - corners[i][0]).hypot(corners[j][1] - corners[i][1]);
    let (width, height) = (side(0, 1).max(side(3, 2)), side(0, 3).max(side(1, 2)));
    let margin = width.min(height) / 2.0;
    let inner = Quad::<Crop>::rect(margin, margin, margin + width, margin + height);
    let map = Homography::<Crop, Upload>::between(inner.to_px(), corners)?;
    let size = [width, height].map(|v| v + 2.0 * margin);
    let natural = size.map(|v| v.round().max(1.0) as u32);
    let cut = RgbImage::from_fn(natural[0], natural[1], |x, y| {
        let [x, y] = map.apply([f64::from(x), f64::from(y)]);
        // Beyond the edge of the photo there is nothing to show.
        interpolate_bilinear(photo, x as f32, y as f32).unwrap_or(image::Rgb([128; 3]))
    });
    let scale = (LARGEST[0] / size[0]).min(LARGEST[1] / size[1]);
    let cut = if scale < 1.0 {
        let [width, height] = size.map(|v| (v * scale).round().max(1.0) as u32);
        resize(&cut, width, height, FilterType::Triangle)
    } else {
        cut
    };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 70).encode_image(&cut).ok()?;
    Some(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bp, FieldName};
    use image::Rgb;

    fn miss(photo: usize, field: FieldName, confidence: Option<u16>) -> Miss {
        let score = FieldScore {
            field,
            truth: None,
            got: None,
            confidence: confidence.map(Bp),
            support: None,
            doubtful: false,
            score: Score::Wrong,
            loose: false,
        };
        Miss { photo: photo.to_string(), score, crop: None }
    }

    #[test]
    fn deciding_and_sure_misses_come_first_and_the_rest_is_let_go() {
        let mut gallery = Gallery::default();
        for n in 0..100 {
            gallery.add(vec![
                miss(n, FieldName::IssuerName, Some(10_000)),
                miss(n, FieldName::Total, (n > 0).then_some(n as u16)),
            ]);
        }
        assert_eq!((gallery.of, gallery.kept.len()), (200, KEPT));
        let seen: Vec<(FieldName, Option<u16>)> =
            gallery.kept.iter().map(|m| (m.score.field, m.score.confidence.map(|c| c.0))).collect();
        assert_eq!(seen[0], (FieldName::Total, Some(99)));
        assert_eq!(seen[99], (FieldName::Total, None), "not read at all");
        assert_eq!(seen[100], (FieldName::IssuerName, Some(10_000)));
        assert_eq!((gallery.kept[100].photo.as_str(), gallery.kept[119].photo.as_str()), ("0", "19"));
    }

    #[test]
    fn a_crop_shows_the_place_upright() {
        // The photo lies on its side: what is on the left of the line stands at the bottom of the photo.
        let photo = RgbImage::from_fn(200, 1000, |x, y| match (x, y) {
            (80..120, 500..900) => Rgb([250, 0, 0]),
            (80..120, 100..500) => Rgb([0, 0, 250]),
            _ => Rgb([255; 3]),
        });
        let place = Quad::from_px([[80.0, 900.0], [80.0, 100.0], [120.0, 100.0], [120.0, 900.0]]);
        let crop = image::load_from_memory(&crop(&photo, &place).unwrap()).unwrap().into_rgb8();
        assert_eq!(crop.dimensions(), (360, 34), "800 × 40 with 20 around, made smaller");
        let (left, right, edge) = (crop.get_pixel(90, 17), crop.get_pixel(270, 17), crop.get_pixel(2, 2));
        assert!(left[0] > 200 && left[2] < 60 && right[2] > 200 && right[0] < 60, "{left:?} {right:?}");
        assert!(edge.0.iter().all(|v| *v > 230), "{edge:?}");
        assert!(super::crop(&photo, &Quad::rect(5.0, 5.0, 5.0, 9.0)).is_none(), "no area");
    }
}
