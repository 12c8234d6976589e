//! Blobs as files: written to a temporary file, fsync, rename, fsync of the folder.

use crate::domain::ContentHash;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Where files lie until they are whole. Made with the folder, so it is also the sign that this is the folder.
const TEMPORARY: &str = "tmp";

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

static UNIQUE: AtomicU64 = AtomicU64::new(0);

impl Folder {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(TEMPORARY))?;
        // The records are opened next, and refused later where this folder has nothing in it.
        sync_dir(root)?;
        if let Some(parent) = root.parent() {
            sync_dir(parent)?;
        }
        // What an upload left that was cut off by a crash. Younger files may belong to another process.
        let old = SystemTime::now() - Duration::from_secs(3600);
        for entry in fs::read_dir(root.join(TEMPORARY))?.flatten() {
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

    fn temporary(&self) -> PathBuf {
        let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
        self.root.join(TEMPORARY).join(format!("{}-{unique}", std::process::id()))
    }

    pub(super) fn put(&self, hash: &ContentHash, bytes: &[u8]) -> io::Result<()> {
        self.answers()?;
        let path = self.path(hash);
        let folder = self.root.join(&hash.to_string()[..2]);
        if !self.read(hash).is_ok_and(|stored| stored.is_some_and(|stored| stored == bytes)) {
            fs::create_dir_all(&folder)?;
            let temporary = self.temporary();
            let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
            if let Err(error) = written {
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        }
        // Also when both were there already: whoever made them first may not have come to this line yet.
        sync_dir(&folder)?;
        sync_dir(&self.root)
    }

    /// What the file of that name holds. What is no plain file is none of ours: reading a pipe would wait, and a link
    /// may lead anywhere.
    pub(super) fn read(&self, hash: &ContentHash) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(hash);
        let bytes = match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => return Ok(None),
            Ok(_) => fs::read(&path),
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.answers().map(|()| None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn delete(&self, hash: &ContentHash) -> io::Result<()> {
        self.answers()?;
        match fs::remove_file(self.path(hash)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_dir(&self.root.join(&hash.to_string()[..2])),
        }
    }

    /// A disk that is not mounted shows an empty folder, or none: no file in it is missing.
    pub(super) fn answers(&self) -> io::Result<()> {
        match fs::metadata(self.root.join(TEMPORARY)) {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::new(io::ErrorKind::NotConnected, "the photo folder is not there")),
        }
    }

    pub(super) fn each(&self, seen: &mut dyn FnMut(Option<ContentHash>)) -> io::Result<()> {
        self.answers()?;
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if !entry.file_type()?.is_dir() {
                    let named = entry.file_name().to_str().and_then(|name| name.parse().ok());
                    seen(named.filter(|hash| self.path(hash) == path));
                } else if path != self.root.join(TEMPORARY) {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }

    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.temporary();
        fs::write(&path, b"probe")?;
        let read = fs::read(&path);
        fs::remove_file(&path)?;
        match read? == b"probe" {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, "what was written is not what is read")),
        }
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
    fn the_same_bytes_are_one_file_and_leave_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("photos")).unwrap();
        let hash = ContentHash::of(b"made up");
        folder.put(&hash, b"made up").unwrap();
        folder.put(&hash, b"made up").unwrap();
        folder.probe().unwrap();
        assert_eq!(fs::read_dir(dir.path().join("photos/tmp")).unwrap().count(), 0);
        let beside = dir.path().join("photos").join(&hash.to_string()[..2]);
        assert_eq!(fs::read_dir(beside).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_no_photo_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let hash = ContentHash::of(b"linked");
        folder.put(&hash, b"linked").unwrap();
        fs::rename(folder.path(&hash), dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), folder.path(&hash)).unwrap();
        assert_eq!(folder.read(&hash).unwrap(), None);
        let mut others = 0;
        folder.each(&mut |named| others += usize::from(named.is_none())).unwrap();
        assert_eq!(others, 1, "the file elsewhere; the link lies under a blob's name");
    }

    #[test]
    fn a_folder_that_is_gone_has_no_missing_photos() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("photos")).unwrap();
        let hash = ContentHash::of(b"made up");
        assert_eq!(folder.read(&hash).unwrap(), None);
        fs::remove_dir_all(dir.path().join("photos")).unwrap();
        assert!(folder.read(&hash).is_err() && folder.put(&hash, b"made up").is_err());
        // As under the mount point of a disk that is not mounted.
        fs::create_dir(dir.path().join("photos")).unwrap();
        assert!(folder.read(&hash).is_err() && folder.each(&mut |_| ()).is_err());
    }
}
