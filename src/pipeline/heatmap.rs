//! Where the pixels look altered, drawn on the upload, for people.

use crate::domain::pixels::{PixelEvidence, SignalName};
use image::{Rgb, RgbImage};

/// The upload in pale grey; on it every place that a signal points to, from yellow (at a half of the limit of an alarm) to
/// red (at it and beyond), with a frame around those beyond.
pub fn heatmap(upload: &RgbImage, pixels: &PixelEvidence) -> RgbImage {
    let mut heat = vec![0.0_f32; (upload.width() * upload.height()) as usize];
    let mut frames = Vec::new();
    for signal in &pixels.signals {
        if signal.name == SignalName::Recapture {
            continue;
        }
        for suspect in &signal.suspects {
            let strength = suspect.score as f32 / signal.name.alarm() as f32;
            for quad in std::iter::once(suspect.polygon).chain(suspect.like) {
                let (l, t, r, b) = quad.bounds();
                warm(&mut heat, upload.dimensions(), [l, t, r, b], strength);
                if strength >= 1.0 {
                    frames.push([l, t, r, b]);
                }
            }
        }
    }
    let mut out = upload.clone();
    for (pixel, heat) in out.pixels_mut().zip(&heat) {
        let [r, g, b] = pixel.0.map(u32::from);
        let grey = 128.0 + ((77 * r + 150 * g + 29 * b) >> 9) as f32;
        let share = ((heat - 0.5) * 1.4).clamp(0.0, 0.7);
        let green = (230.0 * (1.6 - heat)).clamp(0.0, 230.0);
        pixel.0 = [(235.0, 0), (green, 1), (20.0, 2)].map(|(c, _)| (grey + (c - grey) * share) as u8);
    }
    let weight = f64::from((upload.width().max(upload.height()) / 900).max(1));
    for [l, t, r, b] in frames {
        for i in 0..=weight as i32 {
            let grow = 2.0 + f64::from(i);
            let (left, top) = ((l - grow) as i32, (t - grow) as i32);
            let (width, height) = ((r - l + 2.0 * grow).max(1.0) as u32, (b - t + 2.0 * grow).max(1.0) as u32);
            let frame = imageproc::rect::Rect::at(left, top).of_size(width, height);
            imageproc::drawing::draw_hollow_rect_mut(&mut out, frame, Rgb([200, 0, 0]));
        }
    }
    out
}

/// Warms a box and, less and less, what lies up to half its height around it.
fn warm(heat: &mut [f32], (width, height): (u32, u32), [l, t, r, b]: [f64; 4], strength: f32) {
    let reach = ((b - t) / 2.0).max(3.0);
    let columns = (l - reach).max(0.0) as u32..((r + reach).max(0.0) as u32).min(width);
    for y in (t - reach).max(0.0) as u32..((b + reach).max(0.0) as u32).min(height) {
        for x in columns.clone() {
            let off = |v: u32, low: f64, high: f64| (low - f64::from(v)).max(f64::from(v) - high).max(0.0);
            let away = off(x, l, r).hypot(off(y, t, b)) / reach;
            let here = &mut heat[(y * width + x) as usize];
            *here = here.max(strength.min(1.5) * (1.0 - away).max(0.0) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Quad;
    use crate::domain::pixels::{History, Signal, Stratum, Suspect};

    #[test]
    fn an_alarm_is_red_and_the_rest_pale_grey() {
        let name = SignalName::CopiedGlyphs;
        let polygon = Quad::rect(20.0, 20.0, 30.0, 36.0);
        let suspects = vec![Suspect { polygon, score: 2 * name.alarm(), field: None, like: None }];
        let signal = Signal { name, not_applicable: None, score: Some(2 * name.alarm()), tested: 9, suspects };
        let history =
            History { stratum: Stratum::Camera, quality: None, earlier_quality: None, notes: Vec::new(), device: None };
        let pixels = PixelEvidence { history, signals: vec![signal] };
        let drawn = heatmap(&RgbImage::from_pixel(80, 60, Rgb([200, 180, 160])), &pixels);
        let [r, g, b] = drawn.get_pixel(25, 28).0;
        assert!(r > 180 && g < 140 && b < 120, "{r} {g} {b}");
        let far = drawn.get_pixel(70, 50).0;
        assert!(far[0] == far[1] && far[1] == far[2]);
    }
}
