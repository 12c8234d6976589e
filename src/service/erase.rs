//! Erasing claims: by a person's order, or by their retention.

use super::work::stamp;
use super::{Records, Service, ServiceError, off_thread};
use crate::domain::ClaimId;
use crate::domain::gate::{Reviewer, Why};
use crate::store::Undone;
use jiff::Timestamp;
use serde::Serialize;

/// Erasures finished in one go.
const AT_ONCE: u32 = 100;

/// Why a claim cannot be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EraseRefusal {
    /// It waits for its decision.
    #[error("the claim is not decided yet; erase it afterwards")]
    Undecided,
}

/// What erasing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErasedView {
    /// The claim.
    #[schema(value_type = String)]
    pub id: ClaimId,
    /// When, RFC 3339 in UTC.
    pub erased_at: String,
    /// Whether its photos are deleted and the database's files are cleared of it. If not, that is tried again every
    /// hour by whatever process works; sealed content is unreadable either way.
    pub finished: bool,
    /// Whether it was kept unsealed, as claims accepted before there was a key-encryption key: remains of it may then
    /// lie in the database's files until these are written anew, as `claimlens erase` does.
    pub was_plain: bool,
}

impl Records {
    /// Erases a claim's content; who and why is kept and logged. What remains is that there was such a claim, when, and
    /// how it was decided.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Erased`], [`EraseRefusal`], or the store's; nothing is erased then.
    /// That the photos could not be deleted yet is no error.
    pub async fn erase(&self, id: &ClaimId, by: &Reviewer, why: &Why) -> Result<ErasedView, ServiceError> {
        let at = stamp(Timestamp::now());
        let done = match self.store.erase(id, by, why, rand::random(), &at).await? {
            Ok(done) => done,
            Err(Undone::Absent) => return Err(ServiceError::NotFound),
            Err(Undone::Already) => return Err(ServiceError::Erased),
            Err(Undone::Undecided) => return Err(EraseRefusal::Undecided.into()),
        };
        tracing::info!(claim = %id, "claim erased");
        let finished = match self.finish_erasures().await {
            Ok(finished) => finished,
            Err(error) => {
                tracing::warn!(claim = %id, %error, "what an erased claim left could not be deleted yet");
                false
            }
        };
        Ok(ErasedView { id: id.clone(), erased_at: done.at, finished, was_plain: done.was_plain })
    }

    /// Deletes what erasures left: photos, and remains in the database's files. `false` if some could not be deleted
    /// yet.
    ///
    /// # Errors
    /// The store's, or the photo storage's.
    pub async fn finish_erasures(&self) -> Result<bool, ServiceError> {
        loop {
            let pending = self.store.pending_erasures(AT_ONCE).await?;
            if pending.is_empty() {
                return Ok(true);
            }
            let (claims, names): (Vec<_>, Vec<_>) = pending.into_iter().unzip();
            let blobs = self.blobs.clone();
            off_thread(move || names.iter().flatten().try_for_each(|name| blobs.delete(name))).await??;
            if !self.store.scrub(false).await? {
                return Ok(false);
            }
            self.store.end_erasures(&claims).await?;
        }
    }

    /// Writes the database's files anew, without what was deleted. Takes long where there is much, and as much room
    /// again; meanwhile nothing else is written.
    ///
    /// # Errors
    /// The store's.
    pub async fn rewrite_files(&self) -> Result<bool, ServiceError> {
        Ok(self.store.scrub(true).await?)
    }
}

impl Service {
    /// Erases a claim: see [`Records::erase`]. What this process remembers of it is forgotten as well.
    ///
    /// # Errors
    /// As there.
    pub async fn erase(&self, id: &ClaimId, by: &Reviewer, why: &Why) -> Result<ErasedView, ServiceError> {
        let erased = self.0.records.erase(id, by, why).await;
        self.0.known.forget(id);
        erased
    }
}
