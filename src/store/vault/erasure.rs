//! Erasing a claim's content: its data key is destroyed, and what it sealed is deleted as well. What remains is that
//! there was such a claim, when, how it was decided, and the log, which tells nothing of what is gone.

use super::super::log::Draft;
use super::super::reviews::project;
use super::super::rows::Aged;
use super::super::walk::Names;
use super::super::{Store, StoreError, claim_id};
use crate::audit::kind;
use crate::audit::sealed::{self, Remains};
use crate::domain::gate::{Reviewer, Why};
use crate::domain::{ClaimId, ContentHash};
use serde::{Deserialize, Serialize};

/// An erasure that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Whether the content was kept as it is until now, as in records from before content was sealed: then remains of
    /// it may lie in the database's files until these are written anew.
    pub was_plain: bool,
}

/// Why nothing was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// There is no such claim.
    Absent,
    /// It is not decided yet.
    Undecided,
    /// It was erased before.
    Already,
}

/// An erasure as stored.
#[derive(Debug, Clone)]
pub struct RawErasure {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub reviewer: String,
    /// As stored.
    pub why: String,
    /// As stored.
    pub salt: Vec<u8>,
}

/// Names of stored bytes, as they are noted until they are deleted.
#[derive(Serialize, Deserialize)]
struct Pending(Vec<String>);

impl Store {
    /// Erases a claim and logs that, in one transaction. Its photos are noted to be deleted: see
    /// [`Self::pending_erasures`]. Needs no key-encryption key.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is erased.
    pub async fn erase(
        &self,
        id: &ClaimId,
        by: &Reviewer,
        why: &Why,
        salt: [u8; 16],
        at: &str,
    ) -> Result<Result<Erasure, Undone>, StoreError> {
        let mut db = self.write().await?;
        let claim = id.as_str();
        let Some(facts) = db.claim_facts(claim).await? else { return Ok(Err(Undone::Absent)) };
        if facts.erased_at.is_some() {
            return Ok(Err(Undone::Already));
        }
        if facts.job || facts.state == "processing" {
            return Ok(Err(Undone::Undecided));
        }
        let photos = db.photos(claim).await?;
        let mut names: Vec<String> = photos.into_iter().flat_map(|p| [Some(p.blob), p.page]).flatten().collect();
        names.sort_unstable();
        names.dedup();
        let shared = db.named_elsewhere(&names, claim).await?;
        names.retain(|name| !shared.contains(name));
        let decisions = db.decisions_in(&Names::one(claim)).await?;
        let keys = db.keys_in(&Names::one(claim)).await?;
        let said = db.outcome(claim).await?;
        let remains = Remains {
            decisions: decisions.iter().map(|(_, decision)| decision.decision.as_str()).collect(),
            key: keys.first().map(|(_, [key, _])| key.as_str()),
            reviewer: said.as_ref().map(|said| said.reviewer.as_str()),
        };
        let payload = sealed::erased_payload(&salt, by.as_str(), why.as_str(), &remains);
        let draft = Draft { at, kind: kind::ERASED, subject: claim, payload };
        let entry = self.log.append(db.as_mut(), vec![draft]).await? as i64;
        db.erase(claim, at).await?;
        project(db.as_mut(), &self.vault, claim, None, None, 0).await?;
        let erasure = RawErasure {
            entry,
            at: at.to_owned(),
            reviewer: by.as_str().to_owned(),
            why: why.as_str().to_owned(),
            salt: salt.to_vec(),
        };
        let pending = serde_json::to_string(&Pending(names)).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        db.keep_erasure(claim, &erasure, &pending).await?;
        db.commit().await?;
        Ok(Ok(Erasure { at: erasure.at, was_plain: facts.sealed.is_none() }))
    }

    /// Erased claims whose photos are not all known to be deleted, with the names of these, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn pending_erasures(&self, limit: u32) -> Result<Vec<(ClaimId, Vec<ContentHash>)>, StoreError> {
        let rows = self.read().await?.pending_erasures(limit).await?;
        let damaged = || StoreError::Corrupt("what is left of an erasure is malformed".to_owned());
        let row = |[claim, names]: [String; 2]| {
            let Pending(names) = serde_json::from_str(&names).map_err(|_| damaged())?;
            let names = names.iter().map(|name| name.parse().map_err(|_| damaged())).collect::<Result<_, _>>()?;
            Ok((claim_id(&claim)?, names))
        };
        rows.into_iter().map(row).collect()
    }

    /// Notes that nothing is left to delete of these erased claims.
    ///
    /// # Errors
    /// If it cannot be noted.
    pub async fn end_erasures(&self, claims: &[ClaimId]) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        for claim in claims {
            db.end_erasure(claim.as_str()).await?;
        }
        db.commit().await
    }

    /// Takes what was deleted out of the database's own files; `false` if others kept that from being done, and it has
    /// to be tried again. `wholly` writes the files anew.
    ///
    /// # Errors
    /// If the database cannot do it.
    pub async fn scrub(&self, wholly: bool) -> Result<bool, StoreError> {
        self.backend.scrub(wholly).await
    }

    /// Claims whose first paper is of this kind, whose last decision is this one and was made before a time, and that
    /// no person has still to look at: approvals, and others with an outcome. Oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn aged(&self, kind: &str, decision: &str, before: &str, limit: u32) -> Result<Vec<ClaimId>, StoreError> {
        let found = self.read().await?.aged(&Aged { kind, decision, before, limit }).await?;
        found.iter().map(|claim| claim_id(claim)).collect()
    }
}
