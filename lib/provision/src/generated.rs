//! Values made for keys that nobody set: `generated.json`.

use crate::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long a generated value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Like a default of the image: valid as long as the node says so at each boot, never kept.
    Weak,
    /// Kept from the boot at which the key had no value; later ones change nothing.
    Strong,
}

/// A value and its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratedValue {
    /// The value, as in a settings document.
    pub value: Value,
    /// How long it stands.
    pub strength: Strength,
    /// Where it comes from, for a person.
    pub why: String,
}

impl GeneratedValue {
    /// A value that is kept.
    pub fn strong(value: impl Into<Value>, why: impl Into<String>) -> Self {
        Self { value: value.into(), strength: Strength::Strong, why: why.into() }
    }

    /// A value that is not.
    pub fn weak(value: impl Into<Value>, why: impl Into<String>) -> Self {
        Self { value: value.into(), strength: Strength::Weak, why: why.into() }
    }
}

/// The whole document, by dotted key (without `settings`).
pub type Generated = BTreeMap<String, GeneratedValue>;

/// `updates.seed` from random bits: which part of an update wave the node belongs to, 0 to 2047 as in Bottlerocket. 2048 divides the range, so no number is likelier.
#[must_use]
pub fn seed(random: u16) -> GeneratedValue {
    GeneratedValue::strong(random % 2048, "drawn at random, once in the node's life")
}

/// `ntp.time-servers` where the platform has better ones than the image's.
#[must_use]
pub fn time_servers(platform: Platform) -> Option<GeneratedValue> {
    let on_link = vec!["169.254.169.123", "2.amazon.pool.ntp.org"];
    (platform == Platform::Ec2).then(|| GeneratedValue::weak(on_link, "EC2 has a time server on every link, 169.254.169.123"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_in_range_and_strong() {
        for (random, expected) in [(0, 0), (2047, 2047), (2048, 0), (u16::MAX, 2047)] {
            let made = seed(random);
            assert_eq!((made.value, made.strength), (Value::from(expected), Strength::Strong));
        }
    }

    #[test]
    fn the_document_is_as_the_contract_says() {
        let document = Generated::from([("updates.seed".to_owned(), seed(7))]);
        let text = serde_json::to_string(&document).expect("JSON");
        assert_eq!(text, r#"{"updates.seed":{"value":7,"strength":"strong","why":"drawn at random, once in the node's life"}}"#);
    }

    #[test]
    fn only_ec2_has_better_time_servers() {
        assert_eq!(time_servers(Platform::Ec2).expect("some").value[0], "169.254.169.123");
        assert_eq!(time_servers(Platform::Other), None);
    }
}
