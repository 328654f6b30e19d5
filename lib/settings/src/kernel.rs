//! `kernel`: what the kernel is told.

use crate::checked_text::checked_text;
pub use crate::hugepages::Hugepages;
use crate::namespace::namespace;
use crate::{Described, SettingError, path};
use ampoule_kernel::Lockdown;
use serde_json::{Value, json};
use std::collections::BTreeMap;

namespace! {
    /// What the kernel is told.
    Kernel "kernel"
    keys {
        /// How far root itself is kept from changing the running kernel (`kernel_lockdown(7)`). It can go up while the node runs, and down only by a reboot.
        lockdown "lockdown": Lockdown, r#""integrity""#;
    }
    maps {
        /// A kernel parameter below `/proc/sys` (`sysctl(8)`).
        sysctl "sysctl": SysctlKey => SysctlValue, "net.core.rmem_max" = r#""2500000""#;
    }
    groups {
        modules "modules": BTreeMap<ModuleName, Module>;
        hugepages "hugepages": Hugepages;
    }
}

namespace! {
    /// What happens with a kernel module.
    Module "kernel.modules.*" named ModuleName = "nvme_tcp"
    keys {
        /// Whether it may be loaded at all.
        allowed "allowed": bool, "true";
        /// Whether it is loaded at boot. Needs `allowed = true`.
        autoload "autoload": bool, "true";
    }
}

impl Described for Lockdown {
    const ALLOWED: &'static str = "\"none\", \"integrity\" or \"confidentiality\"";

    fn schema() -> Value {
        json!({ "enum": ["none", "integrity", "confidentiality"] })
    }
}

checked_text! {
    /// The name of a sysctl, and one that the image does not need for its own safety.
    SysctlKey = check_sysctl_key, "letters, digits and `. / _ -`";
    /// Its value: one line.
    SysctlValue = check_sysctl_value, "a text on one line; numbers stand in quotes too";
    /// The name of a kernel module.
    ModuleName = ampoule_kernel::check_module_name, "letters, digits, `-` and `_`, at most 56";
}

fn check_sysctl_key(text: &str) -> Result<(), String> {
    ampoule_kernel::check_sysctl_key(text)?;
    ampoule_kernel::protected_sysctl(text).map_or(Ok(()), |why| Err(format!("the node keeps this one: {why}")))
}

fn check_sysctl_value(text: &str) -> Result<(), String> {
    let is_right = text.len() <= 4096 && !text.contains(['\n', '\r', '\0']);
    if is_right { Ok(()) } else { Err("this is not one line".into()) }
}

/// A module that must not be loaded cannot be loaded at boot; some sysctls have values that would weaken the node.
pub(crate) fn check_together(kernel: &Kernel, errors: &mut Vec<SettingError>) {
    for (name, module) in &kernel.modules {
        if module.autoload == Some(true) && module.allowed != Some(true) {
            let key = path::join(["kernel", "modules", name.as_str(), "autoload"]);
            errors.push(SettingError::value(
                &key,
                "a module can be loaded at boot only if it is allowed",
                "set `allowed = true` beside it",
            ));
        }
    }
    for (name, value) in &kernel.sysctl {
        if let Err(reason) = ampoule_kernel::check_sysctl_value(name.as_str(), value.as_str()) {
            let key = path::join(["kernel", "sysctl", name.as_str()]);
            errors.push(SettingError::value(&key, reason, "leave it out, or give a value that the image keeps"));
        }
    }
}
