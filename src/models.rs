//! The model files and their manifest: which there are, and that each is the one it claims to be.
//!
//! A file is used only after its SHA-256 was compared with `models/manifest.toml`; the hashes go into every
//! record. One of the few places below the doors that read files.

mod calibration;
mod certificate;
mod risk;

use crate::domain::ContentHash;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub use calibration::{Calibration, CalibrationError, Sample};
pub use certificate::{Certificate, CertificateError, Family, Step, Trial, steps, upper, upper_is_above};
pub use risk::{PREVALENCE_PPM, RiskModel, RiskModelError, RiskSample};

/// Name of the manifest in the models folder.
pub const MANIFEST: &str = "manifest.toml";

/// One pinned file: a model, its dictionary, or the inference library.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// What the program calls it, such as `detection`; empty for the runtime.
    #[serde(default)]
    pub name: String,
    /// File name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// What it is, in words.
    pub version: String,
    /// Package and version it came from.
    pub source: String,
    /// Path inside that package.
    pub path: String,
    /// SPDX licence.
    pub licence: String,
    /// What goes in: shape and normalisation, in words.
    #[serde(default)]
    pub input: Option<String>,
    /// What comes out, in words.
    #[serde(default)]
    pub output: Option<String>,
    /// Name of the entry that holds its dictionary.
    #[serde(default)]
    pub dictionary: Option<String>,
}

/// A library of several files that lie in one folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What it is, in words.
    pub version: String,
    /// Package and version it came from.
    pub source: String,
    /// The folder inside that package.
    pub path: String,
    /// SPDX licences.
    pub licence: String,
    /// Which of the files is loaded; it finds the others.
    pub library: String,
    /// Every file.
    pub part: Vec<Part>,
}

/// One file of a [`Bundle`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// File name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    /// Length of the file in bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    model: Vec<Pinned>,
    runtime: Pinned,
    bf16: Bundle,
}

/// The models of one folder.
#[derive(Debug, Clone)]
pub struct Manifest {
    dir: PathBuf,
    models: Vec<Pinned>,
    runtime: Pinned,
    bf16: Bundle,
}

/// Why the models cannot be used. Every message names the file and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The manifest or a file it names is not there or cannot be read.
    #[error("{path}: {why}; {mend}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
        /// How to come by it.
        mend: &'static str,
    },
    /// The manifest is not in its form.
    #[error("{path} is not a valid manifest: {reason}", path = .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is not the one the manifest pins.
    #[error("{path} is not the pinned file: SHA-256 {found}, expected {expected}; restore it from where it came", path = .path.display())]
    Differs {
        /// Which file.
        path: PathBuf,
        /// What the manifest says.
        expected: ContentHash,
        /// What was found.
        found: ContentHash,
    },
    /// Nothing of this name is in the manifest.
    #[error("no model named {0} in {MANIFEST}")]
    Unknown(String),
}

const RESTORE: &str = "it belongs to the project, restore it from the repository (`git checkout models`)";

const SET_UP: &str = "run `make setup`, or name yours with CLAIMLENS_ONNXRUNTIME";

impl Manifest {
    /// Reads the manifest in `dir` and checks every model file against it.
    ///
    /// Hashes about 40 MB, which takes some tens of milliseconds. The runtime is not looked at: it lies elsewhere,
    /// see [`Pinned::verify`].
    ///
    /// # Errors
    /// [`ManifestError`] for the first file that is missing or differs.
    pub fn load(dir: &Path) -> Result<Self, ManifestError> {
        let manifest = Self::parse(dir)?;
        for model in &manifest.models {
            model.verify(&dir.join(&model.file))?;
        }
        Ok(manifest)
    }

    /// Reads the manifest in `dir` and looks at no other file.
    ///
    /// # Errors
    /// [`ManifestError`] if it is missing, malformed, names a model twice or a dictionary that it does not hold.
    pub fn parse(dir: &Path) -> Result<Self, ManifestError> {
        let path = dir.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|why| ManifestError::Unreadable {
            path: path.clone(),
            why,
            mend: RESTORE,
        })?;
        let malformed = |reason: String| ManifestError::Malformed { path: path.clone(), reason };
        let ManifestFile { model: models, runtime, bf16 } =
            toml::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        let mut names = BTreeSet::new();
        for model in &models {
            if model.name.is_empty() || !names.insert(model.name.as_str()) {
                return Err(malformed(format!("{:?} has no name of its own", model.file)));
            }
            if Path::new(&model.file).file_name().is_none_or(|f| f != model.file.as_str()) {
                return Err(malformed(format!("{:?} is not a plain file name", model.file)));
            }
        }
        if let Some(lost) = models.iter().filter_map(|m| m.dictionary.as_deref()).find(|d| !names.contains(d)) {
            return Err(malformed(format!("no entry for the dictionary {lost:?}")));
        }
        Ok(Self { dir: dir.to_owned(), models, runtime, bf16 })
    }

    /// The models, in the order of the manifest.
    pub fn models(&self) -> &[Pinned] {
        &self.models
    }

    /// The inference library that the models were measured with.
    pub fn runtime(&self) -> &Pinned {
        &self.runtime
    }

    /// The inference library that computes in bfloat16.
    pub fn bf16(&self) -> &Bundle {
        &self.bf16
    }

    /// Where a model's file lies.
    ///
    /// # Errors
    /// [`ManifestError::Unknown`].
    pub fn path(&self, name: &str) -> Result<PathBuf, ManifestError> {
        self.models
            .iter()
            .find(|m| m.name == name)
            .map(|m| self.dir.join(&m.file))
            .ok_or_else(|| ManifestError::Unknown(name.to_owned()))
    }

    /// The bytes of a model's file, checked in the same breath: what is returned is what was hashed.
    ///
    /// # Errors
    /// [`ManifestError`] if there is no such model, or its file is missing or differs.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ManifestError> {
        let path = self.path(name)?;
        let bytes =
            fs::read(&path).map_err(|why| ManifestError::Unreadable { path: path.clone(), why, mend: RESTORE })?;
        let pinned = self.models.iter().find(|m| m.name == name).map(|m| m.sha256);
        match (pinned, ContentHash::of(&bytes)) {
            (Some(expected), found) if expected != found => Err(ManifestError::Differs { path, expected, found }),
            _ => Ok(bytes),
        }
    }

    /// SHA-256 of each model, by name, as recorded in versions.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.models.iter().map(|m| (m.name.clone(), m.sha256.to_string())).collect()
    }
}

impl Pinned {
    /// Checks that the file at `path` is this one.
    ///
    /// # Errors
    /// [`ManifestError::Unreadable`] or [`ManifestError::Differs`].
    pub fn verify(&self, path: &Path) -> Result<(), ManifestError> {
        // The library has no name among the models and no place in the repository.
        let mend = if self.name.is_empty() { SET_UP } else { RESTORE };
        verify(path, self.sha256, mend)
    }
}

impl Bundle {
    /// Checks every file of it in this folder. Hashes about 130 MB, which takes a tenth of a second.
    ///
    /// # Errors
    /// [`ManifestError::Unreadable`] or [`ManifestError::Differs`].
    pub fn verify(&self, dir: &Path) -> Result<(), ManifestError> {
        self.part.iter().try_for_each(|part| verify(&dir.join(&part.file), part.sha256, SET_UP))
    }
}

fn verify(path: &Path, expected: ContentHash, mend: &'static str) -> Result<(), ManifestError> {
    let bytes = fs::read(path).map_err(|why| ManifestError::Unreadable { path: path.to_owned(), why, mend })?;
    let found = ContentHash::of(&bytes);
    if found == expected { Ok(()) } else { Err(ManifestError::Differs { path: path.to_owned(), expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(model: &str, sha256: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let entry = |extra: &str, sha256: &str| {
            format!(
                "{extra}sha256 = \"{sha256}\"\nbytes = 3\nversion = \"1\"\nsource = \"p==1\"\npath = \"p/x\"\nlicence = \"MIT\"\n"
            )
        };
        let runtime = entry("file = \"lib.so\"\n", &"0".repeat(64));
        let model = entry(&format!("name = \"detection\"\n{model}\n"), sha256);
        fs::write(dir.path().join(MANIFEST), format!("[[model]]\n{model}[runtime]\n{runtime}{BF16}")).unwrap();
        fs::write(dir.path().join("det.onnx"), b"abc").unwrap();
        dir
    }

    const BF16: &str = "[bf16]\nversion = \"1\"\nsource = \"p==1\"\npath = \"p\"\nlicence = \"MIT\"\nlibrary = \"lib.so\"\npart = []\n";

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_right_file_loads_and_tells_its_hash() {
        let dir = folder("file = \"det.onnx\"", ABC);
        let manifest = Manifest::load(dir.path()).unwrap();
        assert_eq!(manifest.path("detection").unwrap(), dir.path().join("det.onnx"));
        assert_eq!(manifest.read("detection").unwrap(), b"abc");
        assert_eq!(manifest.hashes()["detection"], ABC);
        assert!(matches!(manifest.path("nothing"), Err(ManifestError::Unknown(_))));
    }

    #[test]
    fn a_changed_file_is_refused() {
        let dir = folder("file = \"det.onnx\"", ABC);
        let manifest = Manifest::load(dir.path()).unwrap();
        fs::write(dir.path().join("det.onnx"), b"abd").unwrap();
        assert!(matches!(Manifest::load(dir.path()), Err(ManifestError::Differs { .. })));
        assert!(matches!(manifest.read("detection"), Err(ManifestError::Differs { .. })));
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = folder("file = \"gone.onnx\"", ABC);
        let error = Manifest::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("gone.onnx"), "{error}");
    }

    #[test]
    fn a_manifest_with_a_fault_is_refused() {
        for (case, model) in [
            ("path instead of name", "file = \"../det.onnx\""),
            ("unknown member", "file = \"det.onnx\"\nsize = 3"),
            ("lost dictionary", "file = \"det.onnx\"\ndictionary = \"words\""),
            ("no file", ""),
        ] {
            let dir = folder(model, ABC);
            assert!(matches!(Manifest::parse(dir.path()), Err(ManifestError::Malformed { .. })), "{case}");
        }
    }

    #[test]
    fn the_shipped_models_are_the_pinned_ones() {
        let manifest = Manifest::load(Path::new("models")).unwrap();
        let names: Vec<_> = manifest.models().iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["detection", "recognition", "dictionary", "orientation", "pixels"]);
        assert!(manifest.models().iter().all(|m| m.licence == "Apache-2.0"));
    }
}
