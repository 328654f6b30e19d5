//! Amounts of memory.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, text_conversions};

/// A number of bytes, written like `256MiB`. Printed with the largest unit that divides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

/// Binary units, largest first. A bare number and `B` are bytes.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const ALLOWED: &str = "a whole number and one of B, KiB, MiB, GiB, TiB, for example \"256MiB\"";

impl ByteSize {
    /// This many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parse(text).map(Self).ok_or_else(|| Invalid::quoting(text, "is not an amount of memory", ALLOWED))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" => "B",
        unit => unit,
    };
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

text_conversions!(ByteSize);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: u64| self.0 >= unit && self.0.is_multiple_of(unit);
        let (name, unit) = UNITS.into_iter().find(|(_, unit)| fits(*unit)).unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        for (text, bytes) in [("256MiB", 256 << 20), ("1 GiB", 1 << 30), ("7", 7), ("0B", 0), ("1536KiB", 1_572_864)] {
            assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
        }
        for bad in ["", "MiB", "1MB", "1.5GiB", "-1B", "1gib", "99999999999TiB", "1 MiB x"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_again(bytes: u64) {
            let size = ByteSize::from_bytes(bytes);
            proptest::prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        }
    }
}
