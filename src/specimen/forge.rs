//! Forges a copy: one printed amount erased and typed anew, as with a picture editor.

use super::canvas::{Bounds, Canvas, Style};
use super::dice::Dice;
use super::{Face, Fonts, Mark, Place, Specimen};
use crate::domain::{Fen, FieldName, Quad, Upload};
use image::RgbImage;

/// The truth's word for this attack.
const RETYPED: &str = "retyped_amount";

/// A copy with one amount retyped, most often the total. Give it the flat picture and photograph the copy.
///
/// A specimen that prints no amount comes back as it is, and still genuine.
pub fn forge(flat: &Specimen, seed: u64, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, "target");
    let amounts: Vec<usize> = flat
        .places
        .iter()
        .enumerate()
        .filter(|(_, p)| amount_of(&p.text).is_some_and(|(_, v)| v.0 > 0))
        .map(|(i, _)| i)
        .collect();
    let money = |m: Mark| match m {
        Mark::Field(f) => f.value_type() == crate::domain::document::ValueType::Money,
        Mark::ItemAmount(_) => true,
        _ => false,
    };
    let targets: Vec<usize> = amounts.into_iter().filter(|i| money(flat.places[*i].mark)).collect();
    let total = targets.iter().find(|i| flat.places[**i].mark == Mark::Field(FieldName::Total));
    match (total, targets.is_empty()) {
        (Some(total), _) if dice.chance(0.6) => retype(flat, *total, seed, fonts),
        (_, false) => retype(flat, dice.pick(&targets), seed, fonts),
        _ => flat.clone(),
    }
}

/// A copy with this field's amount retyped, or `None` if it is not printed or not an amount above 0.
pub fn forge_field(flat: &Specimen, field: FieldName, seed: u64, fonts: &Fonts) -> Option<Specimen> {
    let place = flat.places.iter().position(|p| p.mark == Mark::Field(field))?;
    amount_of(&flat.places[place].text).filter(|(_, v)| v.0 > 0)?;
    Some(retype(flat, place, seed, fonts))
}

/// What stands before an amount (a currency sign), and the amount.
pub(super) fn amount_of(text: &str) -> Option<(&str, Fen)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    Fen::parse(&text[start..]).map(|fen| (&text[..start], fen))
}

/// Another amount with one digit before the point changed: larger, and on the same side of 3,000 yuan, so that no
/// amount limit gives the forgery away.
pub(super) fn other_amount(amount: Fen, dice: &mut Dice) -> Fen {
    let mut options = Vec::new();
    for unit in [100, 1_000, 10_000, 100_000, 1_000_000] {
        let digit = amount.0 / unit % 10;
        options.extend((digit + 1..10).map(|d| amount.0 + (d - digit) * unit));
    }
    options.retain(|v| v.to_string().len() == amount.0.to_string().len() && (*v < 300_000) == (amount.0 < 300_000));
    // 9.99 has no larger neighbour of its length: one more in front.
    Fen(if options.is_empty() { amount.0 + 10_000 } else { dice.pick(&options) })
}

fn retype(flat: &Specimen, index: usize, seed: u64, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, "forge");
    let place = &flat.places[index];
    let Some((before, amount)) = amount_of(&place.text) else { return flat.clone() };
    let amount = other_amount(amount, &mut dice);
    let text = format!("{before}{amount}");

    let mut canvas = Canvas::new(flat.image.clone(), fonts);
    let (l, t, r, b) = place.quad.bounds();
    let hole: Bounds = [l - 3.0, t - 3.0, r + 3.0, b + 3.0];
    let paper = paper_around(&flat.image, hole);
    canvas.erase(hole, paper);
    let face = place.style.face.mistaken_for();
    let style = Style {
        face,
        em: place.style.em * dice.real(0.95, 1.05) as f32,
        ink: place.style.ink.map(|c| c.saturating_add(dice.between(0, 14) as u8)),
        weight: if face == Face::Song { 0.5 } else { 0.0 },
    };
    // As wide as what stood there, so that columns still line up.
    let squeeze = ((r - l) / canvas.width(&style, &text)).clamp(0.8, 1.1) as f32;
    let style = Style { em: style.em * squeeze, ..style };
    let right = r - canvas.width(&style, &text);
    let [x, baseline] = [(l + right) / 2.0 + dice.real(-1.5, 1.5), place.origin[1] + dice.real(-1.2, 1.2)];
    let new = canvas.text(&style, x, baseline, &text);

    let around = [hole[0].min(new[0]), hole[1].min(new[1]), hole[2].max(new[2]), hole[3].max(new[3])];
    let quad = Quad::<Upload>::rect(around[0], around[1], around[2], around[3])
        .clamped(flat.image.width(), flat.image.height());
    let mut forged = Specimen { image: canvas.image, ..flat.clone() };
    forged.truth.genuine = false;
    forged.truth.attack = Some(RETYPED.to_owned());
    forged.truth.altered = vec![quad.to_px()];
    match place.mark {
        Mark::Field(f) => {
            forged.truth.fields.insert(f, Some(amount.to_string()));
        }
        Mark::ItemAmount(i) => {
            if let Some(item) = forged.truth.items.get_mut(i) {
                item.amount = amount.to_string();
            }
        }
        _ => {}
    }
    let quad = Quad::rect(new[0], new[1], new[2], new[3]);
    forged.places[index] = Place { text, quad, style, origin: [x, baseline], ..place.clone() };
    forged
}

/// The paper's colour beside a box: the median of each channel along its edge.
fn paper_around(image: &RgbImage, [left, top, right, bottom]: Bounds) -> [u8; 3] {
    let (w, h) = (image.width() as i64, image.height() as i64);
    let mut seen: Vec<[u8; 3]> = Vec::new();
    for x in left as i64..=right as i64 {
        for y in [top as i64, bottom as i64] {
            seen.push(image.get_pixel(x.clamp(0, w - 1) as u32, y.clamp(0, h - 1) as u32).0);
        }
    }
    [0, 1, 2].map(|c| {
        let mut channel: Vec<u8> = seen.iter().map(|p| p[c]).collect();
        channel.sort_unstable();
        channel.get(channel.len() / 2).copied().unwrap_or(255)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::{PaintSpec, SpecimenKind, paint, tests::fonts};

    #[test]
    fn another_amount_is_larger_and_as_long() {
        for seed in 0..500 {
            let mut dice = Dice::new(seed, "test");
            let amount = Fen(dice.between(100, 2_500_000));
            let other = other_amount(amount, &mut dice);
            assert!(other > amount);
            assert_eq!(other.0 % 100, amount.0 % 100);
            if amount.0 < 280_000 {
                assert!(other.0 < 300_000, "{amount} became {other}");
            }
        }
    }

    #[test]
    fn only_the_altered_place_changes_and_the_truth_says_so() {
        let Some(fonts) = fonts() else { return };
        for (kind, seed) in SpecimenKind::ALL.into_iter().filter(|k| k.has_amounts()).zip(4..) {
            let flat = paint(&PaintSpec::first(kind, seed), &fonts);
            let forged = forge_field(&flat, FieldName::Total, seed, &fonts).unwrap();
            assert_eq!(forged.truth.attack.as_deref(), Some(RETYPED));
            assert_ne!(forged.truth.fields[&FieldName::Total], flat.truth.fields[&FieldName::Total]);
            let [[l, t], _, [r, b], _] = forged.truth.altered[0];
            for ((x, y, old), new) in flat.image.enumerate_pixels().zip(forged.image.pixels()) {
                let (x, y) = (f64::from(x), f64::from(y));
                assert!(old == new || (x >= l - 1.0 && x <= r + 1.0 && y >= t - 1.0 && y <= b + 1.0), "{x},{y}");
            }
            assert!(forge_field(&flat, FieldName::Diagnosis, seed, &fonts).is_none());
        }
    }
}
