//! The gate of automatic approval, and what people say of single approvals: words that open and close it.

use serde::{Deserialize, Serialize};

/// Whether claims may be approved automatically at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// They may.
    #[default]
    Open,
    /// Too many of the approvals that people looked at were wrong: a person decides, until somebody opens it again.
    Closed,
}

impl Gate {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// What a person found an automatic approval to be, or what it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audited {
    /// The claim was sound.
    Right,
    /// It was not to be approved.
    Wrong,
}

impl Audited {
    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// How a person came to look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditSource {
    /// Held back by lot, or chosen among the approvals afterwards.
    Sample,
    /// Somebody complained.
    Appeal,
}

impl AuditSource {
    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Appeal => "appeal",
        }
    }
}

/// The short opaque name a reviewer goes by: 1 to 64 ASCII letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, example = "rv-017", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
pub struct Reviewer(String);

/// Why a person did it: 1 to 1000 characters, none of them a control character. May hold personal data, and so
/// never enters the log.
#[derive(Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 1000, pattern = r"^ *[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
pub struct Why(String);

/// The text breaks the rules of what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct Malformed(&'static str);

impl Reviewer {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Why {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reviewer {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        ((1..=64).contains(&text.len()) && text.bytes().all(is_plain))
            .then_some(Self(text))
            .ok_or(Malformed("1 to 64 ASCII letters, digits, `-`, `_` and `.`"))
    }
}

impl TryFrom<String> for Why {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let sound = !text.trim().is_empty() && text.chars().count() <= 1000 && !text.chars().any(char::is_control);
        sound.then_some(Self(text)).ok_or(Malformed("1 to 1000 characters on one line"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_opaque_and_reasons_are_one_line() {
        for (name, sound) in [("rv-017", true), ("a.b_c", true), ("", false), ("张三", false), ("a b", false)] {
            assert_eq!(Reviewer::try_from(name.to_owned()).is_ok(), sound, "{name}");
        }
        assert!(Reviewer::try_from("x".repeat(65)).is_err());
        for (why, sound) in [("复核后确认是同一医院的误判", true), (" ", false), ("a\nb", false)] {
            assert_eq!(Why::try_from(why.to_owned()).is_ok(), sound, "{why}");
        }
        assert!(Why::try_from("字".repeat(1000)).is_ok() && Why::try_from("字".repeat(1001)).is_err());
    }
}
