//! What the log commits to of a claim whose content is sealed.
//!
//! Everything that somebody could guess, or show to be the same, is hashed together with the claim's salt, which is
//! sealed with the content: photos' hashes, names of files, the idempotency key and the record too. Beside these stand
//! plain SHA-256 hashes of the sealed bytes, so that whoever has no key can verify that nothing sealed was changed.
//! Once the claim's key is destroyed, neither tells anything of what was there.

use super::{PhotoCommitment, salted, text};
use crate::domain::{ContentHash, Tenant};
use serde_json::{Value, json};

/// A photo as the log commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPhoto<'a> {
    /// The photo itself.
    pub photo: PhotoCommitment<'a>,
    /// SHA-256 of its sealed bytes, by which they are stored.
    pub blob: &'a str,
}

/// The payload of [`super::kind::ACCEPTED`]. `key` is the idempotency key with its body, if one came, both as stored;
/// `now` the time that the claim is to be decided as of, if that is not the time it then is; `cell` the SHA-256 of the
/// claim's sealed row. Whose the claim is stands there in the open, as a tenant is no person, and so that it holds once
/// the claim is erased; it is absent for [`Tenant::DEFAULT`], as in entries made before there were tenants.
pub fn accepted_payload(
    [created_at, tenant]: [&str; 2],
    salt: &[u8],
    claim_json: Option<&str>,
    photos: &[SealedPhoto<'_>],
    key: Option<[&str; 2]>,
    now: Option<&str>,
    cell: ContentHash,
) -> String {
    let photos: Vec<Value> = photos.iter().map(|p| photo_payload(salt, p)).collect();
    let mut out = json!({
        "claim": claim_json.map(|claim| salted(salt, claim)),
        "created_at": created_at,
        "key": key.map(|key| key_commitment(salt, key)),
        "now": now,
        "photos": photos,
        "sealed": cell,
    });
    if tenant != Tenant::DEFAULT {
        out["tenant"] = json!(tenant);
    }
    text(&out)
}

/// The idempotency key as it stands in the payload.
pub fn key_commitment(salt: &[u8], [key, body]: [&str; 2]) -> ContentHash {
    salted(salt, &format!("{key}\n{body}"))
}

/// How one photo stands in the payload of [`super::kind::ACCEPTED`].
pub fn photo_payload(salt: &[u8], SealedPhoto { photo, blob }: &SealedPhoto<'_>) -> Value {
    let mut out = json!({
        "blob": blob,
        "bytes": photo.bytes,
        "media_type": photo.media_type,
        "photo": salted(salt, photo.sha256),
        "source": salted(salt, photo.source),
    });
    if let Some(page) = photo.pdf_page {
        out["pdf_page"] = json!(page);
    }
    out
}

/// The payload of [`super::kind::DECIDED`]: the record's canonical bytes, their sealed form, the timing shown beside
/// it, and the pages' names.
pub fn decided_payload(
    salt: &[u8],
    record: &str,
    cell: ContentHash,
    timing: &str,
    pages: &[Option<ContentHash>],
) -> String {
    let timing = ContentHash::of(timing.as_bytes());
    text(&json!({ "record": salted(salt, record), "sealed": cell, "timing": timing, "pages": pages }))
}

/// What is kept of an erased claim, beside what the log holds of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains<'a> {
    /// How it was decided, each time.
    pub decisions: Vec<&'a str>,
    /// The idempotency key that stands for it, as stored.
    pub key: Option<&'a str>,
    /// Who said an outcome of it.
    pub reviewer: Option<&'a str>,
}

/// The payload of [`super::kind::ERASED`]: who and why, of which only salted hashes enter the log, as they may be
/// personal data; and what remains, since what the log committed to before cannot be told any more.
pub fn erased_payload(salt: &[u8], by: &str, why: &str, remains: &Remains<'_>) -> String {
    text(&json!({
        "by": salted(salt, by),
        "decisions": remains.decisions,
        "key": remains.key,
        "reviewer": remains.reviewer.map(|reviewer| salted(salt, reviewer)),
        "why": salted(salt, why),
    }))
}
