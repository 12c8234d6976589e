//! What the file tells of itself.

use super::Original;
use super::jpeg::{Jpeg, Plane};
use super::metadata::{self, Exif};
use crate::domain::ContentHash;
use crate::domain::pixels::{Device, History, Stratum};

/// Reads the file's own story; hostile or missing notes say nothing.
pub(super) fn of(original: &Original, jpeg: Option<&Jpeg>, plane: &Plane) -> History {
    let size = original.image.dimensions();
    let exif = metadata::exif(original.bytes).map(Exif::of).unwrap_or_default();
    let texts = metadata::texts(original.bytes);
    let says = |words: &[&str]| texts.iter().any(|text| contains_any(text, words));
    let quality = jpeg.and_then(Jpeg::quality);
    let stratum = if original.from_pdf {
        Stratum::Pdf
    } else if says(&["screenshot"]) {
        Stratum::Screenshot
    } else if jpeg.is_some() {
        match quality {
            _ if exif.make.is_some_and(|make| !make.is_empty()) => Stratum::Camera,
            None => Stratum::Camera,
            Some(_) if u64::from(size.0) * u64::from(size.1) < LEAST_CAMERA_PIXELS => Stratum::Resized,
            Some(_) => Stratum::Reencoded,
        }
    } else if original.bytes.starts_with(b"\x89PNG") {
        if is_screen(size) { Stratum::Screenshot } else { Stratum::Lossless }
    } else {
        Stratum::Other
    };
    let edited = exif.software.is_some_and(|software| contains_any(software, EDITORS)) || says(EDITOR_NOTES);
    let notes = [
        ("editing_software", edited),
        ("thumbnail_differs", exif.thumbnail.is_some_and(|small| differs(small, plane, size, exif.orientation()))),
        ("generated_by_ai", says(GENERATED)),
        ("edited_after_taken", exif.software.is_some() && is_later(exif.modified, exif.taken)),
    ];
    let notes = notes.into_iter().filter(|(_, said)| *said).map(|(word, _)| word.to_owned()).collect();
    History { stratum, quality, earlier_quality: None, notes, device: device(&exif) }
}

/// The camera that maker and model name.
fn device(exif: &Exif) -> Option<Device> {
    let told = |text: Option<&[u8]>| text.filter(|text| !text.is_empty()).map(<[u8]>::to_vec);
    let (make, model) = (told(exif.make)?, told(exif.model)?);
    let hashed = |last: &[u8]| {
        let name = [&make[..], &model, last].map(|part| ContentHash::of(part).0).concat();
        ContentHash::of(&name).to_string()[..32].to_owned()
    };
    // Some write zeros where they have no number.
    let serial = told(exif.serial).filter(|serial| serial.iter().any(|b| b.is_ascii_alphanumeric() && *b != b'0'));
    Some(Device {
        serial: serial.map(|serial| hashed(&serial)),
        build: hashed(&told(exif.software).unwrap_or_default()),
    })
}

/// Fewer pixels than any phone's camera of the last ten years makes; messengers send 1 to 2 million.
const LEAST_CAMERA_PIXELS: u64 = 3_000_000;

/// Programs that change pictures, as they write themselves into EXIF, lower case.
const EDITORS: &[&str] = &[
    "photoshop",
    "gimp",
    "snapseed",
    "lightroom",
    "pixelmator",
    "affinity",
    "picsart",
    "meitu",
    "美图",
    "醒图",
    "photopea",
    "paint.net",
    "photoscape",
    "fotor",
    "canva",
    "facetune",
    "corel",
    "acdsee",
    "polarr",
    "luminar",
    "capture one",
    "paintshop",
    "krita",
    "faceapp",
    "vsco",
    "pixlr",
    "befunky",
    "windows photo editor",
];

/// What such programs leave elsewhere, in XMP and C2PA. Not Photoshop's own part of a JPEG: others write captions there.
const EDITOR_NOTES: &[&str] = &[
    "creatortool>adobe photoshop",
    "creatortool=\"adobe photoshop",
    "creatortool>gimp",
    "creatortool=\"gimp",
    "softwareagent=\"adobe photoshop",
    "softwareagent>adobe photoshop",
    "c2pa.edited",
    "c2pa.drawing",
];

/// What programs that make pictures from words write: the IPTC digital source type that C2PA uses, the label that the
/// Chinese rules of 2025 ask for (GB 45438), and the parameters that open programs keep.
const GENERATED: &[&str] = &[
    "trainedalgorithmicmedia",
    "tc260:aigc",
    "\"aigc\"",
    "aigc\0{",
    "stable diffusion",
    "midjourney",
    "dall-e",
    "dall·e",
    "comfyui",
    "sampler: ",
    "made with google ai",
    "novelai",
];

/// Whether bytes hold one of some words, ASCII letters in either case.
fn contains_any(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes())))
}

/// Widths of upright phone screens.
const PHONE_WIDTHS: [u32; 25] = [
    640, 720, 750, 828, 1080, 1116, 1125, 1170, 1179, 1200, 1206, 1216, 1220, 1224, 1240, 1242, 1256, 1260, 1264, 1280,
    1284, 1290, 1320, 1344, 1440,
];
/// Screens of tablets and desks, longer side first.
const OTHER_SCREENS: [(u32, u32); 14] = [
    (1366, 768),
    (1440, 900),
    (1536, 864),
    (1600, 900),
    (1680, 1050),
    (1920, 1200),
    (2048, 1536),
    (2160, 1620),
    (2224, 1668),
    (2360, 1640),
    (2388, 1668),
    (2560, 1600),
    (2732, 2048),
    (2880, 1800),
];

/// Whether a picture is as large as a screen: phones are 16:9 to 22.5:9 with one of a few widths.
fn is_screen((w, h): (u32, u32)) -> bool {
    let (short, long) = (w.min(h), w.max(h));
    let is_phone = PHONE_WIDTHS.contains(&short) && 9 * long >= 16 * (short - 1) && 2 * 9 * long <= 45 * short;
    is_phone || OTHER_SCREENS.contains(&(long, short))
}

/// Minutes between taking and changing that a camera's own work may take.
const OWN_WORK: i64 = 60;

/// Whether a file was changed long after the photo was taken.
fn is_later(modified: Option<&[u8]>, taken: Option<&[u8]>) -> bool {
    let (Some(modified), Some(taken)) = (modified.and_then(minutes), taken.and_then(minutes)) else { return false };
    modified - taken > OWN_WORK
}

/// Minutes of `YYYY:MM:DD hh:mm:ss` on a calendar of months of 31 days: enough to tell later from sooner.
fn minutes(text: &[u8]) -> Option<i64> {
    let number =
        |at: std::ops::Range<usize>| std::str::from_utf8(text.get(at)?).ok()?.parse::<u32>().ok().map(i64::from);
    let [year, month, day] = [number(0..4)?, number(5..7)?, number(8..10)?];
    let [hour, minute] = [number(11..13)?, number(14..16)?];
    (year > 0).then_some((((year * 12 + month) * 31 + day) * 24 + hour) * 60 + minute)
}

/// Longest side of a thumbnail that is looked at: EXIF's are 160 × 120.
const MOST_THUMBNAIL: u32 = 1024;
/// Squares across and down that thumbnail and picture are compared in.
const CELLS: usize = 12;
/// Correlation below which they show different things.
const LEAST_ALIKE: f64 = 0.7;

/// Whether a thumbnail shows something else than the picture. One of another shape (bars, a crop) says nothing.
fn differs(small: &[u8], plane: &Plane, upright: (u32, u32), orientation: u8) -> bool {
    let stored = if orientation >= 5 { (upright.1, upright.0) } else { upright };
    let Some(size) = metadata::frame_size(small) else { return false };
    let shape = |(w, h): (u32, u32)| f64::from(w) / f64::from(h.max(1));
    if size.0.max(size.1) > MOST_THUMBNAIL || (shape(size) / shape(stored) - 1.0).abs() > 0.03 {
        return false;
    }
    let Some(thumbnail) = Jpeg::decoded(small, size, orientation) else { return false };
    let [a, b] = [&thumbnail.plane, plane].map(|plane| plane.cells(CELLS));
    correlation(&a, &b).is_some_and(|r| r < LEAST_ALIKE)
}

/// `None` if one of both is flat.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let dot = |p: &[f64], mp: f64, q: &[f64], mq: f64| p.iter().zip(q).map(|(x, y)| (x - mp) * (y - mq)).sum::<f64>();
    let (aa, bb) = (dot(a, ma, a, ma), dot(b, mb, b, mb));
    let flat = 16.0 * a.len() as f64;
    (aa > flat && bb > flat).then(|| dot(a, ma, b, mb) / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::{tiff, with_segment};
    use super::*;
    use image::RgbImage;
    use jpeg_encoder::{ColorType, Encoder};

    fn picture(width: u32, height: u32, turn: bool) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let bright = if turn { x * 255 / width } else { y * 255 / height };
            image::Rgb([bright as u8; 3])
        })
    }

    fn encoded(image: &RgbImage, quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (w, h) = (image.width() as u16, image.height() as u16);
        Encoder::new(&mut bytes, quality).encode(image.as_raw(), w, h, ColorType::Rgb).unwrap();
        bytes
    }

    fn told(bytes: &[u8], image: &RgbImage) -> History {
        let jpeg = Jpeg::of(bytes, image.dimensions());
        let plane = Plane::of(image);
        of(&Original { bytes, from_pdf: false, image }, jpeg.as_ref(), &plane)
    }

    #[test]
    fn a_jpeg_is_known_by_its_tables_size_and_maker() {
        let (small, large) = (picture(160, 120, false), picture(2400, 1600, false));
        assert_eq!(told(&encoded(&small, 75), &small).stratum, Stratum::Resized);
        let saved = told(&encoded(&large, 88), &large);
        assert_eq!((saved.stratum, saved.quality, saved.notes), (Stratum::Reencoded, Some(88), vec![]));
        let exif = [b"Exif\0\0", &tiff(&[(0x010f, "Maker")], "2026:01:01 09:00:00", b"")[..]].concat();
        assert_eq!(told(&with_segment(&encoded(&small, 75), 0xe1, &exif), &small).stratum, Stratum::Camera);
    }

    #[test]
    fn what_a_file_says_of_its_making_becomes_a_word() {
        let image = picture(160, 120, false);
        let jpeg = encoded(&image, 90);
        let notes = |marker: u8, body: &[u8]| told(&with_segment(&jpeg, marker, body), &image).notes;
        let exif = |software: &str, modified: &str, thumbnail: &[u8]| {
            let texts = [(0x0131, software), (0x0132, modified)];
            notes(0xe1, &[b"Exif\0\0", &tiff(&texts, "2026:01:01 09:00:00", thumbnail)[..]].concat())
        };
        let same = encoded(&picture(80, 60, false), 80);
        let other = encoded(&picture(80, 60, true), 80);
        assert!(exif("18.2", "2026:01:01 09:00:01", &same).is_empty());
        assert_eq!(exif("Adobe Photoshop 25.0", "2026:01:01 09:00:00", &same), ["editing_software"]);
        assert_eq!(exif("18.2", "2026:01:03 09:00:00", &same), ["edited_after_taken"]);
        assert_eq!(exif("18.2", "2026:01:01 09:00:00", &other), ["thumbnail_differs"]);
        assert_eq!(
            notes(0xeb, b"JP..jumb digitalSourceType http://cv.iptc.org/trainedAlgorithmicMedia"),
            ["generated_by_ai"]
        );
        assert_eq!(notes(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x TC260:AIGC='{}'"), ["generated_by_ai"]);
    }

    #[test]
    fn a_screen_is_known_by_its_size() {
        let sizes = [(1170, 2532), (1080, 2400), (2400, 1080), (1080, 1440), (1240, 1754), (1920, 1200), (1000, 2000)];
        assert_eq!(sizes.map(is_screen), [true, true, true, false, false, true, false]);
    }
}
