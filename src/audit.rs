//! The audit log: a chain of entries, each bound to the one before by its hash. Pure; storage is the store's business.
//!
//! An entry commits to a *payload*, a small canonical JSON object made of hashes: of the claim, its photos, a record.
//! No personal data stands in the log. The claim, whose content could be guessed, is hashed together with a random
//! salt that is kept beside it.
//!
//! ## Bytes
//! An entry's hash is SHA-256 over, in this order:
//! 1. the 23 bytes `claimlens log entry v1` and a zero byte;
//! 2. `seq`, 8 bytes, big-endian;
//! 3. `at`, `kind` and `subject`, each as its length (4 bytes, big-endian) and its UTF-8 bytes;
//! 4. `payload_sha256`, 32 bytes: SHA-256 of the payload's bytes;
//! 5. `prev_hash`, 32 bytes: the hash of the entry before, or 32 zero bytes for the first.
//!
//! Sequence numbers start at 1 and have no gaps.
//!
//! ## Tree and checkpoints
//! The bytes above are also the entry's leaf in a Merkle tree ([`merkle`]), leaf 0 for entry 1. With each
//! commit the log signs a checkpoint of the tree ([`note`]). So whoever has the log's public key can be shown that an entry is in the log,
//! or that a later log continues an earlier one, in a few kilobytes and without trusting who shows it.
//!
//! ## What verification proves, and what not
//! Any change to an entry breaks its hash or the link to its neighbour; a cut tail or an appended entry disagrees with
//! the stored head; and nobody without the log's private key can sign another head. *Not* detectable from the log alone:
//! somebody with the key who can write the database rewrites the log from some entry on, together with the head and
//! everything the entries commit to; or puts back an older state as a whole, for which no key is needed. A checkpoint kept
//! where that person cannot write makes both detectable, up to the moment the checkpoint was taken. Nor does a log prove
//! that what was truthfully logged was true.

pub mod merkle;
pub mod note;

use self::merkle::Nodes;
use self::note::PublicKey;
use crate::domain::{ContentHash, canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt;

const DOMAIN: &[u8; 23] = b"claimlens log entry v1\0";

/// What an entry says happened.
pub mod kind {
    /// A claim was accepted with its photos.
    pub const ACCEPTED: &str = "claim_accepted";
    /// A decision was made and recorded.
    pub const DECIDED: &str = "decision";
    /// No decision could be made; the claim waits for a person.
    pub const FAILED: &str = "claim_failed";
    /// A person said whether approving the claim was right.
    pub const OUTCOME: &str = "outcome";
    /// Automatic approval was closed by what people said.
    pub const GATE_CLOSED: &str = "gate_closed";
    /// Automatic approval was opened again by a person.
    pub const GATE_REOPENED: &str = "gate_reopened";
}

/// The subject of entries that speak of no claim but of the approval gate.
pub const GATE: &str = "gate";

/// One entry as stored. Hashes are 64 lower-case hex digits; kept as text so that a damaged one can still be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the log, from 1.
    pub seq: u64,
    /// When it was appended, RFC 3339 in UTC.
    pub at: String,
    /// One of [`kind`].
    pub kind: String,
    /// The claim it speaks of, or [`GATE`].
    pub subject: String,
    /// Canonical JSON of hashes.
    pub payload: String,
    /// SHA-256 of `payload`.
    pub payload_sha256: String,
    /// Hash of the entry before.
    pub prev_hash: String,
    /// Hash of this entry.
    pub hash: String,
}

/// The log at one moment: how many entries and the hash of the last. To be kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Entries in the log.
    pub size: u64,
    /// Hash of the last entry; 64 zeros for an empty log.
    pub hash: String,
}

impl Checkpoint {
    /// The head of an empty log.
    pub fn empty() -> Self {
        Self { size: 0, hash: ContentHash([0; 32]).to_string() }
    }
}

impl Entry {
    /// The entry that follows `head`.
    ///
    /// # Errors
    /// If the head's hash is not a hash: the log is damaged and must not be built upon.
    pub fn after(head: &Checkpoint, at: &str, kind: &str, subject: &str, payload: String) -> Result<Self, Fault> {
        let seq = head.size + 1;
        let damaged = || Fault::of(FaultKind::HeadDiffers).at_entry(head.size);
        let prev = head.hash.parse::<ContentHash>().map_err(|_| damaged())?;
        let payload_sha256 = ContentHash::of(payload.as_bytes());
        let hash = ContentHash::of(&entry_bytes(seq, [at, kind, subject], payload_sha256, prev));
        Ok(Self {
            seq,
            at: at.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            payload,
            payload_sha256: payload_sha256.to_string(),
            prev_hash: prev.to_string(),
            hash: hash.to_string(),
        })
    }

    /// Its bytes as they stand in the tree; `None` if a hash in it is none.
    pub fn leaf(&self) -> Option<Vec<u8>> {
        let (payload, prev) = (self.payload_sha256.parse().ok()?, self.prev_hash.parse().ok()?);
        Some(entry_bytes(self.seq, [&self.at, &self.kind, &self.subject], payload, prev))
    }

    /// The head of a log that ends with this entry.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { size: self.seq, hash: self.hash.clone() }
    }
}

/// The bytes that an entry's hash is over; also its leaf in the tree.
fn entry_bytes(seq: u64, [at, kind, subject]: [&str; 3], payload: ContentHash, prev: ContentHash) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend(seq.to_be_bytes());
    for text in [at, kind, subject] {
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(payload.0);
    bytes.extend(prev.0);
    bytes
}

/// A photo as the log commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoCommitment<'a> {
    /// SHA-256 of the bytes.
    pub sha256: &'a str,
    /// How many bytes.
    pub bytes: u64,
    /// Media type by its first bytes.
    pub media_type: &'a str,
    /// Which page of a PDF, from 1; `None` for a picture.
    pub pdf_page: Option<i64>,
    /// Name as given by the sender; only its hash enters the log.
    pub source: &'a str,
}

/// SHA-256 over salt and claim: the claim has little entropy, so its plain hash could be found by guessing.
pub fn salted(salt: &[u8], claim_json: &str) -> ContentHash {
    let mut hash = Sha256::new();
    hash.update((salt.len() as u32).to_be_bytes());
    hash.update(salt);
    hash.update(claim_json.as_bytes());
    ContentHash(hash.finalize().into())
}

/// The payload of [`kind::ACCEPTED`].
///
/// `key` is the idempotency key, if one came, with the body it came with, both hashed; the outer `None` leaves it out, as in
/// entries made before keys were logged.
pub fn accepted_payload(
    created_at: &str,
    salt: &[u8],
    claim_json: Option<&str>,
    photos: &[PhotoCommitment<'_>],
    key: Option<Option<[&str; 2]>>,
) -> String {
    let photos: Vec<_> = photos.iter().map(|p| photo_payload(salt, p)).collect();
    let claim = claim_json.map(|c| salted(salt, c));
    let mut out = json!({ "claim": claim, "created_at": created_at, "photos": photos });
    if let Some(key) = key {
        out["key"] = json!(key);
    }
    text(&out)
}

/// How one photo stands in the payload of [`kind::ACCEPTED`].
pub fn photo_payload(salt: &[u8], p: &PhotoCommitment<'_>) -> serde_json::Value {
    let mut out =
        json!({ "bytes": p.bytes, "media_type": p.media_type, "sha256": p.sha256, "source": salted(salt, p.source) });
    // Absent for pictures, as in entries made before there were pages.
    if let Some(page) = p.pdf_page {
        out["pdf_page"] = json!(page);
    }
    out
}

/// The payload of [`kind::DECIDED`]: the record's canonical bytes and the timing shown beside it.
pub fn decided_payload(record: &[u8], timing: &str, pages: &[Option<ContentHash>]) -> String {
    let timing = ContentHash::of(timing.as_bytes());
    text(&json!({ "record": ContentHash::of(record), "timing": timing, "pages": pages }))
}

/// The payload of [`kind::FAILED`].
pub fn failed_payload(code: &str) -> String {
    text(&json!({ "code": code }))
}

/// The payload of [`kind::OUTCOME`]: right or wrong, the source, and who said so, salted like the claim.
pub fn outcome_payload(salt: &[u8], [outcome, source, by]: [&str; 3]) -> String {
    text(&json!({ "outcome": outcome, "source": source, "by": salted(salt, by) }))
}

/// The payload of [`kind::GATE_CLOSED`]: outcomes, the wrong ones among them, the bound and its limit in millionths.
pub fn closed_payload([audited, wrong, bound_ppm, limit_ppm]: [Option<i64>; 4]) -> String {
    text(&json!({ "audited": audited, "wrong": wrong, "bound_ppm": bound_ppm, "limit_ppm": limit_ppm }))
}

/// The payload of [`kind::GATE_REOPENED`]. Who and why may be personal data: only their salted hashes enter the log.
pub fn reopened_payload(salt: &[u8], by: &str, why: &str) -> String {
    text(&json!({ "by": salted(salt, by), "why": salted(salt, why) }))
}

fn text(value: &serde_json::Value) -> String {
    String::from_utf8(canonical_json(value)).expect("JSON is UTF-8")
}

/// What is wrong, in which place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The log entry it was found at.
    pub entry: Option<u64>,
    /// The claim concerned.
    pub claim: Option<String>,
    /// Which of the claim's photos, from 0.
    pub photo: Option<usize>,
    /// What.
    pub kind: FaultKind,
}

/// What can be wrong with the log or with what it commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Entry numbers have a gap, a repeat, or do not start at 1.
    #[error("the entry numbers do not run on here")]
    Sequence,
    /// The payload is not the one the entry was made with.
    #[error("the entry's payload does not match its hash")]
    PayloadAltered,
    /// The entry is not the one its hash was made of.
    #[error("the entry does not match its hash")]
    EntryAltered,
    /// The entry does not name the hash of the one before.
    #[error("the entry is not linked to the one before")]
    LinkBroken,
    /// The stored head is not the last entry: the tail was cut, or the head or last entry changed.
    #[error("the end of the log is not where the stored head says")]
    HeadDiffers,
    /// The tree kept over the entries is not the one over these entries.
    #[error("the tree over the log does not match its entries")]
    TreeAltered,
    /// The stored checkpoint is not signed by the log's key, or does not speak of this log.
    #[error("the checkpoint is not signed by the log's key, or not one of this log")]
    SignatureInvalid,
    /// The log does not contain a checkpoint noted earlier.
    #[error("the log does not continue the checkpoint noted earlier")]
    CheckpointDiffers,
    /// The claim's own words, salt or time of creation were changed.
    #[error("the claim is not the one that was logged")]
    ClaimAltered,
    /// The idempotency key that brought the claim is missing, added, or not the one that was logged.
    #[error("the idempotency key is not the one that was logged")]
    KeyAltered,
    /// What is stored about a photo was changed: its hash, name, size or type.
    #[error("what is stored about the photo is not what was logged")]
    PhotoEntryAltered,
    /// The photo's bytes are not those whose hash was logged.
    #[error("the photo's bytes are not those that were logged")]
    PhotoAltered,
    /// The photo's bytes are gone: the storage answers that it has none.
    #[error("the photo's bytes are missing")]
    PhotoMissing,
    /// The storage gave no bytes and no answer; whether the photo is as logged is not known.
    #[error("the photo's storage is unreachable, so its bytes could not be checked")]
    PhotoUnreachable,
    /// A picture made from the photo, kept for viewing, is not as made. Decisions do not rest on it.
    #[error("the normalised page kept for viewing was altered or is missing")]
    PageAltered,
    /// The log speaks of a claim that is not stored.
    #[error("the claim is in the log but not in the store")]
    ClaimMissing,
    /// A stored claim is not in the log.
    #[error("the claim is in the store but not in the log")]
    ClaimNotLogged,
    /// The record is not the one that was logged.
    #[error("the record is not the one that was logged")]
    RecordAltered,
    /// The timing shown beside the record is not the one that was logged.
    #[error("the timing beside the record is not the one that was logged")]
    TimingAltered,
    /// The log speaks of a decision that is not stored.
    #[error("the decision is in the log but not in the store")]
    RecordMissing,
    /// A stored decision is not in the log.
    #[error("the decision is in the store but not in the log")]
    RecordNotLogged,
    /// A summary kept for searching (state, decision, time) contradicts the record.
    #[error("what is kept for lists contradicts the record")]
    SummaryDiffers,
    /// The fingerprints by which repeats are found contradict the record.
    #[error("the fingerprints for finding repeats contradict the record")]
    FingerprintsDiffer,
    /// What a person said of an approval is missing, added, or not what was logged.
    #[error("the audited outcome is not the one that was logged")]
    OutcomeAltered,
    /// A closing or reopening of automatic approval is missing, added, or not what was logged.
    #[error("what is stored about the approval gate is not what was logged")]
    GateAltered,
    /// The decision was made as if the gate were open while it was closed, or the other way round.
    #[error("the decision took the approval gate for what it was not")]
    GateOverlooked,
    /// A stored policy does not match its hash, or one that a record names is gone.
    #[error("the policy decided by is altered or missing")]
    PolicyAltered,
    /// The database itself is damaged.
    #[error("the database is damaged: {0}")]
    Database(String),
}

impl Fault {
    /// A fault of no place yet.
    pub fn of(kind: FaultKind) -> Self {
        Self { entry: None, claim: None, photo: None, kind }
    }

    /// The same at a log entry.
    #[must_use]
    pub fn at_entry(mut self, seq: u64) -> Self {
        self.entry = Some(seq);
        self
    }

    /// The same of a claim.
    #[must_use]
    pub fn of_claim(mut self, claim: &str) -> Self {
        self.claim = Some(claim.to_owned());
        self
    }

    /// The same of a photo, from 0.
    #[must_use]
    pub fn of_photo(mut self, n: usize) -> Self {
        self.photo = Some(n);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.entry {
            write!(f, "entry {seq}: ")?;
        }
        if let Some(claim) = &self.claim {
            write!(f, "{claim}: ")?;
        }
        if let Some(n) = self.photo {
            write!(f, "photo {n}: ")?;
        }
        self.kind.fmt(f)
    }
}

/// Every break of the chain, each located. `entries` in the order of their numbers.
///
/// A changed entry is reported once: the entries after it are held against the hash that is stored, not against the
/// one that should be.
pub fn verify(entries: &[Entry], head: &Checkpoint) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut last = Checkpoint::empty();
    for entry in entries {
        let mut fault = |kind| faults.push(Fault::of(kind).at_entry(entry.seq).of_claim(&entry.subject));
        if entry.seq != last.size + 1 {
            fault(FaultKind::Sequence);
        }
        if ContentHash::of(entry.payload.as_bytes()).to_string() != entry.payload_sha256 {
            fault(FaultKind::PayloadAltered);
        }
        if entry.prev_hash != last.hash {
            fault(FaultKind::LinkBroken);
        }
        if entry.leaf().is_none_or(|leaf| ContentHash::of(&leaf).to_string() != entry.hash) {
            fault(FaultKind::EntryAltered);
        }
        last = entry.checkpoint();
    }
    if last != *head {
        faults.push(Fault::of(FaultKind::HeadDiffers).at_entry(last.size.min(head.size)));
    }
    faults
}

/// What is kept beside the entries: the tree and its signed checkpoint.
#[derive(Debug, Clone, Default)]
pub struct Sealed {
    /// Complete subtrees, as stored.
    pub nodes: Nodes,
    /// The signed checkpoint.
    pub note: String,
    /// The public key that the log says is its own.
    pub public_key: String,
}

/// Every place where the tree is not that of the entries; and whether `key`, or the log's own where none is given, signed
/// its root.
///
/// A changed entry is reported at that entry alone: a node is held against its stored children.
pub fn verify_tree(entries: &[Entry], sealed: &Sealed, key: Option<&PublicKey>) -> Vec<Fault> {
    let size = entries.len() as u64;
    let mut faults = Vec::new();
    let mut fault_at = |leaf: u64| faults.push(Fault::of(FaultKind::TreeAltered).at_entry(leaf + 1));
    for (i, entry) in entries.iter().enumerate() {
        let leaf = entry.leaf().map(|leaf| merkle::leaf_hash(&leaf));
        if leaf.is_none() || sealed.nodes.get(&(0, i as u64)).copied() != leaf {
            fault_at(i as u64);
        }
    }
    let mut wanted = entries.len();
    for level in 1..=size.checked_ilog2().unwrap_or(0) {
        for i in 0..size >> level {
            wanted += 1;
            let leaves = (i << level)..((i + 1) << level);
            if sealed.nodes.get(&(level, i)).copied() != merkle::from_children((level, i), &sealed.nodes) {
                fault_at(leaves.start);
            }
        }
    }
    if sealed.nodes.len() != wanted {
        fault_at(size.saturating_sub(1));
    }
    let key = key.cloned().or_else(|| sealed.public_key.parse().ok());
    let signed = key.and_then(|key| key.open(&sealed.note).ok());
    let right = signed.is_some_and(|s| s.size == size && merkle::root(size, &sealed.nodes) == Some(s.root));
    if !right {
        faults.push(Fault::of(FaultKind::SignatureInvalid).at_entry(size));
    }
    faults
}

/// Whether the log still continues a signed checkpoint noted earlier.
pub fn continues_root(entries: &[Entry], noted: &note::Root) -> Option<Fault> {
    let leaves: Option<Vec<ContentHash>> =
        entries.iter().take(noted.size as usize).map(|e| Some(merkle::leaf_hash(&e.leaf()?))).collect();
    let root = leaves.filter(|l| l.len() as u64 == noted.size).and_then(|leaves| {
        let (size, nodes) = merkle::build(leaves);
        merkle::root(size, &nodes)
    });
    (root != Some(noted.root)).then(|| Fault::of(FaultKind::CheckpointDiffers).at_entry(noted.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (Vec<Entry>, Checkpoint) {
        let mut head = Checkpoint::empty();
        let mut entries = Vec::new();
        for i in 0..5 {
            let entry =
                Entry::after(&head, &format!("2026-01-0{}T00:00:00Z", i + 1), kind::DECIDED, "clm_a", "{}".into());
            let entry = entry.unwrap();
            head = entry.checkpoint();
            entries.push(entry);
        }
        (entries, head)
    }

    fn key() -> note::LogKey {
        note::LogKey::of("claimlens/test", [5; 32]).unwrap()
    }

    fn tree(entries: &[Entry]) -> (u64, Nodes) {
        merkle::build(entries.iter().map(|e| merkle::leaf_hash(&e.leaf().unwrap())))
    }

    fn root(entries: &[Entry]) -> note::Root {
        let (size, nodes) = tree(entries);
        note::Root { origin: "claimlens/test".to_owned(), size, root: merkle::root(size, &nodes).unwrap() }
    }

    fn sealed(entries: &[Entry]) -> Sealed {
        let note = key().sign(entries.len() as u64, root(entries).root);
        Sealed { nodes: tree(entries).1, note, public_key: key().public().to_string() }
    }

    #[test]
    fn every_changed_part_of_the_tree_is_found_at_its_place() {
        let (entries, _) = log();
        let whole = sealed(&entries);
        for node in whole.nodes.keys() {
            let mut bent = whole.clone();
            bent.nodes.get_mut(node).unwrap().0[3] ^= 1;
            let faults = verify_tree(&entries, &bent, None);
            let at = (node.1 << node.0) + 1;
            assert!(
                faults.iter().any(|f| f.entry == Some(at) && f.kind == FaultKind::TreeAltered),
                "{node:?}: {faults:?}"
            );
            let mut short = whole.clone();
            short.nodes.remove(node);
            assert!(!verify_tree(&entries, &short, None).is_empty());
        }
        let mut more = whole.clone();
        more.nodes.insert((9, 9), ContentHash([0; 32]));
        assert!(!verify_tree(&entries, &more, None).is_empty());
        // A log cut together with its tree still lacks a signature for its new end.
        let mut cut = sealed(&entries[..3]);
        cut.note = whole.note.clone();
        assert_eq!(verify_tree(&entries[..3], &cut, None), [Fault::of(FaultKind::SignatureInvalid).at_entry(3)]);
        // Signed by another key: found by whoever knows the log's own.
        let stranger = note::LogKey::of("claimlens/test", [6; 32]).unwrap();
        let mut resigned = whole;
        resigned.note = stranger.sign(5, root(&entries).root);
        resigned.public_key = stranger.public().to_string();
        assert_eq!(verify_tree(&entries, &resigned, None), []);
        let known = key().public();
        assert_eq!(
            verify_tree(&entries, &resigned, Some(&known)),
            [Fault::of(FaultKind::SignatureInvalid).at_entry(5)]
        );
    }

    #[test]
    fn an_untouched_log_holds() {
        let (entries, head) = log();
        assert_eq!(verify(&entries, &head), []);
        assert_eq!(verify(&[], &Checkpoint::empty()), []);
        assert_eq!(continues_root(&entries, &root(&entries[..3])), None);
        assert_eq!(verify_tree(&entries, &sealed(&entries), Some(&key().public())), []);
        assert_eq!(verify_tree(&[], &sealed(&[]), None), []);
    }

    #[test]
    fn the_layout_is_pinned() {
        // Computed apart from this code, from the layout in the module's documentation.
        let leaf = entry_bytes(1, ["t", "k", "s"], ContentHash([1; 32]), ContentHash([0; 32]));
        let mut bytes = b"claimlens log entry v1\0".to_vec();
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, b't', 0, 0, 0, 1, b'k', 0, 0, 0, 1, b's']);
        bytes.extend([1; 32]);
        bytes.extend([0; 32]);
        assert_eq!(leaf, bytes);
    }

    #[test]
    fn every_changed_byte_is_found_at_its_entry() {
        let (entries, head) = log();
        let columns: [fn(&mut Entry) -> &mut String; 7] = [
            |e| &mut e.at,
            |e| &mut e.kind,
            |e| &mut e.subject,
            |e| &mut e.payload,
            |e| &mut e.payload_sha256,
            |e| &mut e.prev_hash,
            |e| &mut e.hash,
        ];
        for i in 0..entries.len() {
            for column in columns {
                for at in 0..column(&mut entries[i].clone()).len() {
                    let mut changed = entries.clone();
                    let mut bytes = column(&mut changed[i]).clone().into_bytes();
                    bytes[at] ^= 1;
                    *column(&mut changed[i]) = String::from_utf8(bytes).unwrap();
                    let faults = verify(&changed, &head);
                    assert!(faults.iter().any(|f| f.entry == Some(i as u64 + 1)), "entry {i}, byte {at}: {faults:?}");
                }
            }
        }
    }

    #[test]
    fn cutting_swapping_and_appending_are_found() {
        let (entries, head) = log();
        assert_eq!(verify(&entries[..4], &head), [Fault::of(FaultKind::HeadDiffers).at_entry(4)]);
        assert!(!verify(&entries[1..], &head).is_empty());
        let mut swapped = entries.clone();
        swapped.swap(1, 2);
        assert!(!verify(&swapped, &head).is_empty());
        let mut longer = entries.clone();
        longer.push(Entry::after(&head, "x", "k", "s", String::new()).unwrap());
        assert_eq!(verify(&longer, &head), [Fault::of(FaultKind::HeadDiffers).at_entry(5)]);
    }

    #[test]
    fn a_rewritten_chain_is_found_only_by_a_checkpoint_kept_elsewhere() {
        let (entries, _) = log();
        let noted = root(&entries[..4]);
        let (mut rewritten, mut head) = (Vec::new(), Checkpoint::empty());
        for e in &entries {
            let entry = Entry::after(&head, &e.at, &e.kind, "clm_b", e.payload.clone()).unwrap();
            head = entry.checkpoint();
            rewritten.push(entry);
        }
        assert_eq!(verify(&rewritten, &head), []);
        assert_eq!(continues_root(&rewritten, &noted), Some(Fault::of(FaultKind::CheckpointDiffers).at_entry(4)));
    }
}
