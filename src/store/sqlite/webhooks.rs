//! The rows of webhooks in SQLite.

use super::SqliteRows;
use crate::store::StoreError;
use crate::store::webhooks::{Attempt, DueRow, Webhook, WebhookRows, state};
use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

#[async_trait]
impl WebhookRows for SqliteRows {
    async fn keep_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let keep = sqlx::query(
            "INSERT INTO webhooks (id, url, events, secret, state, created_at, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        );
        let keep = keep.bind(&webhook.id).bind(&webhook.url).bind(webhook.events.join(",")).bind(&webhook.wrapped);
        let keep = keep.bind(state(webhook.active)).bind(&webhook.created_at).bind(webhook.place);
        keep.execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn webhooks(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let rows = sqlx::query("SELECT id, url, events, secret, state, created_at, place FROM webhooks ORDER BY id");
        rows.fetch_all(&mut *self.tx).await?.iter().map(Webhook::of).collect()
    }

    async fn drop_webhook(&mut self, id: &str) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM deliveries WHERE webhook = ?1").bind(id).execute(&mut *self.tx).await?;
        let gone = sqlx::query("DELETE FROM webhooks WHERE id = ?1").bind(id).execute(&mut *self.tx).await?;
        Ok(gone.rows_affected() > 0)
    }

    async fn set_webhook(&mut self, id: &str, active: bool, place: i64) -> Result<(), StoreError> {
        let set = sqlx::query("UPDATE webhooks SET state = ?1, place = ?2 WHERE id = ?3");
        set.bind(state(active)).bind(place).bind(id).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn delivery_counts(&mut self, webhook: &str) -> Result<(i64, i64, Option<i64>), StoreError> {
        let counts = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE gave_up = 0), COUNT(*) FILTER (WHERE gave_up = 1), \
             (SELECT status FROM deliveries WHERE webhook = ?1 AND attempts > 0 ORDER BY entry DESC LIMIT 1) \
             FROM deliveries WHERE webhook = ?1",
        );
        Ok(counts.bind(webhook).fetch_one(&mut *self.tx).await?)
    }

    async fn keep_deliveries(&mut self, webhook: &str, entries: &[(i64, i64)]) -> Result<(), StoreError> {
        for (entry, due) in entries {
            let keep = sqlx::query(
                "INSERT INTO deliveries (webhook, entry, attempts, due, gave_up) VALUES (?1, ?2, 0, ?3, 0) \
                 ON CONFLICT (webhook, entry) DO UPDATE SET attempts = 0, due = excluded.due, gave_up = 0",
            );
            keep.bind(webhook).bind(entry).bind(due).execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    async fn due(&mut self, webhook: &str, now: i64, limit: i64) -> Result<Vec<DueRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, attempts FROM deliveries WHERE webhook = ?1 AND gave_up = 0 AND due <= ?2 \
             ORDER BY due, entry LIMIT ?3",
        );
        let rows = rows.bind(webhook).bind(now).bind(limit).fetch_all(&mut *self.tx).await?;
        let row = |row: &SqliteRow| Ok(DueRow { entry: row.try_get(0)?, attempts: row.try_get(1)? });
        rows.iter().map(row).collect()
    }

    async fn hold_delivery(&mut self, webhook: &str, entry: i64, until: i64) -> Result<(), StoreError> {
        let hold = sqlx::query("UPDATE deliveries SET due = ?1 WHERE webhook = ?2 AND entry = ?3");
        hold.bind(until).bind(webhook).bind(entry).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn end_delivery(&mut self, webhook: &str, entry: i64, attempt: Attempt) -> Result<(), StoreError> {
        let (due, gave_up, status) = match attempt {
            Attempt::Delivered | Attempt::Gone => {
                let gone = sqlx::query("DELETE FROM deliveries WHERE webhook = ?1 AND entry = ?2");
                gone.bind(webhook).bind(entry).execute(&mut *self.tx).await?;
                return Ok(());
            }
            Attempt::Again { due, status } => (due, 0_i64, status),
            Attempt::GaveUp { status } => (0, 1, status),
        };
        let end = sqlx::query(
            "UPDATE deliveries SET attempts = attempts + 1, due = ?1, gave_up = ?2, status = ?3 \
             WHERE webhook = ?4 AND entry = ?5",
        );
        let end = end.bind(due).bind(gave_up).bind(status.map(i64::from)).bind(webhook).bind(entry);
        end.execute(&mut *self.tx).await?;
        Ok(())
    }
}
