//! The lab's bench: one order in, one file with its truth out, and many orders on all cores.

use super::attack::{Attack, attack};
use super::camera::{MAKERS, Save, decode, sharpen};
use super::chain::{Chain, Picture, Start, cropped};
use super::dice::Dice;
use super::wear::wear;
use super::{CameraParams, Fonts, PaintSpec, Specimen, SpecimenKind, forge, paint, photograph};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// Which document.
    pub kind: SpecimenKind,
    /// Decides all that the order leaves open.
    pub seed: u64,
    /// Which of the kind's layouts.
    pub layout: u8,
    /// `None` for a genuine one.
    pub attack: Option<Attack>,
    /// What befalls the file.
    pub chain: Chain,
    /// One of [`MAKERS`], or `None` for the seed's choice.
    pub maker: Option<usize>,
    /// How the photo is taken; the maker scales the size.
    pub camera: CameraParams,
    /// Which of the pictures of this sheet.
    pub take: Take,
}

/// Several pictures of one sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The one to compare with.
    First,
    /// Another photo of the same sheet.
    Photo,
    /// The same photo with its rim cut off.
    Crop,
    /// The sheet from a flatbed scanner.
    Scan,
}

impl Take {
    /// All but the first.
    pub const AGAIN: [Take; 3] = [Self::Photo, Self::Crop, Self::Scan];

    /// The name used in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Photo => "photo",
            Self::Crop => "crop",
            Self::Scan => "scan",
        }
    }
}

impl Chain {
    /// The seed's choice for a document.
    pub fn mixed(kind: SpecimenKind, seed: u64, forged: bool) -> Self {
        Dice::new(seed, &format!("chain of {} {forged}", kind.as_str())).pick(&Self::ALL)
    }
}

impl Attack {
    /// The seed's choice among those that suit a document. The issuer's name is none of them: the certificate is earned
    /// on this mix, and its commands go on giving the same specimens.
    pub fn mixed(kind: SpecimenKind, layout: u8, seed: u64) -> Self {
        let suiting: Vec<_> =
            Self::ALL.into_iter().filter(|a| *a != Self::EditIssuer && a.suits(kind, layout)).collect();
        Dice::new(seed, &format!("attack on {}", kind.as_str())).pick(&suiting)
    }
}

/// Makes one. `None` if the paper or the photo offers nothing to the attack.
///
/// Genuine and forged ones of the same kind and seed show the same paper on different tables.
///
/// # Errors
/// If a picture cannot be encoded.
pub fn develop(order: &Order, fonts: &Fonts) -> io::Result<Option<Picture>> {
    let Order { kind, seed, layout, .. } = *order;
    let number = kind as u64 + 1;
    // Another table, light and phone for each kind, and for the forged copy.
    let scene = seed ^ (number << 32) ^ order.attack.map_or(0, |_| 0x5eed << 40);
    let mut dice = Dice::new(scene, "lab");
    let place = order.maker.unwrap_or(dice.between(0, MAKERS.len() as i64 - 1) as usize).min(MAKERS.len() - 1);
    let maker = &MAKERS[place];
    let camera = CameraParams {
        long_side: order.camera.long_side * maker.long_side / 1840,
        exposure: [0.9, 1.12],
        contrast: [0.0, 0.5],
        varied_tables: dice.chance(0.8),
        ..order.camera
    };
    let save = Save::of(maker, &mut dice);
    let take = |flat: &Specimen, scene: u64| -> io::Result<(Specimen, Vec<u8>)> {
        let mut photo = photograph(flat, scene, &camera);
        sharpen(&mut photo.image, maker.sharpening);
        let file = save.encode(&photo.image)?;
        photo.image = decode(&file)?;
        Ok((photo, file))
    };
    let flat = paint(&PaintSpec { kind, seed, layout }, fonts);
    let (mut specimen, file, saves) = match (order.attack, order.take) {
        (None, Take::Scan) => {
            let mut scan = flat;
            wear(&mut scan.image, seed);
            scanned(&mut scan, &mut dice);
            let file = Save::ijg(92).encode(&scan.image)?;
            scan.image = decode(&file)?;
            (scan, Some(file), 1)
        }
        (None, again) => {
            let mut flat = flat;
            wear(&mut flat.image, seed);
            let (photo, file) = take(&flat, if again == Take::Photo { scene ^ 0xa6a1 << 44 } else { scene })?;
            if again == Take::Crop {
                let (w, h) = photo.image.dimensions();
                let mut cut = |size: u32| (f64::from(size) * dice.real(0.005, 0.03)) as u32;
                let [left, top, right, bottom] = [cut(w), cut(h), cut(w), cut(h)];
                (cropped(photo, [left, top, w - right, h - bottom]), None, 1)
            } else {
                (photo, Some(file), 1)
            }
        }
        (Some(Attack::Generated), _) => {
            let mut flat = flat;
            let (w, h) = (f64::from(flat.image.width()), f64::from(flat.image.height()));
            flat.truth.genuine = false;
            flat.truth.attack = Some(Attack::Generated.as_str().to_owned());
            flat.truth.altered = vec![[[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]]];
            (flat, None, 0)
        }
        (Some(Attack::FlatRetype), _) => {
            let mut flat = forge(&flat, seed, fonts);
            flat.truth.attack = Some(Attack::FlatRetype.as_str().to_owned());
            wear(&mut flat.image, seed);
            let (photo, file) = take(&flat, scene)?;
            (photo, Some(file), 1)
        }
        (Some(wanted), _) => {
            let mut flat = flat;
            wear(&mut flat.image, seed);
            let (photo, _) = take(&flat, scene)?;
            // A donor may have no amount that fits: another is tried.
            let forged = (1..5_u64).find_map(|attempt| {
                let donor = || {
                    let seed = seed ^ (attempt << 40);
                    let mut flat = paint(&PaintSpec { kind, seed, layout }, fonts);
                    wear(&mut flat.image, seed);
                    take(&flat, seed ^ (number << 32)).map(|(photo, _)| photo).ok()
                };
                attack(&photo, wanted, scene ^ (attempt << 48), fonts, donor)
            });
            let Some(forged) = forged else { return Ok(None) };
            (forged, None, 1)
        }
    };
    specimen.truth.camera = Some(place);
    let start = Start { specimen, file, save: &save, saves, camera: &camera, seed: scene };
    start.through(order.chain, fonts).map(Some)
}

/// What a flatbed scanner adds: even light, a little noise.
fn scanned(scan: &mut Specimen, dice: &mut Dice) {
    let light = dice.real(0.93, 1.0) as f32;
    let noise: Vec<f32> = (0..4_999).map(|_| super::retouch::normal(dice) * 1.2).collect();
    for (i, value) in scan.image.iter_mut().enumerate() {
        *value = (f32::from(*value) * light + noise[i % noise.len()]).clamp(0.0, 255.0) as u8;
    }
}

/// Makes many, on this many threads, and hands each to `keep` with its place in `orders` as soon as it is made.
///
/// # Errors
/// The first error of making or keeping one; those after it are not made.
pub fn develop_all(
    orders: &[Order],
    threads: usize,
    fonts: &Fonts,
    keep: impl Fn(usize, Option<Picture>) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(order) = orders.get(i) else { return Ok(()) };
            if let Err(e) = develop(order, fonts).and_then(|picture| keep(i, picture)) {
                next.store(orders.len(), Ordering::Relaxed);
                return Err(e);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|w| w.join().unwrap_or_else(|_| Err(io::Error::other("a painter gave up"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::tests::fonts;
    use std::sync::Mutex;

    fn order(kind: SpecimenKind, seed: u64, attack: Option<Attack>) -> Order {
        let camera = CameraParams { long_side: 900, ..CameraParams::default() };
        Order { kind, seed, layout: 0, attack, chain: Chain::Camera, maker: None, camera, take: Take::First }
    }

    #[test]
    fn every_attack_is_developed_and_an_order_gives_the_same_file() {
        let Some(fonts) = fonts() else { return };
        for attack in Attack::ALL {
            let order = order(SpecimenKind::InpatientBill, 2, Some(attack));
            let picture = develop(&order, &fonts).unwrap().unwrap();
            assert!(Some(&picture) == develop(&order, &fonts).unwrap().as_ref(), "{} differs", attack.as_str());
            assert!(!picture.truth.genuine, "{}", attack.as_str());
            assert_eq!(picture.truth.attack.as_deref(), Some(attack.as_str()));
            assert_eq!(picture.truth.tool.is_some(), attack.in_the_photo());
            // Edited files were saved by the camera and by the editor.
            assert!(!attack.in_the_photo() || picture.truth.saves == Some(2), "{}", attack.as_str());
        }
    }

    #[test]
    fn threads_make_what_one_makes() {
        let Some(fonts) = fonts() else { return };
        let mut orders: Vec<Order> = SpecimenKind::ALL.map(|kind| order(kind, 3, None)).to_vec();
        orders.extend(Take::AGAIN.map(|take| Order { take, ..orders[0] }));
        let made = |threads: usize| {
            let made = Mutex::new(vec![None; orders.len()]);
            develop_all(&orders, threads, &fonts, |i, picture| {
                made.lock().unwrap()[i] = picture;
                Ok(())
            })
            .unwrap();
            made.into_inner().unwrap()
        };
        let one = made(1);
        assert!(one == made(3));
        let fields = |i: usize| &one[i].as_ref().unwrap().truth.fields;
        for again in SpecimenKind::ALL.len()..orders.len() {
            assert_eq!(fields(again), fields(0), "the same sheet says the same");
            assert!(one[again].as_ref().unwrap().bytes != one[0].as_ref().unwrap().bytes);
        }
    }

    #[test]
    fn a_failure_to_keep_stops_the_work() {
        let Some(fonts) = fonts() else { return };
        let orders = [order(SpecimenKind::TillReceipt, 1, None); 4];
        let kept = AtomicUsize::new(0);
        let failed = develop_all(&orders, 1, &fonts, |_, _| {
            kept.fetch_add(1, Ordering::Relaxed);
            Err(io::Error::other("full"))
        });
        assert!(failed.is_err() && kept.into_inner() == 1);
    }

    #[test]
    fn the_mix_holds_everything_that_suits() {
        let attacks: std::collections::BTreeSet<_> =
            (0..400).map(|seed| Attack::mixed(SpecimenKind::TillReceipt, 0, seed)).collect();
        assert!(attacks.iter().all(|a| a.suits(SpecimenKind::TillReceipt, 0)) && attacks.len() == 8);
        let chains: std::collections::BTreeSet<_> =
            (0..400).map(|seed| Chain::mixed(SpecimenKind::TillReceipt, seed, true)).collect();
        assert_eq!(chains.len(), Chain::ALL.len());
    }
}
