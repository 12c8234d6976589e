//! What holds of photos' bytes wherever they are kept: in a folder and on S3-compatible storage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::s3::{BARE_404, Mode, NO_BUCKET, S3, SLOW_DOWN};
use claimlens::domain::ContentHash;
use claimlens::store::{BlobState, Blobs, BucketPlace};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Storage under test. In both kinds a blob lies in a file.
trait Storage {
    fn blobs(&self) -> &Blobs;
    /// The folder the blobs lie in.
    fn root(&self) -> PathBuf;
    /// From now on it cannot be reached.
    fn lose(&mut self);
    /// It is back as it was.
    fn restore(&mut self);
    /// Begins to store these bytes and breaks off.
    fn break_off(&mut self, bytes: &[u8]);

    fn file(&self, hash: &ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.root().join(&name[..2]).join(name)
    }
}

struct InFolder {
    dir: tempfile::TempDir,
    blobs: Blobs,
}

impl InFolder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("photos")).unwrap();
        Self { dir, blobs }
    }
}

impl Storage for InFolder {
    fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("photos")
    }

    fn lose(&mut self) {
        std::fs::rename(self.root(), self.dir.path().join("unmounted")).unwrap();
    }

    fn restore(&mut self) {
        std::fs::rename(self.dir.path().join("unmounted"), self.root()).unwrap();
    }

    fn break_off(&mut self, bytes: &[u8]) {
        // What a process leaves that is killed while it writes.
        std::fs::write(self.root().join("tmp/1-0"), &bytes[..bytes.len() / 2]).unwrap();
    }
}

struct OnS3 {
    s3: S3,
    blobs: Blobs,
    runtime: Runtime,
}

impl OnS3 {
    fn new() -> Self {
        let s3 = S3::start();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let blobs = opened(&runtime, &s3.bucket());
        Self { s3, blobs, runtime }
    }
}

fn opened(runtime: &Runtime, place: &BucketPlace) -> Blobs {
    let _within = runtime.enter();
    Blobs::in_bucket(place).unwrap()
}

impl Storage for OnS3 {
    fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    fn root(&self) -> PathBuf {
        self.s3.objects()
    }

    fn lose(&mut self) {
        self.s3.mode(Mode::Down);
    }

    fn restore(&mut self) {
        self.s3.mode(Mode::Serve);
    }

    fn break_off(&mut self, bytes: &[u8]) {
        self.s3.mode(Mode::Cut(bytes.len() as u64 / 2));
        self.blobs.put(bytes).unwrap_err();
        self.s3.mode(Mode::Serve);
    }
}

fn everywhere(check: impl Fn(&mut dyn Storage)) {
    check(&mut InFolder::new());
    check(&mut OnS3::new());
}

/// All that lies there: blobs by name, and how much else.
fn listed(blobs: &Blobs) -> (Vec<ContentHash>, usize) {
    let (mut named, mut others) = (Vec::new(), 0);
    blobs
        .each(|found| match found {
            Some(hash) => named.push(hash),
            None => others += 1,
        })
        .unwrap();
    named.sort();
    (named, others)
}

fn write(file: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn bytes_come_back_as_they_were_and_are_stored_once() {
    everywhere(|storage| {
        let blobs = storage.blobs();
        let hash = blobs.put(b"made up").unwrap();
        assert_eq!(hash, ContentHash::of(b"made up"));
        assert_eq!(blobs.put(b"made up").unwrap(), hash);
        assert_eq!(blobs.get(&hash).unwrap().unwrap(), b"made up");
        assert_eq!(blobs.state(&hash).unwrap(), BlobState::Sound);
        assert_eq!(std::fs::read(storage.file(&hash)).unwrap(), b"made up");
        blobs.answers(&hash).unwrap();
        assert_eq!(listed(blobs), (vec![hash], 0));
    });
}

#[test]
fn many_at_once_store_the_same_bytes_and_all_are_told_the_truth() {
    everywhere(|storage| {
        let (blobs, bytes) = (storage.blobs(), vec![7; 300_000]);
        let hashes: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| blobs.put(&bytes))).collect();
            all.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
        });
        assert!(hashes.iter().all(|hash| *hash == ContentHash::of(&bytes)));
        assert_eq!(blobs.get(&hashes[0]).unwrap().unwrap(), bytes);
        assert_eq!(listed(blobs), (vec![hashes[0]], 0));
    });
}

#[test]
fn what_was_never_stored_or_is_gone_is_missing() {
    everywhere(|storage| {
        let blobs = storage.blobs();
        let never = ContentHash::of(b"never stored");
        assert_eq!(blobs.state(&never).unwrap(), BlobState::Missing);
        assert_eq!(blobs.get(&never).unwrap(), None);
        let hash = blobs.put(b"made up").unwrap();
        std::fs::remove_file(storage.file(&hash)).unwrap();
        assert_eq!(blobs.state(&hash).unwrap(), BlobState::Missing);
        assert_eq!(blobs.get(&hash).unwrap(), None);
        blobs.answers(&hash).unwrap();
    });
}

#[test]
fn altered_bytes_are_never_given_out_and_are_mended_by_storing_again() {
    everywhere(|storage| {
        let blobs = storage.blobs();
        let hash = blobs.put(b"made up").unwrap();
        for other in [&b"made uq"[..], b"made", b""] {
            std::fs::write(storage.file(&hash), other).unwrap();
            assert_eq!(blobs.state(&hash).unwrap(), BlobState::Altered);
            assert_eq!(blobs.get(&hash).unwrap(), None);
        }
        blobs.put(b"made up").unwrap();
        assert_eq!(blobs.get(&hash).unwrap().unwrap(), b"made up");
    });
}

#[test]
fn an_outage_is_an_error_and_loses_nothing() {
    everywhere(|storage| {
        let kept = storage.blobs().put(b"kept").unwrap();
        storage.blobs().probe().unwrap();
        storage.lose();
        let blobs = storage.blobs();
        let errors = [
            blobs.put(b"new").unwrap_err(),
            blobs.get(&kept).unwrap_err(),
            blobs.state(&kept).unwrap_err(),
            blobs.state(&ContentHash::of(b"never stored")).unwrap_err(),
            blobs.answers(&kept).unwrap_err(),
            blobs.each(|_| ()).unwrap_err(),
            blobs.probe().unwrap_err(),
            blobs.try_out().unwrap_err(),
        ];
        for error in errors {
            let text = format!("{error} {error:?}");
            assert!(!S3::betrays(&text) && !text.contains("127.0.0.1"), "{text}");
        }
        storage.restore();
        let blobs = storage.blobs();
        assert_eq!(blobs.get(&kept).unwrap().unwrap(), b"kept");
        let new = blobs.put(b"new").unwrap();
        assert_eq!(blobs.get(&new).unwrap().unwrap(), b"new");
        blobs.probe().unwrap();
        blobs.try_out().unwrap();
    });
}

#[test]
fn the_largest_uploads_come_back_whole() {
    everywhere(|storage| {
        let bytes: Vec<u8> = (0..20_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let hash = storage.blobs().put(&bytes).unwrap();
        assert!(storage.blobs().get(&hash).unwrap().unwrap() == bytes);
    });
}

#[test]
fn an_upload_that_breaks_off_leaves_no_photo() {
    everywhere(|storage| {
        let bytes = vec![9; 400_000];
        let hash = ContentHash::of(&bytes);
        storage.break_off(&bytes);
        assert_eq!(storage.blobs().state(&hash).unwrap(), BlobState::Missing);
        assert!(!listed(storage.blobs()).0.contains(&hash));
        storage.blobs().put(&bytes).unwrap();
        assert_eq!(storage.blobs().get(&hash).unwrap().unwrap(), bytes);
    });
}

#[test]
fn everything_is_listed_and_what_is_no_blob_is_told_apart() {
    everywhere(|storage| {
        let blobs = storage.blobs();
        let mut hashes: Vec<_> = (0..20_u8).map(|n| blobs.put(&[n]).unwrap()).collect();
        hashes.sort();
        blobs.probe().unwrap();
        let name = ContentHash::of(b"planted").to_string();
        for planted in ["readme.txt".to_owned(), format!("zz/{name}"), format!("{}/deep/{name}", &name[..2])] {
            write(&storage.root().join(planted), b"planted");
        }
        assert_eq!(listed(blobs), (hashes, 3));
    });
}

#[test]
fn storage_that_answers_otherwise_than_s3_has_no_missing_photos() {
    let mut on = OnS3::new();
    let hash = on.blobs.put(b"made up").unwrap();
    let hasty = on.s3.variables().into_iter().chain([("AWS_TIMEOUT".to_owned(), "500ms".to_owned())]);
    let hasty = opened(&on.runtime, &BucketPlace::parse(&on.s3.url(), hasty).unwrap());
    for mode in [BARE_404, NO_BUCKET, SLOW_DOWN, Mode::Hang] {
        on.s3.mode(mode);
        let start = Instant::now();
        assert!(hasty.state(&hash).is_err(), "{mode:?}");
        assert!(hasty.put(b"new").is_err() && hasty.probe().is_err(), "{mode:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{mode:?}");
    }
    on.s3.mode(Mode::Serve);
    assert_eq!(on.blobs.state(&hash).unwrap(), BlobState::Sound);
}

#[test]
fn who_is_locked_out_has_no_missing_photos() {
    let on = OnS3::new();
    let hash = on.blobs.put(b"made up").unwrap();
    let wrong = on.s3.variables().into_iter().map(|(name, value)| match name.as_str() {
        "AWS_SECRET_ACCESS_KEY" => (name, "wrong".to_owned()),
        _ => (name, value),
    });
    let place = BucketPlace::parse(&on.s3.url(), wrong).unwrap();
    assert!(!S3::betrays(&format!("{place:?}")));
    let blobs = opened(&on.runtime, &place);
    for error in [blobs.state(&hash).unwrap_err(), blobs.put(b"new").unwrap_err(), blobs.try_out().unwrap_err()] {
        assert!(error.to_string().contains("refuses access"), "{error}");
    }
}

#[test]
fn settings_that_make_no_sense_are_told_without_their_values() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _within = runtime.enter();
    let variables = [("AWS_ALLOW_HTTP".to_owned(), "made-up-secret".to_owned()), ("HOME".to_owned(), "/".to_owned())];
    let place = BucketPlace::parse("s3://made-up-claims", variables).unwrap();
    let error = Blobs::in_bucket(&place).unwrap_err();
    assert!(error.to_string().contains("AWS_") && !S3::betrays(&error.to_string()), "{error}");
}
