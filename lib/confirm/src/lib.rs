//! When a change of settings counts as good, and when the settings before it return.
//!
//! A generation of settings may be put on *trial*: until it is confirmed, the last confirmed generation is what the node goes back to. [`Standing`] is all that is
//! remembered of this, in memory and on disk; its methods return the next standing and never change the one they are asked, so that a caller adopts a standing only
//! once it is durable.
//!
//! Time is milliseconds of `CLOCK_BOOTTIME` (`clock_gettime(2)`: since the kernel started, suspend included). It runs on through a restart of the caller and begins anew
//! with a boot, which is told apart by its id. The wall clock is not used: it jumps.

mod boot;
mod reason;
mod standing;

pub use boot::{Decision, Newest, at_boot};
pub use reason::Reason;
use serde::{Deserialize, Serialize};
pub use standing::{Health, NotOpen, Open, Standing, Verdict};

/// How long the services that a change touches must stay ready before it counts as good. Long enough for a program that starts, reads its settings and dies of them to
/// have done so; short enough that nobody reboots in it by chance.
pub const PROBATION_MS: u64 = 10_000;

/// Longest window. Until it ends everything else that is changed hangs on it too, so nobody should wait longer than a day.
pub const MAX_WINDOW_MS: u64 = 24 * 60 * 60 * 1000;

/// Boots in which a generation may be tried: the one it was made in, and one more, so that a change that needs a reboot can be confirmed after it. A change that ends
/// the boot it is tried in (a sysctl that panics the kernel) costs two boots and is then taken back.
pub const MAX_BOOTS: usize = 2;

/// Longest a touched service may take to be ready, in milliseconds. `init` has a limit of its own for each service (`ready-timeout`) and reports a failure after it; this
/// one is for a service that waits for another for ever.
pub const SETTLE_MS: u64 = 120_000;

/// What a generation is tried for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// Who confirms it.
    pub kind: Kind,
    /// How long, in milliseconds from the moment the change has taken effect.
    pub window_ms: u64,
}

/// Who confirms a generation on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The node, if what it touches is ready and stays so until the window ends.
    Probation,
    /// A person, before the window ends.
    Confirm,
}

impl Trial {
    /// The trial of every change that asks for no other.
    pub const PROBATION: Self = Self { kind: Kind::Probation, window_ms: PROBATION_MS };

    /// A trial that a person confirms within `window_ms`; at most [`MAX_WINDOW_MS`].
    #[must_use]
    pub fn confirm_within(window_ms: u64) -> Self {
        Self { kind: Kind::Confirm, window_ms: window_ms.min(MAX_WINDOW_MS) }
    }
}

/// One boot of the machine (`/proc/sys/kernel/random/boot_id`, `Documentation/admin-guide/sysctl/kernel.rst`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(String);

impl BootId {
    /// `None` if this is empty, longer than 64 bytes or not printable ASCII. White space at the ends is dropped.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        is_id.then(|| Self(text.to_owned()))
    }

    /// One made of a number, where the kernel's is not to be had.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(format!("unknown-{number}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BootId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("this is no boot id")
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests;
