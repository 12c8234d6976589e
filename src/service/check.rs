//! A first look at a photo before it is submitted: what to do better, before any text is read.

use super::{Service, ServiceError, off_thread};
use crate::domain::result::{self, Timing};
use crate::vision::{self, DecodeError, Limits};
use serde_json::{Value, json};
use std::time::Instant;

/// Looks at one photo, or at the first page of a PDF: `ok`, `retake`, `quality`, `size`, `sheet`, `timing_ms`, and `page`
/// and `pages` of a PDF. Nothing is kept, nothing logged.
///
/// # Errors
/// Why the photo would be refused in a claim.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
    let mut timing = Timing::default();
    let start = Instant::now();
    let documents = vision::documents(bytes, limits)?;
    let page = documents.first().copied().flatten();
    let photo = vision::decode_reduced(bytes, page, limits)?;
    timing.add("decode", start.elapsed());
    let decoded = Instant::now();
    let look = vision::first_look(&photo);
    timing.add("check", decoded.elapsed());
    timing.add("total", start.elapsed());
    let mut answer = json!({
        "ok": look.retake.is_empty(),
        "retake": look.retake.iter().map(result::retake).collect::<Vec<_>>(),
        "size": photo.size,
        "sheet": look.sheet.map(|quad| quad.to_px()),
        "quality": result::quality(&look.quality),
        "timing_ms": timing.to_millis(),
    });
    if let Some(page) = page {
        answer["page"] = page.into();
        answer["pages"] = documents.len().into();
    }
    Ok(answer)
}

impl Service {
    /// Looks at one photo, as [`check`] does, beside the claims that are being received.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] as `check`; [`ServiceError::Closing`].
    pub async fn check(&self, photo: Vec<u8>) -> Result<Value, ServiceError> {
        let permit = self.0.probes.clone().acquire_owned().await.map_err(|_| ServiceError::Closing)?;
        let decoder = self.0.decoder.clone();
        off_thread(move || {
            let _permit = permit;
            decoder.check(&photo).map_err(|why| why.of_photo(0))
        })
        .await?
    }
}
