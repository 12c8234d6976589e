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

pub mod access;
pub mod acts;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod reviews;
pub mod sealed;
pub mod settings;
pub mod tiles;

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
    /// A policy was tried on everything recorded.
    pub const POLICY_BACKTESTED: &str = "policy_backtested";
    /// A policy was put in force.
    pub const POLICY_ADOPTED: &str = "policy_adopted";
    /// A policy began to decide beside the one in force, without effect.
    pub const POLICY_SHADOWED: &str = "policy_shadowed";
    /// No policy decides beside the one in force any longer.
    pub const POLICY_SHADOW_ENDED: &str = "policy_shadow_ended";
    /// The log's key was changed.
    pub const KEY_ROTATED: &str = "key_rotated";
    /// Somebody read what a claim holds.
    pub const READ: &str = "claim_read";
    /// A claim's content was erased.
    pub const ERASED: &str = "claim_erased";
    /// Somebody was given an API key.
    pub const API_KEY_ADDED: &str = "api_key_added";
    /// An API key was replaced by a new one.
    pub const API_KEY_ROTATED: &str = "api_key_rotated";
    /// An API key was taken back.
    pub const API_KEY_REVOKED: &str = "api_key_revoked";
    /// Which cards of a case a queue shows was changed.
    pub const CARDS_CHANGED: &str = "cards_changed";
    /// Who works on which cases was changed.
    pub const SKILLS_CHANGED: &str = "skills_changed";
}

/// The subject of entries that speak of no claim but of the approval gate.
pub const GATE: &str = "gate";

/// The subject of entries that speak of no claim but of policies.
pub const POLICY: &str = "policy";

/// The subject of entries that speak of no claim but of the log's key.
pub const KEY: &str = "key";

/// The subject of entries that speak of no claim but of who may come in.
pub const ACCESS: &str = "access";

/// The subject of entries that speak of no claim but of the cards that a queue shows.
pub const CARDS: &str = "cards";

/// The subject of entries that speak of no claim but of who works on which cases.
pub const SKILLS: &str = "skills";

/// Subjects that are no claims.
pub const OTHERS: &[&str] = &[GATE, POLICY, KEY, ACCESS, CARDS, SKILLS];

/// Where the names of claims begin, in the order of bytes, and the first beyond them.
pub const CLAIMS: [&str; 2] = ["clm_", "clm`"];

/// One entry as stored. Hashes are 64 lower-case hex digits; kept as text so that a damaged one can still be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the log, from 1.
    pub seq: u64,
    /// When it was appended, RFC 3339 in UTC.
    pub at: String,
    /// One of [`kind`].
    pub kind: String,
    /// The claim it speaks of, or one of [`OTHERS`].
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
/// `key` is the idempotency key, if one came, with the body it came with, both hashed; `now` the time that the claim is to be
/// decided as of, if that is not the time it then is. The outer `None` leaves them out, as in entries made before they
/// were logged.
pub fn accepted_payload(
    created_at: &str,
    salt: &[u8],
    claim_json: Option<&str>,
    photos: &[PhotoCommitment<'_>],
    key: Option<Option<[&str; 2]>>,
    now: Option<Option<&str>>,
) -> String {
    let photos: Vec<_> = photos.iter().map(|p| photo_payload(salt, p)).collect();
    let claim = claim_json.map(|c| salted(salt, c));
    let mut out = json!({ "claim": claim, "created_at": created_at, "photos": photos });
    if let Some(key) = key {
        out["key"] = json!(key);
    }
    if let Some(now) = now {
        out["now"] = json!(now);
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

/// The payload of [`kind::READ`]: what was read, and by whom, if that is known.
pub fn read_payload(salt: &[u8], what: &str, by: Option<&str>) -> String {
    // Salted where nobody is named as well, so that the salt is held to as everything else is. No name is empty.
    text(&json!({ "what": what, "by": salted(salt, by.unwrap_or_default()) }))
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
    /// The claim is to be decided, or was, as of another time than was logged.
    #[error("the time that the claim is decided as of is not the one that was logged")]
    TimeAltered,
    /// The claim is another tenant's than was logged.
    #[error("the claim is not the tenant's that was logged")]
    TenantAltered,
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
    /// The claim's data key is gone or altered, or does not open what it is for, though no erasure is logged.
    #[error("the claim's data key is missing or altered, so its content cannot be read")]
    DataKeyAltered,
    /// The key-encryption key is not the one that the records are sealed with, or what tells so was altered.
    #[error("the key-encryption key does not open these records: it is another's, or what is kept with it was altered")]
    VaultAltered,
    /// The log says that the claim was erased, and not all of its content is gone.
    #[error("the claim was erased by the log, but some of its content is still stored")]
    NotErased,
    /// What is stored about an erasure is missing, added, or not what was logged.
    #[error("what is stored about the claim's erasure is not what was logged")]
    ErasureAltered,
    /// A stored policy does not match its hash, or one that a record names is gone.
    #[error("the policy decided by is altered or missing")]
    PolicyAltered,
    /// An act about policies is missing, added, or not what was logged.
    #[error("what is stored about policies taking effect is not what was logged")]
    PolicyActAltered,
    /// The decision was made by another policy than the one in force.
    #[error("the decision was not made by the policy that was in force")]
    PolicyOverlooked,
    /// A giving or taking of an API key is missing, added, or not what was logged.
    #[error("what is stored about API keys is not what was logged")]
    AccessAltered,
    /// A change of the cards that a queue shows is missing, added, or not what was logged.
    #[error("what is stored of the cards that a queue shows is not what was logged")]
    CardsAltered,
    /// A change of who works on which cases is missing, added, or not what was logged.
    #[error("what is stored of who works on which cases is not what was logged")]
    SkillsAltered,
    /// The log's key was changed without the old key's word, or another key signs than the last change names.
    #[error("the log's key was changed without the word of the one before")]
    KeyChainBroken,
    /// What is stored of a reading of claims is missing, added, or not what was logged.
    #[error("what is stored of who read what is not what was logged")]
    ReadAltered,
    /// A step that a person took with a claim is missing, added, or not what was logged.
    #[error("what is stored of a person's step is not what was logged")]
    ReviewAltered,
    /// Where a case stands, as the queue has it, is not what follows from its decisions and steps.
    #[error("the queue has a case otherwise than its decisions and steps leave it")]
    CaseAltered,
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

/// The level of the subtrees that [`Walk`] takes one by one: 4,096 entries each.
pub const BLOCK: u32 = 12;

/// The block that an entry's leaf stands in; `None` for a number that no entry can have.
pub fn block_of(seq: u64) -> Option<u64> {
    // What SQLite gave as negative is beyond any log.
    seq.checked_sub(1).filter(|leaf| *leaf < 1 << 62).map(|leaf| leaf >> BLOCK)
}

/// Goes through a log from its first entry to its last, a block at a time, and locates everything that does not hold:
/// breaks of the chain, places where the stored tree is not that of the entries, a checkpoint noted earlier that it
/// does not continue.
///
/// A changed entry is told once: entries after it are held against the hash that is stored, and a node against its
/// stored children. Of a log of n entries it keeps n / 2,048 hashes and one block.
#[derive(Debug)]
pub struct Walk {
    last: Checkpoint,
    entries: u64,
    /// Stored nodes of level [`BLOCK`].
    tops: Nodes,
    /// All stored nodes of the last block.
    tail: Nodes,
    /// Nodes held against their children.
    checked: u64,
    noted: Option<Noted>,
    faults: Vec<Fault>,
}

/// A checkpoint noted earlier, and the tree over the entries up to it.
#[derive(Debug)]
struct Noted {
    root: note::Root,
    tree: merkle::Growing,
    continued: bool,
}

/// What is kept beside the entries, but for the nodes that stand in blocks.
#[derive(Debug, Clone, Default)]
pub struct Sealed {
    /// The end of the chain; `None` if it is gone.
    pub head: Option<Checkpoint>,
    /// The stored nodes above level [`BLOCK`].
    pub upper: Nodes,
    /// How many nodes are stored in all.
    pub stored: u64,
    /// The signed checkpoint.
    pub note: String,
    /// The public key that the log says is its own.
    pub public_key: String,
}

impl Walk {
    /// At the start of a log, which is to continue `noted`.
    pub fn new(noted: Option<note::Root>) -> Self {
        let noted = noted.map(|root| {
            let continued = root.size == 0 && root.root == merkle::empty_root();
            Noted { root, tree: merkle::Growing::default(), continued }
        });
        Self {
            last: Checkpoint::empty(),
            entries: 0,
            tops: Nodes::new(),
            tail: Nodes::new(),
            checked: 0,
            noted,
            faults: Vec::new(),
        }
    }

    /// How many entries went by.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The next entries in order, all of them of one block or of none, with that block's stored nodes.
    pub fn take(&mut self, entries: &[Entry], stored: Nodes) {
        let Some(block) = entries.first().map(|entry| block_of(entry.seq)) else { return };
        let mut leaves = Nodes::new();
        for entry in entries {
            let leaf = self.follow(entry);
            match (block, leaf) {
                (None, _) => self.fault(FaultKind::TreeAltered, entry.seq),
                (Some(_), leaf) => leaves.extend(leaf.map(|leaf| ((0, entry.seq - 1), leaf))),
            }
        }
        let Some(block) = block else { return };
        for level in 0..=BLOCK {
            for i in (block << (BLOCK - level))..((block + 1) << (BLOCK - level)) {
                let node = (level, i);
                let held = stored.get(&node).copied();
                self.checked += u64::from(held.is_some());
                let made = if level == 0 { leaves.get(&node).copied() } else { merkle::from_children(node, &stored) };
                if held != made {
                    self.fault(FaultKind::TreeAltered, (i << level) + 1);
                }
            }
        }
        self.tops.extend(stored.get_key_value(&(BLOCK, block)));
        self.tail = stored;
    }

    /// Holds one entry against the one before and gives its leaf's hash; `None` if a hash in it is none.
    fn follow(&mut self, entry: &Entry) -> Option<ContentHash> {
        let mut fault = |kind| self.faults.push(Fault::of(kind).at_entry(entry.seq).of_claim(&entry.subject));
        let [first, end] = CLAIMS;
        if !OTHERS.contains(&entry.subject.as_str()) && !(first..end).contains(&entry.subject.as_str()) {
            fault(FaultKind::ClaimMissing);
        }
        if entry.seq != self.last.size.wrapping_add(1) {
            fault(FaultKind::Sequence);
        }
        if entry.payload_sha256.parse() != Ok(ContentHash::of(entry.payload.as_bytes())) {
            fault(FaultKind::PayloadAltered);
        }
        if entry.prev_hash != self.last.hash {
            fault(FaultKind::LinkBroken);
        }
        let leaf = entry.leaf();
        if leaf.as_ref().is_none_or(|leaf| entry.hash.parse() != Ok(ContentHash::of(leaf))) {
            fault(FaultKind::EntryAltered);
        }
        self.last = entry.checkpoint();
        self.entries += 1;
        let hash = leaf.map(|leaf| merkle::leaf_hash(&leaf));
        if let Some(noted) = &mut self.noted
            && self.entries <= noted.root.size
        {
            // A leaf without hashes is none of those that were noted.
            noted.tree.push(hash.unwrap_or_else(merkle::empty_root));
            noted.continued = self.entries == noted.root.size && noted.tree.root() == noted.root.root;
        }
        hash
    }

    fn fault(&mut self, kind: FaultKind, entry: u64) {
        self.faults.push(Fault::of(kind).at_entry(entry));
    }

    /// After the last entry: what is kept beside them; and whether `key`, or the log's own where none is given, signed
    /// its root. Everything that does not hold.
    pub fn end(mut self, sealed: &Sealed, key: Option<&PublicKey>) -> Vec<Fault> {
        let size = self.entries;
        if sealed.head.as_ref() != Some(&self.last) {
            let stored = sealed.head.as_ref().map_or(u64::MAX, |head| head.size);
            self.fault(FaultKind::HeadDiffers, self.last.size.min(stored));
        }
        let mut nodes = std::mem::take(&mut self.tops);
        nodes.extend(std::mem::take(&mut self.tail));
        nodes.extend(&sealed.upper);
        let blocks = size.div_ceil(1 << BLOCK);
        for level in BLOCK + 1..=BLOCK + blocks.checked_ilog2().unwrap_or(0) {
            for i in 0..blocks >> (level - BLOCK) {
                let held = nodes.get(&(level, i)).copied();
                self.checked += u64::from(held.is_some());
                if held != merkle::from_children((level, i), &nodes) {
                    self.fault(FaultKind::TreeAltered, (i << level) + 1);
                }
            }
        }
        if self.checked != sealed.stored {
            self.fault(FaultKind::TreeAltered, size.max(1));
        }
        let key = key.cloned().or_else(|| sealed.public_key.parse().ok());
        let key = key.filter(|key| key.to_string() == sealed.public_key);
        let signed = key.and_then(|key| key.open_plain(&sealed.note).ok());
        let is_right = signed.is_some_and(|s| s.size == size && merkle::root(size, &nodes) == Some(s.root));
        if !is_right {
            self.fault(FaultKind::SignatureInvalid, size);
        }
        if let Some(noted) = self.noted.take().filter(|noted| !noted.continued) {
            self.fault(FaultKind::CheckpointDiffers, noted.root.size);
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::merkle::Node;
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

    /// What a walk finds in a log with all its nodes, as a store would hand them over.
    fn walked(entries: &[Entry], nodes: &Nodes, sealed: &Sealed, key: Option<&PublicKey>) -> Vec<Fault> {
        walked_from(Walk::new(None), entries, nodes, sealed, key)
    }

    fn walked_from(
        mut walk: Walk,
        entries: &[Entry],
        nodes: &Nodes,
        sealed: &Sealed,
        key: Option<&PublicKey>,
    ) -> Vec<Fault> {
        for entries in entries.chunk_by(|a, b| block_of(a.seq) == block_of(b.seq)) {
            let block = block_of(entries[0].seq);
            let within = |(level, i): &Node| *level <= BLOCK && Some(i >> (BLOCK - level)) == block;
            walk.take(entries, nodes.iter().filter(|(node, _)| within(node)).map(|(n, h)| (*n, *h)).collect());
        }
        let upper = nodes.iter().filter(|((level, _), _)| *level > BLOCK).map(|(n, h)| (*n, *h)).collect();
        walk.end(&Sealed { upper, stored: nodes.len() as u64, ..sealed.clone() }, key)
    }

    /// What the chain alone tells: the tree and its signature are those of these entries.
    fn verify(entries: &[Entry], head: &Checkpoint) -> Vec<Fault> {
        let (nodes, sealed) = sealed(entries);
        walked(entries, &nodes, &Sealed { head: Some(head.clone()), ..sealed }, None)
    }

    /// Whether a log continues what was noted of it.
    fn continues(entries: &[Entry], noted: &note::Root) -> Vec<Fault> {
        let (nodes, sealed) = sealed(entries);
        walked_from(Walk::new(Some(noted.clone())), entries, &nodes, &sealed, None)
    }

    fn root(entries: &[Entry]) -> note::Root {
        let (size, nodes) = tree(entries);
        note::Root { origin: "claimlens/test".to_owned(), size, root: merkle::root(size, &nodes).unwrap() }
    }

    /// The tree and what else is kept beside these entries. An entry without hashes has no leaf.
    fn sealed(entries: &[Entry]) -> (Nodes, Sealed) {
        let leaves = entries.iter().map(|e| e.leaf().map_or(merkle::empty_root(), |leaf| merkle::leaf_hash(&leaf)));
        let (size, nodes) = merkle::build(leaves);
        let note = key().sign(size, merkle::root(size, &nodes).unwrap());
        let head = Some(entries.last().map_or(Checkpoint::empty(), Entry::checkpoint));
        (nodes, Sealed { head, note, public_key: key().public().to_string(), ..Sealed::default() })
    }

    #[test]
    fn every_changed_part_of_the_tree_is_found_at_its_place() {
        let (entries, _) = log();
        let (whole, beside) = sealed(&entries);
        for node in whole.keys() {
            let mut bent = whole.clone();
            bent.get_mut(node).unwrap().0[3] ^= 1;
            let faults = walked(&entries, &bent, &beside, None);
            let at = (node.1 << node.0) + 1;
            assert!(
                faults.iter().any(|f| f.entry == Some(at) && f.kind == FaultKind::TreeAltered),
                "{node:?}: {faults:?}"
            );
            let mut short = whole.clone();
            short.remove(node);
            assert!(!walked(&entries, &short, &beside, None).is_empty());
        }
        for node in [(9, 9), (0, 5), (3, 0), (20, 0), (0, 1 << 40)] {
            let mut more = whole.clone();
            more.insert(node, ContentHash([0; 32]));
            assert!(!walked(&entries, &more, &beside, None).is_empty(), "{node:?}");
        }
        // A log cut together with its tree still lacks a signature for its new end.
        let (short, mut cut) = sealed(&entries[..3]);
        cut.note = beside.note.clone();
        assert_eq!(walked(&entries[..3], &short, &cut, None), [Fault::of(FaultKind::SignatureInvalid).at_entry(3)]);
        // Signed by another key: found by whoever knows the log's own.
        let stranger = note::LogKey::of("claimlens/test", [6; 32]).unwrap();
        let mut resigned = beside.clone();
        resigned.note = stranger.sign(5, root(&entries).root);
        resigned.public_key = stranger.public().to_string();
        assert_eq!(walked(&entries, &whole, &resigned, None), []);
        let known = key().public();
        let unsigned = [Fault::of(FaultKind::SignatureInvalid).at_entry(5)];
        assert_eq!(walked(&entries, &whole, &resigned, Some(&known)), unsigned);
        // The key that the log says is its own, though nobody who knows it asks.
        let mut renamed = beside.clone();
        renamed.public_key = stranger.public().to_string();
        assert_eq!(walked(&entries, &whole, &renamed, Some(&known)), unsigned);
        // The log signs once; what else stands in its note was put there.
        let mut longer = beside;
        longer.note += "— somebody AAAAAAAA\n";
        assert_eq!(walked(&entries, &whole, &longer, Some(&known)), unsigned);
    }

    #[test]
    fn a_log_of_several_blocks_holds_and_a_change_is_found_in_each() {
        let (mut head, mut entries) = (Checkpoint::empty(), Vec::new());
        for _ in 0..(3 << BLOCK) + 5 {
            let entry = Entry::after(&head, "2026-01-01T00:00:00Z", kind::DECIDED, "clm_a", "{}".into()).unwrap();
            head = entry.checkpoint();
            entries.push(entry);
        }
        assert_eq!(verify(&entries, &head), []);
        let (nodes, beside) = sealed(&entries);
        for seq in [1, 4096, 4097, 12_288, 12_289, 12_293_u64] {
            let mut changed = entries.clone();
            changed[seq as usize - 1].at.push('x');
            let faults = walked(&changed, &nodes, &beside, None);
            let told: Vec<_> = faults.iter().map(|f| (f.entry, f.kind.clone())).collect();
            let at = Some(seq);
            assert_eq!(told, [(at, FaultKind::EntryAltered), (at, FaultKind::TreeAltered)]);
            // A whole entry gone: told at its place, and where the next follows.
            let mut short = entries.clone();
            short.remove(seq as usize - 1);
            let faults = walked(&short, &nodes, &beside, None);
            assert!(faults.len() < 8, "{faults:?}");
            assert!(faults.iter().any(|f| f.entry == at), "{seq}: {faults:?}");
        }
        for level in [BLOCK, BLOCK + 1] {
            let mut bent = nodes.clone();
            bent.get_mut(&(level, 0)).unwrap().0[0] ^= 1;
            assert!(walked(&entries, &bent, &beside, None).iter().any(|f| f.kind == FaultKind::TreeAltered));
            bent.remove(&(level, 0));
            assert!(walked(&entries, &bent, &beside, None).iter().any(|f| f.kind == FaultKind::TreeAltered));
        }
    }

    #[test]
    fn an_untouched_log_holds() {
        let (entries, head) = log();
        assert_eq!(verify(&entries, &head), []);
        assert_eq!(verify(&[], &Checkpoint::empty()), []);
        assert_eq!(continues(&entries, &root(&entries[..3])), []);
        assert_eq!(continues(&entries, &root(&[])), []);
        let (nodes, sealed) = sealed(&entries);
        assert_eq!(walked(&entries, &nodes, &sealed, Some(&key().public())), []);
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
        longer.push(Entry::after(&head, "x", "k", "clm_s", String::new()).unwrap());
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
        let differs = [Fault::of(FaultKind::CheckpointDiffers).at_entry(4)];
        assert_eq!(continues(&rewritten, &noted), differs);
        assert_eq!(continues(&rewritten[..3], &noted), differs);
    }
}
