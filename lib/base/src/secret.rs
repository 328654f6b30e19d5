//! What must not be seen.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A password, token or key. Never printed: `Debug` hides it, there is no `Display`. Serialising does write it, for the
/// store and for files that only its user can read. Proves: no NUL and no line end, at most 16 KiB.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(String);

impl Secret {
    /// The value itself. The caller sees to it that it goes nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.len() <= 16 * 1024 && !text.contains(['\0', '\n', '\r']) {
            return Ok(Self(text));
        }
        let allowed = "one line of at most 16 KiB";
        Err(Invalid::unquoted("a secret is too long or has more than one line", allowed))
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_not_shown() {
        let secret = Secret::try_from("hunter2".to_owned()).expect("secret");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let error = Secret::try_from("hunter2\n".to_owned()).expect_err("line end");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
