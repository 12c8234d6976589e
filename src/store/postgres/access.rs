//! The rows about access in PostgreSQL.

use super::PostgresRows;
use crate::store::StoreError;
use crate::store::access::{AccessRows, Ended, RawKeyAct, SessionRow};
use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

const ACTS: &str = "SELECT entry, at, kind, key, name, role, tenant, mac, expires, per_minute, photos_a_day, replaces, \
     overlap_ends, reviewer, salt FROM api_keys ORDER BY entry";

fn act(row: &PgRow) -> Result<RawKeyAct, StoreError> {
    Ok(RawKeyAct {
        entry: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        key: row.try_get(3)?,
        name: row.try_get(4)?,
        role: row.try_get(5)?,
        tenant: row.try_get(6)?,
        mac: row.try_get(7)?,
        expires: row.try_get(8)?,
        per_minute: row.try_get(9)?,
        photos_a_day: row.try_get(10)?,
        replaces: row.try_get(11)?,
        overlap_ends: row.try_get(12)?,
        reviewer: row.try_get(13)?,
        salt: row.try_get(14)?,
    })
}

#[async_trait]
impl AccessRows for PostgresRows {
    async fn key_acts(&mut self) -> Result<Vec<RawKeyAct>, StoreError> {
        sqlx::query(ACTS).fetch_all(&mut *self.tx).await?.iter().map(act).collect()
    }

    async fn keep_key_act(&mut self, act: &RawKeyAct) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_keys (entry, at, kind, key, name, role, tenant, mac, expires, per_minute, \
             photos_a_day, replaces, overlap_ends, reviewer, salt) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(act.entry)
        .bind(&act.at)
        .bind(&act.kind)
        .bind(&act.key)
        .bind(&act.name)
        .bind(&act.role)
        .bind(&act.tenant)
        .bind(&act.mac)
        .bind(&act.expires)
        .bind(act.per_minute)
        .bind(act.photos_a_day)
        .bind(&act.replaces)
        .bind(&act.overlap_ends)
        .bind(&act.reviewer)
        .bind(&act.salt)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn is_logged(&mut self, subject: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM log WHERE subject = $1 LIMIT 1").bind(subject);
        Ok(row.fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query("SELECT id, key, mac, begun, used FROM sessions WHERE id = $1").bind(id);
        let session = |row: PgRow| {
            let (id, key, mac) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(SessionRow { id, key, mac, begun: row.try_get(3)?, used: row.try_get(4)? })
        };
        row.fetch_optional(&mut *self.tx).await?.map(session).transpose()
    }

    async fn keep_session(&mut self, session: &SessionRow) -> Result<(), StoreError> {
        let keep = sqlx::query("INSERT INTO sessions (id, key, mac, begun, used) VALUES ($1, $2, $3, $4, $5)");
        let keep = keep.bind(&session.id).bind(&session.key).bind(&session.mac);
        keep.bind(session.begun).bind(session.used).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn use_session(&mut self, id: &str, used: i64) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE sessions SET used = $1 WHERE id = $2");
        update.bind(used).bind(id).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn end_sessions(&mut self, which: Ended<'_>) -> Result<(), StoreError> {
        let delete = match which {
            Ended::One(id) => sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id),
            Ended::OfKey(key) => sqlx::query("DELETE FROM sessions WHERE key = $1").bind(key),
            Ended::Aged { begun, used } => {
                sqlx::query("DELETE FROM sessions WHERE begun < $1 OR used < $2").bind(begun).bind(used)
            }
        };
        delete.execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn count_photos(&mut self, key: &str, day: &str, photos: i64, limit: i64) -> Result<bool, StoreError> {
        let earlier = sqlx::query("DELETE FROM key_photos WHERE key = $1 AND day < $2");
        earlier.bind(key).bind(day).execute(&mut *self.tx).await?;
        let count = sqlx::query(
            "INSERT INTO key_photos AS k (key, day, photos) VALUES ($1, $2, $3) ON CONFLICT (key, day) \
             DO UPDATE SET photos = k.photos + excluded.photos WHERE k.photos + excluded.photos <= $4",
        );
        let count = count.bind(key).bind(day).bind(photos).bind(limit);
        Ok(count.execute(&mut *self.tx).await?.rows_affected() == 1)
    }

    async fn tenant(&mut self, claim: &str) -> Result<Option<String>, StoreError> {
        let tenant = sqlx::query_scalar("SELECT tenant FROM claims WHERE id = $1").bind(claim);
        Ok(tenant.fetch_optional(&mut *self.tx).await?)
    }
}
