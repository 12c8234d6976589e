//! Evidence packs: everything that the log commits to of one claim, with the proofs, in one file to be checked offline.
//!
//! A pack is one JSON object, `"format": "claimlens evidence pack v1"`. It holds the claim's words, its photos' hashes,
//! each record byte for byte as text, the policies they were judged by, every log entry that speaks of the claim with
//! its inclusion proof, the changes of the log's key likewise if there were any, and the signed checkpoint that the
//! proofs lead to; and where people had to look at the claim, each of their steps. Of an erased claim it holds the log's entries, and who erased it when and why. README.md tells how it
//! is checked, and `tests/verify_pack.py` does it without any code of this program.

use super::keys::shown;
use super::{Records, ServiceError, sealed};
use crate::audit::note::{Proof, base64};
use crate::domain::review::StepKind;
use crate::domain::{ClaimId, Record, Tenant};
use crate::store::reviews::RawStep;
use crate::store::{RawClaim, RawPhoto, Sealing, StoreError};
use serde_json::{Map, Value, json};

/// A photo with all that the log commits to of it.
fn shown_photo(p: &RawPhoto) -> Value {
    json!({
        "source": p.source, "sha256": p.sha256, "bytes": p.bytes, "media_type": p.media_type,
        "pdf_page": p.pdf_page, "page": p.page, "blob": p.blob,
    })
}

/// A step of a person; of an erased claim without what it said of it.
fn shown_step(claim: &RawClaim, step: &RawStep) -> Value {
    let mut out = json!({
        "kind": step.kind, "by": step.reviewer, "salt": hex::encode(&step.salt), "verdict": step.verdict,
        "reason": step.reason, "second": step.second != 0, "replaces": step.replaces,
    });
    if claim.erasure.is_none() {
        let is_addition = |step: &&RawStep| step.kind == StepKind::PhotosAdded.logged();
        let round = claim.steps.iter().filter(is_addition).position(|other| other.entry == step.entry);
        let photos = |n: usize| {
            let added = claim.photos.iter().filter(|photo| photo.round == n as i64 + 1);
            added.map(shown_photo).collect::<Vec<_>>()
        };
        out["content"] = json!(step.content.as_ref().map(|content| String::from_utf8_lossy(content)));
        out["sealed"] = json!(step.cell);
        out["photos"] = json!(round.map(photos));
    }
    out
}

/// The first value of every pack.
pub const FORMAT: &str = "claimlens evidence pack v1";

impl Records {
    /// The pack of a claim.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is no such claim, or the store's.
    pub async fn evidence_pack(&self, id: &ClaimId) -> Result<Value, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        let claim = snapshot.claim(id.as_str()).await?.ok_or(ServiceError::NotFound)?;
        if claim.sealing == Sealing::Locked {
            self.store.unlocked()?;
        }
        if claim.sealing == Sealing::Broken {
            return Err(StoreError::Corrupt("the claim's data key does not open its content".to_owned()).into());
        }
        let seqs = snapshot.entries_of(id.as_str()).await?;
        let proved = snapshot.proved(&seqs).await?;
        let entries = shown(&proved);
        let keys = snapshot.proved_keys().await?;
        let with_keys = |mut pack: Value| {
            // Absent, as in the log, for the tenant that claims are of if nothing else is said.
            if claim.tenant != Tenant::DEFAULT {
                pack["claim"]["tenant"] = json!(claim.tenant);
            }
            // By which somebody who noted an earlier key is led to the one that signed.
            if !keys.entries.is_empty() {
                pack["keys"] = json!(shown(&keys));
            }
            pack
        };
        let with_steps = |mut pack: Value| {
            if !claim.steps.is_empty() {
                pack["steps"] = claim.steps.iter().map(|step| shown_step(&claim, step)).collect();
            }
            with_keys(pack)
        };
        let outcome = claim.outcome.as_ref().map(|o| json!([o.outcome, o.source, o.reviewer]));
        if let Some(erasure) = &claim.erasure {
            if !sealed::is_bare(&claim) {
                return Err(StoreError::Corrupt("the claim is not wholly erased".to_owned()).into());
            }
            let decisions = claim.decisions.iter().map(|d| json!({ "decision": d.decision, "timing": d.timing }));
            return Ok(with_steps(json!({
                "format": FORMAT,
                "public_key": proved.key.to_string(),
                "checkpoint": proved.note,
                "claim": {
                    "id": claim.id, "created_at": claim.created_at, "key": claim.keys.first().map(|[key, _]| key),
                },
                "erased": {
                    "at": erasure.at, "by": erasure.reviewer, "why": erasure.why, "salt": hex::encode(&erasure.salt),
                },
                "decisions": decisions.collect::<Vec<_>>(),
                "outcome": outcome,
                "entries": entries,
            })));
        }
        let stored = self.store.policies().await?;
        let damaged = |_| StoreError::Corrupt("a stored record is malformed".to_owned());
        let (mut decisions, mut policies) = (Vec::new(), Map::new());
        for decision in &claim.decisions {
            let record: Record = serde_json::from_slice(&decision.record).map_err(damaged)?;
            if let Some((hash, text)) = stored.iter().find(|(hash, _)| *hash == record.versions.policy) {
                policies.insert(hash.clone(), json!(text));
            }
            decisions.push(json!({
                "record": String::from_utf8_lossy(&decision.record), "timing": decision.timing, "sealed": decision.cell,
            }));
        }
        let photos = claim.photos.iter().filter(|photo| photo.round == 0).map(shown_photo);
        Ok(with_steps(json!({
            "format": FORMAT,
            "public_key": proved.key.to_string(),
            "checkpoint": proved.note,
            "claim": {
                "id": claim.id, "created_at": claim.created_at, "claim_json": claim.claim_json,
                "salt": hex::encode(&claim.salt), "key": claim.keys.first(), "photos": photos.collect::<Vec<_>>(),
                "sealed": claim.cell(),
            },
            "decisions": decisions,
            "outcome": outcome,
            "policies": policies,
            "entries": entries,
        })))
    }

    /// The proof that an entry is in the log, `None` if there is none of that number, from 1.
    ///
    /// # Errors
    /// The store's.
    pub async fn proof(&self, seq: u64) -> Result<Option<Proof>, ServiceError> {
        let proved = self.store.snapshot().await?.proved(&[seq]).await?;
        let Some((entry, hashes)) = proved.entries.into_iter().next() else { return Ok(None) };
        let leaf = entry.leaf().ok_or_else(|| StoreError::Corrupt("a log entry is malformed".to_owned()))?;
        Ok(Some(Proof { leaf, index: seq - 1, hashes, note: proved.note }))
    }

    /// The hashes, in base64, that prove that the log of `new` entries continues that of `old`; `None` if it is shorter.
    ///
    /// # Errors
    /// The store's.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<String>>, ServiceError> {
        let hashes = self.store.consistency(old, new).await?;
        Ok(hashes.map(|hashes| hashes.iter().map(base64).collect()))
    }
}
