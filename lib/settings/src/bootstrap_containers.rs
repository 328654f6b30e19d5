//! `bootstrap-containers`: containers that prepare the node while it boots.

use crate::SettingError;
use crate::namespace::namespace;
use crate::types::{Base64, BootstrapMode};
use ampoule_base::{Identifier, SingleLine};
use std::collections::BTreeMap;

/// All bootstrap containers, by name.
pub type BootstrapContainers = BTreeMap<Identifier, BootstrapContainer>;

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Containers that run to their end while the node boots, before what it runs for its users.";

namespace! {
    /// A container that prepares the node while it boots.
    BootstrapContainer "bootstrap-containers.*" named Identifier = "disks"
    keys {
        /// Its image.
        source "source": SingleLine, r#""registry.example/disks:v1""#;
        /// When it runs: `off`, `once` (at the next boot, which then sets `off`) or `always`. Without one it is off.
        mode "mode": BootstrapMode, r#""once""#;
        /// Whether the boot fails when it does.
        essential "essential": bool, "true";
        /// Replaces the command of its image.
        command "command": Vec<String>, r#"["/usr/bin/format", "/dev/sdb"]"#;
    }
    secrets {
        /// What it finds at `/.bottlerocket/bootstrap-containers/current/user-data`, in base64.
        user_data "user-data": Base64, r#""e30=""#;
    }
}

/// What shall run needs an image.
pub(crate) fn check_together(containers: &BootstrapContainers, errors: &mut Vec<SettingError>) {
    for (name, container) in containers {
        let runs = container.mode.is_some_and(|mode| mode != BootstrapMode::Off);
        if runs && container.source.is_none() {
            let key = format!("bootstrap-containers.{name}.source");
            errors.push(SettingError::value(&key, "a bootstrap container needs an image", "set it, or `mode = \"off\"`"));
        }
    }
}
