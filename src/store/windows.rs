//! Decisions of a stretch of time: how many there are, and as many of them as somebody wants to look at.

use super::records::SealedDecision;
use super::rows::DecidedRow;
use super::{Store, StoreError};
use async_trait::async_trait;

/// A stretch of time, RFC 3339 in UTC to the millisecond: from its first moment to before its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: String,
    /// The first moment that is not in it any more.
    pub to: String,
}

/// Decisions by the time at which they were made, within one transaction. Those of erased claims are left out.
#[async_trait]
pub(super) trait WindowRows: Send {
    async fn decisions_within(&mut self, window: &Window) -> Result<i64, StoreError>;
    /// Places of those whose number is a multiple of `every`.
    async fn places_within(&mut self, window: &Window, every: i64) -> Result<Vec<i64>, StoreError>;
    async fn decided_at(&mut self, places: &[i64]) -> Result<Vec<DecidedRow>, StoreError>;
}

impl Store {
    /// How many decisions were made in a stretch of time. Those of claims erased since do not count.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub async fn decisions_within(&self, window: &Window) -> Result<u64, StoreError> {
        Ok(self.read().await?.decisions_within(window).await?.unsigned_abs())
    }

    /// The places of the decisions of a stretch of time, of which it takes one of `every`, evenly. It walks an index of
    /// all decisions once, and no record.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn places_within(&self, window: &Window, every: u64) -> Result<Vec<i64>, StoreError> {
        let every = i64::try_from(every).unwrap_or(i64::MAX);
        self.read().await?.places_within(window, every).await
    }

    /// The decisions at these places, in no order, to be opened where there is time for it; those of claims erased since
    /// are left out.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn decided_at(&self, places: &[i64]) -> Result<Vec<SealedDecision>, StoreError> {
        let rows = self.read().await?.decided_at(places).await?;
        Ok(rows.into_iter().map(|row| self.sealed(row)).collect())
    }
}
