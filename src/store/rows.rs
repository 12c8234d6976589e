//! What a backend can do, in rows: the seam between what is kept and where. No meaning here: what rows mean, in which
//! order they are written and what follows from them is told once, above this, for all backends.

use super::access::AccessRows;
use super::arrivals::ArrivalRows;
use super::gate::{RawMove, RawOutcome};
use super::policy::PolicyRows;
use super::reads::ReadRows;
use super::reviews::ReviewRows;
use super::settings::SettingRows;
use super::vault::RawErasure;
use super::walk::Walk;
use super::webhooks::WebhookRows;
use super::windows::WindowRows;
use super::{DecisionRow, Fingerprint, NewClaim, RawDecision, RawPhoto, StoreError};
use crate::audit::merkle::{Node, Nodes};
use crate::audit::{Checkpoint, Entry};
use crate::domain::{ContentHash, Decision};
use async_trait::async_trait;
use sqlx::{ColumnIndex, Database, Decode, Encode, QueryBuilder, Row, Type};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

/// An open transaction. Dropped without commit, nothing happened.
pub(super) type Session = Box<dyn Rows>;

/// A database with our tables in it.
#[async_trait]
pub(super) trait Backend: Debug + Send + Sync {
    /// Begins to read one moment of the database.
    async fn read(&self) -> Result<Session, StoreError>;

    /// Begins to write. Writers take turns, over all processes: this one sees everything that those before it committed,
    /// and nobody else writes claims, decisions or the log before it ends.
    async fn write(&self) -> Result<Session, StoreError>;

    /// Takes the oldest job that is due and that nobody holds, for as long as the lease.
    async fn take(&self, holder: &str, lease: Duration) -> Result<Option<JobRow>, StoreError>;

    /// Holds a job for a lease from now on; `false` if it was taken by somebody else or is done.
    async fn renew(&self, claim: &str, fence: i64, lease: Duration) -> Result<bool, StoreError>;

    /// Lets go of a job, not to be taken before the pause is over. Nothing happens if somebody else took it.
    async fn release(&self, claim: &str, fence: i64, pause: Duration, counts: bool) -> Result<(), StoreError>;

    /// Takes what was deleted out of the database's own files, as far as that can be done without keeping others waiting;
    /// `false` if it has to be tried again. `wholly` writes them anew, which takes long and as much room again.
    async fn scrub(&self, wholly: bool) -> Result<bool, StoreError>;

    /// Waits for everything under way and closes.
    async fn close(&self);
}

/// A job as taken.
#[derive(Debug, Clone)]
pub(super) struct JobRow {
    pub(super) claim: String,
    pub(super) fence: i64,
    pub(super) attempts: i64,
    pub(super) now: Option<String>,
}

/// A claim to be kept, with its content as it is stored.
pub(super) struct SealedClaim<'a> {
    pub(super) new: &'a NewClaim,
    pub(super) sealed: Vec<u8>,
    pub(super) wrapped: Vec<u8>,
    /// The idempotency key and its body, keyed.
    pub(super) keyed: Option<[String; 2]>,
}

/// A claim as stored, with its last decision.
#[derive(Debug)]
pub(super) struct ClaimRecord {
    pub(super) id: String,
    pub(super) created_at: String,
    pub(super) claim_json: Option<String>,
    pub(super) state: String,
    pub(super) decision: Option<DecisionRow>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) erased_at: Option<String>,
    pub(super) tenant: String,
}

impl ClaimRecord {
    /// From the columns id, created_at, claim_json, state, decided_at, record, timing, sealed, wrapped, erased_at and
    /// tenant.
    pub(super) fn of<'r, R: Row>(row: &'r R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        let decided: Option<String> = row.try_get(4)?;
        let decision = |decided_at| {
            Ok::<_, sqlx::Error>(DecisionRow { decided_at, record: row.try_get(5)?, timing: row.try_get(6)? })
        };
        Ok(Self {
            id: row.try_get(0)?,
            created_at: row.try_get(1)?,
            claim_json: row.try_get(2)?,
            state: row.try_get(3)?,
            decision: decided.map(decision).transpose()?,
            sealed: row.try_get(7)?,
            wrapped: row.try_get(8)?,
            erased_at: row.try_get(9)?,
            tenant: row.try_get(10)?,
        })
    }
}

/// How a claim's content is kept, where it stands, and whether a job waits for it.
#[derive(Debug)]
pub(super) struct ClaimFacts {
    pub(super) state: String,
    pub(super) job: bool,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) erased_at: Option<String>,
}

/// A decision to be read again.
#[derive(Debug)]
pub(super) struct DecidedRow {
    pub(super) id: i64,
    pub(super) claim: String,
    pub(super) record: Vec<u8>,
    pub(super) wrapped: Option<Vec<u8>>,
}

/// Whose content may be old enough to be erased: the last decisions of this kind and outcome, made before a time, of claims
/// that no person has still to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aged<'a> {
    pub(super) kind: &'a str,
    pub(super) decision: &'a str,
    pub(super) before: &'a str,
    pub(super) limit: u32,
}

/// The end of the log as stored.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    pub(super) public_key: String,
}

/// Which fingerprints are looked for.
#[derive(Debug)]
pub(super) enum Sought<'a> {
    /// Of these bytes.
    Bytes(&'a str),
    /// Of this number, with this code where both have one.
    Number { family: &'a str, number: &'a str, code: &'a str },
    /// Of one of these numbers, with this code.
    Near { family: &'a str, numbers: &'a [String], code: &'a str },
    /// Of this mark.
    Mark(&'a str),
    /// Of this mark, if no more claims than so many have it.
    RareMark(&'a str, i64),
    /// Of this issuer.
    Issuer(&'a str),
    /// The one in this row.
    Row(i64),
}

impl Sought<'_> {
    /// A statement that selects from the tables `f` of fingerprints, and it may be `m` of marks, under the condition that this is
    /// found by, with its values. More conditions may follow.
    pub(super) fn query<DB: Database>(&self, select: &str) -> QueryBuilder<DB>
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        let mut query = QueryBuilder::new(select);
        match *self {
            Sought::Bytes(sha256) => query.push("fingerprints f WHERE f.sha256 = ").push_bind(sha256),
            Sought::Number { family, number, code } => query
                .push("fingerprints f WHERE f.family = ")
                .push_bind(family)
                .push(" AND f.number = ")
                .push_bind(number)
                .push(" AND (COALESCE(f.code, '') IN ('', ")
                .push_bind(code)
                .push(") OR ")
                .push_bind(code)
                .push(" = '')"),
            Sought::Near { family, numbers, code } => {
                query.push("fingerprints f WHERE f.family = ").push_bind(family).push(" AND f.number IN (");
                let mut list = query.separated(", ");
                for number in numbers {
                    list.push_bind(number.as_str());
                }
                query.push(") AND COALESCE(f.code, '') = ").push_bind(code)
            }
            Sought::Mark(mark) => query
                .push("marks m JOIN fingerprints f ON f.claim = m.claim AND f.document = m.document WHERE m.mark = ")
                .push_bind(mark),
            Sought::RareMark(mark, most) => query
                .push("marks m JOIN fingerprints f ON f.claim = m.claim AND f.document = m.document WHERE m.mark = ")
                .push_bind(mark)
                .push(" AND (SELECT count(*) FROM (SELECT DISTINCT claim FROM marks WHERE mark = ")
                .push_bind(mark)
                .push(" LIMIT ")
                .push_bind(most + 1)
                .push(") AS of) <= ")
                .push_bind(most),
            Sought::Issuer(issuer) => query.push("fingerprints f WHERE f.issuer = ").push_bind(issuer),
            Sought::Row(id) => query.push("fingerprints f WHERE f.id = ").push_bind(id),
        };
        query
    }
}

/// Which pictures may look the same: those of other claims, one part of whose hash is one of `probes`.
pub(super) struct Alike<'a> {
    /// Which part of the hash, from 0.
    pub(super) part: usize,
    /// Where it begins, in hex digits from 0, and how long it is.
    pub(super) place: (usize, usize),
    pub(super) probes: Vec<String>,
    /// Nothing of another number than this, where both have one.
    pub(super) number: Option<&'a str>,
    /// Nothing of another day than this, where both have one.
    pub(super) issued: Option<&'a str>,
    pub(super) not_claim: &'a str,
    pub(super) limit: i64,
}

/// A fingerprint found.
#[derive(Debug)]
pub(super) struct PrintRow {
    pub(super) claim: String,
    pub(super) document: i64,
    pub(super) sha256: String,
}

/// What is stored of a claim that an outcome may be recorded of.
#[derive(Debug)]
pub(super) struct AuditableRow {
    pub(super) salt: Vec<u8>,
    pub(super) record: Option<Vec<u8>>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) erased_at: Option<String>,
}

/// The rows, within one transaction. Lists come in the order that their names promise; limits are counts of rows.
#[async_trait]
pub(super) trait Rows:
    AccessRows + ArrivalRows + PolicyRows + ReadRows + ReviewRows + SettingRows + WebhookRows + WindowRows + Walk
{
    /// Ends the transaction; what it wrote then survives a power cut.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    async fn keep_policy(&mut self, sha256: &str, body: &str) -> Result<(), StoreError>;
    /// Hash and text, by hash.
    async fn policies(&mut self) -> Result<Vec<(String, String)>, StoreError>;

    /// Of these idempotency keys the ones in use: key, body and claim.
    async fn keys(&mut self, keys: &[String]) -> Result<Vec<[String; 3]>, StoreError>;
    /// Claims, photos, jobs and idempotency keys.
    async fn keep_claims(&mut self, claims: &[SealedClaim<'_>]) -> Result<(), StoreError>;
    async fn claim(&mut self, id: &str) -> Result<Option<ClaimRecord>, StoreError>;
    async fn claim_facts(&mut self, id: &str) -> Result<Option<ClaimFacts>, StoreError>;
    /// Of a tenant, or of all; newest first.
    async fn claims(&mut self, tenant: Option<&str>, before: &str, limit: u32) -> Result<Vec<ClaimRecord>, StoreError>;
    /// In order.
    async fn photos(&mut self, claim: &str) -> Result<Vec<RawPhoto>, StoreError>;
    async fn keep_page(&mut self, claim: &str, n: i64, page: &str) -> Result<(), StoreError>;
    /// Oldest first.
    async fn jobs(&mut self) -> Result<Vec<String>, StoreError>;
    /// Whether this take of the job is the newest; nobody else takes it before the transaction ends.
    async fn holds(&mut self, claim: &str, fence: i64) -> Result<bool, StoreError>;
    /// Sets the claim's state and ends its job.
    async fn finish(&mut self, claim: &str, state: &str) -> Result<(), StoreError>;
    async fn keep_decision(&mut self, claim: &str, decision: &RawDecision) -> Result<(), StoreError>;
    /// Every decision of claims that are not erased, in the order they were made.
    async fn decided(&mut self, after: i64, limit: u32) -> Result<Vec<DecidedRow>, StoreError>;
    /// The last record, and the claim's wrapped key.
    async fn last_record(&mut self, claim: &str) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError>;
    /// Claims by state, and by what was last decided.
    async fn counts(&mut self) -> Result<[BTreeMap<String, i64>; 2], StoreError>;

    /// Replaces those of a claim.
    async fn keep_fingerprints(&mut self, claim: &str, prints: &[Fingerprint]) -> Result<(), StoreError>;
    /// Of other claims, oldest first.
    async fn prints(&mut self, sought: &Sought<'_>, not_claim: &str, limit: i64) -> Result<Vec<PrintRow>, StoreError>;
    /// Other claims older than `before`, newest first, each with its last decision; only those with this one, if one is
    /// given.
    async fn sharing(
        &mut self,
        sought: &Sought<'_>,
        not_claim: &str,
        before: &str,
        decided: Option<Decision>,
        limit: u32,
    ) -> Result<Vec<[String; 2]>, StoreError>;
    /// Row and picture hash.
    async fn alike(&mut self, like: &Alike<'_>) -> Result<Vec<(i64, String)>, StoreError>;

    async fn head(&mut self) -> Result<Option<Head>, StoreError>;
    async fn keep_head(&mut self, head: &Head) -> Result<(), StoreError>;
    /// From the first to the last, both included.
    async fn entries(&mut self, from: i64, to: i64) -> Result<Vec<Entry>, StoreError>;
    /// Without those that tell who read it.
    async fn entries_of(&mut self, subject: &str) -> Result<Vec<i64>, StoreError>;
    async fn keep_entries(&mut self, entries: &[Entry]) -> Result<(), StoreError>;
    /// Those of the subtrees that are stored.
    async fn nodes(&mut self, wanted: &[Node]) -> Result<Nodes, StoreError>;
    async fn keep_nodes(&mut self, nodes: &[(Node, ContentHash)]) -> Result<(), StoreError>;

    async fn auditable(&mut self, claim: &str) -> Result<Option<AuditableRow>, StoreError>;
    async fn outcome(&mut self, claim: &str) -> Result<Option<RawOutcome>, StoreError>;
    async fn keep_outcome(&mut self, claim: &str, outcome: &RawOutcome) -> Result<(), StoreError>;
    /// Outcomes since the last reopening, and the wrong ones among them.
    async fn outcomes(&mut self) -> Result<[i64; 2], StoreError>;
    /// State and time of the last.
    async fn last_move(&mut self) -> Result<Option<[String; 2]>, StoreError>;
    /// In order.
    async fn moves(&mut self) -> Result<Vec<RawMove>, StoreError>;
    async fn keep_move(&mut self, moved: &RawMove) -> Result<(), StoreError>;

    /// The wrapped index key.
    async fn vault(&mut self) -> Result<Option<Vec<u8>>, StoreError>;
    /// Whether any claim has a data key.
    async fn any_keys(&mut self) -> Result<bool, StoreError>;
    async fn keep_vault(&mut self, index_key: &[u8]) -> Result<(), StoreError>;
    /// Notes the kind of a decision made before kinds were noted.
    async fn keep_kind(&mut self, decision: i64, kind: &str) -> Result<(), StoreError>;
    /// Deletes everything that is known of a claim but that it was, when, how it was decided and what the log holds.
    async fn erase(&mut self, claim: &str, at: &str) -> Result<(), StoreError>;
    async fn keep_erasure(&mut self, claim: &str, erasure: &RawErasure, pending: &str) -> Result<(), StoreError>;
    /// Of these names of stored bytes those that other claims name as well.
    async fn named_elsewhere(&mut self, names: &[String], not_claim: &str) -> Result<Vec<String>, StoreError>;
    /// Claims whose photos are still to be deleted, with their names, oldest first.
    async fn pending_erasures(&mut self, limit: u32) -> Result<Vec<[String; 2]>, StoreError>;
    async fn end_erasure(&mut self, claim: &str) -> Result<(), StoreError>;
    /// Oldest first.
    async fn aged(&mut self, of: &Aged<'_>) -> Result<Vec<String>, StoreError>;

    /// What the database's own check of itself says; empty if it is sound, or if it has none.
    async fn damage(&mut self) -> Result<Vec<String>, StoreError>;
}

/// Milliseconds of a lease or a pause.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
