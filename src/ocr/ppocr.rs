//! PP-OCR: detect lines, cut them out, recognise them.

use super::band::Band;
use super::boxes::{BoxParams, text_boxes};
use super::crop::{cut, cut_along, planes, resized};
use super::ctc::Alphabet;
use super::lanes::{Lanes, spread};
use super::tensor::{OrtModel, Precision, Runtime, TensorModel};
use super::{OcrEngine, OcrError, Recognised};
use crate::domain::text::Line;
use crate::domain::{Page, PageText, Quad};
use image::RgbImage;
use std::time::Duration;
use unicode_normalization::UnicodeNormalization;

/// Height of the recogniser's input in pixels.
const LINE_HEIGHT: u32 = 48;
/// A line wider than this after scaling is squeezed; about 130 Latin characters.
const MAX_WIDTH: u32 = 3200;

/// Lines wider than this are few; what reading one of them takes, up to 100 MB, is given back.
const USUAL_WIDTH: usize = 1280;
/// A page whose lines are wider than this together, scaled to [`LINE_HEIGHT`], is not read: ten seconds' work of one core.
/// The fullest bill measured has a fifth of it, a page of close print half.
const MOST_TEXT: f64 = 200_000.0;

/// How pages are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PpOcrParams {
    /// Long side of the detector's input in pixels; smaller pages are not enlarged.
    pub detect_side: u32,
    /// How boxes are cut out.
    pub boxes: BoxParams,
    /// Lines with a mean confidence below this share are dropped as no text.
    pub drop_below: f64,
}

impl Default for PpOcrParams {
    /// 1440: between the 1280 and 1600 that read hospital bills best; see the README's figures.
    fn default() -> Self {
        Self { detect_side: 1440, boxes: BoxParams::default(), drop_below: 0.5 }
    }
}

/// Where a line of text was detected.
pub struct Detected {
    /// The box around it, page pixels.
    pub quad: Quad<Page>,
    /// Where it runs within, if it is bowed; page pixels.
    pub band: Option<Band>,
}

/// Detection and recognition, for any number of threads.
///
/// There is one detector, which uses all threads it was given: at its size it needs a few hundred megabytes, so no two
/// pages are searched at once. Lines are read on as many threads, each on one.
pub struct PpOcr {
    detector: Lanes<Box<dyn TensorModel + Send>>,
    recognisers: Lanes<Box<dyn TensorModel + Send>>,
    /// Widths of the recogniser's input are padded to a multiple of this.
    width_step: usize,
    alphabet: Alphabet,
    params: PpOcrParams,
}

impl PpOcr {
    /// Loads both models, to run in this precision on `threads` threads.
    ///
    /// # Errors
    /// If the bytes are no models this runtime can run.
    pub fn load(
        runtime: &Runtime,
        detector: &[u8],
        recogniser: &[u8],
        dictionary: &str,
        precision: Precision,
        threads: usize,
        params: PpOcrParams,
    ) -> Result<Self, OcrError> {
        let load = |onnx: &[u8], threads, usual| -> Result<Box<dyn TensorModel + Send>, OcrError> {
            Ok(Box::new(OrtModel::load(runtime, onnx, precision, threads, usual)?))
        };
        let line = 3 * LINE_HEIGHT as usize * USUAL_WIDTH;
        let recognisers = (0..threads.max(1)).map(|_| load(recogniser, 1, line)).collect::<Result<_, _>>()?;
        Ok(Self {
            detector: Lanes::of(vec![load(detector, threads, usize::MAX)?]),
            recognisers: Lanes::of(recognisers),
            // OpenVINO prepares itself for every width anew and keeps what that took: half as many are half the memory.
            width_step: match precision {
                Precision::F32 => 32,
                Precision::Bf16 => 64,
            },
            alphabet: Alphabet::from_dictionary(dictionary),
            params,
        })
    }

    /// Finds the lines of a page, sorted from top to bottom.
    ///
    /// # Errors
    /// If inference failed.
    pub fn detect(&self, page: &RgbImage) -> Result<Vec<Detected>, OcrError> {
        let (w, h) = page.dimensions();
        let scale = (f64::from(self.params.detect_side) / f64::from(w.max(h))).min(1.0);
        let to32 = |v: u32| (((f64::from(v) * scale / 32.0).round() as u32).max(1)) * 32;
        let (tw, th) = (to32(w), to32(h));
        let small = resized(page, tw, th);
        let mean = [0.485_f32, 0.456, 0.406];
        let std = [0.229_f32, 0.224, 0.225];
        let (uw, uh) = (tw as usize, th as usize);
        let offset = [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]];
        // The model was trained on blue-green-red planes with the means in this order.
        let data = planes(&small, (uw, uh), [2, 1, 0], std.map(|s| 1.0 / 255.0 / s), offset);
        let mut boxes = Vec::new();
        self.detector.lend().run([1, 3, uh, uw], data, &mut |shape, map| {
            if map.len() != uw * uh {
                return Err(OcrError::Shape { model: "detection", got: shape.to_vec(), expected: "[1, 1, H, W]" });
            }
            boxes = text_boxes(map, uw, uh, &self.params.boxes);
            Ok(())
        })?;
        let (sx, sy) = (f64::from(w) / f64::from(tw), f64::from(h) / f64::from(th));
        let mut lines: Vec<Detected> = boxes
            .into_iter()
            .map(|b| Detected {
                quad: Quad::from_px(b.corners.map(|[x, y]| [x * sx, y * sy])),
                band: b.band.map(|band| band.scaled([sx, sy])),
            })
            .collect();
        lines.sort_by_key(|line| (line.quad.0[0][1], line.quad.0[0][0]));
        Ok(lines)
    }

    /// Reads the whole page: every detected line that holds text, and the time detection and recognition took.
    ///
    /// # Errors
    /// If inference failed, or there is far more text than on any bill.
    pub fn read_page(
        &self,
        page: &RgbImage,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(PageText, Duration, Duration), OcrError> {
        let start = clock();
        let found = self.detect(page)?;
        let detected = clock();
        let widths: Vec<f64> = found.iter().map(|line| read_width(&line.quad)).collect();
        if widths.iter().sum::<f64>() > MOST_TEXT {
            return Err(OcrError::TooMuchText { lines: found.len() });
        }
        // The widest lines first: then no thread is left with a long one at the end.
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| widths[b].total_cmp(&widths[a]));
        let read = spread(order.len(), self.recognisers.count(), |i| self.line(page, &found[order[i]]))?;
        let mut read: Vec<(usize, Option<Line>)> = order.into_iter().zip(read).collect();
        read.sort_by_key(|(i, _)| *i);
        let lines = read.into_iter().filter_map(|(_, line)| line).collect();
        let text = PageText { width: page.width(), height: page.height(), lines };
        Ok((text, detected.saturating_sub(start), clock().saturating_sub(detected)))
    }

    /// Cuts a line out and reads it; `None` if it is no text.
    fn line(&self, page: &RgbImage, found: &Detected) -> Result<Option<Line>, OcrError> {
        let mut crop = match &found.band {
            Some(band) => cut_along(page, band),
            None => cut(page, &found.quad.to_px()),
        };
        // A box much taller than wide is a line that runs down the page.
        if f64::from(crop.height()) >= f64::from(crop.width()) * 1.5 {
            crop = image::imageops::rotate270(&crop);
        }
        self.read_line(&crop, found.quad)
    }

    /// The text of a crop that holds one line, as a line that stands at `quad`; `None` if it is no text.
    ///
    /// # Errors
    /// If inference failed.
    pub fn read_line(&self, crop: &RgbImage, quad: Quad<Page>) -> Result<Option<Line>, OcrError> {
        let read = self.read(crop)?;
        let sure = read.confidence().to_share() >= self.params.drop_below;
        Ok(if sure { line(read, quad) } else { None })
    }

    /// The text of a crop that holds one line.
    fn read(&self, crop: &RgbImage) -> Result<Recognised, OcrError> {
        let ratio = f64::from(crop.width()) / f64::from(crop.height().max(1));
        let width = ((f64::from(LINE_HEIGHT) * ratio).ceil() as u32).clamp(8, MAX_WIDTH);
        let small = resized(crop, width, LINE_HEIGHT);
        let padded = (width as usize).next_multiple_of(self.width_step);
        let height = LINE_HEIGHT as usize;
        let data = planes(&small, (padded, height), [2, 1, 0], [2.0 / 255.0; 3], [-1.0; 3]);
        let mut out = Recognised::default();
        self.recognisers.lend().run([1, 3, height, padded], data, &mut |shape, probabilities| {
            let &[1, _, classes] = shape else {
                let got = shape.to_vec();
                return Err(OcrError::Shape { model: "recognition", got, expected: "[1, W/8, classes]" });
            };
            out = self.alphabet.decode(probabilities, classes as usize, f64::from(width) / padded as f64)?;
            Ok(())
        })?;
        Ok(out)
    }
}

/// Width of the recogniser's input for a line, about; its cost is in proportion.
fn read_width(quad: &Quad<Page>) -> f64 {
    let [width, height] = quad.sides().map(|side| side.max(1.0));
    (f64::from(LINE_HEIGHT) * width.max(height) / width.min(height)).min(f64::from(MAX_WIDTH))
}

/// A line in NFKC with one centre and one confidence for each `char` that results; `None` if only white space.
fn line(read: Recognised, quad: Quad<Page>) -> Option<Line> {
    let confidence = read.confidence();
    let mut out = Line {
        text: String::new(),
        confidence,
        quad,
        centres: Vec::new(),
        char_confidence: Vec::new(),
        rivals: Vec::new(),
    };
    for (((c, centre), sure), rivals) in read.text.chars().zip(read.centres).zip(read.char_confidence).zip(read.rivals)
    {
        for n in std::iter::once(c).nfkc() {
            // NFKC leaves these alone though they are what a Chinese keyboard types for the ASCII ones.
            let n = match n {
                '【' => '[',
                '】' => ']',
                '“' | '”' => '"',
                '‘' | '’' => '\'',
                '—' | '–' | '−' => '-',
                other => other,
            };
            if out.text.is_empty() && n.is_whitespace() {
                continue;
            }
            out.text.push(n);
            out.centres.push(centre);
            out.char_confidence.push(sure);
            out.rivals.push(rivals.nfkc().collect());
        }
    }
    while out.text.ends_with(char::is_whitespace) {
        out.text.pop();
        out.centres.pop();
        out.char_confidence.pop();
        out.rivals.pop();
    }
    (!out.text.is_empty()).then_some(out)
}

impl OcrEngine for PpOcr {
    fn name(&self) -> &'static str {
        "ppocr"
    }

    fn recognise(&mut self, crop: &RgbImage) -> Result<Recognised, OcrError> {
        self.read(crop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ocr::tensor::See;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Detects lines 10 pixels high, 40 apart, as wide as the page but for a margin.
    struct Lined;

    impl TensorModel for Lined {
        fn run(&mut self, [_, _, h, w]: [usize; 4], _: Vec<f32>, see: &mut See<'_>) -> Result<(), OcrError> {
            let on = |i: usize| i / w % 40 >= 20 && i / w % 40 < 30 && (20..w - 20).contains(&(i % w));
            let map: Vec<f32> = (0..w * h).map(|i| if on(i) { 1.0 } else { 0.0 }).collect();
            see(&[1, 1, h as i64, w as i64], &map)
        }
    }

    /// Reads every line as "a", and counts.
    struct ReadsA(Arc<AtomicUsize>);

    impl TensorModel for ReadsA {
        fn run(&mut self, [.., w]: [usize; 4], _: Vec<f32>, see: &mut See<'_>) -> Result<(), OcrError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let steps: Vec<f32> = (0..w / 8).flat_map(|_| [0.0, 1.0, 0.0]).collect();
            see(&[1, (w / 8) as i64, 3], &steps)
        }
    }

    #[test]
    fn lines_are_read_on_every_lane_and_come_in_order() {
        let (one, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let lanes: Vec<Box<dyn TensorModel + Send>> =
            vec![Box::new(ReadsA(one.clone())), Box::new(ReadsA(other.clone()))];
        let reader = PpOcr {
            detector: Lanes::of(vec![Box::new(Lined)]),
            recognisers: Lanes::of(lanes),
            width_step: 32,
            alphabet: Alphabet::from_dictionary("a"),
            params: PpOcrParams::default(),
        };
        let (text, ..) = reader.read_page(&RgbImage::new(640, 640), &|| Duration::ZERO).unwrap();
        assert_eq!(text.lines.len(), 16);
        assert!(text.lines.iter().all(|line| line.text == "a"));
        assert!(text.lines.is_sorted_by_key(|line| line.quad.0[0][1]));
        assert_eq!(one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed), 16);

        // 80 lines of 3200 pixels each are too many: the page is given up before any is read.
        let params = PpOcrParams { detect_side: 3200, ..PpOcrParams::default() };
        let reader = PpOcr { params, ..reader };
        let full = reader.read_page(&RgbImage::new(3200, 3200), &|| Duration::ZERO);
        assert!(matches!(full, Err(OcrError::TooMuchText { lines: 80 })), "{full:?}");
        assert_eq!(one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed), 16);
    }
}
