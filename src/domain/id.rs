//! Names of things: claims by a random identifier, bytes by their SHA-256.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of some bytes, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// The text was not 64 lower-case hex digits, or not a claim id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed identifier")]
pub struct MalformedId;

impl FromStr for ContentHash {
    type Err = MalformedId;

    fn from_str(s: &str) -> Result<Self, MalformedId> {
        if s.len() != 64 || !s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(MalformedId);
        }
        let mut out = [0; 32];
        hex::decode_to_slice(s, &mut out).map_err(|_| MalformedId)?;
        Ok(Self(out))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One claim, as `clm_` and 26 characters of `[0-9a-v]`; sorts by time of creation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct ClaimId(String);

impl ClaimId {
    /// Builds an id from the time in milliseconds since 1970 and 80 random bits, both given by the caller.
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let mut bits = u128::from(unix_ms) << 80;
        for (i, byte) in random.iter().enumerate() {
            bits |= u128::from(*byte) << (8 * (9 - i));
        }
        let text = (0..26).rev().map(|i| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31])).collect::<String>();
        Self(format!("clm_{text}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClaimId {
    type Err = MalformedId;

    fn from_str(s: &str) -> Result<Self, MalformedId> {
        let rest = s.strip_prefix("clm_").ok_or(MalformedId)?;
        if rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b)) {
            Ok(Self(s.to_owned()))
        } else {
            Err(MalformedId)
        }
    }
}
