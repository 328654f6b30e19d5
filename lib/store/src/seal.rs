//! The form of a file: a first line with the digest of what follows, then JSON.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The bytes of a file, and their digest (`sha256:` and 64 hex digits).
pub(crate) fn seal(value: &impl Serialize) -> (Vec<u8>, String) {
    // A tree of strings, numbers and JSON values always serialises.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let digest = digest(&body);
    ([digest.as_bytes(), b"\n", &body].concat(), digest)
}

/// The value in these bytes and its digest; `None` if a single one is not as written.
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, String)> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let digest = digest(body);
    if head != digest.as_bytes() {
        return None;
    }
    Some((serde_json::from_slice(body).ok()?, digest))
}

fn digest(bytes: &[u8]) -> String {
    let sum = ampoule_base::hex(&Sha256::digest(bytes));
    format!("sha256:{sum}")
}
