//! `oci-defaults`: what a container has when nobody says otherwise.

use crate::choice::choice;
use crate::namespace::namespace;
use crate::{Described, SettingError};
use ampoule_base::Capability;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

namespace! {
    /// What a container of the orchestrator has when it asks for nothing else.
    OciDefaults "oci-defaults"
    maps {
        /// Whether a container has this capability (`capabilities(7)`).
        capabilities "capabilities": Capability => bool, "net-raw" = "false";
    }
    groups {
        resource_limits "resource-limits": BTreeMap<ResourceLimit, Limits>;
    }
}

namespace! {
    /// A resource limit (`setrlimit(2)`): both parts are needed.
    Limits "oci-defaults.resource-limits.*" named ResourceLimit = "max-open-files"
    keys {
        /// How far a process may raise the soft limit.
        hard_limit "hard-limit": Limit, "1048576";
        /// The limit that is in force at start.
        soft_limit "soft-limit": Limit, "65536";
    }
}

choice! {
    /// A resource limit.
    ResourceLimit {
        AddressSpace = "max-address-space",
        CoreFileSize = "max-core-file-size",
        CpuTime = "max-cpu-time",
        DataSize = "max-data-size",
        FileLocks = "max-file-locks",
        FileSize = "max-file-size",
        LockedMemory = "max-locked-memory",
        MsgqueueSize = "max-msgqueue-size",
        NicePriority = "max-nice-priority",
        OpenFiles = "max-open-files",
        PendingSignals = "max-pending-signals",
        Processes = "max-processes",
        RealtimePriority = "max-realtime-priority",
        RealtimeTimeout = "max-realtime-timeout",
        ResidentSet = "max-resident-set",
        StackSize = "max-stack-size",
    }
}

/// A limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Limit(Option<i64>);

impl Limit {
    /// The number, or `None` for no limit.
    #[must_use]
    pub fn get(self) -> Option<i64> {
        self.0
    }
}

impl TryFrom<Value> for Limit {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match (value.as_str(), value.as_i64()) {
            (Some("unlimited"), _) | (_, Some(-1)) => Ok(Self(None)),
            (_, Some(number @ 0..)) => Ok(Self(Some(number))),
            _ => Err("this is not a limit".to_owned()),
        }
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        limit.0.map_or_else(|| json!("unlimited"), Value::from)
    }
}

impl Described for Limit {
    const ALLOWED: &'static str = "a whole number, 0 or more, or \"unlimited\" (-1 means the same)";

    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "integer", "minimum": -1, "maximum": i64::MAX }, { "const": "unlimited" }] })
    }
}

/// A limit has both parts, and the soft one is not above the hard one.
pub(crate) fn check_together(defaults: &OciDefaults, errors: &mut Vec<SettingError>) {
    for (name, limits) in &defaults.resource_limits {
        let key = |part: &str| format!("oci-defaults.resource-limits.{}.{part}", name.as_str());
        match (limits.soft_limit, limits.hard_limit) {
            (Some(soft), Some(hard)) if exceeds(soft, hard) => {
                errors.push(SettingError::value(
                    &key("soft-limit"),
                    "the soft limit is above the hard limit",
                    "lower it, or raise `hard-limit`",
                ));
            }
            (Some(_), None) => errors.push(SettingError::value(&key("hard-limit"), "a resource limit needs both parts", "set it too")),
            (None, Some(_)) => errors.push(SettingError::value(&key("soft-limit"), "a resource limit needs both parts", "set it too")),
            _ => {}
        }
    }
}

fn exceeds(soft: Limit, hard: Limit) -> bool {
    match (soft.0, hard.0) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(soft), Some(hard)) => soft > hard,
    }
}
