//! Which settings a step is about.

use ampoule_settings::path;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key with `*` for each name that a person chooses. It stands for the setting and for all that lies below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Segments of a key.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many names a person chooses.
    #[must_use]
    pub fn stars(&self) -> usize {
        self.0.iter().filter(|segment| *segment == "*").count()
    }

    /// Whether this is a key that could be set.
    pub(crate) fn is_key(&self) -> bool {
        self.0.iter().all(|segment| !segment.is_empty())
    }

    /// Whether a key is this one or lies below it.
    #[must_use]
    pub fn covers(&self, key: &[String]) -> bool {
        key.len() >= self.len() && self.agrees(key)
    }

    /// Whether a key is this one, lies below it or above it: two such keys may not be able to be in one tree.
    pub(crate) fn touches(&self, key: &[String]) -> bool {
        self.agrees(key)
    }

    fn agrees(&self, key: &[String]) -> bool {
        self.0.iter().zip(key).all(|(pattern, segment)| pattern == "*" || pattern == segment)
    }

    /// A key that this pattern covers, where `to` has it.
    #[must_use]
    pub fn renamed(&self, to: &Self, key: &[String]) -> Vec<String> {
        let mut names = self.0.iter().zip(key).filter(|(pattern, _)| *pattern == "*").map(|(_, name)| name);
        let head = to.0.iter().map(|segment| if segment == "*" { names.next().unwrap_or(segment) } else { segment });
        head.chain(&key[self.len()..]).cloned().collect()
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(path::split(text.strip_prefix("settings.").unwrap_or(text)))
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A `*` stands for a name and is not one, so it has no quotes.
        f.write_str(&path::join(&self.0).replace("\"*\"", "*"))
    }
}
