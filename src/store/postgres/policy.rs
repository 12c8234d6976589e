//! The rows about policies in PostgreSQL.

use super::PostgresRows;
use crate::store::StoreError;
use crate::store::policy::{PolicyRows, RawAct, ShadowCounts, SoughtAct};
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

const ACTS: &str = "SELECT entry, at, kind, policy, begins, figures, reviewer, why, salt FROM policy_acts";

fn act(row: &PgRow) -> Result<RawAct, StoreError> {
    Ok(RawAct {
        entry: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        policy: row.try_get(3)?,
        begins: row.try_get(4)?,
        figures: row.try_get(5)?,
        reviewer: row.try_get(6)?,
        why: row.try_get(7)?,
        salt: row.try_get(8)?,
    })
}

#[async_trait]
impl PolicyRows for PostgresRows {
    async fn policy(&mut self, sha256: &str) -> Result<Option<String>, StoreError> {
        let text = sqlx::query_scalar("SELECT body FROM policies WHERE sha256 = $1").bind(sha256);
        Ok(text.fetch_optional(&mut *self.tx).await?)
    }

    async fn keep_act(&mut self, act: &RawAct) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO policy_acts (entry, at, kind, policy, begins, figures, reviewer, why, salt) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(act.entry)
        .bind(&act.at)
        .bind(&act.kind)
        .bind(&act.policy)
        .bind(&act.begins)
        .bind(&act.figures)
        .bind(&act.reviewer)
        .bind(&act.why)
        .bind(&act.salt)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn acts(&mut self) -> Result<Vec<RawAct>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(format!("{ACTS} ORDER BY entry")));
        rows.fetch_all(&mut *self.tx).await?.iter().map(act).collect()
    }

    async fn last_act(&mut self, sought: SoughtAct<'_>) -> Result<Option<RawAct>, StoreError> {
        let (which, value) = match sought {
            SoughtAct::InForce(at) => ("kind = 'policy_adopted' AND (begins IS NULL OR begins <= $1)", Some(at)),
            SoughtAct::Shadow => ("kind IN ('policy_shadowed', 'policy_shadow_ended') AND $1::text IS NULL", None),
            SoughtAct::Backtest(policy) => ("kind = 'policy_backtested' AND policy = $1", Some(policy)),
        };
        let row = sqlx::query(AssertSqlSafe(format!("{ACTS} WHERE {which} ORDER BY entry DESC LIMIT 1"))).bind(value);
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(act).transpose()
    }

    async fn count_shadow(&mut self, entry: i64, whats: &[String]) -> Result<(), StoreError> {
        let count = sqlx::query(
            "INSERT INTO shadow_counts AS s (entry, what, n) SELECT $1, w, 1 FROM UNNEST($2::text[]) w \
             ON CONFLICT (entry, what) DO UPDATE SET n = s.n + 1",
        );
        count.bind(entry).bind(whats).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_flip(&mut self, entry: i64, claim: &str, now: &str) -> Result<(), StoreError> {
        let keep = sqlx::query(
            "INSERT INTO shadow_flips (entry, claim, now) VALUES ($1, $2, $3) \
             ON CONFLICT (entry, claim) DO UPDATE SET now = excluded.now",
        );
        keep.bind(entry).bind(claim).bind(now).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn shadow_counts(&mut self, entry: i64, limit: i64) -> Result<ShadowCounts, StoreError> {
        let counts = sqlx::query_as("SELECT what, n FROM shadow_counts WHERE entry = $1").bind(entry);
        let counts: Vec<(String, i64)> = counts.fetch_all(&mut *self.tx).await?;
        let flips = sqlx::query_as("SELECT claim, now FROM shadow_flips WHERE entry = $1 ORDER BY claim DESC LIMIT $2");
        let flips: Vec<(String, String)> = flips.bind(entry).bind(limit).fetch_all(&mut *self.tx).await?;
        Ok(ShadowCounts {
            counts: counts.into_iter().collect(),
            flips: flips.into_iter().map(|(claim, now)| [claim, now]).collect(),
        })
    }
}
