//! The root of a hash tree, and the partition UUIDs made from it.

use crate::Guid;
use std::fmt;
use std::str::FromStr;

/// SHA-256 root of a dm-verity hash tree: the identity of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootHash([u8; 32]);

/// The text is not a root hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a root hash: 64 hexadecimal digits")]
pub struct HashError(pub String);

impl RootHash {
    /// From the hash itself.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// UUID of the root partition: the first half. So one kernel image finds its root in either slot.
    pub fn root_partition(self) -> Guid {
        self.half(0)
    }

    /// UUID of the partition with the hash tree: the second half.
    pub fn verity_partition(self) -> Guid {
        self.half(16)
    }

    fn half(self, from: usize) -> Guid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[from..from + 16]);
        Guid::from_bytes(bytes)
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RootHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let wrong = || HashError(text.chars().take(80).collect());
        if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_halves_are_the_partitions() {
        let hash: RootHash = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".parse().expect("a hash");
        assert_eq!(hash.root_partition().to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(hash.verity_partition().to_string(), "10111213-1415-1617-1819-1a1b1c1d1e1f");
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(bytes: [u8; 32]) {
            let hash = RootHash::from_bytes(bytes);
            prop_assert_eq!(hash.to_string().parse::<RootHash>(), Ok(hash));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,80}") {
            let _ = text.parse::<RootHash>();
        }
    }
}
