//! The rows that forecasts are made of, in SQLite.

use super::SqliteRows;
use crate::store::StoreError;
use crate::store::arrivals::{ArrivalRows, HoldStep};
use async_trait::async_trait;

#[async_trait]
impl ArrivalRows for SqliteRows {
    async fn first_arrival(&mut self) -> Result<Option<i64>, StoreError> {
        let first = sqlx::query_scalar(
            "SELECT min(opened) FROM cases \
             WHERE claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known')",
        );
        Ok(first.fetch_one(&mut *self.tx).await?)
    }

    async fn arrivals(&mut self, since: i64, slot: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT opened / ?2, count(*) FROM cases WHERE opened >= ?1 \
             AND claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') GROUP BY 1 ORDER BY 1",
        );
        Ok(rows.bind(since).bind(slot).fetch_all(&mut *self.tx).await?)
    }

    async fn hold_steps(&mut self, limit: i64) -> Result<Vec<HoldStep>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT claim, at, kind FROM review_steps WHERE kind IN ('review_claimed', 'review_taken_over', \
             'review_released', 'review_decided', 'review_seconded', 'review_paired', 'review_agreed', \
             'review_parted') AND claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') \
             ORDER BY entry DESC LIMIT ?",
        );
        let rows: Vec<(String, String, String)> = rows.bind(limit).fetch_all(&mut *self.tx).await?;
        Ok(rows.into_iter().map(|(claim, at, kind)| HoldStep { claim, at, kind }).collect())
    }
}
