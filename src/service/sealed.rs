//! Holding sealed and erased claims against the log: what can be verified with the key, without it, and of what is
//! gone.

use super::audit::review;
use crate::audit::sealed::{self, Remains, SealedPhoto};
use crate::audit::{self, Fault, FaultKind, PhotoCommitment, kind};
use crate::domain::{ContentHash, Tenant};
use crate::store::walk::Said;
use crate::store::{RawClaim, RawDecision, Sealing};
use serde_json::{Value, json};

/// The entries of a kind.
fn of_kind<'a>(said: &'a [Said], kind: &str) -> Vec<&'a Said> {
    said.iter().filter(|e| e.kind == kind).collect()
}

/// What is wrong with how a claim is sealed or erased; and whether that is all that can be told of it: there is nothing
/// left, or nothing that can be opened.
pub(super) fn against_sealing(claim: &RawClaim, said: &[Said]) -> (Vec<Fault>, bool) {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let logged = of_kind(said, kind::ERASED);
    if let Some(entry) = logged.first()
        && claim.sealing != Sealing::Erased
    {
        return (vec![fault(FaultKind::NotErased).at_entry(entry.seq)], false);
    }
    let mut faults = Vec::new();
    match claim.sealing {
        Sealing::Plain | Sealing::Open => {
            if claim.erasure.is_some() || claim.erased_at.is_some() {
                faults.push(fault(FaultKind::ErasureAltered));
            }
            if claim.sealing == Sealing::Plain {
                let misnamed = claim.photos.iter().enumerate().filter(|(_, photo)| photo.blob != photo.sha256);
                faults.extend(misnamed.map(|(n, _)| fault(FaultKind::PhotoEntryAltered).of_photo(n)));
            }
            return (faults, false);
        }
        Sealing::Erased => {
            faults.extend(against_erasure(claim, &logged));
            faults.extend(closed_creation(claim, said));
            faults.extend(closed_decisions(claim, said, |_, _| true));
        }
        Sealing::Locked | Sealing::Broken => {
            if claim.sealing == Sealing::Broken {
                faults.push(fault(FaultKind::DataKeyAltered));
            }
            faults.extend(closed_acceptance(claim, said));
            let same = |decision: &RawDecision, payload: &Value| payload["sealed"] == json!(decision.cell);
            faults.extend(closed_decisions(claim, said, same));
        }
    }
    faults.extend(closed_outcome(claim, said));
    faults.extend(closed_state(claim, said));
    (faults, true)
}

/// Whose the claim is against its acceptance in the log, which says so in the open; nothing is said of the tenant that
/// claims are of if nothing else is said.
pub(super) fn against_tenant(claim: &RawClaim, said: &[Said]) -> Option<Fault> {
    let entry = said.iter().find(|e| e.kind == kind::ACCEPTED)?;
    let logged = payload(entry);
    let same = logged["tenant"].as_str().unwrap_or(Tenant::DEFAULT) == claim.tenant;
    (!same).then(|| Fault::of(FaultKind::TenantAltered).of_claim(&claim.id).at_entry(entry.seq))
}

fn payload(entry: &Said) -> Value {
    serde_json::from_str(&entry.payload).unwrap_or_default()
}

/// What is left of an erased claim, and what is stored about its erasure, against the log.
fn against_erasure(claim: &RawClaim, logged: &[&Said]) -> Vec<Fault> {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let [entry] = logged else { return vec![fault(FaultKind::ErasureAltered)] };
    let mut faults = Vec::new();
    let told = claim.erasure.as_ref().is_some_and(|e| {
        let payload = sealed::erased_payload(&e.salt, &e.reviewer, &e.why, &remains(claim));
        (e.entry as u64, &e.at, &payload) == (entry.seq, &entry.at, &entry.payload)
    });
    if !told || claim.erased_at.as_deref() != Some(entry.at.as_str()) {
        faults.push(fault(FaultKind::ErasureAltered).at_entry(entry.seq));
    }
    if !is_bare(claim) {
        faults.push(fault(FaultKind::NotErased).at_entry(entry.seq));
    }
    faults
}

/// What is kept of an erased claim.
fn remains(claim: &RawClaim) -> Remains<'_> {
    Remains {
        decisions: claim.decisions.iter().map(|d| d.decision.as_str()).collect(),
        key: claim.keys.first().map(|[key, _]| key.as_str()),
        reviewer: claim.outcome.as_ref().map(|o| o.reviewer.as_str()),
    }
}

/// Whether nothing of a claim's content is left.
pub(super) fn is_bare(claim: &RawClaim) -> bool {
    claim.sealing == Sealing::Erased
        && claim.claim_json.is_none()
        && claim.salt.is_empty()
        && claim.photos.is_empty()
        && claim.fingerprints.is_empty()
        && claim.decisions.iter().all(|d| d.record.is_empty() && d.kind.as_deref() == Some(""))
        && claim.steps.iter().all(|step| step.content.is_none())
        && claim.keys.iter().all(|[_, body]| body.is_empty())
        && claim.keys.len() < 2
}

/// The time of creation, which is not sealed.
fn closed_creation(claim: &RawClaim, said: &[Said]) -> Option<Fault> {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let accepted = of_kind(said, kind::ACCEPTED);
    let [entry] = accepted.as_slice() else { return Some(fault(FaultKind::ClaimNotLogged)) };
    let same = payload(entry)["created_at"] == json!(claim.created_at) && claim.created_at == entry.at;
    (!same).then(|| fault(FaultKind::ClaimAltered).at_entry(entry.seq))
}

/// What needs no key of the acceptance of a claim that cannot be opened: the sealed bytes, and what is not sealed.
fn closed_acceptance(claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let accepted = of_kind(said, kind::ACCEPTED);
    let [entry] = accepted.as_slice() else { return vec![fault(FaultKind::ClaimNotLogged)] };
    let logged = payload(entry);
    let mut faults = Vec::new();
    let created = &claim.created_at;
    if logged["sealed"] != json!(claim.cell())
        || logged["created_at"] != json!(created)
        || *created != entry.at
        || claim.claim_json.is_some()
        || !claim.salt.is_empty()
    {
        faults.push(fault(FaultKind::ClaimAltered).at_entry(entry.seq));
    }
    // Kept with the job, and so only until the claim is decided.
    if claim.job && logged["now"] != json!(claim.job_now) {
        faults.push(fault(FaultKind::TimeAltered).at_entry(entry.seq));
    }
    if logged["key"].is_null() != claim.keys.is_empty() || claim.keys.len() > 1 {
        faults.push(fault(FaultKind::KeyAltered).at_entry(entry.seq));
    }
    let (photos, first) = (logged["photos"].as_array().map_or(&[][..], Vec::as_slice), review::first_photos(claim));
    for n in 0..photos.len().max(first.len()) {
        let same = match (first.get(n), photos.get(n)) {
            (Some(p), Some(logged)) => review::is_closed_photo(p, logged) && p.n == n as i64,
            _ => false,
        };
        if !same {
            faults.push(fault(FaultKind::PhotoEntryAltered).at_entry(entry.seq).of_photo(n));
        }
        if claim.decisions.is_empty() && first.get(n).is_some_and(|p| p.page.is_some()) {
            faults.push(fault(FaultKind::PageAltered).of_photo(n));
        }
    }
    faults
}

/// What needs no key of the decisions; `same` says whether a record is the one that was logged.
fn closed_decisions(claim: &RawClaim, said: &[Said], same: impl Fn(&RawDecision, &Value) -> bool) -> Vec<Fault> {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id);
    let decided = of_kind(said, kind::DECIDED);
    let mut faults = Vec::new();
    for (n, decision) in claim.decisions.iter().enumerate() {
        let Some(entry) = decided.get(n) else {
            faults.push(fault(FaultKind::RecordNotLogged));
            continue;
        };
        let logged = payload(entry);
        let timing = ContentHash::of(decision.timing.as_bytes());
        let pages = logged["pages"].as_array();
        let are_pages = pages.is_some_and(|pages| review::are_pages(claim, said, entry.seq, pages));
        for (holds, kind) in [
            (same(decision, &logged), FaultKind::RecordAltered),
            (logged["timing"] == json!(timing), FaultKind::TimingAltered),
            (claim.photos.is_empty() || are_pages, FaultKind::PageAltered),
            (decision.decided_at == entry.at, FaultKind::SummaryDiffers),
        ] {
            if !holds {
                faults.push(fault(kind).at_entry(entry.seq));
            }
        }
    }
    let lost = decided.iter().skip(claim.decisions.len());
    faults.extend(lost.map(|entry| fault(FaultKind::RecordMissing).at_entry(entry.seq)));
    faults
}

/// The outcome against the log, but for who said it: that was salted with what cannot be read.
fn closed_outcome(claim: &RawClaim, said: &[Said]) -> Option<Fault> {
    let logged = of_kind(said, kind::OUTCOME);
    let same = match (&claim.outcome, logged.as_slice()) {
        (None, []) => true,
        (Some(o), [entry]) => {
            let logged = payload(entry);
            (o.entry as u64, &o.at) == (entry.seq, &entry.at)
                && logged["outcome"] == json!(o.outcome)
                && logged["source"] == json!(o.source)
        }
        _ => false,
    };
    let fault = || Fault::of(FaultKind::OutcomeAltered).of_claim(&claim.id);
    (!same).then(|| logged.first().map_or_else(fault, |e| fault().at_entry(e.seq)))
}

fn closed_state(claim: &RawClaim, said: &[Said]) -> Option<Fault> {
    let state = review::state_of(said);
    let holds = claim.state == state && claim.job == (state == "processing");
    (!holds).then(|| Fault::of(FaultKind::SummaryDiffers).of_claim(&claim.id))
}

/// A claim that was opened, against its acceptance in the log.
pub(super) fn against_acceptance(claim: &RawClaim, entry: &Said) -> Vec<Fault> {
    let fault = |kind| Fault::of(kind).of_claim(&claim.id).at_entry(entry.seq);
    let first = review::first_photos(claim);
    let photos: Vec<Value> = first
        .iter()
        .map(|p| {
            let photo = PhotoCommitment {
                sha256: &p.sha256,
                bytes: p.bytes as u64,
                media_type: &p.media_type,
                pdf_page: p.pdf_page,
                source: &p.source,
            };
            sealed::photo_payload(&claim.salt, &SealedPhoto { photo, blob: &p.blob })
        })
        .collect();
    let mut faults = Vec::new();
    let logged = payload(entry);
    // Kept with the job, and so only until the claim is decided: then its record tells.
    if claim.job && logged["now"] != json!(claim.job_now) {
        faults.push(fault(FaultKind::TimeAltered));
    }
    let key = claim.keys.first().map(|[key, body]| sealed::key_commitment(&claim.salt, [key, body]));
    if logged["key"] != json!(key) || claim.keys.len() > 1 {
        faults.push(fault(FaultKind::KeyAltered));
    }
    let listed = logged["photos"].as_array().map_or(&[][..], Vec::as_slice);
    for n in 0..listed.len().max(photos.len()) {
        let in_place = first.get(n).is_none_or(|p| p.n == n as i64);
        if photos.get(n) != listed.get(n) || !in_place {
            faults.push(fault(FaultKind::PhotoEntryAltered).of_photo(n));
        }
    }
    let words = claim.claim_json.as_deref().map(|words| audit::salted(&claim.salt, words));
    if logged["claim"] != json!(words)
        || logged["sealed"] != json!(claim.cell())
        || logged["created_at"] != json!(claim.created_at)
        || claim.created_at != entry.at
    {
        faults.push(fault(FaultKind::ClaimAltered));
    }
    faults
}

/// Whether a record is the one that was logged.
pub(super) fn is_record(claim: &RawClaim, decision: &RawDecision, payload: &Value) -> bool {
    let hash = match decision.cell {
        None => ContentHash::of(&decision.record),
        Some(_) => audit::salted(&claim.salt, &String::from_utf8_lossy(&decision.record)),
    };
    payload["record"] == json!(hash) && payload.get("sealed") == decision.cell.map(|cell| json!(cell)).as_ref()
}
