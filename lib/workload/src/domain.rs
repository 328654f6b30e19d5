//! The SELinux domains that a workload may be given, and the labels that follow.

use serde::{Deserialize, Serialize};

use crate::isolation::Isolation;

/// A named domain. The list is closed: the policy lets the container runtime go to these and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// `container_t`: what every container has.
    #[default]
    Container,
    /// `control_t`: may also speak to the node's API.
    Control,
    /// `super_t`: nearly what the node itself may do.
    Super,
}

/// The level of what several workloads share: every workload's level holds it.
const SHARED_LEVEL: &str = "s0";

impl Domain {
    /// Its type in the policy.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Container => "container_t",
            Self::Control => "control_t",
            Self::Super => "super_t",
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
    fn labels_are_as_the_policy_has_them() {
        let isolation = Isolation::try_from(2).expect("a number");
        assert_eq!(Domain::default().process_label(isolation), "system_u:system_r:container_t:s0:c1,c2");
        assert_eq!(Domain::Control.process_label(isolation), "system_u:system_r:control_t:s0:c1,c2");
        assert_eq!(file_label(isolation), "system_u:object_r:container_file_t:s0:c1,c2");
        assert_eq!(shared_file_label(), "system_u:object_r:container_file_t:s0");
    }
}
