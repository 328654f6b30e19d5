//! Names of things.

use crate::{Invalid, text::text_type};

text_type! {
    /// A name in Bottlerocket's settings (of a container, a bundle, …).
    ///
    /// Proves: 1 to 76 ASCII letters, digits and `-`.
    Identifier, check_identifier
}

text_type! {
    /// The name of a workload. It becomes a container's id, a log source and a folder, so it has the grammar all of
    /// them allow.
    ///
    /// Proves: 1 to 63 characters; words of `a-z 0-9` joined by single `-`.
    WorkloadName, check_workload
}

text_type! {
    /// The name of an environment variable.
    ///
    /// Proves: 1 to 256 visible ASCII characters without `=`.
    EnvironmentName, check_environment
}

const IDENTIFIER: &str = "a name has 1 to 76 letters, digits and '-'";
const WORKLOAD: &str = "the name of a workload has 1 to 63 small letters, digits and single '-' between them, for example \"web-1\"";
const ENVIRONMENT: &str = "the name of a variable has 1 to 256 letters, digits, '_' or other visible characters, but no '=' and no blank";

fn check_identifier(text: &str) -> Result<(), Invalid> {
    let is_right = (1..=76).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_right.then_some(()).ok_or_else(|| Invalid::quoting(text, "is not a name", IDENTIFIER))
}

fn check_workload(text: &str) -> Result<(), Invalid> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (text.len() <= 63 && text.split('-').all(is_word))
        .then_some(())
        .ok_or_else(|| Invalid::quoting(text, "is not a name for a workload", WORKLOAD))
}

fn check_environment(text: &str) -> Result<(), Invalid> {
    let is_right = (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'=');
    is_right.then_some(()).ok_or_else(|| Invalid::quoting(text, "is not the name of a variable", ENVIRONMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads() {
        for good in ["web", "a-1-b", "7"] {
            assert!(good.parse::<WorkloadName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a.b", "a/b", "..", &"a".repeat(64)] {
            assert!(bad.parse::<WorkloadName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn identifiers_and_variables() {
        assert!("Admin-1".parse::<Identifier>().is_ok());
        assert!("a_b".parse::<Identifier>().is_err() && "".parse::<Identifier>().is_err());
        assert!("PATH_2.x".parse::<EnvironmentName>().is_ok());
        for bad in ["", "A=B", "A B", "A\0"] {
            assert!(bad.parse::<EnvironmentName>().is_err(), "{bad:?}");
        }
    }
}
