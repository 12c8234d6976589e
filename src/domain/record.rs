//! The record: evidence, verdict and versions, and the canonical bytes that get hashed.

use super::evidence::Evidence;
use super::id::ContentHash;
use super::verdict::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Package version and commit of the build.
    pub build: String,
    /// SHA-256 of each model file, by name.
    pub models: BTreeMap<String, String>,
    /// SHA-256 of the policy file.
    pub policy: String,
    /// SHA-256 of the calibration table; `none` where nothing was read.
    pub calibration: String,
    /// The inference runtime, with its version.
    pub runtime: String,
    /// The class of processor it ran on, such as `x86-64-v3`: inference gives the same floats within one. Absent from
    /// records made before it was noted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpu: Option<String>,
}

/// What the audit log commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this shape.
    pub schema: u32,
    /// All that was used.
    pub evidence: Evidence,
    /// What came of it.
    pub verdict: Verdict,
    /// What made it.
    pub versions: Versions,
}

/// The only schema there is.
pub const RECORD_SCHEMA: u32 = 1;

impl Record {
    /// The canonical bytes.
    pub fn canonical(&self) -> Vec<u8> {
        canonical_json(self)
    }

    /// SHA-256 of the canonical bytes of the evidence.
    pub fn evidence_hash(&self) -> ContentHash {
        ContentHash::of(&canonical_json(&self.evidence))
    }
}

/// Serialises like RFC 8785 (JCS): keys sorted, no white space, shortest escapes.
///
/// Meant for values without floats, which all of `domain` is; integers stay below 2^53. Keys here are ASCII,
/// so sorting by bytes equals the RFC's sorting by UTF-16 units.
///
/// # Panics
/// If `value` cannot be serialised or holds a float; both would be a mistake in `domain` itself.
pub fn canonical_json<T: Serialize>(value: &T) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("domain values serialise");
    let mut out = Vec::with_capacity(4096);
    write_canonical(&value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // Sorted here and not left to serde_json, whose order depends on a feature any crate may switch on.
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push(b'{');
            for (i, (key, item)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(Value::String(key.clone()).to_string().as_bytes());
                out.push(b':');
                write_canonical(item, out);
            }
            out.push(b'}');
        }
        Value::Number(n) => {
            assert!(!n.is_f64(), "no float may enter evidence");
            out.extend_from_slice(n.to_string().as_bytes());
        }
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        let value: Value = serde_json::from_str(r#"{ "b": [1, "x\ny"], "a": { "é": null, "d": true } }"#).unwrap();
        assert_eq!(String::from_utf8(canonical_json(&value)).unwrap(), r#"{"a":{"d":true,"é":null},"b":[1,"x\ny"]}"#);
    }

    #[test]
    #[should_panic(expected = "no float")]
    fn floats_are_refused() {
        canonical_json(&serde_json::json!({ "a": 0.5 }));
    }
}
