//! The small values of a service file: durations, sizes, signals.

use serde::{Deserialize, Deserializer, de::Error};
use std::time::Duration;

/// A length of time written as `200ms`, `10s` or `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes written as `64MiB`, `4KiB`, `1GiB` or plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// A signal a service may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Signal {
    /// SIGHUP
    #[serde(rename = "HUP")]
    Hangup,
    /// SIGINT
    #[serde(rename = "INT")]
    Interrupt,
    /// SIGTERM
    #[serde(rename = "TERM")]
    Terminate,
    /// SIGKILL
    #[serde(rename = "KILL")]
    Kill,
    /// SIGUSR1
    #[serde(rename = "USR1")]
    User1,
}

impl Span {
    /// Whole milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let millis = match unit {
            "ms" => number,
            "s" => number.checked_mul(1_000)?,
            "m" => number.checked_mul(60_000)?,
            _ => return None,
        };
        Some(Self(Duration::from_millis(millis)))
    }
}

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let factor = match unit {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor).map(Self)
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a duration; write 200ms, 10s or 5m")))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a size; write 4KiB, 64MiB or 1GiB")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes() {
        assert_eq!(Span::parse("200ms").map(Span::millis), Some(200));
        assert_eq!(Span::parse("5m").map(Span::millis), Some(300_000));
        assert_eq!(Size::parse("64MiB"), Some(Size(64 << 20)));
        for wrong in ["", "s", "-1s", "1h", "99999999999999999999s", "18446744073709551615m"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Size::parse("64MB"), None);
    }
}
