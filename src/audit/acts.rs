//! Acts about policies as the log holds them: which one decides, since when, by whose order.
//!
//! A policy's text stands in the log as a whole; who ordered it and why may be personal data, and stand there as salted
//! hashes.

use super::{Entry, kind, salted, text};
use crate::domain::ContentHash;
use serde_json::{Map, Value};

/// What an act says. What does not apply is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyAct<'a> {
    /// SHA-256 of the policy file.
    pub policy: Option<&'a str>,
    /// The file, of a policy that begins to decide.
    pub text: Option<&'a str>,
    /// From when it decides, RFC 3339 in UTC, if not from its entry on.
    pub from: Option<&'a str>,
    /// What a backtest found, JSON.
    pub figures: Option<&'a str>,
    /// Who.
    pub by: Option<&'a str>,
    /// Why.
    pub why: Option<&'a str>,
}

/// The payload of [`kind::POLICY_BACKTESTED`], [`kind::POLICY_ADOPTED`], [`kind::POLICY_SHADOWED`] and
/// [`kind::POLICY_SHADOW_ENDED`].
pub fn policy_payload(salt: &[u8], act: &PolicyAct<'_>) -> String {
    let hash = |words: &str| ContentHash::of(words.as_bytes()).to_string();
    let secret = |words: &str| salted(salt, words).to_string();
    let members = [
        ("policy", act.policy.map(str::to_owned)),
        ("text", act.text.map(str::to_owned)),
        ("from", act.from.map(str::to_owned)),
        ("figures", act.figures.map(hash)),
        ("by", act.by.map(secret)),
        ("why", act.why.map(secret)),
    ];
    let told = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    text(&Value::Object(told.collect::<Map<_, _>>()))
}

/// Which policy was in force when, by the log's entries alone.
#[derive(Debug, Clone, Default)]
pub struct Adoptions(Vec<Adoption>);

#[derive(Debug, Clone)]
struct Adoption {
    entry: u64,
    policy: String,
    from: Option<String>,
}

impl Adoptions {
    /// Takes note of an entry; those that put no policy in force are passed over. Entries come in the order of the log.
    pub fn note(&mut self, entry: &Entry) {
        if entry.kind != kind::POLICY_ADOPTED {
            return;
        }
        let payload: Value = serde_json::from_str(&entry.payload).unwrap_or_default();
        let member = |name: &str| payload[name].as_str().map(str::to_owned);
        let policy = member("policy").unwrap_or_default();
        self.0.push(Adoption { entry: entry.seq, policy, from: member("from") });
    }

    /// SHA-256 of the policy in force at an entry made at this time: of those adopted before that had begun, the one
    /// adopted last. `None` if there was none, as in logs from before adoptions were logged.
    pub fn in_force(&self, entry: u64, at: &str) -> Option<&str> {
        let begun = |a: &&Adoption| a.entry < entry && a.from.as_deref().is_none_or(|from| from <= at);
        self.0.iter().rev().find(begun).map(|a| a.policy.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Checkpoint, POLICY};

    #[test]
    fn of_the_policies_that_have_begun_the_one_adopted_last_is_in_force() {
        let mut adoptions = Adoptions::default();
        let mut head = Checkpoint::empty();
        for (policy, from) in [("a", None), ("b", Some("2026-01-03T00:00:00.000Z")), ("c", None)] {
            let payload = policy_payload(&[], &PolicyAct { policy: Some(policy), from, ..PolicyAct::default() });
            let entry = Entry::after(&head, "2026-01-01T00:00:00.000Z", kind::POLICY_ADOPTED, POLICY, payload).unwrap();
            head = entry.checkpoint();
            adoptions.note(&entry);
        }
        let early = "2026-01-02T00:00:00.000Z";
        let late = "2026-01-04T00:00:00.000Z";
        assert_eq!(adoptions.in_force(1, early), None);
        assert_eq!(adoptions.in_force(2, early), Some("a"));
        assert_eq!(adoptions.in_force(3, early), Some("a"));
        assert_eq!(adoptions.in_force(3, late), Some("b"));
        assert_eq!(adoptions.in_force(4, late), Some("c"), "a later act takes the place of one that waited");
    }

    #[test]
    fn the_log_holds_the_policy_and_neither_name_nor_reason() {
        let act = PolicyAct {
            policy: Some("00"),
            text: Some("x = 1"),
            by: Some("rv-1"),
            why: Some("张三"),
            ..PolicyAct::default()
        };
        let payload = policy_payload(&[1; 16], &act);
        assert!(payload.contains("x = 1") && !payload.contains("rv-1") && !payload.contains("张三"), "{payload}");
        assert_ne!(payload, policy_payload(&[2; 16], &act));
        assert!(!payload.contains("figures") && !payload.contains("from"));
    }
}
