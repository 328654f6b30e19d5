//! What a program in this container can see of its surroundings.

use std::{env, fs};

/// A name and what was seen.
pub(crate) struct Fact {
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
}

/// All facts, in the order a person wants them.
pub(crate) fn read() -> Vec<Fact> {
    let fact = |key, label, value| Fact { key, label, value };
    vec![
        fact("node", "Node", env::var("AMPOULE_NODE").unwrap_or_else(|_| file("/proc/sys/kernel/hostname"))),
        fact("kernel", "Kernel", file("/proc/sys/kernel/osrelease")),
        fact("pid", "Own process number", std::process::id().to_string()),
        fact("processes", "Processes it can see", processes().to_string()),
        fact("capabilities", "Capabilities", capabilities(&status("CapEff"))),
        fact("no-new-privileges", "May gain rights", may_gain(&status("NoNewPrivs"))),
        fact("memory-limit", "Memory limit", memory_limit(&file("/sys/fs/cgroup/memory.max"))),
        fact("uptime", "Node up for", uptime(&file("/proc/uptime"))),
    ]
}

fn file(path: &str) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_else(|_| "not visible".into())
}

fn processes() -> usize {
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_process)).count()
}

/// A field of the process's own status.
fn status(field: &str) -> String {
    let text = file("/proc/self/status");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|value| value.trim().to_owned()).unwrap_or_default()
}

fn may_gain(no_new_privileges: &str) -> String {
    if no_new_privileges == "1" { "no".into() } else { "only through set-user-id files in its own image".into() }
}

/// The mask as a count and the few that decide over the machine.
fn capabilities(mask: &str) -> String {
    const POWERFUL: [(u32, &str); 4] = [(12, "net-admin"), (16, "sys-module"), (19, "sys-ptrace"), (21, "sys-admin")];
    let Ok(mask) = u64::from_str_radix(mask, 16) else {
        return "unknown".into();
    };
    let held: Vec<&str> = POWERFUL.iter().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| *name).collect();
    match held.as_slice() {
        [] => format!("{} of 41, none that reaches beyond the container", mask.count_ones()),
        some => format!("{} of 41, among them {}", mask.count_ones(), some.join(", ")),
    }
}

fn memory_limit(bytes: &str) -> String {
    match bytes.parse::<u64>() {
        Ok(bytes) => format!("{} MiB", bytes >> 20),
        Err(_) if bytes == "max" => "none set".into(),
        Err(_) => bytes.to_owned(),
    }
}

fn uptime(text: &str) -> String {
    let seconds: f64 = text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    format!("{seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read() {
        assert!(capabilities("00000000a80425fb").contains("14 of 41, none"));
        assert!(capabilities("0000000000200000").contains("sys-admin"));
        assert_eq!(capabilities("x"), "unknown");
    }

    #[test]
    fn limits_are_read() {
        assert_eq!(memory_limit("67108864"), "64 MiB");
        assert_eq!(memory_limit("max"), "none set");
    }
}
