//! What the pixels of a photo tell of how its file came about: the evidence of the `forensics` floor.
//!
//! Scores are in thousandths of each signal's own unit, so that evidence stays free of floats. A signal that could not
//! be measured says why, and has no score: "not assessable" is never "genuine".

use super::document::FieldName;
use super::shape::{Quad, Upload};
use serde::{Deserialize, Serialize};

/// What a photo's file went through, as far as the file tells. Decides which signals can speak and how loudly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stratum {
    /// A JPEG with a camera's own quantisation tables or its notes.
    Camera,
    /// A JPEG with the tables of the reference encoder: saved again by software, as messengers and editors do.
    Reencoded,
    /// A re-encoded JPEG of a size no camera makes: made smaller on its way.
    Resized,
    /// The picture of a screen, by its size or its writer's notes.
    Screenshot,
    /// Saved without loss; what it was before is not known.
    Lossless,
    /// The page of a PDF.
    Pdf,
    /// HEIC or WebP: no grid to look at.
    Other,
}

impl Stratum {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Reencoded => "reencoded",
            Self::Resized => "resized",
            Self::Screenshot => "screenshot",
            Self::Lossless => "lossless",
            Self::Pdf => "pdf",
            Self::Other => "other",
        }
    }
}

/// The file's own story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// What it went through.
    pub stratum: Stratum,
    /// Quality of the last JPEG save on the reference encoder's scale, 1..=100, by its luma table; `None` for others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<u8>,
    /// Quality of an earlier JPEG save, where the coefficients still show one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub earlier_quality: Option<u8>,
    /// Stable words for what the file says of itself that a photo off a camera would not: `editing_software`,
    /// `thumbnail_differs`, `generated_by_ai`, `edited_after_taken`. Never the file's own text.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// One way of looking at pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalName {
    /// Characters that lie on another 8 × 8 grid than the page's JPEG.
    GlyphGrid,
    /// Characters whose coefficients lack the traces of the page's earlier JPEG save.
    DoubleJpeg,
    /// Characters that are copies of each other to the noise.
    CopiedGlyphs,
    /// Characters unlike their own line: ink, edges, noise, height, baseline.
    OddInLine,
    /// A picture of a screen or of a print of a photo.
    Recapture,
}

impl SignalName {
    /// All, in the order they are listed.
    pub const ALL: [SignalName; 5] =
        [Self::GlyphGrid, Self::DoubleJpeg, Self::CopiedGlyphs, Self::OddInLine, Self::Recapture];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GlyphGrid => "glyph_grid",
            Self::DoubleJpeg => "double_jpeg",
            Self::CopiedGlyphs => "copied_glyphs",
            Self::OddInLine => "odd_in_line",
            Self::Recapture => "recapture",
        }
    }
}

/// A place that a signal points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Where.
    pub polygon: Quad<Upload>,
    /// How strongly, 1/1000 of the signal's unit; the larger the odder.
    pub score: i32,
    /// The field it stands in, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<FieldName>,
    /// Where its like stands, for a copy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub like: Option<Quad<Upload>>,
}

/// What one signal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Which.
    pub name: SignalName,
    /// A stable word for why it could not be measured, such as `no_jpeg_grid` or `too_few_characters`; then nothing else
    /// is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_applicable: Option<String>,
    /// The strongest score, 1/1000 of the signal's unit; `None` if not applicable.
    pub score: Option<i32>,
    /// How many characters were looked at.
    pub tested: u32,
    /// The oddest places, at most 12, the oddest first: also those under the limit of an alarm.
    pub suspects: Vec<Suspect>,
}

impl Signal {
    /// One that could not be measured.
    pub fn not_applicable(name: SignalName, why: &str) -> Self {
        Self { name, not_applicable: Some(why.to_owned()), score: None, tested: 0, suspects: Vec::new() }
    }
}

/// All that the pixels of one photo tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelEvidence {
    /// What the file went through.
    pub history: History,
    /// One of each, in the order of [`SignalName::ALL`].
    pub signals: Vec<Signal>,
}

impl PixelEvidence {
    /// What one signal found.
    pub fn signal(&self, name: SignalName) -> Option<&Signal> {
        self.signals.iter().find(|s| s.name == name)
    }
}
