//! Read, look up, judge: what happens to one claim.
//!
//! Reading is CPU work: a permit first, then a blocking thread. An engine that fails, panics or takes too long becomes a
//! failure among the facts, and so ends in review, never in approval and never in a lost claim.
//!
//! A job is held by a lease that is renewed while it is worked on. A process that dies or hangs loses its jobs to whoever
//! comes; should it come to life again, the store refuses its decision.

use super::intake::{Submission, documents};
use super::mock::Scene;
use super::policy::Rules;
use super::traces::Span;
use super::waiting::POLL;
use super::{Issuers, Service, ServiceError, gate, off_thread, pictures};
use crate::decision::Policy;
use crate::domain::record::RECORD_SCHEMA;
use crate::domain::result::Timing;
use crate::domain::{Claim, ClaimId, ContentHash, Evidence, Facts, Gate, Reading, Record, Tenant, Versions};
use crate::models::Calibration;
use crate::pipeline::{Pictures, ReadError, ReadOutcome, Reader, judge};
use crate::store::{Job, PhotoRow, StoreError};
use crate::vision::{Limits, PdfPage};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many cores this program may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Limits on the work.
#[derive(Debug, Clone)]
pub struct WorkLimits {
    /// Photos read at once. Default: one a core.
    pub readers: usize,
    /// Time one photo may take. Default 60 s, forty times the usual.
    pub photo_time: Duration,
    /// Attempts that may begin before a claim goes to a person unread. Default 3.
    pub attempts: u32,
    /// How long a job is held without a sign of life. Default 15 s: long enough for a database that starts again, short
    /// enough that a crash delays a claim by less than a person notices.
    pub lease: Duration,
}

impl Default for WorkLimits {
    fn default() -> Self {
        Self { readers: cores(), photo_time: Duration::from_secs(60), attempts: 3, lease: Duration::from_secs(15) }
    }
}

/// Something that reads photos: [`Reader`], or a canned one in tests.
pub trait ReadPhotos: Send {
    /// Reads one photo, or one page of a PDF. One that cannot be decoded is a reading, not an error.
    ///
    /// # Errors
    /// Only if an engine failed.
    fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError>;

    /// SHA-256 of each model in use, by name.
    fn models(&self) -> &BTreeMap<String, String>;

    /// The runtime's name and version.
    fn runtime(&self) -> &str;
}

impl ReadPhotos for Reader {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError> {
        Reader::read(self, source, bytes, pdf_page)
    }

    fn models(&self) -> &BTreeMap<String, String> {
        Reader::models(self)
    }

    fn runtime(&self) -> &str {
        Reader::runtime(self)
    }
}

/// How a reader is made. Called again for each further reader, and after one was lost.
pub type LoadReader = Arc<dyn Fn() -> Result<Box<dyn ReadPhotos>, ReadError> + Send + Sync>;

/// The version of this program, as recorded: package version, and the commit if the build was told one.
pub fn build() -> String {
    match option_env!("CLAIMLENS_COMMIT") {
        Some(commit) if !commit.is_empty() => format!("{}+{commit}", env!("CARGO_PKG_VERSION")),
        _ => env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The class of this processor: of x86-64 its level, whose vector instructions inference is done with.
pub fn cpu_class() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let v4 = v3 && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl");
        match (v4, v3, is_x86_feature_detected!("sse4.2")) {
            (true, ..) => "x86-64-v4",
            (_, true, _) => "x86-64-v3",
            (.., true) => "x86-64-v2",
            _ => "x86-64-v1",
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

/// The facts of a run that looks nothing up.
pub fn stateless_facts(now: Timestamp) -> Facts {
    Facts {
        now: whole_seconds(now),
        today: day_in_china(now),
        repeats_searched: false,
        repeats: Vec::new(),
        lot: None,
        gate: Gate::Open,
        issuers: Vec::new(),
        failures: Vec::new(),
    }
}

/// The calendar day in China, all of which keeps UTC+8 and has no summer time.
fn day_in_china(now: Timestamp) -> String {
    now.to_zoned(TimeZone::fixed(Offset::constant(8))).date().to_string()
}

/// A number from 0 to 9999 that nobody can foresee: the name is drawn when the claim is accepted.
fn lot(id: &ClaimId) -> u16 {
    let ContentHash(hash) = ContentHash::of(id.as_str().as_bytes());
    (u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 10_000) as u16
}

pub(super) fn whole_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 in UTC with milliseconds: how claims and log entries tell when, so that they sort as text.
pub(super) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn versions(models: &BTreeMap<String, String>, runtime: &str, policy: &Policy) -> Versions {
    Versions {
        build: build(),
        models: models.clone(),
        policy: policy.hash.to_string(),
        calibration: Calibration::default().hash.to_string(),
        runtime: runtime.to_owned(),
        cpu: Some(cpu_class().to_owned()),
    }
}

fn not_read(source: &str, sha256: ContentHash, pdf_page: PdfPage) -> Reading {
    let why = "it was not read: the work could not be done".to_owned();
    Reading { pdf_page, ..Reading::unreadable(source, sha256, why) }
}

/// Reads and judges the photos of one claim, remembering nothing and looking nothing up but their issuers. Each page of a PDF within
/// `limits` is a document of its own.
///
/// Never fails: what an engine could not do becomes a failure among the facts, and so ends in review. The pictures are
/// in the order of the documents, `None` where one could not be decoded. A panic of the reader is the caller's to catch.
pub fn decide_stateless(
    reader: &dyn ReadPhotos,
    policy: &Policy,
    issuers: &Issuers,
    claim: Option<&Claim>,
    photos: &[(String, Vec<u8>)],
    limits: &Limits,
    now: Timestamp,
) -> (Record, Timing, Vec<Option<Pictures>>) {
    let mut timing = Timing::default();
    let mut facts = stateless_facts(now);
    let (mut readings, mut pictures) = (Vec::new(), Vec::new());
    let documents = photos.iter().flat_map(|(source, bytes)| {
        documents(source, bytes, limits).into_iter().map(move |(source, page)| (source, bytes, page))
    });
    for (n, (source, bytes, page)) in documents.enumerate() {
        match reader.read(&source, bytes, page) {
            Ok(outcome) => {
                timing.merge(&outcome.timing);
                readings.push(outcome.reading);
                pictures.push(outcome.pictures);
            }
            Err(error) => {
                facts.failures.push(format!("photo {n}: {error}"));
                readings.push(not_read(&source, ContentHash::of(bytes), page));
                pictures.push(None);
            }
        }
    }
    facts.issuers = issuers.look_up(&readings);
    let versions = versions(reader.models(), reader.runtime(), policy);
    let evidence = Evidence { claim: claim.cloned(), readings, facts };
    let verdict = judge(policy, &evidence);
    (Record { schema: RECORD_SCHEMA, evidence, verdict, versions }, timing, pictures)
}

/// Readers and the permits to use them.
pub(super) struct ReaderPool {
    load: LoadReader,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Box<dyn ReadPhotos>>>>,
    alive: Arc<AtomicUsize>,
    models: BTreeMap<String, String>,
    runtime: String,
}

/// Leave to use one of the readers.
pub(super) struct Turn(OwnedSemaphorePermit);

/// A reader out of the pool. Goes back when dropped, unless it was lost.
pub(super) struct Lease {
    reader: Option<Box<dyn ReadPhotos>>,
    idle: Arc<Mutex<Vec<Box<dyn ReadPhotos>>>>,
    alive: Arc<AtomicUsize>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.reader.take() {
            Some(reader) => self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader),
            None => {
                self.alive.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Lease {
    /// Reads a photo; a panic is a failure, and costs the pool this reader: it may be in any state.
    pub(super) fn read(&mut self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, String> {
        let Some(reader) = &self.reader else { return Err("no reader".to_owned()) };
        match catch_unwind(AssertUnwindSafe(|| reader.read(source, bytes, pdf_page))) {
            Ok(outcome) => outcome.map_err(|e| e.to_string()),
            Err(_) => {
                self.reader = None;
                Err("the reader panicked".to_owned())
            }
        }
    }
}

impl ReaderPool {
    pub(super) async fn load(load: LoadReader, count: usize) -> Result<Self, ServiceError> {
        let make = load.clone();
        let first = off_thread(move || make()).await??;
        Ok(Self {
            models: first.models().clone(),
            runtime: first.runtime().to_owned(),
            load,
            permits: Arc::new(Semaphore::new(count.max(1))),
            idle: Arc::new(Mutex::new(vec![first])),
            alive: Arc::new(AtomicUsize::new(1)),
        })
    }

    pub(super) fn usable(&self) -> bool {
        self.alive.load(Ordering::Acquire) > 0
    }

    pub(super) fn close(&self) {
        self.permits.close();
    }

    /// Waits for a turn. `None` if the pool was closed.
    pub(super) async fn turn(&self) -> Option<Turn> {
        self.permits.clone().acquire_owned().await.ok().map(Turn)
    }

    /// A reader for a turn, loaded if none is idle.
    pub(super) async fn lease(&self, Turn(permit): Turn) -> Result<Lease, ServiceError> {
        let (idle, alive) = (self.idle.clone(), self.alive.clone());
        let reader = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match reader {
            Some(reader) => reader,
            None => {
                let make = self.load.clone();
                let reader = off_thread(move || make()).await??;
                alive.fetch_add(1, Ordering::AcqRel);
                reader
            }
        };
        Ok(Lease { reader: Some(reader), idle, alive, _permit: permit })
    }
}

/// What came of a claim.
#[derive(Debug)]
pub struct Decided {
    /// Its name.
    pub id: ClaimId,
    /// What was recorded.
    pub record: Record,
    /// Wall time by stage.
    pub timing: Timing,
    /// Uploads and pages, in the order of the photos; all `None` unless asked for.
    pub pictures: Vec<Option<Pictures>>,
}

enum Ended {
    Decided(Box<Decided>),
    /// No decision could be made; recorded.
    Failed,
    /// Somebody else ended it.
    Already,
    /// The service is closing; the job remains.
    Closed,
    /// The photos' storage does not answer, so no attempt was made; the job remains.
    NoPhotos(std::io::Error),
}

/// What was read of a claim.
struct Read {
    readings: Vec<Reading>,
    pictures: Vec<Option<Pictures>>,
    pages: Vec<Option<ContentHash>>,
    failures: Vec<String>,
    timing: Timing,
}

impl Service {
    /// Stores a claim, decides it here and now, and gives what came of it. For the command line: photos that cannot be
    /// decoded are accepted, as readings that say so.
    ///
    /// # Errors
    /// If it could not be stored or recorded.
    pub async fn submit_and_wait(&self, submission: Submission) -> Result<Decided, ServiceError> {
        let (id, now, _) = self.store(submission, Tenant::default(), None, true).await?;
        let job = self.0.records.store.taken_job(&id, now).await?;
        match self.holding(&job, self.process(&job, None, true)).await? {
            Ended::Decided(decided) => Ok(*decided),
            Ended::Closed => Err(ServiceError::Closing),
            Ended::NoPhotos(error) => Err(error.into()),
            Ended::Failed | Ended::Already => Err(ServiceError::Internal("the claim could not be decided")),
        }
    }

    /// Takes jobs and works them off, as many at once as there are readers, until the service closes.
    pub(super) async fn work(self) {
        let Some(readers) = &self.0.readers else { return };
        // A turn first: a job that waits for one here could be worked on elsewhere.
        while let Some(turn) = readers.turn().await {
            match self.0.records.store.take_job(&self.0.name, self.0.work.lease).await {
                Ok(Some(job)) => {
                    let service = self.clone();
                    self.0.runtime.spawn(async move { service.work_off(job, Some(turn)).await });
                    continue;
                }
                Ok(None) => drop(turn),
                Err(error) => {
                    drop(turn);
                    tracing::error!(%error, "no work can be taken at present");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            // Others are not heard of: their news comes by looking.
            let _ = tokio::time::timeout(POLL, self.0.news.notified()).await;
        }
    }

    /// Works off a job that was taken when its claim was accepted.
    pub(super) fn work_off_taken(&self, id: ClaimId, now: Option<String>) {
        let service = self.clone();
        self.0.runtime.spawn(async move {
            match service.0.records.store.taken_job(&id, now).await {
                Ok(job) => service.work_off(job, None).await,
                // Free again when its lease has ended.
                Err(error) => tracing::error!(claim = %id, %error, "the work was interrupted"),
            }
        });
    }

    async fn work_off(&self, job: Job, turn: Option<Turn>) {
        let id = &job.id;
        match self.holding(&job, self.process(&job, turn, false)).await {
            Ok(Ended::Decided(decided)) => {
                let decision = decided.record.verdict.decision.as_str();
                tracing::info!(claim = %id, decision, "claim decided");
                if !job.known {
                    self.0.metrics.decided(&decided);
                }
                self.0.waiting.end(id);
            }
            Ok(Ended::Failed) => {
                self.0.metrics.failed();
                tracing::error!(claim = %id, "no decision could be made; the claim waits for a person");
                self.0.waiting.end(id);
            }
            Ok(Ended::Already) => tracing::warn!(claim = %id, "somebody else has taken the work over"),
            Ok(Ended::Closed) => {}
            Ok(Ended::NoPhotos(error)) => self.release(&job, error.into(), false).await,
            Err(error) => self.release(&job, error, true).await,
        }
    }

    async fn release(&self, job: &Job, error: ServiceError, counts: bool) {
        let (id, pause) = (&job.id, pause_after(job.attempts));
        self.0.metrics.interrupted();
        tracing::error!(claim = %id, %error, "the work was interrupted; trying again in {} s", pause.as_secs());
        if let Err(error) = self.0.records.store.release(job, pause, counts).await {
            tracing::warn!(claim = %id, %error, "the job is free again when its lease has ended");
        }
    }

    /// Does work on a job, renewing its lease meanwhile. Work on a job that was lost goes on to its end, which the store
    /// refuses: to break it off in the midst of its own commit would leave open what came of it.
    async fn holding<T>(&self, job: &Job, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.keep_renewing(job) => match never {},
        }
    }

    async fn keep_renewing(&self, job: &Job) -> Infallible {
        let lease = self.0.work.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            if let Err(error) = self.0.records.store.renew(job, lease).await {
                tracing::warn!(claim = %job.id, %error, "a lease could not be renewed");
            }
        }
    }

    async fn process(&self, job: &Job, turn: Option<Turn>, keep_pictures: bool) -> Result<Ended, ServiceError> {
        let id = &job.id;
        let Some(readers) = &self.0.readers else { return Err(ServiceError::Internal("this process has no readers")) };
        let span = self.0.traces.claim(id, job.attempts, self.0.waiting.origin(id));
        // What was read before needs no reader, and so no turn.
        let photos = if keep_pictures { Vec::new() } else { job.photos.clone() };
        let first = photos.first().map(|photo| photo.blob);
        let known = self.known(photos).await?;
        let reader = match known.is_empty() || known.iter().any(Option::is_none) {
            false => Ok(None),
            true => {
                let turn = match turn {
                    Some(turn) => turn,
                    None => match readers.turn().await {
                        Some(turn) => turn,
                        None => return Ok(Ended::Closed),
                    },
                };
                readers.lease(turn).await.map(Some).map_err(|error| {
                    tracing::error!(claim = %id, %error, "no reader could be loaded; the claim goes to a person unread");
                    "no reader could be loaded"
                })
            }
        };
        self.0.active.send_modify(|n| *n += 1);
        let _active = Active(&self.0.active);
        // While the photos' storage does not answer no attempt begins, so that none is used up by that.
        if let Some(first) = first {
            let blobs = self.0.records.blobs.clone();
            if let Err(error) = off_thread(move || blobs.answers(&first)).await? {
                return Ok(Ended::NoPhotos(error));
            }
        }
        let store = &self.0.records.store;
        let start = Instant::now();
        let most = self.0.work.attempts;
        let mut read = match reader {
            _ if job.attempts > most => {
                unread(job, format!("given up after {most} attempts that did not come to an end"))
            }
            Ok(lease) => {
                let span = span.child("read");
                let read = self.read(lease, job, known, keep_pictures, &span).await?;
                span.end();
                read
            }
            Err(why) => unread(job, why.to_owned()),
        };
        let scene = self.0.made_up.then(|| Scene::of(job.claim.as_ref()));
        if let Some(scene) = &scene {
            scene.write(&mut read.readings, &day_in_china(Timestamp::now()));
            tokio::time::sleep(scene.takes()).await;
        }
        let looking_up = span.child("look_up");
        // Before the write lock is taken: a verifier may take its time.
        let (service, readings) = (self.clone(), read.readings);
        let asked = off_thread(move || (service.0.issuers.look_up(&readings), readings)).await;
        let (issuers, readings) = asked?;
        read.readings = readings;
        // A page that was kept at an earlier decision stays: the log names it.
        read.pages.iter_mut().zip(&job.photos).for_each(|(page, photo)| *page = photo.page.or(*page));
        let Some(mut decision) = store.begin_decision(job).await? else { return Ok(Ended::Already) };
        // One moment for what it is decided as of and for when it is recorded: so the log tells both.
        let at = Timestamp::now();
        let now = match &job.now {
            Some(text) => text.parse().map_err(|_| StoreError::Corrupt("a job's time is malformed".to_owned()))?,
            None => at,
        };
        let decided_at = stamp(at);
        let mut facts = stateless_facts(now);
        facts.repeats_searched = true;
        // By the claim's random name, so that reading a claim again does not draw again.
        facts.lot = Some(lot(id));
        facts.issuers = issuers;
        facts.repeats = decision.repeats(&read.readings).await?;
        facts.failures = std::mem::take(&mut read.failures);
        if let Some(scene) = &scene {
            scene.tell(&mut facts);
        }
        if job.known {
            // A person rules on it, and to them it is one of those that come by lot.
            facts.lot = Some(0);
        }
        let rules = Rules::at(&self.0.policies, &mut decision.policies(), &decided_at).await?;
        let policy = &*rules.policy;
        facts.gate = gate::settle(&mut decision.gate(), policy, &decided_at).await?.state;
        looking_up.end();
        let judging = span.child("judge");
        let evidence = Evidence { claim: job.claim.clone(), readings: read.readings, facts };
        let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| judge(policy, &evidence))) else {
            judging.failed("judging panicked");
            decision.fail(&decided_at, "judging_panicked").await?;
            return Ok(Ended::Failed);
        };
        judging.end();
        let recording = span.child("record");
        if !job.known {
            rules.compare(&mut decision.policies(), id, &evidence, &verdict).await?;
        }
        let versions = versions(&readers.models, &readers.runtime, policy);
        let record = Record { schema: RECORD_SCHEMA, evidence, verdict, versions };
        read.timing.0.entry("total".to_owned()).or_insert(start.elapsed().as_micros() as u64);
        let timing = serde_json::to_string(&read.timing).map_err(|_| ServiceError::Internal("timing"))?;
        decision.commit(&decided_at, &record, &timing, &read.pages).await?;
        recording.end();
        span.tell("claimlens.decision", record.verdict.decision.as_str());
        span.end();
        let decided = Decided { id: id.clone(), record, timing: read.timing, pictures: read.pictures };
        Ok(Ended::Decided(Box::new(decided)))
    }

    /// What is known of these photos because the same bytes were read lately.
    async fn known(&self, photos: Vec<PhotoRow>) -> Result<Vec<Option<PhotoRead>>, ServiceError> {
        let service = self.clone();
        let known = move || photos.iter().map(|photo| service.read_before(photo)).collect();
        off_thread(known).await
    }

    fn read_before(&self, photo: &PhotoRow) -> Option<PhotoRead> {
        let (reading, page) = self.0.known.of(&self.0.records.blobs, photo)?;
        let reading = Reading { source: photo.source.clone(), ..(*reading).clone() };
        Some(PhotoRead { reading, timing: Timing::default(), pictures: None, page: Some(page) })
    }

    /// Reads the photos of a job that are not known, each within its time.
    ///
    /// # Errors
    /// If a photo's bytes could not be had, though they may be there: then this attempt comes to nothing.
    async fn read(
        &self,
        mut lease: Option<Lease>,
        job: &Job,
        known: Vec<Option<PhotoRead>>,
        keep_pictures: bool,
        span: &Span,
    ) -> Result<Read, ServiceError> {
        let mut read = Read::of(job.photos.len());
        let mut known = known.into_iter();
        for (n, photo) in job.photos.iter().enumerate() {
            // It may have been read while this claim waited for its turn.
            let one = match known.next() {
                Some(None) => self.known(vec![photo.clone()]).await.ok().and_then(|mut one| one.pop()).flatten(),
                one => one.flatten(),
            };
            if let Some(one) = one {
                read.add(one);
                continue;
            }
            let (span, begun) = (span.child("photo"), SystemTime::now());
            span.tell("claimlens.photo", n as i64);
            let outcome = match lease.take() {
                None => {
                    Err(Unread::Failed("it was not read, since the reader was lost at an earlier photo".to_owned()))
                }
                Some(mut held) => {
                    let (blobs, photo) = (self.0.records.blobs.clone(), photo.clone());
                    let task = off_thread(move || {
                        let outcome = read_photo(&blobs, &mut held, &photo, keep_pictures);
                        (outcome, held)
                    });
                    match tokio::time::timeout(self.0.work.photo_time, task).await {
                        Ok(Ok((outcome, held))) => {
                            lease = Some(held).filter(|l| l.reader.is_some());
                            outcome
                        }
                        Ok(Err(_)) => Err(Unread::Failed("reading it panicked".to_owned())),
                        // The thread cannot be stopped. It keeps permit and reader until it ends, so that no more
                        // threads compute than there are permits.
                        Err(_) => {
                            let most = self.0.work.photo_time.as_secs();
                            Err(Unread::Failed(format!("reading it took longer than {most} s")))
                        }
                    }
                }
            };
            match outcome {
                Ok(one) => {
                    span.stages(begun, &one.timing);
                    if let Some(page) = one.page.filter(|_| one.reading.unreadable.is_none()) {
                        self.0.known.keep(&one.reading, page, photo.seal.clone());
                    }
                    read.add(one);
                }
                Err(Unread::Unreachable(error)) => return Err(error.into()),
                Err(Unread::Failed(why)) => {
                    tracing::error!(photo = n, %why, "a photo could not be read");
                    span.failed("it could not be read");
                    read.failures.push(format!("photo {n}: {why}"));
                    read.add(PhotoRead::none(photo));
                }
            }
        }
        Ok(read)
    }
}

/// Why a photo was not read.
enum Unread {
    /// Its stored bytes could not be had, which may pass.
    Unreachable(std::io::Error),
    /// Anything else; the claim goes to a person with it.
    Failed(String),
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Time before a store that does not answer is asked for work again.
const PAUSE: Duration = Duration::from_secs(1);

/// Time before a job is tried again whose nth attempt was interrupted: 1, 4, 16 seconds, at most a minute.
fn pause_after(attempts: u32) -> Duration {
    PAUSE.saturating_mul(4_u32.saturating_pow(attempts.saturating_sub(1))).min(Duration::from_secs(60))
}

/// Counts work under way, also when it is given up half way.
struct Active<'a>(&'a watch::Sender<usize>);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

fn unread(job: &Job, why: String) -> Read {
    let mut read = Read::of(job.photos.len());
    job.photos.iter().for_each(|photo| read.add(PhotoRead::none(photo)));
    read.failures.push(why);
    read
}

struct PhotoRead {
    reading: Reading,
    timing: Timing,
    pictures: Option<Pictures>,
    page: Option<ContentHash>,
}

impl PhotoRead {
    fn none(photo: &PhotoRow) -> Self {
        let reading = not_read(&photo.source, photo.sha256, photo.pdf_page);
        Self { reading, timing: Timing::default(), pictures: None, page: None }
    }
}

impl Read {
    fn of(photos: usize) -> Self {
        Self {
            readings: Vec::with_capacity(photos),
            pictures: Vec::with_capacity(photos),
            pages: Vec::with_capacity(photos),
            failures: Vec::new(),
            timing: Timing::default(),
        }
    }

    fn add(&mut self, one: PhotoRead) {
        self.readings.push(one.reading);
        self.timing.merge(&one.timing);
        self.pictures.push(one.pictures);
        self.pages.push(one.page);
    }
}

fn read_photo(
    blobs: &crate::store::Blobs,
    lease: &mut Lease,
    photo: &PhotoRow,
    keep_pictures: bool,
) -> Result<PhotoRead, Unread> {
    let bytes = blobs.photo(photo).map_err(Unread::Unreachable)?;
    let bytes = bytes.ok_or_else(|| "its stored bytes are missing or altered".to_owned())?;
    let outcome = lease.read(&photo.source, &bytes, photo.pdf_page)?;
    if outcome.reading.sha256 != photo.sha256 {
        return Err(Unread::Failed("the reading is of another photo".to_owned()));
    }
    // Only for viewing: a decision does not wait on it, so a full disk here costs the picture and no more.
    let to_be_kept = outcome.pictures.as_ref().filter(|_| photo.page.is_none());
    let made = to_be_kept.and_then(|p| {
        let stored = pictures::jpeg(&p.page).and_then(|jpeg| blobs.put_page(&jpeg, photo.seal.as_ref()).ok());
        if stored.is_none() {
            tracing::warn!("a normalised page could not be kept for viewing");
        }
        stored
    });
    let page = photo.page.or(made);
    let pictures = outcome.pictures.filter(|_| keep_pictures);
    Ok(PhotoRead { reading: outcome.reading, timing: outcome.timing, pictures, page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        assert_eq!([1, 2, 3, 4, u32::MAX].map(|n| pause_after(n).as_secs()), [1, 4, 16, 60, 60]);
    }

    #[test]
    fn the_day_is_that_of_china() {
        let facts = stateless_facts("2026-03-01T17:30:00.25Z".parse().unwrap());
        assert_eq!((facts.now.as_str(), facts.today.as_str()), ("2026-03-01T17:30:00Z", "2026-03-02"));
    }

    #[test]
    fn stamps_sort_as_text() {
        let [whole, later] = ["2026-03-01T17:30:00Z", "2026-03-01T17:30:00.25Z"].map(|t| stamp(t.parse().unwrap()));
        assert_eq!([whole, later], ["2026-03-01T17:30:00.000Z", "2026-03-01T17:30:00.250Z"]);
    }
}
