//! Reading a PostgreSQL database in pieces.

use super::{PostgresRows, outcome, photo};
use crate::audit::merkle::Nodes;
use crate::store::gate::RawOutcome;
use crate::store::vault::RawErasure;
use crate::store::walk::{Named, Names, RawJob, RawMark, Said, Walk, nodes_of};
use crate::store::{Fingerprint, RawClaim, RawDecision, RawPhoto, StoreError};
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use std::collections::BTreeSet;
use std::ops::Bound;

impl PostgresRows {
    /// The rows that name a claim of a range; the first column is that name. `order` are columns to sort by.
    pub(super) async fn named<T>(
        &mut self,
        select: &'static str,
        column: &'static str,
        names: &Names,
        order: &'static str,
        row: impl Fn(&PgRow) -> Result<T, sqlx::Error> + Send,
    ) -> Result<Vec<Named<T>>, StoreError> {
        let mut query = QueryBuilder::new(select);
        query.push(" WHERE true");
        within(&mut query, column, names);
        query.push(" ORDER BY ").push(order);
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok((r.try_get::<String, _>(0)?.into_bytes(), row(r)?))).collect()
    }
}

/// The condition that a column is within a range.
fn within(query: &mut QueryBuilder<Postgres>, column: &str, Names { from, to }: &Names) {
    for (bound, signs) in [(from, [" >= ", " > "]), (to, [" <= ", " < "])] {
        let (sign, name) = match bound {
            Bound::Included(name) => (signs[0], name),
            Bound::Excluded(name) => (signs[1], name),
            Bound::Unbounded => continue,
        };
        query.push(" AND ").push(column).push(sign).push_bind(String::from_utf8_lossy(name).into_owned());
    }
}

fn names_of(found: Vec<String>) -> Vec<Vec<u8>> {
    found.into_iter().map(String::into_bytes).collect()
}

#[async_trait]
impl Walk for PostgresRows {
    async fn take_time(&mut self) -> Result<(), StoreError> {
        // A reader keeps nobody from writing; photos may take minutes to be fetched and hashed.
        let no_limit = "SELECT set_config('idle_in_transaction_session_timeout', '0', true)";
        sqlx::query(no_limit).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn next_entry(&mut self, from: i64) -> Result<Option<i64>, StoreError> {
        let least = sqlx::query_scalar("SELECT min(seq) FROM log WHERE seq >= $1").bind(from);
        Ok(least.fetch_one(&mut *self.tx).await?)
    }

    async fn nodes_between(&mut self, level: u32, from: i64, to: i64) -> Result<Nodes, StoreError> {
        let rows = sqlx::query_as("SELECT level, i, hash FROM log_nodes WHERE level = $1 AND i BETWEEN $2 AND $3");
        Ok(nodes_of(rows.bind(i64::from(level)).bind(from).bind(to).fetch_all(&mut *self.tx).await?))
    }

    async fn nodes_above(&mut self, level: u32) -> Result<Nodes, StoreError> {
        let rows = sqlx::query_as("SELECT level, i, hash FROM log_nodes WHERE level > $1").bind(i64::from(level));
        Ok(nodes_of(rows.fetch_all(&mut *self.tx).await?))
    }

    async fn count_nodes(&mut self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM log_nodes").fetch_one(&mut *self.tx).await?)
    }

    async fn claim_names(&mut self, from: &Bound<Vec<u8>>, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut query = QueryBuilder::new("SELECT id FROM claims WHERE true");
        within(&mut query, "id", &Names { from: from.clone(), to: Bound::Unbounded });
        query.push(" ORDER BY id LIMIT ").push_bind(limit as i64);
        Ok(names_of(query.build_query_scalar().fetch_all(&mut *self.tx).await?))
    }

    async fn subjects(&mut self, names: &Names, limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut query = QueryBuilder::new("SELECT DISTINCT subject FROM log WHERE true");
        within(&mut query, "subject", names);
        query.push(" ORDER BY subject LIMIT ").push_bind(limit as i64);
        Ok(names_of(query.build_query_scalar().fetch_all(&mut *self.tx).await?))
    }

    async fn claims_in(&mut self, names: &Names) -> Result<Vec<Named<RawClaim>>, StoreError> {
        let select = "SELECT id, created_at, claim_json, salt, state, sealed, erased_at, tenant FROM claims";
        let claim = |r: &PgRow| {
            let bare = RawClaim::bare(r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(3)?, r.try_get(4)?);
            Ok(RawClaim { sealed: r.try_get(5)?, erased_at: r.try_get(6)?, tenant: r.try_get(7)?, ..bare })
        };
        self.named(select, "id", names, "id", claim).await
    }

    async fn jobs_in(&mut self, names: &Names) -> Result<Vec<Named<RawJob>>, StoreError> {
        self.named("SELECT claim, now FROM jobs", "claim", names, "claim", |r| r.try_get(1)).await
    }

    async fn photos_in(&mut self, names: &Names) -> Result<Vec<Named<RawPhoto>>, StoreError> {
        let select = "SELECT claim, n, source, sha256, bytes, media_type, page_sha256, pdf_page, COALESCE(blob, sha256), \
                      round, left_out FROM photos";
        self.named(select, "claim", names, "claim, n", |r| photo(r, 1)).await
    }

    async fn decisions_in(&mut self, names: &Names) -> Result<Vec<Named<RawDecision>>, StoreError> {
        let select = "SELECT claim, decided_at, decision, record, timing, kind FROM decisions";
        let decision = |r: &PgRow| {
            let (decided_at, decision, timing) = (r.try_get(1)?, r.try_get(2)?, r.try_get(4)?);
            let (record, kind) = (r.try_get(3)?, r.try_get(5)?);
            Ok(RawDecision { decided_at, decision, record, timing, kind, cell: None })
        };
        self.named(select, "claim", names, "claim, id", decision).await
    }

    async fn keys_in(&mut self, names: &Names) -> Result<Vec<Named<[String; 2]>>, StoreError> {
        let select = "SELECT claim, key_sha256, body_sha256 FROM idempotency";
        self.named(select, "claim", names, "claim, key_sha256", |r| Ok([r.try_get(1)?, r.try_get(2)?])).await
    }

    async fn outcomes_in(&mut self, names: &Names) -> Result<Vec<Named<RawOutcome>>, StoreError> {
        let select = "SELECT claim, entry, at, outcome, source, reviewer FROM outcomes";
        self.named(select, "claim", names, "claim", |r| outcome(r, 1)).await
    }

    async fn prints_in(&mut self, names: &Names) -> Result<Vec<Named<Fingerprint>>, StoreError> {
        let select =
            "SELECT claim, document, sha256, picture_hash, family, code, number, issued, issuer FROM fingerprints";
        let print = |r: &PgRow| {
            Ok(Fingerprint {
                document: r.try_get(1)?,
                sha256: r.try_get(2)?,
                picture_hash: r.try_get(3)?,
                family: r.try_get(4)?,
                code: r.try_get(5)?,
                number: r.try_get(6)?,
                issued: r.try_get(7)?,
                issuer: r.try_get(8)?,
                marks: BTreeSet::new(),
            })
        };
        self.named(select, "claim", names, "claim, document, id", print).await
    }

    async fn marks_in(&mut self, names: &Names) -> Result<Vec<Named<RawMark>>, StoreError> {
        let mark = |r: &PgRow| Ok(RawMark { document: r.try_get(1)?, mark: r.try_get(2)? });
        self.named("SELECT claim, document, mark FROM marks", "claim", names, "claim", mark).await
    }

    async fn wrapped_in(&mut self, names: &Names) -> Result<Vec<Named<Vec<u8>>>, StoreError> {
        self.named("SELECT claim, wrapped FROM claim_keys", "claim", names, "claim", |r| r.try_get(1)).await
    }

    async fn erasures_in(&mut self, names: &Names) -> Result<Vec<Named<RawErasure>>, StoreError> {
        let select = "SELECT claim, entry, at, reviewer, why, salt FROM erasures";
        let erasure = |r: &PgRow| {
            let (at, reviewer, why) = (r.try_get(2)?, r.try_get(3)?, r.try_get(4)?);
            Ok(RawErasure { entry: r.try_get(1)?, at, reviewer, why, salt: r.try_get(5)? })
        };
        self.named(select, "claim", names, "claim", erasure).await
    }

    async fn said_in(&mut self, names: &Names) -> Result<Vec<Named<Said>>, StoreError> {
        let said = |r: &PgRow| {
            let (at, kind, payload) = (r.try_get(2)?, r.try_get(3)?, r.try_get(4)?);
            Ok(Said { seq: r.try_get::<i64, _>(1)? as u64, at, kind, payload })
        };
        let select = "SELECT subject, seq, at, kind, payload FROM log";
        self.named(select, "subject", names, "subject, seq", said).await
    }

    async fn photos_named(&mut self, hashes: &[String]) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query_scalar(
            "SELECT blob FROM photos WHERE blob = ANY($1) \
             UNION SELECT page_sha256 FROM photos WHERE page_sha256 = ANY($1)",
        );
        Ok(found.bind(hashes).fetch_all(&mut *self.tx).await?)
    }
}
