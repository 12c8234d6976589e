//! The rows about cards in PostgreSQL.

use super::PostgresRows;
use crate::store::StoreError;
use crate::store::cards::{CardRows, RawCards};
use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

fn act(row: &PgRow) -> Result<RawCards, StoreError> {
    Ok(RawCards {
        entry: row.try_get(0)?,
        at: row.try_get(1)?,
        cards: row.try_get(2)?,
        reviewer: row.try_get(3)?,
        salt: row.try_get(4)?,
    })
}

#[async_trait]
impl CardRows for PostgresRows {
    async fn card_acts(&mut self) -> Result<Vec<RawCards>, StoreError> {
        let rows = sqlx::query("SELECT entry, at, cards, reviewer, salt FROM card_acts ORDER BY entry");
        rows.fetch_all(&mut *self.tx).await?.iter().map(act).collect()
    }

    async fn last_cards(&mut self) -> Result<Option<RawCards>, StoreError> {
        let row = sqlx::query("SELECT entry, at, cards, reviewer, salt FROM card_acts ORDER BY entry DESC LIMIT 1");
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(act).transpose()
    }

    async fn keep_cards(&mut self, act: &RawCards) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO card_acts (entry, at, cards, reviewer, salt) VALUES ($1, $2, $3, $4, $5)")
            .bind(act.entry)
            .bind(&act.at)
            .bind(&act.cards)
            .bind(&act.reviewer)
            .bind(&act.salt)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}
