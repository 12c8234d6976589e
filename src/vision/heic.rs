//! HEIC and HEIF → upright RGB pixels.
//!
//! The file says itself how its picture is to be turned (`irot`, `imir`, `clap`), and the decoder does so. Its EXIF
//! orientation repeats that for readers of JPEG and must not be applied again (ISO/IEC 23008-12, annex A).

use super::Limits;
use super::decode::{DecodeError, over_white, within};
use image::{DynamicImage, RgbImage, RgbaImage};

/// Decodes the primary picture, with the limits compared before pixels are allocated: those of the picture as coded,
/// which may be larger than what is shown of it, and as shown.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let damaged = DecodeError::Damaged { format: "HEIC" };
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let info = heic_decoder::probe(bytes).map_err(|_| damaged.clone())?;
    within(side(info.coded_width), side(info.coded_height), limits, &damaged)?;
    within(side(info.width), side(info.height), limits, &damaged)?;
    let decoded = heic_decoder::decode(bytes).map_err(|_| damaged.clone())?;
    let rgba = decoded.to_rgba8().map_err(|_| damaged.clone())?;
    drop(decoded);
    RgbaImage::from_raw(side(rgba.width), side(rgba.height), rgba.data)
        .map(|image| over_white(DynamicImage::ImageRgba8(image)))
        .ok_or(damaged)
}
