//! A first look at a photo, before any text is read: what the person who took it should do better, while the paper is
//! still in their hand.
//!
//! Looks at a copy of at most 1600 pixels a side, made by the JPEG decoder itself where it can: such a decoder skips the
//! pixels that nobody looks at. Reading uses another decoder and every pixel, so nothing here touches a reading.

use super::decode::jpeg_header;
use super::jpeg_stream::{Stream, walk};
use super::plane::Plane;
use super::quality::{self, Advice, bp};
use super::{DecodeError, LOCATE_SIDE, Limits, PAGE_SIDE, PdfPage, Photo, decode, locate, media_type, rectify};
use crate::domain::{Quad, Quality, RetakeAdvice, Upload};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, imageops};
use std::io::Cursor;

/// Longest side of the copy that is looked at: printed lines of an A4 sheet are then about 14 pixels high.
const SIDE: u32 = 1600;
/// Side of the squares that are judged one by one, pixels of the copy.
const BLOCK: usize = 32;
/// Share of the squares that hold text on a document. Of 331 receipts, bills and invoices none has less.
const TEXT_SHARE: f64 = 0.022;
/// Height of a line of print on the page, in pixels, below which look-alike characters run together. Measured here it is
/// 0.6 of that of the boxes that reading finds, for which the policy asks 10.
const TEXT_HEIGHT: f64 = 6.0;
/// Sharpness in basis points below which a first look asks for another photo: lab photographs blurred by 3 pixels measure
/// 2800 to 3100, and all but one of 291 receipts, bills and invoices 4500 or more.
const SHARP_ENOUGH: u16 = 3_800;
/// Share of the sheet that one blown-out patch must cover to hide something.
const GLARE_SHARE: f64 = 0.02;
/// Lines of print that run into the left or right border, and characters that run into the top or bottom.
const CUT_LINES: usize = 4;
const CUT_CHARACTERS: usize = 8;

/// A photo decoded no larger than it is looked at.
#[derive(Debug, Clone)]
pub struct Reduced {
    image: RgbImage,
    /// Width and height of the whole photo after EXIF orientation, pixels.
    pub size: [u32; 2],
    /// [`Photo::surplus`].
    surplus: bool,
}

/// What a first look shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLook {
    /// The sheet's corners, clockwise from the one nearest the photo's top left; `None` if no sheet stands out.
    pub sheet: Option<Quad<Upload>>,
    /// Measures of the picture; `text_height` is an estimate, for the page that a reading would make.
    pub quality: Quality,
    /// What to do better; empty if nothing is in the way.
    pub retake: Vec<RetakeAdvice>,
}

/// Decodes a document for [`first_look`], under the same limits and with the same refusals as [`decode`].
///
/// # Errors
/// [`DecodeError`] if it is no picture we read, is damaged, or breaks a limit.
pub fn decode_reduced(bytes: &[u8], page: PdfPage, limits: &Limits) -> Result<Reduced, DecodeError> {
    if bytes.len() <= limits.bytes && media_type(bytes) == Ok("image/jpeg") {
        let stream = walk(bytes, limits.pixels);
        // What this decoder takes and the usual one does not is refused in a claim, so here too.
        if stream != Stream::Broken
            && jpeg_header(bytes, limits).is_ok()
            && let Some(reduced) = scaled_jpeg(bytes, limits)
        {
            return Ok(Reduced { surplus: stream == Stream::Surplus, ..reduced });
        }
    }
    // Every other format, and whatever the scaling decoder does not take, with the refusals of the usual one.
    let Photo { image, surplus, .. } = decode(bytes, page, limits)?;
    let size = [image.width(), image.height()];
    Ok(Reduced { image: rectify::reduced(&image, SIDE), size, surplus })
}

/// A JPEG decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size that is not smaller than [`SIDE`].
fn scaled_jpeg(bytes: &[u8], limits: &Limits) -> Option<Reduced> {
    // The decoder is safe to call but may panic on hostile bytes; nothing it touched outlives the panic.
    let (image, mut size, orientation) = std::panic::catch_unwind(|| {
        let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
        decoder.read_info().ok()?;
        let info = decoder.info()?;
        let (width, height) = (u32::from(info.width), u32::from(info.height));
        let long = width.max(height);
        if long > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
            return None;
        }
        // The usual decoder refuses these.
        if info.coding_process == jpeg_decoder::CodingProcess::Lossless {
            return None;
        }
        let share = |v: u32| (v * SIDE.min(long) / long).max(1) as u16;
        let (w, h) = decoder.scale(share(width), share(height)).ok()?;
        let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
        let pixels = decoder.decode().ok()?;
        let raw = match info.pixel_format {
            jpeg_decoder::PixelFormat::RGB24 => pixels,
            jpeg_decoder::PixelFormat::L8 => pixels.into_iter().flat_map(|v| [v; 3]).collect(),
            _ => return None,
        };
        Some((RgbImage::from_raw(u32::from(w), u32::from(h), raw)?, [width, height], orientation))
    })
    .ok()??;
    let mut upright = DynamicImage::ImageRgb8(rectify::reduced(&image, SIDE));
    if let Some(orientation) = orientation {
        upright.apply_orientation(orientation);
    }
    let image = upright.into_rgb8();
    if (image.width() > image.height()) != (size[0] > size[1]) {
        size.swap(0, 1);
    }
    Some(Reduced { image, size, surplus: false })
}

/// Looks at a photo. Never fails; a picture of nothing draws [`Advice::NotADocument`].
pub fn first_look(photo: &Reduced) -> FirstLook {
    let [width, height] = photo.size;
    let scale = f64::from(photo.image.width()) / f64::from(width);
    let small = rectify::reduced(&photo.image, LOCATE_SIDE);
    let up = f64::from(width) / f64::from(small.width());
    let located = locate::locate(&small);
    let corners = match located {
        locate::Located::Sheet(q) => Some(q.map(|c| c.map(|v| v * up))),
        locate::Located::Nothing | locate::Located::Several => None,
    };
    let sheet = corners.map(Quad::<Upload>::from_px);
    let (left, top, right, bottom) =
        sheet.map_or((0.0, 0.0, f64::from(width), f64::from(height)), |q| q.clamped(width, height).bounds());
    let at = |v: f64| (v * scale).floor().max(0.0) as u32;
    let view = imageops::crop_imm(&photo.image, at(left), at(top), at(right - left).max(1), at(bottom - top).max(1))
        .to_image();

    // What a pixel of the page, which a reading makes no longer than this, is here.
    let per_page_pixel = scale / (f64::from(PAGE_SIDE) / (right - left).max(bottom - top)).min(1.0);
    let print = Print::of(&view);
    let mut quality = quality::measure(&view, &print.luma, corners.as_ref(), (width, height));
    // A blur of σ pixels on the page is one of σ times this here.
    quality.sharpness = quality.sharpness.map(|s| bp(s.to_share() * per_page_pixel));
    let text_height = print.height().map(|h| h / per_page_pixel);
    quality.text_height = text_height.map(|h| (h * 16.0).round() as u32);
    let glare = print.blown_out();
    quality.glare = bp(glare.map_or(0.0, |(share, _)| share));

    // The view's pixels as places of the upload.
    let place = |[l, t, r, b]: [f64; 4]| {
        Quad::<Upload>::rect(left + l / scale, top + t / scale, left + r / scale, top + b / scale)
            .clamped(width, height)
    };
    let whole = Some(place([0.0, 0.0, f64::from(view.width()), f64::from(view.height())]));
    let mut retake: Vec<RetakeAdvice> = quality::advice(&quality, &view, sheet.as_ref(), (width, height));
    // The patch says where; the share of the whole sheet that the measure goes by does not.
    retake.retain(|r| r.code != Advice::Glare.code());
    if let Some((_, patch)) = glare.filter(|(share, _)| *share > GLARE_SHARE) {
        retake.push(Advice::Glare.at(Some(place(patch))));
    }
    // A claim app can ask again while the paper is in hand, so that it is asked sooner than after a whole reading.
    if quality.sharpness.is_some_and(|s| s.0 < SHARP_ENOUGH) && !retake.iter().any(|r| r.code == Advice::Blurred.code())
    {
        retake.push(Advice::Blurred.at(whole));
    }
    if located == locate::Located::Several {
        retake.push(Advice::SeveralDocuments.at(None));
    }
    if photo.surplus {
        retake.push(Advice::Damaged.at(None));
    }
    let seen = retake.is_empty();
    if seen && print.text_share() < TEXT_SHARE {
        retake.push(Advice::NotADocument.at(None));
    } else if seen && text_height.is_some_and(|h| h < TEXT_HEIGHT) {
        retake.push(Advice::TextTooSmall.at(whole));
    } else if sheet.is_none()
        && let Some(strip) = print.cut()
    {
        retake.push(Advice::CutOff.at(Some(place(strip))));
    }
    FirstLook { sheet: sheet.map(|q| q.clamped(width, height)), quality, retake }
}

/// What of a view is print: ink on something smooth and brighter.
struct Print {
    luma: Plane,
    /// 1 where there is ink.
    ink: Vec<u8>,
    /// Squares across and down.
    blocks: [usize; 2],
    /// What each square is.
    kinds: Vec<Block>,
    /// Median luma of the view without its ink.
    paper: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    /// At the top of the range, with nothing on it.
    Blown,
    Other,
}

impl Print {
    fn of(view: &RgbImage) -> Self {
        // Smoothed, or the closing would take the peaks of a sensor's noise for the paper.
        let luma = Plane::luma(view).blurred(1);
        let (w, h) = (luma.width, luma.height);
        let paper = luma.closing((w.max(h) / 130).max(4));
        // A fifth darker than the paper around it, and by more than sensors' noise.
        let is_ink = |(&p, &v): (&u8, &u8)| u8::from(p - v > (p / 5).max(8));
        let ink: Vec<u8> = paper.data.iter().zip(&luma.data).map(is_ink).collect();
        let blocks = [w.div_ceil(BLOCK), h.div_ceil(BLOCK)];
        let bright = paper.percentile(0.95);
        let kinds = (0..blocks[0] * blocks[1])
            .map(|i| kind(&luma, &paper, &ink, bright, [(i % blocks[0]) * BLOCK, (i / blocks[0]) * BLOCK]))
            .collect();
        let paper = paper.percentile(0.5);
        Self { luma, ink, blocks, kinds, paper }
    }

    fn is_text(&self, x: usize, y: usize) -> bool {
        self.kinds.get((y / BLOCK) * self.blocks[0] + x / BLOCK) == Some(&Block::Text)
    }

    /// Whether there is ink; outside the view there is none.
    fn has_ink(&self, x: usize, y: usize) -> bool {
        x < self.luma.width && self.ink.get(y * self.luma.width + x) == Some(&1)
    }

    /// Share of the squares that hold text.
    fn text_share(&self) -> f64 {
        self.kinds.iter().filter(|k| **k == Block::Text).count() as f64 / self.kinds.len().max(1) as f64
    }

    /// Height of lines of print, pixels: what most ink belongs to once characters are run together sideways (run-length
    /// smoothing; Wong, Casey and Wahl 1982). `None` if there is next to no print.
    fn height(&self) -> Option<f64> {
        // Wider than the characters that are read well, so that no stroke of theirs stands alone.
        const GAP: usize = 28;
        let (w, h) = (self.luma.width, self.luma.height);
        let mut runs = vec![0_u16; w];
        let mut histogram = [0_u32; 100];
        let mut row = vec![0_u8; w];
        for y in 0..h {
            row.copy_from_slice(&self.ink[y * w..(y + 1) * w]);
            let mut last = usize::MAX;
            for x in 0..w {
                if self.ink[y * w + x] == 1 {
                    if last != usize::MAX && x - last <= GAP {
                        row[last..x].fill(1);
                    }
                    last = x;
                }
            }
            for (x, run) in runs.iter_mut().enumerate() {
                if row[x] == 1 {
                    *run += 1;
                } else if *run > 0 {
                    // Thinner is a rule.
                    if *run >= 3 && self.is_text(x, y - 1) {
                        histogram[usize::from(*run).min(99)] += u32::from(*run);
                    }
                    *run = 0;
                }
            }
        }
        let total: u32 = histogram.iter().sum();
        let mut seen = 0;
        let median = histogram.iter().position(|n| {
            seen += n;
            seen * 2 > total
        })?;
        (total >= 2_000).then_some(median as f64)
    }

    /// The largest patch that is blown out while the paper is not, away from the border: its share of the view and its
    /// bounds (left, top, right, bottom).
    fn blown_out(&self) -> Option<(f64, [f64; 4])> {
        // Paper in a scan is at the top of the range everywhere.
        if self.paper >= 244 {
            return None;
        }
        let [across, down] = self.blocks;
        let mut seen: Vec<bool> = self.kinds.iter().map(|k| *k != Block::Blown).collect();
        let mut best: Option<(usize, [usize; 4])> = None;
        for start in 0..seen.len() {
            let (mut open, mut n, mut bounds) = (vec![start], 0, [usize::MAX, usize::MAX, 0, 0]);
            while let Some(i) = open.pop() {
                if std::mem::replace(&mut seen[i], true) {
                    continue;
                }
                n += 1;
                let (x, y) = (i % across, i / across);
                bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
                let near = [(x > 0, i.wrapping_sub(1)), (x + 1 < across, i + 1)];
                let level = [(y > 0, i.wrapping_sub(across)), (y + 1 < down, i + across)];
                open.extend(near.into_iter().chain(level).filter(|(inside, _)| *inside).map(|(_, i)| i));
            }
            // The blank margin of an overexposed sheet is as bright, and hides nothing.
            let [l, t, r, b] = bounds;
            let inside = n > 0 && l > 0 && t > 0 && r + 1 < across && b + 1 < down;
            if inside && best.is_none_or(|(most, _)| n > most) {
                best = Some((n, bounds));
            }
        }
        best.map(|(n, [l, t, r, b])| {
            let px = |v: usize| (v * BLOCK) as f64;
            (n as f64 / self.kinds.len() as f64, [px(l), px(t), px(r + 1), px(b + 1)])
        })
    }

    /// The strip along the border that lines of print run into (left, top, right, bottom), if one does.
    fn cut(&self) -> Option<[f64; 4]> {
        let (w, h) = (self.luma.width, self.luma.height);
        let line = self.height()?;
        let fits = |run: usize| run as f64 >= 0.25 * line && (run as f64) <= 1.5 * line;
        // Runs of ink along a border that are as high as characters and go on inwards: the background that shows beside
        // an uneven edge does not.
        let inner = (0.5 * line) as usize..(2.0 * line) as usize;
        let goes_on = |run: std::ops::Range<usize>, at: &dyn Fn(usize, usize) -> (usize, usize)| {
            run.flat_map(|i| inner.clone().map(move |depth| at(i, depth))).any(|(x, y)| self.has_ink(x, y))
        };
        let count = |length: usize, at: &dyn Fn(usize, usize) -> (usize, usize)| {
            let (mut run, mut found) = (0, 0);
            for i in 0..=length {
                let (x, y) = at(i, 1);
                if i < length && self.has_ink(x, y) && self.is_text(x, y) {
                    run += 1;
                } else {
                    found += usize::from(run > 0 && fits(run) && goes_on(i - run..i, at));
                    run = 0;
                }
            }
            found
        };
        let (fw, fh, depth) = (w as f64, h as f64, 3.0 * line);
        let sides = [
            (count(h, &|y, d| (d, y)), CUT_LINES, [0.0, 0.0, depth, fh]),
            (count(h, &|y, d| (w.saturating_sub(1 + d), y)), CUT_LINES, [fw - depth, 0.0, fw, fh]),
            (count(w, &|x, d| (x, d)), CUT_CHARACTERS, [0.0, 0.0, fw, depth]),
            (count(w, &|x, d| (x, h.saturating_sub(1 + d))), CUT_CHARACTERS, [0.0, fh - depth, fw, fh]),
        ];
        sides.into_iter().find(|(n, least, _)| n >= least).map(|(_, _, strip)| strip)
    }
}

/// What the square with this left and top is. `bright` is the luma of the view's brightest paper.
///
/// Print is some ink, some of it much darker than its paper, on paper that is bright, level and clean. Leaves, fabric and
/// walls lack the last.
fn kind(luma: &Plane, paper: &Plane, ink: &[u8], bright: u8, [left, top]: [usize; 2]) -> Block {
    let (right, bottom) = ((left + BLOCK).min(luma.width), (top + BLOCK).min(luma.height));
    let (mut inked, mut blown, mut stain, mut depth) = (0_u32, 0_u32, 0_u32, 0_u8);
    let (mut low, mut high) = (u8::MAX, 0_u8);
    for y in top..bottom {
        let span = y * luma.width + left..y * luma.width + right;
        for ((&v, &p), &ink) in luma.data[span.clone()].iter().zip(&paper.data[span.clone()]).zip(&ink[span]) {
            inked += u32::from(ink);
            blown += u32::from(v >= 251);
            stain += if ink == 0 { u32::from(p - v) } else { 0 };
            depth = depth.max(p - v);
            (low, high) = (low.min(p), high.max(p));
        }
    }
    let n = ((right - left) * (bottom - top)) as u32;
    let tenths = |part: u32, of: u32, most: u32| part * 10 <= of * most;
    let (low, high, depth) = (u32::from(low), u32::from(high), u32::from(depth));
    let clean = tenths(high - low, high, 2) && stain * 20 <= (n - inked).max(1) * high;
    let print = inked * 33 >= n && tenths(inked, n, 4) && tenths(3 * high, 10 * depth, 10);
    if blown * 50 >= n * 49 {
        Block::Blown
    } else if clean && print && tenths(6 * u32::from(bright), 10 * high, 10) {
        Block::Text
    } else {
        Block::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use crate::vision::locate::tests::photographed;
    use image::{Rgb, imageops::fast_blur};

    fn codes(image: RgbImage) -> Vec<String> {
        let size = [image.width(), image.height()];
        let look = first_look(&Reduced { image: rectify::reduced(&image, SIDE), size, surplus: false });
        look.retake.into_iter().map(|r| r.code).collect()
    }

    #[test]
    fn each_fault_is_named_and_a_good_page_draws_nothing() {
        let page = || painted_text(900, 1200);
        let grey = || {
            let mut page = page();
            page.pixels_mut().for_each(|p| p.0 = p.0.map(|v| (f32::from(v) * 0.8) as u8));
            page
        };
        let mut dark = page();
        dark.pixels_mut().for_each(|p| p.0 = p.0.map(|v| v / 8));
        let mut shiny = grey();
        for (x, y) in (250..650).flat_map(|x| (400..800).map(move |y| (x, y))) {
            shiny.put_pixel(x, y, Rgb([255; 3]));
        }
        let cut = imageops::crop_imm(&page(), 300, 0, 600, 1200).to_image();
        for (case, image, wanted) in [
            ("good", page(), vec![]),
            ("good, greyish", grey(), vec![]),
            ("blurred", fast_blur(&page(), 4.0), vec!["blurred"]),
            ("dark", dark, vec!["too_dark"]),
            ("glare", shiny, vec!["glare"]),
            ("cut", cut, vec!["cut_off"]),
            ("far away", imageops::thumbnail(&page(), 300, 400), vec!["text_too_small"]),
            ("tiny", painted_text(160, 200), vec!["too_small"]),
            ("nothing", RgbImage::from_pixel(900, 1200, Rgb([120, 110, 90])), vec!["not_a_document"]),
        ] {
            assert_eq!(codes(image), wanted, "{case}");
        }
    }

    #[test]
    fn places_are_those_of_the_upload() {
        let corners = [[150.0, 80.0], [480.0, 60.0], [560.0, 560.0], [90.0, 540.0]];
        let small = photographed(corners, 80, 640, 640);
        let upload = Reduced { image: small, size: [2560, 2560], surplus: false };
        let sheet = first_look(&upload).sheet.unwrap().to_px();
        let off = (0..4).map(|i| (sheet[i][0] - 4.0 * corners[i][0]).hypot(sheet[i][1] - 4.0 * corners[i][1]));
        assert!(off.fold(0.0, f64::max) < 20.0, "{sheet:?}");
    }

    #[test]
    fn a_jpeg_is_decoded_small_and_upright_and_hostile_bytes_are_refused() {
        let mut jpeg = Vec::new();
        let page = painted_text(4000, 3000);
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&page).unwrap();
        let reduced = decode_reduced(&jpeg, None, &Limits::default()).unwrap();
        assert_eq!((reduced.size, reduced.image.dimensions()), ([4000, 3000], (1600, 1200)));
        let limits = Limits { pixels: 1_000_000, ..Limits::default() };
        assert!(matches!(decode_reduced(&jpeg, None, &limits), Err(DecodeError::TooManyPixels { .. })));
        let cut = &jpeg[..jpeg.len() / 2];
        assert!(matches!(decode_reduced(cut, None, &Limits::default()), Err(DecodeError::Damaged { .. })));
        assert_eq!(decode_reduced(&[], None, &Limits::default()).unwrap_err(), DecodeError::Empty);
        for at in (200..jpeg.len()).step_by(jpeg.len() / 40) {
            let mut broken = jpeg.clone();
            broken[at] ^= 0x5a;
            let _ = decode_reduced(&broken, None, &Limits::default()).map(|photo| first_look(&photo));
        }
    }
}
