//! Measures of the picture, and what to tell the person who took it.
//!
//! Advice is rare on purpose: it costs a claimant a second photo. Thresholds were set so that ordinary phone photos
//! and scans of receipts, bills and invoices draw none.

use super::plane::Plane;
use crate::domain::text::Bp;
use crate::domain::{Message, Quad, Quality, RetakeAdvice, Upload};
use image::RgbImage;

/// Sharpness below this is blurred, in basis points.
const BLURRED: u16 = 2500;
/// Share of blown-out paper that hides text, in basis points.
const GLARE: u16 = 1200;
/// Mean luma below which the camera had too little light.
const TOO_DARK: u8 = 45;
/// Pixels below which no amount can be read, and the same for the shorter side of the sheet.
const TOO_FEW_PIXELS: u64 = 100_000;
const TOO_NARROW: u32 = 180;

/// Basis points of a share (0..=1).
pub(super) fn bp(share: f64) -> Bp {
    Bp((share.clamp(0.0, 1.0) * 10_000.0).round() as u16)
}

/// Measures `page` (before its light is flattened) and `view`, its reduced luma. `sheet` is in upload pixels.
pub(super) fn measure(page: &RgbImage, view: &Plane, sheet: Option<&[[f64; 2]; 4]>, upload: (u32, u32)) -> Quality {
    let pixels = u64::from(upload.0) * u64::from(upload.1);
    let coverage = sheet.map_or(1.0, |q| {
        let area: f64 = (0..4).map(|i| q[i][0] * q[(i + 1) % 4][1] - q[(i + 1) % 4][0] * q[i][1]).sum();
        area.abs() / 2.0 / pixels as f64
    });
    let mean = view.data.iter().map(|&v| u64::from(v)).sum::<u64>() / view.data.len().max(1) as u64;
    Quality {
        sharpness: sharpness(page).map(bp),
        text_height: None,
        glare: bp(glare(view)),
        coverage: bp(coverage),
        brightness: mean as u8,
        megapixels: (pixels / 10_000) as u32,
    }
}

/// How steep the strokes' edges are, 0..=1: the slope across a horizontal step as a share of the step, median over
/// strong steps. 1 is an edge between two pixels, as in a scan; a Gaussian blur of σ pixels gives about 0.8 / σ.
/// `None` if there are too few strokes.
fn sharpness(page: &RgbImage) -> Option<f64> {
    const HALF: usize = 5;
    let w = page.width() as usize;
    let mut histogram = [0_u32; 101];
    for line in page.as_raw().chunks_exact(w * 3).step_by(7) {
        let green: Vec<u8> = line.as_chunks::<3>().0.iter().map(|p| p[1]).collect();
        let mut x = HALF;
        while x + HALF < w {
            let slope = green[x + 1].abs_diff(green[x - 1]);
            let steepest = slope >= green[x].abs_diff(green[x - 2]) && slope >= green[x + 2].abs_diff(green[x]);
            if slope >= 12 && steepest {
                let around = &green[x - HALF..=x + HALF];
                let (low, high) = around.iter().fold((255, 0), |(l, h), &v| (v.min(l), v.max(h)));
                if high - low >= 50 {
                    histogram[(usize::from(slope) * 100 / usize::from(high - low)).min(100)] += 1;
                    x += 2;
                }
            }
            x += 1;
        }
    }
    let total: u32 = histogram.iter().sum();
    if total < 200 {
        return None;
    }
    let mut seen = 0;
    let median = histogram.iter().position(|n| {
        seen += n;
        seen * 2 > total
    })?;
    Some(median as f64 / 100.0)
}

/// Share of the sheet that is blown out. White paper in a scan is white too: only a sheet whose paper is mostly
/// *not* at the top of the range can have glare.
fn glare(view: &Plane) -> f64 {
    let paper = view.closing(6);
    if paper.percentile(0.5) >= 225 {
        return 0.0;
    }
    paper.data.iter().filter(|&&v| v >= 252).count() as f64 / paper.data.len().max(1) as f64
}

/// What to do better, if anything. `view` is a reduced picture of the page, `sheet` in upload pixels.
pub(super) fn advice(
    quality: &Quality,
    view: &RgbImage,
    sheet: Option<&Quad<Upload>>,
    upload: (u32, u32),
) -> Vec<RetakeAdvice> {
    let cut = sheet.is_some_and(|q| {
        let (left, top, right, bottom) = q.bounds();
        let (w, h) = (f64::from(upload.0), f64::from(upload.1));
        left < -0.01 * w || top < -0.01 * h || right > 1.01 * w || bottom > 1.01 * h
    });
    let pixels = u64::from(upload.0) * u64::from(upload.1);
    let found = [
        (quality.sharpness.is_some_and(|s| s.0 < BLURRED), Advice::Blurred),
        (quality.glare.0 > GLARE, Advice::Glare),
        (quality.brightness < TOO_DARK, Advice::TooDark),
        (pixels < TOO_FEW_PIXELS || view.width().min(view.height()) < TOO_NARROW, Advice::TooSmall),
        (cut, Advice::CutOff),
    ];
    let region = sheet.map(|q| q.clamped(upload.0, upload.1));
    found.into_iter().filter(|(is, _)| *is).map(|(_, advice)| advice.at(region)).collect()
}

/// What can be wrong with a photo that its taker can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Out of focus, or moved.
    Blurred,
    /// A reflection hides print.
    Glare,
    /// Too little light.
    TooDark,
    /// Too few pixels.
    TooSmall,
    /// Part of the paper is outside the photo.
    CutOff,
    /// Too far away.
    TextTooSmall,
    /// No paper with print.
    NotADocument,
    /// Sheets that lie apart: what is read of one may be paid for the other.
    SeveralDocuments,
    /// The file was changed on its way.
    Damaged,
}

impl Advice {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Blurred => "blurred",
            Self::Glare => "glare",
            Self::TooDark => "too_dark",
            Self::TooSmall => "too_small",
            Self::CutOff => "cut_off",
            Self::TextTooSmall => "text_too_small",
            Self::NotADocument => "not_a_document",
            Self::SeveralDocuments => "several_documents",
            Self::Damaged => "file_damaged",
        }
    }

    /// As told to a person: what is wrong, what to do, and where.
    pub fn at(self, region: Option<Quad<Upload>>) -> RetakeAdvice {
        let (en, zh) = match self {
            Self::Blurred => (
                "The photo is blurred. Hold the phone still, tap the paper to focus, and take it again.",
                "照片模糊。请拿稳手机，点按票面对焦后重新拍摄。",
            ),
            Self::Glare => (
                "Light reflects on the paper. Turn off the flash or tilt the phone a little, and take it again.",
                "票面反光。请关闭闪光灯或稍微改变角度后重新拍摄。",
            ),
            Self::TooDark => {
                ("The photo is too dark. Take it again in brighter light.", "照片太暗。请在光线充足的地方重新拍摄。")
            }
            Self::TooSmall => (
                "The paper is too small in the photo to be read. Move closer, or upload the original photo.",
                "票面太小，无法辨认。请靠近拍摄，或上传原图。",
            ),
            Self::CutOff => (
                "Part of the paper is outside the photo. Take it again with all four corners in view.",
                "票据未拍全。请将四个角都放入画面后重新拍摄。",
            ),
            Self::TextTooSmall => (
                "The print is too small to read surely. Move closer so that the bill fills the picture.",
                "文字太小，无法可靠识别。请靠近拍摄，让票据充满画面。",
            ),
            Self::NotADocument => (
                "No document can be seen. Photograph the whole bill, flat and from straight above.",
                "照片中没有看到票据。请将票据放平，从正上方拍摄完整票据。",
            ),
            Self::SeveralDocuments => (
                "Several documents lie in one photo. Photograph each of them on its own.",
                "照片中有多张票据。请逐张单独拍摄。",
            ),
            Self::Damaged => (
                "The file was damaged on its way. Upload the original photo again, or take a new one.",
                "文件在传输中损坏。请重新上传原图，或重新拍摄。",
            ),
        };
        let message = Message { en: en.to_owned(), zh: zh.to_owned() };
        RetakeAdvice { code: self.code().to_owned(), message, region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use image::imageops::fast_blur;

    fn codes(image: &RgbImage) -> Vec<String> {
        let size = image.dimensions();
        let quality = measure(image, &Plane::luma(image), None, size);
        advice(&quality, image, None, size).into_iter().map(|a| a.code).collect()
    }

    #[test]
    fn a_clean_page_draws_no_advice_and_a_blurred_one_does() {
        let page = painted_text(700, 900);
        assert!(codes(&page).is_empty());
        assert!(sharpness(&page).unwrap() > 0.9);
        assert_eq!(codes(&fast_blur(&page, 4.0)), ["blurred"]);
        let soft = sharpness(&fast_blur(&page, 1.5)).unwrap();
        assert!((0.35..0.75).contains(&soft), "{soft}");
    }

    #[test]
    fn darkness_glare_and_size_are_named() {
        let mut dark = painted_text(700, 900);
        dark.pixels_mut().for_each(|p| p.0 = p.0.map(|v| v / 8));
        assert!(codes(&dark).contains(&"too_dark".to_owned()));
        let mut shiny = painted_text(700, 900);
        for (x, y, p) in shiny.enumerate_pixels_mut() {
            let blown = (200..500).contains(&x) && (300..700).contains(&y);
            p.0 = if blown { [255; 3] } else { p.0.map(|v| (f32::from(v) * 0.8) as u8) };
        }
        assert_eq!(codes(&shiny), ["glare"]);
        assert!(codes(&painted_text(200, 300)).contains(&"too_small".to_owned()));
    }

    #[test]
    fn a_sheet_that_leaves_the_photo_is_cut_off() {
        let page = painted_text(700, 900);
        let quality = measure(&page, &Plane::luma(&page), None, (700, 900));
        let out = Quad::from_px([[-30.0, 10.0], [600.0, 20.0], [610.0, 800.0], [5.0, 790.0]]);
        let advice = advice(&quality, &page, Some(&out), (700, 900));
        assert_eq!(advice[0].code, "cut_off");
        assert_eq!(advice[0].region.unwrap().bounds().0, 0.0);
    }
}
