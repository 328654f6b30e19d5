//! Who wrote a line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest source name in bytes: a folder of this name must fit on ext4 (255) with every byte escaped once.
const MAX_SOURCE: usize = 120;

/// Who wrote a line: a service (`apid`), a workload (`workload/web`) or the `kernel`.
///
/// Proves: 1 to 120 bytes of `A-Z a-z 0-9 . _ - /`, no part between slashes empty or beginning with a dot, so it
/// can name a folder. Does not prove that such a service exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source(String);

/// Why a text is not a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a log source: use 1 to {MAX_SOURCE} letters, digits, '.', '_', '-' in parts divided by '/', no part beginning with '.'"
)]
pub struct SourceError(String);

impl Source {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the kernel's own log.
    pub fn is_kernel(&self) -> bool {
        self.0 == "kernel"
    }

    /// Whether `filter` of a query means this source: equal, or (when it ends in `/`) a beginning of it.
    pub fn matches(&self, filter: &str) -> bool {
        self.0 == filter || (filter.ends_with('/') && self.0.starts_with(filter))
    }
}

fn valid(name: &str) -> bool {
    let part_ok =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    name.len() <= MAX_SOURCE && name.split('/').all(part_ok)
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(name: String) -> Result<Self, SourceError> {
        if valid(&name) { Ok(Self(name)) } else { Err(SourceError(name.chars().take(40).collect())) }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(name: &str) -> Result<Self, SourceError> {
        Self::try_from(name.to_owned())
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_cannot_be_left() {
        for wrong in ["", "/", "a/", "/a", "..", "a/../b", ".hidden", "a b", "a\n", "ü", &"x".repeat(121)] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong:?}");
        }
        for right in ["apid", "workload/web", "kernel", "a.b_c-D9"] {
            assert_eq!(right.parse::<Source>().expect(right).as_str(), right);
        }
    }

    #[test]
    fn a_filter_is_a_name_or_a_beginning_with_a_slash() {
        let web: Source = "workload/web".parse().expect("source");
        assert!(web.matches("workload/web") && web.matches("workload/"));
        assert!(!web.matches("workload") && !web.matches("workload/we"));
    }
}
