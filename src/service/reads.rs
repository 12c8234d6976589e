//! Who read what of a claim: every reading of what claims hold is an entry in the log.
//!
//! A reading is answered at once and logged within [`AT_MOST`], together with those that came meanwhile: so reading
//! costs no commit. A process that is killed in between loses those of that moment. While readings cannot be logged no
//! more than [`MOST`] of them wait; then nothing is shown. Without the log's key nothing is written at all, and so
//! readings are not logged.

use super::actor::Actor;
use super::work::stamp;
use super::{Records, Service, ServiceError};
use crate::domain::ClaimId;
use crate::store::reads::{NewRead, RawRead};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time until a reading is logged, while the store answers.
const AT_MOST: Duration = Duration::from_millis(250);

/// Time before a store that does not answer is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Readings logged in one commit.
const AT_ONCE: usize = 1000;

/// Readings that may wait to be logged.
const MOST: usize = 10_000;

/// What of a claim is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOf {
    /// The claim with its decision.
    Claim,
    /// The same, shortened, in a list.
    List,
    /// A photo as uploaded.
    Original,
    /// The normalised page.
    Page,
    /// The photo with what was read drawn on it.
    Overlay,
    /// The photo with what looks altered drawn on it.
    Heatmap,
    /// Which approvals it has something in common with.
    Related,
    /// The evidence pack.
    Evidence,
    /// The case that a person has before them.
    Case,
    /// What comes out where it is decided again.
    Replay,
}

impl ReadOf {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::List => "list",
            Self::Original => "original",
            Self::Page => "page",
            Self::Overlay => "overlay",
            Self::Heatmap => "heatmap",
            Self::Related => "related",
            Self::Evidence => "evidence",
            Self::Case => "case",
            Self::Replay => "replay",
        }
    }
}

/// A reading, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadView {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What of the claim.
    pub what: String,
    /// Who, if that was known.
    pub by: Option<String>,
    /// Place in the audit log.
    pub entry: u64,
}

/// Readings that wait to be logged.
#[derive(Default)]
pub(super) struct Unlogged(Mutex<Vec<NewRead>>);

impl Unlogged {
    fn reads(&self) -> std::sync::MutexGuard<'_, Vec<NewRead>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(claim: &ClaimId, of: ReadOf, actor: &Actor, at: &str) -> NewRead {
    NewRead {
        at: at.to_owned(),
        claim: claim.clone(),
        what: of.as_str(),
        by: actor.name().map(str::to_owned),
        salt: rand::random(),
    }
}

impl Service {
    /// Notes that somebody is about to be shown something of these claims; it is logged soon.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] if too much waits to be logged: then nothing may be shown.
    pub fn note_read<'a>(
        &self,
        actor: &Actor,
        of: ReadOf,
        claims: impl IntoIterator<Item = &'a ClaimId>,
    ) -> Result<(), ServiceError> {
        let is_status = matches!(of, ReadOf::Claim | ReadOf::List);
        if (is_status && !self.0.log_claim_reads) || !self.0.records.store.can_record() {
            return Ok(());
        }
        let at = stamp(Timestamp::now());
        let mut waiting = self.0.unlogged.reads();
        if waiting.len() >= MOST {
            return Err(ServiceError::Busy);
        }
        let first = waiting.is_empty();
        waiting.extend(claims.into_iter().map(|claim| read(claim, of, actor, &at)));
        if first && !waiting.is_empty() {
            let service = self.clone();
            self.0.runtime.spawn(async move {
                tokio::time::sleep(AT_MOST).await;
                while let Err(error) = service.log_reads().await {
                    if service.0.closing.load(Ordering::Acquire) {
                        return;
                    }
                    tracing::error!(%error, "readings cannot be logged at present");
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Ok(())
    }

    /// Logs the readings that wait.
    pub(super) async fn log_reads(&self) -> Result<(), ServiceError> {
        loop {
            let some: Vec<NewRead> = {
                let mut waiting = self.0.unlogged.reads();
                let some = waiting.len().min(AT_ONCE);
                waiting.drain(..some).collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.0.records.store.log_reads(&some).await {
                self.0.unlogged.reads().splice(..0, some);
                return Err(error.into());
            }
        }
    }
}

impl Records {
    /// Logs that somebody is about to be shown something of these claims.
    ///
    /// # Errors
    /// If it cannot be logged.
    pub async fn log_read(&self, actor: &Actor, of: ReadOf, claims: &[ClaimId]) -> Result<(), ServiceError> {
        let at = stamp(Timestamp::now());
        let reads: Vec<NewRead> = claims.iter().map(|claim| read(claim, of, actor, &at)).collect();
        if !reads.is_empty() && self.store.can_record() {
            self.store.log_reads(&reads).await?;
        }
        Ok(())
    }

    /// Who read what of a claim, in order.
    ///
    /// # Errors
    /// The store's.
    pub async fn reads_of(&self, claim: &ClaimId) -> Result<Vec<ReadView>, ServiceError> {
        let view = |read: RawRead| ReadView { at: read.at, what: read.what, by: read.reader, entry: read.entry as u64 };
        Ok(self.store.reads_of(claim).await?.into_iter().map(view).collect())
    }
}
