//! The cards that a queue shows, as stored: each change with its entry in the log.

use super::log::Draft;
use super::{Snapshot, Store, StoreError};
use crate::audit::cards::cards_payload;
use crate::audit::{CARDS, kind};
use async_trait::async_trait;

/// A change of the cards as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCards {
    /// Its place in the log.
    pub entry: i64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What they are from then on, canonical JSON.
    pub cards: String,
    /// By whose order.
    pub reviewer: Option<String>,
    /// Random bytes for the log's commitments.
    pub salt: Vec<u8>,
}

impl RawCards {
    /// The payload that the log should hold of it.
    pub fn payload(&self) -> String {
        cards_payload(&self.salt, &self.cards, self.reviewer.as_deref())
    }
}

/// The rows about cards, within one transaction.
#[async_trait]
pub(super) trait CardRows: Send {
    /// In order.
    async fn card_acts(&mut self) -> Result<Vec<RawCards>, StoreError>;
    async fn last_cards(&mut self) -> Result<Option<RawCards>, StoreError>;
    async fn keep_cards(&mut self, act: &RawCards) -> Result<(), StoreError>;
}

impl Store {
    /// The cards as changed last; `None` if nobody ever did.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn cards(&self) -> Result<Option<RawCards>, StoreError> {
        self.read().await?.last_cards().await
    }

    /// Changes the cards and logs it, unless they were last changed by another entry than the one `seen` (0 for none);
    /// then nothing happens. `entry` of the act is filled in.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn change_cards(&self, mut act: RawCards, seen: Option<i64>) -> Result<Option<RawCards>, StoreError> {
        let mut db = self.write().await?;
        let last = db.last_cards().await?.map_or(0, |last| last.entry);
        if seen.is_some_and(|seen| seen != last) {
            return Ok(None);
        }
        let draft = Draft { at: &act.at, kind: kind::CARDS_CHANGED, subject: CARDS, payload: act.payload() };
        act.entry = self.log.append(db.as_mut(), vec![draft]).await? as i64;
        db.keep_cards(&act).await?;
        db.commit().await?;
        Ok(Some(act))
    }
}

impl Snapshot {
    /// Every change of the cards, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn card_acts(&mut self) -> Result<Vec<RawCards>, StoreError> {
        self.db.card_acts().await
    }
}
