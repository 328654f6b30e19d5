//! The SELinux domains that a workload may be given, and the labels that follow.

use std::{fmt, str::FromStr};

use ampoule_base::{Invalid, text_conversions};
use serde::{Deserialize, Serialize};

use crate::isolation::Isolation;

/// A named domain. The list is closed: the policy lets the container runtime go to these and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Domain {
    /// `container_t`: what every container has.
    #[default]
    Container,
}

/// Domains that the policy knows and that are not for workloads.
const OF_HOST_CONTAINERS: [&str; 4] = ["control", "super", "control_t", "super_t"];
const ALLOWED: &str =
    "\"container\", or leave it out; what must reach the node's API uses the remote API (`api.remote`) with a certificate of its own";

impl FromStr for Domain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "container" => Ok(Self::Container),
            _ if OF_HOST_CONTAINERS.contains(&text) => {
                Err(Invalid::quoting(text, "is for host and bootstrap containers alone, and no workload is given it", ALLOWED))
            }
            _ => Err(Invalid::quoting(text, "is no domain of workloads", ALLOWED)),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
        })
    }
}

text_conversions!(Domain);

/// The level of what several workloads share: every workload's level holds it.
const SHARED_LEVEL: &str = "s0";

impl Domain {
    /// Its type in the policy.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Container => "container_t",
        }
    }

    /// The label of a workload's processes.
    pub fn process_label(self, isolation: Isolation) -> String {
        format!("system_u:system_r:{}:{}", self.type_name(), isolation.level())
    }
}

/// The label of the files that belong to one workload.
pub fn file_label(isolation: Isolation) -> String {
    format!("system_u:object_r:container_file_t:{}", isolation.level())
}

/// The label of the files that several workloads share.
pub fn shared_file_label() -> String {
    format!("system_u:object_r:container_file_t:{SHARED_LEVEL}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_for_workloads_is_refused_with_the_reason() {
        assert_eq!("container".parse::<Domain>(), Ok(Domain::Container));
        for text in ["control", "super", "control_t", "super_t"] {
            assert!(text.parse::<Domain>().is_err_and(|error| error.reason.contains("host and bootstrap containers alone")), "{text}");
        }
        for text in ["", "init_t", "apid_t", "container_t", "spc_t", "unconfined_t", "Container"] {
            assert!(text.parse::<Domain>().is_err(), "{text}");
        }
    }

    #[test]
    fn labels_are_as_the_policy_has_them() {
        let isolation = Isolation::try_from(2).expect("a number");
        assert_eq!(Domain::default().process_label(isolation), "system_u:system_r:container_t:s0:c1,c2");
        assert_eq!(file_label(isolation), "system_u:object_r:container_file_t:s0:c1,c2");
        assert_eq!(shared_file_label(), "system_u:object_r:container_file_t:s0");
    }
}
