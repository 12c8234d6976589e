//! Steps that people take with a claim, as the log holds them: what was ruled, and salted hashes of by whom and why.
//!
//! A name is hashed with a salt of the step's own, which is kept: who ruled can be shown also of a claim that was
//! erased. What the step says of the claim (notes, values put right, names of photos) is hashed with the claim's salt,
//! which is sealed with it; beside that stands a plain SHA-256 of its sealed bytes.

use super::salted;
use super::sealed::{SealedPhoto, photo_payload};
use crate::domain::ContentHash;
use serde_json::{Value, json};

/// What a step says. What does not apply is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReviewStep<'a> {
    /// Who.
    pub by: Option<&'a str>,
    /// What was ruled.
    pub verdict: Option<&'a str>,
    /// The code of the reason.
    pub reason: Option<&'a str>,
    /// Whether an approval needs another person's.
    pub second: bool,
    /// What it says of the claim, canonical JSON.
    pub content: Option<&'a str>,
    /// SHA-256 of that as it is sealed.
    pub sealed: Option<ContentHash>,
    /// Which photo the added ones stand for, from 0.
    pub replaces: Option<i64>,
}

/// The payload of every kind of step, before it is written down; `salt` is the step's own. `photos`, of those that were
/// added, come from [`added_photos`].
pub fn step_value(salt: &[u8], claim_salt: &[u8], step: &ReviewStep<'_>, photos: Option<Value>) -> Value {
    let mut out = json!({
        // Salted where nobody is named as well, so that the salt is held to as everything else is. No name is empty.
        "by": salted(salt, step.by.unwrap_or_default()),
        "content": step.content.map(|content| salted(claim_salt, content)),
        "reason": step.reason,
        "sealed": step.sealed,
        "second": step.second,
        "verdict": step.verdict,
    });
    if let Some(photos) = photos {
        out["photos"] = photos;
        out["replaces"] = json!(step.replaces);
    }
    out
}

/// Added photos as they stand in the payload; `is_sealed` tells whether their bytes and names are.
pub fn added_photos(claim_salt: &[u8], photos: &[SealedPhoto<'_>], is_sealed: bool) -> Value {
    let one = |photo: &SealedPhoto<'_>| match is_sealed {
        true => photo_payload(claim_salt, photo),
        false => super::photo_payload(claim_salt, &photo.photo),
    };
    photos.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_holds_what_was_ruled_and_neither_name_nor_note() {
        let step = ReviewStep {
            by: Some("rv-1"),
            verdict: Some("reject"),
            reason: Some("altered"),
            content: Some("{\"note\":\"张三\"}"),
            ..ReviewStep::default()
        };
        let payload_of = |salt: u8, claim_salt: u8| step_value(&[salt; 16], &[claim_salt; 16], &step, None).to_string();
        let payload = payload_of(1, 2);
        assert!(payload.contains("altered") && !payload.contains("rv-1") && !payload.contains("张三"), "{payload}");
        assert_ne!(payload, payload_of(3, 2));
        assert_ne!(payload, payload_of(1, 3));
        assert!(!payload.contains("photos"));
    }
}
