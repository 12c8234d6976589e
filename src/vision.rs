//! From uploaded bytes to a normalised page: upright, rectified, deskewed, evenly lit.
//!
//! [`decode`] trusts nothing in the bytes; [`normalise`] never fails: where it is not sure of the sheet it keeps the
//! whole photo, because a wrong crop loses text and none only costs time. Pixels of the upload are resampled once.
//! Lengths are pixels and angles degrees unless a name says otherwise.

mod check;
mod decode;
mod deskew;
mod fingerprint;
mod heic;
pub mod ink;
mod jpeg_stream;
mod light;
mod locate;
mod pdf;
mod plane;
mod qr;
mod quality;
mod rectify;
pub mod rim;
#[cfg(test)]
mod support;

use crate::domain::{Homography, Page, QrCode, Quad, Quality, RetakeAdvice, Upload};
use image::RgbImage;

pub use check::{FirstLook, Reduced, decode_reduced, first_look};
pub use decode::{DecodeError, PdfPage, decode, documents, media_type, opens};
pub use quality::Advice;

/// Limits applied before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest upload in bytes. Default 20 MiB.
    pub bytes: usize,
    /// Most pixels of one photo. Default 64 megapixels.
    pub pixels: u64,
    /// Longest side in pixels. Default 16384.
    pub side: u32,
    /// Most pages of one PDF. Default 20, as many as a claim may have photos.
    pub pdf_pages: usize,
}

impl Default for Limits {
    /// Room for the largest phone photos (50 megapixels) and long receipts, while a decoder stays under 1 GiB.
    fn default() -> Self {
        Self { bytes: 20 << 20, pixels: 64_000_000, side: 16_384, pdf_pages: 20 }
    }
}

/// A decoded photo: upright after EXIF, RGB, 8 bit.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The pixels of space [`Upload`].
    pub image: RgbImage,
    /// What the page of a PDF writes by text operators, seen or unseen: [`crate::domain::Reading::text_layer`].
    pub text_layer: Option<String>,
    /// Whether the data of a JPEG goes on behind its picture: bytes were added on the way, or some exchanged for more.
    pub surplus: bool,
}

/// A normalised page and how it was made.
#[derive(Debug, Clone)]
pub struct NormalisedPage {
    /// The pixels of space [`Page`].
    pub image: RgbImage,
    /// Where each place of the upload went.
    pub upload_to_page: Homography<Upload, Page>,
    /// And the way back.
    pub page_to_upload: Homography<Page, Upload>,
    /// The sheet's corners, clockwise from the text's own top left; `None` if the whole photo was kept.
    pub sheet: Option<Quad<Upload>>,
    /// Quarter turns clockwise that the content was turned by, 0..=3, as `turned` said.
    pub quarter_turns: QuarterTurns,
    /// Degrees that the page was turned counter-clockwise to make its lines level, after the quarter turns.
    pub skew_degrees: f64,
    /// Measures of the picture. `text_height` is left to whoever reads the lines.
    pub quality: Quality,
    /// Advice that follows from the measures.
    pub retake: Vec<RetakeAdvice>,
    /// QR codes found.
    pub qr: Vec<QrCode>,
    /// Perceptual hash of the page; `None` if it is almost blank.
    pub picture_hash: Option<u64>,
}

/// Finds which way up the photo's content is: quarter turns clockwise that the *content* was turned by, 0..=3.
pub type QuarterTurns = u8;

/// Longest side of the copy on which the sheet is sought.
const LOCATE_SIDE: u32 = 640;
/// Longest side of the copy of the sheet that is shown to `turned` and measured for skew.
const VIEW_SIDE: u32 = 1000;
/// Longest side of a page. Detection and recognition gain nothing beyond it on A4.
const PAGE_SIDE: u32 = 2600;
/// Paper kept around a located sheet, as a share of its sides: a line of text may stand at the very edge.
const MARGIN: f64 = 0.015;
/// Skew that recognition does not notice, degrees.
const LEVEL_ENOUGH: f64 = 0.2;

/// Makes the page. `turned` tells by how many quarter turns clockwise the content of a small picture is turned.
///
/// `turned` is called once, with a copy of the rectified sheet of at most 1000 pixels a side; what it answers is
/// taken modulo 4.
pub fn normalise(photo: &Photo, turned: &dyn Fn(&RgbImage) -> QuarterTurns) -> NormalisedPage {
    let upload = &photo.image;
    let (width, height) = (f64::from(upload.width()), f64::from(upload.height()));
    let whole = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];

    let mid = rectify::reduced(upload, 1600);
    let small = rectify::reduced(&mid, LOCATE_SIDE);
    let located = locate::locate(&small);
    let sheet = match located {
        locate::Located::Sheet(corners) => {
            let (sx, sy) = (width / f64::from(small.width()), height / f64::from(small.height()));
            Some(corners.map(|[x, y]| [x * sx, y * sy]))
        }
        // Of several sheets none may be cut off.
        locate::Located::Nothing | locate::Located::Several => None,
    };

    // Upload → flat sheet, at the sheet's own resolution.
    let corners = sheet.map_or(whole, |q| rectify::grown(q, MARGIN));
    let flat = rectify::Frame::flat(corners).unwrap_or_else(|| rectify::Frame::plain(width, height));

    // A reduced view of it, to be looked at.
    let view_frame = flat.scaled_to(VIEW_SIDE);
    let mid_scale = f64::from(mid.width()) / width;
    let view = if flat.long_side() * mid_scale >= 0.8 * f64::from(VIEW_SIDE).min(flat.long_side()) {
        view_frame.scaled_back(mid_scale).render(&mid, [255; 3])
    } else {
        view_frame.render(upload, [255; 3])
    };
    let turns = turned(&view) % 4;
    let view = match turns {
        1 => image::imageops::rotate270(&view),
        2 => image::imageops::rotate180(&view),
        3 => image::imageops::rotate90(&view),
        _ => view,
    };
    let luma = plane::Plane::luma(&view);
    let skew = deskew::skew(&luma).filter(|a| a.abs() > LEVEL_ENOUGH).unwrap_or(0.0);

    let frame = flat.quarter_turned_back(turns).straightened(skew).scaled_to(PAGE_SIDE);
    let mut image = frame.render(upload, rectify::paper_colour(&view));
    let page_to_upload = frame.way_back();

    let quality = quality::measure(&image, &luma, sheet.as_ref(), (upload.width(), upload.height()));
    let sheet = sheet.map(|q| Quad::from_px(in_reading_order(q, turns)));
    let mut retake = quality::advice(&quality, &view, sheet.as_ref(), (upload.width(), upload.height()));
    if located == locate::Located::Several {
        retake.push(Advice::SeveralDocuments.at(None));
    }
    let qr = qr::find(upload, &mid);
    let picture_hash = fingerprint::picture_hash(&image);
    light::flatten(&mut image);

    NormalisedPage {
        image,
        upload_to_page: frame.map,
        page_to_upload,
        sheet,
        quarter_turns: turns,
        skew_degrees: skew,
        quality,
        retake,
        qr,
        picture_hash,
    }
}

/// The same corners, clockwise from the content's own top left, when the content is turned clockwise by `turns`.
fn in_reading_order(corners: [[f64; 2]; 4], turns: QuarterTurns) -> [[f64; 2]; 4] {
    let mut q = corners;
    q.rotate_left(usize::from(turns));
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use crate::vision::locate::tests::{overlap, photographed};

    /// Largest distance between where a page corner came from and where it was painted, pixels.
    fn farthest(page: &NormalisedPage, painted: [[f64; 2]; 4]) -> f64 {
        let sheet = page.sheet.expect("found").to_px();
        (0..4).map(|i| (sheet[i][0] - painted[i][0]).hypot(sheet[i][1] - painted[i][1])).fold(0.0, f64::max)
    }

    #[test]
    fn a_photographed_sheet_becomes_an_upright_page() {
        let corners = [[150.0, 80.0], [480.0, 60.0], [560.0, 560.0], [90.0, 540.0]];
        let photo = Photo { image: photographed(corners, 80, 640, 640), text_layer: None, surplus: false };
        // The caller says how the content is turned; the sheet's own top left follows.
        for turns in 0..4_u8 {
            let page = normalise(&photo, &|view| {
                assert!(view.width() <= 1000 && view.height() <= 1000);
                turns
            });
            let mut painted = corners;
            painted.rotate_left(usize::from(turns));
            assert!(farthest(&page, painted) < 4.0, "{turns}: {:?}", page.sheet);
            assert!(overlap(&page.sheet.unwrap().to_px(), &corners) > 0.97);
            assert_eq!(page.quarter_turns, turns);
            let (w, h) = (f64::from(page.image.width()), f64::from(page.image.height()));
            assert_eq!(w > h, turns % 2 == 1);
            // The sheet fills the page but for the margin, and the maps are each other's inverse.
            for (own, to) in painted.iter().zip([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]) {
                let p = page.upload_to_page.apply(*own);
                assert!((p[0] - to[0]).hypot(p[1] - to[1]) < 0.05 * w.max(h), "{turns}: {p:?} {to:?}");
                let back = page.page_to_upload.apply(p);
                assert!((back[0] - own[0]).hypot(back[1] - own[1]) < 1e-6);
            }
            assert!((3500..7000).contains(&page.quality.coverage.0), "{:?}", page.quality.coverage);
        }
    }

    #[test]
    fn a_scan_is_left_as_it_is() {
        let scan = painted_text(700, 900);
        let page = normalise(&Photo { image: scan.clone(), text_layer: None, surplus: false }, &|_| 0);
        assert_eq!(page.image, scan);
        assert_eq!((page.sheet, page.skew_degrees), (None, 0.0));
        assert_eq!(page.upload_to_page, Homography::identity());
        assert!(page.retake.is_empty() && page.qr.is_empty() && page.picture_hash.is_some());
        assert_eq!(page.quality.coverage.0, 10_000);
    }

    #[test]
    fn a_skewed_scan_is_straightened_without_losing_a_corner() {
        let tilted =
            rectify::Frame::plain(700.0, 900.0).straightened(-6.0).render(&painted_text(700, 900), [240, 240, 236]);
        let page = normalise(&Photo { image: tilted.clone(), text_layer: None, surplus: false }, &|_| 0);
        assert!((page.skew_degrees - 6.0).abs() < 0.12, "{}", page.skew_degrees);
        let (w, h) = (f64::from(tilted.width()), f64::from(tilted.height()));
        for corner in [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]] {
            let [x, y] = page.upload_to_page.apply(corner);
            assert!(
                x > -1.0
                    && y > -1.0
                    && x < f64::from(page.image.width()) + 1.0
                    && y < f64::from(page.image.height()) + 1.0
            );
        }
    }

    #[test]
    fn the_smallest_pictures_pass_through() {
        for (w, h) in [(1, 1), (1, 400), (400, 1), (2, 3), (41, 41)] {
            let page = normalise(&Photo { image: RgbImage::new(w, h), text_layer: None, surplus: false }, &|_| 3);
            assert!(page.image.width() >= 1 && page.image.height() >= 1);
            assert_eq!(page.picture_hash, None);
            assert!(page.retake.iter().any(|r| r.code == "too_small"));
        }
    }
}
