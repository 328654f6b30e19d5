//! Lockdown: what the kernel says, and what can follow. It only goes up while a kernel runs.

use std::fmt;

use crate::Lockdown;

/// What the image's own command line asks for at each boot; no setting gets below it.
const OF_THE_IMAGE: Lockdown = Lockdown::Integrity;

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockdownStep {
    /// It is as wanted.
    Nothing,
    /// Write this.
    Raise(Lockdown),
    /// The kernel goes no lower: the next boot does.
    NeedsReboot,
    /// The image starts above it, so no boot gets there.
    NeverSoLow,
}

impl Lockdown {
    /// The kernel's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        }
    }

    /// The level in force, from the text of `/sys/kernel/security/lockdown`: `none [integrity] confidentiality`.
    #[must_use]
    pub fn in_force(text: &str) -> Option<Self> {
        let word = text.split_once('[')?.1.split_once(']')?.0;
        [Self::None, Self::Integrity, Self::Confidentiality].into_iter().find(|level| level.word() == word)
    }

    /// What to do when this level is in force and `wanted` is asked for.
    #[must_use]
    pub fn step_to(self, wanted: Self) -> LockdownStep {
        if wanted > self {
            LockdownStep::Raise(wanted)
        } else if wanted == self {
            LockdownStep::Nothing
        } else if wanted < OF_THE_IMAGE {
            LockdownStep::NeverSoLow
        } else {
            LockdownStep::NeedsReboot
        }
    }
}

impl fmt::Display for Lockdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Lockdown::{Confidentiality, Integrity, None as Nothing};

    #[test]
    fn what_the_kernel_says() {
        assert_eq!(Lockdown::in_force("none [integrity] confidentiality\n"), Some(Integrity));
        assert_eq!(Lockdown::in_force("[none] integrity confidentiality"), Some(Nothing));
        for odd in ["", "none integrity", "[", "[x]", "]["] {
            assert_eq!(Lockdown::in_force(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_upwards() {
        assert_eq!(Integrity.step_to(Confidentiality), LockdownStep::Raise(Confidentiality));
        assert_eq!(Nothing.step_to(Integrity), LockdownStep::Raise(Integrity));
        assert_eq!(Integrity.step_to(Integrity), LockdownStep::Nothing);
        assert_eq!(Confidentiality.step_to(Integrity), LockdownStep::NeedsReboot);
        assert_eq!(Confidentiality.step_to(Nothing), LockdownStep::NeverSoLow);
        assert_eq!(Integrity.step_to(Nothing), LockdownStep::NeverSoLow);
    }
}
