//! Chains: what befalls a photo between the camera and the upload. Genuine and forged ones go through the same.

use super::camera::Save;
use super::canvas::{Canvas, Style};
use super::dice::Dice;
use super::photograph::{blur, sensor};
use super::{CameraParams, Face, Fonts, Specimen, Truth, photograph};
use crate::domain::{Homography, Upload};
use fast_image_resize as fir;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use std::io;

/// What befalls the file. The names are those of the truth files and only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// The camera's JPEG; saved once more with the camera's own tables if it was edited, and half of the time if not.
    Camera,
    /// Saved without loss.
    Png,
    /// Saved as JPEG by libjpeg at quality 95, 4:2:0.
    Resave95,
    /// The same at 85.
    Resave85,
    /// The same at 75.
    Resave75,
    /// Made smaller, then quality 75, as messengers do.
    Messenger,
    /// Shown on a phone, and the phone's screen saved.
    Screenshot,
    /// Shown on a monitor and photographed.
    ScreenPhoto,
    /// Printed and photographed.
    Reprint,
}

impl Chain {
    /// All of them.
    pub const ALL: [Chain; 9] = [
        Self::Camera,
        Self::Png,
        Self::Resave95,
        Self::Resave85,
        Self::Resave75,
        Self::Messenger,
        Self::Screenshot,
        Self::ScreenPhoto,
        Self::Reprint,
    ];

    /// The stable name, written to the truth.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Png => "png",
            Self::Resave95 => "resave95",
            Self::Resave85 => "resave85",
            Self::Resave75 => "resave75",
            Self::Messenger => "messenger",
            Self::Screenshot => "screenshot",
            Self::ScreenPhoto => "screen_photo",
            Self::Reprint => "reprint",
        }
    }

    /// Whether the outcome is a picture of a picture.
    pub fn is_recapture(self) -> bool {
        matches!(self, Self::Screenshot | Self::ScreenPhoto | Self::Reprint)
    }
}

/// A file to upload, and what is true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// `jpg` or `png`.
    pub extension: &'static str,
    /// What is true, in pixels of this file.
    pub truth: Truth,
}

/// What a chain starts from.
pub(super) struct Start<'a> {
    /// The pixels as decoded from the camera's file, edited or not.
    pub(super) specimen: Specimen,
    /// The camera's file while nothing was edited.
    pub(super) file: Option<Vec<u8>>,
    /// How the camera saves.
    pub(super) save: &'a Save,
    /// How often it was saved as JPEG so far.
    pub(super) saves: u8,
    /// How photos of screens and prints are taken.
    pub(super) camera: &'a CameraParams,
    pub(super) seed: u64,
}

impl Start<'_> {
    /// Sends it through a chain.
    pub(super) fn through(self, chain: Chain, fonts: &Fonts) -> io::Result<Picture> {
        let mut dice = Dice::new(self.seed, "chain");
        let Self { specimen, file, save, saves, camera, seed } = self;
        match chain {
            Chain::Camera => match file {
                Some(bytes) if dice.chance(0.5) => Ok(written(bytes, "jpg", specimen.truth, chain, saves)),
                _ => jpeg(specimen, save, chain, saves),
            },
            Chain::Png => png(specimen, chain, saves),
            Chain::Resave95 => jpeg(specimen, &Save::ijg(95), chain, saves),
            Chain::Resave85 => jpeg(specimen, &Save::ijg(85), chain, saves),
            Chain::Resave75 => jpeg(specimen, &Save::ijg(75), chain, saves),
            Chain::Messenger => {
                let long = f64::from(specimen.image.width().max(specimen.image.height()));
                let k = if dice.chance(0.5) { (1280.0 / long).min(1.0) } else { 0.75 };
                jpeg(resized(specimen, k)?, &Save::ijg(75), chain, saves)
            }
            Chain::Screenshot => {
                let shown = on_phone(specimen, &mut dice, fonts)?;
                if dice.chance(0.5) { png(shown, chain, saves) } else { jpeg(shown, &Save::ijg(90), chain, saves) }
            }
            Chain::ScreenPhoto => jpeg(on_monitor(specimen, &mut dice, camera)?, save, chain, saves),
            Chain::Reprint => {
                jpeg(photograph(&printed(specimen, &mut dice), seed ^ 0x9e37, camera), save, chain, saves)
            }
        }
    }
}

fn written(bytes: Vec<u8>, extension: &'static str, mut truth: Truth, chain: Chain, saves: u8) -> Picture {
    truth.chain = Some(chain.as_str().to_owned());
    truth.recapture = chain.is_recapture().then(|| chain.as_str().to_owned());
    truth.saves = Some(saves);
    Picture { bytes, extension, truth }
}

fn jpeg(specimen: Specimen, save: &Save, chain: Chain, saves: u8) -> io::Result<Picture> {
    Ok(written(save.encode(&specimen.image)?, "jpg", specimen.truth, chain, saves + 1))
}

fn png(specimen: Specimen, chain: Chain, saves: u8) -> io::Result<Picture> {
    let image = &specimen.image;
    let mut bytes = Vec::with_capacity(image.len());
    // Noise hardly compresses: time spent on it is lost.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(written(bytes, "png", specimen.truth, chain, saves))
}

/// The specimen with another picture, in which `to` says where everything went.
fn moved(specimen: Specimen, image: RgbImage, to: &Homography<Upload, Upload>) -> Specimen {
    let Specimen { mut truth, mut places, view, .. } = specimen;
    let corners = |q: [[f64; 2]; 4]| q.map(|c| to.apply(c).map(|v| (v * 16.0).round() / 16.0));
    truth.altered = truth.altered.into_iter().map(corners).collect();
    truth.corners = truth.corners.map(corners);
    places.iter_mut().for_each(|p| p.quad = to.quad(&p.quad));
    Specimen { image, truth, places, view: view.and_then(|v| v.then(to)) }
}

/// A map that scales by `k`, then moves by `[dx, dy]`.
fn scaled(k: [f64; 2], [dx, dy]: [f64; 2]) -> Homography<Upload, Upload> {
    Homography::new([k[0], 0.0, dx, 0.0, k[1], dy, 0.0, 0.0, 1.0])
}

/// The picture at another size.
pub(super) fn shrunk(image: &RgbImage, w: u32, h: u32) -> io::Result<RgbImage> {
    let source = fir::images::ImageRef::new(image.width(), image.height(), image.as_raw(), fir::PixelType::U8x3)
        .map_err(io::Error::other)?;
    let mut target = fir::images::Image::new(w, h, fir::PixelType::U8x3);
    let options =
        fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::CatmullRom)).use_alpha(false);
    fir::Resizer::new().resize(&source, &mut target, &options).map_err(io::Error::other)?;
    RgbImage::from_raw(w, h, target.into_vec()).ok_or_else(|| io::Error::other("a picture of another size"))
}

/// The specimen at `k` times its size.
pub(super) fn resized(specimen: Specimen, k: f64) -> io::Result<Specimen> {
    let (w, h) = specimen.image.dimensions();
    let [nw, nh] = [w, h].map(|v| (f64::from(v) * k).round().max(1.0) as u32);
    let image = shrunk(&specimen.image, nw, nh)?;
    Ok(moved(specimen, image, &scaled([f64::from(nw) / f64::from(w), f64::from(nh) / f64::from(h)], [0.0; 2])))
}

/// The upright part of a specimen between left, top, right and bottom, pixels.
pub(super) fn cropped(specimen: Specimen, [left, top, right, bottom]: [u32; 4]) -> Specimen {
    let image =
        image::imageops::crop_imm(&specimen.image, left, top, right.saturating_sub(left), bottom.saturating_sub(top))
            .to_image();
    moved(specimen, image, &scaled([1.0; 2], [-f64::from(left), -f64::from(top)]))
}

/// A phone's whole screen with the photo in it.
fn on_phone(specimen: Specimen, dice: &mut Dice, fonts: &Fonts) -> io::Result<Specimen> {
    let [short, long] = dice.pick(&[[1080_u32, 2340], [1170, 2532], [1080, 2400], [1179, 2556]]);
    let (pw, ph) = specimen.image.dimensions();
    // A wide photo is looked at with the phone turned, more often than not.
    let (w, h) = if pw > ph && dice.chance(0.6) { (long, short) } else { (short, long) };
    let k = (f64::from(w) / f64::from(pw)).min(f64::from(h) / f64::from(ph));
    let shown = resized(specimen, k)?;
    let light = dice.chance(0.5);
    let (bar, ink) = if light { ([255; 3], [20; 3]) } else { ([0; 3], [255; 3]) };
    let mut screen = RgbImage::from_pixel(w, h, Rgb(bar));
    let [left, top] = [w - shown.image.width().min(w), h - shown.image.height().min(h)].map(|v| v / 2);
    image::imageops::replace(&mut screen, &shown.image, left.into(), top.into());

    // The status bar: the time at the left, the battery at the right. Ink multiplies, so white is painted as paper.
    let height = f64::from(short) * 0.075;
    let mut strip = RgbImage::from_pixel(w, height as u32, Rgb([255; 3]));
    let mut canvas = Canvas::new(strip, fonts);
    let style = Style { face: Face::Sans, em: (height * 0.42) as f32, ink: [0; 3], weight: 0.6 };
    let time = format!("{}:{:02}", dice.between(7, 22), dice.between(0, 59));
    canvas.text(&style, f64::from(short) * 0.06, height * 0.68, &time);
    let [right, y] = [f64::from(w) - f64::from(short) * 0.05, height * 0.36];
    let battery = format!("{}%", dice.between(8, 99));
    let text = canvas.width(&style, &battery);
    canvas.text(&style, right - 70.0 - text, height * 0.68, &battery);
    canvas.fill([right - 52.0, y, right, y + height * 0.34], [90; 3]);
    canvas.fill([right + 2.0, y + height * 0.1, right + 6.0, y + height * 0.24], [90; 3]);
    canvas.fill([right - 48.0, y + 4.0, right - dice.real(8.0, 44.0), y + height * 0.34 - 4.0], [0; 3]);
    strip = canvas.image;
    for (x, y, pixel) in strip.enumerate_pixels() {
        let share = 1.0 - f32::from(pixel.0[0]) / 255.0;
        if share > 0.0 {
            let below = screen.get_pixel_mut(x, y);
            below.0 = [0, 1, 2].map(|c| (f32::from(below.0[c]) * (1.0 - share) + f32::from(ink[c]) * share) as u8);
        }
    }
    // The home indicator.
    let [half, foot] = [f64::from(short) * 0.17, f64::from(h) - height * 0.25];
    for y in foot as u32..(foot + height * 0.06) as u32 {
        for x in (f64::from(w) / 2.0 - half) as u32..(f64::from(w) / 2.0 + half) as u32 {
            screen.put_pixel(x, y, Rgb(ink));
        }
    }
    Ok(moved(shown, screen, &scaled([1.0; 2], [left.into(), top.into()])))
}

/// One period of a cosine in 256 steps.
fn cosines() -> [f32; 256] {
    std::array::from_fn(|i| (i as f32 / 256.0 * std::f32::consts::TAU).cos())
}

/// A photo of a monitor that shows the photo: its grid of coloured stripes, seen through the camera's own grid.
fn on_monitor(specimen: Specimen, dice: &mut Dice, camera: &CameraParams) -> io::Result<Specimen> {
    let (pw, ph) = specimen.image.dimensions();
    let wide = pw >= ph;
    let (w, h) =
        if wide { (camera.long_side, camera.long_side * 3 / 4) } else { (camera.long_side * 3 / 4, camera.long_side) };
    // The monitor shows the photo at so many of its pixels for one of the camera's.
    let k = dice.real(0.62, 0.95) * f64::from(w) / f64::from(pw);
    let shown = resized(specimen, k)?;
    let (sw, sh) = (f64::from(shown.image.width()), f64::from(shown.image.height()));
    let (fw, fh) = (f64::from(w), f64::from(h));
    // The picture fills the frame but for a rim; each corner strays, which makes the slight perspective.
    let rim = dice.real(0.01, 0.05);
    let mut stray = |x: f64, y: f64| [x + dice.real(-0.02, 0.02) * fw, y + dice.real(-0.02, 0.02) * fh];
    let [l, t, r, b] = [rim * fw, rim * fh, (1.0 - rim) * fw, (1.0 - rim) * fh];
    let corners = [stray(l, t), stray(r, t), stray(r, b), stray(l, b)];
    let there = Homography::<Upload, Upload>::between([[0.0, 0.0], [sw, 0.0], [sw, sh], [0.0, sh]], corners)
        .ok_or_else(|| io::Error::other("a screen seen edge on"))?;
    let back = there.inverse().ok_or_else(|| io::Error::other("a screen seen edge on"))?.0.map(|v| v as f32);

    let cosines = cosines();
    let wave = |t: f32| cosines[((t - t.floor()) * 256.0) as usize & 255];
    let [stripes, rows] = [dice.real(0.03, 0.28) as f32, dice.real(0.02, 0.18) as f32];
    let cast = [dice.real(0.86, 0.98), dice.real(0.94, 1.0), dice.real(1.0, 1.1)].map(|v| v as f32);
    let (glow, exposure) = (dice.real(6.0, 22.0) as f32, dice.real(0.8, 0.98) as f32);
    let around = [dice.real(18.0, 60.0) as f32; 3];
    let fade = dice.real(0.05, 0.3) as f32;
    let mut light = vec![0.0_f32; w as usize * h as usize * 3];
    let raw = shown.image.as_raw();
    let (iw, ih) = (shown.image.width() as usize, shown.image.height() as usize);
    for (y, row) in light.chunks_exact_mut(w as usize * 3).enumerate() {
        let py = y as f32 + 0.5;
        for (x, out) in row.chunks_exact_mut(3).enumerate() {
            let px = x as f32 + 0.5;
            let depth = back[6] * px + back[7] * py + back[8];
            let u = (back[0] * px + back[1] * py + back[2]) / depth;
            let v = (back[3] * px + back[4] * py + back[5]) / depth;
            let (dx, dy) = (px / w as f32 - 0.5, py / h as f32 - 0.5);
            let shade = exposure * (1.0 - fade * (dx * dx + dy * dy) * 2.0);
            let on = u >= 0.0 && v >= 0.0 && u < iw as f32 && v < ih as f32;
            let at = (v.clamp(0.0, ih as f32 - 1.0) as usize * iw + u.clamp(0.0, iw as f32 - 1.0) as usize) * 3;
            let row_wave = 1.0 + rows * wave(v);
            for c in 0..3 {
                let lit = if on { f32::from(raw[at + c]) } else { around[c] };
                let stripe = 1.0 + stripes * wave(u - c as f32 / 3.0);
                out[c] = glow + lit * shade * cast[c] * stripe * row_wave;
            }
        }
    }
    blur(&mut light, w as usize, h as usize, dice.real(0.45, 0.8));
    let image = sensor(&light, w, h, dice.real(camera.noise[0], camera.noise[1]), dice.bits());
    Ok(moved(shown, image, &there))
}

/// What a printer makes of the picture: less contrast, and a screen of dots at an angle for each ink.
fn printed(specimen: Specimen, dice: &mut Dice) -> Specimen {
    let cosines = cosines();
    let wave = |t: f32| cosines[((t - t.floor()) * 256.0) as usize & 255];
    let period = dice.real(2.4, 3.6) as f32;
    let depth = dice.real(30.0, 75.0) as f32;
    let [black, white] = [dice.real(28.0, 60.0) as f32, dice.real(226.0, 246.0) as f32];
    // Cyan, magenta and yellow take away red, green and blue.
    let turns = [15.0_f32, 75.0, 0.0].map(|a| (a.to_radians().cos() / period, a.to_radians().sin() / period));
    let mut image = specimen.image.clone();
    let w = image.width() as usize;
    for (y, row) in image.chunks_exact_mut(w * 3).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            for (value, (a, b)) in pixel.iter_mut().zip(turns) {
                let tone = f32::from(*value) / 255.0;
                let (u, v) = (x as f32 * a + y as f32 * b, y as f32 * a - x as f32 * b);
                // Dots show most in the middle tones.
                let dots = (wave(u) + wave(v)) * 0.5 * depth * 4.0 * tone * (1.0 - tone);
                *value = (black + (white - black) * tone + dots).clamp(0.0, 255.0) as u8;
            }
        }
    }
    Specimen { image, ..specimen }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::camera::MAKERS;
    use crate::specimen::{PaintSpec, SpecimenKind, paint, tests::fonts};

    #[test]
    fn every_chain_says_what_it_did_and_moves_places_along() {
        let Some(fonts) = fonts() else { return };
        let camera = CameraParams { long_side: 1200, ..CameraParams::default() };
        let flat = paint(&PaintSpec::first(SpecimenKind::OutpatientBill, 3), &fonts);
        let mut photo = photograph(&flat, 3, &camera);
        let code = photo.places.iter().find(|p| p.mark == crate::specimen::Mark::Code).unwrap().quad.to_px();
        // The code is dark on the whole, what lies left of it is not.
        photo.truth.altered = vec![code];
        let save = Save::of(&MAKERS[1], &mut Dice::new(1, "test"));
        for chain in Chain::ALL {
            let start =
                || Start { specimen: photo.clone(), file: None, save: &save, saves: 1, camera: &camera, seed: 8 };
            let picture = start().through(chain, &fonts).unwrap();
            assert!(picture == start().through(chain, &fonts).unwrap(), "{} differs from itself", chain.as_str());
            let truth = &picture.truth;
            assert_eq!(truth.chain.as_deref(), Some(chain.as_str()));
            assert_eq!(truth.recapture.is_some(), chain.is_recapture());
            assert!(truth.genuine && truth.saves >= Some(1));
            let image = image::load_from_memory(&picture.bytes).unwrap().into_luma8();
            let [a, b, _, d] = truth.altered[0];
            let mean = |from: f64, to: f64| {
                let mut sum = 0.0;
                for i in 0..400 {
                    let (s, t) = (from + (to - from) * f64::from(i % 20) / 20.0, f64::from(i / 20) / 20.0);
                    let x = a[0] + (b[0] - a[0]) * s + (d[0] - a[0]) * t;
                    let y = a[1] + (b[1] - a[1]) * s + (d[1] - a[1]) * t;
                    sum += f64::from(image.get_pixel(x as u32, y as u32).0[0]);
                }
                sum / 400.0
            };
            let (inside, beside) = (mean(0.05, 0.95), mean(-0.3, -0.1));
            assert!(inside + 25.0 < beside, "{}: {inside} in the code, {beside} beside it", chain.as_str());
        }
    }
}
