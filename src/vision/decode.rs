//! Bytes → upright RGB pixels, or the reason why not. Everything in the bytes may be hostile.

use super::jpeg_stream::{Stream, walk};
use super::{Limits, Photo, heic, pdf};
use crate::domain::{Message, RetakeAdvice};
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbImage};
use std::io::Cursor;

/// Why a photo could not be decoded. Messages name limits, never file content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing was uploaded.
    #[error("the photo is empty")]
    Empty,
    /// Longer than [`Limits::bytes`].
    #[error("the photo has {bytes} bytes; the limit is {limit}")]
    TooManyBytes {
        /// Length of the upload.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No format that is read, by its first bytes.
    #[error("the photo looks like {looks_like}; JPEG, PNG, WebP, HEIC and PDF can be read")]
    UnsupportedFormat {
        /// What it looks like.
        looks_like: &'static str,
    },
    /// More pixels than [`Limits::pixels`].
    #[error("the photo has {pixels} pixels; the limit is {limit}")]
    TooManyPixels {
        /// Width × height as in the header.
        pixels: u64,
        /// The limit.
        limit: u64,
    },
    /// A side longer than [`Limits::side`].
    #[error("a side of the photo is {side} pixels long; the limit is {limit}")]
    SideTooLong {
        /// The longer side as in the header.
        side: u32,
        /// The limit.
        limit: u32,
    },
    /// Decoding it would take more than four bytes for each pixel of [`Limits::pixels`].
    #[error("the decoded photo would take {bytes} bytes; the limit is {limit}")]
    TooMuchMemory {
        /// Bytes of the decoded picture in its own depth.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It starts like a picture but is cut short, inconsistent or of a kind the decoder does not know.
    #[error("the {format} file is damaged or cut short")]
    Damaged {
        /// `JPEG`, `PNG`, `WebP`, `HEIC` or `PDF`.
        format: &'static str,
    },
    /// More pictures than one that would each be shown: an album, or an animation.
    #[error("the {format} file holds more than one picture; send each by itself")]
    SeveralPictures {
        /// `PNG`, `WebP` or `HEIC`.
        format: &'static str,
    },
    /// A PDF under a password, if only an empty one.
    #[error("the PDF is encrypted; save it without a password or photograph it")]
    Encrypted,
    /// A PDF without a page.
    #[error("the PDF has no pages")]
    NoPages,
    /// More pages than [`Limits::pdf_pages`].
    #[error("the PDF has {pages} pages; the limit is {limit}")]
    TooManyPages {
        /// Pages found.
        pages: usize,
        /// The limit.
        limit: usize,
    },
    /// A page was asked for that is not there.
    #[error("the PDF has no page {page}")]
    NoSuchPage {
        /// Counted from 1; 0 if none was named.
        page: u32,
    },
    /// A PDF whose print cannot be shown as meant.
    #[error("the PDF does not carry the fonts of its text; export it with fonts or photograph it")]
    FontMissing,
    /// A PDF with a picture packed as JBIG2 or JPEG 2000, or twice.
    #[error("the PDF holds a picture in a form that is not read; photograph it")]
    PdfPicture,
    /// A PDF with a note or form field of whose look the file says nothing.
    #[error("the PDF has a note or form field that each viewer draws in its own way; print it to PDF or photograph it")]
    PdfNote,
    /// There was no thread to draw a PDF on: trouble of ours, not of the file.
    #[error("the PDF could not be drawn just now; send it again")]
    NoThread,
    /// A PDF that would take too long to draw.
    #[error("the PDF is too complex to draw; photograph it")]
    PdfTooComplex,
}

impl DecodeError {
    /// What to send instead.
    pub fn advice(&self) -> RetakeAdvice {
        let (code, en, zh) = match self {
            Self::UnsupportedFormat { looks_like: "OFD" } => (
                "format_unsupported",
                "OFD is not supported. Export the bill as PDF, or photograph it.".to_owned(),
                "暂不支持 OFD 格式。请将票据导出为 PDF，或拍照上传。".to_owned(),
            ),
            Self::UnsupportedFormat { .. } => (
                "format_unsupported",
                "This kind of file is not supported. Send a JPEG, PNG, WebP, HEIC or PDF, or photograph the bill."
                    .to_owned(),
                "暂不支持这种文件。请上传 JPEG、PNG、WebP、HEIC 或 PDF，或拍照上传。".to_owned(),
            ),
            Self::SeveralPictures { .. } => (
                "several_pictures",
                "The file holds more than one picture. Send each picture in a file of its own.".to_owned(),
                "文件中有多张图片。请将每张图片单独上传。".to_owned(),
            ),
            Self::Encrypted => (
                "pdf_encrypted",
                "The PDF is protected by a password. Save it without one, or photograph the bill.".to_owned(),
                "PDF 已加密。请另存为不加密的 PDF，或拍照上传。".to_owned(),
            ),
            Self::TooManyPages { limit, .. } => (
                "pdf_too_long",
                format!("The PDF has more than {limit} pages. Send only the pages of the bill."),
                format!("PDF 超过 {limit} 页。请只上传票据所在的页。"),
            ),
            Self::PdfNote => (
                "pdf_annotated",
                "The PDF carries notes or form fields that cannot be shown as meant. Print it to a new PDF, or photograph \
                 the bill."
                    .to_owned(),
                "PDF 中有无法准确显示的批注或表单内容。请打印为新的 PDF，或拍照上传。".to_owned(),
            ),
            _ => (
                "file_unreadable",
                "The file cannot be opened. Photograph the bill, or export it again.".to_owned(),
                "文件无法打开。请重新拍照，或重新导出后上传。".to_owned(),
            ),
        };
        RetakeAdvice { code: code.to_owned(), message: Message { en, zh }, region: None }
    }
}

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
    WebP,
    Heic,
    Pdf,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Heic => "HEIC",
            Self::Pdf => "PDF",
        }
    }
}

/// The documents in an upload: `[None]` for a picture, and for a PDF its pages, counted from 1.
///
/// Reads no more of a picture than its first bytes, so one that is damaged is still a document.
///
/// # Errors
/// [`DecodeError`] if it is nothing we read, or a PDF that cannot be opened or has too many pages.
pub fn documents(bytes: &[u8], limits: &Limits) -> Result<Vec<PdfPage>, DecodeError> {
    match admitted(bytes, limits)? {
        Format::Pdf => Ok((1..=pdf::pages(bytes, limits)?).map(Some).collect()),
        _ => Ok(vec![None]),
    }
}

/// Which page of a PDF, counted from 1; `None` in an upload that is a picture.
pub type PdfPage = Option<u32>;

/// Decodes a document within limits: upright after EXIF, transparency over white, 8-bit RGB.
///
/// `page` is one that [`documents`] gave. Limits are compared with the header before pixels are allocated. A JPEG that
/// whose data ends before its picture does is damaged: the decoder would fill the rest with grey, and grey is not what was
/// on the paper. Of a file with several pictures one would be read and the others passed over, so none is; previews and depth
/// maps behind a JPEG do not count. An EXIF orientation that is missing or not 1..=8 leaves the picture as it is.
///
/// # Errors
/// [`DecodeError`] if it is nothing we read, is damaged, has no such page, or breaks a limit.
pub fn decode(bytes: &[u8], page: PdfPage, limits: &Limits) -> Result<Photo, DecodeError> {
    let format = admitted(bytes, limits)?;
    let damaged = DecodeError::Damaged { format: format.name() };
    let stream = if format == Format::Jpeg { walk(bytes, limits.pixels) } else { Stream::Whole };
    if stream == Stream::Broken {
        return Err(damaged);
    }
    // The decoders are safe code but may still panic on hostile bytes; nothing they touched outlives the panic.
    std::panic::catch_unwind(|| {
        let (cursor, limit) = (Cursor::new(bytes), allocation_limits(limits));
        let image = match format {
            Format::Jpeg => pixels(JpegDecoder::new(cursor).map_err(|_| damaged.clone())?, limits, &damaged),
            Format::Png => {
                let decoder = PngDecoder::with_limits(cursor, limit).map_err(|_| damaged.clone())?;
                single(decoder.is_apng().map_err(|_| damaged.clone())?, format)?;
                pixels(decoder, limits, &damaged)
            }
            Format::WebP => {
                let decoder = WebPDecoder::new(cursor).map_err(|_| damaged.clone())?;
                single(decoder.has_animation(), format)?;
                pixels(decoder, limits, &damaged)
            }
            Format::Heic => heic::decode(bytes, limits),
            Format::Pdf => return pdf::decode(bytes, page.unwrap_or(0), limits),
        }?;
        Ok(Photo { image, text_layer: None, surplus: stream == Stream::Surplus })
    })
    .unwrap_or_else(|_| Err(damaged.clone()))
}

/// Whether [`decode`] gives a picture, without making one where that can be told: a JPEG whose data was walked to its end
/// and whose header a decoder takes. An upload of 1.5 MB is then taken in after 32 ms where it took 73
/// (`scripts/trials/load.py accept`, half of the uploads).
///
/// # Errors
/// What [`decode`] would say.
pub fn opens(bytes: &[u8], page: PdfPage, limits: &Limits) -> Result<(), DecodeError> {
    let format = admitted(bytes, limits)?;
    let damaged = DecodeError::Damaged { format: format.name() };
    if format != Format::Jpeg {
        return decode(bytes, page, limits).map(drop);
    }
    match walk(bytes, limits.pixels) {
        Stream::Broken => Err(damaged),
        Stream::Unwalked => decode(bytes, page, limits).map(drop),
        Stream::Whole | Stream::Surplus => jpeg_header(bytes, limits),
    }
}

/// Whether the decoder takes a JPEG's header, and the header is within the limits.
///
/// # Errors
/// What [`decode`] would say of it.
pub(super) fn jpeg_header(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let damaged = DecodeError::Damaged { format: Format::Jpeg.name() };
    std::panic::catch_unwind(|| {
        let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|_| damaged.clone())?;
        admit(&mut decoder, limits, &damaged)
    })
    .unwrap_or_else(|_| Err(damaged.clone()))
}

/// Refuses an animation.
fn single(animated: bool, format: Format) -> Result<(), DecodeError> {
    if animated { Err(DecodeError::SeveralPictures { format: format.name() }) } else { Ok(()) }
}

/// The format of an upload that is not too long.
fn admitted(bytes: &[u8], limits: &Limits) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > limits.bytes {
        return Err(DecodeError::TooManyBytes { bytes: bytes.len(), limit: limits.bytes });
    }
    sniff(bytes).map_err(|looks_like| DecodeError::UnsupportedFormat { looks_like })
}

/// Compares a picture's size with the limits.
pub(super) fn within(width: u32, height: u32, limits: &Limits, damaged: &DecodeError) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(damaged.clone());
    }
    let (side, count) = (width.max(height), u64::from(width) * u64::from(height));
    if side > limits.side {
        return Err(DecodeError::SideTooLong { side, limit: limits.side });
    }
    if count > limits.pixels {
        return Err(DecodeError::TooManyPixels { pixels: count, limit: limits.pixels });
    }
    Ok(())
}

/// The same limits in the decoders' own words. Sides are compared in [`pixels`], where the message can say more.
fn allocation_limits(limits: &Limits) -> image::Limits {
    let mut strict = image::Limits::no_limits();
    strict.max_alloc = Some(4 * limits.pixels);
    strict
}

/// Compares the header with the limits.
fn admit<D: ImageDecoder>(decoder: &mut D, limits: &Limits, damaged: &DecodeError) -> Result<(), DecodeError> {
    let (width, height) = decoder.dimensions();
    within(width, height, limits, damaged)?;
    let (bytes, limit) = (decoder.total_bytes(), 4 * limits.pixels);
    if bytes > limit {
        return Err(DecodeError::TooMuchMemory { bytes, limit });
    }
    decoder.set_limits(allocation_limits(limits)).map_err(|_| damaged.clone())
}

/// Compares the header with the limits, then decodes.
fn pixels<D: ImageDecoder>(mut decoder: D, limits: &Limits, damaged: &DecodeError) -> Result<RgbImage, DecodeError> {
    admit(&mut decoder, limits, damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(|_| damaged.clone())?;
    let mut upright = DynamicImage::ImageRgb8(over_white(decoded));
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// 8-bit RGB, transparency composed over white paper.
pub(super) fn over_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        to.0 = [r, g, b].map(|c| ((c * a + 255 * (255 - a) + 127) / 255) as u8);
    }
    rgb
}

/// The media type of an upload that can be read, by its first bytes; else what they look like.
///
/// # Errors
/// In words, such as `GIF`.
pub fn media_type(bytes: &[u8]) -> Result<&'static str, &'static str> {
    sniff(bytes).map(|format| match format {
        Format::Jpeg => "image/jpeg",
        Format::Png => "image/png",
        Format::WebP => "image/webp",
        Format::Heic => "image/heic",
        Format::Pdf => "application/pdf",
    })
}

/// What the bytes are by their first bytes, or what else they look like.
fn sniff(bytes: &[u8]) -> Result<Format, &'static str> {
    let at = |from: usize, magic: &[u8]| bytes.get(from..from + magic.len()) == Some(magic);
    if at(0, b"\xff\xd8\xff") {
        return Ok(Format::Jpeg);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Ok(Format::WebP);
    }
    let head = &bytes[..bytes.len().min(1024)];
    let heif = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
    if at(4, b"ftyp") && heif.iter().any(|brand| at(8, *brand)) {
        return Ok(Format::Heic);
    }
    // Viewers look for it in the first kilobyte, and mail gateways do put lines before it.
    if head.windows(5).any(|w| w == b"%PDF-") {
        return Ok(Format::Pdf);
    }
    Err(if at(4, b"ftyp") {
        match () {
            () if at(8, b"avif") || at(8, b"avis") => "AVIF",
            () => "a video",
        }
    } else if at(0, b"GIF8") {
        "GIF"
    } else if at(0, b"II*\0") || at(0, b"MM\0*") || at(0, b"II+\0") || at(0, b"MM\0+") {
        "TIFF"
    } else if at(0, b"BM") && bytes.len() > 26 {
        "BMP"
    } else if at(0, b"PK\x03\x04") {
        archive(bytes)
    } else if at(0, b"\xff\x0a") || at(4, b"JXL ") {
        "JPEG XL"
    } else if at(0, b"\xff\xd8") {
        "a damaged JPEG"
    } else if head.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80) {
        "text"
    } else {
        "no known picture"
    })
}

/// What a ZIP archive is by the names of its members. OFD is the format of Chinese electronic invoices (GB/T 33190).
fn archive(bytes: &[u8]) -> &'static str {
    let has = |name: &[u8]| bytes.windows(name.len()).any(|w| w == name);
    match () {
        () if has(b"OFD.xml") => "OFD",
        () if has(b"word/document.xml") => "a Word document",
        () if has(b"xl/workbook.xml") => "an Excel workbook",
        () => "a ZIP archive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::support::{pdf, stream};
    use image::{ImageFormat, Rgb, Rgba, RgbaImage};
    use proptest::prelude::*;

    fn read(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
        decode(bytes, None, limits)
    }

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.into().write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// Of a PNG chunk.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, b| {
            (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
        })
    }

    /// 32 × 16, red in the top left quarter, else white.
    fn flag() -> RgbImage {
        RgbImage::from_fn(32, 16, |x, y| if x < 16 && y < 8 { Rgb([220, 0, 0]) } else { Rgb([255; 3]) })
    }

    fn with_orientation(jpeg: &[u8], value: u16) -> Vec<u8> {
        let mut tiff = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        tiff.extend(value.to_be_bytes());
        tiff.extend([0, 0, 0, 0, 0, 0]);
        let mut out = vec![0xff, 0xd8, 0xff, 0xe1];
        out.extend((tiff.len() as u16 + 2).to_be_bytes());
        out.extend(tiff);
        out.extend(&jpeg[2..]);
        out
    }

    #[test]
    fn exif_orientation_puts_the_red_corner_where_a_viewer_would() {
        let jpeg = encoded(flag(), ImageFormat::Jpeg);
        // Where the stored top left corner is shown: (right?, bottom?), and whether the sides swap.
        let table = [
            (0, false, false, false),
            (1, false, false, false),
            (2, true, false, false),
            (3, true, true, false),
            (4, false, true, false),
            (5, false, false, true),
            (6, true, false, true),
            (7, true, true, true),
            (8, false, true, true),
            (9, false, false, false),
            (4242, false, false, false),
        ];
        for (value, right, bottom, swapped) in table {
            let image = read(&with_orientation(&jpeg, value), &Limits::default()).unwrap().image;
            let (w, h) = if swapped { (16, 32) } else { (32, 16) };
            assert_eq!(image.dimensions(), (w, h), "orientation {value}");
            let pixel = image.get_pixel(if right { w - 3 } else { 2 }, if bottom { h - 3 } else { 2 });
            assert!(pixel[0] > 180 && pixel[1] < 80, "orientation {value}: {pixel:?}");
        }
    }

    #[test]
    fn limits_are_refused_from_the_header_and_named() {
        let mut png = encoded(flag(), ImageFormat::Png);
        png[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        png[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
        // The header's CRC must fit, or it would be refused for that.
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let wide = Limits { side: 40_000, ..Limits::default() };
        assert_eq!(
            read(&png, &wide).unwrap_err(),
            DecodeError::TooManyPixels { pixels: 900_000_000, limit: 64_000_000 }
        );
        assert_eq!(
            read(&png, &Limits::default()).unwrap_err().to_string(),
            "a side of the photo is 30000 pixels long; the limit is 16384"
        );
        assert_eq!(read(&[], &Limits::default()).unwrap_err(), DecodeError::Empty);
        let short = Limits { bytes: 10, ..Limits::default() };
        assert_eq!(read(&[0; 11], &short).unwrap_err(), DecodeError::TooManyBytes { bytes: 11, limit: 10 });
    }

    #[test]
    fn other_formats_are_named() {
        let table: [(&[u8], &str); 7] = [
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
            (b"PK\x03\x04\x14\0\0\0OFD.xml", "OFD"),
            (b"GIF89a\x01\0", "GIF"),
            (b"II*\0\x08\0\0\0", "TIFF"),
            (b"hello, this is text", "text"),
            (b"PK\x03\x04\x14\0", "a ZIP archive"),
            (b"\0\x01\x02\x03", "no known picture"),
        ];
        for (bytes, looks_like) in table {
            assert_eq!(read(bytes, &Limits::default()).unwrap_err(), DecodeError::UnsupportedFormat { looks_like });
            assert_eq!(media_type(bytes), Err(looks_like));
        }
        assert_eq!(media_type(b"\xff\xd8\xff\xe0rest"), Ok("image/jpeg"));
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\nrest"), Ok("image/png"));
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Ok("image/webp"));
        assert_eq!(media_type(b"\0\0\0\x18ftypheic\0\0\0\0"), Ok("image/heic"));
        assert_eq!(media_type(b"%PDF-1.7\n"), Ok("application/pdf"));
    }

    #[test]
    fn a_cut_jpeg_is_damaged_and_one_with_a_tail_is_not() {
        let jpeg = encoded(flag(), ImageFormat::Jpeg);
        for cut in [jpeg.len() - 2, jpeg.len() - 1, jpeg.len() / 2, 3] {
            assert_eq!(read(&jpeg[..cut], &Limits::default()).unwrap_err(), DecodeError::Damaged { format: "JPEG" });
        }
        let tail = [jpeg.as_slice(), b"trailing \xff\xd8 bytes"].concat();
        assert_eq!(read(&tail, &Limits::default()).unwrap().image.dimensions(), (32, 16));
    }

    #[test]
    fn a_jpeg_that_lost_bytes_is_damaged_and_one_that_gained_some_is_told() {
        let page = crate::vision::deskew::tests::painted_text(300, 200);
        let jpeg = encoded(page, ImageFormat::Jpeg);
        let middle = jpeg.len() * 2 / 3;
        let lost = [&jpeg[..middle], &jpeg[middle + 50..]].concat();
        assert_eq!(read(&lost, &Limits::default()).unwrap_err(), DecodeError::Damaged { format: "JPEG" });
        let gained = [&jpeg[..jpeg.len() - 2], b"\x12\x34\x56", &jpeg[jpeg.len() - 2..]].concat();
        assert!(read(&gained, &Limits::default()).unwrap().surplus);
        assert!(!read(&jpeg, &Limits::default()).unwrap().surplus);
    }

    #[test]
    fn what_opens_is_what_is_decoded() {
        let mut files = crate::vision::jpeg_stream::tests::pictures();
        // zune-jpeg 0.5.15 refuses the end of one with tables of its own, which libjpeg reads.
        files.retain(|file| read(file, &Limits::default()).is_ok());
        assert!(files.len() >= 7);
        files.extend([ImageFormat::Png, ImageFormat::WebP].map(|format| encoded(flag(), format)));
        let small = Limits { pixels: 20_000, ..Limits::default() };
        let (mut tried, mut let_in) = (0, 0);
        for file in &files {
            assert_eq!(opens(file, None, &Limits::default()), Ok(()));
            assert_eq!(opens(file, None, &small), read(file, &small).map(drop), "limits are compared");
            for at in (0..700.min(file.len())).chain((700..file.len()).step_by(211)) {
                let mut spoiled = file.clone();
                spoiled[at] = spoiled[at].wrapping_mul(37).wrapping_add(91);
                let (opened, decoded) = (opens(&spoiled, None, &Limits::default()), read(&spoiled, &Limits::default()));
                assert!(opened.is_ok() || decoded.is_err(), "byte {at}: {opened:?}");
                tried += 1;
                let_in += usize::from(opened.is_ok() && decoded.is_err());
            }
        }
        assert!(let_in * 100 <= tried, "{let_in} of {tried} open and are then not decoded");
    }

    #[test]
    fn animations_are_refused() {
        // An animation control chunk (one frame, played for ever) before the data, which follow the header of 33 bytes.
        let mut png = encoded(flag(), ImageFormat::Png);
        let mut control = b"\0\0\0\x08acTL\0\0\0\x01\0\0\0\0".to_vec();
        control.extend(crc32(&control[4..]).to_be_bytes());
        png.splice(33..33, control);
        assert_eq!(read(&png, &Limits::default()).unwrap_err(), DecodeError::SeveralPictures { format: "PNG" });
        // A lossless frame of 32 × 16 in `ANMF`, behind `VP8X` with the animation flag and `ANIM`.
        let still = encoded(flag(), ImageFormat::WebP);
        let frame = [b"\0\0\0\0\0\0\x1f\0\0\x0f\0\0\x64\0\0\0".as_slice(), &still[12..]].concat();
        let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
        let body = [
            b"WEBP".to_vec(),
            chunk(b"VP8X", b"\x02\0\0\0\x1f\0\0\x0f\0\0"),
            chunk(b"ANIM", &[0; 6]),
            chunk(b"ANMF", &frame),
            chunk(b"ANMF", &frame),
        ];
        let webp = chunk(b"RIFF", &body.concat());
        assert_eq!(read(&webp, &Limits::default()).unwrap_err(), DecodeError::SeveralPictures { format: "WebP" });
    }

    #[test]
    fn transparency_lies_on_white_and_depth_becomes_eight_bits() {
        let clear = RgbaImage::from_pixel(4, 4, Rgba([0, 0, 0, 0]));
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let photo = read(&encoded(clear.clone(), format), &Limits::default()).unwrap();
            assert_eq!(photo.image.get_pixel(1, 1).0, [255; 3]);
        }
        let deep = image::ImageBuffer::from_pixel(4, 4, image::Luma([0x80ff_u16]));
        let photo = read(&encoded(DynamicImage::ImageLuma16(deep), ImageFormat::Png), &Limits::default()).unwrap();
        assert!(photo.image.get_pixel(1, 1)[0].abs_diff(0x80) <= 1);
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in 0_usize..6) {
            let head: [&[u8]; 6] = [
                b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic", b"%PDF-1.7\n",
            ];
            let _ = read(&[head[magic], &bytes].concat(), &Limits::default());
        }

        #[test]
        fn any_mutation_survives(
            which in 0_usize..5, cut in 0_usize..2000, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12)
        ) {
            let mut bytes = match which {
                0 => encoded(flag(), ImageFormat::Jpeg),
                1 => encoded(flag(), ImageFormat::Png),
                2 => encoded(flag(), ImageFormat::WebP),
                3 => include_bytes!("../../tests/fixtures/turned.heic").to_vec(),
                _ => pdf(&["3 0 R"], &[
                    b"<< /Type /Page /MediaBox [0 0 20 30] /Contents 4 0 R /Rotate 90 >>".to_vec(),
                    stream("", b"q 0.5 0 0 RG 3 w [2 1] 0 d 1 1 m 5 5 9 9 12 20 c S Q 1 0 0 rg 4 4 9 9 re f"),
                ]),
            };
            for (at, value) in edits { let at = at.index(bytes.len()); bytes[at] = value; }
            if cut < bytes.len() / 2 { bytes.truncate(bytes.len() - cut); }
            let small = Limits { pixels: 4_000_000, ..Limits::default() };
            let page = (which == 4).then_some(1);
            if let Ok(photo) = decode(&bytes, page, &small) {
                prop_assert!(u64::from(photo.image.width()) * u64::from(photo.image.height()) <= small.pixels);
            }
        }
    }
}
