//! The log's key: changing it, and showing by what way the present one follows from earlier ones.

use super::work::stamp;
use super::{Records, ServiceError};
use crate::audit::keys::{Keys, Rotation, ShownEntry};
use crate::audit::note::{PublicKey, base64};
use crate::store::Proved;
use jiff::Timestamp;
use serde::Serialize;

/// The changes of the log's key, with the proofs that they stand in the log of this checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyHistory {
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The key that signed it.
    pub public_key: String,
    /// The changes, in order; empty if there was none.
    pub keys: Vec<ShownEntry>,
}

/// Entries as auditors are given them.
pub(super) fn shown(proved: &Proved) -> Vec<ShownEntry> {
    let one = |(entry, hashes): &(crate::audit::Entry, Vec<_>)| ShownEntry {
        seq: entry.seq,
        at: entry.at.clone(),
        kind: entry.kind.clone(),
        subject: entry.subject.clone(),
        payload: entry.payload.clone(),
        prev_hash: entry.prev_hash.clone(),
        proof: hashes.iter().map(base64).collect(),
    };
    proved.entries.iter().map(one).collect()
}

impl Records {
    /// Changes the log's key: the old one signs the new one in an entry of the log, and is then gone.
    ///
    /// # Errors
    /// If it cannot be recorded; the old one then signs on.
    pub async fn rotate_key(&self) -> Result<PublicKey, ServiceError> {
        Ok(self.store.rotate_key(&stamp(Timestamp::now())).await?)
    }

    /// The changes of the log's key, with their proofs.
    ///
    /// # Errors
    /// The store's.
    pub async fn key_history(&self) -> Result<KeyHistory, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        let proved = snapshot.proved_keys().await?;
        let keys = shown(&proved);
        Ok(KeyHistory { checkpoint: proved.note, public_key: proved.key.to_string(), keys })
    }

    /// The changes of the log's key that hold, in order.
    ///
    /// # Errors
    /// The store's.
    pub async fn key_rotations(&self) -> Result<Vec<Rotation>, ServiceError> {
        let entries = self.store.snapshot().await?.key_entries().await?;
        Ok(Keys::of(&entries).rotations().to_vec())
    }
}
