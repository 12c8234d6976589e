//! The approval gate as stored: audited outcomes, closings and reopenings, each with its entry in the log.

use super::log::{Draft, Log};
use super::rows::{Rows, Session};
use super::vault::Vault;
use super::{Snapshot, Store, StoreError};
use crate::audit;
use crate::domain::gate::{AuditSource, Audited, Gate, Reviewer, Why};
use crate::domain::{ClaimId, Record};
use std::sync::Arc;

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
    /// Whether its content was erased; then there is no record.
    pub erased: bool,
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

/// The gate within a transaction that writes.
pub struct GateRows<'a> {
    pub(super) db: &'a mut dyn Rows,
    pub(super) log: &'a Log,
    pub(super) vault: &'a Vault,
}

/// A transaction on the gate alone. Dropped without commit, nothing happened.
pub struct GateTransaction {
    db: Session,
    log: Arc<Log>,
    vault: Arc<Vault>,
}

impl Store {
    /// Where the gate stands.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn gate_standing(&self) -> Result<Standing, StoreError> {
        standing(self.read().await?.as_mut()).await
    }

    /// Begins a transaction on the gate.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_gate(&self) -> Result<GateTransaction, StoreError> {
        Ok(GateTransaction { db: self.write().await?, log: self.log.clone(), vault: self.vault.clone() })
    }
}

impl GateTransaction {
    /// The gate.
    pub fn gate(&mut self) -> GateRows<'_> {
        GateRows { db: self.db.as_mut(), log: &self.log, vault: &self.vault }
    }

    /// Records what was done.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit().await
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
        let Some(row) = self.db.auditable(id.as_str()).await? else { return Ok(None) };
        let said = self.db.outcome(id.as_str()).await?;
        let outcome = said.map(|said| [said.outcome, said.source, said.reviewer]);
        if row.erased_at.is_some() {
            return Ok(Some(Auditable { erased: true, record: None, outcome, salt: Vec::new() }));
        }
        let salt = match self.vault.secrets(id.as_str(), row.sealed.as_deref(), row.wrapped.as_deref())? {
            Some((secrets, _)) => secrets.salt()?,
            None => row.salt,
        };
        let open = |stored| self.vault.record(id.as_str(), row.wrapped.as_deref(), stored);
        let record = row.record.map(open).transpose()?.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        let record = record.map_err(|_| StoreError::Corrupt("a stored record is malformed".to_owned()))?;
        Ok(Some(Auditable { erased: false, record, outcome, salt }))
    }

    /// Whether the end of a claim was known when it was sent.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn is_known(&mut self, id: &ClaimId) -> Result<bool, StoreError> {
        self.db.is_known(id.as_str()).await
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
        let entry = self.append(at, audit::kind::OUTCOME, id.as_str(), payload).await?;
        let [outcome, source, reviewer] = words.map(str::to_owned);
        self.db.keep_outcome(id.as_str(), &RawOutcome { entry, at: at.to_owned(), outcome, source, reviewer }).await
    }

    /// Closes the gate, with the figures that closed it: audited, wrong, and bound and limit in millionths.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn close(&mut self, figures: [i64; 4], at: &str) -> Result<(), StoreError> {
        let figures = figures.map(Some);
        let entry = self.append(at, audit::kind::GATE_CLOSED, audit::GATE, audit::closed_payload(figures)).await?;
        let (at, state) = (at.to_owned(), "closed".to_owned());
        self.db.keep_move(&RawMove { entry, at, state, figures, reviewer: None, why: None, salt: None }).await
    }

    /// Opens it again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn reopen(&mut self, by: &Reviewer, why: &Why, salt: [u8; 16], at: &str) -> Result<(), StoreError> {
        let payload = audit::reopened_payload(&salt, by.as_str(), why.as_str());
        let entry = self.append(at, audit::kind::GATE_REOPENED, audit::GATE, payload).await?;
        let moved = RawMove {
            entry,
            at: at.to_owned(),
            state: "open".to_owned(),
            figures: [None; 4],
            reviewer: Some(by.as_str().to_owned()),
            why: Some(why.as_str().to_owned()),
            salt: Some(salt.to_vec()),
        };
        self.db.keep_move(&moved).await
    }

    async fn append(&mut self, at: &str, kind: &str, subject: &str, payload: String) -> Result<i64, StoreError> {
        Ok(self.log.append(self.db, vec![Draft { at, kind, subject, payload }]).await? as i64)
    }
}

async fn standing(db: &mut dyn Rows) -> Result<Standing, StoreError> {
    let (state, since) = match db.last_move().await? {
        None => (Gate::Open, None),
        Some([state, at]) => match state.as_str() {
            "open" => (Gate::Open, Some(at)),
            "closed" => (Gate::Closed, Some(at)),
            _ => return Err(StoreError::Corrupt("unknown state of the approval gate".to_owned())),
        },
    };
    let [audited, wrong] = db.outcomes().await?.map(|count| count as u64);
    Ok(Standing { state, since, audited, wrong })
}

impl Snapshot {
    /// Every closing and reopening, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn gate(&mut self) -> Result<Vec<RawMove>, StoreError> {
        self.db.moves().await
    }
}
