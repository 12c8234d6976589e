//! Decisions of a stretch of time, in PostgreSQL.

use super::PostgresRows;
use crate::store::StoreError;
use crate::store::rows::DecidedRow;
use crate::store::windows::{Window, WindowRows};
use async_trait::async_trait;

#[async_trait]
impl WindowRows for PostgresRows {
    async fn decisions_within(&mut self, window: &Window) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM decisions WHERE kind IS DISTINCT FROM '' AND decided_at >= $1 AND decided_at < $2",
        );
        Ok(count.bind(&window.from).bind(&window.to).fetch_one(&mut *self.tx).await?)
    }

    async fn places_within(&mut self, window: &Window, every: i64) -> Result<Vec<i64>, StoreError> {
        let places = sqlx::query_scalar(
            "SELECT id FROM decisions \
             WHERE kind IS DISTINCT FROM '' AND decided_at >= $1 AND decided_at < $2 AND id % $3 = 0",
        );
        Ok(places.bind(&window.from).bind(&window.to).bind(every).fetch_all(&mut *self.tx).await?)
    }

    async fn decided_at(&mut self, places: &[i64]) -> Result<Vec<DecidedRow>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT d.id, d.claim, d.record, k.wrapped FROM decisions d LEFT JOIN claim_keys k ON k.claim = d.claim \
             WHERE d.id = ANY($1) AND d.kind IS DISTINCT FROM ''",
        );
        let rows: Vec<(i64, String, Vec<u8>, Option<Vec<u8>>)> = rows.bind(places).fetch_all(&mut *self.tx).await?;
        Ok(rows.into_iter().map(|(id, claim, record, wrapped)| DecidedRow { id, claim, record, wrapped }).collect())
    }
}
