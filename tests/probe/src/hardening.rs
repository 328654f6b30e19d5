//! The sysctls of `policy/kernel/hardening.toml`, as this node has them.

use std::{fs, path::Path};

use crate::report::Report;

const LIST: &str = include_str!("../../../policy/kernel/hardening.toml");

pub(crate) fn look(report: &mut Report) {
    let list: toml::Table = LIST.parse().unwrap_or_default();
    let Some(sysctls) = list.get("sysctl").and_then(toml::Value::as_table) else {
        return report.failed("hardening.toml has no sysctls");
    };
    for name in sysctls.keys() {
        let value = fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_else(|error| error.to_string());
        report.ok(&format!("hardening {name} = {}", value.trim()));
    }
}
