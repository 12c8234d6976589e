//! The rows in PostgreSQL, for any number of processes on any number of machines.
//!
//! Writers take turns by one advisory lock, taken first thing in a transaction at READ COMMITTED: there each statement sees
//! what was committed before it began, so whoever got the turn sees everything that the one before wrote. A snapshot of
//! the whole transaction would be taken before the wait for the turn, and miss it. So two claims with the same photo can
//! never both miss each other, and the log grows entry by entry, without retries.

mod access;
mod arrivals;
mod policy;
mod reads;
mod reviews;
mod settings;
mod walk;
mod webhooks;
mod windows;

use super::gate::{RawMove, RawOutcome};
use super::rows::{
    Aged, Alike, AuditableRow, Backend, ClaimFacts, ClaimRecord, DecidedRow, Head, JobRow, PrintRow, Rows, SealedClaim,
    Session, Sought, millis,
};
use super::vault::RawErasure;
use super::{Fingerprint, RawDecision, RawPhoto, StoreError};
use crate::audit::merkle::{Node, Nodes};
use crate::audit::{Checkpoint, Entry};
use crate::domain::{ContentHash, Decision};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres, QueryBuilder, Row, Transaction,
};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The advisory lock of whoever writes: the first eight bytes of "claimlens" as a number.
const TURN: i64 = i64::from_be_bytes(*b"claimlen");

/// Time that a connection may take, and that a statement may wait for a lock.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a PostgreSQL database is. Prints without the password that it may hold.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    /// Takes `postgres://USER:PASSWORD@HOST/NAME`. The error does not repeat what was given.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err("a database is given as postgres://USER@HOST/NAME");
        }
        text.parse().map(Self).map_err(|_| "the database's address is malformed; it is postgres://USER@HOST/NAME")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.get_database().unwrap_or(self.0.get_username());
        match self.0.get_socket() {
            Some(folder) => write!(f, "the PostgreSQL database {name} in {}", folder.display()),
            None => write!(f, "the PostgreSQL database {name} on {}", self.0.get_host()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl DatabaseUrl {
    fn options(&self) -> PgConnectOptions {
        // A process that is stopped in the midst of a transaction must not keep the others from writing for ever.
        let limits = [("idle_in_transaction_session_timeout", "60s"), ("lock_timeout", "30s")];
        self.0.clone().application_name("claimlens").options(limits)
    }
}

/// One PostgreSQL database.
#[derive(Debug, Clone)]
pub(super) struct PostgresDatabase {
    pool: PgPool,
    turn: Arc<Mutex<()>>,
}

/// A transaction, with this process's turn to write if it may.
struct PostgresRows {
    tx: Transaction<'static, Postgres>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl PostgresDatabase {
    /// Connects, and makes or migrates the tables as needed.
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // A server may be set to acknowledge what a power cut would take back; nothing of ours may be lost.
                    let strict = "SELECT set_config('synchronous_commit', 'on', false) \
                                  WHERE current_setting('synchronous_commit') = 'off'";
                    connection.execute(strict).await.map(|_| ())
                })
            })
            .connect_with(url.options())
            .await?;
        sqlx::migrate!("src/store/migrations/postgres")
            .run(&pool)
            .await
            .map_err(|e| StoreError::Unavailable(format!("migration: {e}")))?;
        Ok(Self { pool, turn: Arc::default() })
    }

    async fn connect(url: &DatabaseUrl) -> Result<PgConnection, StoreError> {
        let connect = async { url.options().connect().await };
        let connection = tokio::time::timeout(PATIENCE, connect).await;
        Ok(connection.map_err(|_| StoreError::Unavailable("it does not answer".to_owned()))??)
    }

    /// The wrapped index key, if there is one.
    pub(super) async fn inspect_vault(url: &DatabaseUrl) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = Self::connect(url).await?;
        let is_there = sqlx::query_scalar("SELECT to_regclass('vault') IS NOT NULL");
        let vault = match is_there.fetch_one(&mut connection).await? {
            false => None,
            true => sqlx::query_scalar("SELECT index_key FROM vault").fetch_optional(&mut connection).await?,
        };
        connection.close().await?;
        Ok(vault)
    }

    /// Whether there is a log, and it speaks of this subject.
    pub(super) async fn inspect_log(url: &DatabaseUrl, subject: &str) -> Result<bool, StoreError> {
        let mut connection = Self::connect(url).await?;
        let is_there = sqlx::query_scalar("SELECT to_regclass('log') IS NOT NULL");
        let told = match is_there.fetch_one(&mut connection).await? {
            false => false,
            true => {
                let row = sqlx::query("SELECT 1 FROM log WHERE subject = $1 LIMIT 1").bind(subject);
                row.fetch_optional(&mut connection).await?.is_some()
            }
        };
        connection.close().await?;
        Ok(told)
    }

    /// The policy in force at a time and since when, if one is.
    pub(super) async fn inspect_policy(url: &DatabaseUrl, at: &str) -> Result<Option<(String, String)>, StoreError> {
        let mut connection = Self::connect(url).await?;
        let is_there = sqlx::query_scalar("SELECT to_regclass('policy_acts') IS NOT NULL");
        let told = match is_there.fetch_one(&mut connection).await? {
            false => None,
            true => {
                let row = sqlx::query_as(
                    "SELECT policy, coalesce(begins, at) FROM policy_acts WHERE kind = 'policy_adopted' \
                     AND (begins IS NULL OR begins <= $1) ORDER BY entry DESC LIMIT 1",
                );
                row.bind(at).fetch_optional(&mut connection).await?
            }
        };
        connection.close().await?;
        Ok(told)
    }

    /// Whether the database answers, and has our tables.
    pub(super) async fn inspect(url: &DatabaseUrl) -> Result<bool, StoreError> {
        let mut connection = Self::connect(url).await?;
        let found: bool =
            sqlx::query_scalar("SELECT to_regclass('log_head') IS NOT NULL").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(found)
    }
}

#[async_trait]
impl Backend for PostgresDatabase {
    async fn read(&self) -> Result<Session, StoreError> {
        let tx = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        Ok(Box::new(PostgresRows { tx, _turn: None }))
    }

    async fn write(&self) -> Result<Session, StoreError> {
        // One of this process waits at the database; the others here, so that readers find a connection.
        let turn = self.turn.clone().lock_owned().await;
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(TURN).execute(&mut *tx).await?;
        Ok(Box::new(PostgresRows { tx, _turn: Some(turn) }))
    }

    async fn take(&self, holder: &str, lease: Duration) -> Result<Option<JobRow>, StoreError> {
        // Rows that others are taking, renewing or deciding just now are passed over, so nobody waits.
        let row = sqlx::query(
            "UPDATE jobs SET attempts = attempts + 1, fence = fence + 1, holder = $1, \
             lease_until = clock_timestamp() + $2::float8 * interval '1 millisecond' \
             WHERE claim = (SELECT claim FROM jobs WHERE lease_until <= clock_timestamp() \
             AND not_before <= clock_timestamp() ORDER BY claim LIMIT 1 FOR UPDATE SKIP LOCKED) \
             RETURNING claim, fence, attempts, now",
        );
        let row = row.bind(holder).bind(millis(lease) as f64).fetch_optional(&self.pool).await?;
        let job = |row: PgRow| {
            Ok(JobRow {
                claim: row.try_get(0)?,
                fence: row.try_get(1)?,
                attempts: row.try_get(2)?,
                now: row.try_get(3)?,
            })
        };
        row.map(job).transpose()
    }

    async fn renew(&self, claim: &str, fence: i64, lease: Duration) -> Result<bool, StoreError> {
        let renew = sqlx::query(
            "UPDATE jobs SET lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond' \
             WHERE claim = $1 AND fence = $2",
        );
        let renewed = renew.bind(claim).bind(fence).bind(millis(lease) as f64).execute(&self.pool).await?;
        Ok(renewed.rows_affected() == 1)
    }

    async fn release(&self, claim: &str, fence: i64, pause: Duration, counts: bool) -> Result<(), StoreError> {
        let release = sqlx::query(
            "UPDATE jobs SET lease_until = '-infinity', \
             not_before = clock_timestamp() + $3::float8 * interval '1 millisecond', \
             attempts = attempts - $4::boolean::integer WHERE claim = $1 AND fence = $2",
        );
        release.bind(claim).bind(fence).bind(millis(pause) as f64).bind(!counts).execute(&self.pool).await?;
        Ok(())
    }

    /// The server's own affair: it takes deleted rows out of its files by and by.
    async fn scrub(&self, _wholly: bool) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// A photo from the columns n, source, sha256, bytes, media_type, page_sha256, pdf_page, blob, round and left_out, which
/// begin at `first`.
fn photo(row: &PgRow, first: usize) -> Result<RawPhoto, sqlx::Error> {
    Ok(RawPhoto {
        n: row.try_get(first)?,
        source: row.try_get(first + 1)?,
        sha256: row.try_get(first + 2)?,
        bytes: row.try_get(first + 3)?,
        media_type: row.try_get(first + 4)?,
        page: row.try_get(first + 5)?,
        pdf_page: row.try_get(first + 6)?,
        blob: row.try_get(first + 7)?,
        round: row.try_get(first + 8)?,
        left_out: row.try_get(first + 9)?,
    })
}

/// An outcome from the columns entry, at, outcome, source and reviewer, which begin at `first`.
fn outcome(row: &PgRow, first: usize) -> Result<RawOutcome, sqlx::Error> {
    Ok(RawOutcome {
        entry: row.try_get(first)?,
        at: row.try_get(first + 1)?,
        outcome: row.try_get(first + 2)?,
        source: row.try_get(first + 3)?,
        reviewer: row.try_get(first + 4)?,
    })
}

const CLAIMS: &str = "SELECT c.id, c.created_at, c.claim_json, c.state, d.decided_at, d.record, d.timing, c.sealed, \
     k.wrapped, c.erased_at, c.tenant FROM claims c LEFT JOIN claim_keys k ON k.claim = c.id \
     LEFT JOIN LATERAL (SELECT decided_at, record, timing FROM decisions WHERE claim = c.id ORDER BY id DESC LIMIT 1) d \
     ON true ";

fn entry(row: &PgRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.try_get::<i64, _>(0)? as u64,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        subject: row.try_get(3)?,
        payload: row.try_get(4)?,
        payload_sha256: row.try_get(5)?,
        prev_hash: row.try_get(6)?,
        hash: row.try_get(7)?,
    })
}

fn node(row: &PgRow) -> Result<(Node, ContentHash), StoreError> {
    let (level, i): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let level = u32::try_from(level).map_err(|_| StoreError::Corrupt("a subtree has no such level".to_owned()))?;
    Ok(((level, i as u64), super::log::node_hash(row.try_get(2)?)?))
}

/// A column of rows to be inserted together.
fn column<'a, R, T>(rows: &'a [R], value: impl FnMut(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

#[async_trait]
impl Rows for PostgresRows {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    async fn keep_policy(&mut self, sha256: &str, body: &str) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO policies (sha256, body) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        insert.bind(sha256).bind(body).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn policies(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT sha256, body FROM policies ORDER BY sha256").fetch_all(&mut *self.tx).await?)
    }

    async fn keys(&mut self, keys: &[String]) -> Result<Vec<[String; 3]>, StoreError> {
        let rows = sqlx::query("SELECT key_sha256, body_sha256, claim FROM idempotency WHERE key_sha256 = ANY($1)");
        let rows = rows.bind(keys).fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok([r.try_get(0)?, r.try_get(1)?, r.try_get(2)?])).collect()
    }

    async fn keep_claims(&mut self, claims: &[SealedClaim<'_>]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO claims (id, created_at, sealed, tenant, salt, state) \
             SELECT c.*, '', 'processing' FROM UNNEST($1::text[], $2::text[], $3::bytea[], $4::text[]) c",
        )
        .bind(column(claims, |c| c.new.id.as_str()))
        .bind(column(claims, |c| c.new.created_at.as_str()))
        .bind(column(claims, |c| c.sealed.as_slice()))
        .bind(column(claims, |c| c.new.tenant.as_str()))
        .execute(&mut *self.tx)
        .await?;
        sqlx::query("INSERT INTO claim_keys (claim, wrapped) SELECT * FROM UNNEST($1::text[], $2::bytea[])")
            .bind(column(claims, |c| c.new.id.as_str()))
            .bind(column(claims, |c| c.wrapped.as_slice()))
            .execute(&mut *self.tx)
            .await?;
        let photos: Vec<_> = claims
            .iter()
            .flat_map(|c| c.new.photos.iter().enumerate().map(|(n, photo)| (c.new.id.as_str(), n as i64, photo)))
            .collect();
        sqlx::query(
            "INSERT INTO photos (claim, n, source, sha256, blob, bytes, media_type, pdf_page) \
             SELECT p.claim, p.n, '', '', p.blob, p.bytes, p.media_type, p.pdf_page FROM \
             UNNEST($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[]) \
             AS p (claim, n, blob, bytes, media_type, pdf_page)",
        )
        .bind(column(&photos, |(claim, ..)| *claim))
        .bind(column(&photos, |(_, n, _)| *n))
        .bind(column(&photos, |(.., photo)| photo.blob.to_string()))
        .bind(column(&photos, |(.., photo)| photo.bytes as i64))
        .bind(column(&photos, |(.., photo)| photo.media_type.as_str()))
        .bind(column(&photos, |(.., photo)| photo.pdf_page.map(i64::from)))
        .execute(&mut *self.tx)
        .await?;
        sqlx::query(
            "INSERT INTO jobs (claim, attempts, now, holder, fence, lease_until, not_before) \
             SELECT j.claim, j.taken, j.now, j.holder, j.taken, \
             COALESCE(clock_timestamp() + j.lease::float8 * interval '1 millisecond', '-infinity'), '-infinity' \
             FROM UNNEST($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]) \
             AS j (claim, taken, now, holder, lease)",
        )
        .bind(column(claims, |c| c.new.id.as_str()))
        .bind(column(claims, |c| i64::from(c.new.taken.is_some())))
        .bind(column(claims, |c| c.new.now.as_deref()))
        .bind(column(claims, |c| c.new.taken.as_ref().map(|(holder, _)| holder.as_str())))
        .bind(column(claims, |c| c.new.taken.as_ref().map(|(_, lease)| millis(*lease))))
        .execute(&mut *self.tx)
        .await?;
        let keyed: Vec<_> = claims.iter().filter_map(|c| Some((c.keyed.as_ref()?, c.new.id.as_str()))).collect();
        sqlx::query(
            "INSERT INTO idempotency (key_sha256, body_sha256, claim) \
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[])",
        )
        .bind(column(&keyed, |([key, _], _)| key.as_str()))
        .bind(column(&keyed, |([_, body], _)| body.as_str()))
        .bind(column(&keyed, |(_, claim)| *claim))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn claim(&mut self, id: &str) -> Result<Option<ClaimRecord>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{CLAIMS} WHERE c.id = $1"))).bind(id);
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(ClaimRecord::of).transpose()
    }

    async fn claim_facts(&mut self, id: &str) -> Result<Option<ClaimFacts>, StoreError> {
        let row = sqlx::query(
            "SELECT state, EXISTS (SELECT 1 FROM jobs WHERE claim = c.id), sealed, k.wrapped, erased_at FROM claims c \
             LEFT JOIN claim_keys k ON k.claim = c.id WHERE id = $1",
        );
        let facts = |r: &PgRow| {
            Ok(ClaimFacts {
                state: r.try_get(0)?,
                job: r.try_get(1)?,
                sealed: r.try_get(2)?,
                wrapped: r.try_get(3)?,
                erased_at: r.try_get(4)?,
            })
        };
        row.bind(id).fetch_optional(&mut *self.tx).await?.as_ref().map(facts).transpose()
    }

    async fn claims(&mut self, tenant: Option<&str>, before: &str, limit: u32) -> Result<Vec<ClaimRecord>, StoreError> {
        let mut query = QueryBuilder::new(CLAIMS);
        query.push(" WHERE c.id < ").push_bind(before);
        if let Some(tenant) = tenant {
            query.push(" AND c.tenant = ").push_bind(tenant);
        }
        query.push(" ORDER BY c.id DESC LIMIT ").push_bind(i64::from(limit));
        query.build().fetch_all(&mut *self.tx).await?.iter().map(ClaimRecord::of).collect()
    }

    async fn photos(&mut self, claim: &str) -> Result<Vec<RawPhoto>, StoreError> {
        let rows = sqlx::query(
            "SELECT n, source, sha256, bytes, media_type, page_sha256, pdf_page, COALESCE(blob, sha256), round, left_out \
             FROM photos WHERE claim = $1 ORDER BY n",
        );
        rows.bind(claim).fetch_all(&mut *self.tx).await?.iter().map(|r| Ok(photo(r, 0)?)).collect()
    }

    async fn keep_page(&mut self, claim: &str, n: i64, page: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE photos SET page_sha256 = $1 WHERE claim = $2 AND n = $3");
        update.bind(page).bind(claim).bind(n).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn jobs(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT claim FROM jobs ORDER BY claim").fetch_all(&mut *self.tx).await?)
    }

    async fn holds(&mut self, claim: &str, fence: i64) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM jobs WHERE claim = $1 AND fence = $2 FOR UPDATE").bind(claim).bind(fence);
        Ok(row.fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn finish(&mut self, claim: &str, state: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE claims SET state = $1 WHERE id = $2");
        update.bind(state).bind(claim).execute(&mut *self.tx).await?;
        sqlx::query("DELETE FROM jobs WHERE claim = $1").bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_decision(&mut self, claim: &str, made: &RawDecision) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO decisions (claim, decided_at, decision, record, timing, kind) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(claim)
        .bind(&made.decided_at)
        .bind(&made.decision)
        .bind(&made.record)
        .bind(&made.timing)
        .bind(&made.kind)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn decided(&mut self, after: i64, limit: u32) -> Result<Vec<DecidedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.id, d.claim, d.record, k.wrapped FROM decisions d LEFT JOIN claim_keys k ON k.claim = d.claim \
             WHERE d.id > $1 AND d.kind IS DISTINCT FROM '' ORDER BY d.id LIMIT $2",
        );
        let decided = |r: &PgRow| {
            let (id, claim, record, wrapped) = (r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(3)?);
            Ok(DecidedRow { id, claim, record, wrapped })
        };
        rows.bind(after).bind(i64::from(limit)).fetch_all(&mut *self.tx).await?.iter().map(decided).collect()
    }

    async fn last_record(&mut self, claim: &str) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        let row = sqlx::query_as(
            "SELECT d.record, k.wrapped FROM decisions d LEFT JOIN claim_keys k ON k.claim = d.claim \
             WHERE d.claim = $1 ORDER BY d.id DESC LIMIT 1",
        );
        Ok(row.bind(claim).fetch_optional(&mut *self.tx).await?)
    }

    async fn counts(&mut self) -> Result<[BTreeMap<String, i64>; 2], StoreError> {
        let states: Vec<(String, i64)> = sqlx::query_as(
            "SELECT CASE WHEN erased_at IS NULL THEN state ELSE 'erased' END AS stands, count(*) FROM claims \
             WHERE id NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') \
             GROUP BY stands",
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let latest: Vec<(String, i64)> = sqlx::query_as(
            "SELECT decision, count(*) FROM (SELECT DISTINCT ON (claim) decision FROM decisions \
             WHERE claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') \
             ORDER BY claim, id DESC) latest GROUP BY decision",
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok([states.into_iter().collect(), latest.into_iter().collect()])
    }

    async fn keep_fingerprints(&mut self, claim: &str, prints: &[Fingerprint]) -> Result<(), StoreError> {
        for sql in ["DELETE FROM fingerprints WHERE claim = $1", "DELETE FROM marks WHERE claim = $1"] {
            sqlx::query(sql).bind(claim).execute(&mut *self.tx).await?;
        }
        sqlx::query(
            "INSERT INTO fingerprints (claim, document, sha256, picture_hash, family, code, number, issued, issuer) \
             SELECT $1, f.* FROM UNNEST($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
             $8::text[], $9::text[]) f",
        )
        .bind(claim)
        .bind(column(prints, |p| p.document))
        .bind(column(prints, |p| p.sha256.as_str()))
        .bind(column(prints, |p| p.picture_hash.as_deref()))
        .bind(column(prints, |p| p.family.as_deref()))
        .bind(column(prints, |p| p.code.as_deref()))
        .bind(column(prints, |p| p.number.as_deref()))
        .bind(column(prints, |p| p.issued.as_deref()))
        .bind(column(prints, |p| p.issuer.as_deref()))
        .execute(&mut *self.tx)
        .await?;
        let marks: Vec<_> =
            prints.iter().flat_map(|p| p.marks.iter().map(|mark| (p.document, mark.as_str()))).collect();
        sqlx::query("INSERT INTO marks (claim, document, mark) SELECT $1, m.* FROM UNNEST($2::bigint[], $3::text[]) m")
            .bind(claim)
            .bind(column(&marks, |(document, _)| *document))
            .bind(column(&marks, |(_, mark)| *mark))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn prints(&mut self, what: &Sought<'_>, not_claim: &str, limit: i64) -> Result<Vec<PrintRow>, StoreError> {
        let mut query = what.query("SELECT f.claim, f.document, f.sha256 FROM ");
        query.push(" AND f.claim <> ").push_bind(not_claim);
        query.push(" ORDER BY f.id LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        let print = |r: &PgRow| Ok(PrintRow { claim: r.try_get(0)?, document: r.try_get(1)?, sha256: r.try_get(2)? });
        rows.iter().map(print).collect()
    }

    async fn sharing(
        &mut self,
        what: &Sought<'_>,
        not_claim: &str,
        before: &str,
        decided: Option<Decision>,
        limit: u32,
    ) -> Result<Vec<[String; 2]>, StoreError> {
        let last = "SELECT decision FROM decisions d WHERE d.claim = f.claim ORDER BY d.id DESC LIMIT 1";
        let mut query = what.query(&format!("SELECT f.claim, ({last}) AS decided FROM "));
        query.push(" AND f.claim <> ").push_bind(not_claim);
        query.push(" AND f.claim < ").push_bind(before);
        query.push(format!(" AND ({last}) IN ("));
        let mut wanted = query.separated(", ");
        let either = [Decision::AutoApprove, Decision::HumanReview];
        for decision in decided.as_ref().map_or(&either[..], std::slice::from_ref) {
            wanted.push_bind(decision.as_str());
        }
        query.push(") GROUP BY f.claim ORDER BY f.claim DESC LIMIT ");
        query.push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok([r.try_get(0)?, r.try_get(1)?])).collect()
    }

    async fn alike(&mut self, like: &Alike<'_>) -> Result<Vec<(i64, String)>, StoreError> {
        let (from, length) = like.place;
        let rows = |day: &str| {
            format!(
                "SELECT id, picture_hash FROM fingerprints WHERE substr(picture_hash, {}, {length}) = ANY($1) AND {day} \
                 AND ($2::text IS NULL OR number IS NULL OR number = $2) AND claim <> $3",
                from + 1
            )
        };
        let sql = match like.issued {
            Some(_) => format!("{} UNION ALL {}", rows("issued = $4"), rows("issued IS NULL")),
            None => rows("$4::text IS NULL"),
        };
        let rows = sqlx::query_as(AssertSqlSafe(format!("{sql} LIMIT {}", like.limit)))
            .bind(&like.probes)
            .bind(like.number)
            .bind(like.not_claim)
            .bind(like.issued)
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(rows)
    }

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query("SELECT size, hash, note, public_key FROM log_head WHERE id = 1");
        let head = |r: PgRow| {
            let checkpoint = Checkpoint { size: r.try_get::<i64, _>(0)? as u64, hash: r.try_get(1)? };
            Ok(Head { checkpoint, note: r.try_get(2)?, public_key: r.try_get(3)? })
        };
        row.fetch_optional(&mut *self.tx).await?.map(head).transpose()
    }

    async fn keep_head(&mut self, head: &Head) -> Result<(), StoreError> {
        sqlx::query("UPDATE log_head SET size = $1, hash = $2, note = $3, public_key = $4 WHERE id = 1")
            .bind(head.checkpoint.size as i64)
            .bind(&head.checkpoint.hash)
            .bind(&head.note)
            .bind(&head.public_key)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn entries(&mut self, from: i64, to: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at, kind, subject, payload, payload_sha256, prev_hash, hash FROM log \
             WHERE seq BETWEEN $1 AND $2 ORDER BY seq",
        );
        rows.bind(from).bind(to).fetch_all(&mut *self.tx).await?.iter().map(entry).collect()
    }

    async fn entries_of(&mut self, subject: &str) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar("SELECT seq FROM log WHERE subject = $1 AND kind <> 'claim_read' ORDER BY seq")
            .bind(subject);
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }

    async fn keep_entries(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO log (seq, at, kind, subject, payload, payload_sha256, prev_hash, hash) SELECT * FROM \
             UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])",
        )
        .bind(column(entries, |e| e.seq as i64))
        .bind(column(entries, |e| e.at.as_str()))
        .bind(column(entries, |e| e.kind.as_str()))
        .bind(column(entries, |e| e.subject.as_str()))
        .bind(column(entries, |e| e.payload.as_str()))
        .bind(column(entries, |e| e.payload_sha256.as_str()))
        .bind(column(entries, |e| e.prev_hash.as_str()))
        .bind(column(entries, |e| e.hash.as_str()))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn nodes(&mut self, wanted: &[Node]) -> Result<Nodes, StoreError> {
        let rows = sqlx::query(
            "SELECT n.level, n.i, n.hash FROM UNNEST($1::bigint[], $2::bigint[]) AS w (level, i) \
             JOIN log_nodes n USING (level, i)",
        );
        let rows = rows.bind(column(wanted, |(level, _)| i64::from(*level))).bind(column(wanted, |(_, i)| *i as i64));
        rows.fetch_all(&mut *self.tx).await?.iter().map(node).collect()
    }

    async fn keep_nodes(&mut self, nodes: &[(Node, ContentHash)]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO log_nodes (level, i, hash) SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[])",
        )
        .bind(column(nodes, |((level, _), _)| i64::from(*level)))
        .bind(column(nodes, |((_, i), _)| *i as i64))
        .bind(column(nodes, |(_, hash)| hash.0.as_slice()))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn auditable(&mut self, claim: &str) -> Result<Option<AuditableRow>, StoreError> {
        let row = sqlx::query(
            "SELECT salt, (SELECT record FROM decisions WHERE claim = c.id ORDER BY id DESC LIMIT 1), sealed, \
             (SELECT wrapped FROM claim_keys WHERE claim = c.id), erased_at FROM claims c WHERE id = $1",
        );
        let auditable = |row: PgRow| {
            Ok(AuditableRow {
                salt: row.try_get(0)?,
                record: row.try_get(1)?,
                sealed: row.try_get(2)?,
                wrapped: row.try_get(3)?,
                erased_at: row.try_get(4)?,
            })
        };
        row.bind(claim).fetch_optional(&mut *self.tx).await?.map(auditable).transpose()
    }

    async fn outcome(&mut self, claim: &str) -> Result<Option<RawOutcome>, StoreError> {
        let row = sqlx::query("SELECT entry, at, outcome, source, reviewer FROM outcomes WHERE claim = $1");
        let row = row.bind(claim).fetch_optional(&mut *self.tx).await?;
        Ok(row.map(|r| outcome(&r, 0)).transpose()?)
    }

    async fn keep_outcome(&mut self, claim: &str, said: &RawOutcome) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO outcomes (claim, entry, at, outcome, source, reviewer) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(claim)
        .bind(said.entry)
        .bind(&said.at)
        .bind(&said.outcome)
        .bind(&said.source)
        .bind(&said.reviewer)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn outcomes(&mut self) -> Result<[i64; 2], StoreError> {
        let row: (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE outcome = 'wrong') FROM outcomes \
             WHERE entry > (SELECT COALESCE(MAX(entry), 0) FROM gate WHERE state = 'open')",
        )
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(row.into())
    }

    async fn last_move(&mut self) -> Result<Option<[String; 2]>, StoreError> {
        let row: Option<(String, String)> = sqlx::query_as("SELECT state, at FROM gate ORDER BY entry DESC LIMIT 1")
            .fetch_optional(&mut *self.tx)
            .await?;
        Ok(row.map(Into::into))
    }

    async fn moves(&mut self) -> Result<Vec<RawMove>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, at, state, audited, wrong, bound_ppm, limit_ppm, reviewer, why, salt FROM gate ORDER BY entry",
        );
        let moved = |r: &PgRow| {
            Ok(RawMove {
                entry: r.try_get(0)?,
                at: r.try_get(1)?,
                state: r.try_get(2)?,
                figures: [r.try_get(3)?, r.try_get(4)?, r.try_get(5)?, r.try_get(6)?],
                reviewer: r.try_get(7)?,
                why: r.try_get(8)?,
                salt: r.try_get(9)?,
            })
        };
        rows.fetch_all(&mut *self.tx).await?.iter().map(moved).collect()
    }

    async fn keep_move(&mut self, moved: &RawMove) -> Result<(), StoreError> {
        let insert = sqlx::query(
            "INSERT INTO gate (entry, at, state, audited, wrong, bound_ppm, limit_ppm, reviewer, why, salt) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        );
        let insert = insert.bind(moved.entry).bind(&moved.at).bind(&moved.state);
        let insert = moved.figures.into_iter().fold(insert, sqlx::query::Query::bind);
        insert.bind(&moved.reviewer).bind(&moved.why).bind(&moved.salt).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn vault(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar("SELECT index_key FROM vault WHERE id = 1").fetch_optional(&mut *self.tx).await?)
    }

    async fn any_keys(&mut self) -> Result<bool, StoreError> {
        Ok(sqlx::query("SELECT 1 FROM claim_keys LIMIT 1").fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn keep_vault(&mut self, index_key: &[u8]) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO vault (id, index_key) VALUES (1, $1)");
        insert.bind(index_key).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_kind(&mut self, decision: i64, kind: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE decisions SET kind = $1 WHERE id = $2");
        update.bind(kind).bind(decision).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn erase(&mut self, claim: &str, at: &str) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM claim_keys WHERE claim = $1",
            "DELETE FROM photos WHERE claim = $1",
            "DELETE FROM fingerprints WHERE claim = $1",
            "DELETE FROM marks WHERE claim = $1",
            "UPDATE review_steps SET content = NULL WHERE claim = $1",
            "UPDATE decisions SET record = '', kind = '' WHERE claim = $1",
            "UPDATE idempotency SET body_sha256 = '' WHERE claim = $1",
        ] {
            sqlx::query(sql).bind(claim).execute(&mut *self.tx).await?;
        }
        let update =
            sqlx::query("UPDATE claims SET claim_json = NULL, salt = '', sealed = NULL, erased_at = $1 WHERE id = $2");
        update.bind(at).bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_erasure(&mut self, claim: &str, erasure: &RawErasure, pending: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO erasures (claim, entry, at, reviewer, why, salt, pending) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(claim)
        .bind(erasure.entry)
        .bind(&erasure.at)
        .bind(&erasure.reviewer)
        .bind(&erasure.why)
        .bind(&erasure.salt)
        .bind(pending)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn named_elsewhere(&mut self, names: &[String], not_claim: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT blob FROM photos WHERE blob = ANY($1) AND claim <> $2 \
             UNION SELECT page_sha256 FROM photos WHERE page_sha256 = ANY($1) AND claim <> $2",
        );
        Ok(rows.bind(names).bind(not_claim).fetch_all(&mut *self.tx).await?)
    }

    async fn pending_erasures(&mut self, limit: u32) -> Result<Vec<[String; 2]>, StoreError> {
        let rows = sqlx::query("SELECT claim, pending FROM erasures WHERE pending IS NOT NULL ORDER BY claim LIMIT $1");
        let rows = rows.bind(i64::from(limit)).fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok([r.try_get(0)?, r.try_get(1)?])).collect()
    }

    async fn end_erasure(&mut self, claim: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE erasures SET pending = NULL WHERE claim = $1");
        update.bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn aged(&mut self, of: &Aged<'_>) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT d.claim FROM decisions d WHERE d.kind = $1 AND d.decision = $2 AND d.decided_at < $3 \
             AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.claim = d.claim AND later.id > d.id) \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.claim = d.claim) \
             AND (EXISTS (SELECT 1 FROM outcomes o WHERE o.claim = d.claim) \
             OR (SELECT phase = 'closed' FROM cases q WHERE q.claim = d.claim) \
             OR (d.decision = 'auto_approve' AND NOT EXISTS (SELECT 1 FROM cases q WHERE q.claim = d.claim))) \
             ORDER BY d.decided_at, d.claim LIMIT $4",
        );
        let rows = rows.bind(of.kind).bind(of.decision).bind(of.before).bind(i64::from(of.limit));
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }

    /// None: the server checks the pages it reads, if it was told to, and `pg_amcheck` all of them.
    async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let url: DatabaseUrl = "postgres://clerk:geheim@db.example/claims".parse().unwrap();
        assert_eq!(format!("{url} {url:?}").matches("claims on db.example").count(), 2);
        assert!(!format!("{url} {url:?}").contains("geheim"));
        for wrong in ["mysql://clerk:geheim@db/claims", "postgres://clerk:geheim@db:port/claims", "geheim"] {
            assert!(!wrong.parse::<DatabaseUrl>().unwrap_err().contains("geheim"), "{wrong}");
        }
    }
}
