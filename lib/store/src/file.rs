//! One generation as a file: a first line with the digest of what follows, then JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Largest file read, in bytes: far above any real settings, far below what would hurt memory.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A committed state of the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Generation {
    /// Counts up from 1.
    pub number: u64,
    /// The generation this one was made from; 0 for none.
    pub parent: u64,
    /// Who made it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What it was made for, in a line.
    pub message: String,
    /// What was chosen: the settings that differ from the defaults.
    pub settings: Value,
}

/// The bytes of a generation's file.
pub(crate) fn encode(generation: &Generation) -> Vec<u8> {
    // A tree of strings, numbers and JSON values always serialises.
    let body = serde_json::to_vec(generation).unwrap_or_default();
    [digest(&body).as_bytes(), b"\n", &body].concat()
}

/// The generation in these bytes; `None` if a single one is not as written.
pub(crate) fn decode(bytes: &[u8]) -> Option<Generation> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    if head != digest(body).as_bytes() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn digest(bytes: &[u8]) -> String {
    let sum: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{sum}")
}
