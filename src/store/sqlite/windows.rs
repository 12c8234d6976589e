//! Decisions of a stretch of time, in SQLite. The index by age tells all but the records, which are large: that it is
//! named keeps SQLite from walking them instead.

use super::SqliteRows;
use crate::store::StoreError;
use crate::store::rows::DecidedRow;
use crate::store::windows::{Window, WindowRows};
use async_trait::async_trait;

#[async_trait]
impl WindowRows for SqliteRows {
    async fn decisions_within(&mut self, window: &Window) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM decisions INDEXED BY decisions_by_age \
             WHERE kind IS NOT '' AND decided_at >= ? AND decided_at < ?",
        );
        Ok(count.bind(&window.from).bind(&window.to).fetch_one(&mut *self.tx).await?)
    }

    async fn places_within(&mut self, window: &Window, every: i64) -> Result<Vec<i64>, StoreError> {
        let places = sqlx::query_scalar(
            "SELECT id FROM decisions INDEXED BY decisions_by_age \
             WHERE kind IS NOT '' AND decided_at >= ? AND decided_at < ? AND id % ? = 0",
        );
        Ok(places.bind(&window.from).bind(&window.to).bind(every).fetch_all(&mut *self.tx).await?)
    }

    async fn decided_at(&mut self, places: &[i64]) -> Result<Vec<DecidedRow>, StoreError> {
        let listed = serde_json::to_string(places).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let rows = sqlx::query_as(
            "SELECT d.id, d.claim, d.record, k.wrapped FROM decisions d LEFT JOIN claim_keys k ON k.claim = d.claim \
             WHERE d.id IN (SELECT value FROM json_each(?)) AND d.kind IS NOT ''",
        );
        let rows: Vec<(i64, String, Vec<u8>, Option<Vec<u8>>)> = rows.bind(listed).fetch_all(&mut *self.tx).await?;
        Ok(rows.into_iter().map(|(id, claim, record, wrapped)| DecidedRow { id, claim, record, wrapped }).collect())
    }
}
