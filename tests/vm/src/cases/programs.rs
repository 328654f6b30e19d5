//! What can be executed on a node, read from the root file system itself, not from what the builder says about it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use goblin::elf::{
    Elf,
    dynamic::{DF_1_NOW, DF_BIND_NOW},
    header::{ET_DYN, ET_REL},
    program_header::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD},
};
use serde_json::Value;

use crate::{context::Context, framework::within, runner::Case};

/// "About 15" are wanted; more than this is another system.
const MOST_PROGRAMS: usize = 25;

/// The C library, which is in each, has almost 400; with C that was compiled without a guard and without that library there would be next to none.
const LEAST_GUARDED: usize = 300;

/// What a node of a general-purpose system has and ours does not.
const ABSENT: [&str; 14] =
    ["sh", "bash", "busybox", "python3", "perl", "sshd", "systemd", "udevd", "dbus-daemon", "apt", "dpkg", "rpm", "su", "sudo"];

pub(super) const CASES: &[Case] = &[Case {
    name: "programs_are_hardened",
    about: "every program is static, at any address, read-only after relocation, without executable stack, with guards on the stack where it is C; none is setuid, none is a shell",
    limit: within(120),
    soak: false,
    run: programs_are_hardened,
}];

fn programs_are_hardened(context: &Context) -> Result<()> {
    let root = context.folder().join("root");
    let status = Command::new("fsck.erofs")
        .arg(format!("--extract={}", root.display()))
        .arg(context.image().join("root.erofs"))
        .status()
        .context("fsck.erofs cannot be started")?;
    ensure!(status.success(), "the root file system cannot be unpacked");
    let files = files_below(&root)?;
    let mut programs = BTreeSet::new();
    for path in &files {
        let name = format!("/{}", path.strip_prefix(&root)?.display());
        if let Some(wrong) = judge(path, &name, &mut programs)? {
            anyhow::bail!("{name}: {wrong}");
        }
    }
    ensure!(programs.contains("/usr/bin/init"), "init is not among {programs:?}");
    ensure!(programs.len() <= MOST_PROGRAMS, "{} programs: {programs:?}", programs.len());
    agrees_with_manifest(context, &programs)?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

fn agrees_with_manifest(context: &Context, programs: &BTreeSet<String>) -> Result<()> {
    let text = fs::read_to_string(context.image().join("manifest.json"))?;
    let manifest: Value = serde_json::from_str(&text)?;
    let listed = manifest["executables"].as_array().context("a list of executables")?;
    let listed: BTreeSet<String> = listed.iter().filter_map(|item| item["path"].as_str().map(ToOwned::to_owned)).collect();
    ensure!(*programs == listed, "the manifest lists {listed:?}, the root holds {programs:?}");
    Ok(())
}

/// What is wrong with a file, if anything.
fn judge(path: &Path, name: &str, programs: &mut BTreeSet<String>) -> Result<Option<String>> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.mode() & 0o6000 != 0 {
        return Ok(Some("is set-user-id or set-group-id".into()));
    }
    let kind = metadata.file_type();
    if kind.is_block_device() || kind.is_char_device() {
        return Ok(Some("is a device".into()));
    }
    if ABSENT.iter().any(|absent| path.file_name().is_some_and(|name| name == *absent)) {
        return Ok(Some("has no place on a node".into()));
    }
    if !kind.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(path)?;
    if bytes.starts_with(b"#!") {
        return Ok(Some("is a script".into()));
    }
    if !bytes.starts_with(b"\x7fELF") {
        let executable = metadata.mode() & 0o111 != 0;
        return Ok(executable.then(|| "is executable and no program".into()));
    }
    let elf = Elf::parse(&bytes)?;
    let guarded = guarded_functions(&bytes);
    // Kernel modules are object files; their signature is the kernel's concern.
    if elf.header.e_type == ET_REL && name.ends_with(".ko") {
        return Ok(None);
    }
    programs.insert(name.to_owned());
    let unguarded = || (guarded < LEAST_GUARDED).then(|| format!("has only {guarded} functions with a guarded stack"));
    Ok(weakness(&elf).map(ToOwned::to_owned).or_else(unguarded))
}

fn weakness(elf: &Elf<'_>) -> Option<&'static str> {
    let headers = &elf.program_headers;
    let has = |kind| headers.iter().any(|header| header.p_type == kind);
    let executable_stack = headers.iter().any(|header| header.p_type == PT_GNU_STACK && header.p_flags & PF_X != 0);
    let writable_code = headers.iter().any(|header| header.p_type == PT_LOAD && header.p_flags & (PF_W | PF_X) == PF_W | PF_X);
    match () {
        () if elf.header.e_type != ET_DYN => Some("is bound to one address"),
        () if has(PT_INTERP) => Some("needs a loader"),
        () if !elf.libraries.is_empty() => Some("needs shared libraries"),
        () if !has(PT_GNU_RELRO) => Some("has no RELRO"),
        () if !binds_now(elf) => Some("has partial RELRO only"),
        () if executable_stack || !has(PT_GNU_STACK) => Some("has an executable stack"),
        () if writable_code => Some("has code that can be written"),
        () => None,
    }
}

/// Instructions that read the guard of the stack: `mov`, `sub`, `xor` or `cmp` of a register and `%fs:0x28`, at the beginning and end of a function.
fn guarded_functions(program: &[u8]) -> usize {
    let is_one = |code: &[u8]| {
        matches!(code[..3], [0x64, 0x48 | 0x4c, 0x8b | 0x2b | 0x33 | 0x3b]) && code[3] & 0xc7 == 4 && code[4..] == [0x25, 0x28, 0, 0, 0]
    };
    program.windows(9).filter(|code| is_one(code)).count()
}

/// Everything is bound before the program runs. A static program may have nothing to bind.
fn binds_now(elf: &Elf<'_>) -> bool {
    elf.dynamic.as_ref().is_none_or(|dynamic| {
        let info = &dynamic.info;
        info.flags & DF_BIND_NOW != 0 || info.flags_1 & DF_1_NOW != 0 || info.pltrelsz == 0
    })
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            found.extend(files_below(&path)?);
        }
        found.push(path);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_told_from_what_is_none() {
        // mov %fs:0x28,%rax; sub %fs:0x28,%rdx; mov %fs:0x30,%rax
        let code = b"\x64\x48\x8b\x04\x25\x28\0\0\0\x90\x64\x48\x2b\x14\x25\x28\0\0\0\x64\x48\x8b\x04\x25\x30\0\0\0";
        assert_eq!(guarded_functions(code), 2);
    }
}
