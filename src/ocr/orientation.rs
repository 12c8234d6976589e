//! Which way up a page is, by a small classifier (PP-LCNet, four classes).

use super::OcrError;
use super::crop::{planes, resized};
use super::tensor::{OrtModel, Runtime, TensorModel};
use image::RgbImage;

/// Side of the classifier's input; the short side of the picture is scaled to [`SHORT_SIDE`] and the centre cut out.
const INPUT: u32 = 224;
const SHORT_SIDE: u32 = 256;

/// The page orientation classifier.
pub struct Orientation(Box<dyn TensorModel + Send>);

impl Orientation {
    /// Loads the classifier.
    ///
    /// # Errors
    /// If the bytes are no model this runtime can run.
    pub fn load(runtime: &Runtime, onnx: &[u8]) -> Result<Self, OcrError> {
        Ok(Self(Box::new(OrtModel::load(runtime, onnx, 1)?)))
    }

    /// Quarter turns clockwise (0..=3) that the content of the picture is turned by, with the classifier's
    /// probability for it.
    ///
    /// # Errors
    /// If inference failed.
    pub fn quarter_turns(&mut self, picture: &RgbImage) -> Result<(u8, f32), OcrError> {
        let (w, h) = picture.dimensions();
        let scale = f64::from(SHORT_SIDE) / f64::from(w.min(h).max(1));
        let size = |v: u32| (f64::from(v) * scale).round().max(f64::from(SHORT_SIDE)) as u32;
        let small = resized(picture, size(w), size(h));
        let (x, y) = ((small.width() - INPUT) / 2, (small.height() - INPUT) / 2);
        let centre = image::imageops::crop_imm(&small, x, y, INPUT, INPUT).to_image();
        let side = INPUT as usize;
        let mean = [0.485_f32, 0.456, 0.406];
        let std = [0.229_f32, 0.224, 0.225];
        let data = planes(
            &centre,
            (side, side),
            [0, 1, 2],
            std.map(|s| 1.0 / 255.0 / s),
            [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]],
        );
        let (shape, scores) = self.0.run([1, 3, side, side], data)?;
        if scores.len() != 4 {
            return Err(OcrError::Shape { model: "orientation", got: shape, expected: "[1, 4]" });
        }
        let best = (0..4).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        Ok((best as u8, scores[best]))
    }
}
