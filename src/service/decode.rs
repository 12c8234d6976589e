//! Decoding outside of a reading: may a claim come in, what would make a better photo, a picture for a reviewer.

use super::sandbox::Locks;
use super::{ServiceError, check, intake::Refusal, pictures};
use crate::domain::Reading;
use crate::pipeline;
use crate::vision::{self, DecodeError, Limits, PdfPage, media_type};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What decodes photos: [`Here`], or a child that is locked in.
pub trait DecodePhotos: Send + Sync {
    /// The documents in an upload. With `probe` what cannot be opened is refused ([`vision::opens`]); the pages of a longer
    /// PDF are only counted.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    fn documents(&self, bytes: &[u8], probe: bool) -> Result<Vec<PdfPage>, Undecoded>;

    /// A first look, as [`check::check`] gives it.
    ///
    /// # Errors
    /// Why it cannot be decoded.
    fn check(&self, bytes: &[u8]) -> Result<Value, Undecoded>;

    /// What was read, or with `heatmap` where it looks altered, drawn on the photo as JPEG. `None` if there is nothing to
    /// draw on or to draw.
    ///
    /// # Errors
    /// Only if the work could not be done.
    fn draw(
        &self,
        bytes: &[u8],
        pdf_page: PdfPage,
        reading: &Reading,
        heatmap: bool,
    ) -> Result<Option<Vec<u8>>, Undecoded>;

    /// What keeps it in; `None` if nothing does.
    fn locks(&self) -> Option<Locks> {
        None
    }
}

/// Why a photo was not decoded.
#[derive(Debug)]
pub enum Undecoded {
    /// The photo is to blame.
    Photo(DecodeError),
    /// We could not do the work.
    Us(String),
}

impl Undecoded {
    /// As the answer to whoever sent photo `n`.
    pub(super) fn of_photo(self, n: usize) -> ServiceError {
        match self {
            Self::Photo(why) => Refusal::of_photo(n, why).into(),
            Self::Us(why) => {
                tracing::error!(%why, "photos cannot be decoded");
                ServiceError::Internal("photos cannot be decoded")
            }
        }
    }
}

/// A photo on which a decoder broke: one that cannot be read, and not our end.
pub(super) fn broken(bytes: &[u8]) -> Undecoded {
    Undecoded::Photo(DecodeError::Damaged { format: media_type(bytes).unwrap_or("photo") })
}

/// Decodes in this process.
#[derive(Debug)]
pub struct Here(pub Limits);

impl Here {
    /// Decoders of hostile input have panicked before.
    fn guarded<T>(bytes: &[u8], work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, Undecoded> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => done.map_err(Undecoded::Photo),
            Err(_) => {
                tracing::error!("the decoder panicked");
                Err(broken(bytes))
            }
        }
    }
}

impl DecodePhotos for Here {
    fn documents(&self, bytes: &[u8], probe: bool) -> Result<Vec<PdfPage>, Undecoded> {
        Self::guarded(bytes, || {
            let documents = vision::documents(bytes, &self.0)?;
            if let [only] = documents.as_slice()
                && probe
            {
                vision::opens(bytes, *only, &self.0)?;
            }
            Ok(documents)
        })
    }

    fn check(&self, bytes: &[u8]) -> Result<Value, Undecoded> {
        Self::guarded(bytes, || check::check(bytes, &self.0))
    }

    fn draw(
        &self,
        bytes: &[u8],
        pdf_page: PdfPage,
        reading: &Reading,
        heatmap: bool,
    ) -> Result<Option<Vec<u8>>, Undecoded> {
        let drawn = Self::guarded(bytes, || {
            let photo = vision::decode(bytes, pdf_page, &self.0)?;
            Ok(match (heatmap, &reading.pixels) {
                (true, Some(pixels)) => pictures::jpeg(&pipeline::heatmap(&photo.image, pixels)),
                (true, None) => None,
                (false, _) => pictures::jpeg(&pipeline::overlay(&photo.image, reading)),
            })
        });
        Ok(drawn.ok().flatten())
    }
}
