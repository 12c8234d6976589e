//! What the file tells of itself.

use super::Original;
use super::jpeg::Jpeg;
use crate::domain::pixels::{History, Stratum};

pub(super) fn of(original: &Original, _jpeg: Option<&Jpeg>) -> History {
    let stratum = if original.from_pdf { Stratum::Pdf } else { Stratum::Other };
    History { stratum, quality: None, earlier_quality: None, notes: Vec::new() }
}
