//! Who may come in, as stored: API keys, each act about them with its entry in the log; people who are signed in; what
//! keys with a quota have sent; and whose claims are.
//!
//! Of secrets only keyed hashes are stored, under the vault's index key, which is not in the database: whoever can
//! write the rows can make no key. A slow hash such as Argon2 would add nothing, since secrets are 256 random bits and
//! no words that people choose.

use super::log::{Draft, Log};
use super::postgres::PostgresDatabase;
use super::rows::Session;
use super::sqlite::SqliteFile;
use super::vault::Vault;
use super::{Database, Snapshot, Store, StoreError};
use crate::audit::access::{KeyAct, key_payload};
use crate::audit::{ACCESS, kind};
use crate::domain::{ClaimId, Scope, Tenant};
use async_trait::async_trait;
use std::sync::Arc;

/// An act about an API key as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawKeyAct {
    /// Its place in the log.
    pub entry: i64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// One of [`kind`].
    pub kind: String,
    /// The id of the key that was given or taken back.
    pub key: String,
    /// Whose it is.
    pub name: Option<String>,
    /// What it may do.
    pub role: Option<String>,
    /// Which tenant's it is.
    pub tenant: Option<String>,
    /// Keyed hash of its secret.
    pub mac: Option<String>,
    /// Until when it opens.
    pub expires: Option<String>,
    /// Requests a minute.
    pub per_minute: Option<i64>,
    /// Photos a day.
    pub photos_a_day: Option<i64>,
    /// The id of the key that it takes the place of.
    pub replaces: Option<String>,
    /// Until when that one still opens.
    pub overlap_ends: Option<String>,
    /// By whose order.
    pub reviewer: Option<String>,
    /// Random bytes for the log's commitments.
    pub salt: Vec<u8>,
}

impl RawKeyAct {
    /// The payload that the log should hold of it.
    pub fn payload(&self) -> String {
        let act = KeyAct {
            key: &self.key,
            name: self.name.as_deref(),
            role: self.role.as_deref(),
            tenant: self.tenant.as_deref(),
            mac: self.mac.as_deref(),
            expires: self.expires.as_deref(),
            per_minute: self.per_minute,
            photos_a_day: self.photos_a_day,
            replaces: self.replaces.as_deref(),
            overlap_ends: self.overlap_ends.as_deref(),
            by: self.reviewer.as_deref(),
        };
        key_payload(&self.salt, &act)
    }
}

/// Somebody who is signed in, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// What it is found by.
    pub id: String,
    /// The key it was begun with; of who signed in at an issuer, `oidc:ROLE:NAME`.
    pub key: String,
    /// Keyed hash of its secret, its key and its beginning: see [`Store::session_mac`].
    pub mac: String,
    /// Seconds since 1970.
    pub begun: i64,
    /// Seconds since 1970.
    pub used: i64,
}

/// Which sessions end.
#[derive(Debug, Clone, Copy)]
pub enum Ended<'a> {
    /// This one.
    One(&'a str),
    /// Those of a key.
    OfKey(&'a str),
    /// Those begun, or last used, before these times, in seconds since 1970.
    Aged {
        /// Begun before.
        begun: i64,
        /// Last used before.
        used: i64,
    },
}

/// The rows about access, within one transaction.
#[async_trait]
pub(super) trait AccessRows: Send {
    /// In order.
    async fn key_acts(&mut self) -> Result<Vec<RawKeyAct>, StoreError>;
    async fn keep_key_act(&mut self, act: &RawKeyAct) -> Result<(), StoreError>;
    /// Whether the log speaks of this subject.
    async fn is_logged(&mut self, subject: &str) -> Result<bool, StoreError>;

    async fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError>;
    async fn keep_session(&mut self, session: &SessionRow) -> Result<(), StoreError>;
    async fn use_session(&mut self, id: &str, used: i64) -> Result<(), StoreError>;
    async fn end_sessions(&mut self, which: Ended<'_>) -> Result<(), StoreError>;

    /// Counts photos of a day, unless they would be more than the limit, and says whether it did.
    async fn count_photos(&mut self, key: &str, day: &str, photos: i64, limit: i64) -> Result<bool, StoreError>;

    async fn tenant(&mut self, claim: &str) -> Result<Option<String>, StoreError>;
}

/// A transaction on API keys. Dropped without commit, nothing happened.
pub struct KeyTransaction {
    db: Session,
    log: Arc<Log>,
    vault: Arc<Vault>,
}

impl KeyTransaction {
    /// Every act so far, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn acts(&mut self) -> Result<Vec<RawKeyAct>, StoreError> {
        self.db.key_acts().await
    }

    /// The keyed hash of a key's secret.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn key_mac(&self, id: &str, secret: &str) -> Result<String, StoreError> {
        self.vault.mac(API_KEY, &[id, secret])
    }

    /// Records and logs an act, whose `entry` is filled in; sessions of a key that is taken back end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn record(&mut self, mut act: RawKeyAct) -> Result<RawKeyAct, StoreError> {
        let draft = Draft { at: &act.at, kind: &act.kind, subject: ACCESS, payload: act.payload() };
        act.entry = self.log.append(self.db.as_mut(), vec![draft]).await? as i64;
        self.db.keep_key_act(&act).await?;
        if act.kind == kind::API_KEY_REVOKED {
            self.db.end_sessions(Ended::OfKey(&act.key)).await?;
        }
        Ok(act)
    }

    /// Records what was done.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.db.commit().await
    }
}

/// What keyed hashes are of.
const API_KEY: &str = "api key";
const SESSION: &str = "session";
const PERSON: &str = "person";

impl Store {
    /// Whether a key was ever given, by the log of a database in which nothing is changed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn inspect_keys(database: &Database) -> Result<bool, StoreError> {
        match database {
            Database::Postgres(url) => PostgresDatabase::inspect_log(url, ACCESS).await,
            Database::Sqlite(file) if file.exists() => SqliteFile::inspect_log(file, ACCESS).await,
            Database::Sqlite(_) => Ok(false),
        }
    }

    /// Begins a transaction on API keys.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_keys(&self) -> Result<KeyTransaction, StoreError> {
        Ok(KeyTransaction { db: self.write().await?, log: self.log.clone(), vault: self.vault.clone() })
    }

    /// Every act about API keys, in order; and whether the log speaks of any.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn key_acts(&self) -> Result<(Vec<RawKeyAct>, bool), StoreError> {
        let mut db = self.read().await?;
        Ok((db.key_acts().await?, db.is_logged(ACCESS).await?))
    }

    /// Whether a secret is that of a key, told in the same time whatever it is.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn is_key_mac(&self, id: &str, secret: &str, mac: &str) -> Result<bool, StoreError> {
        self.vault.is_mac(API_KEY, &[id, secret], mac)
    }

    /// The keyed hash of a session's secret, bound to the key it was begun with and to its beginning.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn session_mac(&self, secret: &str, key: &str, begun: i64) -> Result<String, StoreError> {
        self.vault.mac(SESSION, &[secret, key, &begun.to_string()])
    }

    /// The keyed hash of a person, as whom an issuer knows them.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn person_mac(&self, issuer: &str, subject: &str) -> Result<String, StoreError> {
        self.vault.mac(PERSON, &[issuer, subject])
    }

    /// Whether a secret is that of a session, told in the same time whatever it is.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub fn is_session_mac(&self, secret: &str, row: &SessionRow) -> Result<bool, StoreError> {
        self.vault.is_mac(SESSION, &[secret, &row.key, &row.begun.to_string()], &row.mac)
    }

    /// A session.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn session(&self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        self.read().await?.session(id).await
    }

    /// Begins a session, and ends those that are too old.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn begin_session(&self, session: &SessionRow, aged: Ended<'_>) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        db.end_sessions(aged).await?;
        db.keep_session(session).await?;
        db.commit().await
    }

    /// Notes when a session was used last.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn use_session(&self, id: &str, used: i64) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        db.use_session(id, used).await?;
        db.commit().await
    }

    /// Ends sessions.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn end_sessions(&self, which: Ended<'_>) -> Result<(), StoreError> {
        let mut db = self.write().await?;
        db.end_sessions(which).await?;
        db.commit().await
    }

    /// Counts photos that a key sends on a day, unless they would be more than its limit; says whether they were
    /// counted.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn count_photos(&self, key: &str, day: &str, photos: i64, limit: i64) -> Result<bool, StoreError> {
        let mut db = self.write().await?;
        let counted = photos <= limit && db.count_photos(key, day, photos, limit).await?;
        db.commit().await?;
        Ok(counted)
    }

    /// Whether somebody who sees so much sees a claim. One that is not there is not seen.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn sees(&self, scope: &Scope, claim: &ClaimId) -> Result<bool, StoreError> {
        let tenant = self.read().await?.tenant(claim.as_str()).await?.map(tenant).transpose()?;
        Ok(tenant.is_some_and(|tenant| scope.sees(&tenant)))
    }
}

/// A tenant's name as stored.
pub(super) fn tenant(stored: String) -> Result<Tenant, StoreError> {
    Tenant::try_from(stored).map_err(|_| StoreError::Corrupt("a claim's tenant is malformed".to_owned()))
}

impl Snapshot {
    /// Every act about API keys, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn key_acts(&mut self) -> Result<Vec<RawKeyAct>, StoreError> {
        self.db.key_acts().await
    }
}
