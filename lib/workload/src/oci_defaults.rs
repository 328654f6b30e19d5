//! What a container has when nobody says otherwise: `settings.oci-defaults`, as `apid` writes it for `hostd`.

use oci_spec::OciSpecError;
use oci_spec::runtime::{Capability, LinuxCapabilities, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

/// Largest file read, in bytes: there are 41 capabilities and 16 limits.
pub const MAX_OCI_DEFAULTS_BYTES: u64 = 64 * 1024;

/// Changes to what every workload has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OciDefaults {
    /// Whether a container has a capability, by its name in small letters with `-` (`net-raw`).
    pub capabilities: BTreeMap<String, bool>,
    /// Resource limits by Bottlerocket's name (`max-open-files`).
    pub resource_limits: BTreeMap<String, ResourceLimit>,
}

/// A resource limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimit {
    /// In force at start.
    pub soft: Option<u64>,
    /// How far a process may raise it.
    pub hard: Option<u64>,
}

/// What the container engine of a node holds, and so the most that a container can be given (`image/packages/containerd/service.toml`).
pub const GRANTABLE: &[&str] = &[
    "audit-write",
    "bpf",
    "chown",
    "dac-override",
    "dac-read-search",
    "fowner",
    "fsetid",
    "kill",
    "mknod",
    "net-admin",
    "net-bind-service",
    "net-raw",
    "perfmon",
    "setfcap",
    "setgid",
    "setpcap",
    "setuid",
    "sys-admin",
    "sys-chroot",
    "sys-ptrace",
    "sys-resource",
];

/// The limits of `setrlimit(2)` by Bottlerocket's names.
const LIMITS: [(&str, PosixRlimitType); 16] = [
    ("max-address-space", PosixRlimitType::RlimitAs),
    ("max-core-file-size", PosixRlimitType::RlimitCore),
    ("max-cpu-time", PosixRlimitType::RlimitCpu),
    ("max-data-size", PosixRlimitType::RlimitData),
    ("max-file-locks", PosixRlimitType::RlimitLocks),
    ("max-file-size", PosixRlimitType::RlimitFsize),
    ("max-locked-memory", PosixRlimitType::RlimitMemlock),
    ("max-msgqueue-size", PosixRlimitType::RlimitMsgqueue),
    ("max-nice-priority", PosixRlimitType::RlimitNice),
    ("max-open-files", PosixRlimitType::RlimitNofile),
    ("max-pending-signals", PosixRlimitType::RlimitSigpending),
    ("max-processes", PosixRlimitType::RlimitNproc),
    ("max-realtime-priority", PosixRlimitType::RlimitRtprio),
    ("max-realtime-timeout", PosixRlimitType::RlimitRttime),
    ("max-resident-set", PosixRlimitType::RlimitRss),
    ("max-stack-size", PosixRlimitType::RlimitStack),
];

impl OciDefaults {
    /// Capabilities that are asked for and that no container of this node can have.
    pub fn beyond_reach(&self) -> impl Iterator<Item = &str> {
        let wanted = self.capabilities.iter().filter(|(_, given)| **given).map(|(name, _)| name.as_str());
        wanted.filter(|name| !GRANTABLE.contains(name))
    }

    /// Gives and takes what they say.
    pub(crate) fn apply(&self, process: &mut Process) -> Result<(), OciSpecError> {
        let mut sets = process.capabilities().clone().unwrap_or_default();
        for (name, given) in self.capabilities.iter().filter(|(name, _)| GRANTABLE.contains(&name.as_str())) {
            if let Ok(capability) = Capability::from_str(&name.replace('-', "_").to_uppercase()) {
                change(&mut sets, capability, *given);
            }
        }
        process.set_capabilities(Some(sets));
        let mut limits = process.rlimits().clone().unwrap_or_default();
        for (name, limit) in &self.resource_limits {
            if let Some((_, kind)) = LIMITS.iter().find(|(known, _)| known == name) {
                limits.retain(|l| l.typ() != *kind);
                limits.push(rlimit(*kind, *limit)?);
            }
        }
        process.set_rlimits(Some(limits));
        Ok(())
    }
}

fn rlimit(kind: PosixRlimitType, ResourceLimit { soft, hard }: ResourceLimit) -> Result<PosixRlimit, OciSpecError> {
    // RLIM_INFINITY of `<sys/resource.h>`.
    PosixRlimitBuilder::default().typ(kind).soft(soft.unwrap_or(u64::MAX)).hard(hard.unwrap_or(u64::MAX)).build()
}

fn change(sets: &mut LinuxCapabilities, capability: Capability, given: bool) {
    let changed = |set: &Option<HashSet<Capability>>| {
        let mut set = set.clone().unwrap_or_default();
        if given {
            set.insert(capability)
        } else {
            set.remove(&capability)
        };
        Some(set)
    };
    let (bounding, effective, permitted) = (changed(sets.bounding()), changed(sets.effective()), changed(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
}
