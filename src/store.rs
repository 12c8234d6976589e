//! What is kept: claims, photos, decisions, the log. Verbs of the domain, not tables.
//!
//! Two backends hold the rows, each in its own idiom: one SQLite file, and PostgreSQL for several processes. What is
//! decided about rows stands once, above both ([`records`], [`repeats`], [`gate`], [`policy`], [`reviews`], `log`), and
//! `tests/it/store.rs` runs every verb against each. Either way a commit that returned survives a power cut, writers
//! take turns, and so a decision sees every decision made before it.
//!
//! Work is handed out by leases: whoever takes a job holds it for a while, renews that while working, and shows the
//! number of its take when it records the decision. Takes are numbered upwards, so that of two who believe they hold a
//! job only the later one can end it.
//!
//! What the rows hold of people is sealed under a key of each claim, which erasing destroys: see [`vault`].

pub mod access;
pub mod arrivals;
pub mod blobs;
pub mod gate;
mod log;
pub mod policy;
mod postgres;
pub mod reads;
pub mod records;
pub mod repeats;
pub mod reviews;
mod rows;
pub mod settings;
mod sqlite;
pub mod vault;
pub mod walk;
pub mod webhooks;
pub mod windows;

use crate::audit::Fault;
use crate::domain::review::CaseVerdict;
use crate::domain::{Claim, ClaimId, ContentHash, Tenant};
use std::path::PathBuf;
use std::time::Duration;

pub use blobs::{BlobState, Blobs, BucketPlace, PhotoPlace};
pub use gate::{AuditedOutcome, Standing};
pub use log::{LogQuery, Proved};
pub use postgres::DatabaseUrl;
pub use records::{DecisionTransaction, SealedDecision, Snapshot, Store};
pub use repeats::fingerprints;
pub use vault::{Cell, ClaimKey, Erasure, Kek, KekPlace, Sealing, Undone};

/// Where the rows are.
#[derive(Debug, Clone)]
pub enum Database {
    /// One file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<DatabaseUrl>),
}

/// Why the store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The idempotency key was used for another body.
    #[error("the idempotency key belongs to another request")]
    KeyTaken,
    /// The database does not answer, is locked, read-only or full.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be right.
    #[error("the records are damaged: {0}")]
    Corrupt(String),
    /// What is sealed cannot be opened, nor anything sealed: there is no key-encryption key, or it is another's.
    #[error("the records are sealed: {0}")]
    Locked(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => Self::Corrupt(text),
            sqlx::Error::Database(e) if e.code().is_some_and(|code| says_corrupt(&code)) => Self::Corrupt(text),
            _ => Self::Unavailable(text),
        }
    }
}

/// Whether a database's error code says that its files are damaged.
fn says_corrupt(code: &str) -> bool {
    // PostgreSQL's have five characters. SQLite's are SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes.
    match code.len() {
        5 => matches!(code, "XX001" | "XX002"),
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 11 | 26)),
    }
}

fn claim_id(text: &str) -> Result<ClaimId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("a stored claim has a malformed name".to_owned()))
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Corrupt(fault.to_string())
    }
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// Accepted; the decision follows.
    Processing,
    /// Decided.
    Decided,
    /// No decision could be made; it waits for a person.
    Failed,
    /// Its content was erased.
    Erased,
}

impl ClaimState {
    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Decided => "decided",
            Self::Failed => "failed",
            Self::Erased => "erased",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Processing, Self::Decided, Self::Failed]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| StoreError::Corrupt("unknown state of a claim".to_owned()))
    }
}

/// A photo whose bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoRow {
    /// Name as given by the sender.
    pub source: String,
    /// SHA-256 of its bytes.
    pub sha256: ContentHash,
    /// The name of the stored bytes: of sealed ones their own hash.
    pub blob: ContentHash,
    /// What they are sealed with; `None` where they are kept as they are, from before content was sealed.
    pub seal: Option<ClaimKey>,
    /// How many bytes.
    pub bytes: u64,
    /// Media type by its first bytes.
    pub media_type: String,
    /// Which page of a PDF, from 1; `None` for a picture.
    pub pdf_page: Option<u32>,
    /// The name of the normalised page as stored, if one was made.
    pub page: Option<ContentHash>,
}

/// A claim to be accepted. Its photos' bytes are stored already.
#[derive(Debug)]
pub struct NewClaim {
    /// Its name.
    pub id: ClaimId,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// What was submitted besides photos.
    pub claim: Option<Claim>,
    /// Random bytes for the log's commitments.
    pub salt: [u8; 16],
    /// What its content is sealed with, and its photos' bytes are already.
    pub seal: ClaimKey,
    /// At least one.
    pub photos: Vec<PhotoRow>,
    /// Idempotency key and body.
    pub key: Option<KeyedBody>,
    /// Decide as if it were this time, RFC 3339.
    pub now: Option<String>,
    /// Its job is taken as it is made, by this process for so long: see [`Store::taken_job`].
    pub taken: Option<(String, Duration)>,
    /// How it has to end, if that is known.
    pub known: Option<KnownEnd>,
}

/// How a claim has to end by whom sent it to see how people rule on it: see [`crate::domain::review::StepKind::Known`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEnd {
    /// Who says so, if they are named.
    pub by: Option<String>,
    /// How.
    pub verdict: CaseVerdict,
    /// Random bytes for the log's commitment to who.
    pub salt: [u8; 16],
}

/// An idempotency key with the body it came with, both hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedBody {
    /// SHA-256 of the key.
    pub key: ContentHash,
    /// SHA-256 over the claim and the photos.
    pub body: ContentHash,
}

/// What accepting did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// The claim is stored and logged.
    Accepted,
    /// The key had brought this claim before, with the same body; nothing was stored.
    Repeated(ClaimId),
}

/// Work to do, once taken.
#[derive(Debug, Clone)]
pub struct Job {
    /// The claim's name.
    pub id: ClaimId,
    /// Which take of the job this is; grows with every one.
    pub fence: i64,
    /// Attempts begun, this one included.
    pub attempts: u32,
    /// Decide as if it were this time.
    pub now: Option<String>,
    /// The claim.
    pub claim: Option<Claim>,
    /// The photos to decide of, in order.
    pub photos: Vec<PhotoRow>,
    /// Which of the claim's each of them is, from 0: some may be left out.
    pub numbers: Vec<i64>,
    /// What its content is sealed with, and the salt of the log's commitments; `None` from before content was sealed.
    pub seal: Option<(ClaimKey, Vec<u8>)>,
    /// Whether its sender knows how it has to end.
    pub known: bool,
}

/// A claim as listed.
#[derive(Debug, Clone)]
pub struct ClaimRow {
    /// Its name.
    pub id: ClaimId,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// What was submitted besides photos.
    pub claim: Option<Claim>,
    /// Where it stands.
    pub state: ClaimState,
    /// The last decision.
    pub decision: Option<DecisionRow>,
}

/// A decision as stored.
#[derive(Debug, Clone)]
pub struct DecisionRow {
    /// RFC 3339 in UTC.
    pub decided_at: String,
    /// Canonical bytes of the record.
    pub record: Vec<u8>,
    /// JSON, microseconds by stage.
    pub timing: String,
}

/// A claim with everything the log can be held against, read without trusting any of it.
#[derive(Debug, Clone)]
pub struct RawClaim {
    /// Its name.
    pub id: String,
    /// As stored.
    pub created_at: String,
    /// As stored.
    pub claim_json: Option<String>,
    /// As stored.
    pub salt: Vec<u8>,
    /// As stored.
    pub state: String,
    /// Whether a job waits for it.
    pub job: bool,
    /// The time that this job decides it as of, if it names one.
    pub job_now: Option<String>,
    /// Photos in order.
    pub photos: Vec<RawPhoto>,
    /// Decisions in order.
    pub decisions: Vec<RawDecision>,
    /// What a person said of it.
    pub outcome: Option<gate::RawOutcome>,
    /// Hashes of the idempotency keys that stand for it, each with that of its body.
    pub keys: Vec<[String; 2]>,
    /// Fingerprints, sorted by document, as stored.
    pub fingerprints: Vec<Fingerprint>,
    /// Who read it, in order.
    pub reads: Vec<reads::RawRead>,
    /// What people did with it, in order.
    pub steps: Vec<reviews::RawStep>,
    /// Where its case stands in the queue.
    pub case: Option<reviews::RawCase>,
    /// How its content is kept. What is not opened is empty above, and records are as stored.
    pub sealing: Sealing,
    /// Its sealed row, as stored.
    pub sealed: Option<Vec<u8>>,
    /// Its data key, as stored.
    pub wrapped: Option<Vec<u8>>,
    /// When it was erased, as stored.
    pub erased_at: Option<String>,
    /// Its erasure.
    pub erasure: Option<vault::RawErasure>,
    /// Whose it is, as stored.
    pub tenant: String,
}

impl RawClaim {
    /// A claim with nothing that hangs on it.
    pub(crate) fn bare(
        id: String,
        created_at: String,
        claim_json: Option<String>,
        salt: Vec<u8>,
        state: String,
    ) -> Self {
        Self {
            id,
            created_at,
            claim_json,
            salt,
            state,
            job: false,
            job_now: None,
            photos: Vec::new(),
            decisions: Vec::new(),
            outcome: None,
            keys: Vec::new(),
            fingerprints: Vec::new(),
            reads: Vec::new(),
            steps: Vec::new(),
            case: None,
            sealing: Sealing::Plain,
            sealed: None,
            wrapped: None,
            erased_at: None,
            erasure: None,
            tenant: Tenant::DEFAULT.to_owned(),
        }
    }

    /// SHA-256 of its sealed row.
    pub fn cell(&self) -> Option<ContentHash> {
        self.sealed.as_deref().map(ContentHash::of)
    }
}

/// A photo as stored.
#[derive(Debug, Clone)]
pub struct RawPhoto {
    /// As stored.
    pub n: i64,
    /// As stored.
    pub source: String,
    /// As stored.
    pub sha256: String,
    /// As stored.
    pub bytes: i64,
    /// As stored.
    pub media_type: String,
    /// As stored.
    pub pdf_page: Option<i64>,
    /// As stored.
    pub page: Option<String>,
    /// As stored.
    pub blob: String,
    /// As stored.
    pub round: i64,
    /// As stored.
    pub left_out: Option<i64>,
}

impl RawPhoto {
    /// Whether it is among the photos that are decided of after so many additions.
    pub fn counts(&self, round: i64) -> bool {
        self.round <= round && self.left_out.is_none_or(|from| from > round)
    }
}

/// A decision as stored.
#[derive(Debug, Clone)]
pub struct RawDecision {
    /// As stored.
    pub decided_at: String,
    /// As stored.
    pub decision: String,
    /// Opened if it was sealed and could be opened; else as stored.
    pub record: Vec<u8>,
    /// As stored.
    pub timing: String,
    /// As stored.
    pub kind: Option<String>,
    /// SHA-256 of the sealed record; `None` if it was not sealed.
    pub cell: Option<ContentHash>,
}

/// What an earlier approval has in common with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SharedTrait {
    /// The very same bytes.
    Bytes,
    /// A picture that looks the same.
    Picture,
    /// The number of a bill or invoice, with its code where both have one.
    Number,
    /// A number within ten, with the same code.
    NeighbouringNumber,
    /// Check code, serial number, or who paid what when.
    Content,
    /// The camera, by its own number, or by a model and version that few claims were photographed with.
    Device,
    /// The hospital, seller or shop.
    Issuer,
}

/// What a photo is found again by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// Which of the claim's documents, from 0.
    pub document: i64,
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Perceptual hash, 16 hex digits.
    pub picture_hash: Option<String>,
    /// `bill` or `invoice`, if a number was read.
    pub family: Option<String>,
    /// Its code, if read.
    pub code: Option<String>,
    /// The number.
    pub number: Option<String>,
    /// Its day, ISO 8601, if read.
    pub issued: Option<String>,
    /// Who issued it: see [`crate::domain::likeness::issuer`].
    pub issuer: Option<String>,
    /// What it is known again by besides: see [`crate::domain::likeness::marks`] and
    /// [`crate::domain::likeness::device_marks`].
    pub marks: std::collections::BTreeSet<String>,
}
