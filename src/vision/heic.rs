//! HEIC and HEIF → upright RGB pixels.
//!
//! The file says itself how its picture is to be turned (`irot`, `imir`, `clap`), and the decoder does so. Its EXIF
//! orientation repeats that for readers of JPEG and must not be applied again (ISO/IEC 23008-12, annex A).

use super::Limits;
use super::decode::{DecodeError, over_white, within};
use image::{DynamicImage, RgbImage, RgbaImage};

/// Decodes the only picture, with the limits compared before pixels are allocated: those of the picture as coded,
/// which may be larger than what is shown of it, and as shown.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let damaged = DecodeError::Damaged { format: "HEIC" };
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let info = heic_decoder::probe(bytes).map_err(|_| damaged.clone())?;
    within(side(info.coded_width), side(info.coded_height), limits, &damaged)?;
    within(side(info.width), side(info.height), limits, &damaged)?;
    if pictures(bytes).ok_or(damaged.clone())? > 1 {
        return Err(DecodeError::SeveralPictures { format: "HEIC" });
    }
    let decoded = heic_decoder::decode(bytes).map_err(|_| damaged.clone())?;
    let rgba = decoded.to_rgba8().map_err(|_| damaged.clone())?;
    drop(decoded);
    RgbaImage::from_raw(side(rgba.width), side(rgba.height), rgba.data)
        .map(|image| over_white(DynamicImage::ImageRgba8(image)))
        .ok_or(damaged)
}

/// Types of items that are pictures (ISO/IEC 23008-12; codes registered with the MP4 Registration Authority).
const PICTURE_ITEMS: [&[u8; 4]; 11] =
    [b"hvc1", b"lhv1", b"grid", b"iovl", b"iden", b"av01", b"avc1", b"vvc1", b"jpeg", b"j2k1", b"unci"];

/// How many pictures would be shown: those that are neither hidden nor a tile, preview, alpha or depth map of another,
/// nor another form of the primary one. A picture sequence counts as two. `None` if the file breaks off.
fn pictures(bytes: &[u8]) -> Option<usize> {
    let meta = boxes(bytes).find(|b| b.kind == b"meta")?.body.get(4..)?;
    let full = |kind: &[u8; 4]| {
        boxes(meta)
            .find(|b| b.kind == kind)
            .map(|b| Fields { long: b.body.first() != Some(&0), rest: b.body.get(4..).unwrap_or_default() })
    };
    let primary = full(b"pitm")?.id()?;

    // Items that are part of another one, and those that stand for the primary one.
    let mut parts = Vec::new();
    if let Some(Fields { long, rest }) = full(b"iref") {
        for reference in boxes(rest) {
            let mut fields = Fields { long, rest: reference.body };
            let from = fields.id()?;
            let to: Vec<u32> = (0..fields.u16()?).map(|_| fields.id()).collect::<Option<_>>()?;
            match reference.kind {
                b"thmb" | b"auxl" => parts.push(from),
                b"dimg" => parts.extend(to),
                _ => {}
            }
        }
    }
    for group in boxes(meta).filter(|b| b.kind == b"grpl").flat_map(|b| boxes(b.body)).filter(|b| b.kind == b"altr") {
        let mut fields = Fields { long: true, rest: group.body.get(8..)? };
        let members: Vec<u32> = (0..fields.id()?).map(|_| fields.id()).collect::<Option<_>>()?;
        if members.contains(&primary) {
            parts.extend(members);
        }
    }

    let mut items = full(b"iinf")?;
    items.rest = items.rest.get(if items.long { 4 } else { 2 }..)?;
    let mut count = 1 + usize::from(boxes(bytes).any(|b| b.kind == b"moov"));
    for entry in boxes(items.rest).filter(|b| b.kind == b"infe") {
        // Only versions 2 and 3 say what an item is; the others are of files that are no pictures.
        let [version @ (2 | 3), _, _, flags, rest @ ..] = entry.body else { continue };
        let mut fields = Fields { long: *version == 3, rest };
        let (id, _protection) = (fields.id()?, fields.u16()?);
        let shown = flags & 1 == 0 && PICTURE_ITEMS.iter().any(|kind| fields.rest.starts_with(*kind));
        count += usize::from(shown && id != primary && !parts.contains(&id));
    }
    Some(count)
}

/// A box of ISO/IEC 14496-12.
struct IsoBox<'a> {
    kind: &'a [u8; 4],
    body: &'a [u8],
}

/// The boxes one after another, up to the first that breaks off.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = IsoBox<'_>> {
    std::iter::from_fn(move || {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (head, size) = match u32::from_be_bytes(*size) {
            // To the end of the file.
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
            size => (8, size as usize),
        };
        let body = bytes.get(head..size)?;
        bytes = &bytes[size..];
        Some(IsoBox { kind, body })
    })
}

/// Numbers one after another. Ids have 4 bytes where `long`, else 2.
struct Fields<'a> {
    long: bool,
    rest: &'a [u8],
}

impl Fields<'_> {
    fn u16(&mut self) -> Option<u16> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn id(&mut self) -> Option<u32> {
        let high = if self.long { self.u16()? } else { 0 };
        Some(u32::from(high) << 16 | u32::from(self.u16()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
        let body = body.concat();
        [&(body.len() as u32 + 8).to_be_bytes(), kind.as_slice(), &body].concat()
    }

    /// An item's entry.
    fn item(id: u8, hidden: bool, kind: &[u8; 4]) -> Vec<u8> {
        boxed(b"infe", &[&[2, 0, 0, u8::from(hidden), 0, id, 0, 0], kind, b"\0"])
    }

    /// A file with these items, the first being the primary one, and further boxes of `meta`.
    fn file(items: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<u8> {
        let items = boxed(b"iinf", &[&[0, 0, 0, 0, 0, items.len() as u8], &items.concat()]);
        let primary = boxed(b"pitm", &[&[0, 0, 0, 0, 0, 1]]);
        boxed(b"meta", &[&[0; 4], &primary, &items, &more.concat()])
    }

    /// A reference from one item to others.
    fn reference(kind: &[u8; 4], from: u8, to: &[u8]) -> Vec<u8> {
        let ids: Vec<u8> = to.iter().flat_map(|id| [0, *id]).collect();
        boxed(b"iref", &[&[0; 4], &boxed(kind, &[&[0, from, 0, to.len() as u8], &ids])])
    }

    #[test]
    fn pictures_that_stand_for_themselves_are_counted() {
        assert_eq!(pictures(TURNED), Some(1));
        let (first, second) = (item(1, false, b"hvc1"), item(2, false, b"hvc1"));
        let pair = [first.clone(), second.clone()];
        let alternative = boxed(b"altr", &[&[0; 8], &[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]]);
        for (case, bytes, wanted) in [
            ("two", file(&pair, &[]), 2),
            ("hidden", file(&[first.clone(), item(2, true, b"hvc1")], &[]), 1),
            ("metadata", file(&[first.clone(), item(2, false, b"Exif"), item(3, false, b"mime")], &[]), 1),
            ("preview", file(&pair, &[reference(b"thmb", 2, &[1])]), 1),
            ("depth", file(&pair, &[reference(b"auxl", 2, &[1])]), 1),
            ("described", file(&pair, &[reference(b"cdsc", 2, &[1])]), 2),
            ("tile", file(&[item(1, false, b"grid"), second.clone()], &[reference(b"dimg", 1, &[2])]), 1),
            ("tone-mapped", file(&pair, &[reference(b"dimg", 3, &[1, 2])]), 1),
            ("alternative", file(&pair, &[boxed(b"grpl", &[&alternative])]), 1),
            ("sequence", [file(&[first], &[]), boxed(b"moov", &[])].concat(), 2),
        ] {
            assert_eq!(pictures(&bytes), Some(wanted), "{case}");
        }
        let two = file(&pair, &[reference(b"dimg", 3, &[1, 2])]);
        assert!((0..two.len()).all(|cut| pictures(&two[..cut]).is_none()));
    }

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
