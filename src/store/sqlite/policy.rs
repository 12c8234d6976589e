//! The rows about policies in SQLite.

use super::{SqliteRows, lossy, lossy_or_null};
use crate::store::StoreError;
use crate::store::policy::{PolicyRows, RawAct, ShadowCounts, SoughtAct};
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

const ACTS: &str = "SELECT entry, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(policy AS BLOB), CAST(begins AS BLOB), \
     CAST(figures AS BLOB), CAST(reviewer AS BLOB), CAST(why AS BLOB), salt FROM policy_acts";

fn act(row: &SqliteRow) -> Result<RawAct, StoreError> {
    Ok(RawAct {
        entry: row.try_get(0)?,
        at: lossy(row, 1)?,
        kind: lossy(row, 2)?,
        policy: lossy_or_null(row, 3)?,
        begins: lossy_or_null(row, 4)?,
        figures: lossy_or_null(row, 5)?,
        reviewer: lossy_or_null(row, 6)?,
        why: lossy_or_null(row, 7)?,
        salt: row.try_get(8)?,
    })
}

#[async_trait]
impl PolicyRows for SqliteRows {
    async fn policy(&mut self, sha256: &str) -> Result<Option<String>, StoreError> {
        let text = sqlx::query_scalar("SELECT body FROM policies WHERE sha256 = ?").bind(sha256);
        Ok(text.fetch_optional(&mut *self.tx).await?)
    }

    async fn keep_act(&mut self, act: &RawAct) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO policy_acts (entry, at, kind, policy, begins, figures, reviewer, why, salt) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            SoughtAct::InForce(at) => ("kind = 'policy_adopted' AND (begins IS NULL OR begins <= ?)", Some(at)),
            SoughtAct::Shadow => ("kind IN ('policy_shadowed', 'policy_shadow_ended') AND ? IS NULL", None),
            SoughtAct::Backtest(policy) => ("kind = 'policy_backtested' AND policy = ?", Some(policy)),
        };
        let row = sqlx::query(AssertSqlSafe(format!("{ACTS} WHERE {which} ORDER BY entry DESC LIMIT 1"))).bind(value);
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(act).transpose()
    }

    async fn count_shadow(&mut self, entry: i64, whats: &[String]) -> Result<(), StoreError> {
        for what in whats {
            let count = sqlx::query(
                "INSERT INTO shadow_counts (entry, what, n) VALUES (?, ?, 1) \
                 ON CONFLICT (entry, what) DO UPDATE SET n = n + 1",
            );
            count.bind(entry).bind(what).execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    async fn keep_flip(&mut self, entry: i64, claim: &str, now: &str) -> Result<(), StoreError> {
        let keep = sqlx::query(
            "INSERT INTO shadow_flips (entry, claim, now) VALUES (?, ?, ?) \
             ON CONFLICT (entry, claim) DO UPDATE SET now = excluded.now",
        );
        keep.bind(entry).bind(claim).bind(now).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn shadow_counts(&mut self, entry: i64, limit: i64) -> Result<ShadowCounts, StoreError> {
        let counts = sqlx::query_as("SELECT what, n FROM shadow_counts WHERE entry = ?").bind(entry);
        let counts: Vec<(String, i64)> = counts.fetch_all(&mut *self.tx).await?;
        let flips = sqlx::query_as("SELECT claim, now FROM shadow_flips WHERE entry = ? ORDER BY claim DESC LIMIT ?");
        let flips: Vec<(String, String)> = flips.bind(entry).bind(limit).fetch_all(&mut *self.tx).await?;
        Ok(ShadowCounts {
            counts: counts.into_iter().collect(),
            flips: flips.into_iter().map(|(claim, now)| [claim, now]).collect(),
        })
    }
}
