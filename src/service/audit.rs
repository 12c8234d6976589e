//! Holding the log and everything it commits to against each other.
//!
//! Nothing stored is trusted that can be computed anew: the chain from its entries, the entries' payloads from claims,
//! photos and records, the photos' hashes from their files, the fingerprints and summaries from the records.
//! Not covered: how often waiting work was begun, by whom and until when, which can at most cause the same work twice
//! or later, or send the claim to a person; the numbers that the database gives to rows; policies that nothing was
//! decided by; files that no claim names, which are counted; and the definitions of tables and indexes. Where a case
//! stands in the queue is computed anew from the decisions and steps.
//!
//! Log and claims are read in pieces of bounded size, all of one moment of the database, each while the one before is
//! checked on all cores: memory does not grow with the log.

mod access;
mod policy;
pub(super) mod review;
mod settings;

use super::work::whole_seconds;
use super::{Records, ServiceError, off_thread, sealed};
use crate::audit::acts::Adoptions;
use crate::audit::keys::Keys;
use crate::audit::note::PublicKey;
use crate::audit::{self, Checkpoint, Entry, Fault, FaultKind, PhotoCommitment, kind};
use crate::domain::{ContentHash, Gate, Record};
use crate::store::gate::RawMove;
use crate::store::reads::RawRead;
use crate::store::settings::Setting;
use crate::store::walk::{ClaimBatch, LogBlock, Names, Said};
use crate::store::{BlobState, Blobs, RawClaim, RawDecision, Sealing, Snapshot, Store, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What an auditor noted of the log before, elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// A signed checkpoint.
    pub note: Option<String>,
    /// The log's public key; without it, the one that the log itself names is taken.
    pub key: Option<PublicKey>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Entries in the log.
    pub entries: u64,
    /// Claims held against it.
    pub claims: u64,
    /// Decisions held against it.
    pub decisions: u64,
    /// Photos hashed anew.
    pub photos: u64,
    /// Files in the photos' storage that no record names: information, no fault. What a crash between storing a photo and
    /// its claim leaves, or somebody put there; and photos of a claim that is just being taken in. `None` if the storage
    /// cannot be listed.
    pub unreferenced: Option<u64>,
    /// Claims whose content was erased: of them what is left was checked.
    pub erased: u64,
    /// Claims that could not be opened for want of the key-encryption key: of them the log and the sealed bytes were checked,
    /// and not what these say.
    pub locked: u64,
    /// The head, as stored.
    pub head: Option<Checkpoint>,
    /// Everything that does not hold; empty if all does.
    pub faults: Vec<Fault>,
}

impl Records {
    /// The newest signed checkpoint, to be kept where the keeper of the records cannot write, and who signs.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit_checkpoint(&self) -> Result<(String, PublicKey), ServiceError> {
        Ok(self.store.signed_head().await?)
    }

    /// Verifies the log, every record, claim, photo and policy; and that the log continues what was noted, if anything.
    ///
    /// # Errors
    /// Only if the database does not answer; one that answers wrongly is a fault in the report.
    pub async fn audit_verify(&self, noted: &Noted) -> Result<AuditReport, ServiceError> {
        let mut report = AuditReport {
            entries: 0,
            claims: 0,
            decisions: 0,
            photos: 0,
            unreferenced: None,
            erased: 0,
            locked: 0,
            head: None,
            faults: Vec::new(),
        };
        match self.audit_into(&mut report, noted).await {
            Err(ServiceError::Store(StoreError::Corrupt(what))) => {
                report.faults.push(Fault::of(FaultKind::Database(what)));
            }
            other => other?,
        }
        Ok(report)
    }

    async fn audit_into(&self, report: &mut AuditReport, noted: &Noted) -> Result<(), ServiceError> {
        // On a connection of its own, so that it takes no longer than everything else.
        let damage = async { self.store.snapshot().await?.damage().await };
        let (walked, damage) = tokio::join!(self.walk(report, noted), damage);
        report.faults.extend(damage?.into_iter().map(|d| Fault::of(FaultKind::Database(d))));
        walked?;
        report.unreferenced = self.unreferenced().await?;
        Ok(())
    }

    async fn walk(&self, report: &mut AuditReport, noted: &Noted) -> Result<(), ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        snapshot.take_time().await?;
        let history = walk_log(&mut snapshot, report, noted).await?;
        report.faults.extend(against_moves(&snapshot.gate().await?, &history.gate.entries));
        if snapshot.has_wrong_key().await? {
            report.faults.push(Fault::of(FaultKind::VaultAltered));
        }
        let mut policies = HashMap::new();
        for (hash, text) in self.store.policies().await? {
            if ContentHash::of(text.as_bytes()).to_string() == hash {
                policies.insert(hash, text);
            } else {
                report.faults.push(Fault::of(FaultKind::PolicyAltered));
            }
        }
        report.faults.extend(access::against_acts(&snapshot.key_acts().await?, &history.access));
        for setting in Setting::ALL {
            let stored = snapshot.setting_acts(setting).await?;
            report.faults.extend(settings::against_acts(setting, &stored, &history.settings));
        }
        report.faults.extend(policy::against_acts(&snapshot.policy_acts().await?, &history.acts, &policies));
        let (store, blobs) = (self.store.clone(), self.blobs.clone());
        let are_cases_made = snapshot.are_cases_made().await?;
        let known = Known { policies, history, store, blobs, are_cases_made, unanswered: AtomicU32::new(0) };
        self.walk_claims(&mut snapshot, report, known).await
    }

    /// Goes through the claims, each batch while the next is read.
    async fn walk_claims(
        &self,
        snapshot: &mut Snapshot,
        report: &mut AuditReport,
        known: Known,
    ) -> Result<(), ServiceError> {
        let known = Arc::new(known);
        let mut names = snapshot.next_names(Bound::Unbounded, CLAIMS_AT_ONCE).await?;
        let mut batch = claims_in(snapshot, &names, &mut report.faults).await?;
        loop {
            let known = known.clone();
            let work = off_thread(move || (known.check(&mut batch.claims), batch));
            let ahead = async {
                let Bound::Included(last) = names.to.clone() else { return Ok::<_, ServiceError>(None) };
                let names = snapshot.next_names(Bound::Excluded(last), CLAIMS_AT_ONCE).await?;
                let mut faults = Vec::new();
                let batch = claims_in(snapshot, &names, &mut faults).await?;
                Ok(Some((names, batch, faults)))
            };
            let (done, ahead) = tokio::join!(work, ahead);
            let (faults, done) = done?;
            for (claim, _) in &done.claims {
                report.claims += 1;
                report.decisions += claim.decisions.len() as u64;
                report.photos += claim.photos.len() as u64;
                report.erased += u64::from(claim.sealing == Sealing::Erased);
                report.locked += u64::from(claim.sealing == Sealing::Locked);
            }
            report.photos -= faults.iter().filter(|f| f.kind == FaultKind::PhotoUnreachable).count() as u64;
            report.faults.extend(faults);
            let missing = |claim: &str| Fault::of(FaultKind::ClaimMissing).of_claim(claim);
            report.faults.extend(done.unstored.iter().map(|(claim, seq)| missing(claim).at_entry(*seq)));
            report.faults.extend(done.strays.iter().map(|claim| missing(claim)));
            let Some((following, next, faults)) = ahead? else { return Ok(()) };
            report.faults.extend(faults);
            (names, batch) = (following, next);
        }
    }

    /// How many files in the photos' storage no record names. The storage is listed piece by piece, and the records are
    /// asked about each piece after it: so a claim that was accepted meanwhile is known.
    async fn unreferenced(&self) -> Result<Option<u64>, ServiceError> {
        let blobs = self.blobs.clone();
        let (pieces, mut listed) = tokio::sync::mpsc::channel::<Vec<String>>(2);
        let listing = off_thread(move || {
            let (mut strange, mut piece) = (0, Vec::new());
            let listed = blobs.each(|found| {
                match found {
                    Some(hash) => piece.push(hash.to_string()),
                    None => strange += 1,
                }
                if piece.len() == FILES_AT_ONCE {
                    // Nobody receives where the records could not be read, which is told there.
                    let _ = pieces.blocking_send(std::mem::take(&mut piece));
                }
            });
            let _ = pieces.blocking_send(piece);
            listed.map(|()| strange)
        });
        // Owns the receiver, so that the listing goes on where this ends early.
        let asking = async move {
            let mut unnamed = 0;
            while let Some(piece) = listed.recv().await {
                unnamed += self.store.snapshot().await?.unnamed(&piece).await? as u64;
            }
            Ok::<_, StoreError>(unnamed)
        };
        let (listing, unnamed) = tokio::join!(listing, asking);
        match listing? {
            Ok(strange) => Ok(Some(strange + unnamed?)),
            Err(error) => {
                tracing::warn!(%error, "the photos' storage could not be listed");
                Ok(None)
            }
        }
    }
}

/// Claims held against the log at once.
const CLAIMS_AT_ONCE: usize = 256;

/// Files of the photos' storage that the records are asked about at once.
const FILES_AT_ONCE: usize = 1000;

/// The claims of these names. Where the database is damaged they are read one by one, so that the damage is told where
/// it is.
async fn claims_in(
    snapshot: &mut Snapshot,
    names: &Names,
    faults: &mut Vec<Fault>,
) -> Result<ClaimBatch, ServiceError> {
    match snapshot.claims_in(names).await {
        Err(StoreError::Corrupt(_)) => {}
        other => return Ok(other?),
    }
    let (mut out, mut from) = (ClaimBatch::default(), names.from.clone());
    let ends = snapshot.names_in(names).await?.into_iter().map(Bound::Included).chain([names.to.clone()]);
    for to in ends {
        match snapshot.claims_in(&Names { from: from.clone(), to: to.clone() }).await {
            Ok(one) => {
                out.claims.extend(one.claims);
                out.unstored.extend(one.unstored);
                out.strays.extend(one.strays);
            }
            Err(StoreError::Corrupt(what)) => {
                let fault = Fault::of(FaultKind::Database(what));
                faults.push(match &to {
                    Bound::Included(name) => fault.of_claim(&String::from_utf8_lossy(name)),
                    _ => fault,
                });
            }
            Err(other) => return Err(other.into()),
        }
        from = match to {
            Bound::Included(name) => Bound::Excluded(name),
            other => other,
        };
    }
    Ok(out)
}

/// Goes through the log, each block while the next is read, and gives what it says of the gate and of policies.
async fn walk_log(snapshot: &mut Snapshot, report: &mut AuditReport, noted: &Noted) -> Result<History, ServiceError> {
    let sealed = snapshot.sealed().await?;
    let keys = Keys::of(&snapshot.key_entries().await?);
    // Whoever noted an earlier key is led to the one in force.
    let key = noted.key.as_ref().map(|noted| keys.current(noted).unwrap_or(noted).clone());
    let signer = key.clone().or_else(|| sealed.public_key.parse().ok());
    let opened = |note: &String| keys.open(note).or_else(|| signer.as_ref()?.open(note).ok());
    let root = noted.note.as_ref().map(opened);
    let is_unknown = root == Some(None);
    let (mut walk, mut history) = (audit::Walk::new(root.flatten()), History::default());
    let mut block = snapshot.block_from(i64::MIN).await;
    let mut last = 0;
    loop {
        let LogBlock { entries, nodes } = match block {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(StoreError::Corrupt(what)) => {
                report.faults.push(Fault::of(FaultKind::Database(what)).at_entry(last + 1));
                break;
            }
            Err(other) => return Err(other.into()),
        };
        last = entries.last().map_or(last, |entry| entry.seq);
        let work = off_thread(move || {
            history.follow(&entries);
            walk.take(&entries, nodes);
            (walk, history)
        });
        let ahead = async {
            match (last as i64).checked_add(1) {
                Some(from) => snapshot.block_from(from).await,
                None => Ok(None),
            }
        };
        let (done, ahead) = tokio::join!(work, ahead);
        ((walk, history), block) = (done?, ahead);
    }
    report.entries = walk.entries();
    report.faults.extend(walk.end(&sealed, key.as_ref()));
    let broken = |entry| Fault::of(FaultKind::KeyChainBroken).at_entry(entry);
    report.faults.extend(keys.fault(&sealed.public_key).map(broken));
    report.faults.extend(is_unknown.then(|| Fault::of(FaultKind::CheckpointDiffers)));
    report.head = sealed.head;
    Ok(history)
}

/// What the log says that claims are held against besides their own entries.
#[derive(Debug, Default)]
struct History {
    gate: GateHistory,
    /// Acts about API keys.
    access: Vec<Entry>,
    /// Changes of what an admin said of how people work.
    settings: Vec<Entry>,
    /// Acts about policies.
    acts: Vec<Entry>,
    adoptions: Adoptions,
}

impl History {
    /// Notes what the next entries say.
    fn follow(&mut self, entries: &[Entry]) {
        self.gate.follow(entries);
        self.access.extend(entries.iter().filter(|entry| entry.subject == audit::ACCESS).cloned());
        let is_setting = |entry: &&Entry| Setting::ALL.iter().any(|setting| setting.subject() == entry.subject);
        self.settings.extend(entries.iter().filter(is_setting).cloned());
        for entry in entries.iter().filter(|entry| entry.subject == audit::POLICY) {
            self.adoptions.note(entry);
            self.acts.push(entry.clone());
        }
    }
}

/// What the log says of the gate.
#[derive(Debug, Default)]
struct GateHistory {
    entries: Vec<Entry>,
    /// From the closing to the reopening, if there is one.
    closed: Vec<(u64, Option<u64>)>,
}

impl GateHistory {
    /// Notes what the next entries say of it.
    fn follow(&mut self, entries: &[Entry]) {
        for entry in entries {
            match entry.kind.as_str() {
                kind::GATE_CLOSED => self.closed.push((entry.seq, None)),
                kind::GATE_REOPENED => self.closed.iter_mut().for_each(|(_, to)| *to = to.or(Some(entry.seq))),
                _ => {}
            }
            if entry.subject == audit::GATE {
                self.entries.push(entry.clone());
            }
        }
    }

    /// Whether it was closed when the entry of this number was made.
    fn is_closed_at(&self, seq: u64) -> bool {
        self.closed.iter().any(|(from, to)| *from < seq && to.is_none_or(|to| seq < to))
    }
}

/// What claims are held against besides their own entries.
struct Known {
    /// The sound ones: text by hash.
    policies: HashMap<String, String>,
    history: History,
    store: Store,
    blobs: Blobs,
    are_cases_made: bool,
    /// How often in a row the photos' storage gave no answer.
    unanswered: AtomicU32,
}

/// So often in a row; then storage is not asked for each of the photos left.
const ASKED_IN_VAIN: u32 = 3;

impl Known {
    /// Opens these claims and gives everything wrong with them, in their order.
    fn check(&self, claims: &mut [(RawClaim, Vec<Said>)]) -> Vec<Fault> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parts = claims.chunks_mut(claims.len().div_ceil(cores).max(1));
        std::thread::scope(|scope| {
            let of_one = |(claim, said): &mut (RawClaim, Vec<Said>)| {
                self.store.open_raw(claim);
                let mut faults = self.against_log(claim, said);
                faults.extend(self.against_files(claim, said));
                faults
            };
            let parts: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter_mut().flat_map(of_one).collect::<Vec<_>>())).collect();
            let checked = parts.into_iter().map(|part| match part.join() {
                Ok(faults) => faults,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            checked.flatten().collect()
        })
    }

    /// How a blob of this name stands; `None` if the storage does not tell.
    fn state(&self, hash: &str) -> Option<BlobState> {
        let Ok(hash) = hash.parse() else { return Some(BlobState::Missing) };
        let given_up = self.unanswered.load(Ordering::Relaxed) >= ASKED_IN_VAIN;
        let state = if given_up { None } else { self.blobs.state(&hash).ok() };
        match state {
            Some(_) => self.unanswered.store(0, Ordering::Relaxed),
            None => drop(self.unanswered.fetch_add(1, Ordering::Relaxed)),
        }
        state
    }

    /// The photos' bytes against the hashes in the log; where the log does not tell, in the store.
    fn against_files(&self, claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
        let accepted = said.iter().find(|e| e.kind == kind::ACCEPTED);
        let photos = review::logged_photos(said);
        let mut found = Vec::new();
        for (n, photo) in claim.photos.iter().enumerate() {
            let logged = photos.get(n).unwrap_or(&Value::Null);
            let bytes = self.state(logged["blob"].as_str().or(logged["sha256"].as_str()).unwrap_or(&photo.blob));
            let page = photo.page.as_ref().map(|page| self.state(page));
            match bytes {
                Some(BlobState::Altered) => found.push((n, FaultKind::PhotoAltered)),
                Some(BlobState::Missing) => found.push((n, FaultKind::PhotoMissing)),
                Some(BlobState::Sound) | None => {}
            }
            match page {
                Some(Some(BlobState::Altered | BlobState::Missing)) => found.push((n, FaultKind::PageAltered)),
                Some(Some(BlobState::Sound) | None) | None => {}
            }
            if bytes.is_none() || page == Some(None) {
                found.push((n, FaultKind::PhotoUnreachable));
            }
        }
        let at = |fault: Fault| accepted.map_or(fault.clone(), |e| fault.at_entry(e.seq));
        found.into_iter().map(|(n, kind)| at(Fault::of(kind).of_claim(&claim.id).of_photo(n))).collect()
    }

    /// One claim's rows against what the log says of it.
    fn against_log(&self, claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
        let reviews =
            |record: Option<&Record>| review::against_reviews(claim, said, record, &self.store, self.are_cases_made);
        let (mut faults, is_all) = sealed::against_sealing(claim, said);
        faults.extend(sealed::against_tenant(claim, said));
        if is_all {
            faults.extend(reviews(None));
            return faults;
        }
        let fault = |kind| Fault::of(kind).of_claim(&claim.id);
        let accepted: Vec<_> = said.iter().filter(|e| e.kind == kind::ACCEPTED).collect();
        match accepted.as_slice() {
            [entry] if claim.sealing == Sealing::Open => faults.extend(sealed::against_acceptance(claim, entry)),
            [entry] => faults.extend(against_acceptance(claim, entry)),
            _ => faults.push(fault(FaultKind::ClaimNotLogged)),
        }
        let decided: Vec<_> = said.iter().filter(|e| e.kind == kind::DECIDED).collect();
        let acceptance =
            accepted.first().and_then(|e| serde_json::from_str::<Value>(&e.payload).ok()).unwrap_or_default();
        let mut last = None;
        for (n, decision) in claim.decisions.iter().enumerate() {
            match decided.get(n) {
                None => faults.push(fault(FaultKind::RecordNotLogged)),
                Some(entry) => {
                    let (kinds, record) = against_decision(claim, decision, said, entry, &self.policies);
                    faults.extend(kinds.into_iter().map(|kind| fault(kind).at_entry(entry.seq)));
                    let believed_closed = record.as_ref().map(|r| r.evidence.facts.gate == Gate::Closed);
                    if believed_closed.is_some_and(|believed| believed != self.history.gate.is_closed_at(entry.seq)) {
                        faults.push(fault(FaultKind::GateOverlooked).at_entry(entry.seq));
                    }
                    let in_force = self.history.adoptions.in_force(entry.seq, &entry.at);
                    if record.as_ref().zip(in_force).is_some_and(|(record, policy)| record.versions.policy != policy) {
                        faults.push(fault(FaultKind::PolicyOverlooked).at_entry(entry.seq));
                    }
                    if record.as_ref().is_some_and(|r| !is_as_of(&r.evidence.facts.now, &acceptance, &entry.at)) {
                        faults.push(fault(FaultKind::TimeAltered).at_entry(entry.seq));
                    }
                    last = record;
                }
            }
        }
        for entry in decided.iter().skip(claim.decisions.len()) {
            faults.push(fault(FaultKind::RecordMissing).at_entry(entry.seq));
        }
        let outcomes: Vec<_> = said.iter().filter(|e| e.kind == kind::OUTCOME).collect();
        if !is_logged(claim, &outcomes) {
            let at = |fault: Fault| outcomes.first().map_or(fault.clone(), |e| fault.at_entry(e.seq));
            faults.push(at(fault(FaultKind::OutcomeAltered)));
        }
        faults.extend(against_reads(claim, said));
        faults.extend(reviews(last.as_ref()));
        let state = review::state_of(said);
        if claim.state != state || claim.job != (state == "processing") {
            faults.push(fault(FaultKind::SummaryDiffers));
        }
        if claim.decisions.is_empty() {
            let early = claim.photos.iter().enumerate().filter(|(_, photo)| photo.page.is_some());
            faults.extend(early.map(|(n, _)| fault(FaultKind::PageAltered).of_photo(n)));
            if !claim.fingerprints.is_empty() {
                faults.push(fault(FaultKind::FingerprintsDiffer));
            }
        } else if let Some(record) = last
            // Without the key nothing can be told of those of claims that are not sealed.
            && self.store.keyed_fingerprints(&record.evidence.readings).is_ok_and(|prints| prints != claim.fingerprints)
        {
            faults.push(fault(FaultKind::FingerprintsDiffer));
        }
        faults
    }
}

/// Whether a decision as of `now` is as of the time that was logged when the claim was accepted or, where none was, of
/// when it was recorded.
fn is_as_of(now: &str, acceptance: &Value, recorded: &str) -> bool {
    let as_of = match acceptance.get("now") {
        // Not logged at first.
        None => return true,
        Some(Value::String(logged)) => logged,
        Some(_) => recorded,
    };
    as_of.parse::<Timestamp>().is_ok_and(|as_of| whole_seconds(as_of) == now)
}

/// The readings stored of a claim against those in the log.
fn against_reads(claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
    let logged: Vec<&Said> = said.iter().filter(|e| e.kind == kind::READ).collect();
    let is_same = |(read, entry): (&RawRead, &&Said)| {
        (read.entry as u64, &read.at, &read.payload()) == (entry.seq, &entry.at, &entry.payload)
    };
    if logged.len() == claim.reads.len() && claim.reads.iter().zip(&logged).all(is_same) {
        return Vec::new();
    }
    let fault = |entry: u64| Fault::of(FaultKind::ReadAltered).of_claim(&claim.id).at_entry(entry);
    let lost = logged.iter().filter(|entry| !claim.reads.iter().any(|read| is_same((read, entry))));
    let made = claim.reads.iter().filter(|read| !logged.iter().any(|entry| entry.seq == read.entry as u64));
    lost.map(|entry| fault(entry.seq)).chain(made.map(|read| fault(read.entry as u64))).collect()
}

/// Whether the outcome stored of a claim is what the log holds of it.
fn is_logged(claim: &RawClaim, outcomes: &[&Said]) -> bool {
    match (&claim.outcome, outcomes) {
        (None, []) => true,
        (Some(o), [entry]) => {
            let words = [o.outcome.as_str(), &o.source, &o.reviewer];
            let payload = audit::outcome_payload(&claim.salt, words);
            (o.entry as u64, &o.at, &payload) == (entry.seq, &entry.at, &entry.payload)
        }
        _ => false,
    }
}

/// The closings and reopenings stored against those in the log.
fn against_moves(stored: &[RawMove], logged: &[Entry]) -> Vec<Fault> {
    let told = |row: &RawMove| match (row.state.as_str(), row) {
        ("closed", RawMove { figures, reviewer: None, why: None, salt: None, .. }) => {
            Some((kind::GATE_CLOSED, audit::closed_payload(*figures)))
        }
        (
            "open",
            RawMove { figures: [None, None, None, None], reviewer: Some(by), why: Some(why), salt: Some(salt), .. },
        ) => Some((kind::GATE_REOPENED, audit::reopened_payload(salt, by, why))),
        _ => None,
    };
    let same = |row: &RawMove, entry: &Entry| {
        let is_told = told(row).is_some_and(|(kind, payload)| kind == entry.kind && payload == entry.payload);
        is_told && row.entry as u64 == entry.seq && row.at == entry.at
    };
    let fault = |n: u64| Fault::of(FaultKind::GateAltered).at_entry(n);
    let lost = logged.iter().filter(|entry| !stored.iter().any(|row| same(row, entry))).map(|entry| fault(entry.seq));
    let made = stored.iter().filter(|row| !logged.iter().any(|e| e.seq == row.entry as u64));
    lost.chain(made.map(|row| fault(row.entry as u64))).collect()
}

fn against_acceptance(claim: &RawClaim, entry: &Said) -> Vec<Fault> {
    let photos = review::first_photos(claim);
    let commitments: Vec<PhotoCommitment<'_>> = photos
        .iter()
        .map(|p| PhotoCommitment {
            sha256: &p.sha256,
            bytes: p.bytes as u64,
            media_type: &p.media_type,
            pdf_page: p.pdf_page,
            source: &p.source,
        })
        .collect();
    let claim_json = claim.claim_json.as_deref();
    let parsed = serde_json::from_str::<Value>(&entry.payload);
    let logs_keys = parsed.as_ref().is_ok_and(|payload| payload.get("key").is_some());
    let key = logs_keys.then(|| claim.keys.first().map(|[key, body]| [key.as_str(), body]));
    // Kept with the job, and so only until the claim is decided: then its record tells.
    let logged_now = parsed.as_ref().ok().and_then(|payload| payload.get("now")).map(Value::as_str);
    let now = logged_now.map(|logged| if claim.job { claim.job_now.as_deref() } else { logged });
    if audit::accepted_payload(&claim.created_at, &claim.salt, claim_json, &commitments, key, now) == entry.payload
        && (claim.keys.len() < 2 || !logs_keys)
        && photos.iter().enumerate().all(|(n, p)| p.n == n as i64)
        && claim.created_at == entry.at
    {
        return Vec::new();
    }
    // Something differs: find out what, member by member.
    let fault = |kind| Fault::of(kind).of_claim(&claim.id).at_entry(entry.seq);
    let Ok(payload) = &parsed else {
        // The chain's own check tells that the payload was altered; nothing can be compared with it.
        return Vec::new();
    };
    let mut faults = Vec::new();
    if now != logged_now {
        faults.push(fault(FaultKind::TimeAltered));
    }
    if key.is_some_and(|key| payload["key"] != json!(key) || claim.keys.len() > 1) {
        faults.push(fault(FaultKind::KeyAltered));
    }
    let logged = payload["photos"].as_array().map_or(&[][..], Vec::as_slice);
    for n in 0..logged.len().max(commitments.len()) {
        let stored = commitments.get(n).map(|p| audit::photo_payload(&claim.salt, p));
        let in_place = photos.get(n).is_none_or(|p| p.n == n as i64);
        if stored.as_ref() != logged.get(n) || !in_place {
            faults.push(fault(FaultKind::PhotoEntryAltered).of_photo(n));
        }
    }
    let words = claim_json.map(|c| audit::salted(&claim.salt, c).to_string());
    if payload["claim"].as_str() != words.as_deref()
        || payload["created_at"].as_str() != Some(&claim.created_at)
        || claim.created_at != entry.at
        || faults.is_empty()
    {
        faults.push(fault(FaultKind::ClaimAltered));
    }
    faults
}

fn against_decision(
    claim: &RawClaim,
    decision: &RawDecision,
    said: &[Said],
    entry: &Said,
    policies: &HashMap<String, String>,
) -> (Vec<FaultKind>, Option<Record>) {
    let payload = serde_json::from_str::<Value>(&entry.payload).unwrap_or_default();
    let mut kinds = Vec::new();
    // Entries from before pages were logged have none.
    if let Some(logged) = payload["pages"].as_array()
        && !review::are_pages(claim, said, entry.seq, logged)
    {
        kinds.push(FaultKind::PageAltered);
    }
    if !sealed::is_record(claim, decision, &payload) {
        kinds.push(FaultKind::RecordAltered);
    }
    if payload["timing"].as_str() != Some(&ContentHash::of(decision.timing.as_bytes()).to_string()) {
        kinds.push(FaultKind::TimingAltered);
    }
    let record = super::parse_record(&decision.record).ok();
    if let Some(record) = &record {
        let kind = record.evidence.readings.first().map(|reading| reading.kind.as_str());
        if decision.decision != record.verdict.decision.as_str()
            || decision.decided_at != entry.at
            || decision.kind.as_deref() != kind
        {
            kinds.push(FaultKind::SummaryDiffers);
        }
        if !policies.contains_key(&record.versions.policy) {
            kinds.push(FaultKind::PolicyAltered);
        }
    } else if kinds.is_empty() {
        kinds.push(FaultKind::RecordAltered);
    }
    (kinds, record)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A waiting claim to be decided as of `now`, and the entry of its acceptance, as of the time of `logged`.
    fn waiting(now: Option<&str>, logged: Option<Option<&str>>) -> Vec<FaultKind> {
        const AT: &str = "2026-01-01T00:00:00.000Z";
        let bare = RawClaim::bare("clm_a".to_owned(), AT.to_owned(), None, vec![7; 16], "processing".to_owned());
        let claim = RawClaim { job: true, job_now: now.map(str::to_owned), ..bare };
        let payload = audit::accepted_payload(AT, &claim.salt, None, &[], Some(None), logged);
        let entry = Said { seq: 1, at: AT.to_owned(), kind: kind::ACCEPTED.to_owned(), payload };
        against_acceptance(&claim, &entry).into_iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn the_time_that_waiting_work_decides_as_of_is_the_logged_one() {
        let [day, other] = [Some("2026-03-01T00:00:00Z"), Some("2026-03-02T00:00:00Z")];
        for (now, logged) in [(None, Some(None)), (day, Some(day)), (None, None), (day, None)] {
            assert_eq!(waiting(now, logged), [], "{now:?} {logged:?}: none was logged at first");
        }
        for (now, logged) in [(day, Some(None)), (None, Some(day)), (other, Some(day))] {
            assert_eq!(waiting(now, logged), [FaultKind::TimeAltered], "{now:?} {logged:?}");
        }
    }

    #[test]
    fn a_decision_is_as_of_the_logged_time_or_of_its_recording() {
        let holds = |now: &str, logged: Value| is_as_of(now, &logged, "2026-01-01T00:00:09.250Z");
        assert!(holds("2025-05-05T00:00:00Z", json!({})), "none was logged at first");
        assert!(holds("2026-01-01T00:00:09Z", json!({ "now": null })));
        assert!(!holds("2026-01-01T00:00:08Z", json!({ "now": null })));
        assert!(holds("2025-05-05T00:00:00Z", json!({ "now": "2025-05-05T00:00:00.5Z" })));
        assert!(!holds("2026-01-01T00:00:09Z", json!({ "now": "2025-05-05T00:00:00Z" })));
        assert!(!holds("2026-01-01T00:00:09Z", json!({ "now": "soon" })));
    }
}
