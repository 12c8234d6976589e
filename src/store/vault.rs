//! What the records hold of people, under keys.
//!
//! Each claim has a data key of its own, drawn when it is accepted. What was submitted, the records and the photos are
//! sealed with it (AES-256-GCM); the data key itself is kept wrapped under the key-encryption key, which is not kept
//! with the records. So destroying one small row, the wrapped key, leaves a claim's content unreadable wherever it
//! lies.
//!
//! What papers are found again by cannot be sealed and searched too: texts are replaced by keyed hashes, under one
//! index key that is wrapped like the data keys ([`Vault::print`]). Numbers close to one another are found by asking
//! for each.
//!
//! Records from before there was a vault are read as they are.
//!
//! ## Bytes
//! A sealed cell is one byte 1, a random nonce of 12 bytes, the ciphertext and its tag of 16. Its associated data are
//! `claimlens cell v1`, a zero byte, which cell it is, a zero byte and the claim's name, so that no cell passes for another.
//! A record's first byte is 2, its associated data begin with `claimlens cell v2`, and what is sealed is its length in four
//! bytes, the lowest first, and an LZ4 block: two fifths of its size. Records from before that are cells of the first form.
//! A wrapped key is a cell as well, whose key is HKDF-SHA256 over the key-encryption key, salted with the claim's name:
//! as each wraps one key only, no number of claims wears the key-encryption key out.

mod erasure;

pub use erasure::{Erasure, RawErasure, Undone};

use super::log::write_secret;
use super::reviews::{added_names, open_step};
use super::rows::Rows;
use super::{Fingerprint, NewClaim, RawClaim, RawPhoto, StoreError, fingerprints};
use crate::audit::note;
use crate::domain::{ClaimId, ContentHash, Reading, Record};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// First byte of a cell that holds the bytes as they are.
const WHOLE: u8 = 1;
/// First byte of a cell that holds them as an LZ4 block behind their length.
const PACKED: u8 = 2;
const NONCE: usize = 12;
const KEY: usize = 32;

/// What the index key is wrapped for, in place of a claim's name.
const INDEX: &str = "index";

/// Decisions looked at in one go when the vault is made over older records.
const AT_ONCE: u32 = 200;

/// A key-encryption key. Cannot print.
#[derive(Clone, PartialEq, Eq)]
pub struct Kek([u8; KEY]);

/// Where the key-encryption key is.
#[derive(Debug, Clone)]
pub enum KekPlace {
    /// In a file, as base64; made, readable by its user alone, if there is none and no records need another.
    File(PathBuf),
    /// Given, as from the environment.
    Given(Kek),
}

/// The data key of one claim. Cannot print.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimKey {
    claim: String,
    key: [u8; KEY],
}

/// What is sealed: no cell opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// What was submitted besides the photos' bytes.
    Claim,
    /// A record's canonical bytes.
    Record,
    /// A photo's bytes.
    Photo,
    /// A normalised page kept for viewing.
    Page,
    /// What a person's step says of the claim.
    Step,
}

/// How a claim's content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// As it is, from before there was a vault.
    Plain,
    /// Sealed, and opened here.
    Open,
    /// Sealed, and the key-encryption key is not here: what is told of the claim is only what needs no key.
    Locked,
    /// Sealed, and its data key or its cell does not open.
    Broken,
    /// Erased.
    Erased,
}

/// What is sealed in a claim's row.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Secrets {
    /// Canonical JSON.
    pub(super) claim: Option<String>,
    /// In hex.
    pub(super) salt: String,
    /// Name and SHA-256 of each photo, in order.
    pub(super) photos: Vec<[String; 2]>,
}

/// The keys in use, or why there are none.
#[derive(Debug)]
pub(super) struct Vault(Result<Keys, Shut>);

/// Why nothing sealed can be opened.
#[derive(Debug)]
struct Shut {
    why: String,
    /// Whether there is a key that should open the vault and does not.
    wrong: bool,
}

struct Keys {
    kek: Kek,
    index: hmac::Key,
    /// The index key as stored.
    wrapped: Vec<u8>,
}

/// `…`: what a key prints as.
fn hidden(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("…")
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f)
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f)
    }
}

impl Kek {
    /// Takes 32 bytes in base64, with white space around them or not.
    ///
    /// # Errors
    /// If it is something else. The error does not repeat what was given.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let key = note::from_base64(text.trim()).ok_or("a key-encryption key is 32 bytes in base64")?;
        Ok(Self(key.0))
    }

    /// The key that wraps the key of one claim.
    fn wrapping(&self, of: &str) -> [u8; KEY] {
        let salted = hkdf::Salt::new(hkdf::HKDF_SHA256, of.as_bytes()).extract(&self.0);
        let mut key = [0; KEY];
        let filled = salted.expand(&[b"claimlens key v1"], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
        filled.expect("32 bytes are one block of it");
        key
    }

    fn wrap(&self, of: &str, key: &[u8; KEY]) -> Vec<u8> {
        seal(&self.wrapping(of), WHOLE, "key", of, key)
    }

    fn unwrap_key(&self, of: &str, wrapped: &[u8]) -> Option<[u8; KEY]> {
        open(&self.wrapping(of), "key", of, wrapped)?.try_into().ok()
    }
}

impl KekPlace {
    /// The key; `Ok(None)` if there is none at this place.
    fn read(&self) -> Result<Option<Kek>, String> {
        match self {
            Self::Given(kek) => Ok(Some(kek.clone())),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Kek::parse(&text).map(Some).map_err(|why| format!("{}: {why}", path.display())),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(format!("the key-encryption key {}: {e}", path.display())),
            },
        }
    }
}

impl KekPlace {
    /// Whether the key here opens this vault; `false` if there is neither vault nor a malformed key.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says why it does not.
    pub(super) fn opens(&self, vault: Option<&[u8]>) -> Result<bool, StoreError> {
        let kek = self.read().map_err(StoreError::Locked)?;
        match (vault, kek) {
            (None, _) => Ok(false),
            (Some(_), None) => Err(StoreError::Locked(format!("{self} is missing"))),
            (Some(wrapped), Some(kek)) if kek.unwrap_key(INDEX, wrapped).is_some() => Ok(true),
            (Some(_), Some(_)) => Err(StoreError::Locked(self.is_another())),
        }
    }

    fn is_another(&self) -> String {
        format!("{self} is not the one that these records are sealed with")
    }
}

impl fmt::Display for KekPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the key-encryption key {}", path.display()),
            Self::Given(_) => f.write_str("the key-encryption key given"),
        }
    }
}

impl ClaimKey {
    /// A new key for a claim.
    pub fn new(claim: &ClaimId) -> Self {
        Self { claim: claim.to_string(), key: rand::random() }
    }

    /// Seals bytes; a record's are packed first.
    pub fn seal(&self, cell: Cell, plain: &[u8]) -> Vec<u8> {
        let seal = |form, bytes: &[u8]| seal(&self.key, form, cell.as_str(), &self.claim, bytes);
        match cell {
            Cell::Record => seal(PACKED, &lz4_flex::compress_prepend_size(plain)),
            Cell::Claim | Cell::Photo | Cell::Page | Cell::Step => seal(WHOLE, plain),
        }
    }

    /// Opens what [`Self::seal`] made; `None` if it is something else, or of another claim or cell.
    pub fn open(&self, cell: Cell, sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.key, cell.as_str(), &self.claim, sealed)
    }

    /// Whether it is the key of this claim.
    pub fn is_of(&self, claim: &ClaimId) -> bool {
        self.claim == claim.as_str()
    }
}

impl Secrets {
    pub(super) fn of(new: &NewClaim, claim: Option<String>) -> Self {
        let photos = new.photos.iter().map(|photo| [photo.source.clone(), photo.sha256.to_string()]);
        Self { claim, salt: hex::encode(new.salt), photos: photos.collect() }
    }

    /// The salt of the log's commitments.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn salt(&self) -> Result<Vec<u8>, StoreError> {
        hex::decode(&self.salt).map_err(|_| altered())
    }

    /// Puts what is sealed of photos in its place; `added` is that of photos that came later, each time.
    pub(super) fn fill(&self, photos: &mut [RawPhoto], added: &[Vec<[String; 2]>]) {
        let sealed = self.photos.iter().chain(added.iter().flatten());
        for (photo, [source, sha256]) in photos.iter_mut().zip(sealed) {
            source.clone_into(&mut photo.source);
            sha256.clone_into(&mut photo.sha256);
        }
    }
}

impl Cell {
    fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Record => "record",
            Self::Photo => "photo",
            Self::Page => "page",
            Self::Step => "step",
        }
    }
}

fn aead(key: &[u8; KEY]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("such a key has 32 bytes"))
}

fn associated(form: u8, cell: &str, of: &str) -> Aad<String> {
    Aad::from(format!("claimlens cell v{form}\0{cell}\0{of}"))
}

fn seal(key: &[u8; KEY], form: u8, cell: &str, of: &str, plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE] = rand::random();
    let mut out = Vec::with_capacity(1 + NONCE + plain.len() + AES_256_GCM.tag_len());
    out.push(form);
    out.extend(nonce);
    out.extend(plain);
    let place = &mut out[1 + NONCE..];
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = aead(key).seal_in_place_separate_tag(nonce, associated(form, cell, of), place);
    // Fails from 64 GiB on, which nothing that is taken in comes near.
    out.extend(tag.expect("what is sealed is short enough").as_ref());
    out
}

fn open(key: &[u8; KEY], cell: &str, of: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (&form, rest) = sealed.split_first()?;
    let (nonce, rest) = rest.split_at_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut out = rest.to_vec();
    let length = aead(key).open_in_place(nonce, associated(form, cell, of), &mut out).ok()?.len();
    out.truncate(length);
    match form {
        WHOLE => Some(out),
        // Sealed here, so its length is to be believed.
        PACKED => lz4_flex::decompress_size_prepended(&out).ok(),
        _ => None,
    }
}

/// Makes a key that only this user may read, on the disk before anything is sealed with it.
fn make_kek(file: &Path) -> std::io::Result<Kek> {
    let kek = Kek(rand::random());
    write_secret(file, &note::base64(&ContentHash(kek.0)))?;
    Ok(kek)
}

impl Vault {
    /// Takes up the vault: makes it, and the key-encryption key if there is none, where the records have none yet, and
    /// gives what earlier papers are found by its keyed form. Within a transaction that writes.
    ///
    /// # Errors
    /// If the key cannot be made or a row is damaged. A key that is missing or another's is none: then nothing sealed
    /// can be read and nothing sealed written.
    pub(super) async fn open(db: &mut dyn Rows, place: &KekPlace) -> Result<Self, StoreError> {
        let kek = match place.read() {
            Ok(kek) => kek,
            Err(why) => return Ok(Self::shut(why, true)),
        };
        match (db.vault().await?, kek, place) {
            (Some(wrapped), Some(kek), _) => Ok(match kek.unwrap_key(INDEX, &wrapped) {
                Some(index) => Self(Ok(Keys::of(kek, &index, wrapped))),
                None => Self::shut(place.is_another(), true),
            }),
            (Some(_), None, _) => Ok(Self::shut(format!("{place} is missing"), false)),
            // Another key would be made, and claims taken in beside those that it does not open.
            (None, ..) if db.any_keys().await? => {
                Ok(Self::shut("what the key-encryption key is known by is gone from the records".to_owned(), true))
            }
            (None, Some(kek), _) => Self::make(db, kek).await,
            (None, None, KekPlace::File(path)) => {
                let unavailable =
                    |e| StoreError::Unavailable(format!("the key-encryption key {}: {e}", path.display()));
                let kek = make_kek(path).map_err(unavailable)?;
                Self::make(db, kek).await
            }
            (None, None, KekPlace::Given(_)) => Ok(Self::shut("there is no key-encryption key".to_owned(), false)),
        }
    }

    fn shut(why: String, wrong: bool) -> Self {
        Self(Err(Shut { why, wrong }))
    }

    /// Whether there is a key that should open the records and does not; or what is stored of it, given here, is no longer
    /// what it was.
    pub(super) fn is_wrong(&self, stored: Option<&[u8]>) -> bool {
        match &self.0 {
            Ok(keys) => stored != Some(keys.wrapped.as_slice()),
            Err(shut) => shut.wrong,
        }
    }

    async fn make(db: &mut dyn Rows, kek: Kek) -> Result<Self, StoreError> {
        let index: [u8; KEY] = rand::random();
        let wrapped = kek.wrap(INDEX, &index);
        db.keep_vault(&wrapped).await?;
        let vault = Self(Ok(Keys::of(kek, &index, wrapped)));
        let mut last = i64::MIN;
        loop {
            let decided = db.decided(last, AT_ONCE).await?;
            let Some(end) = decided.last() else { break };
            last = end.id;
            for row in &decided {
                // A record that was altered is the audit's to tell.
                let Ok(record) = serde_json::from_slice::<Record>(&row.record) else { continue };
                db.keep_fingerprints(&row.claim, &vault.prints(&record.evidence.readings)?).await?;
                if let Some(kind) = kind(&record) {
                    db.keep_kind(row.id, kind).await?;
                }
            }
        }
        Ok(vault)
    }

    fn keys(&self) -> Result<&Keys, StoreError> {
        self.0.as_ref().map_err(|shut| StoreError::Locked(shut.why.clone()))
    }

    /// Whether content can be sealed and opened.
    ///
    /// # Errors
    /// [`StoreError::Locked`] says why not.
    pub(super) fn ready(&self) -> Result<(), StoreError> {
        self.keys().map(|_| ())
    }

    /// A data key as it is stored.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn wrap(&self, key: &ClaimKey) -> Result<Vec<u8>, StoreError> {
        Ok(self.keys()?.kek.wrap(&key.claim, &key.key))
    }

    /// A secret that is no claim's, as it is stored.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn wrap_secret(&self, of: &str, secret: &[u8; KEY]) -> Result<Vec<u8>, StoreError> {
        Ok(self.keys()?.kek.wrap(of, secret))
    }

    /// What [`Self::wrap_secret`] wrapped; `None` if it is another's, or altered.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn unwrap_secret(&self, of: &str, wrapped: &[u8]) -> Result<Option<[u8; KEY]>, StoreError> {
        Ok(self.keys()?.kek.unwrap_key(of, wrapped))
    }

    /// A claim's data key; `None` if it is not this claim's, or altered.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn unwrap_key(&self, claim: &str, wrapped: &[u8]) -> Result<Option<ClaimKey>, StoreError> {
        let key = self.keys()?.kek.unwrap_key(claim, wrapped);
        Ok(key.map(|key| ClaimKey { claim: claim.to_owned(), key }))
    }

    /// The data key of a claim that has one; `None` of one from before there was a vault.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or [`StoreError::Corrupt`] if it does not open.
    pub(super) fn key_of(&self, claim: &str, wrapped: Option<&[u8]>) -> Result<Option<ClaimKey>, StoreError> {
        let Some(wrapped) = wrapped else { return Ok(None) };
        let broken = || StoreError::Corrupt("a claim's data key is altered".to_owned());
        self.unwrap_key(claim, wrapped)?.ok_or_else(broken).map(Some)
    }

    /// A record's bytes, opened if they are sealed.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or [`StoreError::Corrupt`] if they do not open.
    pub(super) fn record(&self, claim: &str, wrapped: Option<&[u8]>, stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match self.key_of(claim, wrapped)? {
            None => Ok(stored),
            Some(key) => key.open(Cell::Record, &stored).ok_or_else(altered),
        }
    }

    /// What is sealed in a claim's row, with its key; `None` of one from before there was a vault.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or [`StoreError::Corrupt`] if it does not open.
    pub(super) fn secrets(
        &self,
        claim: &str,
        sealed: Option<&[u8]>,
        wrapped: Option<&[u8]>,
    ) -> Result<Option<(Secrets, ClaimKey)>, StoreError> {
        match (sealed, self.key_of(claim, wrapped)?) {
            (None, None) => Ok(None),
            (Some(sealed), Some(key)) => {
                let secrets = key.open(Cell::Claim, sealed).and_then(|json| serde_json::from_slice(&json).ok());
                Ok(Some((secrets.ok_or_else(altered)?, key)))
            }
            _ => Err(StoreError::Corrupt("a claim's data key is missing".to_owned())),
        }
    }

    /// Opens what is sealed of a claim read for verification, as far as it opens, and says how it is kept.
    pub(super) fn open_raw(&self, raw: &mut RawClaim) {
        if raw.sealed.is_none() && raw.wrapped.is_none() {
            raw.sealing = if raw.erased_at.is_some() { Sealing::Erased } else { Sealing::Plain };
            return;
        }
        let stored: Vec<ContentHash> = raw.decisions.iter().map(|d| ContentHash::of(&d.record)).collect();
        raw.decisions.iter_mut().zip(stored).for_each(|(decision, cell)| decision.cell = Some(cell));
        raw.steps.iter_mut().for_each(|step| step.cell = step.content.as_deref().map(ContentHash::of));
        let (secrets, key) = match self.secrets(&raw.id, raw.sealed.as_deref(), raw.wrapped.as_deref()) {
            Err(StoreError::Locked(_)) => {
                raw.sealing = Sealing::Locked;
                return;
            }
            Ok(Some(opened)) => opened,
            Ok(None) | Err(_) => {
                raw.sealing = Sealing::Broken;
                return;
            }
        };
        raw.sealing = Sealing::Open;
        // Where anything stands in place of what is sealed it stays, and agrees with nothing that was logged.
        if raw.salt.is_empty() && raw.claim_json.is_none() {
            raw.salt = secrets.salt().unwrap_or_default();
            raw.claim_json.clone_from(&secrets.claim);
        }
        raw.steps.iter_mut().for_each(|step| open_step(step, Some(&key)));
        if raw.photos.iter().all(|photo| photo.source.is_empty() && photo.sha256.is_empty()) {
            secrets.fill(&mut raw.photos, &added_names(&raw.steps));
        }
        for decision in &mut raw.decisions {
            if let Some(record) = key.open(Cell::Record, &decision.record) {
                decision.record = record;
            }
        }
    }

    /// A text as it is searched for: by equality, under the index key. `what` keeps texts of different meaning apart.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn keyed(&self, what: &str, text: &str) -> Result<String, StoreError> {
        let tag = hmac::sign(&self.keys()?.index, &[what.as_bytes(), text.as_bytes()].join(&0));
        Ok(hex::encode(&tag.as_ref()[..16]))
    }

    /// The keyed hash of a secret, in hex. `what` is none of those that texts are searched under.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn mac(&self, what: &str, parts: &[&str]) -> Result<String, StoreError> {
        Ok(hex::encode(hmac::sign(&self.keys()?.index, &joined(what, parts))))
    }

    /// Whether a secret has this keyed hash, told in a time that depends on neither.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn is_mac(&self, what: &str, parts: &[&str], mac: &str) -> Result<bool, StoreError> {
        let mac = hex::decode(mac).unwrap_or_default();
        Ok(hmac::verify(&self.keys()?.index, &joined(what, parts), &mac).is_ok())
    }

    /// A fingerprint as it is stored. Hashes of bytes and of looks stay as they are: pictures that look the same are
    /// found by parts of theirs.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn print(&self, print: &Fingerprint) -> Result<Fingerprint, StoreError> {
        let keyed = |what, text: &Option<String>| text.as_deref().map(|text| self.keyed(what, text)).transpose();
        Ok(Fingerprint {
            document: print.document,
            sha256: print.sha256.clone(),
            picture_hash: print.picture_hash.clone(),
            family: print.family.clone(),
            code: keyed("code", &print.code)?,
            number: keyed("number", &print.number)?,
            issued: keyed("issued", &print.issued)?,
            issuer: keyed("issuer", &print.issuer)?,
            marks: print.marks.iter().map(|mark| self.keyed("mark", mark)).collect::<Result<_, _>>()?,
        })
    }

    /// What each photo of a claim is found again by, as it is stored.
    ///
    /// # Errors
    /// [`StoreError::Locked`]
    pub(super) fn prints(&self, readings: &[Reading]) -> Result<Vec<Fingerprint>, StoreError> {
        fingerprints(readings).iter().map(|print| self.print(print)).collect()
    }
}

impl Keys {
    fn of(kek: Kek, index: &[u8; KEY], wrapped: Vec<u8>) -> Self {
        Self { kek, index: hmac::Key::new(hmac::HMAC_SHA256, index), wrapped }
    }
}

/// What a keyed hash of several parts is over. None of them holds a zero byte.
fn joined(what: &str, parts: &[&str]) -> Vec<u8> {
    [&[what], parts].concat().join("\0").into_bytes()
}

pub(super) fn altered() -> StoreError {
    StoreError::Corrupt("sealed content is altered".to_owned())
}

/// The kind of a claim, for its retention: that of its first paper.
pub(super) fn kind(record: &Record) -> Option<&'static str> {
    record.evidence.readings.first().map(|reading| reading.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ClaimId {
        ClaimId::new(u64::from(n), [n; 10])
    }

    #[test]
    fn what_is_sealed_opens_as_what_it_was_and_as_nothing_else() {
        let key = ClaimKey::new(&id(1));
        for plain in [&b""[..], b"a", &[7; 100_000]] {
            let sealed = key.seal(Cell::Record, plain);
            assert_eq!(key.open(Cell::Record, &sealed).as_deref(), Some(plain));
            assert_eq!(key.open(Cell::Claim, &sealed), None, "another cell");
            let other = ClaimKey { claim: id(2).to_string(), ..key.clone() };
            assert_eq!(other.open(Cell::Record, &sealed), None, "another claim");
            assert_eq!(ClaimKey::new(&id(1)).open(Cell::Record, &sealed), None, "another key");
            assert_ne!(key.seal(Cell::Record, plain), sealed, "never the same bytes twice");
        }
        let earlier = seal(&key.key, WHOLE, "record", &key.claim, b"{}");
        assert_eq!(key.open(Cell::Record, &earlier).as_deref(), Some(&b"{}"[..]), "from before records were packed");
        let sealed = key.seal(Cell::Photo, b"pixels");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key.open(Cell::Photo, &bent), None, "byte {at}");
            assert_eq!(key.open(Cell::Photo, &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_data_key_is_unwrapped_by_its_own_key_and_for_its_own_claim() {
        let (kek, key) = (Kek([1; KEY]), ClaimKey::new(&id(1)));
        let wrapped = kek.wrap(&key.claim, &key.key);
        assert_eq!(kek.unwrap_key(id(1).as_str(), &wrapped), Some(key.key));
        assert_eq!(kek.unwrap_key(id(2).as_str(), &wrapped), None);
        assert_eq!(Kek([2; KEY]).unwrap_key(id(1).as_str(), &wrapped), None);
        assert!(!wrapped.windows(8).any(|part| key.key.windows(8).any(|k| k == part)));
    }

    #[test]
    fn keys_are_read_from_base64_and_never_printed() {
        let text = note::base64(&ContentHash([65; KEY]));
        let kek = Kek::parse(&format!("{text}\n")).unwrap();
        assert_eq!(kek, Kek([65; KEY]));
        for wrong in ["", "AAAA", &text[1..], "not base64 at all, but of some length, which may"] {
            assert!(Kek::parse(wrong).is_err(), "{wrong}");
        }
        let key = ClaimKey { claim: id(1).to_string(), key: [65; KEY] };
        let printed = format!(
            "{kek:?} {key:?} {:?} {:?}",
            KekPlace::Given(kek.clone()),
            Keys::of(kek.clone(), &[65; KEY], Vec::new())
        );
        assert!(!printed.contains("65") && !printed.contains("AAAA"), "{printed}");
    }

    #[test]
    fn keyed_texts_are_equal_where_the_texts_are_and_tell_nothing_more() {
        let vault = |index: u8| Vault(Ok(Keys::of(Kek([1; KEY]), &[index; KEY], Vec::new())));
        let (one, other) = (vault(1), vault(2));
        assert_eq!(one.keyed("number", "0012345678"), one.keyed("number", "0012345678"));
        assert_ne!(one.keyed("number", "0012345678"), one.keyed("number", "0012345679"));
        assert_ne!(one.keyed("number", "0012345678"), one.keyed("code", "0012345678"));
        assert_ne!(one.keyed("number", "0012345678"), other.keyed("number", "0012345678"));
        let locked = Vault::shut("gone".to_owned(), false);
        assert_eq!(locked.keyed("number", "1"), Err(StoreError::Locked("gone".to_owned())));
    }
}
