//! Rules that every root must keep. An image that breaks one is not made.

use crate::elf;
use crate::hash;
use crate::manifest::Executable;
use anyhow::Context;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Programs that must not be on a node: whoever can start one can run what is not in the image.
const INTERPRETERS: &[&str] = &[
    "ash", "awk", "bash", "busybox", "csh", "dash", "fish", "gawk", "ksh", "lua", "luajit", "mawk", "mksh", "node", "perl", "php",
    "python", "python3", "ruby", "sh", "tclsh", "toybox", "zsh",
];

/// Programs that must not be on a node for another reason.
const UNWANTED: &[&str] = &[
    "apk",
    "apt",
    "apt-get",
    "dbus-daemon",
    "dnf",
    "dpkg",
    "mount",
    "rpm",
    "sshd",
    "su",
    "sudo",
    "systemd",
    "systemd-udevd",
    "udevd",
    "umount",
    "unshare",
];

/// Longest root file system, in bytes: a node fetches, verifies and keeps it in memory as a whole, and it was promised to be small.
const MAX_ROOT: u64 = 50 << 20;

/// Refuses a root file system that has grown too large.
pub(crate) fn examine_size(root: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        root <= MAX_ROOT,
        "the root file system has {root} bytes, {} more than the {MAX_ROOT} it may have; `./ampoule inspect` of the image before shows what takes them",
        root - MAX_ROOT
    );
    Ok(())
}

/// Looks at every file of `root`; gives the executables, or an error that names every broken rule.
pub(crate) fn examine(root: &Path) -> anyhow::Result<Vec<Executable>> {
    let mut executables = Vec::new();
    let mut broken = Vec::new();
    for file in hash::files_below(root)? {
        let name = format!("/{}", file.strip_prefix(root)?.display());
        let metadata = file.symlink_metadata()?;
        if metadata.is_symlink() {
            broken.extend(unwanted(&name));
            continue;
        }
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mode = metadata.permissions().mode();
        broken.extend(broken_by_file(&name, &bytes, mode));
        if elf::is_elf(&bytes) && !is_module(&name) {
            executables.push(elf::judge(&name, &bytes, mode)?);
        }
    }
    broken.extend(executables.iter().flat_map(broken_by_program));
    anyhow::ensure!(broken.is_empty(), "the image breaks {} of its rules:\n  {}", broken.len(), broken.join("\n  "));
    Ok(executables)
}

fn is_module(name: &str) -> bool {
    name.starts_with("/usr/lib/modules/") && name.ends_with(".ko")
}

fn unwanted(name: &str) -> Option<String> {
    let file = name.rsplit('/').next().unwrap_or_default();
    if INTERPRETERS.contains(&file) {
        return Some(format!("{name} is an interpreter"));
    }
    UNWANTED.contains(&file).then(|| format!("{name} has no place on a node"))
}

fn broken_by_file(name: &str, bytes: &[u8], mode: u32) -> Vec<String> {
    let mut broken = Vec::new();
    if mode & 0o111 != 0 || name.starts_with("/usr/bin/") {
        broken.extend(unwanted(name));
    }
    if bytes.starts_with(b"#!") {
        broken.push(format!("{name} is a script"));
    }
    if mode & 0o6000 != 0 {
        broken.push(format!("{name} runs with the rights of its owner"));
    }
    if mode & 0o111 != 0 && !elf::is_elf(bytes) {
        broken.push(format!("{name} is executable but no program"));
    }
    broken
}

fn broken_by_program(program: &Executable) -> Vec<String> {
    let name = &program.path;
    let rules = [
        (name.starts_with("/usr/bin/"), "lies outside /usr/bin"),
        (program.is_static, "needs a loader or shared libraries"),
        (program.pie, "runs at a fixed address"),
        (program.full_relro, "has writable relocations"),
        (program.nx, "has an executable stack"),
        (program.fixed_code, "has code that can be written"),
    ];
    rules.iter().filter(|(kept, _)| !kept).map(|(_, rule)| format!("{name} {rule}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examine_one(name: &str, bytes: &[u8], mode: u32) -> String {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join(name);
        crate::package::make_parent(&path).expect("made");
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        match examine(root.path()) {
            Ok(found) => format!("{} programs", found.len()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_rule_is_named_when_broken() {
        assert!(examine_one("usr/bin/x", b"#!/bin/sh\n", 0o755).contains("is a script"));
        assert!(examine_one("usr/share/x", b"#!/bin/sh\n", 0o644).contains("is a script"));
        assert!(examine_one("usr/bin/bash", b"", 0o644).contains("is an interpreter"));
        assert!(examine_one("usr/bin/sshd", b"", 0o644).contains("no place"));
        assert!(examine_one("usr/share/x", b"text", 0o4644).contains("rights of its owner"));
        assert!(examine_one("usr/share/x", b"text", 0o755).contains("no program"));
    }

    #[test]
    fn a_dynamic_program_is_refused() {
        let program = std::fs::read(std::env::current_exe().expect("a path")).expect("read");
        assert!(examine_one("usr/bin/x", &program, 0o755).contains("needs a loader"));
        assert!(examine_one("usr/lib/x", &program, 0o755).contains("outside /usr/bin"));
    }

    #[test]
    fn a_root_has_fifty_mebibytes_at_most() {
        examine_size(52_428_800).expect("as large as it may be");
        let error = examine_size(52_428_801).expect_err("refused").to_string();
        assert!(error.contains("52428801 bytes, 1 more than"), "{error}");
    }

    #[test]
    fn data_is_allowed() {
        assert_eq!(examine_one("usr/share/x", b"text", 0o644), "0 programs");
    }
}
