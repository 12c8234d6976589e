//! Who is told of what happens to claims, and what is still to be told.
//!
//! The log is the outbox: an entry is written in the transaction of what it tells of, so nothing that happened can be
//! missing in it. A webhook keeps the place up to which entries became deliveries; telling all of it again is setting that
//! place back.

use super::rows::Rows;
use super::{Store, StoreError};
use crate::audit::Entry;
use async_trait::async_trait;
use sqlx::{ColumnIndex, Decode, Row, Type};
use std::collections::BTreeSet;

/// Entries looked through in one go.
const AT_ONCE: i64 = 1000;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub id: String,
    /// Where to.
    pub url: String,
    /// Names of what is told of.
    pub events: Vec<String>,
    /// Whether anything is sent.
    pub active: bool,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Entries of the log up to this one are among the deliveries, or were not asked for.
    pub place: i64,
    /// What messages are signed with, as stored.
    pub wrapped: Vec<u8>,
}

/// A webhook with what is still to be delivered, and what was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The webhook.
    pub webhook: Webhook,
    /// Deliveries that wait.
    pub waiting: i64,
    /// Deliveries given up.
    pub gave_up: i64,
    /// What the receiver answered last where it did not take a delivery; `None` where it did not answer.
    pub last_status: Option<i64>,
}

/// A delivery to be tried now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub webhook: Webhook,
    /// What is told of.
    pub entry: Entry,
    /// Attempts before this one.
    pub attempts: u32,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Delivered,
    /// It was not; try again at this time, milliseconds since 1970.
    Again {
        /// When.
        due: i64,
        /// What was answered, if anything was.
        status: Option<u16>,
    },
    /// It was not, and this was the last attempt.
    GaveUp {
        /// What was answered, if anything was.
        status: Option<u16>,
    },
    /// The receiver wants nothing more.
    Gone,
}

/// A delivery as stored.
#[derive(Debug, Clone)]
pub(super) struct DueRow {
    pub(super) entry: i64,
    pub(super) attempts: i64,
}

/// How a webhook that messages are sent to stands in its row.
const ACTIVE: &str = "active";

impl Webhook {
    /// From the columns id, url, events, secret, state, created_at and place.
    pub(super) fn of<'r, R: Row>(row: &'r R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
    {
        let (events, state): (String, String) = (row.try_get(2)?, row.try_get(4)?);
        Ok(Self {
            id: row.try_get(0)?,
            url: row.try_get(1)?,
            events: events.split(',').map(str::to_owned).collect(),
            wrapped: row.try_get(3)?,
            active: state == ACTIVE,
            created_at: row.try_get(5)?,
            place: row.try_get(6)?,
        })
    }
}

/// A webhook's state as it is stored.
pub(super) fn state(active: bool) -> &'static str {
    if active { ACTIVE } else { "disabled" }
}

/// The rows of webhooks, within one transaction.
#[async_trait]
pub(super) trait WebhookRows: Send {
    async fn keep_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;
    /// By name.
    async fn webhooks(&mut self) -> Result<Vec<Webhook>, StoreError>;
    /// Whether there was one.
    async fn drop_webhook(&mut self, id: &str) -> Result<bool, StoreError>;
    async fn set_webhook(&mut self, id: &str, active: bool, place: i64) -> Result<(), StoreError>;
    /// Those that wait, those given up, and the last status.
    async fn delivery_counts(&mut self, webhook: &str) -> Result<(i64, i64, Option<i64>), StoreError>;
    /// Keeps deliveries to be tried at a time, also such as were given up.
    async fn keep_deliveries(&mut self, webhook: &str, entries: &[(i64, i64)]) -> Result<(), StoreError>;
    /// Of one webhook, the most overdue first.
    async fn due(&mut self, webhook: &str, now: i64, limit: i64) -> Result<Vec<DueRow>, StoreError>;
    async fn hold_delivery(&mut self, webhook: &str, entry: i64, until: i64) -> Result<(), StoreError>;
    async fn end_delivery(&mut self, webhook: &str, entry: i64, attempt: Attempt) -> Result<(), StoreError>;
}

impl Store {
    /// Keeps a new webhook, which is told of what happens from now on. Gives it as kept.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where nothing can be sealed, or if it cannot be written.
    pub async fn add_webhook(&self, new: Webhook, secret: &[u8; 32]) -> Result<Webhook, StoreError> {
        let mut db = self.write().await?;
        let place = head(db.as_mut()).await?;
        let webhook = Webhook { place, wrapped: self.vault.wrap_secret(&new.id, secret)?, ..new };
        db.keep_webhook(&webhook).await?;
        db.commit().await?;
        Ok(webhook)
    }

    /// What a webhook's messages are signed with.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or [`StoreError::Corrupt`] if it does not open.
    pub fn webhook_secret(&self, webhook: &Webhook) -> Result<[u8; 32], StoreError> {
        let secret = self.vault.unwrap_secret(&webhook.id, &webhook.wrapped)?;
        secret.ok_or_else(|| StoreError::Corrupt("a webhook's secret is altered".to_owned()))
    }

    /// Every webhook.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn webhooks(&self) -> Result<Vec<Told>, StoreError> {
        let mut db = self.read().await?;
        let mut told = Vec::new();
        for webhook in db.webhooks().await? {
            let (waiting, gave_up, last_status) = db.delivery_counts(&webhook.id).await?;
            told.push(Told { webhook, waiting, gave_up, last_status });
        }
        Ok(told)
    }

    /// Forgets a webhook and what it was to be told; `false` if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn drop_webhook(&self, id: &str) -> Result<bool, StoreError> {
        let mut db = self.write().await?;
        let was = db.drop_webhook(id).await?;
        db.commit().await?;
        Ok(was)
    }

    /// Sends again, or for the first time: turns a webhook on, and sets it back to just before `from`, if that is given.
    /// `false` if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn resume_webhook(&self, id: &str, from: Option<i64>) -> Result<bool, StoreError> {
        let mut db = self.write().await?;
        let Some(webhook) = db.webhooks().await?.into_iter().find(|webhook| webhook.id == id) else { return Ok(false) };
        let place = from.map_or(webhook.place, |from| webhook.place.min(from.max(1) - 1));
        db.set_webhook(id, true, place).await?;
        db.commit().await?;
        Ok(true)
    }

    /// Makes deliveries of what was logged since, and takes those that are due by `now`, not to be taken by another before
    /// `until`; of each webhook at most what `room` gives for its name. `wanted` tells when an entry is to be told to a
    /// webhook, if at all. Times are milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub async fn take_deliveries(
        &self,
        now: i64,
        until: i64,
        room: impl Fn(&str) -> i64 + Send,
        wanted: impl Fn(&Webhook, &Entry) -> Option<i64> + Send,
    ) -> Result<Vec<Delivery>, StoreError> {
        // Nothing is written, and no writer waited for, where there is nothing to do.
        if !self.anything_to_tell(now, &room).await? {
            return Ok(Vec::new());
        }
        let mut db = self.write().await?;
        let size = head(db.as_mut()).await?;
        let webhooks = db.webhooks().await?;
        // Of those nothing is to be done by anybody outside.
        let known: BTreeSet<String> = db.known_claims().await?.into_iter().collect();
        for webhook in webhooks.iter().filter(|webhook| webhook.active && webhook.place < size) {
            let to = size.min(webhook.place + AT_ONCE);
            let entries = db.entries(webhook.place + 1, to).await?;
            let entries = entries.iter().filter(|entry| !known.contains(&entry.subject));
            let told: Vec<(i64, i64)> =
                entries.filter_map(|entry| Some((entry.seq as i64, wanted(webhook, entry)?))).collect();
            db.keep_deliveries(&webhook.id, &told).await?;
            db.set_webhook(&webhook.id, true, to).await?;
        }
        let mut taken = Vec::new();
        for webhook in webhooks.iter().filter(|webhook| webhook.active) {
            let room = room(&webhook.id);
            let due = if room > 0 { db.due(&webhook.id, now, room).await? } else { Vec::new() };
            for row in due {
                let Some(entry) = db.entries(row.entry, row.entry).await?.into_iter().next() else {
                    return Err(StoreError::Corrupt("a delivery of nothing".to_owned()));
                };
                db.hold_delivery(&webhook.id, row.entry, until).await?;
                let attempts = row.attempts.clamp(0, i64::from(u32::MAX)) as u32;
                taken.push(Delivery { webhook: webhook.clone(), entry, attempts });
            }
        }
        db.commit().await?;
        Ok(taken)
    }

    async fn anything_to_tell(&self, now: i64, room: &(impl Fn(&str) -> i64 + Send)) -> Result<bool, StoreError> {
        let mut db = self.read().await?;
        let mut webhooks = db.webhooks().await?;
        webhooks.retain(|webhook| webhook.active);
        if webhooks.is_empty() {
            return Ok(false);
        }
        let size = head(db.as_mut()).await?;
        for webhook in &webhooks {
            let is_behind = webhook.place < size;
            if is_behind || (room(&webhook.id) > 0 && !db.due(&webhook.id, now, 1).await?.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes what came of an attempt.
    ///
    /// # Errors
    /// If it cannot be written; then it is tried again.
    pub async fn end_delivery(&self, delivery: &Delivery, attempt: Attempt) -> Result<(), StoreError> {
        let (id, entry) = (&delivery.webhook.id, delivery.entry.seq as i64);
        let mut db = self.write().await?;
        db.end_delivery(id, entry, attempt).await?;
        if attempt == Attempt::Gone {
            let place = db.webhooks().await?.into_iter().find(|webhook| webhook.id == *id).map(|webhook| webhook.place);
            db.set_webhook(id, false, place.unwrap_or(entry)).await?;
        }
        db.commit().await
    }
}

async fn head(db: &mut dyn Rows) -> Result<i64, StoreError> {
    Ok(db.head().await?.map_or(0, |head| head.checkpoint.size as i64))
}
