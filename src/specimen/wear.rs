//! What paper and printer add to a clean page before anyone photographs it: fibres, toner, folds.

use super::canvas::smooth_noise;
use super::dice::Dice;
use image::RgbImage;

/// Side of the noise tile, pixels; a power of two. Repeats are hidden by each row starting elsewhere.
const TILE: usize = 512;

/// Makes a painted page look printed and handled. `seed` is the sheet's own: all its photos show the same wear.
pub(super) fn wear(image: &mut RgbImage, seed: u64) {
    let mut dice = Dice::new(seed, "wear");
    let tile = tile(&mut dice);
    let fibre = dice.real(1.2, 3.2) as f32;
    let toner = dice.real(6.0, 22.0) as f32;
    let spread = dice.real(0.1, 0.3) as f32;
    let (w, h) = (image.width() as usize, image.height() as usize);
    bleed(image, spread);
    let folds = folds(&mut dice, w, h);
    let waves = Waves::draw(&mut dice, w, h);
    let mut wave = vec![0.0_f32; w];
    let across: Vec<f32> =
        (0..w).map(|x| folds.iter().filter(|f| f.upright).map(|f| f.shade(x as f32)).sum()).collect();
    for (y, row) in image.chunks_exact_mut(w * 3).enumerate() {
        let down: f32 = folds.iter().filter(|f| !f.upright).map(|f| f.shade(y as f32)).sum();
        waves.row(y, &mut wave);
        // Neighbouring rows of the tile stay neighbours, so that grains have a height.
        let line = &tile[(y % TILE) * TILE..][..TILE];
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let grain = line[(x + (y / TILE) * 197 + (x / TILE) * 131) % TILE];
            let lift = across[x] + down + wave[x] + grain * fibre;
            for value in pixel {
                let v = f32::from(*value);
                // Ink is rough where it is dark; paper where it is light.
                let dark = 1.0 - v / 255.0;
                *value = (v + lift * (1.0 - dark) + (grain * 0.5 + 0.3) * toner * dark).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// The sheet does not lie quite even: soft light and shade over it, on a coarse lattice.
struct Waves {
    lattice: Vec<f32>,
    columns: usize,
}

impl Waves {
    /// Pixels from one lattice point to the next.
    const STEP: usize = 32;

    fn draw(dice: &mut Dice, w: usize, h: usize) -> Self {
        let [depth, seed] = [dice.real(2.0, 11.0), dice.real(0.0, 1e6)];
        let length = [dice.real(150.0, 700.0), dice.real(150.0, 700.0)];
        let (columns, rows) = (w / Self::STEP + 2, h / Self::STEP + 2);
        let point = |i: usize| {
            let (x, y) = ((i % columns * Self::STEP) as f64, (i / columns * Self::STEP) as f64);
            (depth * (smooth_noise(x / length[0], y / length[1], seed as u64) - 0.5)) as f32
        };
        Self { lattice: (0..columns * rows).map(point).collect(), columns }
    }

    /// Grey levels to add along one row.
    fn row(&self, y: usize, out: &mut [f32]) {
        let share = (y % Self::STEP) as f32 / Self::STEP as f32;
        let upper = &self.lattice[y / Self::STEP * self.columns..];
        let line = |i: usize| upper[i] + (upper[i + self.columns] - upper[i]) * share;
        for (i, cell) in out.chunks_mut(Self::STEP).enumerate() {
            let (from, to) = (line(i), line(i + 1));
            for (x, value) in cell.iter_mut().enumerate() {
                *value = from + (to - from) * x as f32 / Self::STEP as f32;
            }
        }
    }
}

/// Noise with a grain of about two pixels, mean 0 and standard deviation near 1.
fn tile(dice: &mut Dice) -> Vec<f32> {
    let mut state = dice.bits() | 1;
    let mut white = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let raw: Vec<f32> = (0..TILE * TILE).map(|_| white()).collect();
    let at = |x: usize, y: usize| raw[(y % TILE) * TILE + x % TILE];
    (0..TILE * TILE)
        .map(|i| {
            let (x, y) = (i % TILE, i / TILE);
            at(x, y) + 0.7 * (at(x + 1, y) + at(x, y + 1)) + 0.5 * at(x + 1, y + 1)
        })
        .collect()
}

/// Ink creeps into the paper: each value moves this share towards the darker of its four neighbours.
fn bleed(image: &mut RgbImage, share: f32) {
    let row = image.width() as usize * 3;
    let old = image.as_raw().clone();
    let share = (share * 128.0) as i16;
    let n = old.len().saturating_sub(2 * row);
    if n == 0 {
        return;
    }
    let (above, left, here) = (&old[..n], &old[row - 3..][..n], &old[row..][..n]);
    let (right, below) = (&old[row + 3..][..n], &old[2 * row..][..n]);
    let raw: &mut [u8] = image;
    let out = &mut raw[row..][..n];
    for i in 0..n {
        let darkest = above[i].min(left[i]).min(here[i]).min(right[i]).min(below[i]);
        out[i] = (i16::from(here[i]) - (((i16::from(here[i]) - i16::from(darkest)) * share) >> 7)) as u8;
    }
}

/// A crease: a thin light line with a shade beside it.
struct Fold {
    upright: bool,
    at: f32,
    depth: f32,
    width: f32,
}

impl Fold {
    fn shade(&self, p: f32) -> f32 {
        let d = (p - self.at) / self.width;
        // One flank faces the lamp, the other faces away.
        self.depth * d * (-d * d).exp() * 2.3 - self.depth * 0.4 * (-(d * 5.0) * (d * 5.0)).exp()
    }
}

fn folds(dice: &mut Dice, w: usize, h: usize) -> Vec<Fold> {
    let mut found = Vec::new();
    for (upright, length) in [(true, w), (false, h)] {
        if dice.chance(0.4) {
            // In the middle or at a third, as people fold.
            let at = length as f64 * (dice.pick(&[0.5, 0.5, 0.333, 0.667]) + dice.real(-0.02, 0.02));
            let depth = dice.real(2.0, 9.0) * dice.pick(&[-1.0, 1.0]);
            found.push(Fold { upright, at: at as f32, depth: depth as f32, width: dice.real(6.0, 40.0) as f32 });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn worn_paper_is_rough_and_print_stays_print() {
        for seed in 0..8 {
            let mut image = RgbImage::from_pixel(400, 300, Rgb([250; 3]));
            for (x, y) in (100..200).flat_map(|x| (100..120).map(move |y| (x, y))) {
                image.put_pixel(x, y, Rgb([20; 3]));
            }
            wear(&mut image, seed);
            let values = |l: u32, t: u32| -> Vec<f64> {
                (0..400).map(|i| f64::from(image.get_pixel(l + i % 80, t + i / 80).0[1])).collect()
            };
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let (paper, ink) = (values(20, 20), values(110, 108));
            assert!(mean(&paper) > 225.0 && mean(&ink) < 60.0, "seed {seed}");
            let m = mean(&paper);
            assert!(paper.iter().any(|v| (v - m).abs() > 1.0), "seed {seed}: the paper has a grain");
        }
    }
}
