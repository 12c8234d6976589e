//! Changes of the cards that a queue shows, as the log holds them: what they are from then on, and by whose order.

use super::{salted, text};
use serde_json::json;

/// The payload of [`super::kind::CARDS_CHANGED`]: the cards as a whole, and who said so as a salted hash. Salted where
/// nobody is named as well, so that the salt is held to as everything else is; no name is empty.
pub fn cards_payload(salt: &[u8], cards: &str, by: Option<&str>) -> String {
    text(&json!({ "cards": cards, "by": salted(salt, by.unwrap_or_default()) }))
}
