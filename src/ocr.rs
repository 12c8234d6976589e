//! From a page's pixels to lines of text, and a second reader for the values that decide.
//!
//! PP-OCR ([`PpOcr`]) detects and recognises everything; Tesseract ([`tesseract::Tesseract`]) reads the crops of
//! decisive values again. They fail differently, so that agreement means something.

pub mod band;
pub mod boxes;
pub mod crop;
pub mod ctc;
pub mod lanes;
pub mod orientation;
pub mod ppocr;
pub mod seals;
pub mod tensor;
pub mod tesseract;

use crate::domain::Bp;
use image::RgbImage;

pub use self::tesseract::{LOOKS, Tesseract};
pub use orientation::Orientation;
pub use ppocr::PpOcr;
pub use tensor::Runtime;

/// We could not read (as against: there was nothing legible, which is an empty text).
#[derive(Debug, thiserror::Error)]
pub enum OcrError {
    /// The inference runtime did not load or a model did not fit it.
    #[error("inference runtime: {0}")]
    Runtime(String),
    /// A model gave a tensor of another shape than it should.
    #[error("model {model} gave shape {got:?}, expected {expected}")]
    Shape {
        /// Which model.
        model: &'static str,
        /// What came.
        got: Vec<i64>,
        /// What should have come.
        expected: &'static str,
    },
    /// The dictionary does not fit the model.
    #[error("dictionary has {entries} entries, the model {classes} classes")]
    Dictionary {
        /// Entries of the dictionary, blank and space counted in.
        entries: usize,
        /// Classes of the model.
        classes: usize,
    },
    /// More text than is read: see [`ppocr`].
    #[error("the page holds more text than is read: {lines} lines")]
    TooMuchText {
        /// Lines detected.
        lines: usize,
    },
    /// Tesseract did not start or failed.
    #[error("tesseract: {0}")]
    Tesseract(String),
}

/// The text of one line crop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recognised {
    /// The text; empty if nothing legible.
    pub text: String,
    /// Centre of each `char`, in 1/1000 of the crop's width.
    pub centres: Vec<u16>,
    /// Confidence of each `char`.
    pub char_confidence: Vec<Bp>,
    /// For each `char`, others that may stand there, likeliest first; mostly empty.
    pub rivals: Vec<String>,
}

impl Recognised {
    /// Mean confidence of the characters; 0 if there are none.
    pub fn confidence(&self) -> Bp {
        let sum: u32 = self.char_confidence.iter().map(|c| u32::from(c.0)).sum();
        Bp(sum.checked_div(self.char_confidence.len() as u32).unwrap_or(0) as u16)
    }
}

/// Reads one line of text from a crop that holds just that line, upright.
pub trait OcrEngine {
    /// The engine's name as it stands in a field's `readers`.
    fn name(&self) -> &'static str;

    /// The text of the crop.
    ///
    /// # Errors
    /// If the engine itself failed; an illegible crop is an empty text.
    fn recognise(&mut self, crop: &RgbImage) -> Result<Recognised, OcrError>;
}
