//! The rows about cards in SQLite.

use super::{SqliteRows, lossy, lossy_or_null};
use crate::store::StoreError;
use crate::store::cards::{CardRows, RawCards};
use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

fn act(row: &SqliteRow) -> Result<RawCards, StoreError> {
    Ok(RawCards {
        entry: row.try_get(0)?,
        at: lossy(row, 1)?,
        cards: lossy(row, 2)?,
        reviewer: lossy_or_null(row, 3)?,
        salt: row.try_get(4)?,
    })
}

#[async_trait]
impl CardRows for SqliteRows {
    async fn card_acts(&mut self) -> Result<Vec<RawCards>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(cards AS BLOB), CAST(reviewer AS BLOB), salt FROM card_acts \
             ORDER BY entry",
        );
        rows.fetch_all(&mut *self.tx).await?.iter().map(act).collect()
    }

    async fn last_cards(&mut self) -> Result<Option<RawCards>, StoreError> {
        let row = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(cards AS BLOB), CAST(reviewer AS BLOB), salt FROM card_acts \
             ORDER BY entry DESC LIMIT 1",
        );
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(act).transpose()
    }

    async fn keep_cards(&mut self, act: &RawCards) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO card_acts (entry, at, cards, reviewer, salt) VALUES (?, ?, ?, ?, ?)")
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
