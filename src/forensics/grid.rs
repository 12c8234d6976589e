//! Characters that lie on another 8 × 8 grid than the page's JPEG.

use super::Original;
use super::glyphs::TextLine;
use crate::domain::pixels::{Signal, SignalName};

/// A JPEG as stored.
pub(super) struct Jpeg {}

impl Jpeg {
    /// `None` if the upload is no JPEG.
    pub(super) fn of(_original: &Original) -> Option<Self> {
        None
    }
}

pub(super) fn measure(_original: &Original, _jpeg: Option<&Jpeg>, _lines: &[TextLine]) -> Signal {
    Signal::not_applicable(SignalName::GlyphGrid, "not_built")
}
