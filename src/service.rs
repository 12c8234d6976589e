//! What the product does: the handle that HTTP and the command line share.
//!
//! [`Records`] is what is kept and can be looked at, verified and replayed without any model. [`Service`] adds readers
//! and does the work. A claim's way: [`Service::admit`] (is there room?), [`Service::submit`] (check, store, queue),
//! then in the background read → look up → judge → commit; [`Service::wait`] and [`Service::get`] tell what came of it.
//!
//! An accepted claim is never lost: it is acknowledged after its photos and its rows have reached the disk, and work
//! that a crash cut off is taken up again by [`Service::resume`].

mod audit;
mod backtest;
pub mod check;
pub mod evaluate;
mod gate;
pub mod intake;
pub mod issuers;
mod known;
mod pack;
pub mod pictures;
mod related;
pub mod replay;
mod stats;
pub mod work;

pub use audit::{AuditReport, Noted};
pub use backtest::{BacktestReport, Change};
pub use gate::{ClosesAfter, GateRefusal, GateView, Terms};
pub use intake::{IntakeLimits, Refusal, Submission, Ticket, Upload};
pub use issuers::{Issuers, Registry, Verifier};
pub use pictures::{Picture, PictureKind};
pub use related::Related;
pub use replay::{ReplayFrom, ReplayOf, ReplayReport};
pub use work::{Decided, LoadReader, ReadPhotos, WorkLimits, decide_stateless};

use crate::decision::{Policy, policy::PolicyError};
use crate::domain::result::{Timing, result_json};
use crate::domain::{ClaimId, Record};
use crate::pipeline::ReadError;
pub use crate::store::{AuditedOutcome, BucketPlace, ClaimState, PhotoPlace, SharedTrait};
use crate::store::{Blobs, ClaimRow, Store, StoreError};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use work::ReaderPool;

/// Why the service could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The request cannot be accepted as it is; no claim was made.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The outcome or the reopening cannot be recorded.
    #[error(transparent)]
    Gate(#[from] GateRefusal),
    /// There is no room; try again later.
    #[error("too much work is waiting")]
    Busy,
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closing,
    /// There is no such claim, photo or picture.
    #[error("there is no such thing")]
    NotFound,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or a stored photo could not be written or read.
    #[error("files: {0}")]
    Files(std::io::Error),
    /// There are records, but no photos beside them.
    #[error("there is no folder of photos beside the records: name the place with --photos, or put the folder back")]
    PhotosElsewhere,
    /// No reader could be loaded.
    #[error("the readers do not load: {0}")]
    Readers(ReadError),
    /// The policy is not valid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Something that cannot fail did.
    #[error("internal: {0}")]
    Internal(&'static str),
}

// Their messages hold the cause; as a `source` it would be printed a second time.
impl From<std::io::Error> for ServiceError {
    fn from(error: std::io::Error) -> Self {
        Self::Files(error)
    }
}

impl From<ReadError> for ServiceError {
    fn from(error: ReadError) -> Self {
        Self::Readers(error)
    }
}

/// What a service is made of.
pub struct ServiceConfig {
    /// Where everything is kept; made if missing.
    pub data: PathBuf,
    /// Where photos are kept. Beside everything else by default.
    pub photos: PhotoPlace,
    /// Text of the policy to decide by; kept with the decisions.
    pub policy: String,
    /// How a reader is made.
    pub load_reader: LoadReader,
    /// Who is asked about issuers. Nobody by default.
    pub issuers: Arc<Issuers>,
    /// Limits on what comes in.
    pub intake: IntakeLimits,
    /// Limits on the work.
    pub work: WorkLimits,
}

impl ServiceConfig {
    /// With default limits.
    pub fn new(data: PathBuf, policy: String, load_reader: LoadReader) -> Self {
        let (intake, work) = (IntakeLimits::default(), WorkLimits::default());
        Self { data, photos: PhotoPlace::default(), policy, load_reader, issuers: Arc::default(), intake, work }
    }
}

/// What is kept: the database `claimlens.sqlite`, the log's private key `log.key`, and the photos, under `photos/` or in
/// a bucket.
#[derive(Debug, Clone)]
pub struct Records {
    store: Store,
    blobs: Blobs,
}

impl Records {
    /// Opens the records in a folder and its photos, making them if there are none.
    ///
    /// # Errors
    /// If they cannot be made or opened; [`ServiceError::PhotosElsewhere`] if there are records, but no folder of photos.
    pub async fn open(data: &Path, photos: &PhotoPlace) -> Result<Self, ServiceError> {
        std::fs::create_dir_all(data)?;
        let blobs = blobs(data, photos)?;
        let store = Store::open(&data.join("claimlens.sqlite"), &data.join("log.key")).await?;
        Ok(Self { store, blobs })
    }

    /// Opens records that exist.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there are none.
    pub async fn open_existing(data: &Path, photos: &PhotoPlace) -> Result<Self, ServiceError> {
        if !data.join("claimlens.sqlite").is_file() {
            return Err(ServiceError::NotFound);
        }
        Self::open(data, photos).await
    }

    /// Reads through the database in a folder, changing nothing; says whether there is one.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub async fn inspect(data: &Path) -> Result<bool, ServiceError> {
        let file = data.join("claimlens.sqlite");
        if !file.try_exists()? {
            return Ok(false);
        }
        Store::inspect(&file).await?;
        Ok(true)
    }

    /// Tries out the place of the photos by a write and a read.
    ///
    /// # Errors
    /// If either does not work.
    pub async fn try_photos(data: &Path, photos: &PhotoPlace) -> Result<(), ServiceError> {
        let blobs = blobs(data, photos)?;
        off_thread(move || blobs.try_out()).await??;
        Ok(())
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

fn blobs(data: &Path, photos: &PhotoPlace) -> Result<Blobs, ServiceError> {
    let dir = data.join("photos");
    Ok(match photos {
        PhotoPlace::Bucket(place) => Blobs::in_bucket(place)?,
        // A new folder beside old records would have all their photos missing.
        PhotoPlace::Folder if data.join("claimlens.sqlite").exists() && is_bare(&dir) => {
            return Err(ServiceError::PhotosElsewhere);
        }
        PhotoPlace::Folder => Blobs::open(&dir)?,
    })
}

/// Whether a folder is missing or has nothing in it, as under the mount point of a disk that is not mounted.
fn is_bare(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none()) || !dir.exists()
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    records: Records,
    policy: Policy,
    readers: ReaderPool,
    issuers: Arc<Issuers>,
    intake: IntakeLimits,
    work: WorkLimits,
    /// Jobs belong to the runtime the service was opened on: those of HTTP workers end before the work does.
    runtime: tokio::runtime::Handle,
    queue: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    keys: Arc<Mutex<HashSet<String>>>,
    waiting: Mutex<HashMap<ClaimId, watch::Receiver<()>>>,
    active: watch::Sender<usize>,
    known: known::Known,
    closing: AtomicBool,
}

/// A claim as it is shown.
#[derive(Debug, Clone)]
pub struct ClaimView {
    /// Its name here.
    pub id: ClaimId,
    /// Its name at the sender's.
    pub outside_id: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Where it stands.
    pub state: ClaimState,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// The contract's result, once decided.
    pub result: Option<Value>,
}

impl Service {
    /// Opens the records, checks the policy and loads the first reader; further readers load when first needed.
    ///
    /// Call on a multi-threaded runtime that outlives the service's work. Takes up no unfinished work by itself: see
    /// [`Self::resume`].
    ///
    /// # Errors
    /// If any of the three does not work.
    pub async fn open(config: ServiceConfig) -> Result<Self, ServiceError> {
        let policy = Policy::parse(&config.policy)?;
        let readers = ReaderPool::load(config.load_reader, config.work.readers).await?;
        let records = Records::open(&config.data, &config.photos).await?;
        records.store.keep_policy(&policy.hash, &config.policy).await?;
        Ok(Self(Arc::new(Inner {
            records,
            policy,
            queue: Arc::new(Semaphore::new(config.intake.queue)),
            uploads: Arc::new(Semaphore::new(config.intake.uploads)),
            probes: Arc::new(Semaphore::new(config.work.readers)),
            readers,
            issuers: config.issuers,
            intake: config.intake,
            work: config.work,
            runtime: tokio::runtime::Handle::current(),
            keys: Arc::default(),
            waiting: Mutex::default(),
            active: watch::Sender::new(0),
            known: known::Known::default(),
            closing: AtomicBool::new(false),
        })))
    }

    /// Takes up the work that did not come to its end before, oldest first. Gives how many claims that is.
    ///
    /// For the one process that serves; a second one on the same folder would read those photos for nothing, though
    /// never record a claim twice.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn resume(&self) -> Result<usize, ServiceError> {
        let unfinished = self.0.records.store.unfinished().await?;
        let count = unfinished.len();
        for id in unfinished {
            self.enqueue(id, None);
        }
        Ok(count)
    }

    /// What is kept, for verification and replay.
    pub fn records(&self) -> &Records {
        &self.0.records
    }

    /// Limits on what comes in.
    pub fn intake_limits(&self) -> &IntakeLimits {
        &self.0.intake
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Waits until a claim is decided or failed, at most this long. A claim nobody works on is not waited for.
    pub async fn wait(&self, id: &ClaimId, at_most: Duration) {
        let done = self.waiting().get(id).cloned();
        if let Some(mut done) = done {
            // The sender is dropped when the work has ended, whatever came of it; nothing is ever sent.
            let _ = tokio::time::timeout(at_most, done.changed()).await;
        }
    }

    /// A claim as it stands.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], or the store's.
    pub async fn get(&self, id: &ClaimId) -> Result<ClaimView, ServiceError> {
        let row = self.0.records.store.claim(id).await?.ok_or(ServiceError::NotFound)?;
        Ok(view(row)?)
    }

    /// Claims, newest first, older than `before`; and the name to go on from, if there are more.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        before: Option<&ClaimId>,
        limit: u32,
    ) -> Result<(Vec<ClaimView>, Option<ClaimId>), ServiceError> {
        let mut rows = self.0.records.store.claims(before, limit + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|r| r.id.clone());
        Ok((rows.into_iter().map(view).collect::<Result<_, _>>()?, next))
    }

    /// Whether claims can be accepted and read at present.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        if self.0.closing.load(Ordering::Acquire) {
            return Err(ServiceError::Closing);
        }
        if !self.0.readers.usable() {
            // All were lost. A new one is loaded here, since no work may come to a service that is not ready.
            drop(self.0.readers.lease().await?);
        }
        self.0.records.store.probe().await?;
        let blobs = self.0.records.blobs.clone();
        off_thread(move || blobs.probe()).await??;
        Ok(())
    }

    /// Takes nothing more, waits for what is being read, and closes the store. Claims that still queue are taken up at
    /// the next start. Gives whether all that was being read came to its end in time.
    pub async fn drain(&self, at_most: Duration) -> bool {
        self.0.closing.store(true, Ordering::Release);
        self.0.readers.close();
        let mut active = self.0.active.subscribe();
        let quiet = tokio::time::timeout(at_most, active.wait_for(|n| *n == 0)).await.is_ok();
        self.0.records.close().await;
        quiet
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<ClaimId, watch::Receiver<()>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn view(row: ClaimRow) -> Result<ClaimView, StoreError> {
    let result = match &row.decision {
        None => None,
        Some(decision) => {
            let timing: Timing = serde_json::from_str(&decision.timing)
                .map_err(|_| StoreError::Corrupt("a stored timing is malformed".to_owned()))?;
            Some(result_json(&parse_record(&decision.record)?, &timing))
        }
    };
    Ok(ClaimView {
        id: row.id,
        outside_id: row.claim.map(|c| c.id),
        created_at: row.created_at,
        state: row.state,
        decided_at: row.decision.map(|d| d.decided_at),
        result,
    })
}

/// A record from its stored bytes, which must be its canonical bytes.
pub(crate) fn parse_record(bytes: &[u8]) -> Result<Record, StoreError> {
    let record: Record =
        serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt("a stored record is malformed".to_owned()))?;
    if record.canonical() != bytes {
        return Err(StoreError::Corrupt("a stored record is not in canonical form".to_owned()));
    }
    Ok(record)
}

/// Runs blocking work on a thread of its own; a panic there is an error here.
pub(crate) async fn off_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(f).await.map_err(|_| ServiceError::Internal("blocking work panicked"))
}
