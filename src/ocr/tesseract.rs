//! Tesseract as the second, independent reader of digits and Latin text.

use super::crop::resized;
use super::{OcrEngine, OcrError, Recognised};
use crate::domain::Bp;
use image::RgbImage;
use imageproc::filter::gaussian_blur_f32;

/// How a crop is made ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Height to scale to, in pixels.
    height: u32,
    /// Standard deviation of the softening before that, as a share of the crop's height; 0 leaves it as it is.
    soften: f32,
}

/// Ways of looking, the best single one first.
///
/// Of 41 totals of public receipts that the first look read unlike the first reader (which was right on nearly all), one
/// of the others read 21 like it; of 30 totals and numbers printed by needles, 25: softening joins their dots.
pub const LOOKS: [Look; 3] =
    [Look { height: 60, soften: 0.0 }, Look { height: 48, soften: 0.05 }, Look { height: 28, soften: 0.0 }];

/// White border around the scaled crop in pixels; Tesseract loses characters that touch the edge.
const BORDER: u32 = 12;

/// One Tesseract instance with the English model, in single-line mode.
///
/// Starting one takes as long as reading ten crops, so they are kept. Its LSTM reader carries nothing over from one crop
/// to the next: 509 crops of receipts came out the same from a fresh instance each and, in three random orders, from a
/// used one. (What tesseract issues 1535 and 3452 tell of is the older, adaptive reader.)
pub struct Tesseract {
    tessdata: Option<String>,
    /// `None` after a failure, until the next crop starts another.
    engine: Option<tesseract::Tesseract>,
}

fn engine(tessdata: Option<&str>) -> Result<tesseract::Tesseract, OcrError> {
    let mut engine =
        tesseract::Tesseract::new(tessdata, Some("eng")).map_err(|e| OcrError::Tesseract(e.to_string()))?;
    engine.set_page_seg_mode(tesseract::PageSegMode::PsmSingleLine);
    Ok(engine)
}

impl OcrEngine for Tesseract {
    fn name(&self) -> &'static str {
        "tesseract"
    }

    /// What the first of [`LOOKS`] reads.
    fn recognise(&mut self, crop: &RgbImage) -> Result<Recognised, OcrError> {
        self.look(crop, LOOKS[0])
    }
}

impl Tesseract {
    /// Starts Tesseract. `tessdata` is the folder with `eng.traineddata`, or `None` for the system's.
    ///
    /// # Errors
    /// If the language data is missing.
    pub fn start(tessdata: Option<&str>) -> Result<Self, OcrError> {
        Ok(Self { tessdata: tessdata.map(str::to_owned), engine: Some(engine(tessdata)?) })
    }

    /// The text with one confidence for the whole line; centres are not known and spread evenly.
    ///
    /// # Errors
    /// If Tesseract fails.
    pub fn look(&mut self, crop: &RgbImage, Look { height, soften }: Look) -> Result<Recognised, OcrError> {
        let failed = |e: String| OcrError::Tesseract(e);
        let sigma = soften * crop.height() as f32;
        let softened = (sigma > 0.0).then(|| gaussian_blur_f32(crop, sigma));
        let width = (f64::from(crop.width()) * f64::from(height) / f64::from(crop.height().max(1))).ceil() as u32;
        let small = resized(softened.as_ref().unwrap_or(crop), width.clamp(4, 4000), height);
        let (w, h) = (small.width() + 2 * BORDER, height + 2 * BORDER);
        let paper = paper_colour(&small);
        let mut frame = vec![paper; (w * h) as usize];
        for (x, y, p) in small.enumerate_pixels() {
            frame[((y + BORDER) * w + x + BORDER) as usize] = luma(p.0);
        }
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => engine(self.tessdata.as_deref())?,
        };
        let mut engine = engine
            .set_frame(&frame, w as i32, h as i32, 1, w as i32)
            .map_err(|e| failed(e.to_string()))?
            .set_source_resolution(300)
            .recognize()
            .map_err(|e| failed(e.to_string()))?;
        let text = engine.get_text().map_err(|e| failed(e.to_string()))?.trim().to_owned();
        let sure = Bp::from_share(f64::from(engine.mean_text_conf().clamp(0, 100)) / 100.0);
        self.engine = Some(engine);
        let n = text.chars().count();
        Ok(Recognised {
            centres: (0..n).map(|i| ((2 * i + 1) * 500 / n) as u16).collect(),
            char_confidence: vec![sure; n],
            rivals: vec![String::new(); n],
            text,
        })
    }
}

/// Luma by the integer weights of ITU-R BT.601.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8
}

/// The upper quartile of luma: what the paper looks like around dark print.
fn paper_colour(picture: &RgbImage) -> u8 {
    let mut counts = [0_u32; 256];
    picture.pixels().for_each(|p| counts[usize::from(luma(p.0))] += 1);
    let mut left = picture.width() * picture.height() / 4;
    for v in (0..256).rev() {
        if counts[v] >= left {
            return v as u8;
        }
        left -= counts[v];
    }
    255
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_used_instance_reads_as_a_fresh_one() {
        // Digits of 5 × 7 dots, each a row of bits, drawn four times as large.
        const DIGITS: [[u8; 7]; 4] = [
            [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
            [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
            [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
            [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        ];
        let crop = |n: u32| {
            RgbImage::from_fn(24 * (4 + n), 36, |x, y| {
                let digit = DIGITS[(x / 24 * (n + 1) % 4) as usize];
                let row = y.checked_sub(4).map_or(0, |y| digit.get(y as usize / 4).copied().unwrap_or(0));
                Rgb([if (x % 24) < 20 && row >> (4 - x % 24 / 4) & 1 == 1 { 20 } else { 240 }; 3])
            })
        };
        let fresh: Vec<_> = (0..6).map(|n| Tesseract::start(None).unwrap().recognise(&crop(n)).unwrap()).collect();
        assert!(fresh.iter().any(|read| !read.text.is_empty()));
        let mut used = Tesseract::start(None).unwrap();
        for n in [3, 0, 5, 3, 1, 4, 2, 0] {
            assert_eq!(used.recognise(&crop(n)).unwrap(), fresh[n as usize]);
        }
    }
}
