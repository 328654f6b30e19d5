//! Bytes in base64.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes in standard base64 (RFC 4648 section 4, with padding); maybe none. Proves: it decodes. Never printed, because what people encode is often a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base64 {
    encoded: String,
    bytes: Vec<u8>,
}

impl Base64 {
    /// As it was written.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// What is in it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl TryFrom<String> for Base64 {
    type Error = String;

    fn try_from(encoded: String) -> Result<Self, String> {
        match STANDARD.decode(&encoded) {
            Ok(bytes) => Ok(Self { encoded, bytes }),
            Err(_) => Err("this is not base64".to_owned()),
        }
    }
}

impl From<Base64> for String {
    fn from(value: Base64) -> Self {
        value.encoded
    }
}

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.bytes.len())
    }
}

crate::described::described_text! {
    Base64 = "base64 without line ends, as from `base64 -w0 FILE`";
}
