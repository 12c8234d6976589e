//! Characters that are copies of each other to the noise.

use super::glyphs::TextLine;
use crate::domain::pixels::{Signal, SignalName};
use image::GrayImage;

pub(super) fn measure(_luma: &GrayImage, _lines: &[TextLine]) -> Signal {
    Signal::not_applicable(SignalName::CopiedGlyphs, "not_built")
}
