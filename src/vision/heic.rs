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

#[cfg(test)]
mod tests {
    use super::*;

    /// Shown 48 × 64, red in its top left quarter; stored lying, with `irot` and an EXIF orientation that say so.
    const TURNED: &[u8] = include_bytes!("../../tests/fixtures/turned.heic");

    #[test]
    fn the_file_turns_its_picture_once() {
        let image = decode(TURNED, &Limits::default()).unwrap();
        assert_eq!(image.dimensions(), (48, 64));
        let red = |x, y| image.get_pixel(x, y)[0] > 180 && image.get_pixel(x, y)[1] < 80;
        assert!(red(3, 3) && red(20, 28) && !red(44, 3) && !red(3, 60) && !red(44, 60));
    }

    #[test]
    fn limits_hold_before_pixels_and_a_cut_file_is_damaged() {
        // It is coded as 64 × 64 and cropped.
        let few = Limits { pixels: 3_000, ..Limits::default() };
        assert_eq!(decode(TURNED, &few).unwrap_err(), DecodeError::TooManyPixels { pixels: 4_096, limit: 3_000 });
        let short = Limits { side: 60, ..Limits::default() };
        assert_eq!(decode(TURNED, &short).unwrap_err(), DecodeError::SideTooLong { side: 64, limit: 60 });
        for cut in 0..TURNED.len() - 40 {
            // The last bytes are its EXIF.
            if let Err(error) = decode(&TURNED[..cut], &Limits::default()) {
                assert_eq!(error, DecodeError::Damaged { format: "HEIC" });
            }
        }
        assert!(decode(&TURNED[..TURNED.len() / 2], &Limits::default()).is_err());
    }
}
