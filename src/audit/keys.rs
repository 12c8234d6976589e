//! The keys of a log, one after another: each one signs the next, in an entry of the log. From that entry on the next
//! one signs checkpoints. So whoever noted any of them can follow to the one in force, without trusting who shows the
//! way.

use super::merkle;
use super::note::{LogKey, PublicKey, Root, from_base64};
use super::{Entry, kind, text};
use crate::domain::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the old key signs, so that nothing else it signs can be taken for it.
fn statement(old: &PublicKey, new: &PublicKey) -> String {
    format!("claimlens log key v1\n{old}\n{new}\n")
}

/// The payload of [`kind::KEY_ROTATED`].
pub fn rotated_payload(old: &LogKey, new: &PublicKey) -> String {
    let signature = old.vouch(&statement(&old.public(), new));
    text(&json!({ "new": new.to_string(), "old": old.public().to_string(), "signature": signature }))
}

/// A change of the key that holds: the old one signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Number of the entry.
    pub entry: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Signs up to the entry before.
    pub old: PublicKey,
    /// Signs from this entry on.
    pub new: PublicKey,
}

impl Rotation {
    fn of(entry: u64, at: &str, payload: &str) -> Option<Self> {
        let payload: Value = serde_json::from_str(payload).ok()?;
        let key = |name: &str| payload[name].as_str()?.parse::<PublicKey>().ok();
        let (old, new) = (key("old")?, key("new")?);
        let is_vouched =
            old.name() == new.name() && old.vouches(&statement(&old, &new), payload["signature"].as_str()?);
        is_vouched.then(|| Self { entry, at: at.to_owned(), old, new })
    }
}

/// The keys of a log, by the entries that changed them.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    rotations: Vec<Rotation>,
    /// The first change that does not hold.
    broken: Option<u64>,
}

impl Keys {
    /// Those that a log's entries of the kind [`kind::KEY_ROTATED`], in order, tell of.
    pub fn of(entries: &[Entry]) -> Self {
        let mut keys = Self::default();
        for entry in entries.iter().filter(|entry| entry.kind == kind::KEY_ROTATED) {
            keys.take(entry.seq, Rotation::of(entry.seq, &entry.at, &entry.payload));
        }
        keys
    }

    fn take(&mut self, entry: u64, rotation: Option<Rotation>) {
        let follows = |r: &Rotation| self.rotations.last().is_none_or(|last| last.new == r.old && last.entry < r.entry);
        match rotation.filter(follows) {
            Some(rotation) if self.broken.is_none() => self.rotations.push(rotation),
            _ => self.broken = self.broken.or(Some(entry)),
        }
    }

    /// The changes that hold, in order.
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// The entry at which the keys do not lead on, if there is one: a change that the old key did not sign, or the last
    /// one where `in_force` signs and is not the key that it leads to.
    pub fn fault(&self, in_force: &str) -> Option<u64> {
        let last = self.rotations.last().filter(|last| last.new.to_string() != in_force);
        self.broken.or(last.map(|last| last.entry))
    }

    /// The key in force for whoever noted this one; `None` if it was never a key of this log.
    pub fn current(&self, noted: &PublicKey) -> Option<&PublicKey> {
        let last = &self.rotations.last()?.new;
        self.rotations.iter().any(|r| r.old == *noted || r.new == *noted).then_some(last)
    }

    /// Opens a checkpoint signed by the key that was in force at its size.
    pub fn open(&self, note: &str) -> Option<Root> {
        let first = self.rotations.first().map(|r| (0, &r.old));
        let spans = first.into_iter().chain(self.rotations.iter().map(|r| (r.entry, &r.new)));
        let ends = self.rotations.iter().map(|r| r.entry).chain([u64::MAX]);
        let mut opened = spans.zip(ends).filter_map(|((from, key), to)| {
            let root = key.open(note).ok()?;
            (from <= root.size && root.size < to).then_some(root)
        });
        opened.next()
    }
}

/// An entry with its way to a root, as auditors are given it. Hashes of the proof are in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownEntry {
    /// Number, from 1.
    pub seq: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// One of [`kind`].
    pub kind: String,
    /// What it speaks of.
    pub subject: String,
    /// Canonical JSON.
    pub payload: String,
    /// Hash of the entry before.
    pub prev_hash: String,
    /// Hashes from the leaf up.
    pub proof: Vec<String>,
}

impl ShownEntry {
    /// Whether it is in the log of this root.
    fn is_in(&self, root: &Root) -> bool {
        let bytes = || {
            let prev = self.prev_hash.parse().ok()?;
            let payload = ContentHash::of(self.payload.as_bytes());
            Some(super::entry_bytes(self.seq, [&self.at, &self.kind, &self.subject], payload, prev))
        };
        let proof: Option<Vec<ContentHash>> = self.proof.iter().map(|hash| from_base64(hash)).collect();
        let (Some(leaf), Some(proof), Some(index)) = (bytes(), proof, self.seq.checked_sub(1)) else { return false };
        merkle::includes(merkle::leaf_hash(&leaf), index, root.size, &proof, root.root)
    }
}

/// Opens a checkpoint for somebody who noted a key of the log, by the changes of the key shown with it. Gives the root
/// and the key that signed it; `None` if the key noted does not lead there.
pub fn follow(noted: &PublicKey, shown: &[ShownEntry], note: &str) -> Option<(Root, Keys)> {
    let mut keys = Keys::default();
    for entry in shown.iter().filter(|entry| entry.kind == kind::KEY_ROTATED) {
        keys.take(entry.seq, Rotation::of(entry.seq, &entry.at, &entry.payload));
    }
    let root = keys.current(noted)?.open(note).ok()?;
    let sound = keys.broken.is_none() && shown.iter().all(|entry| entry.is_in(&root));
    sound.then_some((root, keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Checkpoint, KEY};

    fn key(seed: u8) -> LogKey {
        LogKey::of("claimlens.test/log", [seed; 32]).unwrap()
    }

    /// A log of three entries, of which the second and third change the key.
    fn log() -> Vec<Entry> {
        let (mut head, mut entries) = (Checkpoint::empty(), Vec::new());
        let payloads =
            ["{}".to_owned(), rotated_payload(&key(1), &key(2).public()), rotated_payload(&key(2), &key(3).public())];
        for (n, payload) in payloads.into_iter().enumerate() {
            let kind = if n == 0 { kind::FAILED } else { kind::KEY_ROTATED };
            let entry = Entry::after(&head, "2026-01-01T00:00:00.000Z", kind, KEY, payload).unwrap();
            head = entry.checkpoint();
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn each_key_leads_to_the_one_in_force_and_opens_what_was_signed_in_its_time() {
        let keys = Keys::of(&log());
        let last = key(3).public();
        for seed in 1..=3 {
            assert_eq!(keys.current(&key(seed).public()), Some(&last));
        }
        assert_eq!(keys.current(&key(4).public()), None);
        assert_eq!((keys.fault(&last.to_string()), keys.fault(&key(4).public().to_string())), (None, Some(3)));
        let opens = |seed, size| keys.open(&key(seed).sign(size, ContentHash([9; 32]))).is_some();
        for (seed, sizes) in [(1, 0..2), (2, 2..3), (3, 3..5)] {
            for size in 0..5 {
                assert_eq!(opens(seed, size), sizes.contains(&size), "key {seed}, size {size}");
            }
        }
    }

    #[test]
    fn a_change_that_the_old_key_did_not_sign_leads_nowhere() {
        let mut entries = log();
        entries[2].payload = rotated_payload(&key(7), &key(3).public());
        let keys = Keys::of(&entries);
        assert_eq!(keys.fault(&key(3).public().to_string()), Some(3));
        let forged = entries[1].payload.replace(&key(2).public().to_string(), &key(7).public().to_string());
        entries[1].payload = forged;
        assert_eq!(Keys::of(&entries).fault(&key(3).public().to_string()), Some(2));
    }

    #[test]
    fn a_follower_needs_the_changes_to_stand_in_the_log_that_is_shown() {
        let entries = log();
        let leaves = entries.iter().map(|e| merkle::leaf_hash(&e.leaf().unwrap()));
        let (size, nodes) = merkle::build(leaves);
        let note = key(3).sign(size, merkle::root(size, &nodes).unwrap());
        let show = |e: &Entry| ShownEntry {
            seq: e.seq,
            at: e.at.clone(),
            kind: e.kind.clone(),
            subject: e.subject.clone(),
            payload: e.payload.clone(),
            prev_hash: e.prev_hash.clone(),
            proof: merkle::inclusion(e.seq - 1, size)
                .into_iter()
                .map(|range| crate::audit::note::base64(&merkle::fold(range, &nodes).unwrap()))
                .collect(),
        };
        let shown: Vec<_> = entries[1..].iter().map(show).collect();
        assert_eq!(follow(&key(1).public(), &shown, &note).unwrap().0.size, 3);
        assert!(follow(&key(9).public(), &shown, &note).is_none());
        assert!(follow(&key(1).public(), &shown[..1], &note).is_none());
        let mut elsewhere = shown;
        elsewhere[0].at.push('0');
        assert!(follow(&key(1).public(), &elsewhere, &note).is_none());
    }
}
