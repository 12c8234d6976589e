//! Acts about API keys as the log holds them: who may come in, as what, since when, until when.
//!
//! Who was given a key, who ordered it and what the key is known again by stand there as salted hashes; role, tenant,
//! limits and times in the open.

use super::{salted, text};
use serde_json::{Map, Value};

/// What an act says. What does not apply is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyAct<'a> {
    /// The id of the key.
    pub key: &'a str,
    /// Whose it is.
    pub name: Option<&'a str>,
    /// What it may do.
    pub role: Option<&'a str>,
    /// Which tenant's it is.
    pub tenant: Option<&'a str>,
    /// The keyed hash of its secret, in hex.
    pub mac: Option<&'a str>,
    /// Until when it opens, RFC 3339 in UTC, if not for ever.
    pub expires: Option<&'a str>,
    /// Requests a minute.
    pub per_minute: Option<i64>,
    /// Photos a day.
    pub photos_a_day: Option<i64>,
    /// The id of the key that it takes the place of.
    pub replaces: Option<&'a str>,
    /// Until when that one still opens.
    pub overlap_ends: Option<&'a str>,
    /// By whose order.
    pub by: Option<&'a str>,
}

/// The payload of [`super::kind::API_KEY_ADDED`], [`super::kind::API_KEY_ROTATED`] and
/// [`super::kind::API_KEY_REVOKED`].
pub fn key_payload(salt: &[u8], act: &KeyAct<'_>) -> String {
    let open = |words: &str| Value::from(words);
    let secret = |words: &str| Value::from(salted(salt, words).to_string());
    let members = [
        ("key", Some(open(act.key))),
        ("name", act.name.map(secret)),
        ("role", act.role.map(open)),
        ("tenant", act.tenant.map(open)),
        ("secret", act.mac.map(secret)),
        ("expires", act.expires.map(open)),
        ("per_minute", act.per_minute.map(Value::from)),
        ("photos_a_day", act.photos_a_day.map(Value::from)),
        ("replaces", act.replaces.map(open)),
        ("overlap_ends", act.overlap_ends.map(open)),
        // Salted where nobody is named as well, so that the salt is held to as everything else is. No name is empty.
        ("by", Some(secret(act.by.unwrap_or_default()))),
    ];
    let told = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    text(&Value::Object(told.collect::<Map<_, _>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_holds_what_a_key_may_do_and_not_whose_it_is_nor_what_it_is_known_by() {
        let act = KeyAct {
            key: "0123456789abcdef",
            name: Some("rv-017"),
            role: Some("reviewer"),
            mac: Some("c0ffee"),
            by: Some("boss"),
            ..KeyAct::default()
        };
        let payload = key_payload(&[1; 16], &act);
        assert!(payload.contains("0123456789abcdef") && payload.contains("reviewer"), "{payload}");
        for hidden in ["rv-017", "c0ffee", "boss", "tenant", "expires"] {
            assert!(!payload.contains(hidden), "{hidden} is in {payload}");
        }
        assert_ne!(payload, key_payload(&[2; 16], &act));
    }

    #[test]
    fn every_member_of_an_act_changes_what_is_logged() {
        let act = KeyAct { key: "k", ..KeyAct::default() };
        let some = Some("x");
        let others = [
            KeyAct { key: "l", ..act },
            KeyAct { name: some, ..act },
            KeyAct { role: some, ..act },
            KeyAct { tenant: some, ..act },
            KeyAct { mac: some, ..act },
            KeyAct { expires: some, ..act },
            KeyAct { per_minute: Some(1), ..act },
            KeyAct { photos_a_day: Some(1), ..act },
            KeyAct { replaces: some, ..act },
            KeyAct { overlap_ends: some, ..act },
            KeyAct { by: some, ..act },
        ];
        let logged: std::collections::BTreeSet<_> = others.iter().map(|act| key_payload(&[], act)).collect();
        assert_eq!(logged.len(), others.len());
        assert!(!logged.contains(&key_payload(&[], &act)));
    }
}
