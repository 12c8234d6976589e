//! The store's verbs on claims, their work and their decisions.

use super::access;
use super::log::{Draft, Log};
use super::postgres::PostgresDatabase;
use super::repeats::{self, AFTER_ALL};
use super::reviews;
use super::rows::{Backend, ClaimRecord, DecidedRow, JobRow, Rows, SealedClaim, Session};
use super::sqlite::SqliteFile;
use super::vault::{self, Cell, ClaimKey, KekPlace, Secrets, Vault};
use super::walk::Names;
use super::{
    Acceptance, ClaimRow, ClaimState, Database, DecisionRow, Fingerprint, Job, KeyedBody, NewClaim, PhotoRow, RawClaim,
    RawDecision, RawPhoto, StoreError, claim_id,
};
use crate::audit::sealed::{self, SealedPhoto};
use crate::audit::{self, PhotoCommitment};
use crate::domain::{Claim, ClaimId, ContentHash, Reading, Record, Repeat, Scope, Tenant, canonical_json};
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
    pub(super) vault: Arc<Vault>,
    intake: Arc<Intake>,
}

/// A decision as it is stored, to be opened where there is time for it.
#[derive(Debug)]
pub struct SealedDecision {
    row: DecidedRow,
    vault: Arc<Vault>,
}

impl SealedDecision {
    /// Its place among the decisions.
    pub fn place(&self) -> i64 {
        self.row.id
    }

    /// Place, claim and record; where that does not open, its bytes as stored, which are no record.
    ///
    /// # Errors
    /// If the key-encryption key is not there.
    pub fn open(self) -> Result<(i64, String, Vec<u8>), StoreError> {
        let DecidedRow { id, claim, record, wrapped } = self.row;
        let key = wrapped.and_then(|wrapped| self.vault.unwrap_key(&claim, &wrapped).transpose()).transpose()?;
        let opened = key.and_then(|key| key.open(Cell::Record, &record));
        Ok((id, claim, opened.unwrap_or(record)))
    }
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
    /// Without the key of a log that has one, all can be read and nothing written. `kek` is the place of the key-encryption
    /// key, made likewise; without it, or with another's, nothing sealed can be read and no claim accepted or decided.
    ///
    /// # Errors
    /// If the database cannot be opened or was made by a newer version, or if the key is not this log's.
    pub async fn open(database: &Database, key: &Path, kek: &KekPlace) -> Result<Self, StoreError> {
        let backend: Arc<dyn Backend> = match database {
            Database::Sqlite(file) => Arc::new(SqliteFile::open(file).await?),
            Database::Postgres(url) => Arc::new(PostgresDatabase::open(url).await?),
        };
        Self::over(backend, key, kek).await
    }

    pub(super) async fn over(backend: Arc<dyn Backend>, key: &Path, kek: &KekPlace) -> Result<Self, StoreError> {
        let mut db = backend.write().await?;
        let log = Arc::new(Log::open(db.as_mut(), key).await?);
        let vault = Arc::new(Vault::open(db.as_mut(), kek).await?);
        reviews::make_cases(db.as_mut(), &vault).await?;
        db.commit().await?;
        Ok(Self { backend, log, vault, intake: Arc::default() })
    }

    /// Whether content can be sealed and opened.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says why not.
    pub fn unlocked(&self) -> Result<(), StoreError> {
        self.vault.ready()
    }

    /// Opens what is sealed of a claim read for verification, as far as it opens, and notes how it is kept.
    pub fn open_raw(&self, raw: &mut RawClaim) {
        self.vault.open_raw(raw);
    }

    /// What each photo of a claim is found again by, as it is stored: texts keyed.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn keyed_fingerprints(&self, readings: &[Reading]) -> Result<Vec<Fingerprint>, StoreError> {
        self.vault.prints(readings)
    }

    /// A claim's name at its sender's, as it is stored to be found by.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn keyed_name(&self, name: &str) -> Result<String, StoreError> {
        self.vault.keyed("external", name)
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

    /// Whether a key-encryption key opens a database, changing nothing in either; `false` if nothing in it is sealed.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says why it does not open it.
    pub async fn inspect_seal(database: &Database, kek: &KekPlace) -> Result<bool, StoreError> {
        let wrapped = match database {
            Database::Postgres(url) => PostgresDatabase::inspect_vault(url).await?,
            Database::Sqlite(file) if file.exists() => SqliteFile::inspect_vault(file).await?,
            Database::Sqlite(_) => None,
        };
        kek.opens(wrapped.as_deref())
    }

    /// The hash of the policy in force at a time in a database and since when, changing nothing in it; `None` if none is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn inspect_policy(database: &Database, at: &str) -> Result<Option<(String, String)>, StoreError> {
        match database {
            Database::Postgres(url) => PostgresDatabase::inspect_policy(url, at).await,
            Database::Sqlite(file) if file.exists() => SqliteFile::inspect_policy(file, at).await,
            Database::Sqlite(_) => Ok(None),
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
        self.log.key()?;
        self.vault.ready()
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
        let found = self.read().await?.keys(&stored_keys(&self.vault, &keyed.key)?).await?;
        match found.as_slice() {
            [] => Ok(None),
            [[_, body, claim], ..] if is_body(&self.vault, keyed, body)? => Ok(Some(claim_id(claim)?)),
            _ => Err(StoreError::KeyTaken),
        }
    }

    /// Whether a claim came with a key.
    ///
    /// # Errors
    /// If it cannot be looked up.
    pub async fn has_key(&self, key: ContentHash) -> Result<bool, StoreError> {
        Ok(!self.read().await?.keys(&stored_keys(&self.vault, &key)?).await?.is_empty())
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
        self.vault.ready()?;
        let mut keys = Vec::new();
        for keyed in claims.iter().filter_map(|c| c.key.as_ref()) {
            keys.extend(key_forms(&self.vault, keyed)?.map(|[key, _]| key));
        }
        let mut used = BTreeMap::new();
        if !keys.is_empty() {
            for [key, body, claim] in db.keys(&keys).await? {
                used.insert(key, (body, claim_id(&claim)?));
            }
        }
        let (mut told, mut fresh, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
        for new in claims {
            let mut stored = None;
            if let Some(keyed) = &new.key {
                let [form, plain] = key_forms(&self.vault, keyed)?;
                match used.get(&form[0]).or_else(|| used.get(&plain[0])) {
                    Some((first, _)) if !is_body(&self.vault, keyed, first)? => {
                        told.push(Err(StoreError::KeyTaken));
                        continue;
                    }
                    Some((_, claim)) => {
                        told.push(Ok(Acceptance::Repeated(claim.clone())));
                        continue;
                    }
                    None => used.insert(form[0].clone(), (form[1].clone(), new.id.clone())),
                };
                stored = Some(form);
            }
            told.push(Ok(Acceptance::Accepted));
            let claim_json = new.claim.as_ref().map(claim_text);
            let secrets = Secrets::of(new, claim_json);
            let sealed = new.seal.seal(Cell::Claim, &canonical_json(&secrets));
            let wrapped = self.vault.wrap(&new.seal)?;
            drafts.push(accepted(new, &secrets, stored.as_ref(), ContentHash::of(&sealed)));
            fresh.push(SealedClaim { new, sealed, wrapped, keyed: stored });
        }
        if !fresh.is_empty() {
            db.keep_claims(&fresh).await?;
            self.log.append(db, drafts).await?;
            for SealedClaim { new, .. } in &fresh {
                if let Some(end) = &new.known {
                    reviews::mark_known(db, &self.log, &self.vault, new, end).await?;
                }
            }
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
        self.vault.ready()?;
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
        let secrets = self.vault.secrets(&row.claim, claim.sealed.as_deref(), claim.wrapped.as_deref())?;
        let mut photos = db.photos(&row.claim).await?;
        reviews::fill(db.as_mut(), &row.claim, &mut photos, secrets.as_ref()).await?;
        photos.retain(|photo| photo.left_out.is_none());
        let known = db.is_known(&row.claim).await?;
        let numbers = photos.iter().map(|photo| photo.n).collect();
        let photos = photo_rows(photos, secrets.as_ref())?;
        let (claim_json, seal) = match secrets {
            Some((secrets, key)) => (secrets.claim.clone(), Some((key, secrets.salt()?))),
            None => (claim.claim_json, None),
        };
        Ok(Job {
            id: claim_id(&row.claim)?,
            fence: row.fence,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            now: row.now,
            claim: claim_json.as_deref().map(parse_claim).transpose()?,
            photos,
            numbers,
            seal,
            known,
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
        let (log, vault) = (self.log.clone(), self.vault.clone());
        Ok(held.then(|| DecisionTransaction { db, log, vault, job: job.clone() }))
    }

    /// One claim; `None` if there is none of that name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn claim(&self, id: &ClaimId) -> Result<Option<ClaimRow>, StoreError> {
        self.read().await?.claim(id.as_str()).await?.map(|row| claim_row(&self.vault, row)).transpose()
    }

    /// Claims that are seen by somebody, newest first, older than `before`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn claims(
        &self,
        scope: &Scope,
        before: Option<&ClaimId>,
        limit: u32,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        let before = before.map_or(AFTER_ALL, ClaimId::as_str);
        let rows = self.read().await?.claims(scope.tenant().map(Tenant::as_str), before, limit).await?;
        rows.into_iter().map(|row| claim_row(&self.vault, row)).collect()
    }

    /// The photos of a claim: those that were decided of last, in order, and then the others; empty if there is no such
    /// claim.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn photos(&self, id: &ClaimId) -> Result<Vec<PhotoRow>, StoreError> {
        let mut db = self.read().await?;
        let Some(claim) = db.claim_facts(id.as_str()).await? else { return Ok(Vec::new()) };
        let secrets = self.vault.secrets(id.as_str(), claim.sealed.as_deref(), claim.wrapped.as_deref())?;
        let mut photos = db.photos(id.as_str()).await?;
        reviews::fill(db.as_mut(), id.as_str(), &mut photos, secrets.as_ref()).await?;
        let newest = photos.iter().map(|photo| photo.round).max().unwrap_or_default();
        // Those that came last are not decided of yet.
        let decided = newest - i64::from(newest > 0 && claim.state == "processing");
        photos.sort_by_key(|photo| !photo.counts(decided));
        photo_rows(photos, secrets.as_ref())
    }

    /// Decisions recorded after a place among them, in the order they were made, but for those of erased claims: place,
    /// claim and record. One whose record does not open comes with the bytes as stored, which are no record.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn decided(&self, after: i64, limit: u32) -> Result<Vec<(i64, String, Vec<u8>)>, StoreError> {
        self.decided_sealed(after, limit).await?.into_iter().map(SealedDecision::open).collect()
    }

    /// The same, to be opened where there is time for it.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn decided_sealed(&self, after: i64, limit: u32) -> Result<Vec<SealedDecision>, StoreError> {
        let rows = self.read().await?.decided(after, limit).await?;
        Ok(rows.into_iter().map(|row| self.sealed(row)).collect())
    }

    pub(super) fn sealed(&self, row: DecidedRow) -> SealedDecision {
        SealedDecision { row, vault: self.vault.clone() }
    }

    /// The same of one claim.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn decided_of(&self, claim: &str) -> Result<Vec<(i64, String, Vec<u8>)>, StoreError> {
        let mut db = self.read().await?;
        let Some(facts) = db.claim_facts(claim).await?.filter(|facts| facts.erased_at.is_none()) else {
            return Ok(Vec::new());
        };
        let key = facts.wrapped.and_then(|wrapped| self.vault.unwrap_key(claim, &wrapped).transpose()).transpose()?;
        let made = db.decisions_in(&Names::one(claim)).await?;
        let opened = |(n, (_, decision)): (i64, (Vec<u8>, RawDecision))| {
            let record = key.as_ref().and_then(|key| key.open(Cell::Record, &decision.record));
            (n, claim.to_owned(), record.unwrap_or(decision.record))
        };
        Ok((0..).zip(made).map(opened).collect())
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
        Ok(Snapshot { db: self.read().await?, vault: self.vault.clone() })
    }
}

/// Deciding one claim. Nobody else writes meanwhile: be quick, and do nothing slow between [`Self::repeats`] and
/// [`Self::commit`]. Dropped without commit, nothing happened.
pub struct DecisionTransaction {
    db: Session,
    log: Arc<Log>,
    vault: Arc<Vault>,
    job: Job,
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
        repeats::repeats(self.db.as_mut(), &self.vault, self.job.id.as_str(), readings).await
    }

    /// The approval gate, to be looked at and closed together with this decision.
    pub fn gate(&mut self) -> super::gate::GateRows<'_> {
        super::gate::GateRows { db: self.db.as_mut(), log: &self.log, vault: &self.vault }
    }

    /// The policies, one of which decides.
    pub fn policies(&mut self) -> super::policy::PolicyActs<'_> {
        super::policy::PolicyActs { db: self.db.as_mut(), log: &self.log }
    }

    /// Records the decision: record, log entry, fingerprints and the end of the job in one commit.
    ///
    /// `pages` are the names of the normalised pages kept for viewing, in the order of the photos.
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
        let bytes = record.canonical();
        let (stored, payload) = match &self.job.seal {
            None => {
                let payload = audit::decided_payload(&bytes, timing, pages);
                (bytes, payload)
            }
            Some((key, salt)) => {
                let sealed = key.seal(Cell::Record, &bytes);
                let text = std::str::from_utf8(&bytes).expect("JSON is UTF-8");
                let payload = sealed::decided_payload(salt, text, ContentHash::of(&sealed), timing, pages);
                (sealed, payload)
            }
        };
        let made = RawDecision {
            decided_at: decided_at.to_owned(),
            decision: record.verdict.decision.as_str().to_owned(),
            record: stored,
            timing: timing.to_owned(),
            kind: vault::kind(record).map(str::to_owned),
            cell: None,
        };
        self.db.keep_decision(self.job.id.as_str(), &made).await?;
        let prints = self.vault.prints(&record.evidence.readings)?;
        self.db.keep_fingerprints(self.job.id.as_str(), &prints).await?;
        for (n, page) in self.job.numbers.iter().zip(pages).filter_map(|(n, p)| p.map(|p| (n, p))) {
            self.db.keep_page(self.job.id.as_str(), *n, &page.to_string()).await?;
        }
        self.finish(ClaimState::Decided, decided_at, audit::kind::DECIDED, payload, Some(record)).await
    }

    /// Records that no decision could be made. `code` says why, in one stable word.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded and the job remains.
    pub async fn fail(mut self, at: &str, code: &str) -> Result<(), StoreError> {
        let id = self.job.id.as_str();
        let before = match self.db.last_record(id).await? {
            None => None,
            Some((stored, wrapped)) => {
                let record = self.vault.record(id, wrapped.as_deref(), stored)?;
                Some(serde_json::from_slice(&record).map_err(|_| vault::altered())?)
            }
        };
        self.finish(ClaimState::Failed, at, audit::kind::FAILED, audit::failed_payload(code), before.as_ref()).await
    }

    async fn finish(
        mut self,
        state: ClaimState,
        at: &str,
        kind: &str,
        payload: String,
        record: Option<&Record>,
    ) -> Result<(), StoreError> {
        let Job { id, claim, photos, .. } = &self.job;
        let (subject, db) = (id.as_str(), self.db.as_mut());
        self.log.append(db, vec![Draft { at, kind, subject, payload }]).await?;
        db.finish(subject, state.as_str()).await?;
        reviews::project(db, &self.vault, subject, claim.as_ref(), record, photos.len()).await?;
        self.db.commit().await
    }
}

/// One moment of the database, for verification: all as stored, none of it trusted.
pub struct Snapshot {
    pub(super) db: Session,
    pub(super) vault: Arc<Vault>,
}

impl Snapshot {
    /// What the database's own check of itself says; empty if it is sound, or if it has none.
    ///
    /// # Errors
    /// If the check cannot run.
    pub async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        self.db.damage().await
    }

    /// Whether cases are kept: they are from the first opening on at which what is sealed could be opened.
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn are_cases_made(&mut self) -> Result<bool, StoreError> {
        self.db.are_cases_made().await
    }

    /// Whether there is a key-encryption key, and it does not open these records.
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn has_wrong_key(&mut self) -> Result<bool, StoreError> {
        let stored = self.db.vault().await?;
        Ok(self.vault.is_wrong(stored.as_deref()))
    }
}

fn cut_off() -> StoreError {
    StoreError::Unavailable("the claim's acceptance was cut off".to_owned())
}

/// An idempotency key and its body as they are stored, and as they were before texts were keyed.
fn key_forms(vault: &Vault, keyed: &KeyedBody) -> Result<[[String; 2]; 2], StoreError> {
    let ([key, plain], body) = (stored_keys(vault, &keyed.key)?, keyed.body.to_string());
    Ok([[key, vault.keyed("body", &body)?], [plain, body]])
}

/// An idempotency key in each form in which it may be stored.
fn stored_keys(vault: &Vault, key: &ContentHash) -> Result<[String; 2], StoreError> {
    let plain = key.to_string();
    Ok([vault.keyed("key", &plain)?, plain])
}

/// Whether a stored body is the one that came with this key. Of an erased claim nothing is known any more; its key stands
/// for it all the same.
fn is_body(vault: &Vault, keyed: &KeyedBody, stored: &str) -> Result<bool, StoreError> {
    Ok(stored.is_empty() || key_forms(vault, keyed)?.iter().any(|[_, body]| body == stored))
}

/// The log's entry of an accepted claim.
fn accepted<'a>(new: &'a NewClaim, secrets: &Secrets, key: Option<&[String; 2]>, cell: ContentHash) -> Draft<'a> {
    let blobs: Vec<String> = new.photos.iter().map(|p| p.blob.to_string()).collect();
    let mut photos = Vec::new();
    for ((p, [source, sha256]), blob) in new.photos.iter().zip(&secrets.photos).zip(&blobs) {
        let (media_type, pdf_page) = (p.media_type.as_str(), p.pdf_page.map(i64::from));
        let photo = PhotoCommitment { sha256, bytes: p.bytes, media_type, pdf_page, source };
        photos.push(SealedPhoto { photo, blob });
    }
    let key = key.map(|[key, body]| [key.as_str(), body.as_str()]);
    let claim_json = secrets.claim.as_deref();
    let now = new.now.as_deref();
    let of = [new.created_at.as_str(), new.tenant.as_str()];
    let payload = sealed::accepted_payload(of, &new.salt, claim_json, &photos, key, now, cell);
    Draft { at: &new.created_at, kind: audit::kind::ACCEPTED, subject: new.id.as_str(), payload }
}

fn claim_text(claim: &Claim) -> String {
    String::from_utf8(canonical_json(claim)).expect("JSON is UTF-8")
}

pub(super) fn parse_claim(text: &str) -> Result<Claim, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a stored claim is not a claim".to_owned()))
}

pub(super) fn claim_row(vault: &Vault, row: ClaimRecord) -> Result<ClaimRow, StoreError> {
    let (id, created_at, tenant) = (claim_id(&row.id)?, row.created_at, access::tenant(row.tenant)?);
    if row.erased_at.is_some() {
        return Ok(ClaimRow { id, created_at, tenant, claim: None, state: ClaimState::Erased, decision: None });
    }
    let (claim_json, decision) = match vault.secrets(&row.id, row.sealed.as_deref(), row.wrapped.as_deref())? {
        None => (row.claim_json, row.decision),
        Some((secrets, key)) => {
            let open = |decision: DecisionRow| {
                let record = key.open(Cell::Record, &decision.record).ok_or_else(vault::altered)?;
                Ok::<_, StoreError>(DecisionRow { record, ..decision })
            };
            (secrets.claim, row.decision.map(open).transpose()?)
        }
    };
    let claim = claim_json.as_deref().map(parse_claim).transpose()?;
    Ok(ClaimRow { id, created_at, tenant, claim, state: ClaimState::parse(&row.state)?, decision })
}

fn photo_rows(photos: Vec<RawPhoto>, secrets: Option<&(Secrets, ClaimKey)>) -> Result<Vec<PhotoRow>, StoreError> {
    let hash = |text: &str| text.parse().map_err(|_| StoreError::Corrupt("a photo's hash is malformed".to_owned()));
    let page = |n: i64| u32::try_from(n).map_err(|_| StoreError::Corrupt("a photo's page is no number".to_owned()));
    let row = |photo: RawPhoto| {
        Ok(PhotoRow {
            sha256: hash(&photo.sha256)?,
            blob: hash(&photo.blob)?,
            seal: secrets.map(|(_, key)| key.clone()),
            source: photo.source,
            bytes: photo.bytes as u64,
            media_type: photo.media_type,
            pdf_page: photo.pdf_page.map(page).transpose()?,
            page: photo.page.as_deref().map(hash).transpose()?,
        })
    };
    photos.into_iter().map(row).collect()
}
