//! What the product does: the handle that HTTP and the command line share.
//!
//! [`Records`] is what is kept and can be looked at, verified and replayed without any model. [`Service`] adds readers
//! and does the work. A claim's way: [`Service::admit`] (is there room?), [`Service::submit`] (check, store, queue),
//! then in the background, here or in another process, read → look up → judge → commit; [`Service::wait`] and
//! [`Service::get`] tell what came of it.
//!
//! An accepted claim is never lost: it is acknowledged after its photos and its rows have reached the disk, and work
//! that a crash cut off is free to be taken again, by any process, as soon as its lease has ended.

pub mod access;
pub mod actor;
mod audit;
mod backtest;
mod cards;
pub mod check;
mod decode;
mod entries;
mod erase;
pub mod evaluate;
pub mod forecast;
mod gate;
mod guidance;
pub mod intake;
pub mod issuers;
mod keys;
mod known;
mod metrics;
mod mock;
mod notify;
pub mod oidc;
mod pack;
pub mod pictures;
pub mod policy;
mod progress;
mod reads;
mod related;
pub mod replay;
pub mod retention;
pub mod review;
pub mod sandbox;
mod sealed;
mod settings;
pub mod shift;
mod skills;
mod stats;
pub mod tasks;
mod tiles;
pub mod traces;
pub mod vigilance;
mod waiting;
pub mod work;

pub use crate::store::LogQuery;
pub use access::{Holder, KeyLimits, KeyRefusal, KeyView, LimitReached, NewKey, Secret};
pub use actor::Actor;
pub use audit::{AuditReport, Noted};
pub use backtest::{BacktestReport, Change};
pub use cards::{CardsRefusal, CardsView};
pub use decode::{DecodePhotos, Undecoded};
pub use entries::{EntryList, EntryView};
pub use erase::{EraseRefusal, ErasedView};
pub use gate::{ClosesAfter, GateRefusal, GateView, Terms};
pub use guidance::Guidance;
pub use intake::{IntakeLimits, Refusal, Room, Submission, Ticket, Upload};
pub use issuers::{Issuers, Registry, Verifier};
pub use keys::KeyHistory;
pub use notify::{Event, Reach, WebhookRefusal, WebhookView};
pub use oidc::{Oidc, OidcConfig, OidcRefusal};
pub use pictures::{Picture, PictureKind};
pub use policy::{AdoptedView, PolicyEvent, PolicyRefusal, PolicyView, ShadowView};
pub use progress::{Progress, Stage, StageState};
pub use reads::{ReadOf, ReadView};
pub use related::Related;
pub use replay::{ReplayFrom, ReplayOf, ReplayReport};
pub use review::{ClaimReview, ReviewRefusal, ReviewTerms};
pub use skills::{SkillsRefusal, SkillsView};
pub use traces::Traces;
pub use work::{Decided, LoadReader, ReadPhotos, WorkLimits, build, decide_stateless};

use crate::decision::{Policy, policy::PolicyError};
use crate::domain::result::{Timing, result_json};
use crate::domain::{ClaimId, Record, Scope, Tenant};
use crate::pipeline::ReadError;
pub use crate::store::{AuditedOutcome, BucketPlace, ClaimState, DatabaseUrl, Kek, KekPlace, PhotoPlace, SharedTrait};
use crate::store::{Blobs, ClaimRow, Database, PhotoRow, Store, StoreError};
pub use retention::Retention;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use waiting::Waiting;
use work::ReaderPool;

/// Time that the database has to answer when it is asked whether it is ready.
const PROBE: Duration = Duration::from_secs(5);

/// Why the service could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The request cannot be accepted as it is; no claim was made.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The outcome or the reopening cannot be recorded.
    #[error(transparent)]
    Gate(#[from] GateRefusal),
    /// The policy cannot take effect, or is not the one that has.
    #[error(transparent)]
    PolicyAct(#[from] PolicyRefusal),
    /// There is no room; try again later.
    #[error("too much work is waiting")]
    Busy,
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closing,
    /// There is no such claim, photo or picture.
    #[error("there is no such thing")]
    NotFound,
    /// The claim's content was erased.
    #[error("the claim's content was erased")]
    Erased,
    /// The claim cannot be erased.
    #[error(transparent)]
    Erase(#[from] EraseRefusal),
    /// The webhook cannot be kept.
    #[error(transparent)]
    Webhook(#[from] WebhookRefusal),
    /// The cards that a queue shows cannot be changed so.
    #[error(transparent)]
    Cards(#[from] CardsRefusal),
    /// Who works on which cases cannot be changed so.
    #[error(transparent)]
    Skills(#[from] SkillsRefusal),
    /// The API key cannot be taken back or replaced.
    #[error(transparent)]
    ApiKey(#[from] KeyRefusal),
    /// A sign-in at the issuer came to nothing.
    #[error(transparent)]
    SignIn(#[from] OidcRefusal),
    /// The step of a person cannot be taken.
    #[error(transparent)]
    Review(#[from] ReviewRefusal),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or a stored photo could not be written or read.
    #[error("files: {0}")]
    Files(std::io::Error),
    /// There are records, but no photos beside them.
    #[error("there is no folder of photos beside the records: name the place with --photos, or put the folder back")]
    PhotosElsewhere,
    /// The records hold made-up decisions and real ones are to be made, or the other way round.
    #[error("{}", match records {
        true => "these records hold made-up decisions: real claims need records of their own, so name another place with --data",
        false => "these records hold real decisions: made-up claims need records of their own, so name another place with --data",
    })]
    MadeUp {
        /// Whether those in the records are made up.
        records: bool,
    },
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

/// Which part of the service a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Takes claims in and shows them, and works none off.
    Api,
    /// Works claims off, and takes none in.
    Worker,
    /// Both.
    #[default]
    All,
}

/// Where records are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Folder of the photos and the log's private key, and of the database unless it is elsewhere.
    pub data: PathBuf,
    /// The database; without, a file in the folder.
    pub database: Option<DatabaseUrl>,
    /// The photos; beside everything else by default.
    pub photos: PhotoPlace,
    /// The key-encryption key; without, the file `kek.key` in the folder.
    pub kek: Option<KekPlace>,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Place {
    fn from(data: &P) -> Self {
        Self { data: data.as_ref().to_owned(), database: None, photos: PhotoPlace::default(), kek: None }
    }
}

impl Place {
    fn database(&self) -> Database {
        match &self.database {
            Some(url) => Database::Postgres(Box::new(url.clone())),
            None => Database::Sqlite(self.data.join("claimlens.sqlite")),
        }
    }

    fn kek(&self) -> KekPlace {
        self.kek.clone().unwrap_or_else(|| KekPlace::File(self.data.join("kek.key")))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.database {
            Some(database) => write!(f, "{database}, with {}", self.data.display()),
            None => write!(f, "{}", self.data.display()),
        }
    }
}

/// What a service is made of.
pub struct ServiceConfig {
    /// Where everything is kept; made if missing.
    pub place: Place,
    /// Which part of the work to do.
    pub role: Role,
    /// Text of the policy that should be in force. It takes effect at the first start on these records; later it must
    /// be the one in force. Without, the built-in one takes effect at the first start, and later whatever is in force
    /// decides.
    pub policy: Option<String>,
    /// How a reader is made.
    pub load_reader: LoadReader,
    /// What decodes photos outside of readings; by default this process, within the limits on what comes in.
    pub decoder: Option<Arc<dyn DecodePhotos>>,
    /// Who is asked about issuers. Nobody by default.
    pub issuers: Arc<Issuers>,
    /// Limits on what comes in.
    pub intake: IntakeLimits,
    /// Limits on the work.
    pub work: WorkLimits,
    /// Whether the audit log tells of every look at a claim and at the list of claims. On by default. Pictures,
    /// evidence and related claims are always logged.
    pub log_claim_reads: bool,
    /// How long claims are kept. For ever by default.
    pub retention: Retention,
    /// Limits on API keys that have none of their own. None by default.
    pub key_limits: KeyLimits,
    /// Whether those on other machines are let in as long as there is no key. Not by default.
    pub open_to_all: bool,
    /// Whom webhooks may name. Public addresses by default.
    pub reach: Reach,
    /// By which rules people review.
    pub reviews: ReviewTerms,
    /// Whether photos are not read, and decisions made up after the amounts asked for. Not by default.
    pub made_up: bool,
    /// Where traces go. Nowhere by default.
    pub traces: Traces,
    /// At which issuer people may sign in. At none by default. Where there is one the service is not open, even if no
    /// key was ever given.
    pub oidc: Option<Arc<Oidc>>,
}

impl ServiceConfig {
    /// With default limits, doing all the work.
    pub fn new(place: impl Into<Place>, policy: impl Into<Option<String>>, load_reader: LoadReader) -> Self {
        let policy = policy.into();
        let (intake, work) = (IntakeLimits::default(), WorkLimits::default());
        let (place, role) = (place.into(), Role::default());
        let retention = Retention::default();
        let (issuers, log_claim_reads) = (Arc::default(), true);
        let (key_limits, reach, reviews) = (KeyLimits::default(), Reach::default(), ReviewTerms::default());
        Self {
            place,
            role,
            policy,
            load_reader,
            decoder: None,
            issuers,
            intake,
            work,
            log_claim_reads,
            retention,
            key_limits,
            open_to_all: false,
            reach,
            reviews,
            made_up: false,
            traces: Traces::default(),
            oidc: None,
        }
    }
}

/// What is kept: the database, the log's private key `log.key`, and the photos, under `photos/` or in a bucket. What it
/// holds of people is sealed under the key-encryption key.
#[derive(Debug, Clone)]
pub struct Records {
    store: Store,
    blobs: Blobs,
}

impl Records {
    /// Opens the records of a place and its photos, making them if there are none.
    ///
    /// # Errors
    /// If they cannot be made or opened; [`ServiceError::PhotosElsewhere`] if there are records, but no folder of photos.
    pub async fn open(place: impl Into<Place>) -> Result<Self, ServiceError> {
        let place = place.into();
        make_folder(&place.data)?;
        let blobs = blobs(&place)?;
        let store = Store::open(&place.database(), &place.data.join("log.key"), &place.kek()).await?;
        Ok(Self { store, blobs })
    }

    /// Whether what is sealed can be opened, and claims be accepted.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says why not.
    pub fn unlocked(&self) -> Result<(), ServiceError> {
        Ok(self.store.unlocked()?)
    }

    /// The photos of a claim.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    async fn photos(&self, id: &ClaimId) -> Result<Vec<PhotoRow>, ServiceError> {
        match self.store.claim(id).await?.ok_or(ServiceError::NotFound)?.state {
            ClaimState::Erased => Err(ServiceError::Erased),
            _ => Ok(self.store.photos(id).await?),
        }
    }

    /// Opens records that exist.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there are none.
    pub async fn open_existing(place: impl Into<Place>) -> Result<Self, ServiceError> {
        let place = place.into();
        let exist = match &place.database {
            Some(_) => Self::inspect(place.clone()).await?,
            None => place.data.join("claimlens.sqlite").is_file(),
        };
        if exist { Self::open(place).await } else { Err(ServiceError::NotFound) }
    }

    /// Looks at the database of a place, changing nothing; says whether there is one. A file is read through.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub async fn inspect(place: impl Into<Place>) -> Result<bool, ServiceError> {
        Ok(Store::inspect(&place.into().database()).await?)
    }

    /// Whether the key-encryption key of a place opens its records, changing nothing; `false` if there are none that are sealed.
    ///
    /// # Errors
    /// If it does not, is missing while it is needed, or the database cannot be read.
    pub async fn inspect_seal(place: impl Into<Place>) -> Result<bool, ServiceError> {
        let place = place.into();
        Ok(Store::inspect_seal(&place.database(), &place.kek()).await?)
    }

    /// Tries out the place of the photos by a write and a read.
    ///
    /// # Errors
    /// If either does not work.
    pub async fn try_photos(place: &Place) -> Result<(), ServiceError> {
        let blobs = blobs(place)?;
        off_thread(move || blobs.try_out()).await??;
        Ok(())
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// Makes a folder and those above it as needed, on the disk before this returns: what is kept in it later is lost with its
/// name.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made = path.ancestors().take_while(is_new).count();
    std::fs::create_dir_all(path)?;
    // Also when it was there: whoever made it may have died before it came to this.
    for parent in path.ancestors().skip(1).take(made.max(1)) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match std::fs::File::open(parent).and_then(|folder| folder.sync_all()) {
            // One that others made and that may not be looked into is theirs to keep.
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied && made == 0 => {}
            other => other?,
        }
    }
    Ok(())
}

fn blobs(place: &Place) -> Result<Blobs, ServiceError> {
    let dir = place.data.join("photos");
    // The key is made with the records: it tells that there are some, wherever the database is.
    let recorded = place.data.join("log.key").exists();
    Ok(match &place.photos {
        PhotoPlace::Bucket(bucket) => Blobs::in_bucket(bucket)?,
        // A new folder beside old records would have all their photos missing.
        PhotoPlace::Folder if recorded && is_bare(&dir) => {
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
    access: access::Access,
    policies: policy::Parsed,
    backtests: Semaphore,
    shifts: shift::Kept,
    unlogged: reads::Unlogged,
    log_claim_reads: bool,
    /// `None` where no work is done.
    readers: Option<ReaderPool>,
    decoder: Arc<dyn DecodePhotos>,
    issuers: Arc<Issuers>,
    intake: IntakeLimits,
    work: WorkLimits,
    role: Role,
    /// This process's name, drawn at random: whoever holds a job says who it is.
    name: String,
    /// Jobs belong to the runtime the service was opened on: those of HTTP workers end before the work does.
    runtime: tokio::runtime::Handle,
    queue: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    keys: Arc<Mutex<HashSet<String>>>,
    waiting: Waiting,
    /// Told when there is new work.
    news: Notify,
    active: watch::Sender<usize>,
    known: known::Known,
    metrics: metrics::Metrics,
    retention: Retention,
    open_to_all: bool,
    reach: Reach,
    reviews: ReviewTerms,
    started: AtomicBool,
    closing: AtomicBool,
    made_up: bool,
    traces: Traces,
    oidc: Option<Arc<Oidc>>,
}

/// A claim as it is shown.
#[derive(Debug, Clone)]
pub struct ClaimView {
    /// Its name here.
    pub id: ClaimId,
    /// Its name at the sender's.
    pub outside_id: Option<String>,
    /// Whose it is.
    pub tenant: Tenant,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Where it stands.
    pub state: ClaimState,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// The contract's result, once decided.
    pub result: Option<Value>,
    /// Where it stands with people; `None` where that was not asked for, and within it if nobody has ever had to look.
    pub review: Option<Option<ClaimReview>>,
    /// What the claimant is told; empty where that was not asked for.
    pub guidance: Vec<Guidance>,
    /// How far it has come; `None` where that was not asked for.
    pub progress: Option<Progress>,
}

impl Service {
    /// Whether photos are not read, and decisions made up.
    pub fn is_made_up(&self) -> bool {
        self.0.made_up
    }

    /// Opens the records, sees to it that a policy is in force and, if there is work to be done here, loads the first
    /// reader; further readers load when first needed.
    ///
    /// Call on a multi-threaded runtime that outlives the service's work. Works nothing off before [`Self::start`].
    ///
    /// # Errors
    /// If any of the three does not work.
    pub async fn open(config: ServiceConfig) -> Result<Self, ServiceError> {
        let policy = config.policy.as_deref().map(Policy::parse).transpose()?;
        let load_reader = if config.made_up { mock::load_reader() } else { config.load_reader };
        let readers = match config.role {
            Role::Api => None,
            Role::Worker | Role::All => Some(ReaderPool::load(load_reader, config.work.readers).await?),
        };
        let records = Records::open(config.place).await?;
        if let Err(error) = records.unlocked() {
            tracing::error!(%error, "no claims are accepted or decided, and none can be read");
        }
        if records.unlocked().is_ok() {
            mock::refuse(&records, config.made_up).await?;
        }
        records.take_up(policy.as_ref()).await?;
        Ok(Self(Arc::new(Inner {
            records,
            access: access::Access::new(config.key_limits),
            policies: policy::Parsed::default(),
            backtests: Semaphore::new(1),
            shifts: shift::Kept::default(),
            unlogged: reads::Unlogged::default(),
            log_claim_reads: config.log_claim_reads,
            queue: Arc::new(Semaphore::new(config.intake.queue)),
            bodies: Arc::new(Semaphore::new(config.intake.held)),
            probes: Arc::new(Semaphore::new(config.work.readers)),
            readers,
            decoder: config.decoder.unwrap_or_else(|| Arc::new(decode::Here(config.intake.decode))),
            issuers: config.issuers,
            intake: config.intake,
            work: config.work,
            role: config.role,
            name: format!("{:016x}", rand::random::<u64>()),
            runtime: tokio::runtime::Handle::current(),
            keys: Arc::default(),
            waiting: Waiting::default(),
            news: Notify::new(),
            active: watch::Sender::new(0),
            known: known::Known::default(),
            metrics: metrics::Metrics::default(),
            retention: config.retention,
            open_to_all: config.open_to_all,
            reach: config.reach,
            reviews: config.reviews,
            made_up: config.made_up,
            traces: config.traces,
            oidc: config.oidc,
            started: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        })))
    }

    /// Begins to work off what waits, if this process works, and to look after claims that others work on. Gives how many
    /// claims wait. Any number of processes may do so on the same records.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn start(&self) -> Result<usize, ServiceError> {
        let waiting = self.0.records.store.unfinished().await?.len();
        if !self.0.started.swap(true, Ordering::AcqRel) {
            if self.0.role != Role::Api {
                self.0.runtime.spawn(self.clone().work());
                self.0.runtime.spawn(self.clone().retain());
                self.0.runtime.spawn(self.clone().watch_clocks());
                self.0.runtime.spawn(self.clone().notify());
            }
            self.0.runtime.spawn(self.clone().look_after());
        }
        Ok(waiting)
    }

    /// Which part of the work this process does.
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// Where traces go.
    pub fn traces(&self) -> &Traces {
        &self.0.traces
    }

    /// What is kept, for verification and replay.
    pub fn records(&self) -> &Records {
        &self.0.records
    }

    /// Limits on what comes in.
    pub fn intake_limits(&self) -> &IntakeLimits {
        &self.0.intake
    }

    /// A claim as it stands.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn get(&self, id: &ClaimId) -> Result<ClaimView, ServiceError> {
        self.get_for(id, "").await
    }

    /// A claim as it stands for somebody by this name: who ruled first of a blind pair finds it ruled.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_for(&self, id: &ClaimId, who: &str) -> Result<ClaimView, ServiceError> {
        let file = self.0.records.store.case_file(id).await?.ok_or(ServiceError::NotFound)?;
        if file.is_erased() {
            return Err(ServiceError::Erased);
        }
        let file = file.shown_to(who, jiff::Timestamp::now().as_millisecond()).into_owned();
        let review = self.told(&file)?;
        let progress = Some(progress::progress(&file, review.as_ref()));
        let view = view(file.claim)?;
        let guidance = guidance::guidance(view.state, view.result.as_ref(), review.as_ref());
        Ok(ClaimView { review: Some(review), guidance, progress, ..view })
    }

    /// Claims that are seen by somebody, newest first, older than `before`; and the name to go on from, if there are
    /// more.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        scope: &Scope,
        before: Option<&ClaimId>,
        limit: u32,
    ) -> Result<(Vec<ClaimView>, Option<ClaimId>), ServiceError> {
        let mut rows = self.0.records.store.claims(scope, before, limit + 1).await?;
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
        if let Some(readers) = self.0.readers.as_ref().filter(|readers| !readers.usable()) {
            // All were lost. A new one is loaded here, since no work may come to a service that is not ready.
            if let Some(turn) = readers.turn().await {
                drop(readers.lease(turn).await?);
            }
        }
        // Whoever asks is a balancer with little patience; a database that is away is waited for longer elsewhere.
        let probe = tokio::time::timeout(PROBE, self.0.records.store.probe()).await;
        probe.map_err(|_| StoreError::Unavailable("it does not answer".to_owned()))??;
        let blobs = self.0.records.blobs.clone();
        off_thread(move || blobs.probe()).await??;
        Ok(())
    }

    /// Takes nothing more, waits for what is being read, and closes the store. Claims that still queue are worked off by
    /// others, or at the next start. Gives whether all that was being read came to its end in time.
    pub async fn drain(&self, at_most: Duration) -> bool {
        self.0.closing.store(true, Ordering::Release);
        if let Some(readers) = &self.0.readers {
            readers.close();
        }
        let mut active = self.0.active.subscribe();
        let quiet = tokio::time::timeout(at_most, active.wait_for(|n| *n == 0)).await.is_ok();
        self.0.waiting.clear();
        if let Err(error) = self.log_reads().await {
            tracing::error!(%error, "the last readings could not be logged");
        }
        self.0.records.close().await;
        let traces = self.0.traces.clone();
        // Blocks while a collector takes its time.
        if off_thread(move || traces.close()).await.is_err() {
            tracing::error!("the last traces could not be sent");
        }
        quiet
    }
}

/// The contract's result of the last decision, if there is one.
fn result_of(row: &ClaimRow) -> Result<Option<Value>, StoreError> {
    let Some(decision) = &row.decision else { return Ok(None) };
    let timing: Timing = serde_json::from_str(&decision.timing)
        .map_err(|_| StoreError::Corrupt("a stored timing is malformed".to_owned()))?;
    Ok(Some(result_json(&parse_record(&decision.record)?, &timing)))
}

fn view(row: ClaimRow) -> Result<ClaimView, StoreError> {
    // While added photos are read nothing is decided of all of them.
    let result = if row.state == ClaimState::Processing { None } else { result_of(&row)? };
    Ok(ClaimView {
        id: row.id,
        tenant: row.tenant,
        outside_id: row.claim.map(|c| c.id),
        created_at: row.created_at,
        state: row.state,
        decided_at: row.decision.filter(|_| result.is_some()).map(|d| d.decided_at),
        result,
        review: None,
        guidance: Vec::new(),
        progress: None,
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
