//! Claims that somebody waits for, or that fill a place in the queue, until they are decided here or by another process.

use super::traces::Origin;
use super::{ClaimState, Service, ServiceError};
use crate::domain::ClaimId;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How often the store is asked what others have done, and whether there is work.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// The claims waited for.
#[derive(Default)]
pub(super) struct Waiting(Mutex<HashMap<ClaimId, Awaited>>);

struct Awaited {
    // Nothing is ever sent: that it is dropped tells that the claim's work has ended.
    done: watch::Sender<()>,
    _place: Option<OwnedSemaphorePermit>,
    /// Of those that came in here, where they came from.
    origin: Option<Origin>,
}

impl Waiting {
    fn claims(&self) -> MutexGuard<'_, HashMap<ClaimId, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to wait for a claim that is stored. Its place in the queue is given back when it has ended.
    pub(super) fn begin(
        &self,
        id: &ClaimId,
        place: Option<OwnedSemaphorePermit>,
        origin: Option<Origin>,
    ) -> watch::Receiver<()> {
        let mut claims = self.claims();
        let awaited =
            claims.entry(id.clone()).or_insert_with(|| Awaited { done: watch::Sender::new(()), _place: place, origin });
        awaited.done.subscribe()
    }

    /// Where a claim that came in here came from.
    pub(super) fn origin(&self, id: &ClaimId) -> Option<Origin> {
        self.claims().get(id).and_then(|awaited| awaited.origin.clone())
    }

    fn of(&self, id: &ClaimId) -> Option<watch::Receiver<()>> {
        self.claims().get(id).map(|awaited| awaited.done.subscribe())
    }

    /// The work on a claim has ended.
    pub(super) fn end(&self, id: &ClaimId) {
        self.claims().remove(id);
    }

    /// Nobody waits any longer.
    pub(super) fn clear(&self) {
        self.claims().clear();
    }
}

impl Service {
    /// Waits until a claim is decided or failed, at most this long, whoever works on it.
    pub async fn wait(&self, id: &ClaimId, at_most: Duration) {
        let ended = async {
            let mut done = match self.0.waiting.of(id) {
                Some(done) => done,
                // Accepted by another process, or ended.
                None => match self.0.records.store.claim(id).await {
                    Ok(Some(claim)) if claim.state == ClaimState::Processing => self.0.waiting.begin(id, None, None),
                    _ => return,
                },
            };
            let _ = done.changed().await;
        };
        let _ = tokio::time::timeout(at_most, ended).await;
    }

    /// Asks the store again and again which of the claims waited for have ended: others may have worked them off.
    pub(super) async fn look_after(self) {
        while !self.0.closing.load(Ordering::Acquire) {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.end_those_done().await {
                tracing::debug!(%error, "whether claims were decided elsewhere cannot be told at present");
            }
        }
    }

    async fn end_those_done(&self) -> Result<(), ServiceError> {
        // Noted before the store is asked: a claim that comes in between would seem to have ended.
        let awaited: Vec<ClaimId> = self.0.waiting.claims().keys().cloned().collect();
        if awaited.is_empty() {
            return Ok(());
        }
        let unfinished: HashSet<ClaimId> = self.0.records.store.unfinished().await?.into_iter().collect();
        awaited.iter().filter(|id| !unfinished.contains(id)).for_each(|id| self.0.waiting.end(id));
        Ok(())
    }
}
