//! A picture of a screen or of a print of a photo.

use super::Original;
use crate::domain::pixels::{Signal, SignalName};
use image::GrayImage;

pub(super) fn measure(_original: &Original, _luma: &GrayImage) -> Signal {
    Signal::not_applicable(SignalName::Recapture, "not_built")
}
