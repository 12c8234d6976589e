//! The contact sheet: small pictures side by side, to see whether they look like photos.

use super::camera::Save;
use super::chain::shrunk;
use super::lab::develop_all;
use super::{Attack, CameraParams, Chain, Fonts, Order, SpecimenKind, Take};
use image::{Rgb, RgbImage};
use std::io;
use std::path::Path;
use std::sync::Mutex;

/// Columns and rows.
const GRID: [u32; 2] = [4, 3];
/// Width and height of one picture's room, pixels.
const CELL: [u32; 2] = [480, 400];

/// Writes twelve specimens of mixed kinds, attacks and chains, every other one genuine; a PNG or else a JPEG, by the
/// name's ending. Most went through the camera only: the sheet is there to look at photos.
///
/// # Errors
/// If a picture cannot be made or the file cannot be written.
pub fn write_sheet(out: &Path, seed: u64, threads: usize, fonts: &Fonts) -> io::Result<()> {
    let orders: Vec<Order> = (0..u64::from(GRID[0] * GRID[1]))
        .map(|i| {
            let kind = SpecimenKind::ALL[i as usize % SpecimenKind::ALL.len()];
            let seed = seed + i;
            let layout = kind.layout(seed);
            Order {
                kind,
                seed,
                layout,
                attack: (i % 2 == 1).then(|| Attack::mixed(kind, layout, seed)).filter(|a| a.in_the_photo()),
                chain: if i % 3 == 2 { Chain::mixed(kind, seed, false) } else { Chain::Camera },
                maker: None,
                camera: CameraParams::careless((i % 3) as u8),
                take: Take::First,
            }
        })
        .collect();
    let sheet = Mutex::new(RgbImage::from_pixel(GRID[0] * CELL[0], GRID[1] * CELL[1], Rgb([240; 3])));
    develop_all(&orders, threads, fonts, |i, picture| {
        let Some(picture) = picture else { return Ok(()) };
        let image = image::load_from_memory(&picture.bytes).map_err(io::Error::other)?.into_rgb8();
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let k = (f64::from(CELL[0] - 8) / w).min(f64::from(CELL[1] - 8) / h);
        let small = shrunk(&image, (w * k) as u32, (h * k) as u32)?;
        let [column, row] = [i as u32 % GRID[0], i as u32 / GRID[0]];
        let [x, y] = [column * CELL[0] + (CELL[0] - small.width()) / 2, row * CELL[1] + (CELL[1] - small.height()) / 2];
        let mut sheet = sheet.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        image::imageops::replace(&mut *sheet, &small, x.into(), y.into());
        Ok(())
    })?;
    let sheet = sheet.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        return sheet.save_with_format(out, image::ImageFormat::Png).map_err(io::Error::other);
    }
    std::fs::write(out, Save::ijg(78).encode(&sheet)?)
}
