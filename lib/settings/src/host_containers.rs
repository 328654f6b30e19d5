//! `host-containers`: containers that help to operate the node.

use crate::SettingError;
use crate::namespace::namespace;
use crate::types::Base64;
use ampoule_base::{Identifier, SingleLine};
use std::collections::BTreeMap;

/// All host containers, by name.
pub type HostContainers = BTreeMap<Identifier, HostContainer>;

/// What the namespace is for.
pub(crate) const ABOUT: &str =
    "Containers that help to operate the node, beside what it runs for its users. Each needs `source`, `enabled` and `superpowered`.";

namespace! {
    /// A container that helps to operate the node.
    HostContainer "host-containers.*" named Identifier = "admin"
    keys {
        /// Its image.
        source "source": SingleLine, r#""registry.example/admin:v1""#;
        /// Whether it runs.
        enabled "enabled": bool, "true";
        /// Whether it gets what it needs to change the host: its namespaces, its devices and all capabilities.
        superpowered "superpowered": bool, "false";
        /// Replaces the command of its image.
        command "command": Vec<String>, r#"["/usr/sbin/start", "--once"]"#;
    }
    secrets {
        /// What it finds at `/.bottlerocket/host-containers/current/user-data`, in base64.
        user_data "user-data": Base64, r#""e30=""#;
    }
}

/// A host container needs all three keys, from somebody or from the image.
pub(crate) fn check_together(containers: &HostContainers, errors: &mut Vec<SettingError>) {
    for (name, container) in containers {
        let parts = [
            ("source", container.source.is_some()),
            ("enabled", container.enabled.is_some()),
            ("superpowered", container.superpowered.is_some()),
        ];
        for (part, _) in parts.iter().filter(|(_, there)| !there) {
            let key = format!("host-containers.{name}.{part}");
            errors.push(SettingError::value(&key, "a host container needs it", "set it, or delete the container's other settings"));
        }
    }
}
