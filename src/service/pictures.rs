//! Pictures of a claim's photos, for people: as uploaded, normalised, with what was read drawn on.

use super::{Service, ServiceError, off_thread, parse_record};
use crate::domain::ClaimId;
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// The very bytes that were uploaded.
    Original,
    /// Upright, rectified, deskewed.
    Page,
    /// The upload with boxes and field names drawn on it. Made when asked for.
    Overlay,
    /// The upload in grey with the places that look altered. Made when asked for.
    Heatmap,
}

/// A picture with its type.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Such as `image/jpeg`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// JPEG at quality 85, where print stays sharp at a tenth of the size of PNG; `None` if the picture is too large for
/// it.
pub(super) fn jpeg(image: &RgbImage) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(image.width()).ok()?, u16::try_from(image.height()).ok()?);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 85);
    // Colour at full resolution: seals and stamps are thin strokes.
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.encode(image.as_raw(), width, height, ColorType::Rgb).ok()?;
    Some(out)
}

impl Service {
    /// A picture of a claim's photo `n`, counted from 0.
    ///
    /// # Errors
    /// [`ServiceError::Erased`], or [`ServiceError::NotFound`] if there is no such claim, photo, or no such picture of
    /// it: an undecodable photo has no page, an undecided claim neither page nor overlay nor heat map, a decision from
    /// before pixels were looked at no heat map.
    pub async fn picture(&self, id: &ClaimId, n: usize, kind: PictureKind) -> Result<Picture, ServiceError> {
        let records = &self.0.records;
        let photo = records.photos(id).await?.into_iter().nth(n).ok_or(ServiceError::NotFound)?;
        let (media_type, pdf_page) = match kind {
            PictureKind::Page => ("image/jpeg".to_owned(), None),
            _ => (photo.media_type.clone(), photo.pdf_page),
        };
        let blobs = records.blobs.clone();
        let bytes = off_thread(move || match (kind, photo.page) {
            (PictureKind::Page, Some(page)) => blobs.page(&page, photo.seal.as_ref()),
            (PictureKind::Page, None) => Ok(None),
            _ => blobs.photo(&photo),
        });
        let bytes = bytes.await??.ok_or(ServiceError::NotFound)?;
        if !matches!(kind, PictureKind::Overlay | PictureKind::Heatmap) {
            return Ok(Picture { media_type, bytes });
        }
        let claim = records.store.claim(id).await?.ok_or(ServiceError::NotFound)?;
        let record = parse_record(&claim.decision.ok_or(ServiceError::NotFound)?.record)?;
        let reading = record.evidence.readings.into_iter().nth(n).ok_or(ServiceError::NotFound)?;
        let permit = self.0.probes.clone().acquire_owned().await.map_err(|_| ServiceError::Closing)?;
        let decoder = self.0.decoder.clone();
        let drawn = off_thread(move || {
            let _permit = permit;
            decoder.draw(&bytes, pdf_page, &reading, kind == PictureKind::Heatmap)
        })
        .await?
        .map_err(|why| why.of_photo(n))?;
        drawn.map(|bytes| Picture { media_type: "image/jpeg".to_owned(), bytes }).ok_or(ServiceError::NotFound)
    }
}
