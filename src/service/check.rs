//! A first look at a photo before it is submitted: what to do better, before any text is read.

use super::intake::Refusal;
use super::{Service, ServiceError, off_thread};
use crate::domain::result::{self, Timing};
use crate::vision::{self, DecodeError, Limits, media_type};
use serde_json::{Value, json};
use std::time::Instant;

/// Looks at one photo: `ok`, `retake`, `quality`, `size`, `sheet` and `timing_ms`. Nothing is kept, nothing logged.
///
/// # Errors
/// The refusals that the photo would meet in a claim.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<Value, Refusal> {
    let mut timing = Timing::default();
    let start = Instant::now();
    if bytes.is_empty() {
        return Err(Refusal::PhotoEmpty(0));
    }
    if let Err(looks_like) = media_type(bytes) {
        return Err(Refusal::PhotoUnsupported(0, looks_like));
    }
    let photo = vision::decode_reduced(bytes, limits).map_err(|why| match why {
        DecodeError::TooManyBytes { limit, .. } => Refusal::PhotoTooLarge(0, limit),
        why => Refusal::PhotoUnreadable(0, why.to_string()),
    })?;
    timing.add("decode", start.elapsed());
    let decoded = Instant::now();
    let look = vision::first_look(&photo);
    timing.add("check", decoded.elapsed());
    timing.add("total", start.elapsed());
    Ok(json!({
        "ok": look.retake.is_empty(),
        "retake": look.retake.iter().map(result::retake).collect::<Vec<_>>(),
        "size": photo.size,
        "sheet": look.sheet.map(|quad| quad.to_px()),
        "quality": result::quality(&look.quality),
        "timing_ms": timing.to_millis(),
    }))
}

impl Service {
    /// Looks at one photo, as [`check`] does, beside the claims that are being received.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] as `check`; [`ServiceError::Closing`].
    pub async fn check(&self, photo: Vec<u8>) -> Result<Value, ServiceError> {
        let permit = self.0.probes.clone().acquire_owned().await.map_err(|_| ServiceError::Closing)?;
        let limits = self.0.intake.decode;
        off_thread(move || {
            let _permit = permit;
            Ok(check(&photo, &limits)?)
        })
        .await?
    }
}
