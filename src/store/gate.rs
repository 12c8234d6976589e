//! The approval gate as stored: audited outcomes, closings and reopenings, each with its entry in the log.

use super::log::Log;
use super::sqlite::{lossy, lossy_or_null};
use super::{Snapshot, Store, StoreError};
use crate::audit;
use crate::domain::gate::{AuditSource, Audited, Gate, Reviewer, Why};
use crate::domain::{ClaimId, Record};
use sqlx::{Row, Sqlite, SqliteConnection, Transaction};
use tokio::sync::OwnedMutexGuard;

/// Where the gate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Open or closed.
    pub state: Gate,
    /// Since when, RFC 3339 in UTC; `None` if it never moved.
    pub since: Option<String>,
    /// Claims with an outcome since the last reopening.
    pub audited: u64,
    /// Of them those that were wrong to approve.
    pub wrong: u64,
}

/// What a person said of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedOutcome {
    /// Right or wrong.
    pub outcome: Audited,
    /// How it came to be looked at.
    pub source: AuditSource,
    /// By whom.
    pub by: Reviewer,
}

/// What is stored of a claim that an outcome may be recorded of.
#[derive(Debug)]
pub struct Auditable {
    /// The last decision.
    pub record: Option<Record>,
    /// The outcome recorded before, as its words.
    pub outcome: Option<[String; 3]>,
    salt: Vec<u8>,
}

/// An outcome as stored.
#[derive(Debug, Clone)]
pub struct RawOutcome {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub outcome: String,
    /// As stored.
    pub source: String,
    /// As stored.
    pub reviewer: String,
}

/// A closing or reopening as stored.
#[derive(Debug, Clone)]
pub struct RawMove {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub state: String,
    /// Audited, wrong, bound and limit, as stored.
    pub figures: [Option<i64>; 4],
    /// As stored.
    pub reviewer: Option<String>,
    /// As stored.
    pub why: Option<String>,
    /// As stored.
    pub salt: Option<Vec<u8>>,
}

/// The gate within a transaction that holds the only write lock.
pub struct GateRows<'a> {
    pub(super) db: &'a mut SqliteConnection,
    pub(super) log: &'a Log,
}

/// A transaction on the gate alone. Dropped without commit, nothing happened.
pub struct GateTransaction {
    tx: Transaction<'static, Sqlite>,
    turn: OwnedMutexGuard<Log>,
}

impl Store {
    /// Where the gate stands.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn gate_standing(&self) -> Result<Standing, StoreError> {
        standing(&mut *self.pool.acquire().await?).await
    }

    /// Begins a transaction on the gate.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_gate(&self) -> Result<GateTransaction, StoreError> {
        let (tx, turn) = self.begin().await?;
        Ok(GateTransaction { tx, turn })
    }
}

impl GateTransaction {
    /// The gate.
    pub fn gate(&mut self) -> GateRows<'_> {
        GateRows { db: &mut self.tx, log: &self.turn }
    }

    /// Records what was done.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

impl GateRows<'_> {
    /// Where it stands.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn standing(&mut self) -> Result<Standing, StoreError> {
        standing(self.db).await
    }

    /// What is needed to record an outcome of a claim; `None` if there is no such claim.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn auditable(&mut self, id: &ClaimId) -> Result<Option<Auditable>, StoreError> {
        let row = sqlx::query(
            "SELECT c.salt, (SELECT record FROM decisions WHERE claim = c.id ORDER BY id DESC LIMIT 1), \
             o.outcome, o.source, o.reviewer FROM claims c LEFT JOIN outcomes o ON o.claim = c.id WHERE c.id = ?",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let record = row.try_get::<Option<&[u8]>, _>(1)?.map(serde_json::from_slice).transpose();
        let said: [Option<String>; 3] = [row.try_get(2)?, row.try_get(3)?, row.try_get(4)?];
        let outcome = match said {
            [Some(outcome), Some(source), Some(reviewer)] => Some([outcome, source, reviewer]),
            _ => None,
        };
        let record = record.map_err(|_| StoreError::Corrupt("a stored record is malformed".to_owned()))?;
        Ok(Some(Auditable { record, outcome, salt: row.try_get(0)? }))
    }

    /// Records and logs an outcome of a claim.
    ///
    /// # Errors
    /// If it cannot be written, or if there is one already.
    pub async fn keep_outcome(
        &mut self,
        id: &ClaimId,
        of: &Auditable,
        said: &AuditedOutcome,
        at: &str,
    ) -> Result<(), StoreError> {
        let words = [said.outcome.as_str(), said.source.as_str(), said.by.as_str()];
        let payload = audit::outcome_payload(&of.salt, words);
        let entry = self.log.append(self.db, at, audit::kind::OUTCOME, id.as_str(), payload).await?;
        sqlx::query("INSERT INTO outcomes (claim, entry, at, outcome, source, reviewer) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(id.as_str())
            .bind(entry as i64)
            .bind(at)
            .bind(words[0])
            .bind(words[1])
            .bind(words[2])
            .execute(&mut *self.db)
            .await?;
        Ok(())
    }

    /// Closes the gate, with the figures that closed it: audited, wrong, and bound and limit in millionths.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn close(&mut self, figures: [i64; 4], at: &str) -> Result<(), StoreError> {
        let payload = audit::closed_payload(figures.map(Some));
        let entry = self.log.append(self.db, at, audit::kind::GATE_CLOSED, audit::GATE, payload).await?;
        let insert = "INSERT INTO gate (entry, at, state, audited, wrong, bound_ppm, limit_ppm) VALUES (?, ?, 'closed', ?, ?, ?, ?)";
        let insert = sqlx::query(insert).bind(entry as i64).bind(at);
        figures.into_iter().fold(insert, sqlx::query::Query::bind).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Opens it again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn reopen(&mut self, by: &Reviewer, why: &Why, salt: [u8; 16], at: &str) -> Result<(), StoreError> {
        let payload = audit::reopened_payload(&salt, by.as_str(), why.as_str());
        let entry = self.log.append(self.db, at, audit::kind::GATE_REOPENED, audit::GATE, payload).await?;
        sqlx::query("INSERT INTO gate (entry, at, state, reviewer, why, salt) VALUES (?, ?, 'open', ?, ?, ?)")
            .bind(entry as i64)
            .bind(at)
            .bind(by.as_str())
            .bind(why.as_str())
            .bind(salt.as_slice())
            .execute(&mut *self.db)
            .await?;
        Ok(())
    }
}

async fn standing(db: &mut SqliteConnection) -> Result<Standing, StoreError> {
    let last = sqlx::query("SELECT state, at FROM gate ORDER BY entry DESC LIMIT 1").fetch_optional(&mut *db).await?;
    let (state, since) = match last {
        None => (Gate::Open, None),
        Some(row) => match row.try_get(0)? {
            "open" => (Gate::Open, Some(row.try_get(1)?)),
            "closed" => (Gate::Closed, Some(row.try_get(1)?)),
            _ => return Err(StoreError::Corrupt("unknown state of the approval gate".to_owned())),
        },
    };
    let counts = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE outcome = 'wrong') FROM outcomes \
         WHERE entry > (SELECT COALESCE(MAX(entry), 0) FROM gate WHERE state = 'open')",
    )
    .fetch_one(&mut *db)
    .await?;
    let count = |i: usize| Ok::<_, StoreError>(counts.try_get::<i64, _>(i)? as u64);
    Ok(Standing { state, since, audited: count(0)?, wrong: count(1)? })
}

impl Snapshot {
    /// The outcome of a claim, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn outcome(&mut self, claim: &str) -> Result<Option<RawOutcome>, StoreError> {
        let row = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(outcome AS BLOB), CAST(source AS BLOB), CAST(reviewer AS BLOB) \
             FROM outcomes WHERE claim = ?",
        )
        .bind(claim)
        .fetch_optional(&mut *self.tx)
        .await?;
        let raw = |r| {
            let [at, outcome, source, reviewer] = [lossy(r, 1)?, lossy(r, 2)?, lossy(r, 3)?, lossy(r, 4)?];
            Ok(RawOutcome { entry: r.try_get(0)?, at, outcome, source, reviewer })
        };
        row.as_ref().map(raw).transpose()
    }

    /// Every closing and reopening, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn gate(&mut self) -> Result<Vec<RawMove>, StoreError> {
        let rows = sqlx::query(
            "SELECT entry, CAST(at AS BLOB), CAST(state AS BLOB), audited, wrong, bound_ppm, limit_ppm, \
             CAST(reviewer AS BLOB), CAST(why AS BLOB), salt FROM gate ORDER BY entry",
        )
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(RawMove {
                    entry: r.try_get(0)?,
                    at: lossy(r, 1)?,
                    state: lossy(r, 2)?,
                    figures: [r.try_get(3)?, r.try_get(4)?, r.try_get(5)?, r.try_get(6)?],
                    reviewer: lossy_or_null(r, 7)?,
                    why: lossy_or_null(r, 8)?,
                    salt: r.try_get(9)?,
                })
            })
            .collect()
    }
}
