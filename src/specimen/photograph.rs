//! Photographs a document, flat or curled: a table, a hand-held camera, a lamp, a lens, a sensor.

use super::canvas::smooth_noise;
use super::dice::Dice;
use super::{Place, Specimen};
use crate::domain::{Homography, Quad, Upload};
use image::RgbImage;

/// How a photo is taken. Pairs are ranges a seed draws from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraParams {
    /// Longer side in pixels; the shorter is three quarters of it. Default 1840, 2.5 megapixels.
    pub long_side: u32,
    /// Angle between the sheet and the sensor, degrees. Default 2 to 6, a careful hand.
    pub tilt: [f64; 2],
    /// Greatest turn in the picture plane either way, degrees. Default 3.
    pub roll: f64,
    /// Share of the frame that the sheet spans in its tighter direction. Default 0.90 to 0.96.
    pub fill: [f64; 2],
    /// How much darker the far side of the lamp is, 0..1. Default 0.08 to 0.25.
    pub falloff: [f64; 2],
    /// How likely a soft shadow falls over the sheet. Default 0.5.
    pub shadow: f64,
    /// Standard deviation of the lens blur, pixels. Default 0.4 to 0.65.
    pub blur: [f64; 2],
    /// Standard deviation of the sensor's luma noise, grey levels. Default 1.2 to 2.4.
    pub noise: [f64; 2],
    /// How the sheet bends. Default none: it lies flat.
    pub curl: Option<Curl>,
    /// Factor on all light before it is noisy. Default 1.
    pub exposure: [f64; 2],
    /// How far a phone's own contrast curve is applied, 0..1. Default 0.
    pub contrast: [f64; 2],
    /// Light tables, planks, tiles and cloth too, not only four dark tables. Default not.
    pub varied_tables: bool,
}

/// A sheet bent as a part of a cylinder. Its light does not change, only its shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curl {
    /// Which way the cylinder's axis runs on the sheet.
    pub axis: CurlAxis,
    /// How far the middle rises above the two ends, as a share of the sheet's length across the axis; below 0 it lies
    /// under them. Held within ±[`Curl::MOST`].
    pub sag: f64,
}

impl Curl {
    /// A bend of about 115 degrees.
    pub const MOST: f64 = 0.25;
}

/// Which way a curl's axis runs on the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurlAxis {
    /// From top to bottom: lines of text become curves.
    Vertical,
    /// From side to side, as of paper from a roll: lines of text stay straight and lie closer at the ends.
    Horizontal,
}

impl Default for CameraParams {
    fn default() -> Self {
        Self {
            long_side: 1840,
            tilt: [2.0, 6.0],
            roll: 3.0,
            fill: [0.90, 0.96],
            falloff: [0.08, 0.25],
            shadow: 0.5,
            blur: [0.4, 0.65],
            noise: [1.2, 2.4],
            curl: None,
            exposure: [1.0, 1.0],
            contrast: [0.0, 0.0],
            varied_tables: false,
        }
    }
}

impl CameraParams {
    /// A hand less careful: 0 is the default, 3 what a person is barely able to read.
    pub fn careless(severity: u8) -> Self {
        let severity = severity.min(3);
        let s = f64::from(severity);
        let plain = Self::default();
        Self {
            long_side: plain.long_side - 240 * u32::from(severity),
            tilt: plain.tilt.map(|t| t + 2.0 * s),
            roll: plain.roll + 2.0 * s,
            fill: plain.fill.map(|f| f - 0.04 * s),
            falloff: plain.falloff.map(|f| f + 0.08 * s),
            blur: plain.blur.map(|b| b + 0.18 * s),
            noise: plain.noise.map(|n| n * (1.0 + 0.7 * s)),
            ..plain
        }
    }
}

/// A photo of `flat`. Its places and alterations are mapped along; its truth is otherwise unchanged.
pub fn photograph(flat: &Specimen, seed: u64, camera: &CameraParams) -> Specimen {
    let mut dice = Dice::new(seed, "camera");
    let [fw, fh] = [f64::from(flat.image.width()), f64::from(flat.image.height())];
    let short = camera.long_side * 3 / 4;
    let (w, h) = if fw >= fh { (camera.long_side, short) } else { (short, camera.long_side) };
    let sheet = [[0.0, 0.0], [fw, 0.0], [fw, fh], [0.0, fh]];
    let pose = Pose::draw(&mut dice, camera, [fw, fh], [f64::from(w), f64::from(h)]);
    let corners = sheet.map(|c| pose.seen(c));
    let identity = Homography::identity();
    let there = Homography::<Upload, Upload>::between(sheet, corners).unwrap_or(identity);
    let back = there.inverse().unwrap_or(identity);
    let seen = |p| if camera.curl.is_some() { pose.seen(p) } else { there.apply(p) };

    let mut scene = Scene::set(&mut dice, camera);
    // A stream of its own, so that what a plain camera sees does not depend on what this one adds.
    let mut more = Dice::new(seed, "phone");
    if camera.varied_tables {
        scene.vary(&mut more);
    }
    let mut light = match camera.curl {
        Some(_) => scene.expose(&flat.image, |p| pose.on_sheet(p), w, h),
        None => {
            // `back.apply` written out: it is called for every pixel, and must be inlined.
            let m = back.0;
            let back = |[x, y]: [f64; 2]| {
                let depth = m[6] * x + m[7] * y + m[8];
                [(m[0] * x + m[1] * y + m[2]) / depth, (m[3] * x + m[4] * y + m[5]) / depth]
            };
            scene.expose(&flat.image, back, w, h)
        }
    };
    blur(&mut light, w as usize, h as usize, dice.real(camera.blur[0], camera.blur[1]));
    let [exposure, contrast] = [camera.exposure, camera.contrast].map(|[from, to]| more.real(from, to) as f32);
    if exposure != 1.0 || contrast != 0.0 {
        expose_and_curve(&mut light, exposure, contrast);
    }
    let image = sensor(&light, w, h, dice.real(camera.noise[0], camera.noise[1]), dice.bits());

    let mut truth = flat.truth.clone();
    let rounded = |c: [f64; 2]| c.map(|v| (v * 16.0).round() / 16.0);
    truth.altered = truth.altered.iter().map(|q| q.map(|c| rounded(seen(c)))).collect();
    truth.corners = Some(corners.map(rounded));
    let quad = |q: &Quad<Upload>| Quad::from_px(q.to_px().map(seen));
    let places = flat.places.iter().map(|p| Place { quad: quad(&p.quad), ..p.clone() }).collect();
    let view = match camera.curl {
        None => flat.view.and_then(|v| v.then(&there)),
        Some(_) => (flat.view == Some(View::Flat(Homography::identity()))).then_some(View::Bent(pose)),
    };
    Specimen { image, truth, places, view }
}

/// How a picture shows the flat sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum View {
    /// The sheet is flat.
    Flat(Homography<Upload, Upload>),
    /// The sheet is bent, and this is the camera's own picture of it.
    Bent(Pose),
}

impl View {
    /// The view of a picture that shows this one by `to`.
    pub(super) fn then(self, to: &Homography<Upload, Upload>) -> Option<Self> {
        match self {
            Self::Flat(view) => Some(Self::Flat(view.then(to))),
            Self::Bent(_) => None,
        }
    }

    /// The map near a box of the flat sheet (left, top, right, bottom): of a bent sheet the one that is right at its
    /// corners.
    pub(super) fn near(self, [left, top, right, bottom]: [f64; 4]) -> Option<Homography<Upload, Upload>> {
        match self {
            Self::Flat(view) => Some(view),
            Self::Bent(pose) => {
                let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
                Homography::between(corners, corners.map(|c| pose.seen(c)))
            }
        }
    }

    /// The box on the flat sheet of what is seen in a quadrilateral.
    pub(super) fn flat(self, quad: &Quad<Upload>) -> Option<[f64; 4]> {
        let quad = match self {
            Self::Flat(view) => view.inverse()?.quad(quad),
            Self::Bent(pose) => Quad::from_px(quad.to_px().map(|c| pose.on_sheet(c))),
        };
        let (left, top, right, bottom) = quad.bounds();
        Some([left, top, right, bottom])
    }
}

/// How the sheet lies before a pinhole camera about 1.2 sheet lengths away.
///
/// In between stands space: pixels of the sheet from its middle, the third axis away from the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Width and height of the sheet.
    sheet: [f64; 2],
    bend: Option<Bend>,
    /// Sines and cosines of the turn in the picture plane, of the tilt, and of the direction of the tilt's axis.
    roll: [f64; 2],
    tilt: [f64; 2],
    axis: [f64; 2],
    distance: f64,
    /// What is seen is moved by `from`, scaled, and moved to `to`.
    from: [f64; 2],
    scale: f64,
    to: [f64; 2],
}

impl Pose {
    fn draw(dice: &mut Dice, camera: &CameraParams, sheet: [f64; 2], frame: [f64; 2]) -> Self {
        let turn = |angle: f64| [angle.sin(), angle.cos()];
        let [fw, fh] = sheet;
        let mut pose = Self {
            sheet,
            bend: camera.curl.map(|curl| Bend::of(curl, sheet)),
            roll: turn(dice.real(-camera.roll, camera.roll).to_radians()),
            tilt: turn(dice.real(camera.tilt[0], camera.tilt[1]).to_radians()),
            axis: turn(dice.real(0.0, std::f64::consts::TAU)),
            distance: 1.2 * fw.max(fh),
            from: [0.0; 2],
            scale: 1.0,
            to: [0.0; 2],
        };
        // The edges of a bent sheet are curves.
        let steps = if pose.bend.is_some() { 16 } else { 1 };
        let outline = (0..=steps).map(|i| f64::from(i) / f64::from(steps)).flat_map(|t| {
            let (x, y) = (fw * t, fh * t);
            [[x, 0.0], [x, fh], [0.0, y], [fw, y]]
        });
        let outline: Vec<_> = outline.map(|p| pose.seen(p)).collect();
        let low = |i: usize| outline.iter().map(|c| c[i]).fold(f64::INFINITY, f64::min);
        let high = |i: usize| outline.iter().map(|c| c[i]).fold(f64::NEG_INFINITY, f64::max);
        let size = [high(0) - low(0), high(1) - low(1)];
        let fill = dice.real(camera.fill[0], camera.fill[1]);
        let k = fill * (frame[0] / size[0]).min(frame[1] / size[1]);
        // Off centre by up to a third of the room there is on either side.
        let mut shift = |i: usize| frame[i] / 2.0 + (frame[i] - k * size[i]) / 2.0 * dice.real(-0.33, 0.33);
        pose.to = [shift(0), shift(1)];
        pose.from = [0, 1].map(|i| (low(i) + high(i)) / 2.0);
        pose.scale = k;
        pose
    }

    /// Where a place of the sheet is seen in the photo.
    fn seen(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let flat = [u - self.sheet[0] / 2.0, v - self.sheet[1] / 2.0, 0.0];
        let [x, y, z] = self.bend.map_or(flat, |bend| bend.bent(flat));
        let ([roll_sin, roll_cos], [tilt_sin, tilt_cos]) = (self.roll, self.tilt);
        let [axis_sin, axis_cos] = self.axis;
        let (x, y) = (x * roll_cos - y * roll_sin, x * roll_sin + y * roll_cos);
        let (along, across) = (x * axis_cos + y * axis_sin, y * axis_cos - x * axis_sin);
        let (across, depth) = (across * tilt_cos - z * tilt_sin, across * tilt_sin + z * tilt_cos);
        let k = self.distance / (self.distance + depth);
        let seen = [(along * axis_cos - across * axis_sin) * k, (along * axis_sin + across * axis_cos) * k];
        [0, 1].map(|i| (seen[i] - self.from[i]) * self.scale + self.to[i])
    }

    /// The place of the sheet that is seen there; outside the sheet where there is none.
    fn on_sheet(&self, photo: [f64; 2]) -> [f64; 2] {
        let [x, y] = [0, 1].map(|i| (photo[i] - self.to[i]) / self.scale + self.from[i]);
        let (eye, ray) = (self.turned_back([0.0, 0.0, -self.distance]), self.turned_back([x, y, self.distance]));
        let [u, v] = match self.bend {
            Some(bend) => bend.met(eye, ray),
            None => [0, 1].map(|i| eye[i] - ray[i] * eye[2] / ray[2]),
        };
        [u + self.sheet[0] / 2.0, v + self.sheet[1] / 2.0]
    }

    /// A direction before the camera as one in space.
    fn turned_back(&self, [x, y, depth]: [f64; 3]) -> [f64; 3] {
        let ([roll_sin, roll_cos], [tilt_sin, tilt_cos]) = (self.roll, self.tilt);
        let [axis_sin, axis_cos] = self.axis;
        let (along, across) = (x * axis_cos + y * axis_sin, y * axis_cos - x * axis_sin);
        let (across, z) = (across * tilt_cos + depth * tilt_sin, depth * tilt_cos - across * tilt_sin);
        let (x, y) = (along * axis_cos - across * axis_sin, along * axis_sin + across * axis_cos);
        [x * roll_cos + y * roll_sin, y * roll_cos - x * roll_sin, z]
    }
}

/// A part of a cylinder whose two ends lie where the flat sheet's plane is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bend {
    /// Which coordinate runs across the axis.
    across: usize,
    /// Pixels; below 0 if the middle lies under the ends.
    radius: f64,
    /// Depth of the cylinder's axis.
    depth: f64,
}

impl Bend {
    fn of(curl: Curl, sheet: [f64; 2]) -> Self {
        let across = usize::from(curl.axis == CurlAxis::Horizontal);
        // An arc of the angle a rises by a / 8 of its length, near enough; a sag of nothing still needs a radius.
        let sag = curl.sag.clamp(-Curl::MOST, Curl::MOST);
        let angle = 8.0 * if sag.abs() < 1e-6 { 1e-6 } else { sag };
        let radius = sheet[across] / angle;
        Self { across, radius, depth: radius * (angle / 2.0).cos() }
    }

    /// Where a place of the flat sheet comes to lie.
    fn bent(&self, mut p: [f64; 3]) -> [f64; 3] {
        let (sin, cos) = (p[self.across] / self.radius).sin_cos();
        p[self.across] = self.radius * sin;
        p[2] = self.depth - self.radius * cos;
        p
    }

    /// The place of the flat sheet that a ray meets; far away if it passes by.
    fn met(&self, eye: [f64; 3], ray: [f64; 3]) -> [f64; 2] {
        let (s, z) = (eye[self.across], eye[2] - self.depth);
        let (ds, dz) = (ray[self.across], ray[2]);
        let (a, b, c) = (ds * ds + dz * dz, s * ds + z * dz, s * s + z * z - self.radius * self.radius);
        let root = b * b - a * c;
        if root < 0.0 {
            return [-1e6; 2];
        }
        // The near side of a cylinder that rises towards the camera, the far side of one that sinks.
        let t = (-b - root.sqrt().copysign(self.radius)) / a;
        let mut place = [eye[0] + ray[0] * t, eye[1] + ray[1] * t];
        let angle = ((s + ds * t) / self.radius).atan2(-(z + dz * t) / self.radius);
        place[self.across] = self.radius * angle;
        place
    }
}

/// Table and light. The table's grain is in pixels of the frame.
struct Scene {
    table: [f64; 3],
    grain: [f64; 2],
    contrast: f64,
    seed: u64,
    /// Shadow the sheet throws, in sheet pixels.
    cast: [f64; 2],
    /// Direction of the falloff, and how much.
    lamp: [f64; 2],
    falloff: f64,
    /// A soft edge: direction, place in -1..1, how dark.
    edge: [f64; 2],
    edge_at: f64,
    edge_dark: f64,
    balance: [f64; 3],
    pattern: Option<Pattern>,
}

/// A table: colour, grain in pixels and its contrast, and what [`Pattern`] says.
#[derive(Clone, Copy)]
struct Surface {
    colour: [f64; 3],
    grain: [f64; 2],
    contrast: f64,
    pitch: [f64; 2],
    line: f64,
    dark: f64,
    uneven: f64,
    rough: f64,
}

const fn surface(
    colour: [f64; 3],
    (grain, contrast): ([f64; 2], f64),
    pitch: [f64; 2],
    [line, dark, uneven, rough]: [f64; 4],
) -> Surface {
    Surface { colour, grain, contrast, pitch, line, dark, uneven, rough }
}

/// No line in the frame.
const PLAIN: [f64; 2] = [1e6, 1e6];

/// Light planks, parquet, a white desk, tiles, a weave, a checked cloth, black leather, dark planks, a green board.
const SURFACES: [Surface; 9] = [
    surface([196.0, 164.0, 122.0], ([120.0, 5.0], 0.22), [1e6, 210.0], [3.0, 0.5, 0.25, 0.10]),
    surface([150.0, 108.0, 70.0], ([160.0, 6.0], 0.35), [900.0, 140.0], [2.5, 0.6, 0.35, 0.12]),
    surface([214.0, 212.0, 206.0], ([60.0, 60.0], 0.05), PLAIN, [1.0, 0.0, 0.0, 0.05]),
    surface([186.0, 182.0, 174.0], ([24.0, 24.0], 0.16), [430.0, 430.0], [5.0, 0.35, 0.10, 0.10]),
    surface([168.0, 160.0, 150.0], ([5.0, 5.0], 0.12), [4.2, 4.2], [1.6, 0.25, 0.05, 0.30]),
    surface([120.0, 132.0, 150.0], ([7.0, 7.0], 0.15), [34.0, 34.0], [9.0, 0.25, 0.15, 0.30]),
    surface([60.0, 58.0, 60.0], ([3.0, 3.0], 0.20), PLAIN, [1.0, 0.0, 0.0, 0.35]),
    surface([112.0, 74.0, 48.0], ([140.0, 7.0], 0.40), [1e6, 260.0], [2.5, 0.6, 0.30, 0.15]),
    surface([128.0, 140.0, 122.0], ([40.0, 40.0], 0.10), PLAIN, [1.0, 0.0, 0.0, 0.18]),
];

/// Lines and fields on a table, turned in the frame.
struct Pattern {
    /// Sine and cosine of the turn.
    turn: [f64; 2],
    /// Pixels from line to line, both ways.
    pitch: [f64; 2],
    /// Width of the lines, pixels, and how much darker they are.
    line: f64,
    dark: f64,
    /// How much fields differ from each other.
    uneven: f64,
    /// Roughness from pixel to pixel.
    rough: f64,
    seed: u64,
}

impl Pattern {
    fn at(&self, x: f64, y: f64) -> f64 {
        let [sin, cos] = self.turn;
        let (u, v) = ((x * cos + y * sin) / self.pitch[0], (y * cos - x * sin) / self.pitch[1]);
        let off = |t: f64, pitch: f64| (t - t.round()).abs() * pitch;
        let near = off(u, self.pitch[0]).min(off(v, self.pitch[1]));
        let line = 1.0 - self.dark * (1.0 - near / self.line).clamp(0.0, 1.0);
        let field = 1.0 + self.uneven * (smooth_noise(u.round() * 7.0, v.round() * 7.0, self.seed) - 0.5);
        let rough = 1.0 + self.rough * (smooth_noise(x / 1.7, y / 1.7, self.seed ^ 0x77) - 0.5);
        line * field * rough
    }
}

impl Scene {
    fn set(dice: &mut Dice, camera: &CameraParams) -> Self {
        let (table, grain, contrast) = dice.pick(&[
            ([96.0, 66.0, 44.0], [90.0, 5.0], 0.45),
            ([70.0, 52.0, 40.0], [6.0, 120.0], 0.4),
            ([74.0, 78.0, 84.0], [14.0, 14.0], 0.22),
            ([52.0, 62.0, 72.0], [4.0, 4.0], 0.3),
        ]);
        let mut direction = || {
            let (sin, cos) = dice.real(0.0, std::f64::consts::TAU).sin_cos();
            [cos, sin]
        };
        let (lamp, edge) = (direction(), direction());
        let warm = dice.real(-0.035, 0.05);
        Self {
            table,
            grain,
            contrast,
            seed: dice.bits(),
            cast: [dice.real(-9.0, 9.0), dice.real(3.0, 12.0)],
            lamp,
            falloff: dice.real(camera.falloff[0], camera.falloff[1]),
            edge,
            edge_at: dice.real(-0.5, 0.7),
            edge_dark: if dice.chance(camera.shadow) { dice.real(0.08, 0.22) } else { 0.0 },
            balance: [1.0 + warm, 1.0, 1.0 - warm],
            pattern: None,
        }
    }

    /// Puts the sheet on another table, more often than not.
    fn vary(&mut self, dice: &mut Dice) {
        let Surface { colour, grain, contrast, pitch, line, dark, uneven, rough } = dice.pick(&SURFACES);
        let (sin, cos) = dice.real(-0.6, 0.6).sin_cos();
        let light = dice.real(0.8, 1.1);
        self.table = colour.map(|c| c * light);
        (self.grain, self.contrast) = (grain, contrast);
        self.pattern = Some(Pattern { turn: [sin, cos], pitch, line, dark, uneven, rough, seed: dice.bits() });
    }

    /// What falls on the sensor, interleaved RGB in grey levels; `back` leads from the photo to the sheet.
    fn expose(&self, sheet: &RgbImage, back: impl Fn([f64; 2]) -> [f64; 2], w: u32, h: u32) -> Vec<f32> {
        let (sw, sh) = (f64::from(sheet.width()), f64::from(sheet.height()));
        let [red, green, blue] = self.balance;
        let mut out = vec![0.0_f32; w as usize * h as usize * 3];
        for (y, row) in out.chunks_exact_mut(w as usize * 3).enumerate() {
            let py = y as f64 + 0.5;
            let fy = py / f64::from(h) * 2.0 - 1.0;
            for (x, out) in row.chunks_exact_mut(3).enumerate() {
                let px = x as f64 + 0.5;
                let [u, v] = back([px, py]);
                let light = self.light(px / f64::from(w) * 2.0 - 1.0, fy);
                // How much of this pixel the sheet covers; a sheet pixel is about as large as one of ours.
                let cover = (u.min(v).min(sw - u).min(sh - v) + 0.5).clamp(0.0, 1.0) as f32;
                let mut colour = [0.0_f32; 3];
                if cover < 1.0 {
                    let shade = self.under([u, v], [sw, sh]) * self.texture(px, py);
                    for (c, table) in colour.iter_mut().zip(&self.table) {
                        *c = (table * shade) as f32;
                    }
                }
                if cover > 0.0 {
                    let paper = sample(sheet, u - 0.5, v - 0.5);
                    for (c, p) in colour.iter_mut().zip(paper) {
                        *c += (p - *c) * cover;
                    }
                }
                out[0] = colour[0] * (light * red) as f32;
                out[1] = colour[1] * (light * green) as f32;
                out[2] = colour[2] * (light * blue) as f32;
            }
        }
        out
    }

    /// Light at a place of the frame, each coordinate in -1..1.
    fn light(&self, x: f64, y: f64) -> f64 {
        let away = (1.0 + self.lamp[0] * x + self.lamp[1] * y) / 2.0;
        let mut light = 0.97 * (1.0 - self.falloff * away.clamp(0.0, 1.2)) * (1.0 - 0.03 * (x * x + y * y));
        if self.edge_dark > 0.0 {
            let d = (self.edge[0] * x + self.edge[1] * y - self.edge_at) / 0.18;
            light *= 1.0 - self.edge_dark / (1.0 + (-d).exp());
        }
        light
    }

    fn texture(&self, x: f64, y: f64) -> f64 {
        let [gx, gy] = self.grain;
        let coarse = smooth_noise(x / (gx * 4.0), y / (gy * 4.0), self.seed);
        let fine = smooth_noise(x / gx, y / gy, self.seed ^ 0x55);
        let shade = 1.0 + self.contrast * (0.6 * coarse + 0.4 * fine - 0.5);
        shade * self.pattern.as_ref().map_or(1.0, |p| p.at(x, y))
    }

    /// The sheet's own soft shadow on the table.
    fn under(&self, [u, v]: [f64; 2], [sw, sh]: [f64; 2]) -> f64 {
        let off = |p: f64, size: f64| (-p).max(p - size).max(0.0);
        let (dx, dy) = (off(u - self.cast[0], sw), off(v - self.cast[1], sh));
        let away = (dx * dx + dy * dy) / 200.0;
        // Beyond that the difference from 1 is less than 64 bits can hold.
        if away > 40.0 { 1.0 } else { 1.0 - 0.5 * (-away).exp() }
    }
}

/// The sheet's colour between pixel centres; beyond the edge the edge's own.
#[inline(always)]
fn sample(sheet: &RgbImage, u: f64, v: f64) -> [f32; 3] {
    let (w, h) = (sheet.width() as usize, sheet.height() as usize);
    let (u, v) = (u.clamp(0.0, w as f64 - 1.001), v.clamp(0.0, h as f64 - 1.001));
    let (i, j) = (u as usize, v as usize);
    let (fu, fv) = ((u - i as f64) as f32, (v - j as f64) as f32);
    let a = (j * w + i) * 3;
    let raw = sheet.as_raw();
    let (upper, lower) = (&raw[a..a + 6], &raw[a + w * 3..a + w * 3 + 6]);
    let mut colour = [0.0; 3];
    for (c, out) in colour.iter_mut().enumerate() {
        let across = |row: &[u8]| f32::from(row[c]) + (f32::from(row[c + 3]) - f32::from(row[c])) * fu;
        let (top, low) = (across(upper), across(lower));
        *out = top + (low - top) * fv;
    }
    colour
}

/// Gaussian blur, five taps each way, in place; edges are left as they are.
pub(super) fn blur(light: &mut [f32], w: usize, h: usize, sigma: f64) {
    let tap = |d: f64| (-d * d / (2.0 * sigma * sigma)).exp();
    let sum = 1.0 + 2.0 * (tap(1.0) + tap(2.0));
    let [k0, k1, k2] = [0.0, 1.0, 2.0].map(|d| (tap(d) / sum) as f32);
    let row = w * 3;
    let mut copy = vec![0.0; row];
    for line in light.chunks_exact_mut(row) {
        copy.copy_from_slice(line);
        for (i, out) in line.iter_mut().enumerate().take(row - 6).skip(6) {
            *out = k0 * copy[i] + k1 * (copy[i - 3] + copy[i + 3]) + k2 * (copy[i - 6] + copy[i + 6]);
        }
    }
    // The two rows above, as they were before they were blurred.
    let mut above = [light[..row].to_vec(), light[row..2 * row].to_vec()];
    for y in 2..h.saturating_sub(2) {
        let (done, rest) = light.split_at_mut((y + 1) * row);
        let here = &mut done[y * row..];
        copy.copy_from_slice(here);
        for (i, out) in here.iter_mut().enumerate() {
            *out = k0 * copy[i] + k1 * (above[1][i] + rest[i]) + k2 * (above[0][i] + rest[row + i]);
        }
        above.swap(0, 1);
        above[1].copy_from_slice(&copy);
    }
}

/// Scales light and applies this share of an S-shaped curve.
fn expose_and_curve(light: &mut [f32], exposure: f32, contrast: f32) {
    for v in light {
        let t = (*v * exposure / 255.0).clamp(0.0, 1.0);
        *v = 255.0 * (t + contrast * (t * t * (3.0 - 2.0 * t) - t));
    }
}

/// Adds noise, mostly luma as after a phone's own denoising, and rounds to 8 bit.
pub(super) fn sensor(light: &[f32], w: u32, h: u32, sigma: f64, seed: u64) -> RgbImage {
    let mut dice = Dice::new(seed, "noise");
    // Sum of four uniforms: near enough to a Gaussian, with a variance of 4/12.
    let table: Vec<f32> = (0..4096)
        .map(|_| ((0..4).map(|_| dice.real(-0.5, 0.5)).sum::<f64>() * 3.0_f64.sqrt() * sigma) as f32)
        .collect();
    let mut state = seed | 1;
    let mut raw = vec![0_u8; light.len()];
    for (pixel, out) in light.chunks_exact(3).zip(raw.chunks_exact_mut(3)) {
        // xorshift64*: four table places from one step.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let draw = |n: usize| table[(bits >> (n * 12 + 10)) as usize & 4095];
        let luma = draw(0);
        for c in 0..3 {
            out[c] = ((pixel[c] + luma + 0.3 * draw(c + 1)).clamp(0.0, 255.0) + 0.5) as u8;
        }
    }
    RgbImage::from_raw(w, h, raw).unwrap_or_else(|| RgbImage::new(w, h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DocumentKind, FieldName};
    use crate::specimen::{Face, Ledger, Mark, Style, Truth};
    use image::Rgb;

    fn sheet() -> Specimen {
        let mut image = RgbImage::from_pixel(600, 400, Rgb([250, 250, 250]));
        for (x, y) in (300..340).flat_map(|x| (200..220).map(move |y| (x, y))) {
            image.put_pixel(x, y, Rgb([10, 10, 10]));
        }
        let altered = vec![[[300.0, 200.0], [340.0, 200.0], [340.0, 220.0], [300.0, 220.0]]];
        let truth = Truth { altered, ..Ledger::new(DocumentKind::TillReceipt, Face::Mono, &[]).truth };
        let style = Style { face: Face::Mono, em: 20.0, ink: [0; 3], weight: 0.0 };
        let quad = Quad::rect(300.0, 200.0, 340.0, 220.0);
        let mark = Mark::Field(FieldName::Total);
        Specimen {
            image,
            truth,
            places: vec![Place { mark, text: "1.00".into(), quad, style, origin: [300.0, 220.0] }],
            view: Some(View::Flat(Homography::identity())),
        }
    }

    #[test]
    fn places_follow_the_ink() {
        for seed in 0..20 {
            let camera = CameraParams { long_side: 800, ..CameraParams::default() };
            let photo = photograph(&sheet(), seed, &camera);
            assert_eq!(photo.image.dimensions(), (800, 600));
            let (l, t, r, b) = photo.places[0].quad.bounds();
            let luma = |x: f64, y: f64| photo.image.get_pixel(x as u32, y as u32).0[1];
            assert!(luma((l + r) / 2.0, (t + b) / 2.0) < 60, "seed {seed}: the middle is ink");
            for (x, y) in [(l - 8.0, t), (r + 8.0, b), (l, t - 8.0), (r, b + 8.0)] {
                assert!(luma(x, y) > 110, "seed {seed}: beside it is paper");
            }
            let q = photo.places[0].quad.to_px();
            for (a, b) in photo.truth.altered[0].iter().zip(q) {
                assert!((a[0] - b[0]).abs() < 0.1 && (a[1] - b[1]).abs() < 0.1);
            }
        }
    }

    #[test]
    fn the_whole_sheet_is_in_the_frame() {
        let camera = CameraParams { tilt: [6.0, 10.0], roll: 8.0, ..CameraParams::default() };
        for seed in 0..200 {
            let mut dice = Dice::new(seed, "camera");
            let pose = Pose::draw(&mut dice, &camera, [600.0, 900.0], [1380.0, 1840.0]);
            for corner in [[0.0, 0.0], [600.0, 0.0], [600.0, 900.0], [0.0, 900.0]] {
                let [x, y] = pose.seen(corner);
                assert!((0.0..=1380.0).contains(&x) && (0.0..=1840.0).contains(&y), "seed {seed}: {x},{y}");
            }
        }
    }

    #[test]
    fn a_curled_sheet_is_seen_as_it_bends() {
        for (axis, sag) in [(CurlAxis::Vertical, 0.1), (CurlAxis::Vertical, -0.1), (CurlAxis::Horizontal, 0.2)] {
            let camera = CameraParams { long_side: 800, curl: Some(Curl { axis, sag }), ..CameraParams::default() };
            for seed in 0..10 {
                let photo = photograph(&sheet(), seed, &camera);
                let pose = Pose::draw(&mut Dice::new(seed, "camera"), &camera, [600.0, 400.0], [800.0, 600.0]);
                // The whole sheet lies in the frame, and what is seen of it lies where it was.
                for (u, v) in (0..=6).flat_map(|i| (0..=4).map(move |j| (f64::from(i) * 100.0, f64::from(j) * 100.0))) {
                    let [x, y] = pose.seen([u, v]);
                    assert!((0.0..=800.0).contains(&x) && (0.0..=600.0).contains(&y), "seed {seed}: {x},{y}");
                    let back = pose.on_sheet([x, y]);
                    assert!((back[0] - u).abs() < 1e-6 && (back[1] - v).abs() < 1e-6, "{back:?} is not {u},{v}");
                }
                // Its upper edge is as far from straight as its middle is nearer to the camera than its ends.
                let [a, m, b] = [0.0, 300.0, 600.0].map(|u| pose.seen([u, 0.0]));
                let chord = [b[0] - a[0], b[1] - a[1]];
                let off = (chord[0] * (m[1] - a[1]) - chord[1] * (m[0] - a[0])) / chord[0].hypot(chord[1]);
                match axis {
                    CurlAxis::Vertical => assert!(off * sag < -0.5, "seed {seed}: {off}"),
                    CurlAxis::Horizontal => assert!(off.abs() < 1e-6, "seed {seed}: {off}"),
                }
                let (l, t, r, b) = photo.places[0].quad.bounds();
                let luma = |x: f64, y: f64| photo.image.get_pixel(x as u32, y as u32).0[1];
                assert!(luma((l + r) / 2.0, (t + b) / 2.0) < 60, "seed {seed}: the middle is ink");
                for (x, y) in [(l - 8.0, t), (r + 8.0, b), (l, t - 8.0), (r, b + 8.0)] {
                    assert!(luma(x, y) > 110, "seed {seed}: beside it is paper");
                }
                for (corner, [u, v]) in photo.truth.corners.unwrap().iter().zip([[0.0, 0.0], [600.0, 0.0]]) {
                    let seen = pose.seen([u, v]);
                    assert!((corner[0] - seen[0]).abs() < 0.1 && (corner[1] - seen[1]).abs() < 0.1);
                }
            }
        }
    }
}
