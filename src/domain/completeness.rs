//! Which papers a claim must hold, and which of them it does.

use super::verdict::Message;
use serde::{Deserialize, Serialize};

/// One thing that a claim of its type must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Names of document kinds, of which one is enough; or `insured_identity`, which the claim tells and no paper.
    pub any_of: Vec<String>,
    /// What it is called.
    pub message: Message,
    /// The documents that meet it, from 0.
    pub documents: Vec<usize>,
    /// Whether it is met.
    pub met: bool,
}

/// How far a claim is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// What the claim says it is for.
    #[serde(rename = "type")]
    pub claim_type: String,
    /// What a claim of that type must hold, in the policy's order.
    pub needs: Vec<Need>,
}

impl Completeness {
    /// What is missing.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| !need.met)
    }
}
