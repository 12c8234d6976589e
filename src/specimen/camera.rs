//! Cameras: the makers whose phones took the photos, their JPEG tables, and JPEG in and out.
//!
//! Each maker's tables are our own: a plane over the two frequencies, bent and scaled, in the range that phones use.
//! They stand for "some maker's tables, not libjpeg's"; no real phone's are copied.

use super::dice::Dice;
use image::{ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};
use std::io;

/// How one maker's phones save a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Maker {
    /// Luma and chroma tables before scaling.
    tables: Tables,
    /// Range of the factor on both tables; below 1 is finer.
    scale: [f64; 2],
    /// 4:2:0, else 4:4:4.
    halved_chroma: bool,
    /// Strength of the sharpening before saving, a share of the detail.
    pub(super) sharpening: f64,
    /// Longer side of the photo, pixels.
    pub(super) long_side: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Tables {
    /// Annex K at this range of libjpeg qualities.
    Ijg([i64; 2]),
    /// `dc + slope · (u + stretch · v)^power` in units of 1/10 step, luma then chroma.
    Plane { dc: [f64; 2], slope: [f64; 2], power: f64, stretch: f64 },
}

/// The makers. Tests and fits hold some of them out by their place in this list, so it only grows.
pub const MAKERS: [Maker; 8] = [
    Maker { tables: Tables::Ijg([90, 96]), scale: [1.0, 1.0], halved_chroma: true, sharpening: 0.3, long_side: 1840 },
    Maker {
        tables: Tables::Plane { dc: [20.0, 25.0], slope: [4.5, 10.0], power: 1.15, stretch: 1.0 },
        scale: [0.7, 1.3],
        halved_chroma: true,
        sharpening: 0.5,
        long_side: 1840,
    },
    Maker {
        tables: Tables::Plane { dc: [10.0, 10.0], slope: [2.6, 4.0], power: 1.3, stretch: 0.9 },
        scale: [0.8, 1.2],
        halved_chroma: false,
        sharpening: 0.2,
        long_side: 1760,
    },
    Maker {
        tables: Tables::Plane { dc: [30.0, 50.0], slope: [1.2, 3.0], power: 1.7, stretch: 1.1 },
        scale: [0.6, 1.1],
        halved_chroma: true,
        sharpening: 0.7,
        long_side: 2000,
    },
    Maker {
        tables: Tables::Plane { dc: [40.0, 40.0], slope: [6.5, 6.5], power: 1.0, stretch: 1.0 },
        scale: [0.5, 1.0],
        halved_chroma: true,
        sharpening: 0.0,
        long_side: 1920,
    },
    Maker {
        tables: Tables::Plane { dc: [15.0, 30.0], slope: [8.0, 16.0], power: 0.9, stretch: 0.85 },
        scale: [0.5, 0.9],
        halved_chroma: false,
        sharpening: 0.4,
        long_side: 1680,
    },
    Maker { tables: Tables::Ijg([92, 95]), scale: [1.0, 1.0], halved_chroma: false, sharpening: 0.1, long_side: 1600 },
    Maker {
        tables: Tables::Plane { dc: [25.0, 35.0], slope: [0.55, 1.4], power: 2.1, stretch: 1.0 },
        scale: [0.7, 1.3],
        halved_chroma: true,
        sharpening: 0.6,
        long_side: 1880,
    },
];

/// How a picture is saved as JPEG.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Save {
    /// Luma and chroma steps in raster order, or a libjpeg quality.
    steps: Steps,
    halved_chroma: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Steps {
    Ijg(u8),
    Own(Box<[[u16; 64]; 2]>),
}

impl Save {
    /// What software does that uses libjpeg as it comes: Annex K tables at this quality, 4:2:0.
    pub(super) fn ijg(quality: u8) -> Self {
        Self { steps: Steps::Ijg(quality), halved_chroma: true }
    }

    /// How one phone of this maker saves; phones of a maker differ in the scale of their tables.
    pub(super) fn of(maker: &Maker, dice: &mut Dice) -> Self {
        let scale = dice.real(maker.scale[0], maker.scale[1]);
        let steps = match maker.tables {
            Tables::Ijg([from, to]) => Steps::Ijg(dice.between(from, to) as u8),
            Tables::Plane { dc, slope, power, stretch } => Steps::Own(Box::new([0, 1].map(|plane| {
                std::array::from_fn(|i| {
                    let frequency = (i % 8) as f64 + stretch * (i / 8) as f64;
                    let step = (dc[plane] + slope[plane] * frequency.powf(power)) * scale / 10.0;
                    step.round().clamp(1.0, 255.0) as u16
                })
            }))),
        };
        Self { steps, halved_chroma: maker.halved_chroma }
    }

    /// The JPEG file.
    pub(super) fn encode(&self, image: &RgbImage) -> io::Result<Vec<u8>> {
        let too_large = |_| io::Error::other("a side over 65,535 pixels");
        let width = u16::try_from(image.width()).map_err(too_large)?;
        let height = u16::try_from(image.height()).map_err(too_large)?;
        let mut jpeg = Vec::with_capacity(1 << 20);
        let quality = if let Steps::Ijg(quality) = self.steps { quality } else { 100 };
        let mut encoder = Encoder::new(&mut jpeg, quality);
        encoder.set_sampling_factor(if self.halved_chroma { SamplingFactor::R_4_2_0 } else { SamplingFactor::R_4_4_4 });
        if let Steps::Own(tables) = &self.steps {
            let [luma, chroma] = tables.map(|t| QuantizationTableType::Custom(Box::new(t)));
            encoder.set_quantization_tables(luma, chroma);
        }
        encoder.encode(image.as_raw(), width, height, ColorType::Rgb).map_err(io::Error::other)?;
        Ok(jpeg)
    }
}

/// What a phone does before it saves: raises every value's difference from its four neighbours by this share.
pub(super) fn sharpen(image: &mut RgbImage, share: f64) {
    // In 1/256, over the four neighbours; 16 bits hold it, which doubles what one instruction does.
    let share = (share * 64.0) as i16;
    let row = image.width() as usize * 3;
    let old = image.as_raw().clone();
    let n = old.len().saturating_sub(2 * row);
    if n == 0 || share == 0 {
        return;
    }
    let (above, left, here) = (&old[..n], &old[row - 3..][..n], &old[row..][..n]);
    let (right, below) = (&old[row + 3..][..n], &old[2 * row..][..n]);
    let raw: &mut [u8] = image;
    let out = &mut raw[row..][..n];
    for i in 0..n {
        let around = i16::from(above[i]) + i16::from(left[i]) + i16::from(right[i]) + i16::from(below[i]);
        // Detail of more than 500 is cut: it is far beyond what 8 bits leave room for.
        let detail = (4 * i16::from(here[i]) - around).clamp(-500, 500);
        out[i] = (i16::from(here[i]) + ((detail * share + 128) >> 8)).clamp(0, 255) as u8;
    }
}

/// The pixels of a JPEG file of ours.
pub(super) fn decode(jpeg: &[u8]) -> io::Result<RgbImage> {
    let image = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).map_err(io::Error::other)?;
    Ok(image.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// The two tables of a JPEG file as stored, in zigzag order.
    fn tables(jpeg: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut at = 2;
        while jpeg[at + 1] != 0xda {
            let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            if jpeg[at + 1] == 0xdb {
                found.extend(jpeg[at + 4..at + 2 + length].chunks_exact(65).map(|t| t[1..].to_vec()));
            }
            at += 2 + length;
        }
        found
    }

    #[test]
    fn makers_differ_and_a_phone_is_itself() {
        let image = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, 90]));
        let file = |maker: &Maker| Save::of(maker, &mut Dice::new(4, "test")).encode(&image).unwrap();
        let all: Vec<_> = MAKERS.iter().map(|m| tables(&file(m))).collect();
        for (i, (a, maker)) in all.iter().zip(&MAKERS).enumerate() {
            assert_eq!(file(maker), file(maker));
            assert_eq!(a.len(), 2, "maker {i} has a luma and a chroma table");
            assert!(a[0][0] <= a[0][63], "maker {i}: fine detail is kept less exactly");
            assert!(all[..i].iter().all(|b| a != b), "maker {i} has tables of its own");
        }
        let Tables::Plane { .. } = MAKERS[1].tables else { panic!("maker 1 is not libjpeg") };
        assert!((1..=100).all(|q| tables(&Save::ijg(q).encode(&image).unwrap()) != all[1]));
    }

    #[test]
    fn what_was_saved_comes_back() {
        let image = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, 90]));
        for maker in &MAKERS {
            let back = decode(&Save::of(maker, &mut Dice::new(4, "test")).encode(&image).unwrap()).unwrap();
            let worst = image.iter().zip(back.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst < Some(40), "{worst:?}");
        }
    }
}
