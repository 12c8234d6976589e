//! The rows in one SQLite file, in WAL mode with `synchronous=FULL`.
//!
//! Writers take turns: within this process by a lock, across processes of this machine by `BEGIN IMMEDIATE`. Text for
//! verification is read as bytes, so that a damaged byte is seen and not refused.

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
use crate::domain::{ContentHash, Decision, Record};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Rows of nodes asked for in one statement.
const NODES_AT_ONCE: usize = 200;

/// Time that a statement may wait for others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Now, in milliseconds since 1970.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// One SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteFile {
    pub(super) pool: SqlitePool,
    turn: Arc<Mutex<()>>,
}

/// A transaction on the file, with the turn to write if it may.
struct SqliteRows {
    // Dropped in this order: rolled back before the next one's turn.
    tx: Transaction<'static, Sqlite>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl SqliteFile {
    /// Opens the database file, made and migrated as needed.
    pub(super) async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL may lose a committed transaction at a power cut; an acknowledged claim must not be.
            .synchronous(SqliteSynchronous::Full)
            // What is erased is overwritten, and no longer lies in free pages.
            .pragma("secure_delete", "ON")
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(30))
            // SQLite itself rolls back when the disk is full. The connection still counts itself inside the transaction
            // then and could never begin another, so it is closed; the pool opens a new one.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options)
            .await?;
        sqlx::migrate!("src/store/migrations/sqlite")
            .run(&pool)
            .await
            .map_err(|e| StoreError::Unavailable(format!("migration: {e}")))?;
        let opened = Self { pool, turn: Arc::default() };
        opened.fill_fingerprints().await?;
        Ok(opened)
    }

    /// Reads through the database file, changing nothing in it.
    pub(super) async fn inspect(file: &Path) -> Result<(), StoreError> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let told: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
        connection.close().await?;
        if told == "ok" { Ok(()) } else { Err(StoreError::Corrupt(told)) }
    }

    /// The wrapped index key in a database file, if it has one.
    pub(super) async fn inspect_vault(file: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let is_there = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'vault'");
        let vault = match is_there.fetch_optional(&mut connection).await? {
            None => None,
            Some(_) => sqlx::query_scalar("SELECT index_key FROM vault").fetch_optional(&mut connection).await?,
        };
        connection.close().await?;
        Ok(vault)
    }

    /// Whether there is a log in a database file, and it speaks of this subject.
    pub(super) async fn inspect_log(file: &Path, subject: &str) -> Result<bool, StoreError> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let is_there = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'log'");
        let told = match is_there.fetch_optional(&mut connection).await? {
            None => false,
            Some(_) => {
                let row = sqlx::query("SELECT 1 FROM log WHERE subject = ? LIMIT 1").bind(subject);
                row.fetch_optional(&mut connection).await?.is_some()
            }
        };
        connection.close().await?;
        Ok(told)
    }

    /// The policy in force at a time in a database file and since when, if one is.
    pub(super) async fn inspect_policy(file: &Path, at: &str) -> Result<Option<(String, String)>, StoreError> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let is_there = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'policy_acts'");
        let told = match is_there.fetch_optional(&mut connection).await? {
            None => None,
            Some(_) => {
                let row = sqlx::query_as(
                    "SELECT policy, coalesce(begins, at) FROM policy_acts WHERE kind = 'policy_adopted' \
                     AND (begins IS NULL OR begins <= ?) ORDER BY entry DESC LIMIT 1",
                );
                row.bind(at).fetch_optional(&mut connection).await?
            }
        };
        connection.close().await?;
        Ok(told)
    }

    async fn begin(&self) -> Result<SqliteRows, StoreError> {
        let turn = self.turn.clone().lock_owned().await;
        Ok(SqliteRows { tx: self.pool.begin_with("BEGIN IMMEDIATE").await?, _turn: Some(turn) })
    }

    /// Fills what later migrations added for the decisions made before them, from their records. Does nothing the second
    /// time.
    async fn fill_fingerprints(&self) -> Result<(), StoreError> {
        /// Raised whenever fingerprints come to hold more.
        const FILLED: i64 = 3;
        const AT_ONCE: u32 = 200;
        async fn filled(db: &mut SqliteConnection) -> Result<bool, StoreError> {
            Ok(sqlx::query("PRAGMA user_version").fetch_one(db).await?.try_get::<i64, _>(0)? >= FILLED)
        }
        // Asked first without the write lock: opening writes nothing where nothing is lacking.
        if filled(&mut *self.pool.acquire().await?).await? {
            return Ok(());
        }
        let mut rows = self.begin().await?;
        if filled(&mut rows.tx).await? {
            return Ok(());
        }
        let mut last = i64::MIN;
        loop {
            let decided = rows.decided(last, AT_ONCE).await?;
            let Some(end) = decided.last() else { break };
            last = end.id;
            for DecidedRow { claim, record, .. } in &decided {
                // A record that was altered is the audit's to tell.
                let Ok(record) = serde_json::from_slice::<Record>(record) else { continue };
                rows.keep_fingerprints(claim, &super::fingerprints(&record.evidence.readings)).await?;
            }
        }
        sqlx::query("PRAGMA user_version = 3").execute(&mut *rows.tx).await?;
        Ok(rows.tx.commit().await?)
    }
}

#[async_trait]
impl Backend for SqliteFile {
    async fn read(&self) -> Result<Session, StoreError> {
        Ok(Box::new(SqliteRows { tx: self.pool.begin().await?, _turn: None }))
    }

    async fn write(&self) -> Result<Session, StoreError> {
        Ok(Box::new(self.begin().await?))
    }

    async fn take(&self, holder: &str, lease: Duration) -> Result<Option<JobRow>, StoreError> {
        let due = format!("lease_until <= {NOW} AND not_before <= {NOW}");
        // Asked first without the write lock: those who look for work leave the writers alone.
        let any = sqlx::query(AssertSqlSafe(format!("SELECT 1 FROM jobs WHERE {due} LIMIT 1")));
        if any.fetch_optional(&self.pool).await?.is_none() {
            return Ok(None);
        }
        let mut rows = self.begin().await?;
        let take = format!(
            "UPDATE jobs SET attempts = attempts + 1, fence = fence + 1, holder = ?, lease_until = {NOW} + ? \
             WHERE claim = (SELECT claim FROM jobs WHERE {due} ORDER BY claim LIMIT 1) \
             RETURNING claim, fence, attempts, now"
        );
        let row =
            sqlx::query(AssertSqlSafe(take)).bind(holder).bind(millis(lease)).fetch_optional(&mut *rows.tx).await?;
        let job = row.as_ref().map(|row| {
            Ok::<_, StoreError>(JobRow {
                claim: row.try_get(0)?,
                fence: row.try_get(1)?,
                attempts: row.try_get(2)?,
                now: row.try_get(3)?,
            })
        });
        let job = job.transpose()?;
        rows.tx.commit().await?;
        Ok(job)
    }

    async fn renew(&self, claim: &str, fence: i64, lease: Duration) -> Result<bool, StoreError> {
        let mut rows = self.begin().await?;
        let renew = format!("UPDATE jobs SET lease_until = {NOW} + ? WHERE claim = ? AND fence = ?");
        let renewed = sqlx::query(AssertSqlSafe(renew)).bind(millis(lease)).bind(claim).bind(fence);
        let renewed = renewed.execute(&mut *rows.tx).await?.rows_affected() == 1;
        rows.tx.commit().await?;
        Ok(renewed)
    }

    async fn release(&self, claim: &str, fence: i64, pause: Duration, counts: bool) -> Result<(), StoreError> {
        let mut rows = self.begin().await?;
        let release = format!(
            "UPDATE jobs SET lease_until = 0, not_before = {NOW} + ?, attempts = attempts - ? WHERE claim = ? AND fence = ?"
        );
        let release = sqlx::query(AssertSqlSafe(release)).bind(millis(pause)).bind(!counts).bind(claim).bind(fence);
        release.execute(&mut *rows.tx).await?;
        Ok(rows.tx.commit().await?)
    }

    async fn scrub(&self, wholly: bool) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let mut connection = self.pool.acquire().await?;
        // Writers wait while a checkpoint waits for readers, so it may not wait long.
        sqlx::query("PRAGMA busy_timeout = 500").execute(&mut *connection).await?;
        let scrubbed = scrubbed(&mut connection, wholly).await;
        sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis())))
            .execute(&mut *connection)
            .await?;
        scrubbed
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Writes the write-ahead log back into the file and cuts it to nothing.
async fn scrubbed(connection: &mut SqliteConnection, wholly: bool) -> Result<bool, StoreError> {
    if wholly {
        sqlx::query("VACUUM").execute(&mut *connection).await?;
    }
    let told = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    match told {
        Ok(row) => Ok(row.try_get::<i64, _>(0)? == 0),
        // Somebody else is at it.
        Err(sqlx::Error::Database(e)) if e.code().is_some_and(|code| code == "5" || code == "6") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn lossy(row: &SqliteRow, column: usize) -> Result<String, StoreError> {
    Ok(String::from_utf8_lossy(row.try_get::<&[u8], _>(column)?).into_owned())
}

fn lossy_or_null(row: &SqliteRow, column: usize) -> Result<Option<String>, StoreError> {
    Ok(row.try_get::<Option<&[u8]>, _>(column)?.map(|b| String::from_utf8_lossy(b).into_owned()))
}

/// A photo from the columns n, source, sha256, bytes, media_type, page_sha256, pdf_page, blob, round and left_out, which
/// begin at `first`.
fn photo(row: &SqliteRow, first: usize) -> Result<RawPhoto, StoreError> {
    Ok(RawPhoto {
        n: row.try_get(first)?,
        source: lossy(row, first + 1)?,
        sha256: lossy(row, first + 2)?,
        bytes: row.try_get(first + 3)?,
        media_type: lossy(row, first + 4)?,
        page: lossy_or_null(row, first + 5)?,
        pdf_page: row.try_get(first + 6)?,
        blob: lossy(row, first + 7)?,
        round: row.try_get(first + 8)?,
        left_out: row.try_get(first + 9)?,
    })
}

/// An outcome from the columns entry, at, outcome, source and reviewer, which begin at `first`.
fn outcome(row: &SqliteRow, first: usize) -> Result<RawOutcome, StoreError> {
    Ok(RawOutcome {
        entry: row.try_get(first)?,
        at: lossy(row, first + 1)?,
        outcome: lossy(row, first + 2)?,
        source: lossy(row, first + 3)?,
        reviewer: lossy(row, first + 4)?,
    })
}

const CLAIMS: &str = "SELECT c.id, c.created_at, c.claim_json, c.state, d.decided_at, d.record, d.timing, c.sealed, \
     k.wrapped, c.erased_at, c.tenant FROM claims c LEFT JOIN claim_keys k ON k.claim = c.id \
     LEFT JOIN decisions d ON d.id = (SELECT id FROM decisions WHERE claim = c.id ORDER BY id DESC LIMIT 1) ";

const ENTRIES: &str = "SELECT seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(subject AS BLOB), CAST(payload AS BLOB), \
     CAST(payload_sha256 AS BLOB), CAST(prev_hash AS BLOB), CAST(hash AS BLOB) FROM log";

fn entry(row: &SqliteRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.try_get::<i64, _>(0)? as u64,
        at: lossy(row, 1)?,
        kind: lossy(row, 2)?,
        subject: lossy(row, 3)?,
        payload: lossy(row, 4)?,
        payload_sha256: lossy(row, 5)?,
        prev_hash: lossy(row, 6)?,
        hash: lossy(row, 7)?,
    })
}

fn node(row: &SqliteRow) -> Result<(Node, ContentHash), StoreError> {
    Ok(((row.try_get(0)?, row.try_get::<i64, _>(1)? as u64), super::log::node_hash(row.try_get(2)?)?))
}

#[async_trait]
impl Rows for SqliteRows {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    async fn keep_policy(&mut self, sha256: &str, body: &str) -> Result<(), StoreError> {
        let insert = sqlx::query("INSERT INTO policies (sha256, body) VALUES (?, ?) ON CONFLICT DO NOTHING");
        insert.bind(sha256).bind(body).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn policies(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query("SELECT CAST(sha256 AS BLOB), CAST(body AS BLOB) FROM policies ORDER BY sha256")
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(|r| Ok((lossy(r, 0)?, lossy(r, 1)?))).collect()
    }

    async fn keys(&mut self, keys: &[String]) -> Result<Vec<[String; 3]>, StoreError> {
        let mut found = Vec::new();
        for key in keys {
            let row = sqlx::query("SELECT body_sha256, claim FROM idempotency WHERE key_sha256 = ?").bind(key);
            if let Some(row) = row.fetch_optional(&mut *self.tx).await? {
                found.push([key.clone(), row.try_get(0)?, row.try_get(1)?]);
            }
        }
        Ok(found)
    }

    async fn keep_claims(&mut self, claims: &[SealedClaim<'_>]) -> Result<(), StoreError> {
        for SealedClaim { new, sealed, wrapped, keyed } in claims {
            sqlx::query(
                "INSERT INTO claims (id, created_at, claim_json, salt, state, sealed, tenant) \
                 VALUES (?, ?, NULL, x'', 'processing', ?, ?)",
            )
            .bind(new.id.as_str())
            .bind(&new.created_at)
            .bind(sealed)
            .bind(new.tenant.as_str())
            .execute(&mut *self.tx)
            .await?;
            let key = sqlx::query("INSERT INTO claim_keys (claim, wrapped) VALUES (?, ?)").bind(new.id.as_str());
            key.bind(wrapped).execute(&mut *self.tx).await?;
            for (n, photo) in new.photos.iter().enumerate() {
                sqlx::query(
                    "INSERT INTO photos (claim, n, source, sha256, blob, bytes, media_type, pdf_page) \
                     VALUES (?, ?, '', '', ?, ?, ?, ?)",
                )
                .bind(new.id.as_str())
                .bind(n as i64)
                .bind(photo.blob.to_string())
                .bind(photo.bytes as i64)
                .bind(&photo.media_type)
                .bind(photo.pdf_page)
                .execute(&mut *self.tx)
                .await?;
            }
            let (holder, lease) = match &new.taken {
                Some((holder, lease)) => (Some(holder), Some(millis(*lease))),
                None => (None, None),
            };
            let taken = i64::from(new.taken.is_some());
            let job = format!(
                "INSERT INTO jobs (claim, attempts, now, holder, fence, lease_until) \
                 VALUES (?, ?, ?, ?, ?, COALESCE({NOW} + ?, 0))"
            );
            let job = sqlx::query(AssertSqlSafe(job)).bind(new.id.as_str()).bind(taken).bind(&new.now);
            job.bind(holder).bind(taken).bind(lease).execute(&mut *self.tx).await?;
            if let Some([key, body]) = keyed {
                sqlx::query("INSERT INTO idempotency (key_sha256, body_sha256, claim) VALUES (?, ?, ?)")
                    .bind(key)
                    .bind(body)
                    .bind(new.id.as_str())
                    .execute(&mut *self.tx)
                    .await?;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, id: &str) -> Result<Option<ClaimRecord>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{CLAIMS} WHERE c.id = ?"))).bind(id);
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(ClaimRecord::of).transpose()
    }

    async fn claim_facts(&mut self, id: &str) -> Result<Option<ClaimFacts>, StoreError> {
        let row = sqlx::query(
            "SELECT state, EXISTS (SELECT 1 FROM jobs WHERE claim = c.id), sealed, k.wrapped, erased_at FROM claims c \
             LEFT JOIN claim_keys k ON k.claim = c.id WHERE id = ?",
        );
        let facts = |r: &SqliteRow| {
            Ok(ClaimFacts {
                state: r.try_get(0)?,
                job: r.try_get::<i64, _>(1)? != 0,
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
        query.push(" ORDER BY c.id DESC LIMIT ").push_bind(limit);
        query.build().fetch_all(&mut *self.tx).await?.iter().map(ClaimRecord::of).collect()
    }

    async fn photos(&mut self, claim: &str) -> Result<Vec<RawPhoto>, StoreError> {
        let rows = sqlx::query(
            "SELECT n, CAST(source AS BLOB), CAST(sha256 AS BLOB), bytes, CAST(media_type AS BLOB), \
             CAST(page_sha256 AS BLOB), pdf_page, CAST(COALESCE(blob, sha256) AS BLOB), round, left_out FROM photos \
             WHERE claim = ? ORDER BY n",
        )
        .bind(claim)
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(|r| photo(r, 0)).collect()
    }

    async fn keep_page(&mut self, claim: &str, n: i64, page: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE photos SET page_sha256 = ? WHERE claim = ? AND n = ?");
        update.bind(page).bind(claim).bind(n).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn jobs(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT claim FROM jobs ORDER BY claim").fetch_all(&mut *self.tx).await?)
    }

    async fn holds(&mut self, claim: &str, fence: i64) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM jobs WHERE claim = ? AND fence = ?").bind(claim).bind(fence);
        Ok(row.fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn finish(&mut self, claim: &str, state: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE claims SET state = ? WHERE id = ?").bind(state).bind(claim).execute(&mut *self.tx).await?;
        sqlx::query("DELETE FROM jobs WHERE claim = ?").bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_decision(&mut self, claim: &str, made: &RawDecision) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO decisions (claim, decided_at, decision, record, timing, kind) VALUES (?, ?, ?, ?, ?, ?)";
        sqlx::query(insert)
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
             WHERE d.id > ? AND d.kind IS NOT '' ORDER BY d.id LIMIT ?",
        );
        let decided = |r: &SqliteRow| {
            let (id, claim, record, wrapped) = (r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(3)?);
            Ok(DecidedRow { id, claim, record, wrapped })
        };
        rows.bind(after).bind(limit).fetch_all(&mut *self.tx).await?.iter().map(decided).collect()
    }

    async fn last_record(&mut self, claim: &str) -> Result<Option<(Vec<u8>, Option<Vec<u8>>)>, StoreError> {
        let row = sqlx::query_as(
            "SELECT d.record, k.wrapped FROM decisions d LEFT JOIN claim_keys k ON k.claim = d.claim \
             WHERE d.claim = ? ORDER BY d.id DESC LIMIT 1",
        );
        Ok(row.bind(claim).fetch_optional(&mut *self.tx).await?)
    }

    async fn counts(&mut self) -> Result<[BTreeMap<String, i64>; 2], StoreError> {
        let states = "SELECT iif(erased_at IS NULL, state, 'erased') AS stands, count(*) FROM claims \
                      WHERE id NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') GROUP BY stands";
        let states = sqlx::query(states).fetch_all(&mut *self.tx).await?;
        let latest = "SELECT decision, count(*) FROM decisions \
                      WHERE id IN (SELECT max(id) FROM decisions GROUP BY claim) \
                      AND claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') GROUP BY decision";
        let latest = sqlx::query(latest).fetch_all(&mut *self.tx).await?;
        let counted = |rows: Vec<SqliteRow>| -> Result<_, StoreError> {
            rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
        };
        Ok([counted(states)?, counted(latest)?])
    }

    async fn keep_fingerprints(&mut self, claim: &str, prints: &[Fingerprint]) -> Result<(), StoreError> {
        for sql in ["DELETE FROM fingerprints WHERE claim = ?", "DELETE FROM marks WHERE claim = ?"] {
            sqlx::query(sql).bind(claim).execute(&mut *self.tx).await?;
        }
        for print in prints {
            sqlx::query(
                "INSERT INTO fingerprints (claim, document, sha256, picture_hash, family, code, number, issued, \
                 issuer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(claim)
            .bind(print.document)
            .bind(&print.sha256)
            .bind(&print.picture_hash)
            .bind(&print.family)
            .bind(&print.code)
            .bind(&print.number)
            .bind(&print.issued)
            .bind(&print.issuer)
            .execute(&mut *self.tx)
            .await?;
            for mark in &print.marks {
                sqlx::query("INSERT INTO marks (claim, document, mark) VALUES (?, ?, ?)")
                    .bind(claim)
                    .bind(print.document)
                    .bind(mark)
                    .execute(&mut *self.tx)
                    .await?;
            }
        }
        Ok(())
    }

    async fn prints(&mut self, what: &Sought<'_>, not_claim: &str, limit: i64) -> Result<Vec<PrintRow>, StoreError> {
        let mut query = what.query("SELECT f.claim, f.document, f.sha256 FROM ");
        query.push(" AND f.claim <> ").push_bind(not_claim);
        query.push(" ORDER BY f.id LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        let print =
            |r: &SqliteRow| Ok(PrintRow { claim: r.try_get(0)?, document: r.try_get(1)?, sha256: r.try_get(2)? });
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
        query.push_bind(limit);
        let rows = query.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok([r.try_get(0)?, r.try_get(1)?])).collect()
    }

    async fn alike(&mut self, like: &Alike<'_>) -> Result<Vec<(i64, String)>, StoreError> {
        let probes = serde_json::to_string(&like.probes).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let (index, (from, length)) = (like.part + 1, like.place);
        let rows = |day: &str| {
            format!(
                "SELECT id, picture_hash FROM fingerprints INDEXED BY fingerprints_by_part_{index} \
                 WHERE substr(picture_hash, {}, {length}) IN (SELECT value FROM json_each(?1)) {day} \
                 AND (?2 IS NULL OR number IS NULL OR number = ?2) AND claim <> ?3",
                from + 1
            )
        };
        let sql = match like.issued {
            Some(_) => format!("{} UNION ALL {}", rows("AND issued = ?4"), rows("AND issued IS NULL")),
            None => rows("AND ?4 IS NULL"),
        };
        let rows = sqlx::query(AssertSqlSafe(format!("{sql} LIMIT {}", like.limit)))
            .bind(probes)
            .bind(like.number)
            .bind(like.not_claim)
            .bind(like.issued)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
    }

    async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let row = sqlx::query(
            "SELECT size, CAST(hash AS BLOB), CAST(note AS BLOB), CAST(public_key AS BLOB) FROM log_head WHERE id = 1",
        );
        let head = |r: &SqliteRow| {
            let checkpoint = Checkpoint { size: r.try_get::<i64, _>(0)? as u64, hash: lossy(r, 1)? };
            Ok(Head { checkpoint, note: lossy(r, 2)?, public_key: lossy(r, 3)? })
        };
        row.fetch_optional(&mut *self.tx).await?.as_ref().map(head).transpose()
    }

    async fn keep_head(&mut self, head: &Head) -> Result<(), StoreError> {
        sqlx::query("UPDATE log_head SET size = ?, hash = ?, note = ?, public_key = ? WHERE id = 1")
            .bind(head.checkpoint.size as i64)
            .bind(&head.checkpoint.hash)
            .bind(&head.note)
            .bind(&head.public_key)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn entries(&mut self, from: i64, to: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(format!("{ENTRIES} WHERE seq BETWEEN ? AND ? ORDER BY seq")));
        rows.bind(from).bind(to).fetch_all(&mut *self.tx).await?.iter().map(entry).collect()
    }

    async fn entries_of(&mut self, subject: &str) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query_scalar("SELECT seq FROM log WHERE subject = ? AND kind <> 'claim_read' ORDER BY seq")
            .bind(subject);
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }

    async fn keep_entries(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        for entry in entries {
            sqlx::query(
                "INSERT INTO log (seq, at, kind, subject, payload, payload_sha256, prev_hash, hash) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(entry.seq as i64)
            .bind(&entry.at)
            .bind(&entry.kind)
            .bind(&entry.subject)
            .bind(&entry.payload)
            .bind(&entry.payload_sha256)
            .bind(&entry.prev_hash)
            .bind(&entry.hash)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    async fn nodes(&mut self, wanted: &[Node]) -> Result<Nodes, StoreError> {
        let mut found = Nodes::new();
        for some in wanted.chunks(NODES_AT_ONCE) {
            let mut query = QueryBuilder::new("WITH wanted (level, i) AS (");
            query.push_values(some, |mut row, (level, i)| {
                row.push_bind(*level).push_bind(*i as i64);
            });
            // A row-value IN would look at every row of the table; this looks each one up.
            query.push(") SELECT n.level, n.i, n.hash FROM wanted CROSS JOIN log_nodes n USING (level, i)");
            for row in query.build().fetch_all(&mut *self.tx).await? {
                found.extend([node(&row)?]);
            }
        }
        Ok(found)
    }

    async fn keep_nodes(&mut self, nodes: &[(Node, ContentHash)]) -> Result<(), StoreError> {
        for ((level, i), hash) in nodes {
            let insert = sqlx::query("INSERT INTO log_nodes (level, i, hash) VALUES (?, ?, ?)");
            insert.bind(level).bind(*i as i64).bind(hash.0.as_slice()).execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    async fn auditable(&mut self, claim: &str) -> Result<Option<AuditableRow>, StoreError> {
        let row = sqlx::query(
            "SELECT salt, (SELECT record FROM decisions WHERE claim = c.id ORDER BY id DESC LIMIT 1), sealed, \
             (SELECT wrapped FROM claim_keys WHERE claim = c.id), erased_at FROM claims c WHERE id = ?",
        );
        let auditable = |row: &SqliteRow| {
            Ok(AuditableRow {
                salt: row.try_get(0)?,
                record: row.try_get(1)?,
                sealed: row.try_get(2)?,
                wrapped: row.try_get(3)?,
                erased_at: row.try_get(4)?,
            })
        };
        row.bind(claim).fetch_optional(&mut *self.tx).await?.as_ref().map(auditable).transpose()
    }

    async fn outcome(&mut self, claim: &str) -> Result<Option<RawOutcome>, StoreError> {
        let row = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(outcome AS BLOB), CAST(source AS BLOB), CAST(reviewer AS BLOB) \
             FROM outcomes WHERE claim = ?",
        );
        row.bind(claim).fetch_optional(&mut *self.tx).await?.as_ref().map(|r| outcome(r, 0)).transpose()
    }

    async fn keep_outcome(&mut self, claim: &str, said: &RawOutcome) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO outcomes (claim, entry, at, outcome, source, reviewer) VALUES (?, ?, ?, ?, ?, ?)")
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
        let row = sqlx::query(
            "SELECT count(*), count(*) FILTER (WHERE outcome = 'wrong') FROM outcomes \
             WHERE entry > (SELECT COALESCE(MAX(entry), 0) FROM gate WHERE state = 'open')",
        );
        let row = row.fetch_one(&mut *self.tx).await?;
        Ok([row.try_get(0)?, row.try_get(1)?])
    }

    async fn last_move(&mut self) -> Result<Option<[String; 2]>, StoreError> {
        let row = sqlx::query("SELECT state, at FROM gate ORDER BY entry DESC LIMIT 1");
        row.fetch_optional(&mut *self.tx).await?.map(|r| Ok([r.try_get(0)?, r.try_get(1)?])).transpose()
    }

    async fn moves(&mut self) -> Result<Vec<RawMove>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(state AS BLOB), audited, wrong, bound_ppm, limit_ppm, \
             CAST(reviewer AS BLOB), CAST(why AS BLOB), salt FROM gate ORDER BY entry",
        );
        let moved = |r: &SqliteRow| {
            Ok(RawMove {
                entry: r.try_get(0)?,
                at: lossy(r, 1)?,
                state: lossy(r, 2)?,
                figures: [r.try_get(3)?, r.try_get(4)?, r.try_get(5)?, r.try_get(6)?],
                reviewer: lossy_or_null(r, 7)?,
                why: lossy_or_null(r, 8)?,
                salt: r.try_get(9)?,
            })
        };
        rows.fetch_all(&mut *self.tx).await?.iter().map(moved).collect()
    }

    async fn keep_move(&mut self, moved: &RawMove) -> Result<(), StoreError> {
        let insert = sqlx::query(
            "INSERT INTO gate (entry, at, state, audited, wrong, bound_ppm, limit_ppm, reviewer, why, salt) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        let insert = sqlx::query("INSERT INTO vault (id, index_key) VALUES (1, ?)");
        insert.bind(index_key).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_kind(&mut self, decision: i64, kind: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE decisions SET kind = ? WHERE id = ?");
        update.bind(kind).bind(decision).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn erase(&mut self, claim: &str, at: &str) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM claim_keys WHERE claim = ?",
            "DELETE FROM photos WHERE claim = ?",
            "DELETE FROM fingerprints WHERE claim = ?",
            "DELETE FROM marks WHERE claim = ?",
            "UPDATE review_steps SET content = NULL WHERE claim = ?",
            "UPDATE decisions SET record = x'', kind = '' WHERE claim = ?",
            "UPDATE idempotency SET body_sha256 = '' WHERE claim = ?",
        ] {
            sqlx::query(sql).bind(claim).execute(&mut *self.tx).await?;
        }
        let update =
            sqlx::query("UPDATE claims SET claim_json = NULL, salt = x'', sealed = NULL, erased_at = ? WHERE id = ?");
        update.bind(at).bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_erasure(&mut self, claim: &str, erasure: &RawErasure, pending: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO erasures (claim, entry, at, reviewer, why, salt, pending) VALUES (?, ?, ?, ?, ?, ?, ?)",
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
        let mut found = Vec::new();
        for name in names {
            let row = sqlx::query(
                "SELECT 1 FROM (SELECT claim FROM photos WHERE blob = ?1 UNION ALL \
                 SELECT claim FROM photos WHERE page_sha256 = ?1) WHERE claim <> ?2 LIMIT 1",
            );
            if row.bind(name).bind(not_claim).fetch_optional(&mut *self.tx).await?.is_some() {
                found.push(name.clone());
            }
        }
        Ok(found)
    }

    async fn pending_erasures(&mut self, limit: u32) -> Result<Vec<[String; 2]>, StoreError> {
        let rows = sqlx::query("SELECT claim, pending FROM erasures WHERE pending IS NOT NULL ORDER BY claim LIMIT ?");
        let rows = rows.bind(limit).fetch_all(&mut *self.tx).await?;
        rows.iter().map(|r| Ok([r.try_get(0)?, r.try_get(1)?])).collect()
    }

    async fn end_erasure(&mut self, claim: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE erasures SET pending = NULL WHERE claim = ?");
        update.bind(claim).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn aged(&mut self, of: &Aged<'_>) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT d.claim FROM decisions d WHERE d.kind = ? AND d.decision = ? AND d.decided_at < ? \
             AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.claim = d.claim AND later.id > d.id) \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.claim = d.claim) \
             AND (EXISTS (SELECT 1 FROM outcomes o WHERE o.claim = d.claim) \
             OR (SELECT phase = 'closed' FROM cases q WHERE q.claim = d.claim) \
             OR (d.decision = 'auto_approve' AND NOT EXISTS (SELECT 1 FROM cases q WHERE q.claim = d.claim))) \
             ORDER BY d.decided_at, d.claim LIMIT ?",
        );
        let rows = rows.bind(of.kind).bind(of.decision).bind(of.before).bind(of.limit);
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }

    async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        let whole = self.check("PRAGMA integrity_check".to_owned()).await?;
        if whole.is_empty() {
            return Ok(whole);
        }
        // It tells of pages and rows, or breaks off without a place; asked for each table by itself it tells of which.
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' UNION ALL SELECT 'sqlite_schema' ORDER BY 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *self.tx).await?;
        let mut found = Vec::new();
        for table in tables {
            let told = self.check(format!("PRAGMA integrity_check({table})")).await?;
            found.extend(told.into_iter().map(|line| format!("table {table}: {line}")));
        }
        // Free pages belong to no table.
        Ok(if found.is_empty() { whole } else { found })
    }
}

impl SqliteRows {
    /// What a check of the file finds; where it breaks off, why.
    async fn check(&mut self, pragma: String) -> Result<Vec<String>, StoreError> {
        let told = sqlx::query_scalar(AssertSqlSafe(pragma)).fetch_all(&mut *self.tx).await;
        match told.map_err(StoreError::from) {
            Ok(lines) => Ok(lines.into_iter().filter(|line: &String| line != "ok").collect()),
            Err(StoreError::Corrupt(what)) => Ok(vec![what]),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bp, ClaimId, Field, FieldName, Quad, Reading};
    use crate::store::{ClaimKey, KekPlace, NewClaim, PhotoRow, Store};

    async fn open(dir: &Path) -> (Store, SqlitePool) {
        let file = SqliteFile::open(&dir.join("c.sqlite")).await.unwrap();
        let pool = file.pool.clone();
        let kek = KekPlace::File(dir.join("kek.key"));
        (Store::over(Arc::new(file), &dir.join("log.key"), &kek).await.unwrap(), pool)
    }

    fn id(n: u8) -> ClaimId {
        ClaimId::new(u64::from(n), [n; 10])
    }

    fn new_claim(n: u8) -> NewClaim {
        NewClaim {
            id: id(n),
            created_at: "2026-01-01T00:00:00.000Z".to_owned(),
            tenant: crate::domain::Tenant::default(),
            claim: None,
            salt: [n; 16],
            seal: ClaimKey::new(&id(n)),
            photos: vec![PhotoRow {
                source: "a.jpg".to_owned(),
                sha256: ContentHash::of(&[n]),
                blob: ContentHash::of(&[n, n]),
                seal: None,
                bytes: 1,
                media_type: "image/jpeg".to_owned(),
                pdf_page: None,
                page: None,
            }],
            key: None,
            now: None,
            taken: None,
            known: None,
        }
    }

    fn field(value: &str) -> Field {
        Field {
            value: Some(value.to_owned()),
            text: value.to_owned(),
            confidence: Bp::ONE,
            score: Bp::ONE,
            polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
            page_polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
            readers: BTreeMap::new(),
            repairs: Vec::new(),
        }
    }

    /// How long a search takes at a million documents; `cargo test --release a_million -- --ignored --nocapture`.
    #[tokio::test]
    #[ignore = "fills a database with a million rows"]
    #[expect(clippy::print_stdout, reason = "it measures")]
    async fn a_million_documents_are_searched_in_milliseconds() {
        const ROWS: i64 = 1_000_000;
        let dir = tempfile::tempdir().unwrap();
        let (store, pool) = open(dir.path()).await;
        store.accept(new_claim(1)).await.unwrap();
        store.accept(new_claim(2)).await.unwrap();
        let mut tx = pool.begin().await.unwrap();
        let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) ");
        let other = id(2);
        for sql in [
            // A tenth of the pictures lie near one, as papers of one form do; three years of days; one in fifty undated.
            "INSERT INTO fingerprints (claim, document, sha256, picture_hash, family, code, number, issued, issuer) \
             SELECT ?, i, printf('%064x', i), CASE WHEN i % 10 = 0 THEN printf('0123456789ab%04x', i / 10 % 65536) \
             ELSE lower(hex(randomblob(8))) END, 'bill', '11060124', printf('%010d', i), \
             CASE WHEN i % 50 = 0 THEN NULL ELSE date('2023-01-01', printf('+%d days', i % 1095)) END, \
             printf('issuer-%d', i % 5000) FROM n",
            "INSERT INTO marks (claim, document, mark) SELECT ?, i, lower(hex(randomblob(16))) FROM n",
        ] {
            let sql = sqlx::AssertSqlSafe(format!("{numbers}{sql}"));
            sqlx::query(sql).bind(other.as_str()).execute(&mut *tx).await.unwrap();
        }
        // Those that are looked for, and all days, as they are stored.
        let keyed = |what, text: &str| store.vault.keyed(what, text).unwrap();
        let set = "UPDATE fingerprints SET code = ?, number = ? WHERE document = ?";
        for i in (0..300).map(|n| 1 + n * 3_331) {
            let set = sqlx::query(set).bind(keyed("code", "11060124")).bind(keyed("number", &format!("{i:010}")));
            set.bind(i).execute(&mut *tx).await.unwrap();
        }
        let days: Vec<String> = sqlx::query_scalar("SELECT DISTINCT issued FROM fingerprints WHERE issued IS NOT NULL")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        let pairs: Vec<[String; 2]> = days.into_iter().map(|day| [keyed("issued", &day), day]).collect();
        let pairs = serde_json::to_string(&pairs).unwrap();
        sqlx::query(
            "UPDATE fingerprints SET issued = (SELECT value ->> 0 FROM json_each(?) WHERE value ->> 1 = issued) \
             WHERE issued IS NOT NULL",
        )
        .bind(pairs)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let job = store.take_job("me", Duration::from_secs(60)).await.unwrap().unwrap();
        let mut transaction = store.begin_decision(&job).await.unwrap().unwrap();
        let mut took = Vec::new();
        let mut found = 0;
        for n in 0..300_u64 {
            let picture = format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let number = format!("{:010}", 1 + n * 3_331);
            let mut reading = Reading::unreadable("a.jpg", ContentHash::of(&n.to_le_bytes()), String::new());
            reading.picture_hash = Some(picture);
            for (name, value) in [
                (FieldName::BillCode, "11060124"),
                (FieldName::BillNumber, &number),
                (FieldName::IssueDate, "2024-05-12"),
            ] {
                reading.fields.insert(name, field(value));
            }
            let start = std::time::Instant::now();
            found += transaction.repeats(&[reading]).await.unwrap().len();
            took.push(start.elapsed());
        }
        took.sort();
        println!("{ROWS} documents, 300 searches: p50 {:?}, p99 {:?}, most {:?}", took[150], took[297], took[299]);
        assert!(found >= 300, "each number stands there");
        assert!(took[297].as_millis() < 10, "{:?}", took[297]);
    }

    #[tokio::test]
    async fn damage_is_told_with_its_table() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pool) = open(dir.path()).await;
        store.accept(new_claim(1)).await.unwrap();
        assert_eq!(store.snapshot().await.unwrap().damage().await.unwrap(), Vec::<String>::new());
        let page = "SELECT rootpage FROM sqlite_schema WHERE name = 'photos_by_page'";
        let page: i64 = sqlx::query_scalar(page).fetch_one(&pool).await.unwrap();
        let size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&pool).await.unwrap();
        store.close().await;
        let file = dir.path().join("c.sqlite");
        let mut bytes = std::fs::read(&file).unwrap();
        // How many entries the index has.
        bytes[(page - 1) as usize * size as usize + 4] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let (store, _) = open(dir.path()).await;
        let told = store.snapshot().await.unwrap().damage().await.unwrap();
        assert!(!told.is_empty() && told.iter().all(|line| line.starts_with("table photos: ")), "{told:?}");
    }

    #[tokio::test]
    async fn a_full_disk_passes_without_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pool) = open(dir.path()).await;
        store.accept(new_claim(1)).await.unwrap();
        // The one open connection may not grow the file: to SQLite the same as a full disk.
        let mut connection = pool.acquire().await.unwrap();
        let limit = sqlx::query("PRAGMA max_page_count = 1").fetch_one(&mut *connection).await.unwrap();
        assert!(limit.get::<i64, _>(0) > 1, "never under what the file has");
        drop(connection);
        let mut refused = 0;
        for n in 2..200 {
            let mut claim = new_claim(n);
            claim.photos.iter_mut().for_each(|photo| photo.source = "x".repeat(4_000));
            refused += u32::from(store.accept(claim).await.is_err());
        }
        assert!(refused > 0, "the file never filled");
        store.accept(new_claim(255)).await.expect("writes go on");
    }
}
