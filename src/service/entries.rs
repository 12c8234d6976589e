//! The audit log as auditors look through it.

use super::{Records, ServiceError};
use crate::audit::{Entry, kind};
use crate::store::LogQuery;
use serde::Serialize;
use serde_json::Value;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EntryView {
    /// Its position, from 1.
    pub position: u64,
    /// When it was appended, RFC 3339 in UTC.
    pub at: String,
    /// What happened.
    #[schema(example = "review_decided")]
    pub kind: String,
    /// The claim that it speaks of, or `gate`, `policy` or `key`.
    pub subject: String,
    /// What it commits to: hashes, and what is not personal.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Its hash.
    pub hash: String,
    /// Of a reading: who read, if that was known.
    pub reader: Option<String>,
}

/// A page of the log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EntryList {
    /// The entries.
    pub entries: Vec<EntryView>,
    /// Hand this back as `from` for the next page; `null` on the last.
    pub next: Option<u64>,
}

impl Records {
    /// The newest entries that are asked for.
    ///
    /// # Errors
    /// The store's.
    pub async fn log_entries(&self, query: LogQuery) -> Result<EntryList, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        let limit = query.limit as usize;
        let mut found = snapshot.newest_entries(&LogQuery { limit: query.limit + 1, ..query }).await?;
        let next = found.get(limit).map(|entry| entry.seq);
        found.truncate(limit);
        let reads: Vec<u64> = found.iter().filter(|entry| entry.kind == kind::READ).map(|entry| entry.seq).collect();
        let mut readers = snapshot.readers(&reads).await?;
        let view = |entry: Entry| EntryView {
            position: entry.seq,
            at: entry.at,
            kind: entry.kind,
            subject: entry.subject,
            payload: serde_json::from_str(&entry.payload).unwrap_or(Value::String(entry.payload)),
            hash: entry.hash,
            reader: readers.remove(&entry.seq),
        };
        Ok(EntryList { entries: found.into_iter().map(view).collect(), next })
    }
}
