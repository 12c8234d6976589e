//! Characters unlike their own line.

use super::glyphs::TextLine;
use crate::domain::pixels::{Signal, SignalName};
use image::{GrayImage, RgbImage};

pub(super) fn measure(_image: &RgbImage, _luma: &GrayImage, _lines: &[TextLine]) -> Signal {
    Signal::not_applicable(SignalName::OddInLine, "not_built")
}
