//! Bytes kept under their SHA-256, as `ab/abcdef…`: in a folder, or in a bucket of S3-compatible storage. The same bytes
//! are stored once.
//!
//! [`Blobs::put`] returns after the bytes are durable. Whatever is read is held against its name, so no other bytes are
//! ever given out. That there is no such blob is an answer; storage that gives no answer is an error, and its text names
//! neither bucket nor key. Calls block; run them off the async threads.

mod bucket;
mod folder;

use super::{Cell, ClaimKey, PhotoRow};
use crate::domain::ContentHash;
use bucket::Bucket;
pub use bucket::BucketPlace;
use folder::Folder;
use std::io;
use std::path::Path;

/// Where photos are kept.
#[derive(Debug, Clone, Default)]
pub enum PhotoPlace {
    /// In the folder `photos` beside the records.
    #[default]
    Folder,
    /// In a bucket of S3-compatible storage.
    Bucket(BucketPlace),
}

/// Content-addressed bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Folder(Folder),
    Bucket(Bucket),
}

/// How a stored blob stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// Its bytes have the hash it is named by.
    Sound,
    /// Its bytes have another hash.
    Altered,
    /// The storage has no such blob.
    Missing,
}

impl Blobs {
    /// The blobs under the folder `root`, which is made if missing.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(Kind::Folder(Folder::open(root)?)))
    }

    /// The blobs in a bucket. Asks nothing of the storage yet. Call on the multi-threaded runtime that is to carry the
    /// requests, and that outlives them.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn in_bucket(place: &BucketPlace) -> io::Result<Self> {
        Ok(Self(Kind::Bucket(Bucket::open(place)?)))
    }

    /// Stores `bytes` durably. A blob of that name with other bytes is replaced: its name says what it must hold.
    ///
    /// # Errors
    /// If the storage refuses or does not answer; nothing is then promised about these bytes.
    pub fn put(&self, bytes: &[u8]) -> io::Result<ContentHash> {
        let hash = ContentHash::of(bytes);
        match &self.0 {
            Kind::Folder(folder) => folder.put(&hash, bytes)?,
            Kind::Bucket(bucket) => bucket.put(&hash, bytes)?,
        }
        Ok(hash)
    }

    /// The bytes, with their hash checked; `None` if they are missing or altered.
    ///
    /// # Errors
    /// If the storage does not give them though it may have them.
    pub fn get(&self, hash: &ContentHash) -> io::Result<Option<Vec<u8>>> {
        Ok(self.read(hash)?.filter(|bytes| ContentHash::of(bytes) == *hash))
    }

    /// A photo's bytes as they were uploaded, opened if they are sealed and held against their own hash; `None` if they are
    /// missing or altered.
    ///
    /// # Errors
    /// If the storage does not give them though it may have them.
    pub fn photo(&self, row: &PhotoRow) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.opened(&row.blob, row.seal.as_ref(), Cell::Photo)?;
        Ok(bytes.filter(|bytes| ContentHash::of(bytes) == row.sha256))
    }

    /// A normalised page, opened if it is sealed; `None` if it is missing or altered.
    ///
    /// # Errors
    /// If the storage does not give it though it may have it.
    pub fn page(&self, name: &ContentHash, seal: Option<&ClaimKey>) -> io::Result<Option<Vec<u8>>> {
        self.opened(name, seal, Cell::Page)
    }

    /// Stores a normalised page durably, sealed if there is a key, and gives its name.
    ///
    /// # Errors
    /// If the storage refuses or does not answer.
    pub fn put_page(&self, page: &[u8], seal: Option<&ClaimKey>) -> io::Result<ContentHash> {
        match seal {
            None => self.put(page),
            Some(key) => self.put(&key.seal(Cell::Page, page)),
        }
    }

    fn opened(&self, name: &ContentHash, seal: Option<&ClaimKey>, cell: Cell) -> io::Result<Option<Vec<u8>>> {
        let stored = self.get(name)?;
        Ok(match seal {
            None => stored,
            Some(key) => stored.and_then(|sealed| key.open(cell, &sealed)),
        })
    }

    /// How a blob stands.
    ///
    /// # Errors
    /// If the storage does not tell.
    pub fn state(&self, hash: &ContentHash) -> io::Result<BlobState> {
        Ok(match self.read(hash)? {
            Some(bytes) if ContentHash::of(&bytes) == *hash => BlobState::Sound,
            Some(_) => BlobState::Altered,
            None => BlobState::Missing,
        })
    }

    fn read(&self, hash: &ContentHash) -> io::Result<Option<Vec<u8>>> {
        match &self.0 {
            Kind::Folder(folder) => folder.read(hash),
            Kind::Bucket(bucket) => bucket.read(hash),
        }
    }

    /// Deletes a blob, if there is one.
    ///
    /// # Errors
    /// If it may still be there.
    pub fn delete(&self, hash: &ContentHash) -> io::Result<()> {
        match &self.0 {
            Kind::Folder(folder) => folder.delete(hash),
            Kind::Bucket(bucket) => bucket.delete(hash),
        }
    }

    /// Whether the storage answers at all when asked for a blob, whatever it answers. Reads next to nothing.
    ///
    /// # Errors
    /// If it does not.
    pub fn answers(&self, hash: &ContentHash) -> io::Result<()> {
        match &self.0 {
            Kind::Folder(folder) => folder.answers(),
            Kind::Bucket(bucket) => bucket.answers(hash),
        }
    }

    /// Calls `seen` for everything in the storage: with its hash where it lies under the name of one, else with `None`.
    ///
    /// # Errors
    /// If the storage cannot be listed to its end.
    pub fn each(&self, mut seen: impl FnMut(Option<ContentHash>)) -> io::Result<()> {
        match &self.0 {
            Kind::Folder(folder) => folder.each(&mut seen),
            Kind::Bucket(bucket) => bucket.each(&mut seen),
        }
    }

    /// Whether blobs can be stored and read at present; cheap enough to be asked every few seconds.
    ///
    /// # Errors
    /// If they cannot.
    pub fn probe(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Folder(folder) => folder.probe(),
            Kind::Bucket(bucket) => bucket.probe(),
        }
    }

    /// Writes something that is no blob and reads it back.
    ///
    /// # Errors
    /// If either does not work.
    pub fn try_out(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Folder(folder) => folder.probe(),
            Kind::Bucket(bucket) => bucket.try_out(),
        }
    }
}
