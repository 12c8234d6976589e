//! Reading an SQLite file in pieces. Text is compared and read as bytes, so that a damaged byte is seen and not
//! refused.

use super::{SqliteRows, lossy, lossy_or_null, outcome, photo};
use crate::audit::merkle::Nodes;
use crate::store::gate::RawOutcome;
use crate::store::vault::RawErasure;
use crate::store::walk::{Named, Names, RawJob, RawMark, Said, Walk, nodes_of};
use crate::store::{Fingerprint, RawClaim, RawDecision, RawPhoto, StoreError};
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use std::collections::BTreeSet;
use std::ops::Bound;

impl SqliteRows {
    /// The rows that name a claim of a range; the first column is that name. `order` are columns to sort by.
    pub(super) async fn named<T>(
        &mut self,
        select: &'static str,
        column: &'static str,
        names: &Names,
        order: &'static str,
        row: impl Fn(&SqliteRow) -> Result<T, StoreError> + Send,
    ) -> Result<Vec<Named<T>>, StoreError> {
        let mut query = QueryBuilder::new(select);
        query.push(" WHERE true");
        within(&mut query, column, names);
        query.push(" ORDER BY ").push(order);
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, row(r)?))).collect()
    }
}

/// The condition that a column is within a range.
fn within(query: &mut QueryBuilder<Sqlite>, column: &str, Names { from, to }: &Names) {
    for (bound, signs) in [(from, [" >= ", " > "]), (to, [" <= ", " < "])] {
        let (sign, name) = match bound {
            Bound::Included(name) => (signs[0], name),
            Bound::Excluded(name) => (signs[1], name),
            Bound::Unbounded => continue,
        };
        query.push(" AND ").push(column).push(sign).push("CAST(").push_bind(name.clone()).push(" AS TEXT)");
    }
}

#[async_trait]
impl Walk for SqliteRows {
    async fn take_time(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn next_entry(&mut self, from: i64) -> Result<Option<i64>, StoreError> {
        let least = sqlx::query_scalar("SELECT min(seq) FROM log WHERE seq >= ?").bind(from);
        Ok(least.fetch_one(&mut *self.tx).await?)
    }

    async fn nodes_between(&mut self, level: u32, from: i64, to: i64) -> Result<Nodes, StoreError> {
        let rows = sqlx::query_as("SELECT level, i, hash FROM log_nodes WHERE level = ? AND i BETWEEN ? AND ?");
        Ok(nodes_of(rows.bind(level).bind(from).bind(to).fetch_all(&mut *self.tx).await?))
    }

    async fn nodes_above(&mut self, level: u32) -> Result<Nodes, StoreError> {
        let rows = sqlx::query_as("SELECT level, i, hash FROM log_nodes WHERE level > ?").bind(level);
        Ok(nodes_of(rows.fetch_all(&mut *self.tx).await?))
    }

    async fn count_nodes(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM log_nodes").fetch_one(&mut *self.tx).await?)
    }

    async fn claim_names(&mut self, from: &Bound<Vec<u8>>, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut query = QueryBuilder::new("SELECT CAST(id AS BLOB) FROM claims WHERE true");
        within(&mut query, "id", &Names { from: from.clone(), to: Bound::Unbounded });
        query.push(" ORDER BY id LIMIT ").push_bind(limit as i64);
        Ok(query.build_query_scalar().fetch_all(&mut *self.tx).await?)
    }

    async fn subjects(&mut self, names: &Names, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let distinct = "SELECT CAST(subject AS BLOB) FROM (SELECT DISTINCT subject FROM log WHERE true";
        let mut query = QueryBuilder::new(distinct);
        within(&mut query, "subject", names);
        query.push(" ORDER BY subject LIMIT ").push_bind(limit as i64).push(")");
        Ok(query.build_query_scalar().fetch_all(&mut *self.tx).await?)
    }

    async fn claims_in(&mut self, names: &Names) -> Result<Vec<Named<RawClaim>>, StoreError> {
        let select = "SELECT CAST(id AS BLOB), CAST(created_at AS BLOB), CAST(claim_json AS BLOB), salt, \
                      CAST(state AS BLOB), sealed, CAST(erased_at AS BLOB), CAST(tenant AS BLOB) FROM claims";
        let claim = |r: &SqliteRow| {
            let (created_at, claim_json) = (lossy(r, 1)?, lossy_or_null(r, 2)?);
            let bare = RawClaim::bare(lossy(r, 0)?, created_at, claim_json, r.try_get(3)?, lossy(r, 4)?);
            Ok(RawClaim { sealed: r.try_get(5)?, erased_at: lossy_or_null(r, 6)?, tenant: lossy(r, 7)?, ..bare })
        };
        self.named(select, "id", names, "id", claim).await
    }

    async fn jobs_in(&mut self, names: &Names) -> Result<Vec<Named<RawJob>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), CAST(now AS BLOB) FROM jobs";
        self.named(select, "claim", names, "claim", |r| lossy_or_null(r, 1)).await
    }

    async fn photos_in(&mut self, names: &Names) -> Result<Vec<Named<RawPhoto>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), n, CAST(source AS BLOB), CAST(sha256 AS BLOB), bytes, \
                      CAST(media_type AS BLOB), CAST(page_sha256 AS BLOB), pdf_page, \
                      CAST(COALESCE(blob, sha256) AS BLOB), round, left_out FROM photos";
        self.named(select, "claim", names, "claim, n", |r| photo(r, 1)).await
    }

    async fn decisions_in(&mut self, names: &Names) -> Result<Vec<Named<RawDecision>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), CAST(decided_at AS BLOB), CAST(decision AS BLOB), record, \
                      CAST(timing AS BLOB), CAST(kind AS BLOB) FROM decisions";
        let decision = |r: &SqliteRow| {
            let [decided_at, decision, timing] = [lossy(r, 1)?, lossy(r, 2)?, lossy(r, 4)?];
            let (record, kind) = (r.try_get(3)?, lossy_or_null(r, 5)?);
            Ok(RawDecision { decided_at, decision, record, timing, kind, cell: None })
        };
        self.named(select, "claim", names, "claim, id", decision).await
    }

    async fn keys_in(&mut self, names: &Names) -> Result<Vec<Named<[String; 2]>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), CAST(key_sha256 AS BLOB), CAST(body_sha256 AS BLOB) FROM idempotency";
        self.named(select, "claim", names, "claim, key_sha256", |r| Ok([lossy(r, 1)?, lossy(r, 2)?])).await
    }

    async fn outcomes_in(&mut self, names: &Names) -> Result<Vec<Named<RawOutcome>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), entry, CAST(at AS BLOB), CAST(outcome AS BLOB), \
                      CAST(source AS BLOB), CAST(reviewer AS BLOB) FROM outcomes";
        self.named(select, "claim", names, "claim", |r| outcome(r, 1)).await
    }

    async fn prints_in(&mut self, names: &Names) -> Result<Vec<Named<Fingerprint>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), document, CAST(sha256 AS BLOB), CAST(picture_hash AS BLOB), \
                      CAST(family AS BLOB), CAST(code AS BLOB), CAST(number AS BLOB), CAST(issued AS BLOB), \
                      CAST(issuer AS BLOB) FROM fingerprints";
        let print = |r: &SqliteRow| {
            Ok(Fingerprint {
                document: r.try_get(1)?,
                sha256: lossy(r, 2)?,
                picture_hash: lossy_or_null(r, 3)?,
                family: lossy_or_null(r, 4)?,
                code: lossy_or_null(r, 5)?,
                number: lossy_or_null(r, 6)?,
                issued: lossy_or_null(r, 7)?,
                issuer: lossy_or_null(r, 8)?,
                marks: BTreeSet::new(),
            })
        };
        self.named(select, "claim", names, "claim, document, id", print).await
    }

    async fn marks_in(&mut self, names: &Names) -> Result<Vec<Named<RawMark>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), document, CAST(mark AS BLOB) FROM marks";
        let mark = |r: &SqliteRow| Ok(RawMark { document: r.try_get(1)?, mark: lossy(r, 2)? });
        self.named(select, "claim", names, "claim", mark).await
    }

    async fn wrapped_in(&mut self, names: &Names) -> Result<Vec<Named<Vec<u8>>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), wrapped FROM claim_keys";
        self.named(select, "claim", names, "claim", |r| Ok(r.try_get(1)?)).await
    }

    async fn erasures_in(&mut self, names: &Names) -> Result<Vec<Named<RawErasure>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), entry, CAST(at AS BLOB), CAST(reviewer AS BLOB), CAST(why AS BLOB), salt \
                      FROM erasures";
        let erasure = |r: &SqliteRow| {
            let [at, reviewer, why] = [lossy(r, 2)?, lossy(r, 3)?, lossy(r, 4)?];
            Ok(RawErasure { entry: r.try_get(1)?, at, reviewer, why, salt: r.try_get(5)? })
        };
        self.named(select, "claim", names, "claim", erasure).await
    }

    async fn said_in(&mut self, names: &Names) -> Result<Vec<Named<Said>>, StoreError> {
        let select =
            "SELECT CAST(subject AS BLOB), seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(payload AS BLOB) FROM log";
        let said = |r: &SqliteRow| {
            let [at, kind, payload] = [lossy(r, 2)?, lossy(r, 3)?, lossy(r, 4)?];
            Ok(Said { seq: r.try_get::<i64, _>(1)? as u64, at, kind, payload })
        };
        self.named(select, "subject", names, "subject, seq", said).await
    }

    async fn photos_named(&mut self, hashes: &[String]) -> Result<Vec<String>, StoreError> {
        let listed = serde_json::to_string(hashes).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let found = sqlx::query_scalar(
            "SELECT blob FROM photos WHERE blob IN (SELECT value FROM json_each(?1)) \
             UNION SELECT page_sha256 FROM photos WHERE page_sha256 IN (SELECT value FROM json_each(?1))",
        );
        Ok(found.bind(listed).fetch_all(&mut *self.tx).await?)
    }
}
