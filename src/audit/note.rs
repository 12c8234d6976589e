//! Signed checkpoints: C2SP `tlog-checkpoint` in a `signed-note` with Ed25519, and `tlog-proof` files.
//!
//! A checkpoint is three lines: the log's name, the number of entries, the root of the Merkle tree in base64. The note is
//! the checkpoint, an empty line, and a line `— NAME BASE64` for each signature: four bytes that tell the key, then the 64
//! of Ed25519 over the checkpoint's text. Keys are kept in the forms of `golang.org/x/mod/sumdb/note`:
//! `PRIVATE+KEY+NAME+ID+BASE64` and, for everybody, `NAME+ID+BASE64`.

use crate::domain::ContentHash;
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// The algorithm's number in keys: Ed25519.
const ED: u8 = 1;

/// The first line of a proof file.
const PROOF: &str = "c2sp.org/tlog-proof@v1";

/// What does not make a key, a note or a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a key's text.
    #[error("this is no Ed25519 key of a log")]
    Key,
    /// Not a signed checkpoint's text.
    #[error("this is no signed checkpoint")]
    Form,
    /// No signature of the key is there, or it does not hold.
    #[error("the checkpoint is not signed by the log's key")]
    Signature,
}

/// A log's state: how many entries, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The log's name, without spaces and plus signs.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the Merkle tree over their leaves.
    pub root: ContentHash,
}

impl Root {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let number: u64 = size.parse().ok()?;
        let canonical = number.to_string() == size && !origin.is_empty() && lines.eq([""]);
        canonical.then_some(Self { origin: origin.to_owned(), size: number, root: from_base64(root)? })
    }
}

/// A hash as it stands in notes and proofs: standard base64.
pub fn base64(hash: &ContentHash) -> String {
    BASE64_STANDARD.encode(hash.0)
}

/// Reads what [`base64`] writes.
pub fn from_base64(text: &str) -> Option<ContentHash> {
    Some(ContentHash(BASE64_STANDARD.decode(text).ok()?.try_into().ok()?))
}

/// The four bytes by which signatures name their key.
fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', ED]);
    hash.update(public);
    let all: [u8; 32] = hash.finalize().into();
    [all[0], all[1], all[2], all[3]]
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// The log's private key. Its text never appears in messages.
pub struct LogKey {
    name: String,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.public())
    }
}

impl LogKey {
    /// The key of 32 random bytes for the log of this name.
    ///
    /// # Errors
    /// [`NoteError::Key`] for a name with spaces or plus signs.
    pub fn of(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::Key)?;
        if is_name(name) { Ok(Self { name: name.to_owned(), seed, pair }) } else { Err(NoteError::Key) }
    }

    /// Reads `PRIVATE+KEY+NAME+ID+BASE64`.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim().strip_prefix("PRIVATE+KEY+").ok_or(NoteError::Key)?;
        let (name, id, seed) = key_parts(text).ok_or(NoteError::Key)?;
        let key = Self::of(name, seed)?;
        if key.id() == id { Ok(key) } else { Err(NoteError::Key) }
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.pair.public_key().as_ref())
    }

    /// The text to keep secret.
    pub fn secret(&self) -> String {
        let bytes = [&[ED][..], &self.seed].concat();
        format!("PRIVATE+KEY+{}+{}+{}", self.name, hex::encode(self.id()), BASE64_STANDARD.encode(bytes))
    }

    /// The key that everybody may have.
    pub fn public(&self) -> PublicKey {
        let key = self.pair.public_key().as_ref().try_into().expect("Ed25519 keys have 32 bytes");
        PublicKey { name: self.name.clone(), key }
    }

    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs a statement that is no checkpoint, in base64.
    pub(super) fn vouch(&self, statement: &str) -> String {
        BASE64_STANDARD.encode(self.pair.sign(statement.as_bytes()))
    }

    /// Signs the state of the log of this key's name.
    pub fn sign(&self, size: u64, root: ContentHash) -> String {
        let text = Root { origin: self.name.clone(), size, root }.text();
        let signature = [&self.id()[..], self.pair.sign(text.as_bytes()).as_ref()].concat();
        format!("{text}\n— {} {}\n", self.name, BASE64_STANDARD.encode(signature))
    }
}

/// Name, id and 32 bytes of `NAME+ID+BASE64`. The base64 may itself hold plus signs, the name none.
fn key_parts(text: &str) -> Option<(&str, [u8; 4], [u8; 32])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let id: [u8; 4] = hex::decode(id).ok()?.try_into().ok()?;
    let bytes = BASE64_STANDARD.decode(key).ok()?;
    let (algorithm, key) = bytes.split_first()?;
    (*algorithm == ED && is_name(name)).then_some((name, id, key.try_into().ok()?))
}

/// A log's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: [u8; 32],
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ED][..], &self.key].concat();
        let id = hex::encode(key_id(&self.name, &self.key));
        write!(f, "{}+{id}+{}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = key_parts(text.trim()).ok_or(NoteError::Key)?;
        if key_id(name, &key) != id {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), key })
    }
}

impl PublicKey {
    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this key signed a statement that is no checkpoint.
    pub(super) fn vouches(&self, statement: &str, signature: &str) -> bool {
        let signature = BASE64_STANDARD.decode(signature);
        let key = UnparsedPublicKey::new(&ED25519, self.key);
        signature.is_ok_and(|signature| key.verify(statement.as_bytes(), &signature).is_ok())
    }

    /// Opens a signed checkpoint of this key's log.
    ///
    /// # Errors
    /// [`NoteError::Form`] or [`NoteError::Signature`].
    pub fn open(&self, note: &str) -> Result<Root, NoteError> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let text = format!("{text}\n");
        let root = Root::parse(&text).ok_or(NoteError::Form)?;
        let signed = signatures.lines().any(|line| {
            let part = || line.strip_prefix("— ")?.strip_prefix(&self.name)?.strip_prefix(' ');
            let Some(bytes) = part().and_then(|b| BASE64_STANDARD.decode(b).ok()) else { return false };
            bytes.split_at_checked(4).is_some_and(|(id, signature)| {
                id == key_id(&self.name, &self.key)
                    && UnparsedPublicKey::new(&ED25519, self.key).verify(text.as_bytes(), signature).is_ok()
            })
        });
        if signed && root.origin == self.name { Ok(root) } else { Err(NoteError::Signature) }
    }

    /// Opens a checkpoint as the log itself keeps it: with its own signature and nothing else.
    ///
    /// # Errors
    /// [`NoteError::Form`] or [`NoteError::Signature`].
    pub fn open_plain(&self, note: &str) -> Result<Root, NoteError> {
        let root = self.open(note)?;
        let signature = note.strip_prefix(&root.text()).and_then(|rest| rest.strip_prefix("\n— "));
        let signature = signature.and_then(|rest| rest.strip_prefix(&self.name)?.strip_prefix(' ')?.strip_suffix('\n'));
        // The base64 that decodes holds neither another line nor a space.
        let is_plain = signature.is_some_and(|text| BASE64_STANDARD.decode(text).is_ok());
        if is_plain { Ok(root) } else { Err(NoteError::Form) }
    }
}

/// A proof that an entry is in the log, to be checked without it: C2SP `tlog-proof`, the leaf as its extra data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's bytes as in [`super::Entry::leaf`].
    pub leaf: Vec<u8>,
    /// Place in the tree, from 0.
    pub index: u64,
    /// Hashes from the leaf up.
    pub hashes: Vec<ContentHash>,
    /// The signed checkpoint.
    pub note: String,
}

impl Proof {
    /// Whether the leaf is in the log of this key.
    ///
    /// # Errors
    /// [`NoteError::Form`] if it is not there, or those of [`PublicKey::open`].
    pub fn check(&self, key: &PublicKey) -> Result<Root, NoteError> {
        let root = key.open(&self.note)?;
        let leaf = super::merkle::leaf_hash(&self.leaf);
        let there = super::merkle::includes(leaf, self.index, root.size, &self.hashes, root.root);
        if there { Ok(root) } else { Err(NoteError::Form) }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROOF}\nextra {}\nindex {}\n", BASE64_STANDARD.encode(&self.leaf), self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", base64(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl std::str::FromStr for Proof {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (head, note) = text.split_once("\n\n").ok_or(NoteError::Form)?;
        let mut lines = head.lines();
        let mut line = |start: &str| lines.next().and_then(|l| l.strip_prefix(start)).ok_or(NoteError::Form);
        line(PROOF)?;
        let leaf = BASE64_STANDARD.decode(line("extra ")?).map_err(|_| NoteError::Form)?;
        let index = line("index ")?.parse().map_err(|_| NoteError::Form)?;
        let hashes: Option<Vec<_>> = lines.map(from_base64).collect();
        Ok(Self { leaf, index, hashes: hashes.ok_or(NoteError::Form)?, note: note.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle;

    #[test]
    fn the_public_example_of_go_opens() {
        // From the documentation of golang.org/x/mod/sumdb/note: its keys, its text and its signature.
        let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let key = LogKey::parse(secret).unwrap();
        assert_eq!(key.secret(), secret);
        let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(key.public().to_string(), public);
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let signature = [&key.id()[..], key.pair.sign(text.as_bytes()).as_ref()].concat();
        assert_eq!(
            BASE64_STANDARD.encode(signature),
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
        );
    }

    #[test]
    fn a_note_opens_for_its_own_key_and_unaltered_only() {
        let key = LogKey::of("claimlens.test/log", [7; 32]).unwrap();
        let note = key.sign(7, ContentHash([9; 32]));
        let opened = key.public().open(&note).unwrap();
        assert_eq!((opened.size, opened.root), (7, ContentHash([9; 32])));
        let again: PublicKey = key.public().to_string().parse().unwrap();
        assert_eq!(again, key.public());
        assert_eq!(LogKey::parse(&key.secret()).unwrap().public(), again);
        let other = LogKey::of("claimlens.test/log", [8; 32]).unwrap();
        assert_eq!(other.public().open(&note), Err(NoteError::Signature));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(bent) = String::from_utf8(bytes) {
                assert!(again.open(&bent).is_err(), "byte {at}");
            }
        }
        assert_eq!(again.open_plain(&note), Ok(opened));
        for more in ["— somebody AAAAAAAA\n", "\n", "\r\n", "x"] {
            assert_eq!(again.open_plain(&format!("{note}{more}")), Err(NoteError::Form), "{more:?}");
        }
        assert!(again.open_plain(note.trim_end()).is_err());
        assert!(again.open_plain(&note.replace("=\n", "=\r\n")).is_err());
        assert_eq!(LogKey::of("two words", [0; 32]).unwrap_err(), NoteError::Key);
    }

    #[test]
    fn a_proof_survives_its_text_and_no_change() {
        let key = LogKey::of("claimlens.test/log", [7; 32]).unwrap();
        let leaves: Vec<Vec<u8>> = (0..11_u8).map(|i| vec![i; 5]).collect();
        let (size, nodes) = merkle::build(leaves.iter().map(|l| merkle::leaf_hash(l)));
        let note = key.sign(size, merkle::root(size, &nodes).unwrap());
        let hashes = merkle::inclusion(6, size).into_iter().map(|r| merkle::fold(r, &nodes).unwrap()).collect();
        let proof = Proof { leaf: leaves[6].clone(), index: 6, hashes, note };
        let read: Proof = proof.to_string().parse().unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.check(&key.public()).unwrap().size, 11);
        let mut bent = read.clone();
        bent.leaf[0] ^= 1;
        assert_eq!(bent.check(&key.public()), Err(NoteError::Form));
        let mut moved = read;
        moved.index = 5;
        assert_eq!(moved.check(&key.public()), Err(NoteError::Form));
    }
}
