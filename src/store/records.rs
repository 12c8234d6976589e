//! The store's verbs on claims, their work and their decisions.

use super::log::{Draft, Log};
use super::postgres::PostgresDatabase;
use super::repeats::{self, AFTER_ALL, fingerprints};
use super::rows::{Backend, ClaimRecord, ClaimText, JobRow, Rows, Session};
use super::sqlite::SqliteFile;
use super::{
    Acceptance, ClaimRow, ClaimState, Database, Job, KeyedBody, NewClaim, PhotoRow, RawDecision, RawPhoto, StoreError,
    claim_id,
};
use crate::audit::{self, PhotoCommitment};
use crate::domain::{Claim, ClaimId, ContentHash, Reading, Record, Repeat, canonical_json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Claims, decisions and the log in one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) log: Arc<Log>,
    intake: Arc<Intake>,
}

/// Claims that wait to be accepted together.
#[derive(Debug, Default)]
struct Intake {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

type Waiting = (NewClaim, oneshot::Sender<Result<Acceptance, StoreError>>);

impl Store {
    /// Opens the database, made and migrated as needed. `key` is the file with the log's private key, made for a new log.
    /// Without the key of a log that has one, all can be read and nothing written.
    ///
    /// # Errors
    /// If the database cannot be opened or was made by a newer version, or if the key is not this log's.
    pub async fn open(database: &Database, key: &Path) -> Result<Self, StoreError> {
        let backend: Arc<dyn Backend> = match database {
            Database::Sqlite(file) => Arc::new(SqliteFile::open(file).await?),
            Database::Postgres(url) => Arc::new(PostgresDatabase::open(url).await?),
        };
        Self::over(backend, key).await
    }

    pub(super) async fn over(backend: Arc<dyn Backend>, key: &Path) -> Result<Self, StoreError> {
        let mut db = backend.write().await?;
        let log = Arc::new(Log::open(db.as_mut(), key).await?);
        db.commit().await?;
        Ok(Self { backend, log, intake: Arc::default() })
    }

    /// Looks at a database, changing nothing in it; says whether there is one. A file is read through; a server is asked.
    ///
    /// # Errors
    /// If it cannot be opened, is no database or is damaged.
    pub async fn inspect(database: &Database) -> Result<bool, StoreError> {
        match database {
            Database::Postgres(url) => PostgresDatabase::inspect(url).await,
            Database::Sqlite(file) => match file.try_exists() {
                Ok(true) => SqliteFile::inspect(file).await.map(|()| true),
                Ok(false) => Ok(false),
                Err(e) => Err(StoreError::Unavailable(e.to_string())),
            },
        }
    }

    pub(super) async fn read(&self) -> Result<Session, StoreError> {
        self.backend.read().await
    }

    pub(super) async fn write(&self) -> Result<Session, StoreError> {
        self.backend.write().await
    }

    /// Whether a write could begin now.
    ///
    /// # Errors
    /// If not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.write().await?;
        self.log.key().map(|_| ())
    }

    /// Waits for everything under way and closes the database.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    /// Keeps the text of a policy under its hash, so that old decisions can be judged again under their own.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn keep_policy(&self, hash: &ContentHash, text: &str) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        db.keep_policy(&hash.to_string(), text).await?;
        db.commit().await
    }

    /// The policies kept: hash and text.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn policies(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read().await?.policies().await
    }

    /// The claim an idempotency key brought, if the key was used.
    ///
    /// # Errors
    /// [`StoreError::KeyTaken`] if it came with another body.
    pub async fn by_key(&self, keyed: &KeyedBody) -> Result<Option<ClaimId>, StoreError> {
        let found = self.read().await?.keys(&[keyed.key.to_string()]).await?;
        match found.as_slice() {
            [] => Ok(None),
            [[_, body, claim], ..] if *body == keyed.body.to_string() => Ok(Some(claim_id(claim)?)),
            _ => Err(StoreError::KeyTaken),
        }
    }

    /// Accepts a claim: claim, photos, job, idempotency key and log entry in one transaction. When this returns, the claim
    /// survives a power cut.
    ///
    /// Claims that come while another is being committed are committed together: what takes time is the disk, which is
    /// asked once for all of them.
    ///
    /// # Errors
    /// [`StoreError::KeyTaken`] if its key came with another body before. Nothing is stored then, nor at any other error,
    /// but for one: a connection lost in the midst of a commit leaves open whether it took place. A claim sent again with
    /// its key is then found or accepted, and in neither case twice.
    pub async fn accept(&self, new: NewClaim) -> Result<Acceptance, StoreError> {
        let (answer, mut told) = oneshot::channel();
        self.waiting().push((new, answer));
        tokio::select! {
            biased;
            told = &mut told => return told.unwrap_or_else(|_| Err(cut_off())),
            turn = self.intake.turn.lock() => {
                // Whoever had the turn before may have taken this claim along.
                if !self.waiting().is_empty() {
                    self.accept_waiting().await;
                }
                drop(turn);
            }
        }
        told.await.unwrap_or_else(|_| Err(cut_off()))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.intake.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts all claims that wait, in one transaction; if that does not work, each by itself, so that one that cannot be
    /// stored keeps out no other.
    async fn accept_waiting(&self) {
        let begun = self.write().await;
        // Taken after the wait for the turn, in which more have come.
        let (claims, answers): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.waiting()).into_iter().unzip();
        let told = match begun {
            Err(error) => vec![Err(error); claims.len()],
            Ok(mut db) => match self.stage(db.as_mut(), &claims).await {
                Ok(told) => match db.commit().await {
                    Ok(()) => told,
                    Err(error) => vec![Err(error); claims.len()],
                },
                Err(error) if claims.len() == 1 => vec![Err(error)],
                Err(_) => {
                    drop(db);
                    self.accept_singly(&claims).await
                }
            },
        };
        for (answer, told) in answers.into_iter().zip(told) {
            // Whoever no longer listens will find the claim when asking again.
            let _ = answer.send(told);
        }
    }

    async fn accept_singly(&self, claims: &[NewClaim]) -> Vec<Result<Acceptance, StoreError>> {
        let mut told = Vec::new();
        for claim in claims {
            let mut db = match self.write().await {
                Ok(db) => db,
                Err(error) => {
                    // Gone altogether: the others need not wait for it one by one.
                    told.resize(claims.len(), Err(error));
                    return told;
                }
            };
            let staged = self.stage(db.as_mut(), std::slice::from_ref(claim)).await;
            told.push(match staged.map(|mut told| told.pop().unwrap_or_else(|| Err(cut_off()))) {
                Ok(one) => db.commit().await.and(one),
                Err(error) => Err(error),
            });
        }
        told
    }

    /// Writes claims and their log entries, to be committed; says what becomes of each.
    async fn stage(
        &self,
        db: &mut dyn Rows,
        claims: &[NewClaim],
    ) -> Result<Vec<Result<Acceptance, StoreError>>, StoreError> {
        let keys: Vec<String> = claims.iter().filter_map(|c| Some(c.key.as_ref()?.key.to_string())).collect();
        let mut used = BTreeMap::new();
        if !keys.is_empty() {
            for [key, body, claim] in db.keys(&keys).await? {
                used.insert(key, (body, claim_id(&claim)?));
            }
        }
        let (mut told, mut fresh) = (Vec::new(), Vec::new());
        for new in claims {
            if let Some(keyed) = &new.key {
                let body = keyed.body.to_string();
                match used.get(&keyed.key.to_string()) {
                    Some((first, _)) if *first != body => {
                        told.push(Err(StoreError::KeyTaken));
                        continue;
                    }
                    Some((_, claim)) => {
                        told.push(Ok(Acceptance::Repeated(claim.clone())));
                        continue;
                    }
                    None => used.insert(keyed.key.to_string(), (body, new.id.clone())),
                };
            }
            told.push(Ok(Acceptance::Accepted));
            fresh.push(ClaimText { new, claim_json: new.claim.as_ref().map(claim_text) });
        }
        if !fresh.is_empty() {
            db.keep_claims(&fresh).await?;
            self.log.append(db, fresh.iter().map(accepted).collect()).await?;
        }
        Ok(told)
    }

    /// Claims whose work has not come to an end, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<ClaimId>, StoreError> {
        self.read().await?.jobs().await?.iter().map(|claim| claim_id(claim)).collect()
    }

    /// Takes the oldest job that is due and that nobody holds, for as long as the lease, and notes that an attempt begins;
    /// `None` if there is none. `holder` names the process.
    ///
    /// # Errors
    /// If it cannot be noted, or what it needs cannot be read; the job is then free again when the lease has ended.
    pub async fn take_job(&self, holder: &str, lease: Duration) -> Result<Option<Job>, StoreError> {
        match self.backend.take(holder, lease).await? {
            None => Ok(None),
            Some(row) => self.job(row).await.map(Some),
        }
    }

    /// A job that was taken when its claim was accepted: see [`NewClaim::taken`].
    ///
    /// # Errors
    /// If what it needs cannot be read.
    pub async fn taken_job(&self, claim: &ClaimId, now: Option<String>) -> Result<Job, StoreError> {
        self.job(JobRow { claim: claim.to_string(), fence: 1, attempts: 1, now }).await
    }

    async fn job(&self, row: JobRow) -> Result<Job, StoreError> {
        let mut db = self.read().await?;
        let damaged = || StoreError::Corrupt("a job waits for a claim that is not stored".to_owned());
        let claim = db.claim(&row.claim).await?.ok_or_else(damaged)?;
        Ok(Job {
            id: claim_id(&row.claim)?,
            fence: row.fence,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            now: row.now,
            claim: claim.claim_json.as_deref().map(parse_claim).transpose()?,
            photos: photo_rows(db.photos(&row.claim).await?)?,
        })
    }

    /// Holds a job for another lease from now on; `false` if somebody else took it, or it is done.
    ///
    /// # Errors
    /// If it cannot be noted.
    pub async fn renew(&self, job: &Job, lease: Duration) -> Result<bool, StoreError> {
        self.backend.renew(job.id.as_str(), job.fence, lease).await
    }

    /// Lets go of a job, which nobody takes before the pause is over, and says whether the attempt counts. If somebody else
    /// has it, nothing happens.
    ///
    /// # Errors
    /// If it cannot be noted; the job is then free again when its lease has ended.
    pub async fn release(&self, job: &Job, pause: Duration, counts: bool) -> Result<(), StoreError> {
        self.backend.release(job.id.as_str(), job.fence, pause, counts).await
    }

    /// Begins the transaction in which a claim is decided; `None` if somebody else took its job since, or its work is done:
    /// so nothing is decided twice, and nothing late is written.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_decision(&self, job: &Job) -> Result<Option<DecisionTransaction>, StoreError> {
        let mut db = self.write().await?;
        let held = db.holds(job.id.as_str(), job.fence).await?;
        Ok(held.then(|| DecisionTransaction { db, log: self.log.clone(), id: job.id.clone() }))
    }

    /// One claim; `None` if there is none of that name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn claim(&self, id: &ClaimId) -> Result<Option<ClaimRow>, StoreError> {
        self.read().await?.claim(id.as_str()).await?.map(claim_row).transpose()
    }

    /// Claims, newest first, that are older than `before`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn claims(&self, before: Option<&ClaimId>, limit: u32) -> Result<Vec<ClaimRow>, StoreError> {
        let before = before.map_or(AFTER_ALL, ClaimId::as_str);
        self.read().await?.claims(before, limit).await?.into_iter().map(claim_row).collect()
    }

    /// The photos of a claim, in order; empty if there is no such claim.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn photos(&self, id: &ClaimId) -> Result<Vec<PhotoRow>, StoreError> {
        photo_rows(self.read().await?.photos(id.as_str()).await?)
    }

    /// Decisions recorded after a place among them, in the order they were made: place, claim and record.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn decided(&self, after: i64, limit: u32) -> Result<Vec<(i64, String, Vec<u8>)>, StoreError> {
        self.read().await?.decided(after, limit).await
    }

    /// How many claims are in each state, and how many were last decided each way.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub async fn counts(&self) -> Result<[BTreeMap<String, i64>; 2], StoreError> {
        self.read().await?.counts().await
    }

    /// Begins a read that sees one moment of the database throughout.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot { db: self.read().await? })
    }
}

/// Deciding one claim. Nobody else writes meanwhile: be quick, and do nothing slow between [`Self::repeats`] and
/// [`Self::commit`]. Dropped without commit, nothing happened.
pub struct DecisionTransaction {
    db: Session,
    log: Arc<Log>,
    id: ClaimId,
}

impl DecisionTransaction {
    /// Earlier photos like these in other claims, in a fixed order. Repeats within this claim need no looking up: the
    /// readings themselves tell.
    ///
    /// Of one earlier photo only the strongest likeness is told: bytes before number before content before picture. A
    /// picture that looks the same is none if numbers or days tell two papers of one form. What looks or a mark that other
    /// papers may share found is told with how the prints compare.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn repeats(&mut self, readings: &[Reading]) -> Result<Vec<Repeat>, StoreError> {
        repeats::repeats(self.db.as_mut(), self.id.as_str(), readings).await
    }

    /// The approval gate, to be looked at and closed together with this decision.
    pub fn gate(&mut self) -> super::gate::GateRows<'_> {
        super::gate::GateRows { db: self.db.as_mut(), log: &self.log }
    }

    /// The policies, one of which decides.
    pub fn policies(&mut self) -> super::policy::PolicyActs<'_> {
        super::policy::PolicyActs { db: self.db.as_mut(), log: &self.log }
    }

    /// Records the decision: record, log entry, fingerprints and the end of the job in one commit.
    ///
    /// `pages` are the normalised pages kept for viewing, in the order of the photos.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded and the job remains.
    pub async fn commit(
        mut self,
        decided_at: &str,
        record: &Record,
        timing: &str,
        pages: &[Option<ContentHash>],
    ) -> Result<(), StoreError> {
        let made = RawDecision {
            decided_at: decided_at.to_owned(),
            decision: record.verdict.decision.as_str().to_owned(),
            record: record.canonical(),
            timing: timing.to_owned(),
        };
        self.db.keep_decision(self.id.as_str(), &made).await?;
        self.db.keep_fingerprints(self.id.as_str(), &fingerprints(&record.evidence.readings)).await?;
        for (n, page) in pages.iter().enumerate().filter_map(|(n, p)| p.map(|p| (n, p))) {
            self.db.keep_page(self.id.as_str(), n as i64, &page.to_string()).await?;
        }
        let payload = audit::decided_payload(&made.record, timing, pages);
        self.finish(ClaimState::Decided, decided_at, audit::kind::DECIDED, payload).await
    }

    /// Records that no decision could be made. `code` says why, in one stable word.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded and the job remains.
    pub async fn fail(self, at: &str, code: &str) -> Result<(), StoreError> {
        self.finish(ClaimState::Failed, at, audit::kind::FAILED, audit::failed_payload(code)).await
    }

    async fn finish(mut self, state: ClaimState, at: &str, kind: &str, payload: String) -> Result<(), StoreError> {
        let subject = self.id.as_str();
        self.log.append(self.db.as_mut(), vec![Draft { at, kind, subject, payload }]).await?;
        self.db.finish(subject, state.as_str()).await?;
        self.db.commit().await
    }
}

/// One moment of the database, for verification: all as stored, none of it trusted.
pub struct Snapshot {
    pub(super) db: Session,
}

impl Snapshot {
    /// What the database's own check of itself says; empty if it is sound, or if it has none.
    ///
    /// # Errors
    /// If the check cannot run.
    pub async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        self.db.damage().await
    }
}

fn cut_off() -> StoreError {
    StoreError::Unavailable("the claim's acceptance was cut off".to_owned())
}

/// The log's entry of an accepted claim.
fn accepted<'a>(text: &ClaimText<'a>) -> Draft<'a> {
    let new = text.new;
    let hashes: Vec<String> = new.photos.iter().map(|p| p.sha256.to_string()).collect();
    let commitment = |(p, sha256): (&'a PhotoRow, _)| PhotoCommitment {
        sha256,
        bytes: p.bytes,
        media_type: &p.media_type,
        pdf_page: p.pdf_page.map(i64::from),
        source: &p.source,
    };
    let photos: Vec<PhotoCommitment<'_>> =
        new.photos.iter().zip(hashes.iter().map(String::as_str)).map(commitment).collect();
    let key = new.key.as_ref().map(|k| [k.key.to_string(), k.body.to_string()]);
    let key = key.as_ref().map(|[key, body]| [key.as_str(), body]);
    let payload = audit::accepted_payload(
        &new.created_at,
        &new.salt,
        text.claim_json.as_deref(),
        &photos,
        Some(key),
        Some(new.now.as_deref()),
    );
    Draft { at: &new.created_at, kind: audit::kind::ACCEPTED, subject: new.id.as_str(), payload }
}

fn claim_text(claim: &Claim) -> String {
    String::from_utf8(canonical_json(claim)).expect("JSON is UTF-8")
}

fn parse_claim(text: &str) -> Result<Claim, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a stored claim is not a claim".to_owned()))
}

fn claim_row(row: ClaimRecord) -> Result<ClaimRow, StoreError> {
    Ok(ClaimRow {
        id: claim_id(&row.id)?,
        created_at: row.created_at,
        claim: row.claim_json.as_deref().map(parse_claim).transpose()?,
        state: ClaimState::parse(&row.state)?,
        decision: row.decision,
    })
}

fn photo_rows(photos: Vec<RawPhoto>) -> Result<Vec<PhotoRow>, StoreError> {
    let hash = |text: &str| text.parse().map_err(|_| StoreError::Corrupt("a photo's hash is malformed".to_owned()));
    let page = |n: i64| u32::try_from(n).map_err(|_| StoreError::Corrupt("a photo's page is no number".to_owned()));
    let row = |photo: RawPhoto| {
        Ok(PhotoRow {
            sha256: hash(&photo.sha256)?,
            source: photo.source,
            bytes: photo.bytes as u64,
            media_type: photo.media_type,
            pdf_page: photo.pdf_page.map(page).transpose()?,
            page: photo.page.as_deref().map(hash).transpose()?,
        })
    };
    photos.into_iter().map(row).collect()
}
