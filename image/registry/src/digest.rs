//! Digests as registries write them.

use sha2::{Digest, Sha256};

/// `sha256:` and the digest of `bytes` in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    of(Sha256::digest(bytes).as_slice())
}

/// From a finished hash.
pub(crate) fn of(hash: &[u8]) -> String {
    format!("sha256:{}", ampoule_base::hex(hash))
}

/// Whether `text` is a digest and nothing else; it becomes part of a path.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
