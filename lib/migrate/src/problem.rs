//! What could not be carried over, for a person.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A setting that has no equal in the other version, or none that is valid there. It is kept aside, not lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Dotted, without `settings.`; as it is called where it goes to.
    pub key: String,
    /// Why. Never quotes the value, which may be a secret.
    pub reason: String,
    /// What a person can do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings.{}: {} ({})", self.key, self.reason, self.remedy)
    }
}
