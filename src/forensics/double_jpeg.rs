//! Characters whose coefficients lack the traces of the page's earlier JPEG save.

use super::glyphs::TextLine;
use super::grid::Jpeg;
use crate::domain::pixels::{Signal, SignalName};

/// The signal, and the quality of the earlier save if there was one.
pub(super) fn measure(_jpeg: Option<&Jpeg>, _lines: &[TextLine]) -> (Signal, Option<u8>) {
    (Signal::not_applicable(SignalName::DoubleJpeg, "not_built"), None)
}
