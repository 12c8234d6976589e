//! When cases came to people, and how long people took for them: what forecasts are made of.

use super::{Store, StoreError};
use async_trait::async_trait;

/// A step by which somebody takes a case, lets go of it or rules on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldStep {
    /// The claim.
    pub claim: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Its kind in the log.
    pub kind: String,
}

/// The rows that forecasts are made of, within one transaction.
#[async_trait]
pub(super) trait ArrivalRows: Send {
    async fn first_arrival(&mut self) -> Result<Option<i64>, StoreError>;
    async fn arrivals(&mut self, since: i64, slot: i64) -> Result<Vec<(i64, i64)>, StoreError>;
    /// Newest first.
    async fn hold_steps(&mut self, limit: i64) -> Result<Vec<HoldStep>, StoreError>;
}

impl Store {
    /// When the first case of all came, in milliseconds since 1970; `None` if none did.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn first_arrival(&self) -> Result<Option<i64>, StoreError> {
        self.read().await?.first_arrival().await
    }

    /// How many cases came in each stretch of `slot` milliseconds from `since` on, by the number of the stretch since
    /// 1970; stretches in which none came are left out. A case that was opened again counts where it was opened last.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn arrivals(&self, since: i64, slot: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        self.read().await?.arrivals(since, slot).await
    }

    /// The last steps by which people took cases, let go of them or ruled on them, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn hold_steps(&self, limit: i64) -> Result<Vec<HoldStep>, StoreError> {
        self.read().await?.hold_steps(limit).await
    }
}
