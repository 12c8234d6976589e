//! What is odd about a document, and the probability that approving it is wrong.

use super::id::ContentHash;
use super::pixels::SignalName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! features {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)*) => {
        /// One way for a document to be odd. The larger its value, the odder.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Feature { $($(#[doc = $doc])+ $variant),* }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant),*];

            /// The name in JSON and in the model.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

features! {
    /// The signal's score as a share of its limit of alarm, at most 1.5.
    GlyphGrid "glyph_grid";
    /// Likewise.
    DoubleJpeg "double_jpeg";
    /// Likewise.
    CopiedGlyphs "copied_glyphs";
    /// Likewise.
    OddInLine "odd_in_line";
    /// Likewise.
    Recapture "recapture";
    /// Likewise.
    LearnedTrace "learned_trace";
    /// 1 if neither the JPEG grid nor an earlier save can be looked at.
    Unassessed "unassessed";
    /// How far the least sure decisive value is from certain, in tenths.
    Unsure "unsure";
    /// 1 if the kind carries a QR code and none confirms the print.
    NoQr "no_qr";
    /// How far the strokes are from sharp, 0 to 1.
    Blur "blur";
}

impl From<SignalName> for Feature {
    /// What the model counts of a pixel signal.
    fn from(signal: SignalName) -> Self {
        match signal {
            SignalName::GlyphGrid => Self::GlyphGrid,
            SignalName::DoubleJpeg => Self::DoubleJpeg,
            SignalName::CopiedGlyphs => Self::CopiedGlyphs,
            SignalName::OddInLine => Self::OddInLine,
            SignalName::Recapture => Self::Recapture,
            SignalName::LearnedTrace => Self::LearnedTrace,
        }
    }
}

/// What is odd about a document, in 1/1000 of each feature's unit. What is not listed is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(pub BTreeMap<Feature, u32>);

/// What one feature adds to the log-odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Which.
    pub feature: Feature,
    /// 1/1000 nat.
    pub millinats: i64,
}

/// How likely it is that approving a claim is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Probability that a document of it is altered or misread where it decides, in millionths.
    pub probability_ppm: u32,
    /// The largest that is approved, in millionths: the largest at which the certificate bears out the policy's limit on
    /// wrong approvals. `None` if none does; then nothing is approved.
    pub limit_ppm: Option<u32>,
    /// SHA-256 of the model.
    pub model: ContentHash,
    /// Document by document.
    pub documents: Vec<DocumentRisk>,
}

/// The part of one document in the risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRisk {
    /// Probability that it is altered, or misread where it decides, in millionths.
    pub probability_ppm: u32,
    /// What its features add.
    pub contributions: Vec<Contribution>,
}
