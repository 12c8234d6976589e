//! Blobs as objects of S3-compatible storage.
//!
//! An object appears whole or not at all, and a put that was acknowledged is durable: both are what S3 promises. Objects
//! are created under the condition that there is none yet, so that what is stored already is neither sent over nor
//! changed. Every request is retried a few times and ends within [`PATIENCE`].

use crate::domain::ContentHash;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
    RetryConfig,
};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// One call, retries included. Below the time that a photo may take, so that an outage is told as one.
const PATIENCE: Duration = Duration::from_secs(45);
/// The same where somebody asks whether the storage works.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a successful put vouches for the next one.
const VOUCHED: Duration = Duration::from_secs(300);
/// The object that probes write. Not under the name of a blob.
const PROBE: &str = "probe";

/// A bucket, a prefix of its keys, and how to get there. Its `Debug` shows none of it.
#[derive(Clone)]
pub struct BucketPlace {
    bucket: String,
    prefix: Path,
    settings: Vec<(AmazonS3ConfigKey, String)>,
}

impl std::fmt::Debug for BucketPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BucketPlace")
    }
}

impl BucketPlace {
    /// The place that `s3://BUCKET` or `s3://BUCKET/PREFIX` names, with the `AWS_…` among `variables` as settings.
    /// Those of them that this does not know are for other programs.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(url: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, &'static str> {
        let rest = url.strip_prefix("s3://").ok_or("it must be s3://BUCKET or s3://BUCKET/PREFIX")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(fits) {
            return Err("a bucket's name is of letters, digits, dots, dashes and underscores");
        }
        let prefix = Path::parse(prefix).map_err(|_| "the prefix is not one of an object's key")?;
        let mut settings = Vec::new();
        for (name, value) in variables {
            if name.starts_with("AWS_")
                && let Ok(key) = name.to_ascii_lowercase().parse()
            {
                settings.push((key, value));
            }
        }
        Ok(Self { bucket: bucket.to_owned(), prefix, settings })
    }

    fn connect(&self) -> Result<AmazonS3, Error> {
        let client = |key| AmazonS3ConfigKey::Client(key);
        let mut builder = AmazonS3Builder::new()
            .with_config(client(ClientConfigKey::ConnectTimeout), "3s")
            .with_config(client(ClientConfigKey::Timeout), "30s");
        for (key, value) in &self.settings {
            builder = builder.with_config(*key, value);
        }
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            ..BackoffConfig::default()
        };
        builder
            .with_bucket_name(&self.bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(15), backoff })
            .build()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    storage: Arc<AmazonS3>,
    prefix: Path,
    runtime: Handle,
    /// When a put last succeeded; `None` after one that failed.
    wrote: Arc<Mutex<Option<Instant>>>,
}

/// What went wrong. The library's own text names the address, the bucket and the key, and may quote an answer.
fn told(error: &Error) -> io::Error {
    use io::ErrorKind;
    let (kind, text) = match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            (ErrorKind::PermissionDenied, "the photo storage refuses access: the keys, their rights, or the clock")
        }
        error if is_answer(error, "NoSuchBucket") => {
            (ErrorKind::AddrNotAvailable, "the photo storage has no such bucket")
        }
        _ => (ErrorKind::NotConnected, "the photo storage does not answer as it should"),
    };
    io::Error::new(kind, text)
}

/// Whether storage that speaks S3 answered with this code. A bare status may come from anything on the way there: from a
/// proxy that has nothing behind it, 404.
fn is_answer(error: &Error, code: &str) -> bool {
    error.to_string().contains(&format!("<Code>{code}</Code>"))
}

impl Bucket {
    pub(super) fn open(place: &BucketPlace) -> io::Result<Self> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
        let runtime = Handle::try_current().map_err(|_| invalid("a bucket needs a runtime"))?;
        // Fails if there is one already, which will do as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What does not fit may be a key in the wrong place, so it is not quoted.
        let unfit = "an AWS_… setting of the photo storage is not valid, or the system has no CA certificates";
        let storage = place.connect().map_err(|_| invalid(unfit))?;
        Ok(Self { storage: Arc::new(storage), prefix: place.prefix.clone(), runtime, wrote: Arc::default() })
    }

    fn key(&self, hash: &ContentHash) -> Path {
        let name = hash.to_string();
        self.prefix.clone().join(&name[..2]).join(name)
    }

    /// Waits for a request to end.
    fn wait<T>(&self, at_most: Duration, request: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        let outcome = self.runtime.block_on(async { tokio::time::timeout(at_most, request).await });
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the photo storage does not answer in time");
        outcome.map_err(late)?.map_err(|error| told(&error))
    }

    async fn fetch(&self, key: &Path, range: Option<GetRange>) -> Result<Option<Vec<u8>>, Error> {
        match self.storage.get_opts(key, GetOptions { range, ..GetOptions::default() }).await {
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(error) if is_answer(&error, "NoSuchKey") => Ok(None),
            // It has nothing in this range.
            Err(error) if is_answer(&error, "InvalidRange") => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    async fn store(&self, hash: &ContentHash, payload: PutPayload) -> Result<(), Error> {
        let key = self.key(hash);
        let create = || self.storage.put_opts(&key, payload.clone(), PutMode::Create.into());
        let created = match create().await {
            // It may have come to nothing or to an end: the condition makes asking again safe.
            Err(Error::Generic { .. }) => create().await,
            other => other,
        };
        match created {
            Ok(_) => Ok(()),
            // Also told of another put under way, which may fail: only what can be read back is stored.
            Err(Error::AlreadyExists { .. }) => match self.fetch(&key, None).await? {
                Some(stored) if ContentHash::of(&stored) == *hash => Ok(()),
                _ => self.storage.put(&key, payload).await.map(|_| ()),
            },
            Err(error) => Err(error),
        }
    }

    fn note<T>(&self, written: io::Result<T>) -> io::Result<T> {
        let at = written.is_ok().then(Instant::now);
        *self.wrote.lock().unwrap_or_else(PoisonError::into_inner) = at;
        written
    }

    pub(super) fn put(&self, hash: &ContentHash, bytes: &[u8]) -> io::Result<()> {
        self.note(self.wait(PATIENCE, self.store(hash, bytes.to_vec().into())))
    }

    pub(super) fn read(&self, hash: &ContentHash) -> io::Result<Option<Vec<u8>>> {
        self.wait(PATIENCE, self.fetch(&self.key(hash), None))
    }

    pub(super) fn delete(&self, hash: &ContentHash) -> io::Result<()> {
        let key = self.key(hash);
        self.wait(PATIENCE, async {
            match self.storage.delete(&key).await {
                Err(error) if is_answer(&error, "NoSuchKey") => Ok(()),
                other => other,
            }
        })
    }

    pub(super) fn answers(&self, hash: &ContentHash) -> io::Result<()> {
        self.wait(PATIENCE, self.fetch(&self.key(hash), Some(GetRange::Bounded(0..1)))).map(|_| ())
    }

    pub(super) fn each(&self, seen: &mut dyn FnMut(Option<ContentHash>)) -> io::Result<()> {
        let probe = self.prefix.clone().join(PROBE);
        let mut objects = self.storage.list(Some(&self.prefix));
        while let Some(object) = self.wait(PATIENCE, objects.try_next())? {
            if object.location != probe {
                let named = object.location.filename().and_then(|name| name.parse().ok());
                seen(named.filter(|hash| self.key(hash) == object.location));
            }
        }
        Ok(())
    }

    /// Reads; and writes, unless a put succeeded lately: idle services that are asked every few seconds would cost.
    pub(super) fn probe(&self) -> io::Result<()> {
        let wrote = *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        match wrote {
            Some(at) if at.elapsed() < VOUCHED => {
                let key = self.prefix.clone().join(PROBE);
                self.wait(PROBE_PATIENCE, self.fetch(&key, None)).map(|_| ())
            }
            _ => self.try_out(),
        }
    }

    pub(super) fn try_out(&self) -> io::Result<()> {
        let key = self.prefix.clone().join(PROBE);
        let read = self.note(self.wait(PROBE_PATIENCE, async {
            self.storage.put(&key, PutPayload::from_static(b"probe")).await?;
            self.fetch(&key, None).await
        }))?;
        match read.as_deref() {
            Some(b"probe") => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what was written is not what is read")),
        }
    }
}
