//! Ink on paper: text, rules, codes and stamps, each multiplied onto what lies below as real ink does.

use super::fonts::{Face, Fonts};
use ab_glyph::{Font, PxScale, ScaleFont};
use image::{Rgb, RgbImage};
use qrcode::{Color, EcLevel, QrCode};

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// The face.
    pub face: Face,
    /// Size of the em square in pixels.
    pub em: f32,
    /// Colour of the ink.
    pub ink: [u8; 3],
    /// How much wider strokes are, pixels.
    pub weight: f32,
}

/// Left, top, right, bottom in pixels.
pub(super) type Bounds = [f64; 4];

/// A picture being painted.
pub(super) struct Canvas<'f> {
    pub(super) image: RgbImage,
    fonts: &'f Fonts,
}

impl<'f> Canvas<'f> {
    pub(super) fn new(image: RgbImage, fonts: &'f Fonts) -> Self {
        Self { image, fonts }
    }

    /// Multiplies ink of this opacity (0..=1) onto one pixel; outside the picture nothing happens.
    fn ink(&mut self, x: i64, y: i64, ink: [u8; 3], opacity: f32) {
        if x < 0 || y < 0 || x >= i64::from(self.image.width()) || y >= i64::from(self.image.height()) {
            return;
        }
        let pixel = self.image.get_pixel_mut(x as u32, y as u32);
        for (p, i) in pixel.0.iter_mut().zip(ink) {
            *p = (f32::from(*p) * (1.0 - opacity * (1.0 - f32::from(i) / 255.0))).round() as u8;
        }
    }

    /// How far a text reaches, pixels.
    pub(super) fn width(&self, style: &Style, text: &str) -> f64 {
        text.chars().map(|c| f64::from(self.advance(style, c))).sum()
    }

    fn advance(&self, style: &Style, c: char) -> f32 {
        advance(self.fonts, style, c)
    }

    /// Sets a text from `x` on a baseline; hands back the box around its ink.
    pub(super) fn text(&mut self, style: &Style, x: f64, baseline: f64, text: &str) -> Bounds {
        if style.face == Face::Needle {
            return self.dots(style, x, baseline, text);
        }
        let mut pen = x as f32;
        let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for c in text.chars() {
            let fonts = self.fonts;
            let (font, id) = fonts.glyph(style.face, c);
            let scale = px_scale(font, style.em);
            let passes: &[f32] = if style.weight > 0.0 { &[0.0, 1.0] } else { &[0.0] };
            for pass in passes {
                let at = ab_glyph::point(pen + pass * style.weight, baseline as f32);
                let Some(outline) = font.outline_glyph(id.with_scale_and_position(scale, at)) else { continue };
                let b = outline.px_bounds();
                let (left, top) = (b.min.x as i64, b.min.y as i64);
                outline.draw(|dx, dy, coverage| {
                    self.ink(left + i64::from(dx), top + i64::from(dy), style.ink, coverage.clamp(0.0, 1.0));
                });
                bounds = [
                    bounds[0].min(f64::from(b.min.x)),
                    bounds[1].min(f64::from(b.min.y)),
                    bounds[2].max(f64::from(b.max.x)),
                    bounds[3].max(f64::from(b.max.y)),
                ];
            }
            pen += self.advance(style, c);
        }
        if bounds[0].is_finite() { bounds } else { [x, baseline - 1.0, x + 1.0, baseline] }
    }

    /// Sets a text as a needle printer does: round dots on a grid, some pins striking more weakly than others.
    fn dots(&mut self, style: &Style, x: f64, baseline: f64, text: &str) -> Bounds {
        // Pins of the printing head, and the share of a grid cell that a stroke must cover for a pin to strike.
        const PINS: f32 = 24.0;
        const STRIKES: f32 = 0.36;
        let pitch = f64::from(style.em / PINS);
        // 0.2 mm of needle on a pitch of 0.14 mm, and the ink's own spread.
        let radius = pitch * 0.72;
        let mut pen = x;
        let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for c in text.chars() {
            let (font, id) = self.fonts.glyph(style.face, c);
            let at = id.with_scale_and_position(px_scale(font, PINS), ab_glyph::point(0.0, 0.0));
            if let Some(outline) = font.outline_glyph(at) {
                let b = outline.px_bounds();
                let mut struck = Vec::new();
                outline.draw(|dx, dy, coverage| {
                    if coverage > STRIKES {
                        struck.push([f64::from(b.min.x) + f64::from(dx), f64::from(b.min.y) + f64::from(dy)]);
                    }
                });
                for [i, j] in struck {
                    // The same pin strikes the same row all along the line, so its weakness runs through it.
                    let pin = smooth_noise(j * 3.7, baseline * 0.013, 0x24) * 0.34;
                    let blow = smooth_noise(pen + i * 1.9, j * 2.3, 0x17) * 0.18;
                    let [cx, cy] = [pen + (i + 0.5) * pitch, baseline + (j + 0.5) * pitch];
                    self.dot([cx, cy], radius, style.ink, (1.0 - pin - blow) as f32);
                    bounds = [
                        bounds[0].min(cx - radius),
                        bounds[1].min(cy - radius),
                        bounds[2].max(cx + radius),
                        bounds[3].max(cy + radius),
                    ];
                }
            }
            pen += f64::from(self.advance(style, c));
        }
        if bounds[0].is_finite() { bounds } else { [x, baseline - 1.0, x + 1.0, baseline] }
    }

    fn dot(&mut self, [cx, cy]: [f64; 2], radius: f64, ink: [u8; 3], opacity: f32) {
        for y in (cy - radius).floor() as i64..=(cy + radius) as i64 {
            for x in (cx - radius).floor() as i64..=(cx + radius) as i64 {
                let away = (x as f64 + 0.5 - cx).hypot(y as f64 + 0.5 - cy);
                let cover = (radius + 0.5 - away).clamp(0.0, 1.0) as f32;
                self.ink(x, y, ink, cover * opacity);
            }
        }
    }

    /// Sets a text between `left` and `right`, smaller if it would not fit. `anchor`: 0 left, 0.5 centred, 1 right.
    pub(super) fn fit(&mut self, style: &Style, [left, right]: [f64; 2], base: f64, anchor: f64, text: &str) -> Set {
        let mut style = *style;
        let wide = self.width(&style, text);
        if wide > right - left {
            style.em *= ((right - left) / wide) as f32;
        }
        let x = left + (right - left - self.width(&style, text)) * anchor;
        Set { bounds: self.text(&style, x, base, text), start: x, end: x + self.width(&style, text), style }
    }

    /// A filled upright box with soft edges.
    pub(super) fn fill(&mut self, [left, top, right, bottom]: Bounds, ink: [u8; 3]) {
        let cover = |i: i64, from: f64, to: f64| ((i as f64 + 1.0).min(to) - (i as f64).max(from)).clamp(0.0, 1.0);
        for y in top.floor() as i64..bottom.ceil() as i64 {
            for x in left.floor() as i64..right.ceil() as i64 {
                self.ink(x, y, ink, (cover(x, left, right) * cover(y, top, bottom)) as f32);
            }
        }
    }

    /// A QR code by its top right corner, at most `size` wide and high, each module a whole number of pixels; `None` if
    /// the payload is too long for any code.
    pub(super) fn code(&mut self, [right, top]: [f64; 2], size: f64, payload: &str, style: &Style) -> Option<Set> {
        let code = QrCode::with_error_correction_level(payload, EcLevel::M).ok()?;
        let ink = [10, 10, 12];
        let n = code.width();
        let module = (size / n as f64).floor().max(2.0);
        let [x0, y0] = [(right - module * n as f64).floor(), top.floor()];
        for (i, colour) in code.to_colors().into_iter().enumerate() {
            if colour == Color::Dark {
                let [x, y] = [x0 + (i % n) as f64 * module, y0 + (i / n) as f64 * module];
                self.fill([x, y, x + module, y + module], ink);
            }
        }
        let [x1, y1] = [x0 + module * n as f64, y0 + module * n as f64];
        Some(Set { bounds: [x0, y0, x1, y1], start: x0, end: x1, style: Style { ink, ..*style } })
    }

    /// A horizontal or vertical rule of this thickness, centred on the line between two points.
    pub(super) fn rule(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], thickness: f64, ink: [u8; 3]) {
        let h = thickness / 2.0;
        self.fill([x0 - h, y0 - h, x1 + h, y1 + h], ink);
    }

    /// Paints over a box with one colour, as the eraser of a picture editor does.
    pub(super) fn erase(&mut self, [left, top, right, bottom]: Bounds, paper: [u8; 3]) {
        for y in top.max(0.0) as u32..(bottom.ceil().max(0.0) as u32).min(self.image.height()) {
            for x in left.max(0.0) as u32..(right.ceil().max(0.0) as u32).min(self.image.width()) {
                self.image.put_pixel(x, y, Rgb(paper));
            }
        }
    }

    /// A character turned by `angle` (radians, clockwise) about its own middle, in worn stamp ink.
    fn turned(&mut self, style: &Style, c: char, [cx, cy]: [f64; 2], angle: f64, wear: &Wear) {
        let (font, id) = self.fonts.glyph(style.face, c);
        // Twice the size, so that sampling it turned keeps the strokes' edges.
        let scale = px_scale(font, style.em * 2.0);
        let Some(outline) = font.outline_glyph(id.with_scale_and_position(scale, ab_glyph::point(0.0, 0.0))) else {
            return;
        };
        let b = outline.px_bounds();
        let (w, h) = (b.width() as usize, b.height() as usize);
        let mut mask = vec![0.0_f32; w * h];
        outline.draw(|x, y, c| {
            if let Some(m) = mask.get_mut(y as usize * w + x as usize) {
                *m = c.clamp(0.0, 1.0);
            }
        });
        let (sin, cos) = angle.sin_cos();
        let r = f64::from(style.em);
        for y in (cy - r) as i64..=(cy + r) as i64 {
            for x in (cx - r) as i64..=(cx + r) as i64 {
                let (dx, dy) = (x as f64 + 0.5 - cx, y as f64 + 0.5 - cy);
                let u = (dx * cos + dy * sin) * 2.0 + w as f64 / 2.0 - 0.5;
                let v = (dy * cos - dx * sin) * 2.0 + h as f64 / 2.0 - 0.5;
                let (iu, iv) = (u.floor(), v.floor());
                let at = |i: f64, j: f64| {
                    let inside = i >= 0.0 && j >= 0.0 && i < w as f64 && j < h as f64;
                    if inside { mask[j as usize * w + i as usize] } else { 0.0 }
                };
                let (fu, fv) = ((u - iu) as f32, (v - iv) as f32);
                let top = at(iu, iv) * (1.0 - fu) + at(iu + 1.0, iv) * fu;
                let low = at(iu, iv + 1.0) * (1.0 - fu) + at(iu + 1.0, iv + 1.0) * fu;
                self.ink(x, y, style.ink, (top * (1.0 - fv) + low * fv) * wear.at(x, y));
            }
        }
    }

    /// An oval stamp: ring, a text along the upper arc and one or two lines inside.
    pub(super) fn stamp(&mut self, stamp: &Stamp<'_>) {
        let ([cx, cy], [a, b]) = (stamp.centre, stamp.radii);
        let wear = Wear { seed: stamp.seed, opacity: stamp.opacity };
        let thick = a * 0.035;
        for y in (cy - b - 4.0) as i64..=(cy + b + 4.0) as i64 {
            for x in (cx - a - 4.0) as i64..=(cx + a + 4.0) as i64 {
                let (dx, dy) = (x as f64 + 0.5 - cx, y as f64 + 0.5 - cy);
                let f = ((dx / a).powi(2) + (dy / b).powi(2)).sqrt();
                // Distance to the ellipse, first order: (f − 1) over the length of its gradient.
                let slope = ((dx / (a * a)).powi(2) + (dy / (b * b)).powi(2)).sqrt() / f.max(1e-6);
                let cover = (thick / 2.0 + 0.5 - ((f - 1.0) / slope.max(1e-9)).abs()).clamp(0.0, 1.0);
                self.ink(x, y, RED, cover as f32 * wear.at(x, y));
            }
        }
        let em = (b * 0.30).min(a * 3.6 / stamp.arc.chars().count().max(1) as f64 * 0.8) as f32;
        let style = Style { face: Face::Hei, em, ink: RED, weight: 0.0 };
        let n = stamp.arc.chars().count();
        let inner = [a - f64::from(em) * 0.85 - thick, b - f64::from(em) * 0.85 - thick];
        for (c, t) in stamp.arc.chars().zip(spread(n, inner, f64::from(em) * 1.25)) {
            let place = [cx + inner[0] * t.sin(), cy - inner[1] * t.cos()];
            let normal = (t.sin() / inner[0]).atan2(t.cos() / inner[1]);
            self.turned(&style, c, place, normal, &wear);
        }
        for (i, line) in stamp.lines.iter().enumerate() {
            let em = (b * 0.27).min(a * 1.25 / line.chars().count().max(1) as f64) as f32;
            let style = Style { em, ..style };
            let n = line.chars().count() as f64;
            for (j, c) in line.chars().enumerate() {
                let x = cx + (j as f64 - (n - 1.0) / 2.0) * f64::from(em) * 1.08;
                self.turned(&style, c, [x, cy + b * (stamp.lines_at + 0.36 * i as f64)], 0.0, &wear);
            }
        }
    }
}

/// Angles from the top at which `n` characters stand evenly along an ellipse, `pitch` apart or closer, over at most
/// the upper 220 degrees.
fn spread(n: usize, [a, b]: [f64; 2], pitch: f64) -> Vec<f64> {
    const STEPS: i32 = 220;
    let angle = |i: i32| f64::from(i - STEPS / 2).to_radians();
    // Arc length up to each degree.
    let mut length = vec![0.0];
    for i in 0..STEPS {
        let t = angle(i) + 0.5_f64.to_radians();
        let step = (a * t.cos()).hypot(b * t.sin()) * 1_f64.to_radians();
        length.push(length[i as usize] + step);
    }
    let whole = length[STEPS as usize];
    let pitch = pitch.min(whole / n.max(1) as f64);
    (0..n)
        .map(|i| {
            let at = whole / 2.0 + (i as f64 - (n as f64 - 1.0) / 2.0) * pitch;
            angle(length.partition_point(|l| *l < at) as i32)
        })
        .collect()
}

/// How far the pen moves for one character, pixels.
pub(super) fn advance(fonts: &Fonts, style: &Style, c: char) -> f32 {
    let (font, id) = fonts.glyph(style.face, c);
    font.as_scaled(px_scale(font, style.em)).h_advance(id)
}

/// A text as it was set.
pub(super) struct Set {
    pub(super) bounds: Bounds,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) style: Style,
}

/// What a stamp shows and where.
pub(super) struct Stamp<'a> {
    pub(super) centre: [f64; 2],
    pub(super) radii: [f64; 2],
    pub(super) arc: &'a str,
    pub(super) lines: &'a [&'a str],
    /// Where the middle of the first line is: 0 the centre, 1 the foot of the oval.
    pub(super) lines_at: f64,
    pub(super) opacity: f32,
    pub(super) seed: u64,
}

const RED: [u8; 3] = [214, 40, 48];

/// Uneven ink: smooth noise with a grain of about 9 pixels.
struct Wear {
    seed: u64,
    opacity: f32,
}

impl Wear {
    fn at(&self, x: i64, y: i64) -> f32 {
        self.opacity * (0.62 + 0.38 * smooth_noise(x as f64 / 9.0, y as f64 / 9.0, self.seed)) as f32
    }
}

/// Value noise in 0..=1: random values at whole coordinates, blended smoothly between them.
pub(super) fn smooth_noise(x: f64, y: f64, seed: u64) -> f64 {
    let floor = |v: f64| {
        // `f64::floor` is a call where the processor is not known to have it.
        let cut = v as i64 as f64;
        if cut > v { cut - 1.0 } else { cut }
    };
    let (ix, iy) = (floor(x), floor(y));
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - ix), ease(y - iy));
    let at = |dx: i64, dy: i64| {
        // SplitMix64's finaliser over the lattice point.
        let mut h = seed
            ^ ((ix as i64 + dx) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ ((iy as i64 + dy) as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((h ^ (h >> 31)) >> 40) as f64 / (1_u64 << 24) as f64
    };
    let top = at(0, 0) * (1.0 - fx) + at(1, 0) * fx;
    let low = at(0, 1) * (1.0 - fx) + at(1, 1) * fx;
    top * (1.0 - fy) + low * fy
}

/// ab_glyph measures size as ascent minus descent; this is the one whose em square has `em` pixels.
fn px_scale(font: &impl Font, em: f32) -> PxScale {
    PxScale::from(em * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
}
