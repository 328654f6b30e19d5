//! Whole numbers with bounds.

use serde_json::Value;

/// Declares types of whole numbers by their bounds. With `@or_text` in front a number in quotes is the same number, where Bottlerocket takes both.
macro_rules! bounded_number {
    ($($(#[doc = $doc:literal])* $(@$or_text:ident)? $name:ident = $least:literal, $most:expr, $allowed:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "serde_json::Value", into = "i64")]
        pub struct $name(i64);

        impl $name {
            /// The number.
            #[must_use]
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<serde_json::Value> for $name {
            type Error = String;

            fn try_from(value: serde_json::Value) -> Result<Self, String> {
                let texts: &[&str] = &[$(stringify!($or_text))?];
                let number = $crate::number::whole(&value, !texts.is_empty());
                number.filter(|n| ($least..=$most).contains(n)).map(Self).ok_or_else(|| concat!("this is not ", $allowed).to_owned())
            }
        }

        impl From<$name> for i64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl $crate::Described for $name {
            const ALLOWED: &'static str = $allowed;

            fn schema() -> serde_json::Value {
                let number = serde_json::json!({ "type": "integer", "minimum": $least, "maximum": $most });
                let texts: &[&str] = &[$(stringify!($or_text))?];
                if texts.is_empty() { number } else { serde_json::json!({ "anyOf": [number, { "type": "string", "pattern": "^-?[0-9]+$" }] }) }
            }
        }
    )*};
}
pub(crate) use bounded_number;

/// The whole number that a value is, or that its text is.
pub(crate) fn whole(value: &Value, or_text: bool) -> Option<i64> {
    match value {
        Value::String(text) if or_text && text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => text.parse().ok(),
        other => other.as_i64(),
    }
}
