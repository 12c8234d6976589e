//! The log's rows: entries, the tree over them, the signed head.

use super::rows::{Head, Rows};
use super::{Snapshot, Store, StoreError};
use crate::audit::keys::rotated_payload;
use crate::audit::merkle::{self, Nodes};
use crate::audit::note::{LogKey, PublicKey};
use crate::audit::{Checkpoint, Entry, KEY, kind};
use crate::domain::ContentHash;
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The pen for the log.
#[derive(Debug)]
pub(super) struct Log {
    key: Mutex<Result<Arc<LogKey>, &'static str>>,
    file: PathBuf,
}

/// An entry to be appended.
pub(super) struct Draft<'a> {
    pub(super) at: &'a str,
    pub(super) kind: &'a str,
    pub(super) subject: &'a str,
    pub(super) payload: String,
}

impl Log {
    /// Takes up the log: makes its key if it has none yet, and the tree over entries that have none. Within a transaction
    /// that writes, so that of two processes that start at once one makes the key and the other finds it.
    ///
    /// # Errors
    /// If the key cannot be read or is another log's, or a row is damaged.
    pub(super) async fn open(db: &mut dyn Rows, file: &Path) -> Result<Self, StoreError> {
        let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("the log's signing key: {e}"));
        let Some(head) = db.head().await? else { return Ok(Self::unable(file, "the log has no head")) };
        let key = match std::fs::read_to_string(file) {
            Ok(text) => LogKey::parse(&text).map_err(|e| StoreError::Unavailable(format!("log.key: {e}")))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && head.public_key.is_empty() => {
                // From before there were signatures, or new.
                let leaf = |entry: &Entry| entry.leaf().map(|leaf| merkle::leaf_hash(&leaf)).ok_or_else(incomplete);
                let leaves: Vec<ContentHash> =
                    db.entries(ALL[0], ALL[1]).await?.iter().map(leaf).collect::<Result<_, _>>()?;
                let (size, nodes) = merkle::build(leaves);
                let root = merkle::root(size, &nodes).ok_or_else(incomplete)?;
                let key = make_key(file).map_err(unavailable)?;
                db.keep_nodes(&nodes.into_iter().collect::<Vec<_>>()).await?;
                db.keep_head(&signed(head.checkpoint, &key, size, root)).await?;
                return Ok(Self::new(file, Ok(Arc::new(key))));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::unable(file, "the log's signing key, log.key, is missing"));
            }
            Err(e) => return Err(unavailable(e)),
        };
        match head.public_key.as_str() {
            // Interrupted when new. A log with entries whose signature is gone was altered: it is not signed again.
            "" if head.checkpoint.size == 0 => {
                db.keep_head(&signed(head.checkpoint, &key, 0, merkle::empty_root())).await?;
            }
            "" => return Ok(Self::unable(file, "the log has a key, log.key, but its signature is gone")),
            public if public != key.public().to_string() => {
                // A change of the key may have been interrupted after the log took it.
                return Ok(match read_key(&next_of(file), public) {
                    Some(next) => {
                        put_in_place(file).map_err(unavailable)?;
                        Self::new(file, Ok(Arc::new(next)))
                    }
                    None => Self::unable(file, "the signing key, log.key, is not the one of this log"),
                });
            }
            _ => {}
        }
        Ok(Self::new(file, Ok(Arc::new(key))))
    }

    fn new(file: &Path, key: Result<Arc<LogKey>, &'static str>) -> Self {
        Self { key: Mutex::new(key), file: file.to_owned() }
    }

    fn unable(file: &Path, why: &'static str) -> Self {
        Self::new(file, Err(why))
    }

    /// The key to sign with, as far as this process knows.
    ///
    /// # Errors
    /// If it is missing or another log's.
    pub(super) fn key(&self) -> Result<Arc<LogKey>, StoreError> {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone().map_err(|why| StoreError::Unavailable(why.to_owned()))
    }

    fn set(&self, key: LogKey) -> Arc<LogKey> {
        let key = Arc::new(key);
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Ok(key.clone());
        key
    }

    /// The key that the log's head names; read anew if another process changed it.
    fn key_of(&self, head: &Head) -> Result<Arc<LogKey>, StoreError> {
        let key = self.key()?;
        if key.public().to_string() == head.public_key {
            return Ok(key);
        }
        let files = [self.file.clone(), next_of(&self.file)];
        let found = files.iter().find_map(|file| read_key(file, &head.public_key));
        let missing =
            || StoreError::Unavailable("the log's key was changed, and log.key here is an older one".to_owned());
        found.map(|key| self.set(key)).ok_or_else(missing)
    }

    /// Appends entries to the log, signs its new end once, and gives the place of the last entry.
    ///
    /// # Errors
    /// If they cannot be written or signed.
    pub(super) async fn append(&self, db: &mut dyn Rows, drafts: Vec<Draft<'_>>) -> Result<u64, StoreError> {
        let head = head(db).await?;
        let key = self.key_of(&head)?;
        self.append_signed(db, head.checkpoint, drafts, &key).await
    }

    async fn append_signed(
        &self,
        db: &mut dyn Rows,
        mut end: Checkpoint,
        drafts: Vec<Draft<'_>>,
        key: &LogKey,
    ) -> Result<u64, StoreError> {
        let mut nodes = db.nodes(&merkle::cover(0..end.size)).await?;
        let (mut entries, mut made) = (Vec::new(), Vec::new());
        for Draft { at, kind, subject, payload } in drafts {
            let entry = Entry::after(&end, at, kind, subject, payload)?;
            let leaf = entry.leaf().map(|leaf| merkle::leaf_hash(&leaf)).ok_or_else(incomplete)?;
            let completed = merkle::append(end.size, leaf, &nodes).ok_or_else(incomplete)?;
            nodes.extend(completed.iter().copied());
            made.extend(completed);
            end = entry.checkpoint();
            entries.push(entry);
        }
        db.keep_entries(&entries).await?;
        db.keep_nodes(&made).await?;
        let (size, root) = (end.size, merkle::root(end.size, &nodes).ok_or_else(incomplete)?);
        db.keep_head(&signed(end, key, size, root)).await?;
        Ok(size)
    }
}

fn signed(checkpoint: Checkpoint, key: &LogKey, size: u64, root: ContentHash) -> Head {
    Head { checkpoint, note: key.sign(size, root), public_key: key.public().to_string() }
}

fn incomplete() -> StoreError {
    StoreError::Corrupt("the tree over the log is incomplete".to_owned())
}

/// A subtree's hash as stored.
pub(super) fn node_hash(bytes: &[u8]) -> Result<ContentHash, StoreError> {
    bytes.try_into().map(ContentHash).map_err(|_| incomplete())
}

/// Makes the first key of a log.
fn make_key(file: &Path) -> std::io::Result<LogKey> {
    make_key_of(&format!("claimlens/{}", hex::encode(rand::random::<[u8; 8]>())), file)
}

/// Where the key that is to follow lies until the log has taken it.
fn next_of(file: &Path) -> PathBuf {
    file.with_added_extension("next")
}

/// The key in a file, if it is this one.
fn read_key(file: &Path, public: &str) -> Option<LogKey> {
    let key = LogKey::parse(&std::fs::read_to_string(file).ok()?).ok()?;
    (key.public().to_string() == public).then_some(key)
}

/// Puts the key that followed in the place of the one before, which is gone then.
fn put_in_place(file: &Path) -> std::io::Result<()> {
    std::fs::rename(next_of(file), file)?;
    let folder = file.parent().ok_or(std::io::ErrorKind::NotFound)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Makes a key that only this user may read, on the disk before anything is signed with it.
fn make_key_of(name: &str, file: &Path) -> std::io::Result<LogKey> {
    let key = LogKey::of(name, rand::random()).map_err(std::io::Error::other)?;
    write_secret(file, &key.secret())?;
    Ok(key)
}

/// Writes a new file that only this user may read; it is there whole or not at all, and on the disk when this returns.
/// Called with the turn to write, so that no other process makes it meanwhile.
pub(super) fn write_secret(file: &Path, text: &str) -> std::io::Result<()> {
    let half = file.with_extension(format!("{}.new", std::process::id()));
    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    writeln!(out, "{text}")?;
    out.sync_all()?;
    std::fs::rename(&half, file)?;
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => std::fs::File::open(".")?.sync_all(),
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The end of the log.
async fn head(db: &mut dyn Rows) -> Result<Head, StoreError> {
    db.head().await?.ok_or_else(|| StoreError::Corrupt("the log has no head".to_owned()))
}

/// All entries; a damaged log may have one of any number.
const ALL: [i64; 2] = [i64::MIN, i64::MAX];

/// The hashes over ranges of leaves.
async fn folded(db: &mut dyn Rows, ranges: Vec<Range<u64>>) -> Result<Vec<ContentHash>, StoreError> {
    let wanted: Vec<_> = ranges.iter().cloned().flat_map(merkle::cover).collect();
    let nodes: Nodes = db.nodes(&wanted).await?;
    ranges.into_iter().map(|range| merkle::fold(range, &nodes).ok_or_else(incomplete)).collect()
}

async fn signed_head(db: &mut dyn Rows) -> Result<(String, PublicKey), StoreError> {
    let head = head(db).await?;
    let key = head.public_key.parse();
    Ok((head.note, key.map_err(|_| StoreError::Corrupt("the log's public key is malformed".to_owned()))?))
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

/// Which entries of the log are asked for.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Those that speak of this.
    pub subject: Option<String>,
    /// Those that tell of looks at claims, or all others.
    pub reads: Option<bool>,
    /// From this position on downwards.
    pub from: Option<u64>,
    /// How many.
    pub limit: u32,
}

impl LogQuery {
    /// The statement, after what selects the columns.
    pub(super) fn statement<DB: Database>(&self, select: &str) -> QueryBuilder<DB>
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        let from = self.from.and_then(|from| i64::try_from(from).ok()).unwrap_or(i64::MAX);
        let mut query = QueryBuilder::new(select);
        query.push(" WHERE seq <= ").push_bind(from);
        if let Some(subject) = &self.subject {
            query.push(" AND subject = ").push_bind(subject.as_str());
        }
        if let Some(reads) = self.reads {
            query.push(if reads { " AND kind = " } else { " AND kind <> " }).push_bind(kind::READ);
        }
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(self.limit));
        query
    }
}

impl Store {
    /// Changes the log's key: the old one signs the new one in an entry, and the new one signs from that entry on. The
    /// old one is then gone from the file. Other processes take the new one up by themselves.
    ///
    /// # Errors
    /// If it cannot be made or recorded; the old one then signs on.
    pub async fn rotate_key(&self, at: &str) -> Result<PublicKey, StoreError> {
        let unavailable = |e: std::io::Error| StoreError::Unavailable(format!("the log's signing key: {e}"));
        let mut db = self.write().await?;
        let head = head(db.as_mut()).await?;
        let old = self.log.key_of(&head)?;
        let next = next_of(&self.log.file);
        match std::fs::remove_file(&next) {
            // Of a change that was interrupted before the log took it.
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(unavailable(e)),
        }
        let new = make_key_of(old.name(), &next).map_err(unavailable)?;
        let payload = rotated_payload(&old, &new.public());
        let draft = Draft { at, kind: kind::KEY_ROTATED, subject: KEY, payload };
        self.log.append_signed(db.as_mut(), head.checkpoint, vec![draft], &new).await?;
        db.commit().await?;
        put_in_place(&self.log.file).map_err(unavailable)?;
        Ok(self.log.set(new).public())
    }

    /// The newest signed checkpoint and the public key that signs.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn signed_head(&self) -> Result<(String, PublicKey), StoreError> {
        signed_head(self.read().await?.as_mut()).await
    }

    /// The proof that the log of `new` entries continues that of `old`; `None` if the log is shorter than `new`, or `old`
    /// greater.
    ///
    /// # Errors
    /// If the tree is damaged.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<ContentHash>>, StoreError> {
        let mut db = self.read().await?;
        if old > new || new > head(db.as_mut()).await?.checkpoint.size {
            return Ok(None);
        }
        Ok(Some(folded(db.as_mut(), merkle::consistency(old, new)).await?))
    }
}

impl Snapshot {
    /// The newest signed checkpoint, the public key that signs, and each of these entries with the hashes that lead from it to
    /// the checkpoint's root. Numbers that no entry has are left out.
    ///
    /// # Errors
    /// If they cannot be read or the tree is damaged.
    pub async fn proved(&mut self, seqs: &[u64]) -> Result<Proved, StoreError> {
        let db = self.db.as_mut();
        let (note, key) = signed_head(db).await?;
        let size = head(db).await?.checkpoint.size;
        let mut entries = Vec::new();
        for seq in seqs.iter().map(|seq| *seq as i64) {
            for entry in db.entries(seq, seq).await? {
                let hashes = folded(db, merkle::inclusion(entry.seq - 1, size)).await?;
                entries.push((entry, hashes));
            }
        }
        Ok(Proved { note, key, entries })
    }

    /// Those of the stored subtrees of a level that stand from one place to another, both included.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn nodes_between(&mut self, level: u32, from: u64, to: u64) -> Result<Nodes, StoreError> {
        self.db.nodes_between(level, from as i64, to as i64).await
    }

    /// The entries from one number to another, both included, as far as there are any.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn entries_between(&mut self, from: u64, to: u64) -> Result<Vec<Entry>, StoreError> {
        self.db.entries(from as i64, to as i64).await
    }

    /// The newest entries that are asked for, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn newest_entries(&mut self, query: &LogQuery) -> Result<Vec<Entry>, StoreError> {
        self.db.newest_entries(query).await
    }

    /// Who is named in the entries of readings among these, by entry.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn readers(&mut self, entries: &[u64]) -> Result<BTreeMap<u64, String>, StoreError> {
        let entries: Vec<i64> = entries.iter().map(|entry| *entry as i64).collect();
        let named = self.db.readers(&entries).await?;
        Ok(named.into_iter().map(|(entry, reader)| (entry as u64, reader)).collect())
    }

    /// The entries that changed the log's key, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn key_entries(&mut self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for seq in self.db.entries_of(KEY).await? {
            entries.extend(self.db.entries(seq, seq).await?);
        }
        Ok(entries)
    }

    /// The same, with the proofs that they stand in the log.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn proved_keys(&mut self) -> Result<Proved, StoreError> {
        let seqs = self.entries_of(KEY).await?;
        self.proved(&seqs).await
    }

    /// The numbers of the entries that speak of a claim, in order, but for those that tell who read it.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn entries_of(&mut self, claim: &str) -> Result<Vec<u64>, StoreError> {
        Ok(self.db.entries_of(claim).await?.into_iter().map(|seq| seq as u64).collect())
    }
}
