//! Policies as stored: which one decides, which one is tried beside it, and every act about them with its entry in the
//! log.

use super::log::{Draft, Log};
use super::rows::{Rows, Session};
use super::{Snapshot, Store, StoreError};
use crate::audit::acts::{PolicyAct, policy_payload};
use crate::audit::{POLICY, kind};
use crate::domain::{ClaimId, ContentHash, Decision};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An act about a policy as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAct {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub kind: String,
    /// As stored.
    pub policy: Option<String>,
    /// As stored.
    pub begins: Option<String>,
    /// As stored.
    pub figures: Option<String>,
    /// As stored.
    pub reviewer: Option<String>,
    /// As stored.
    pub why: Option<String>,
    /// As stored.
    pub salt: Vec<u8>,
}

impl RawAct {
    /// The payload that the log should hold of it; `text` is the policy's.
    pub fn payload(&self, text: Option<&str>) -> String {
        let begins_to_decide = matches!(self.kind.as_str(), kind::POLICY_ADOPTED | kind::POLICY_SHADOWED);
        let act = PolicyAct {
            policy: self.policy.as_deref(),
            text: text.filter(|_| begins_to_decide),
            from: self.begins.as_deref(),
            figures: self.figures.as_deref(),
            by: self.reviewer.as_deref(),
            why: self.why.as_deref(),
        };
        policy_payload(&self.salt, &act)
    }
}

/// An act to be recorded.
#[derive(Debug, Clone, Default)]
pub struct NewAct<'a> {
    /// One of [`kind`].
    pub kind: &'a str,
    /// When, RFC 3339 in UTC.
    pub at: &'a str,
    /// The policy: hash and text.
    pub policy: Option<(&'a ContentHash, &'a str)>,
    /// From when it decides, if not from now on.
    pub begins: Option<&'a str>,
    /// What a backtest found, JSON.
    pub figures: Option<&'a str>,
    /// Who.
    pub by: Option<&'a str>,
    /// Why.
    pub why: Option<&'a str>,
    /// Random bytes for the log's commitments.
    pub salt: [u8; 16],
}

/// Which act is looked for: the last one of these.
#[derive(Debug, Clone, Copy)]
pub(super) enum SoughtAct<'a> {
    /// That put a policy in force which decides at this time.
    InForce(&'a str),
    /// That set or ended a shadow.
    Shadow,
    /// That tried this policy.
    Backtest(&'a str),
}

/// What a shadow policy would have decided otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShadowCounts {
    /// How often, by what.
    pub counts: BTreeMap<String, i64>,
    /// Claims that it would have decided the other way, newest first, with what was decided.
    pub flips: Vec<[String; 2]>,
}

/// The rows about policies, within one transaction.
#[async_trait]
pub(super) trait PolicyRows: Send {
    async fn policy(&mut self, sha256: &str) -> Result<Option<String>, StoreError>;
    async fn keep_act(&mut self, act: &RawAct) -> Result<(), StoreError>;
    /// In order.
    async fn acts(&mut self) -> Result<Vec<RawAct>, StoreError>;
    async fn last_act(&mut self, sought: SoughtAct<'_>) -> Result<Option<RawAct>, StoreError>;
    /// One more of each.
    async fn count_shadow(&mut self, entry: i64, whats: &[String]) -> Result<(), StoreError>;
    async fn keep_flip(&mut self, entry: i64, claim: &str, now: &str) -> Result<(), StoreError>;
    /// With at most so many claims.
    async fn shadow_counts(&mut self, entry: i64, limit: i64) -> Result<ShadowCounts, StoreError>;
}

/// Policies within a transaction that writes.
pub struct PolicyActs<'a> {
    pub(super) db: &'a mut dyn Rows,
    pub(super) log: &'a Log,
}

/// A transaction on policies alone. Dropped without commit, nothing happened.
pub struct PolicyTransaction {
    db: Session,
    log: Arc<Log>,
}

impl Store {
    /// Begins a transaction on policies.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_policies(&self) -> Result<PolicyTransaction, StoreError> {
        Ok(PolicyTransaction { db: self.write().await?, log: self.log.clone() })
    }

    /// Whether anything can be recorded: without the log's key all is read and nothing written.
    pub fn can_record(&self) -> bool {
        self.log.key().is_ok()
    }
}

impl PolicyTransaction {
    /// The policies.
    pub fn policies(&mut self) -> PolicyActs<'_> {
        PolicyActs { db: self.db.as_mut(), log: &self.log }
    }

    /// Records what was done.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit().await
    }
}

impl PolicyActs<'_> {
    /// The act by which a policy is in force at a time: of those that have begun, the one adopted last.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn in_force(&mut self, at: &str) -> Result<Option<RawAct>, StoreError> {
        self.db.last_act(SoughtAct::InForce(at)).await
    }

    /// The act that set the shadow policy, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn shadow(&mut self) -> Result<Option<RawAct>, StoreError> {
        shadow(self.db).await
    }

    /// The last backtest of a policy.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn backtest(&mut self, policy: &ContentHash) -> Result<Option<RawAct>, StoreError> {
        self.db.last_act(SoughtAct::Backtest(&policy.to_string())).await
    }

    /// The text of a policy that is kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn text(&mut self, policy: &str) -> Result<Option<String>, StoreError> {
        self.db.policy(policy).await
    }

    /// Whether anything was decided.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn any_decided(&mut self) -> Result<bool, StoreError> {
        Ok(!self.db.decided(i64::MIN, 1).await?.is_empty())
    }

    /// Records and logs an act, and keeps the policy's text.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn record(&mut self, act: &NewAct<'_>) -> Result<RawAct, StoreError> {
        let mut row = RawAct {
            entry: 0,
            at: act.at.to_owned(),
            kind: act.kind.to_owned(),
            policy: act.policy.map(|(hash, _)| hash.to_string()),
            begins: act.begins.map(str::to_owned),
            figures: act.figures.map(str::to_owned),
            reviewer: act.by.map(str::to_owned),
            why: act.why.map(str::to_owned),
            salt: act.salt.to_vec(),
        };
        if let Some((hash, text)) = act.policy {
            self.db.keep_policy(&hash.to_string(), text).await?;
        }
        let payload = row.payload(act.policy.map(|(_, text)| text));
        let draft = Draft { at: act.at, kind: act.kind, subject: POLICY, payload };
        row.entry = self.log.append(self.db, vec![draft]).await? as i64;
        self.db.keep_act(&row).await?;
        Ok(row)
    }

    /// Counts what a shadow would have decided of a claim: one more of each; and the claim, if it is `flipped` from
    /// what was decided.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn count(
        &mut self,
        shadow: &RawAct,
        whats: &[String],
        flipped: Option<(&ClaimId, Decision)>,
    ) -> Result<(), StoreError> {
        self.db.count_shadow(shadow.entry, whats).await?;
        match flipped {
            Some((claim, now)) => self.db.keep_flip(shadow.entry, claim.as_str(), now.as_str()).await,
            None => Ok(()),
        }
    }
}

async fn shadow(db: &mut dyn Rows) -> Result<Option<RawAct>, StoreError> {
    let last = db.last_act(SoughtAct::Shadow).await?;
    Ok(last.filter(|act| act.kind == kind::POLICY_SHADOWED))
}

impl Snapshot {
    /// Every act about policies, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn policy_acts(&mut self) -> Result<Vec<RawAct>, StoreError> {
        self.db.acts().await
    }

    /// The act by which a policy is in force at a time.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn in_force(&mut self, at: &str) -> Result<Option<RawAct>, StoreError> {
        self.db.last_act(SoughtAct::InForce(at)).await
    }

    /// The act that set the shadow policy, if there is one, and what was counted since, with at most so many claims.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn shadow(&mut self, limit: i64) -> Result<Option<(RawAct, ShadowCounts)>, StoreError> {
        let Some(act) = shadow(self.db.as_mut()).await? else { return Ok(None) };
        let counts = self.db.shadow_counts(act.entry, limit).await?;
        Ok(Some((act, counts)))
    }

    /// The text of a policy that is kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn policy(&mut self, sha256: &str) -> Result<Option<String>, StoreError> {
        self.db.policy(sha256).await
    }
}
