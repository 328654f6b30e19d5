//! What text types have in common.

/// Why a value is refused, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Invalid {
    /// What is wrong. Quotes the value, shortened, unless it could be a secret.
    pub reason: String,
    /// What would be right.
    pub allowed: &'static str,
}

impl Invalid {
    /// An error about `text`, which is quoted; not for what could be a secret.
    #[must_use]
    pub fn quoting(text: &str, wrong: &str, allowed: &'static str) -> Self {
        Self { reason: format!("{} {wrong}", quote(text)), allowed }
    }

    /// An error that quotes nothing.
    pub(crate) fn unquoted(wrong: &str, allowed: &'static str) -> Self {
        Self { reason: wrong.to_owned(), allowed }
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Longest quotation of a wrong value, in characters: enough to recognise it, too little to fill a console.
const QUOTED: usize = 60;

/// `text` in quotes, escaped and shortened.
fn quote(text: &str) -> String {
    let mut start: String = text.chars().take(QUOTED).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}

/// Gives types that are read by `FromStr` and printed by `Display` the conversions that serde's `try_from` and `into` take.
#[macro_export]
macro_rules! text_conversions {
    ($($name:ty),+) => {$(
        impl TryFrom<String> for $name {
            type Error = <Self as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )+};
}

/// Makes a text type from a function that checks, whose error it has: `TryFrom<String>`, `as_str`, and serde through these. How it is shown, the caller adds.
#[macro_export]
macro_rules! checked_string {
    ($(#[$meta:meta])* $name:ident, $error:ty, $check:path) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                $check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

/// Makes a text type that is shown as it is: `FromStr` and `Display` beside what [`checked_string`] gives.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $crate::checked_string! {
            $(#[$doc])*
            #[derive(Debug)]
            $name, $crate::Invalid, $check
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::Invalid> {
                Self::try_from(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use text_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wrong_value_is_shortened_and_escaped() {
        let error = Invalid::quoting(&"\u{1b}x".repeat(100), "is wrong", "something");
        assert!(error.reason.len() < 500 && !error.reason.contains('\u{1b}'));
        assert!(error.to_string().contains('…'));
    }
}
