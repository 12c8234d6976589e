//! Who may come in: roles, tenants, and what of the records somebody sees.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody may do. Which route wants which role stands in one table, of `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sends claims and sees those of its tenant.
    Submitter,
    /// Looks at what the machine would not decide.
    Reviewer,
    /// Holds the records against the log.
    Auditor,
    /// Runs the installation. May do everything but decide reviews.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Submitter, Self::Reviewer, Self::Auditor, Self::Admin];

    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitter => "submitter",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or(Malformed("a role is submitter, reviewer, auditor or admin"))
    }
}

/// The text breaks the rules of what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

/// Whose a claim is, where several share an installation: 1 to 64 ASCII letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, example = "north")]
pub struct Tenant(String);

impl Tenant {
    /// The name of the tenant that claims are of if nothing else is said.
    pub const DEFAULT: &str = "default";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that claims are of if nothing else is said.
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tenant {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        ((1..=64).contains(&text.len()) && text.bytes().all(is_plain))
            .then_some(Self(text))
            .ok_or(Malformed("a tenant is 1 to 64 ASCII letters, digits, `-`, `_` and `.`"))
    }
}

impl FromStr for Tenant {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::try_from(text.to_owned())
    }
}

/// Which claims somebody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Those of all tenants.
    All,
    /// Those of one.
    Of(Tenant),
}

impl Scope {
    /// What a key of this role sees: a submitter one tenant, everybody else all unless the key names one.
    pub fn new(role: Role, tenant: Option<Tenant>) -> Self {
        match (role, tenant) {
            (_, Some(tenant)) => Self::Of(tenant),
            (Role::Submitter, None) => Self::Of(Tenant::default()),
            (_, None) => Self::All,
        }
    }

    /// The one tenant, if it is one.
    pub fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::All => None,
            Self::Of(tenant) => Some(tenant),
        }
    }

    /// Whether claims of a tenant are seen.
    pub fn sees(&self, tenant: &Tenant) -> bool {
        self.tenant().is_none_or(|of| of == tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().is_err() && "".parse::<Role>().is_err());
    }

    #[test]
    fn tenants_have_plain_names() {
        assert_eq!("north-2.a_b".parse::<Tenant>().unwrap().as_str(), "north-2.a_b");
        for bad in ["", "two words", "a\nb", "北", &"x".repeat(65)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_submitter_sees_one_tenant_and_others_all_unless_told() {
        let north: Tenant = "north".parse().unwrap();
        assert_eq!(Scope::new(Role::Submitter, None), Scope::Of(Tenant::default()));
        for role in Role::ALL {
            let scope = Scope::new(role, Some(north.clone()));
            assert!(scope.sees(&north) && !scope.sees(&Tenant::default()));
        }
        assert!(Scope::new(Role::Reviewer, None).sees(&north));
    }
}
