//! Writes specimens: single ones and the project's own `samples/`.

use super::{CameraParams, Fonts, PaintSpec, Picture, Specimen, SpecimenKind, forge_field, paint, photograph};
use crate::domain::FieldName;
use crate::domain::evidence::{Claim, Insured, PolicyTerm};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// JPEG quality of the samples: what phones write.
const SAMPLE_QUALITY: u8 = 88;

/// Writes `STEM.jpg` and `STEM.truth.json`, and hands their paths back.
///
/// # Errors
/// If a file cannot be written.
fn write_specimen(stem: &Path, specimen: &Specimen, jpeg_quality: u8) -> io::Result<[PathBuf; 2]> {
    let mut bytes = Vec::new();
    let image = &specimen.image;
    JpegEncoder::new_with_quality(&mut bytes, jpeg_quality)
        .encode(image, image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    write_picture(stem, &Picture { bytes, extension: "jpg", truth: specimen.truth.clone() })
}

/// Writes `STEM.jpg` or `STEM.png`, and `STEM.truth.json`, and hands their paths back.
///
/// # Errors
/// If a file cannot be written.
pub fn write_picture(stem: &Path, picture: &Picture) -> io::Result<[PathBuf; 2]> {
    let named = |suffix: &str| {
        let mut name = stem.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        stem.with_file_name(name)
    };
    let paths = [named(&format!(".{}", picture.extension)), named(".truth.json")];
    fs::write(&paths[0], &picture.bytes)?;
    write_json(&paths[1], &picture.truth)?;
    Ok(paths)
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    text.push('\n');
    fs::write(path, text)
}

/// The kinds that `samples/` holds.
const SAMPLED: [SpecimenKind; 3] =
    [SpecimenKind::OutpatientBill, SpecimenKind::InpatientBill, SpecimenKind::TillReceipt];

/// Makes the altered copy's photo another photo than the genuine one's.
const ALTERED: u64 = 0x5eed;

/// Another table and pose for each kind.
fn photo_seed(kind: SpecimenKind, seed: u64) -> u64 {
    seed ^ ((kind as u64 + 1) << 32)
}

/// Writes `samples/`: for each kind the flat picture, a photo, a photo of a copy with the total retyped, and a claim.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], before anything is written, if the folder holds something else than samples. If a
/// folder or a file cannot be written.
pub fn write_samples(out: &Path, seed: u64, fonts: &Fonts) -> io::Result<Vec<PathBuf>> {
    refuse_others(out)?;
    let camera = CameraParams::default();
    let mut written = Vec::new();
    for kind in SAMPLED {
        let folder = out.join(kind.as_str());
        fs::create_dir_all(&folder)?;
        let flat = paint(&PaintSpec::first(kind, seed), fonts);
        let forged = forge_field(&flat, FieldName::Total, seed, fonts)
            .ok_or_else(|| io::Error::other("a specimen without a total"))?;
        let photo = photograph(&flat, photo_seed(kind, seed), &camera);
        let altered = photograph(&forged, photo_seed(kind, seed) ^ ALTERED, &camera);
        for (view, specimen) in [("flat", &flat), ("photo", &photo), ("altered", &altered)] {
            written.extend(write_specimen(&folder.join(view), specimen, SAMPLE_QUALITY)?);
        }
        let path = folder.join("claim.json");
        write_json(&path, &claim(kind, &flat))?;
        written.push(path);
    }
    let readme = out.join("README.md");
    fs::write(&readme, README.replace("{seed}", &seed.to_string()))?;
    written.push(readme);
    Ok(written)
}

/// A folder that is missing or empty will do, or one that says in our words what it holds.
fn refuse_others(out: &Path) -> io::Result<()> {
    let empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    let ours = README.split("{seed}").next().unwrap_or(README);
    if empty || fs::read(out.join("README.md")).is_ok_and(|text| text.starts_with(ours.as_bytes())) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "it holds something else than samples; choose another folder"))
}

/// A claim that the genuine specimen bears out: its payer, its total, a policy year around its date.
fn claim(kind: SpecimenKind, flat: &Specimen) -> Claim {
    let field = |name| flat.truth.fields.get(&name).cloned().flatten();
    Claim {
        id: format!("sample-{}", kind.as_str().replace('_', "-")),
        insured: Some(Insured {
            name: field(FieldName::PayerName).unwrap_or_else(|| "Sample Person".to_owned()),
            id_number: None,
        }),
        policy: Some(PolicyTerm {
            number: "SAMPLE-2026-0001".to_owned(),
            from: Some("2026-01-01".to_owned()),
            to: Some("2026-12-31".to_owned()),
        }),
        amount: field(FieldName::Total),
        claim_type: None,
        currency: (kind == SpecimenKind::TillReceipt).then(|| "MYR".to_owned()),
    }
}

const README: &str = "\
# Samples

Painted by `claimlens specimen paint --out samples --seed {seed}`. Nobody's real papers: people, hospitals, shops,
numbers and codes are made up, and every paper says that it is a specimen (样张).

| folder | what | total |
|---|---|---|
| `outpatient_bill` | 医疗门诊收费票据（电子） | under 3,000 yuan |
| `inpatient_bill` | 医疗住院收费票据（电子） | over 3,000 yuan |
| `till_receipt` | English till receipt | under 3,000 |

In each:

- `flat.jpg`: as a renderer gives it.
- `photo.jpg`: as a phone would take it: table, perspective, uneven light, lens blur, sensor noise.
- `altered.jpg`: another photo, of a copy whose total was erased and retyped in another face.
- `NAME.truth.json`: what is printed, in the contract's truth form; `null` for a field of the kind that the paper does
  not carry. In an altered copy the truth of `total` is the altered amount, and `altered` gives its place in the photo.
  Of a photo `corners` gives the sheet's corners.
- `claim.json`: a claim that the genuine paper bears out.

Painting needs the Debian packages fonts-arphic-gkai00mp, fonts-arphic-gbsn00lp, fonts-wqy-zenhei, fonts-dejavu-core,
fonts-wqy-microhei and fonts-liberation; using the samples needs none.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::{Truth, tests::fonts};

    #[test]
    fn the_projects_own_photos_tell_their_sheets() {
        for kind in SAMPLED {
            for view in ["photo", "altered"] {
                let path = Path::new("samples").join(kind.as_str()).join(view).with_extension("truth.json");
                let truth: Truth = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
                assert!(truth.corners.is_some(), "{} has no corners", path.display());
            }
        }
    }

    #[test]
    fn only_a_folder_of_samples_is_painted_over() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| refuse_others(path).map_err(|e| e.kind());
        assert_eq!([refused(dir.path()), refused(&dir.path().join("new"))], [Ok(()), Ok(())]);
        fs::write(dir.path().join("README.md"), "# Mine\n").unwrap();
        assert_eq!(refused(dir.path()), Err(io::ErrorKind::AlreadyExists));
        fs::write(dir.path().join("README.md"), README.replace("{seed}", "7")).unwrap();
        assert_eq!([refused(dir.path()), refused(Path::new("samples"))], [Ok(()), Ok(())]);
    }

    #[test]
    fn samples_are_complete_and_the_same_each_time() {
        let Some(fonts) = fonts() else { return };
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = write_samples(a.path(), 5, &fonts).unwrap();
        let second = write_samples(b.path(), 5, &fonts).unwrap();
        assert_eq!(first.len(), 3 * 7 + 1);
        for (x, y) in first.iter().zip(&second) {
            assert_eq!(x.strip_prefix(a.path()).unwrap(), y.strip_prefix(b.path()).unwrap());
            assert!(fs::read(x).unwrap() == fs::read(y).unwrap(), "{} differs", x.display());
        }
        let read = |name: &str| fs::read_to_string(a.path().join("outpatient_bill").join(name)).unwrap();
        let (photo, altered): (Truth, Truth) = (
            serde_json::from_str(&read("photo.truth.json")).unwrap(),
            serde_json::from_str(&read("altered.truth.json")).unwrap(),
        );
        let claim: Claim = serde_json::from_str(&read("claim.json")).unwrap();
        assert_eq!(claim.amount, photo.fields[&FieldName::Total]);
        assert!(photo.genuine && !altered.genuine);
        assert_ne!(photo.fields[&FieldName::Total], altered.fields[&FieldName::Total]);
    }
}
