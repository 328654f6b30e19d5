//! Names of the files of a repository.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes: what a file system and a URL take without a second thought.
pub const MAX_NAME: usize = 200;

/// Name of a target file: one component of a path, and nothing that a terminal, a URL or a file system could take for something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(String);

/// The text is not a name of a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a name of a file: {reason}")]
pub struct NameError {
    /// Its beginning.
    pub name: String,
    /// What is wrong.
    pub reason: &'static str,
}

/// What kind of file of an image a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// The root file system.
    Root,
    /// Its dm-verity tree.
    Hash,
    /// The unified kernel image.
    Boot,
    /// systemd-boot.
    Loader,
}

impl TargetKind {
    /// All, in the order in which a person thinks of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Hash, Self::Boot, Self::Loader];

    /// How the name of such a target ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Root => "root.erofs",
            Self::Hash => "root.verity",
            Self::Boot => "uki.efi",
            Self::Loader => "loader.efi",
        }
    }
}

impl TargetName {
    /// The name by our convention: `ampoule-VARIANT-ARCH-VERSION-ENDING`.
    ///
    /// # Errors
    /// If variant or architecture hold what a name may not.
    pub fn of(variant: &str, arch: &str, version: &Version, kind: TargetKind) -> Result<Self, NameError> {
        Self::try_from(format!("ampoule-{variant}-{arch}-{version}-{}", kind.ending()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with a name, if anything.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    let wrong = |reason| Err(NameError { name: name.chars().take(64).collect(), reason });
    if name.is_empty() || name.len() > MAX_NAME {
        return wrong("it has 1 to 200 bytes");
    }
    if name.starts_with(['.', '-']) || name.contains("..") {
        return wrong("it starts with a letter or digit and has no two dots in a row");
    }
    match name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-+".contains(&c)) {
        true => Ok(()),
        false => wrong("only letters, digits, '.', '_', '-' and '+'"),
    }
}

impl TryFrom<String> for TargetName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name).map(|()| Self(name))
    }
}

impl From<TargetName> for String {
    fn from(name: TargetName) -> Self {
        name.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_convention() {
        let name = TargetName::of("standalone", "x86_64", &Version::new(1, 2, 3), TargetKind::Root).expect("a name");
        assert_eq!(name.as_str(), "ampoule-standalone-x86_64-1.2.3-root.erofs");
    }

    #[test]
    fn paths_and_tricks_are_refused() {
        for name in ["", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", "a\nb", "a\0", "a b", "a%2fb", "é", "a..b", "C:x", &"x".repeat(201)]
        {
            assert!(TargetName::try_from(name.to_owned()).is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_component(name in "\\PC{0,40}") {
            if let Ok(name) = TargetName::try_from(name) {
                prop_assert!(!name.as_str().contains(['/', '\\', '\0', '%', ':']) && name.as_str() != "..");
            }
        }
    }
}
