//! The log's rows: entries, the tree over them, the signed head.

use super::sqlite::lossy;
use super::{Snapshot, Store, StoreError};
use crate::audit::merkle::{self, Node, Nodes};
use crate::audit::note::{LogKey, PublicKey};
use crate::audit::{Checkpoint, Entry, Sealed};
use crate::domain::ContentHash;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Rows of nodes asked for in one statement.
const NODES_AT_ONCE: usize = 200;

/// What whoever has the turn to write holds: the pen for the log.
#[derive(Debug)]
pub(super) struct Log {
    key: Result<LogKey, &'static str>,
}

impl Log {
    /// Takes up the log: makes its key if it has none yet, and the tree over entries that have none.
    ///
    /// # Errors
    /// If the key cannot be read or is another log's, or a row is damaged.
    pub(super) async fn open(db: &mut SqliteConnection, file: &Path) -> Result<Self, StoreError> {
        let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("the log's signing key: {e}"));
        let row = sqlx::query("SELECT size, CAST(public_key AS BLOB) FROM log_head WHERE id = 1");
        let Some(row) = row.fetch_optional(&mut *db).await? else { return Ok(Self::unable("the log has no head")) };
        let (size, public): (i64, String) = (row.try_get(0)?, lossy(&row, 1)?);
        let key = match std::fs::read_to_string(file) {
            Ok(text) => LogKey::parse(&text).map_err(|e| StoreError::Unavailable(format!("log.key: {e}")))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && public.is_empty() => {
                // From before there were signatures, or new.
                let (size, nodes) = merkle::build(leaves(db).await?);
                let root = merkle::root(size, &nodes).ok_or_else(incomplete)?;
                let key = make_key(file).map_err(unavailable)?;
                keep(db, nodes).await?;
                sign(db, &key, size, root).await?;
                return Ok(Self { key: Ok(key) });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::unable("the log's signing key, log.key, is missing"));
            }
            Err(e) => return Err(unavailable(e)),
        };
        match public.as_str() {
            // Interrupted when new. A log with entries whose signature is gone was altered: it is not signed again.
            "" if size == 0 => sign(db, &key, 0, merkle::empty_root()).await?,
            "" => return Ok(Self::unable("the log has a key, log.key, but its signature is gone")),
            _ if public != key.public().to_string() => {
                return Ok(Self::unable("the signing key, log.key, is not the one of this log"));
            }
            _ => {}
        }
        Ok(Self { key: Ok(key) })
    }

    fn unable(why: &'static str) -> Self {
        Self { key: Err(why) }
    }

    /// The key to sign with.
    ///
    /// # Errors
    /// If it is missing or another log's.
    pub(super) fn key(&self) -> Result<&LogKey, StoreError> {
        self.key.as_ref().map_err(|why| StoreError::Unavailable((*why).to_owned()))
    }

    /// Appends an entry to the log and gives its place.
    ///
    /// # Errors
    /// If it cannot be written or signed.
    pub(super) async fn append(
        &self,
        db: &mut SqliteConnection,
        at: &str,
        kind: &str,
        subject: &str,
        payload: String,
    ) -> Result<u64, StoreError> {
        let key = self.key()?;
        let entry = Entry::after(&head(db).await?, at, kind, subject, payload)?;
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
        .execute(&mut *db)
        .await?;
        sqlx::query("UPDATE log_head SET size = ?, hash = ? WHERE id = 1")
            .bind(entry.seq as i64)
            .bind(&entry.hash)
            .execute(&mut *db)
            .await?;
        let before = entry.seq - 1;
        let leaf = entry.leaf().map(|leaf| merkle::leaf_hash(&leaf)).ok_or_else(incomplete)?;
        let mut nodes = nodes(db, &merkle::cover(0..before)).await?;
        let made = merkle::append(before, leaf, &nodes).ok_or_else(incomplete)?;
        keep(db, made.iter().copied()).await?;
        nodes.extend(made);
        sign(db, key, entry.seq, merkle::root(entry.seq, &nodes).ok_or_else(incomplete)?).await?;
        Ok(entry.seq)
    }
}

fn incomplete() -> StoreError {
    StoreError::Corrupt("the tree over the log is incomplete".to_owned())
}

/// Makes a key that only this user may read, on the disk before anything is signed with it.
fn make_key(file: &Path) -> std::io::Result<LogKey> {
    let name = format!("claimlens/{}", hex::encode(rand::random::<[u8; 8]>()));
    let key = LogKey::of(&name, rand::random()).map_err(std::io::Error::other)?;
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{}", key.secret())?;
    out.sync_all()?;
    if let Some(folder) = file.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

/// The end of the chain.
pub(super) async fn head(db: &mut SqliteConnection) -> Result<Checkpoint, StoreError> {
    let row = sqlx::query("SELECT size, CAST(hash AS BLOB) FROM log_head WHERE id = 1").fetch_optional(db).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("the log has no head".to_owned()))?;
    Ok(Checkpoint { size: row.try_get::<i64, _>(0)? as u64, hash: lossy(&row, 1)? })
}

async fn sign(db: &mut SqliteConnection, key: &LogKey, size: u64, root: ContentHash) -> Result<(), StoreError> {
    sqlx::query("UPDATE log_head SET note = ?, public_key = ? WHERE id = 1")
        .bind(key.sign(size, root))
        .bind(key.public().to_string())
        .execute(db)
        .await?;
    Ok(())
}

async fn leaves(db: &mut SqliteConnection) -> Result<Vec<ContentHash>, StoreError> {
    let leaf = |entry: &Entry| entry.leaf().map(|leaf| merkle::leaf_hash(&leaf)).ok_or_else(incomplete);
    entries(db, ALL).await?.iter().map(leaf).collect()
}

const ENTRIES: &str = "SELECT seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(subject AS BLOB), CAST(payload AS BLOB), \
     CAST(payload_sha256 AS BLOB), CAST(prev_hash AS BLOB), CAST(hash AS BLOB) FROM log \
     WHERE seq BETWEEN ? AND ? ORDER BY seq";

/// The entries of these numbers, both ends included.
async fn entries(db: &mut SqliteConnection, [from, to]: [i64; 2]) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query(ENTRIES).bind(from).bind(to).fetch_all(db).await?;
    rows.iter().map(entry).collect()
}

/// All entries; a damaged log may have one of any number.
const ALL: [i64; 2] = [i64::MIN, i64::MAX];

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

async fn keep(
    db: &mut SqliteConnection,
    nodes: impl IntoIterator<Item = (Node, ContentHash)>,
) -> Result<(), StoreError> {
    for ((level, i), hash) in nodes {
        sqlx::query("INSERT INTO log_nodes (level, i, hash) VALUES (?, ?, ?)")
            .bind(level)
            .bind(i as i64)
            .bind(hash.0.as_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

fn node(row: &SqliteRow) -> Result<(Node, ContentHash), StoreError> {
    let hash: [u8; 32] = row.try_get::<&[u8], _>(2)?.try_into().map_err(|_| incomplete())?;
    Ok(((row.try_get(0)?, row.try_get::<i64, _>(1)? as u64), ContentHash(hash)))
}

/// Those of the subtrees that are stored.
async fn nodes(db: &mut SqliteConnection, wanted: &[Node]) -> Result<Nodes, StoreError> {
    let mut found = Nodes::new();
    for some in wanted.chunks(NODES_AT_ONCE) {
        let mut query = sqlx::QueryBuilder::new("WITH wanted (level, i) AS (");
        query.push_values(some, |mut row, (level, i)| {
            row.push_bind(*level).push_bind(*i as i64);
        });
        // A row-value IN would look at every row of the table; this looks each one up.
        query.push(") SELECT n.level, n.i, n.hash FROM wanted CROSS JOIN log_nodes n USING (level, i)");
        for row in query.build().fetch_all(&mut *db).await? {
            found.extend([node(&row)?]);
        }
    }
    Ok(found)
}

/// The hashes over ranges of leaves.
async fn folded(db: &mut SqliteConnection, ranges: Vec<Range<u64>>) -> Result<Vec<ContentHash>, StoreError> {
    let wanted: Vec<Node> = ranges.iter().cloned().flat_map(merkle::cover).collect();
    let nodes = nodes(db, &wanted).await?;
    ranges.into_iter().map(|range| merkle::fold(range, &nodes).ok_or_else(incomplete)).collect()
}

async fn signed_head(db: &mut SqliteConnection) -> Result<(String, PublicKey), StoreError> {
    let row = sqlx::query("SELECT note, public_key FROM log_head WHERE id = 1").fetch_one(db).await?;
    let key = row.try_get::<&str, _>(1)?.parse();
    let key = key.map_err(|_| StoreError::Corrupt("the log's public key is malformed".to_owned()))?;
    Ok((row.try_get(0)?, key))
}

/// Entries with their way to a signed root.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The signed checkpoint.
    pub note: String,
    /// Who signs.
    pub key: PublicKey,
    /// Each entry with the hashes from its leaf up.
    pub entries: Vec<(Entry, Vec<ContentHash>)>,
}

impl Store {
    /// The newest signed checkpoint and the public key that signs.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn signed_head(&self) -> Result<(String, PublicKey), StoreError> {
        signed_head(&mut *self.pool.acquire().await?).await
    }

    /// The proof that the log of `new` entries continues that of `old`; `None` if the log is shorter than `new`, or `old`
    /// greater.
    ///
    /// # Errors
    /// If the tree is damaged.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<ContentHash>>, StoreError> {
        let mut tx = self.pool.begin().await?;
        if old > new || new > head(&mut tx).await?.size {
            return Ok(None);
        }
        Ok(Some(folded(&mut tx, merkle::consistency(old, new)).await?))
    }
}

impl Snapshot {
    /// The newest signed checkpoint, the public key that signs, and each of these entries with the hashes that lead from it to
    /// the checkpoint's root. Numbers that no entry has are left out.
    ///
    /// # Errors
    /// If they cannot be read or the tree is damaged.
    pub async fn proved(&mut self, seqs: &[u64]) -> Result<Proved, StoreError> {
        let (note, key) = signed_head(&mut self.tx).await?;
        let size = head(&mut self.tx).await?.size;
        let mut entries = Vec::new();
        for seq in seqs.iter().map(|seq| *seq as i64) {
            for entry in self::entries(&mut self.tx, [seq; 2]).await? {
                let hashes = folded(&mut self.tx, merkle::inclusion(entry.seq - 1, size)).await?;
                entries.push((entry, hashes));
            }
        }
        Ok(Proved { note, key, entries })
    }

    /// The numbers of the entries that speak of a claim, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn entries_of(&mut self, claim: &str) -> Result<Vec<u64>, StoreError> {
        let rows: Vec<i64> = sqlx::query_scalar("SELECT seq FROM log WHERE subject = ? ORDER BY seq")
            .bind(claim)
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(rows.into_iter().map(|seq| seq as u64).collect())
    }

    /// The log and its head.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn log(&mut self) -> Result<(Vec<Entry>, Checkpoint), StoreError> {
        Ok((entries(&mut self.tx, ALL).await?, head(&mut self.tx).await?))
    }

    /// The tree and the signed checkpoint, as stored.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn sealed(&mut self) -> Result<Sealed, StoreError> {
        let rows = sqlx::query("SELECT level, i, hash FROM log_nodes").fetch_all(&mut *self.tx).await?;
        let nodes = rows.iter().map(node).collect::<Result<_, _>>()?;
        let head = sqlx::query("SELECT CAST(note AS BLOB), CAST(public_key AS BLOB) FROM log_head WHERE id = 1");
        let head = head.fetch_optional(&mut *self.tx).await?;
        let Some(head) = head else { return Ok(Sealed { nodes, ..Sealed::default() }) };
        Ok(Sealed { nodes, note: lossy(&head, 0)?, public_key: lossy(&head, 1)? })
    }
}
