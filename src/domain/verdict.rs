//! The answer and its reasons.

use super::completeness::Completeness;
use super::document::FieldName;
use super::evidence::Finding;
use super::risk::Risk;
use super::shape::{Quad, Upload};
use serde::{Deserialize, Serialize};

/// There is no automatic rejection and no third outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Goes through untouched.
    AutoApprove,
    /// A person decides.
    HumanReview,
}

impl Decision {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoApprove => "auto_approve",
            Self::HumanReview => "human_review",
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

/// Whether a reason keeps the claim from automatic approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It alone sends the claim to a person.
    Blocking,
    /// It is told, and blocks nothing.
    Info,
}

/// Why, in a coded, translatable sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code, snake case.
    pub code: String,
    /// Whether it blocks.
    pub severity: Severity,
    /// The sentence.
    pub message: Message,
    /// Which document it speaks of, from 0; `None` for the claim as a whole.
    pub document: Option<usize>,
    /// The fields it speaks of.
    pub fields: Vec<FieldName>,
    /// The places it speaks of.
    pub regions: Vec<Quad<Upload>>,
}

/// Codes of the reasons that measurement may change, whatever the paper says.
const OF_MEASUREMENT: [&str; 4] = ["risk_above_limit", "guarantee_not_earned", "approval_closed", DRAWN_BY_LOT];

const DRAWN_BY_LOT: &str = "drawn_by_lot";

impl Verdict {
    /// Codes of the reasons that hold it, but for the risk, the gate and the lot. Without any it is an approval, or would be one.
    pub fn held_by(&self) -> impl Iterator<Item = &str> {
        self.blocked_by().filter(|code| !OF_MEASUREMENT.contains(code))
    }

    /// Whether it is an approval, or would be one but for the lot: a person who looks at it tells how good approvals are.
    pub fn is_sample_of_approvals(&self) -> bool {
        self.blocked_by().all(|code| code == DRAWN_BY_LOT)
    }

    fn blocked_by(&self) -> impl Iterator<Item = &str> {
        self.reasons.iter().filter(|r| r.severity == Severity::Blocking).map(|r| r.code.as_str())
    }
}

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// At least one, blocking ones first.
    pub reasons: Vec<Reason>,
    /// Findings of every check, one list a document.
    pub findings: Vec<Vec<Finding>>,
    /// How likely it is that approving is wrong; `None` in verdicts from before this was told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub risk: Option<Risk>,
    /// Which papers the claim must hold, where it says what it is for and the policy knows such claims.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completeness: Option<Completeness>,
}
