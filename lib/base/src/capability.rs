//! Capabilities of Linux.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, text_conversions};

/// A capability of Linux (`capabilities(7)`). Written in small letters, with `-` for `_` and without `CAP_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(u8);

/// In the order of their numbers: `include/uapi/linux/capability.h` of Linux 6.12.
const NAMES: [&str; 41] = [
    "chown",
    "dac-override",
    "dac-read-search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux-immutable",
    "net-bind-service",
    "net-broadcast",
    "net-admin",
    "net-raw",
    "ipc-lock",
    "ipc-owner",
    "sys-module",
    "sys-rawio",
    "sys-chroot",
    "sys-ptrace",
    "sys-pacct",
    "sys-admin",
    "sys-boot",
    "sys-nice",
    "sys-resource",
    "sys-time",
    "sys-tty-config",
    "mknod",
    "lease",
    "audit-write",
    "audit-control",
    "setfcap",
    "mac-override",
    "mac-admin",
    "syslog",
    "wake-alarm",
    "block-suspend",
    "audit-read",
    "perfmon",
    "bpf",
    "checkpoint-restore",
];

const ALLOWED: &str = "a capability like \"net-raw\"";

impl Capability {
    /// The kernel's number for it; in a set of capabilities it is the bit of this number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

impl FromStr for Capability {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = (0..).zip(NAMES).find(|(_, name)| *name == text);
        found.map(|(number, _)| Self(number)).ok_or_else(|| Invalid::quoting(text, "is no capability of Linux", ALLOWED))
    }
}

text_conversions!(Capability);

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        for (name, number) in [("chown", 0), ("net-admin", 12), ("sys-admin", 21), ("bpf", 39), ("checkpoint-restore", 40)] {
            let capability: Capability = name.parse().expect("known");
            assert_eq!((capability.number(), capability.as_str()), (number, name));
        }
    }

    #[test]
    fn other_ways_to_write_one_are_refused() {
        for bad in ["", "net_admin", "NET-ADMIN", "cap-net-admin", "all"] {
            assert!(bad.parse::<Capability>().is_err(), "{bad:?}");
        }
    }
}
