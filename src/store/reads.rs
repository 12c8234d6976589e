//! Who read what of a claim, as stored, each reading with its entry in the log.

use super::log::Draft;
use super::walk::{Named, Names};
use super::{Store, StoreError};
use crate::audit::{kind, read_payload};
use crate::domain::ClaimId;
use async_trait::async_trait;

/// A reading to be logged.
#[derive(Debug, Clone)]
pub struct NewRead {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Of which claim.
    pub claim: ClaimId,
    /// What of it.
    pub what: &'static str,
    /// Who, if that is known.
    pub by: Option<String>,
    /// Random bytes for the log's commitments.
    pub salt: [u8; 16],
}

/// A reading as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRead {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub what: String,
    /// As stored.
    pub reader: Option<String>,
    /// As stored.
    pub salt: Vec<u8>,
}

impl RawRead {
    /// The payload that the log should hold of it.
    pub fn payload(&self) -> String {
        read_payload(&self.salt, &self.what, self.reader.as_deref())
    }
}

/// The rows of readings, within one transaction.
#[async_trait]
pub(super) trait ReadRows: Send {
    async fn keep_reads(&mut self, reads: &[(String, RawRead)]) -> Result<(), StoreError>;
    /// By claim, and within one in order. Damaged text is given as far as it is text.
    async fn reads_in(&mut self, names: &Names) -> Result<Vec<Named<RawRead>>, StoreError>;
}

impl Store {
    /// Logs readings, all in one commit.
    ///
    /// # Errors
    /// If they cannot be committed; then none is logged.
    pub async fn log_reads(&self, reads: &[NewRead]) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        let draft = |read: &NewRead| {
            let payload = read_payload(&read.salt, read.what, read.by.as_deref());
            (read.at.clone(), payload)
        };
        let drafted: Vec<(String, String)> = reads.iter().map(draft).collect();
        let drafts = reads.iter().zip(&drafted).map(|(read, (at, payload))| Draft {
            at,
            kind: kind::READ,
            subject: read.claim.as_str(),
            payload: payload.clone(),
        });
        let last = self.log.append(db.as_mut(), drafts.collect()).await? as i64;
        let first = last + 1 - reads.len() as i64;
        let row = |(entry, read): (i64, &NewRead)| {
            let raw = RawRead {
                entry,
                at: read.at.clone(),
                what: read.what.to_owned(),
                reader: read.by.clone(),
                salt: read.salt.to_vec(),
            };
            (read.claim.to_string(), raw)
        };
        db.keep_reads(&(first..).zip(reads).map(row).collect::<Vec<_>>()).await?;
        db.commit().await
    }

    /// Who read what of a claim, in order.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn reads_of(&self, claim: &ClaimId) -> Result<Vec<RawRead>, StoreError> {
        let reads = self.read().await?.reads_in(&Names::one(claim.as_str())).await?;
        Ok(reads.into_iter().map(|(_, read)| read).collect())
    }
}
