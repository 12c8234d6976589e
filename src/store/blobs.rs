//! Bytes kept under their SHA-256: `DIR/ab/abcdef…`. The same bytes are stored once.
//!
//! [`Blobs::put`] returns after the bytes, the file's name and its folder have reached the disk: written to a
//! temporary file, fsync, rename, fsync of the folder. Calls block; run them off the async threads.

use crate::domain::ContentHash;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A folder of content-addressed files.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
}

/// How a stored blob stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// Its bytes have the hash it is named by.
    Sound,
    /// Its bytes have another hash.
    Altered,
    /// There is no such file, or it cannot be read.
    Missing,
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Reads a plain file: reading a pipe would wait, and a link may lead anywhere.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::symlink_metadata(path)?.is_file() {
        true => fs::read(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "not a plain file")),
    }
}

impl Blobs {
    /// The blobs under `root`, which is made if missing.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("tmp"))?;
        if let Some(parent) = root.parent() {
            sync_dir(parent)?;
        }
        // What an upload left that was cut off by a crash. Younger files may belong to another process.
        let old = SystemTime::now() - Duration::from_secs(3600);
        for entry in fs::read_dir(root.join("tmp"))?.flatten() {
            if entry.metadata().and_then(|m| m.modified()).is_ok_and(|t| t < old) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    fn path(&self, hash: &ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.root.join(&name[..2]).join(name)
    }

    /// Stores `bytes` durably. A file of that name with other bytes is replaced: its name says what it must hold.
    ///
    /// # Errors
    /// If the disk refuses; nothing is then promised about these bytes.
    pub fn put(&self, bytes: &[u8]) -> io::Result<ContentHash> {
        let hash = ContentHash::of(bytes);
        let path = self.path(&hash);
        let folder = self.root.join(&hash.to_string()[..2]);
        if self.state(&hash) != BlobState::Sound {
            if !folder.exists() {
                fs::create_dir_all(&folder)?;
                sync_dir(&self.root)?;
            }
            let unique = TEMPORARY.fetch_add(1, Ordering::Relaxed);
            let temporary = self.root.join("tmp").join(format!("{}-{unique}", std::process::id()));
            let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
            if let Err(error) = written {
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        }
        // Also when it was there already: whoever stored it first may not have come to this line yet.
        sync_dir(&folder)?;
        Ok(hash)
    }

    /// The bytes, with their hash checked; `None` if they are missing or altered.
    ///
    /// # Errors
    /// If a file that exists cannot be read.
    pub fn get(&self, hash: &ContentHash) -> io::Result<Option<Vec<u8>>> {
        match read(&self.path(hash)) {
            Ok(bytes) => Ok((ContentHash::of(&bytes) == *hash).then_some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// How a blob stands.
    pub fn state(&self, hash: &ContentHash) -> BlobState {
        match read(&self.path(hash)) {
            Ok(bytes) if ContentHash::of(&bytes) == *hash => BlobState::Sound,
            Ok(_) => BlobState::Altered,
            Err(_) => BlobState::Missing,
        }
    }

    /// Writes and removes a file.
    ///
    /// # Errors
    /// If blobs cannot be written at present.
    pub fn probe(&self) -> io::Result<()> {
        let path = self.root.join("tmp").join(format!("{}-probe", std::process::id()));
        fs::write(&path, b"probe")?;
        fs::remove_file(&path)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_dir(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_stored_once_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("photos")).unwrap();
        let hash = blobs.put(b"made up").unwrap();
        assert_eq!(blobs.put(b"made up").unwrap(), hash);
        assert_eq!(blobs.get(&hash).unwrap().unwrap(), b"made up");
        assert_eq!(fs::read_dir(dir.path().join("photos/tmp")).unwrap().count(), 0);
        let folder = dir.path().join("photos").join(&hash.to_string()[..2]);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        assert_eq!(blobs.get(&ContentHash::of(b"other")).unwrap(), None);
        blobs.probe().unwrap();
    }

    #[test]
    fn altered_bytes_are_never_given_out_and_are_mended_by_storing_again() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let hash = blobs.put(b"made up").unwrap();
        fs::write(blobs.path(&hash), b"made uq").unwrap();
        assert_eq!(blobs.state(&hash), BlobState::Altered);
        let link = blobs.put(b"linked").unwrap();
        fs::rename(blobs.path(&link), dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), blobs.path(&link)).unwrap();
        assert_eq!(blobs.state(&link), BlobState::Missing, "a link is no photo of ours");
        assert_eq!(blobs.get(&hash).unwrap(), None);
        blobs.put(b"made up").unwrap();
        assert_eq!(blobs.state(&hash), BlobState::Sound);
    }
}
