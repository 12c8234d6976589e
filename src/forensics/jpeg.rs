//! A JPEG as it is stored: its tables, its luma plane to the grey level, and where the upright photo lies in it.

use super::Original;
use super::glyphs::Glyph;
use super::metadata::{self, Exif};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A plane of luma, and the boxes of upright characters in it.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// Pixels.
    pub(super) width: usize,
    /// Pixels.
    pub(super) height: usize,
    /// Row by row, 0..=255.
    pub(super) luma: Vec<f32>,
    /// What makes the photo upright from this plane, as EXIF's orientation says it, 1..=8.
    orientation: u8,
}

impl Plane {
    /// The plane of an upright photo that was stored upright.
    pub(super) fn of(image: &image::RgbImage) -> Self {
        // Not rounded: rounding adds noise to the zeros that the grid is told by.
        let luma = |p: &[u8; 3]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
        let data = image.as_raw().as_chunks::<3>().0.iter().map(luma).collect();
        Self { width: image.width() as usize, height: image.height() as usize, luma: data, orientation: 1 }
    }

    /// Left, top, right and bottom of a character's box with a margin, cut to the plane, pixels.
    pub(super) fn place(&self, glyph: &Glyph, margin: usize) -> [usize; 4] {
        let [l, t, r, b] = self.stored([glyph.left, glyph.top, glyph.right, glyph.bottom].map(|v| v as usize));
        [
            l.saturating_sub(margin),
            t.saturating_sub(margin),
            (r + margin).min(self.width),
            (b + margin).min(self.height),
        ]
    }

    /// Where a pixel of the upright photo is stored.
    pub(super) fn pixel(&self, x: usize, y: usize) -> (usize, usize) {
        if self.orientation <= 1 {
            return (x, y);
        }
        let [x, y, ..] = self.stored([x, y, x + 1, y + 1]);
        (x, y)
    }

    /// An upright box as it is stored.
    pub(super) fn stored(&self, [l, t, r, b]: [usize; 4]) -> [usize; 4] {
        let (w, h) = (self.width, self.height);
        match self.orientation {
            2 => [w.saturating_sub(r), t, w.saturating_sub(l), b],
            3 => [w.saturating_sub(r), h.saturating_sub(b), w.saturating_sub(l), h.saturating_sub(t)],
            4 => [l, h.saturating_sub(b), r, h.saturating_sub(t)],
            5 => [t, l, b, r],
            6 => [t, h.saturating_sub(r), b, h.saturating_sub(l)],
            7 => [w.saturating_sub(b), h.saturating_sub(r), w.saturating_sub(t), h.saturating_sub(l)],
            8 => [w.saturating_sub(b), l, w.saturating_sub(t), r],
            _ => [l, t, r, b],
        }
    }

    /// Mean luma of `n` × `n` parts of the upright photo, row by row; empty if it is smaller than that.
    pub(super) fn cells(&self, n: usize) -> Vec<f64> {
        if self.width < n || self.height < n {
            return Vec::new();
        }
        let mean = |x: usize, y: usize| {
            let (left, right) = (x * self.width / n, (x + 1) * self.width / n);
            let rows = y * self.height / n..(y + 1) * self.height / n;
            let count = rows.len() * (right - left);
            let row = |y: usize| self.luma[y * self.width + left..y * self.width + right].iter();
            rows.flat_map(row).map(|v| f64::from(*v)).sum::<f64>() / count as f64
        };
        let small = Self { width: n, height: n, luma: Vec::new(), orientation: self.orientation };
        (0..n * n)
            .map(|i| {
                let [x, y, ..] = small.stored([i % n, i / n, i % n + 1, i / n + 1]);
                mean(x, y)
            })
            .collect()
    }
}

/// A photo's luma as its file holds it.
pub(super) enum Stored {
    /// A JPEG's own.
    Jpeg(Jpeg),
    /// That of the pixels, for any other file.
    Other(Plane),
}

impl Stored {
    /// Decodes the file again where it is a JPEG.
    pub(super) fn of(original: &Original) -> Self {
        Jpeg::of(original.bytes, original.image.dimensions())
            .map_or_else(|| Self::Other(Plane::of(original.image)), Self::Jpeg)
    }

    /// The JPEG, if it is one.
    pub(super) fn jpeg(&self) -> Option<&Jpeg> {
        match self {
            Self::Jpeg(jpeg) => Some(jpeg),
            Self::Other(_) => None,
        }
    }

    /// Its luma.
    pub(super) fn plane(&self) -> &Plane {
        match self {
            Self::Jpeg(jpeg) => &jpeg.plane,
            Self::Other(plane) => plane,
        }
    }

    /// For a photo that was turned clockwise by so many quarters after it had been made upright.
    pub(super) fn turn(&mut self, quarters: u8) {
        let (Self::Jpeg(Jpeg { plane, .. }) | Self::Other(plane)) = self;
        for _ in 0..quarters {
            plane.orientation = match plane.orientation {
                6 => 3,
                3 => 8,
                8 => 1,
                2 => 7,
                7 => 4,
                4 => 5,
                5 => 2,
                _ => 6,
            };
        }
    }
}

/// A JPEG as stored.
pub(super) struct Jpeg {
    /// The luma quantisation table, row by row (not in zigzag order).
    pub(super) table: [u16; 64],
    /// Its luma.
    pub(super) plane: Plane,
}

impl Jpeg {
    /// `None` if the upload is no JPEG with a luma plane, or cannot be decoded. `upright` is the photo's size after EXIF.
    pub(super) fn of(bytes: &[u8], upright: (u32, u32)) -> Option<Self> {
        let orientation = metadata::exif(bytes).map_or(1, |exif| Exif::of(exif).orientation());
        Self::decoded(bytes, if orientation >= 5 { (upright.1, upright.0) } else { upright }, orientation)
    }

    /// `None` if it cannot be decoded to luma of this size, which the caller knows to be within limits.
    pub(super) fn decoded(bytes: &[u8], (width, height): (u32, u32), orientation: u8) -> Option<Self> {
        let table = luma_table(bytes)?;
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::Luma)
            .set_max_width(width as usize)
            .set_max_height(height as usize);
        // The decoder is safe to call but may panic on hostile bytes; nothing it touched outlives the panic.
        let luma = std::panic::catch_unwind(|| {
            let mut decoder = JpegDecoder::new_with_options(bytes, options);
            decoder.decode_headers().ok()?;
            let stored = decoder.get_input_colorspace()?;
            let info = decoder.info()?;
            let is_ours = (u32::from(info.width), u32::from(info.height)) == (width, height)
                && matches!(stored, ColorSpace::YCbCr | ColorSpace::Luma);
            if is_ours { decoder.decode().ok() } else { None }
        })
        .ok()??;
        let luma: Vec<f32> = luma.into_iter().map(f32::from).collect();
        let (width, height) = (width as usize, height as usize);
        (luma.len() == width * height).then_some(Self { table, plane: Plane { width, height, luma, orientation } })
    }

    /// Quality of the reference encoder's luma table that this one is, if it is one.
    pub(super) fn quality(&self) -> Option<u8> {
        (1..=100).rev().find(|quality| reference_table(*quality) == self.table)
    }
}

/// The reference encoder's luma table (ITU-T T.81, table K.1), row by row.
const REFERENCE: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// The luma table of the reference encoder at a quality from 1 to 100, row by row (libjpeg's `jpeg_quality_scaling`).
pub(super) fn reference_table(quality: u8) -> [u16; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    REFERENCE.map(|v| ((u32::from(v) * scale + 50) / 100).clamp(1, 255) as u16)
}

/// Place of each zigzag index in a block, row by row.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The table that the frame's first component names; tables may follow the frame.
fn luma_table(bytes: &[u8]) -> Option<[u16; 64]> {
    let mut tables = [None; 4];
    let mut named = None;
    for (marker, body) in metadata::segments(bytes) {
        match marker {
            0xdb => define_tables(body, &mut tables),
            // Start of frame, of every kind: precision, height, width, count, then id, sampling and table of each.
            0xc0..=0xc2 => named = body.get(8),
            _ => {}
        }
    }
    *tables.get(usize::from(*named?))?
}

fn define_tables(mut body: &[u8], tables: &mut [Option<[u16; 64]>; 4]) {
    while let Some((&head, rest)) = body.split_first() {
        let size = if head >> 4 == 0 { 64 } else { 128 };
        let Some((values, rest)) = rest.split_at_checked(size) else { return };
        let mut table = [0; 64];
        for (i, place) in ZIGZAG.iter().enumerate() {
            table[*place] = match size {
                64 => u16::from(values[i]),
                _ => u16::from_be_bytes([values[2 * i], values[2 * i + 1]]),
            };
        }
        if let Some(slot) = tables.get_mut(usize::from(head & 15)) {
            *slot = table.iter().all(|q| *q > 0).then_some(table);
        }
        body = rest;
    }
}

/// The orthonormal 8-point DCT-II, `[frequency][place]`.
pub(super) fn basis() -> [[f32; 8]; 8] {
    std::array::from_fn(|k| {
        std::array::from_fn(|n| {
            let norm = if k == 0 { 0.125_f64.sqrt() } else { 0.5 };
            (norm * (std::f64::consts::PI * (2 * n + 1) as f64 * k as f64 / 16.0).cos()) as f32
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg_encoder::{ColorType, Encoder};

    pub(crate) fn encoded(width: u16, height: u16, quality: u8, at: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let pixels: Vec<u8> = (0..usize::from(height))
            .flat_map(|y| (0..usize::from(width)).map(move |x| (x, y)))
            .flat_map(|(x, y)| [at(x, y); 3])
            .collect();
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, quality).encode(&pixels, width, height, ColorType::Rgb).unwrap();
        bytes
    }

    #[test]
    fn tables_and_luma_are_those_stored() {
        let bytes = encoded(40, 24, 85, |x, y| (x * 5 + y) as u8);
        let jpeg = Jpeg::of(&bytes, (40, 24)).unwrap();
        assert_eq!(jpeg.quality(), Some(85));
        assert_eq!((jpeg.plane.width, jpeg.plane.height), (40, 24));
        assert!((jpeg.plane.luma[24 * 20] - 75.0).abs() < 80.0);
        assert!(Jpeg::of(&bytes, (41, 24)).is_none());
        assert!(Jpeg::of(&bytes[..bytes.len() / 3], (40, 24)).is_none());
    }

    #[test]
    fn boxes_follow_the_orientation() {
        let glyph = Glyph { left: 1, top: 2, right: 4, bottom: 8, ink: 9, field: None, digit: true, amount: false };
        // The upright photo is 10 wide and 20 high, or the plane is.
        let place = |orientation: u8| {
            let (width, height) = if orientation >= 5 { (20, 10) } else { (10, 20) };
            Plane { width, height, luma: Vec::new(), orientation }.place(&glyph, 0)
        };
        let want = [
            [1, 2, 4, 8],
            [6, 2, 9, 8],
            [6, 12, 9, 18],
            [1, 12, 4, 18],
            [2, 1, 8, 4],
            [2, 6, 8, 9],
            [12, 6, 18, 9],
            [12, 1, 18, 4],
        ];
        for (i, want) in want.into_iter().enumerate() {
            assert_eq!(place(i as u8 + 1), want, "orientation {}", i + 1);
        }
    }
}
