//! What an admin said of how people work, as the log holds it: what holds from then on, and by whose order.

use super::{salted, text};
use serde_json::json;

/// The payload of [`super::kind::CARDS_CHANGED`]: the cards as a whole, and who said so as a salted hash. Salted where
/// nobody is named as well, so that the salt is held to as everything else is; no name is empty.
pub fn cards_payload(salt: &[u8], cards: &str, by: Option<&str>) -> String {
    text(&json!({ "cards": cards, "by": salted(salt, by.unwrap_or_default()) }))
}

/// The payload of [`super::kind::SKILLS_CHANGED`]: likewise, but of the skills themselves a salted hash too, since they
/// name people.
pub fn skills_payload(salt: &[u8], skills: &str, by: Option<&str>) -> String {
    text(&json!({ "skills": salted(salt, skills), "by": salted(salt, by.unwrap_or_default()) }))
}
