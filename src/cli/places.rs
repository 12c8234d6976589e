//! Where things are: models, the inference library, the photos that a path stands for.

use super::{DecisionArgs, EngineArgs, IssuerArgs, KekArgs, PhotosArgs, PlaceArgs, PrecisionArg, StorageArgs, usage};
use crate::decision::Policy;
use crate::domain::Claim;
use crate::domain::gate::Reviewer;
use crate::models::Manifest;
use crate::pipeline::{Inference, ReaderConfig};
use crate::service::work::cores;
use crate::service::{Actor, BucketPlace, Issuers, Kek, KekPlace, PhotoPlace, Place, Registry, Verifier};
use crate::vision::Limits;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Extensions that a picture goes by. Whether one can be read is the decoder's affair, not the name's.
pub const PICTURES: &[&str] =
    &["jpg", "jpeg", "jpe", "jfif", "png", "webp", "heic", "heif", "avif", "tif", "tiff", "gif", "bmp", "ico", "pdf"];

/// Files above this are not opened at all: 256 MiB, far above what any upload may be.
const MOST_BYTES: u64 = 256 << 20;

/// `name` under the working folder, or else under the folder of the program or one of those around it.
fn near(name: &str) -> PathBuf {
    let here = PathBuf::from(name);
    if here.exists() {
        return here;
    }
    let program = std::env::current_exe().and_then(|p| p.canonicalize()).unwrap_or_default();
    // target/release/claimlens lies three folders below the project's root; one more for target/<triple>/release.
    program.ancestors().skip(1).take(4).map(|dir| dir.join(name)).find(|p| p.exists()).unwrap_or(here)
}

impl EngineArgs {
    /// The folder of the models.
    pub fn models_dir(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(|| near("models"))
    }

    /// The inference library: the one told, else the one the manifest pins.
    pub fn library(&self) -> PathBuf {
        self.onnxruntime.clone().unwrap_or_else(|| {
            let file = Manifest::parse(&self.models_dir())
                .map_or_else(|_| "libonnxruntime.so".to_owned(), |m| m.runtime().file.clone());
            near("native").join(file)
        })
    }

    /// The inference library to use.
    pub fn inference(&self) -> Inference {
        match self.precision {
            PrecisionArg::F32 => Inference::F32(self.library()),
            PrecisionArg::Bf16 => Inference::Bf16(near("native/openvino")),
        }
    }

    /// What a reader is made of.
    pub fn reader(&self) -> ReaderConfig {
        ReaderConfig {
            models: self.models_dir(),
            inference: self.inference(),
            limits: Limits::default(),
            threads: cores(),
            calibrated: true,
        }
    }
}

impl PlaceArgs {
    /// Where the records are.
    pub fn place(&self) -> Result<Place> {
        self.storage.place(&self.data)
    }
}

impl StorageArgs {
    /// Where the records are, with what is kept nowhere else in this folder.
    pub fn place(&self, data: &Path) -> Result<Place> {
        let database = self.database.as_ref().map(|url| url.0.parse()).transpose();
        let database = database.map_err(|why: &str| usage(why))?;
        Ok(Place { data: data.to_owned(), database, photos: self.photos.place()?, kek: self.kek.place()? })
    }
}

/// The environment variable that may hold the key-encryption key itself.
const KEK: &str = "CLAIMLENS_KEK";

impl KekArgs {
    /// Where the key-encryption key is, if not in the folder of the records.
    pub fn place(&self) -> Result<Option<KekPlace>> {
        let given = std::env::var(KEK).ok().filter(|text| !text.is_empty());
        match (&self.kek_file, given) {
            (Some(_), Some(_)) => {
                Err(usage(format!("give the key-encryption key by {KEK} or by --kek-file, not both")))
            }
            (Some(file), None) => Ok(Some(KekPlace::File(file.clone()))),
            (None, Some(text)) => match Kek::parse(&text) {
                Ok(kek) => Ok(Some(KekPlace::Given(kek))),
                Err(why) => Err(usage(format!("{KEK}: {why}"))),
            },
            (None, None) => Ok(None),
        }
    }
}

impl IssuerArgs {
    /// Who is asked; a bad list is wrong usage, with every fault told.
    pub fn issuers(&self) -> Result<Arc<Issuers>> {
        let read = |path: &PathBuf| {
            let bytes = fs::read(path).map_err(|e| usage(format!("{}: {e}", path.display())))?;
            Registry::parse(&bytes).map_err(|e| usage(format!("{}: {e}", path.display())))
        };
        let ask = |url: &String| Verifier::new(url, self.issuer_quota).map_err(|e| usage(e.to_string()));
        let registry = self.issuers.as_ref().map(read).transpose()?;
        let verifier = self.issuer_verifier.as_ref().map(ask).transpose()?;
        Ok(Arc::new(Issuers { registry, verifier }))
    }
}

impl PhotosArgs {
    /// Where photos are kept; what cannot be such a place is wrong usage.
    pub fn place(&self) -> Result<PhotoPlace> {
        let Some(url) = self.photos.as_deref().filter(|url| !url.is_empty()) else { return Ok(PhotoPlace::Folder) };
        // Variables that are not text are none of these.
        let variables = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        let place = BucketPlace::parse(url, variables).map_err(|e| usage(format!("--photos: {e}")))?;
        Ok(PhotoPlace::Bucket(place))
    }
}

impl DecisionArgs {
    /// The policy to decide by.
    pub fn policy(&self) -> Result<Policy> {
        policy_or_default(self.policy.as_deref())
    }

    /// The time to decide as of, to the second.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }
}

/// The policy in a file, or the built-in one.
pub fn policy_or_default(path: Option<&Path>) -> Result<Policy> {
    path.map_or_else(|| Ok(Policy::default()), read_policy)
}

/// Reads a policy file; a bad one is wrong usage, with every fault told.
pub fn read_policy(path: &Path) -> Result<Policy> {
    let text = fs::read_to_string(path).map_err(|e| usage(format!("{}: {e}", path.display())))?;
    Policy::parse(&text).map_err(|e| usage(format!("{}: {e}", path.display())))
}

/// A person's name as given with --by; a bad one is wrong usage.
pub fn reviewer(name: &str) -> Result<Reviewer> {
    Reviewer::try_from(name.to_owned()).map_err(|e| usage(format!("--by {e}")))
}

/// Who runs a command, if --by says so.
pub fn actor(name: Option<&str>) -> Result<Actor> {
    Ok(name.map(reviewer).transpose()?.map(Actor::named).unwrap_or_default())
}

/// Reads a claim file; a bad one is wrong usage.
pub fn read_claim(path: &Path) -> Result<Claim> {
    let json = fs::read(path).map_err(|e| usage(format!("{}: {e}", path.display())))?;
    Claim::from_json(&json).map_err(|e| usage(format!("{} is not a claim: {e}", path.display())))
}

/// The photos that paths stand for: a folder for the pictures under it, sorted by path; a file for itself.
///
/// # Errors
/// Wrong usage if a path does not exist or a folder holds no picture. Whether a file can be read is seen later.
pub fn photos(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = out.len();
            walk(path, &mut out)?;
            if out.len() == before {
                return Err(usage(format!("no pictures under {}", path.display())));
            }
            out[before..].sort();
        } else if path.try_exists().unwrap_or(true) {
            out.push(path.clone());
        } else {
            return Err(usage(format!("{} does not exist", path.display())));
        }
    }
    Ok(out)
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    for entry in entries {
        let path = entry.with_context(|| dir.display().to_string())?.path();
        // A link to a folder is not followed: it may lead in a circle.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, out)?;
        } else if path.is_file() && is_picture(&path) {
            out.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| PICTURES.iter().any(|known| known.eq_ignore_ascii_case(e)))
}

/// The bytes of a photo, or why there are none.
pub fn photo_bytes(path: &Path) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| e.to_string())?;
    if !file.metadata().map_err(|e| e.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_pictures_in_order() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        for name in ["b/2.PNG", "b/1.jpg", "a.heic", "notes.txt", "c.truth.json"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        let found = photos(&[dir.path().to_owned(), dir.path().join("notes.txt")]).unwrap();
        let names: Vec<_> = found.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.heic", "b/1.jpg", "b/2.PNG", "notes.txt"]);
    }

    #[test]
    fn a_folder_without_pictures_is_wrong_usage() {
        let dir = tempfile::tempdir().unwrap();
        assert!(photos(&[dir.path().to_owned()]).unwrap_err().is::<super::super::Usage>());
    }

    #[test]
    fn photos_are_kept_in_the_folder_or_in_a_bucket_and_nowhere_else() {
        let place = |photos: Option<&str>| PhotosArgs { photos: photos.map(str::to_owned) }.place();
        assert!(matches!(place(None).unwrap(), PhotoPlace::Folder));
        assert!(matches!(place(Some("")).unwrap(), PhotoPlace::Folder));
        for bucket in ["s3://claims", "s3://claims/", "s3://claims/photos/2026"] {
            assert!(matches!(place(Some(bucket)).unwrap(), PhotoPlace::Bucket(_)), "{bucket}");
        }
        for wrong in
            ["claims", "s3://", "https://claims/photos", "s3://cl aims", "s3://claims/a//b", "s3://claims/../b"]
        {
            let error = place(Some(wrong)).unwrap_err();
            assert!(error.is::<super::super::Usage>() && error.to_string().starts_with("--photos: "), "{wrong}");
        }
    }

    #[test]
    fn a_missing_photo_is_wrong_usage_and_has_no_bytes() {
        assert!(photos(&["no/such.jpg".into()]).unwrap_err().is::<super::super::Usage>());
        assert!(photo_bytes(Path::new("no/such.jpg")).is_err());
    }
}
