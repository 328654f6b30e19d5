//! Numbers with bounds.

use std::{fmt, num::NonZeroU16};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A TCP or UDP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(NonZeroU16);

impl Port {
    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<i64> for Port {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| Invalid::unquoted(&format!("{number} is not a port"), "a number from 1 to 65535"))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share of processors: 0.5 is half of one. Proves: finite, from 0.01 to 1024.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus(f64);

/// The kernel's smallest quota is 1 ms in 100 ms.
const LEAST: f64 = 0.01;

impl Cpus {
    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Cpus {
    type Error = Invalid;

    fn try_from(number: f64) -> Result<Self, Invalid> {
        if (LEAST..=1024.0).contains(&number) {
            return Ok(Self(number));
        }
        let wrong = format!("{number} is not a number of processors");
        Err(Invalid::unquoted(&wrong, "a number from 0.01 to 1024, for example 0.5"))
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        cpus.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(Port::try_from(9443).map(Port::get), Ok(9443));
        for bad in [0, -1, 65_536, i64::MAX] {
            assert!(Port::try_from(bad).is_err(), "{bad}");
        }
        assert!(Cpus::try_from(0.5).is_ok());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 2000.0] {
            assert!(Cpus::try_from(bad).is_err(), "{bad}");
        }
    }
}
