//! What is wrong with a setting, for the person who wrote it.

use std::fmt;

/// A place in a text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One thing that is wrong. Nothing of the request it came in has any effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingError {
    /// The key, without `settings.`; empty for the whole document.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What would be right.
    pub hint: String,
    /// Where it stands, if it came from a text.
    pub location: Option<Location>,
    /// The key itself does not exist (rather than its value being wrong).
    pub unknown: bool,
}

impl SettingError {
    /// A wrong value.
    #[must_use]
    pub fn value(key: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: key.to_owned(), reason: reason.into(), hint: hint.into(), location: None, unknown: false }
    }

    /// A key that is not there.
    #[must_use]
    pub fn unknown(key: &str, hint: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::value(key, "there is no such setting", hint) }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Location { line, column }) = self.location {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "settings.{}: ", self.key)?;
        }
        write!(f, "{}", self.reason)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}
