//! Steps that people took with a claim, photos that came later, and where its case stands, against the log.

use crate::audit::sealed::{self, SealedPhoto};
use crate::audit::{self, Fault, FaultKind, PhotoCommitment, kind};
use crate::domain::review::StepKind;
use crate::domain::{Claim, Record};
use crate::store::reviews::{CaseFacts, Happened, RawCase, RawStep, Turn, case_of, happened, last_failure};
use crate::store::walk::Said;
use crate::store::{RawClaim, RawPhoto, Sealing, Store};
use serde_json::{Value, json};

/// The entries by which photos were added, in order.
fn additions(said: &[Said]) -> impl Iterator<Item = &Said> {
    said.iter().filter(|e| e.kind == StepKind::PhotosAdded.logged())
}

/// How many times photos had been added when an entry was made.
fn round_at(said: &[Said], entry: u64) -> i64 {
    additions(said).filter(|e| e.seq < entry).count() as i64
}

/// The photos that came with the claim.
pub(in crate::service) fn first_photos(claim: &RawClaim) -> Vec<&RawPhoto> {
    claim.photos.iter().filter(|photo| photo.round == 0).collect()
}

/// Whether the pages that a decision logged are those of the photos that it was made of. One that could not be made at
/// first may have been at a later decision.
pub(in crate::service) fn are_pages(claim: &RawClaim, said: &[Said], entry: u64, logged: &[Value]) -> bool {
    let round = round_at(said, entry);
    let later: Vec<i64> =
        said.iter().filter(|e| e.kind == kind::DECIDED && e.seq > entry).map(|e| round_at(said, e.seq)).collect();
    let photos: Vec<&RawPhoto> = claim.photos.iter().filter(|photo| photo.counts(round)).collect();
    let same = |(photo, logged): (&&RawPhoto, &Value)| match logged {
        Value::Null => photo.page.is_none() || later.iter().any(|round| photo.counts(*round)),
        logged => photo.page.as_deref() == logged.as_str(),
    };
    photos.len() == logged.len() && photos.iter().zip(logged).all(same)
}

/// The photos of a claim as the log has them, in order: those that came with it, and those that came later.
pub(in crate::service) fn logged_photos(said: &[Said]) -> Vec<Value> {
    let with = |e: &&Said| e.kind == kind::ACCEPTED || e.kind == StepKind::PhotosAdded.logged();
    let photos = |e: &Said| payload(e)["photos"].as_array().cloned().unwrap_or_default();
    said.iter().filter(with).flat_map(photos).collect()
}

/// Where a claim stands by the log.
pub(in crate::service) fn state_of(said: &[Said]) -> &'static str {
    let last = said.iter().rev().find_map(|e| match e.kind.as_str() {
        kind::DECIDED => Some("decided"),
        kind::FAILED => Some("failed"),
        added if added == StepKind::PhotosAdded.logged() => Some("processing"),
        _ => None,
    });
    last.unwrap_or("processing")
}

fn payload(entry: &Said) -> Value {
    serde_json::from_str(&entry.payload).unwrap_or_default()
}

/// Everything about people's steps that does not hold. `record` is the last one, if it is sound; `are_made` tells whether
/// cases are kept at all.
pub(in crate::service) fn against_reviews(
    claim: &RawClaim,
    said: &[Said],
    record: Option<&Record>,
    store: &Store,
    are_made: bool,
) -> Vec<Fault> {
    let mut faults = against_steps(claim, said);
    if claim.sealing != Sealing::Erased {
        faults.extend(against_added(claim, said));
    }
    if !is_case(claim, said, record, store, are_made) {
        faults.push(Fault::of(FaultKind::CaseAltered).of_claim(&claim.id));
    }
    faults
}

fn against_steps(claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
    let logged: Vec<&Said> = said.iter().filter(|e| StepKind::of_logged(&e.kind).is_some()).collect();
    let is_same = |step: &RawStep, entry: &Said| {
        (step.entry as u64, &step.at, &step.kind) == (entry.seq, &entry.at, &entry.kind) && is_said(claim, step, entry)
    };
    let fault = |entry: u64| Fault::of(FaultKind::ReviewAltered).of_claim(&claim.id).at_entry(entry);
    let lost = logged.iter().filter(|entry| !claim.steps.iter().any(|step| is_same(step, entry)));
    let made = claim.steps.iter().filter(|step| !logged.iter().any(|entry| entry.seq == step.entry as u64));
    lost.map(|entry| fault(entry.seq)).chain(made.map(|step| fault(step.entry as u64))).collect()
}

/// Whether a step says what was logged, as far as that can be told.
fn is_said(claim: &RawClaim, step: &RawStep, entry: &Said) -> bool {
    let mut logged = payload(entry);
    // Held against the photos, one by one.
    let photos = logged.get("photos").cloned();
    let mut stored = step.value(&claim.salt, photos);
    let unknown: &[&str] = match claim.sealing {
        Sealing::Plain | Sealing::Open => &[],
        Sealing::Locked | Sealing::Broken => &["content"],
        Sealing::Erased if step.content.is_some() => return false,
        Sealing::Erased => &["content", "sealed"],
    };
    for value in [&mut stored, &mut logged] {
        unknown.iter().for_each(|member| drop(value.as_object_mut().map(|members| members.remove(*member))));
    }
    let adds_photos = logged.get("photos").is_some();
    stored == logged && matches!(step.second, 0 | 1) && (adds_photos || step.replaces.is_none())
}

/// Photos that came later, and those left out since, against the steps that brought them.
fn against_added(claim: &RawClaim, said: &[Said]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |kind: FaultKind, entry: Option<u64>, n: usize| {
        let fault = Fault::of(kind).of_claim(&claim.id).of_photo(n);
        faults.push(entry.map_or(fault.clone(), |entry| fault.at_entry(entry)));
    };
    let altered = FaultKind::PhotoEntryAltered;
    let (mut next, mut left_out) = (first_photos(claim).len(), vec![None; claim.photos.len()]);
    let mut rounds = 0;
    for (round, entry) in (1_i64..).zip(additions(said)) {
        rounds = round;
        let logged = payload(entry);
        let photos = logged["photos"].as_array().map_or(&[][..], Vec::as_slice);
        for (i, logged) in photos.iter().enumerate() {
            let n = next + i;
            let stored = claim.photos.get(n).filter(|photo| photo.round == round && photo.n == n as i64);
            if !stored.is_some_and(|photo| is_photo(claim, photo, logged)) {
                fault(altered.clone(), Some(entry.seq), n);
            }
        }
        if let Some(place) = logged["replaces"].as_u64().and_then(|n| left_out.get_mut(n as usize)) {
            *place = Some(round);
        }
        next += photos.len();
    }
    for (n, (photo, left_out)) in claim.photos.iter().zip(&left_out).enumerate() {
        let is_told = (0..=rounds).contains(&photo.round) && (photo.round == 0 || n < next);
        if photo.left_out != *left_out || !is_told {
            fault(altered.clone(), None, n);
        }
        let mut decided = said.iter().filter(|e| e.kind == kind::DECIDED).map(|e| round_at(said, e.seq));
        if photo.round > 0 && photo.page.is_some() && !decided.any(|round| photo.counts(round)) {
            fault(FaultKind::PageAltered, None, n);
        }
    }
    faults
}

fn is_photo(claim: &RawClaim, photo: &RawPhoto, logged: &Value) -> bool {
    let commitment = PhotoCommitment {
        sha256: &photo.sha256,
        bytes: photo.bytes as u64,
        media_type: &photo.media_type,
        pdf_page: photo.pdf_page,
        source: &photo.source,
    };
    match claim.sealing {
        Sealing::Plain => audit::photo_payload(&claim.salt, &commitment) == *logged && photo.blob == photo.sha256,
        Sealing::Open => {
            sealed::photo_payload(&claim.salt, &SealedPhoto { photo: commitment, blob: &photo.blob }) == *logged
        }
        Sealing::Locked | Sealing::Broken | Sealing::Erased => is_closed_photo(photo, logged),
    }
}

/// Whether a photo is the one that was logged, as far as that can be told without the claim's key.
pub(in crate::service) fn is_closed_photo(photo: &RawPhoto, logged: &Value) -> bool {
    logged["blob"] == json!(photo.blob)
        && logged["bytes"] == json!(photo.bytes)
        && logged["media_type"] == json!(photo.media_type)
        && logged.get("pdf_page").and_then(Value::as_i64) == photo.pdf_page
        && photo.source.is_empty()
        && photo.sha256.is_empty()
}

/// Whether the queue has the case as it follows from what happened.
fn is_case(claim: &RawClaim, said: &[Said], record: Option<&Record>, store: &Store, are_made: bool) -> bool {
    let is_turn = |e: &&Said| [kind::DECIDED, kind::FAILED, kind::ERASED].contains(&e.kind.as_str());
    let turn =
        |e: &Said| Turn { seq: e.seq as i64, at: e.at.clone(), kind: e.kind.clone(), payload: e.payload.clone() };
    let turns = said.iter().filter(is_turn).map(turn).collect();
    let words: Vec<String> = claim.decisions.iter().map(|decision| decision.decision.clone()).collect();
    let Ok(happened) = happened(turns, &words, claim.steps.clone()) else { return false };
    let (case, stored) = match (case_of(&happened), &claim.case) {
        (None, None) => return true,
        // Where nothing sealed could be opened ever since there are cases.
        (Some(_), None) => return !are_made,
        (None, Some(_)) => return false,
        (Some(case), Some(stored)) => (case, stored),
    };
    let steps = happened.len();
    match claim.sealing {
        Sealing::Erased => *stored == RawCase::of(&case, steps, &CaseFacts::default(), None),
        Sealing::Locked | Sealing::Broken => *stored == stored.after(&case, steps),
        Sealing::Plain | Sealing::Open => {
            // A record that is none is told as such.
            if record.is_none() && !claim.decisions.is_empty() {
                return *stored == stored.after(&case, steps);
            }
            let submitted = claim.claim_json.as_deref().and_then(|json| serde_json::from_str::<Claim>(json).ok());
            let failed = last_failure(&happened).map(|code| (code, photos_at_failure(claim, said, &happened)));
            let facts = CaseFacts::of(submitted.as_ref(), record, failed);
            match submitted.map(|submitted| store.keyed_name(&submitted.id)).transpose() {
                Ok(external) => *stored == RawCase::of(&case, steps, &facts, external),
                // Without the key nothing can be told of those of claims that are not sealed.
                Err(_) => *stored == RawCase::of(&case, steps, &facts, stored.external.clone()),
            }
        }
    }
}

/// How many photos there were to decide of when that failed last.
fn photos_at_failure(claim: &RawClaim, said: &[Said], happened: &[Happened]) -> usize {
    let failed = happened.iter().rfind(|happened| happened.failed.is_some());
    let round = failed.map_or(0, |failed| round_at(said, failed.entry as u64));
    claim.photos.iter().filter(|photo| photo.counts(round)).count()
}
