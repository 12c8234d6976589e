//! Who asks for something, as far as is known.

use crate::domain::gate::Reviewer;

/// Who acts or reads: whom an API key names. Where there are no keys whoever names nobody is unknown, and a name is taken
/// as given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor(Option<Reviewer>);

impl Actor {
    /// Somebody of this name.
    pub fn named(name: Reviewer) -> Self {
        Self(Some(name))
    }

    /// The name, if one is known.
    pub fn name(&self) -> Option<&str> {
        self.0.as_ref().map(Reviewer::as_str)
    }
}
