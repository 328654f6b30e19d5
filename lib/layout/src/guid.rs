//! GUIDs as GPT and the kernel's `PARTUUID=` write them.

use std::fmt;
use std::str::FromStr;

/// A GUID; the bytes are in the order in which its text shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid([u8; 16]);

/// The text is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a GUID: it has the form 01234567-89ab-cdef-0123-456789abcdef")]
pub struct GuidError(pub String);

impl Guid {
    /// From bytes in the order of the text.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From a number whose hexadecimal digits are those of the text.
    pub const fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// From the sixteen bytes of a GPT entry, whose first three fields are little-endian.
    pub const fn from_gpt(g: [u8; 16]) -> Self {
        Self([g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]])
    }

    /// The sixteen bytes of a GPT entry.
    pub const fn to_gpt(self) -> [u8; 16] {
        // The order that swaps the first three fields swaps them back.
        Self::from_gpt(self.0).0
    }

    /// The bytes in the order of the text.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        let wrong = || GuidError(text.chars().take(64).collect());
        let dashes = [8, 13, 18, 23];
        let shaped =
            text.len() == 36 && text.bytes().enumerate().all(|(i, c)| if dashes.contains(&i) { c == b'-' } else { c.is_ascii_hexdigit() });
        if !shaped {
            return Err(wrong());
        }
        u128::from_str_radix(&text.replace('-', ""), 16).map(Self::from_u128).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gpt_order_swaps_the_first_three_fields() {
        let gpt = [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
        assert_eq!(Guid::from_gpt(gpt).to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        assert_eq!(Guid::from_gpt(gpt).to_gpt(), gpt);
    }

    #[test]
    fn refuses_what_is_no_guid() {
        for text in ["", "c12a7328f81f11d2ba4b00a0c93ec93b", "+12a7328-f81f-11d2-ba4b-00a0c93ec93b", "é12a7328-f81f-11d2-ba4b-00a0c93ec93"]
        {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(number: u128) {
            let guid = Guid::from_u128(number);
            prop_assert_eq!(guid.to_string().parse::<Guid>(), Ok(guid));
            prop_assert_eq!(guid.to_string().to_uppercase().parse::<Guid>(), Ok(guid));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,48}") {
            let _ = text.parse::<Guid>();
        }
    }
}
