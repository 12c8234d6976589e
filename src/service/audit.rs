//! Holding the log and everything it commits to against each other.
//!
//! Nothing stored is trusted that can be computed anew: the chain from its entries, the entries' payloads from claims,
//! photos and records, the photos' hashes from their files, the fingerprints and summaries from the records.
//! Not covered: how often waiting work was begun, who holds it, and the time it is decided as of. A change there can at most cause the same
//! work twice, or a claim to be decided as of another day, which its record then tells.

use super::{Records, ServiceError, off_thread};
use crate::audit::note::PublicKey;
use crate::audit::{self, Checkpoint, Entry, Fault, FaultKind, PhotoCommitment, kind};
use crate::domain::Gate;
use crate::domain::{ContentHash, Record};
use crate::store::gate::RawMove;
use crate::store::{BlobState, RawClaim, RawDecision, StoreError, fingerprints};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

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
        let mut snapshot = self.store.snapshot().await?;
        let (entries, head) = snapshot.log().await?;
        report.entries = entries.len() as u64;
        report.faults = audit::verify(&entries, &head);
        let sealed = snapshot.sealed().await?;
        report.faults.extend(audit::verify_tree(&entries, &sealed, noted.key.as_ref()));
        report.faults.extend(noted.note.as_ref().and_then(|note| {
            let key = noted.key.clone().or_else(|| sealed.public_key.parse().ok());
            match key.and_then(|key| key.open(note).ok()) {
                Some(root) => audit::continues_root(&entries, &root),
                None => Some(Fault::of(FaultKind::CheckpointDiffers)),
            }
        }));
        report.head = Some(head);
        let damage = snapshot.damage().await?;
        report.faults.extend(damage.into_iter().map(|d| Fault::of(FaultKind::Database(d))));

        let mut policies = HashSet::new();
        for (hash, text) in self.store.policies().await? {
            if ContentHash::of(text.as_bytes()).to_string() == hash {
                policies.insert(hash);
            } else {
                report.faults.push(Fault::of(FaultKind::PolicyAltered));
            }
        }

        let mut logged: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in &entries {
            logged.entry(&entry.subject).or_default().push(entry);
        }
        let gate = logged.remove(audit::GATE).unwrap_or_default();
        report.faults.extend(against_moves(&snapshot.gate().await?, &gate));
        let closed = decided_while_closed(&entries);
        let stored = snapshot.claims().await?;
        let (mut named, mut open) = (HashSet::new(), Vec::new());
        // Storage that failed thrice in a row is not asked for each of the photos left.
        let mut unanswered = 0;
        for id in &stored {
            let said = logged.remove(id.as_str()).unwrap_or_default();
            let Some(claim) = snapshot.claim(id).await? else {
                report.faults.push(Fault::of(FaultKind::ClaimAltered).of_claim(id));
                continue;
            };
            report.claims += 1;
            report.decisions += claim.decisions.len() as u64;
            report.faults.extend(against_log(&claim, &said, &policies, &closed));
            let of_files = self.against_files(&claim, &said, &mut unanswered).await?;
            let unreachable = of_files.iter().filter(|f| f.kind == FaultKind::PhotoUnreachable).count();
            report.photos += (claim.photos.len() - unreachable) as u64;
            report.faults.extend(of_files);
            named.extend(names(&claim));
            if claim.decisions.is_empty() {
                open.push(id.clone());
            }
        }
        for (id, said) in logged {
            let fault = Fault::of(FaultKind::ClaimMissing).of_claim(id);
            report.faults.push(said.first().map_or(fault.clone(), |e| fault.at_entry(e.seq)));
        }
        for id in snapshot.orphans().await? {
            report.faults.push(Fault::of(FaultKind::ClaimMissing).of_claim(&id));
        }
        drop(snapshot);
        report.unreferenced = self.unreferenced(named, &stored, &open).await?;
        Ok(())
    }

    /// How many files in the photos' storage no record names. `named` holds those that the claims in `stored` do, of
    /// which those in `open` may have got more since.
    async fn unreferenced(
        &self,
        named: HashSet<ContentHash>,
        stored: &[String],
        open: &[String],
    ) -> Result<Option<u64>, ServiceError> {
        let blobs = self.blobs.clone();
        let listed = off_thread(move || {
            let (mut strange, mut unnamed) = (0, HashSet::new());
            let listed = blobs.each(|found| match found {
                Some(hash) if named.contains(&hash) => {}
                Some(hash) => {
                    unnamed.insert(hash);
                }
                None => strange += 1,
            });
            listed.map(|()| (strange, unnamed))
        });
        let (strange, mut unnamed) = match listed.await? {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the photos' storage could not be listed");
                return Ok(None);
            }
        };
        // Claims accepted and decided meanwhile.
        let mut snapshot = self.store.snapshot().await?;
        let known: HashSet<&String> = stored.iter().collect();
        let late = snapshot.claims().await?;
        for id in late.iter().filter(|id| !known.contains(id)).chain(open) {
            if let Some(claim) = snapshot.claim(id).await? {
                names(&claim).for_each(|hash| {
                    unnamed.remove(&hash);
                });
            }
        }
        Ok(Some(strange + unnamed.len() as u64))
    }

    /// The photos' bytes against the hashes in the log; where the log does not tell, in the store.
    async fn against_files(
        &self,
        claim: &RawClaim,
        said: &[&Entry],
        unanswered: &mut u32,
    ) -> Result<Vec<Fault>, ServiceError> {
        let accepted = said.iter().find(|e| e.kind == kind::ACCEPTED);
        let payload = accepted.and_then(|e| serde_json::from_str::<Value>(&e.payload).ok()).unwrap_or_default();
        let mut files = Vec::new();
        for (n, photo) in claim.photos.iter().enumerate() {
            let logged = payload["photos"][n]["sha256"].as_str().unwrap_or(&photo.sha256);
            files.push((n, logged.to_owned(), photo.page.clone()));
        }
        let blobs = self.blobs.clone();
        let mut failed = *unanswered;
        let (found, failed) = off_thread(move || {
            // `None` if the storage does not tell.
            let mut state = |hash: &str| {
                let Ok(hash) = hash.parse() else { return Some(BlobState::Missing) };
                let state = if failed < 3 { blobs.state(&hash).ok() } else { None };
                failed = if state.is_some() { 0 } else { failed + 1 };
                state
            };
            let mut found = Vec::new();
            for (n, photo, page) in files {
                let (photo, page) = (state(&photo), page.map(|page| state(&page)));
                match photo {
                    Some(BlobState::Altered) => found.push((n, FaultKind::PhotoAltered)),
                    Some(BlobState::Missing) => found.push((n, FaultKind::PhotoMissing)),
                    Some(BlobState::Sound) | None => {}
                }
                match page {
                    Some(Some(BlobState::Altered | BlobState::Missing)) => found.push((n, FaultKind::PageAltered)),
                    Some(Some(BlobState::Sound) | None) | None => {}
                }
                if photo.is_none() || page == Some(None) {
                    found.push((n, FaultKind::PhotoUnreachable));
                }
            }
            (found, failed)
        })
        .await?;
        *unanswered = failed;
        let at = |fault: Fault| accepted.map_or(fault.clone(), |e| fault.at_entry(e.seq));
        Ok(found.into_iter().map(|(n, kind)| at(Fault::of(kind).of_claim(&claim.id).of_photo(n))).collect())
    }
}

/// The blobs that a claim's rows name.
fn names(claim: &RawClaim) -> impl Iterator<Item = ContentHash> {
    let both = claim.photos.iter().flat_map(|photo| [Some(&photo.sha256), photo.page.as_ref()]);
    both.flatten().filter_map(|name| name.parse().ok())
}

/// One claim's rows against what the log says of it.
fn against_log(claim: &RawClaim, said: &[&Entry], policies: &HashSet<String>, closed: &HashSet<u64>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let accepted: Vec<_> = said.iter().filter(|e| e.kind == kind::ACCEPTED).collect();
    match accepted.as_slice() {
        [entry] => faults.extend(against_acceptance(claim, entry)),
        _ => faults.push(fault(FaultKind::ClaimNotLogged)),
    }
    let decided: Vec<_> = said.iter().filter(|e| e.kind == kind::DECIDED).collect();
    let pages: Vec<Option<String>> = claim.photos.iter().map(|p| p.page.clone()).collect();
    let mut last = None;
    for (n, decision) in claim.decisions.iter().enumerate() {
        match decided.get(n) {
            None => faults.push(fault(FaultKind::RecordNotLogged)),
            Some(entry) => {
                let (kinds, record) = against_decision(decision, &pages, entry, policies);
                faults.extend(kinds.into_iter().map(|kind| fault(kind).at_entry(entry.seq)));
                let believed_closed = record.as_ref().map(|r| r.evidence.facts.gate == Gate::Closed);
                if believed_closed.is_some_and(|believed| believed != closed.contains(&entry.seq)) {
                    faults.push(fault(FaultKind::GateOverlooked).at_entry(entry.seq));
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
    let failed = said.iter().any(|e| e.kind == kind::FAILED);
    let state = match (claim.decisions.is_empty(), failed) {
        (false, _) => "decided",
        (true, true) => "failed",
        (true, false) => "processing",
    };
    if claim.state != state || claim.job != (state == "processing") {
        faults.push(fault(FaultKind::SummaryDiffers));
    }
    if claim.decisions.is_empty() {
        if !claim.fingerprints.is_empty() {
            faults.push(fault(FaultKind::FingerprintsDiffer));
        }
    } else if let Some(record) = last
        && fingerprints(&record.evidence.readings) != claim.fingerprints
    {
        faults.push(fault(FaultKind::FingerprintsDiffer));
    }
    faults
}

/// Whether the outcome stored of a claim is what the log holds of it.
fn is_logged(claim: &RawClaim, outcomes: &[&&Entry]) -> bool {
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
fn against_moves(stored: &[RawMove], logged: &[&Entry]) -> Vec<Fault> {
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

/// The entries of decisions that the log has between a closing of the gate and its reopening.
fn decided_while_closed(entries: &[Entry]) -> HashSet<u64> {
    let (mut out, mut closed) = (HashSet::new(), false);
    for entry in entries {
        match entry.kind.as_str() {
            kind::GATE_CLOSED => closed = true,
            kind::GATE_REOPENED => closed = false,
            kind::DECIDED if closed => {
                out.insert(entry.seq);
            }
            _ => {}
        }
    }
    out
}

fn against_acceptance(claim: &RawClaim, entry: &Entry) -> Vec<Fault> {
    let commitments: Vec<PhotoCommitment<'_>> = claim
        .photos
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
    if audit::accepted_payload(&claim.created_at, &claim.salt, claim_json, &commitments, key) == entry.payload
        && (claim.keys.len() < 2 || !logs_keys)
        && claim.photos.iter().enumerate().all(|(n, p)| p.n == n as i64)
        && claim.created_at == entry.at
    {
        return Vec::new();
    }
    // Something differs: find out what, member by member.
    let fault = |kind| Fault::of(kind).of_claim(&claim.id).at_entry(entry.seq);
    let Ok(payload) = parsed else {
        // The chain's own check tells that the payload was altered; nothing can be compared with it.
        return Vec::new();
    };
    let mut faults = Vec::new();
    if key.is_some_and(|key| payload["key"] != json!(key) || claim.keys.len() > 1) {
        faults.push(fault(FaultKind::KeyAltered));
    }
    let logged = payload["photos"].as_array().map_or(&[][..], Vec::as_slice);
    for n in 0..logged.len().max(commitments.len()) {
        let stored = commitments.get(n).map(|p| audit::photo_payload(&claim.salt, p));
        let in_place = claim.photos.get(n).is_none_or(|p| p.n == n as i64);
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
    decision: &RawDecision,
    pages: &[Option<String>],
    entry: &Entry,
    policies: &HashSet<String>,
) -> (Vec<FaultKind>, Option<Record>) {
    let payload = serde_json::from_str::<Value>(&entry.payload).unwrap_or_default();
    let mut kinds = Vec::new();
    // Entries from before pages were logged have none.
    if let Some(logged) = payload["pages"].as_array()
        && !pages.iter().map(|page| page.as_deref()).eq(logged.iter().map(Value::as_str))
    {
        kinds.push(FaultKind::PageAltered);
    }
    if payload["record"].as_str() != Some(&ContentHash::of(&decision.record).to_string()) {
        kinds.push(FaultKind::RecordAltered);
    }
    if payload["timing"].as_str() != Some(&ContentHash::of(decision.timing.as_bytes()).to_string()) {
        kinds.push(FaultKind::TimingAltered);
    }
    let record = super::parse_record(&decision.record).ok();
    if let Some(record) = &record {
        if decision.decision != record.verdict.decision.as_str() || decision.decided_at != entry.at {
            kinds.push(FaultKind::SummaryDiffers);
        }
        if !policies.contains(&record.versions.policy) {
            kinds.push(FaultKind::PolicyAltered);
        }
    } else if kinds.is_empty() {
        kinds.push(FaultKind::RecordAltered);
    }
    (kinds, record)
}
