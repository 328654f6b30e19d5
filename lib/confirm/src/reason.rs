//! Why settings were taken back.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a generation was taken back. Kept with the generation that replaced it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// Nobody confirmed it in time.
    #[serde(rename_all = "kebab-case")]
    TimedOut {
        /// The time there was, in milliseconds.
        window_ms: u64,
    },
    /// Every boot it may be tried in ended before it was confirmed.
    Boots {
        /// How many.
        tried: usize,
    },
    /// A service that it touches is not as it should be.
    Unhealthy {
        /// Which.
        service: String,
        /// What is wrong with it.
        what: String,
    },
    /// A step of putting it in force failed.
    NotApplied {
        /// Which, and why.
        what: String,
    },
    /// The start of a trial could not be written down, so that another boot could not have been told from the first.
    NotRecorded,
    /// Somebody asked for it.
    Asked {
        /// Who.
        by: String,
    },
    /// One that a newer image knows.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { window_ms } => write!(f, "it was not confirmed within {} s", window_ms.div_ceil(1000)),
            Self::Boots { tried } => write!(f, "it was tried in {tried} boots and confirmed in none"),
            Self::Unhealthy { service, what } => write!(f, "service `{service}` {what}"),
            Self::NotApplied { what } => write!(f, "it could not be applied: {what}"),
            Self::NotRecorded => f.write_str("its trial could not be written down"),
            Self::Asked { by } => write!(f, "{by} asked for it"),
            Self::Unknown => f.write_str("for a reason that a newer image knows"),
        }
    }
}
