//! How the text stands in the photo: turned by how many quarters.
//!
//! What is measured of characters runs along their lines. A photo whose pixels lie on their side, or upside down, says so
//! by the lines that were read in it, and is turned before it is looked at.

use super::Print;
use crate::domain::{FieldName, Quad, Upload};
use image::{RgbImage, imageops};
use std::borrow::Cow;

/// Quarters by which the photo is turned clockwise so that its text stands upright, and the photo's size before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stance {
    quarters: u8,
    size: (u32, u32),
}

impl Stance {
    /// By the way most of the text runs; a photo without text is left as it is.
    pub(super) fn of(lines: &[Quad<Upload>], size: (u32, u32)) -> Self {
        let along = lines.iter().map(|line| {
            let [[ax, ay], [bx, by], ..] = line.to_px();
            [bx - ax, by - ay]
        });
        let [x, y] = along.fold([0.0, 0.0], |sum: [f64; 2], run| [sum[0] + run[0], sum[1] + run[1]]);
        let quarters = match (x.abs() >= y.abs(), x >= 0.0, y >= 0.0) {
            (true, true, _) => 0,
            (true, false, _) => 2,
            (false, _, true) => 3,
            (false, _, false) => 1,
        };
        Self { quarters, size }
    }

    /// Quarters of a turn clockwise, 0..=3.
    pub(super) fn quarters(self) -> u8 {
        self.quarters
    }

    /// The photo, turned.
    pub(super) fn turned(self, image: &RgbImage) -> Cow<'_, RgbImage> {
        match self.quarters {
            0 => Cow::Borrowed(image),
            1 => Cow::Owned(imageops::rotate90(image)),
            2 => Cow::Owned(imageops::rotate180(image)),
            _ => Cow::Owned(imageops::rotate270(image)),
        }
    }

    /// A place of the photo, in the turned one.
    pub(super) fn place(self, quad: &Quad<Upload>) -> Quad<Upload> {
        let (width, height) = (f64::from(self.size.0), f64::from(self.size.1));
        Quad::from_px(quad.to_px().map(|[x, y]| match self.quarters {
            0 => [x, y],
            1 => [height - y, x],
            2 => [width - x, height - y],
            _ => [y, width - x],
        }))
    }

    /// A place of the turned photo, in the photo itself.
    pub(super) fn back(self, quad: &Quad<Upload>) -> Quad<Upload> {
        let (width, height) = self.size;
        let size = if self.quarters % 2 == 1 { (height, width) } else { self.size };
        Self { quarters: (4 - self.quarters) % 4, size }.place(quad)
    }
}

/// What is printed where, with every place moved.
pub(super) struct Placed<'a> {
    lines: Vec<Quad<Upload>>,
    texts: &'a [&'a str],
    fields: Vec<(FieldName, Quad<Upload>)>,
}

impl<'a> Placed<'a> {
    pub(super) fn of(print: &Print<'a>, place: impl Fn(&Quad<Upload>) -> Quad<Upload>) -> Self {
        Self {
            lines: print.lines.iter().map(&place).collect(),
            texts: print.texts,
            fields: print.fields.iter().map(|(name, quad)| (*name, place(quad))).collect(),
        }
    }

    pub(super) fn print(&self) -> Print<'_> {
        Print { lines: &self.lines, texts: self.texts, fields: &self.fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_photo_is_turned_until_its_text_is_upright_and_places_are_found_again() {
        // One dark pixel where the text begins, 3 right and 1 down of the upright picture's corner.
        let upright = RgbImage::from_fn(9, 5, |x, y| Rgb([if (x, y) == (3, 1) { 0 } else { 255 }; 3]));
        let line = Quad::rect(3.0, 1.0, 8.0, 2.0);
        for quarters in 0..4 {
            // As stored: turned the other way.
            let other_way = Stance { quarters: (4 - quarters) % 4, size: (9, 5) };
            let stored = other_way.turned(&upright).into_owned();
            let lines = [other_way.place(&line)];
            let stance = Stance::of(&lines, stored.dimensions());
            assert_eq!(stance, Stance { quarters, size: stored.dimensions() });
            assert_eq!(*stance.turned(&stored), upright, "{quarters}");
            assert_eq!(stance.place(&lines[0]), line, "{quarters}");
            assert_eq!(stance.back(&line), lines[0], "{quarters}");
        }
        assert_eq!(Stance::of(&[], (9, 5)).quarters(), 0);
    }
}
