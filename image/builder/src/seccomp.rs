//! Lists of system calls (`policy/seccomp/NAME.json`) to programs of the kernel's packet filter machine.
//!
//! A list says what a program may do; whatever else it tries ends it. Lists include others, so that what every program does stands in one place.

use crate::variant::Enforcement;
use ampoule_supervise::service::ServiceFile;
use anyhow::Context;
use seccompiler::{BpfProgram, TargetArch, compile_from_json, sock_filter};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Shortest reason that can be one.
const SHORTEST_REASON: usize = 8;
/// Number of `clone3` on every machine (the newer calls have one number for all).
const CLONE3: u32 = 435;
/// `SECCOMP_RET_ERRNO` with `ENOSYS`.
const NO_SUCH_CALL: u32 = 0x0005_0000 | 38;

/// A list as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// What it is for.
    about: String,
    /// Lists that it adds to.
    #[serde(default)]
    includes: Vec<String>,
    allow: Vec<Entry>,
}

/// A system call that a program may make.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    syscall: String,
    /// Who calls it, and for what.
    why: String,
    /// Conditions on its arguments, as `seccompiler` takes them; all must hold.
    #[serde(default)]
    args: Vec<Value>,
}

/// The compiled lists of all services that have one, by name, each once.
pub(crate) fn compile(repo: &Path, services: &[(String, PathBuf)], enforcement: Enforcement) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut compiled = BTreeMap::new();
    for (name, path) in services {
        let text = std::fs::read_to_string(path)?;
        let file = ServiceFile::parse(&text).map_err(anyhow::Error::msg).with_context(|| format!("the service {name} is wrong"))?;
        let reason =
            || format!("the service {name} has no list of system calls: name one in `[rights] seccomp`, or say why in `[exceptions]`");
        match file.rights.seccomp {
            Some(list) => drop(compiled.insert(list.clone(), one(&repo.join("policy/seccomp"), &list, enforcement)?)),
            None => anyhow::ensure!(file.exceptions.seccomp.is_some(), reason()),
        }
    }
    Ok(compiled)
}

fn one(folder: &Path, name: &str, enforcement: Enforcement) -> anyhow::Result<Vec<u8>> {
    let mut entries = Vec::new();
    gather(folder, name, &mut BTreeSet::new(), &mut entries)?;
    let program = program(&entries, enforcement).with_context(|| format!("the list of system calls {name} is wrong"))?;
    Ok(without_clone3().into_iter().chain(program).flat_map(bytes).collect())
}

/// The entries of a list and of all that it includes, each list once.
fn gather(folder: &Path, name: &str, seen: &mut BTreeSet<String>, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
    if !seen.insert(name.to_owned()) {
        return Ok(());
    }
    let path = folder.join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("there is no list {name}: cannot read {}", path.display()))?;
    let list: List = serde_json::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
    anyhow::ensure!(list.about.len() >= SHORTEST_REASON, "{}: say what it is for", path.display());
    let reasonless = list.allow.iter().find(|entry| entry.why.trim().len() < SHORTEST_REASON);
    if let Some(entry) = reasonless {
        anyhow::bail!("{}: say who calls {} and for what", path.display(), entry.syscall);
    }
    list.includes.iter().try_for_each(|included| gather(folder, included, seen, entries))?;
    entries.extend(list.allow);
    Ok(())
}

fn program(entries: &[Entry], enforcement: Enforcement) -> anyhow::Result<BpfProgram> {
    let otherwise = match enforcement {
        Enforcement::Kill => "kill_process",
        Enforcement::Log => "log",
    };
    // An entry without conditions makes those with some needless, and the compiler refuses both.
    let free: BTreeSet<&str> = entries.iter().filter(|e| e.args.is_empty()).map(|e| e.syscall.as_str()).collect();
    let bound = entries.iter().filter(|e| !free.contains(e.syscall.as_str()));
    let rules = free.iter().map(|name| json!({ "syscall": name })).chain(bound.map(|e| json!({ "syscall": e.syscall, "args": e.args })));
    let rules: Vec<Value> = rules.collect();
    let document = json!({ "main": { "mismatch_action": otherwise, "match_action": "allow", "filter": rules } });
    let architecture = TargetArch::try_from("x86_64")?;
    let mut programs = compile_from_json(document.to_string().as_bytes(), architecture)?;
    programs.remove("main").context("the compiler gave nothing back")
}

/// `clone3` hides its flags in memory, where no filter can see them: as if the kernel did not know it, so that the C library uses `clone`, whose flags are seen.
fn without_clone3() -> [sock_filter; 3] {
    [
        // Load the number of the call.
        sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
        // Another one: go on after the next instruction.
        sock_filter { code: 0x15, jt: 0, jf: 1, k: CLONE3 },
        sock_filter { code: 0x06, jt: 0, jf: 0, k: NO_SUCH_CALL },
    ]
}

/// As the kernel of the image has it: little-endian.
fn bytes(instruction: sock_filter) -> [u8; 8] {
    let [a, b] = instruction.code.to_le_bytes();
    let [w, x, y, z] = instruction.k.to_le_bytes();
    [a, b, instruction.jt, instruction.jf, w, x, y, z]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(lists: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in lists {
            std::fs::write(dir.path().join(name).with_extension("json"), text).expect("written");
        }
        dir
    }

    const BASE: &str = r#"{ "about": "what all need", "allow": [{ "syscall": "read", "why": "reads files" }] }"#;

    #[test]
    fn a_list_with_what_it_includes_becomes_a_program() {
        let more = r#"{ "about": "of one program", "includes": ["base", "base"], "allow": [
            { "syscall": "socket", "why": "unix sockets", "args": [{ "index": 0, "type": "dword", "op": "eq", "val": 1 }] },
            { "syscall": "socket", "why": "netlink sockets", "args": [{ "index": 0, "type": "dword", "op": "eq", "val": 16 }] } ] }"#;
        let dir = folder(&[("base", BASE), ("more", more)]);
        let (small, large) = (one(dir.path(), "base", Enforcement::Kill), one(dir.path(), "more", Enforcement::Kill));
        let (small, large) = (small.expect("compiled"), large.expect("compiled"));
        assert!(small.len() % 8 == 0 && small.len() < large.len());
        assert_ne!(one(dir.path(), "base", Enforcement::Log).expect("compiled"), small);
    }

    #[test]
    fn an_entry_without_conditions_beats_one_with_some() {
        let both = r#"{ "about": "of one program", "includes": ["base"], "allow": [
            { "syscall": "read", "why": "standard input", "args": [{ "index": 0, "type": "dword", "op": "eq", "val": 0 }] } ] }"#;
        let dir = folder(&[("base", BASE), ("both", both)]);
        assert_eq!(
            one(dir.path(), "both", Enforcement::Kill).expect("compiled"),
            one(dir.path(), "base", Enforcement::Kill).expect("compiled")
        );
    }

    #[test]
    fn what_has_no_reason_or_means_nothing_is_refused_by_name() {
        for (text, word) in [
            (r#"{ "about": "of one program", "allow": [{ "syscall": "read", "why": "" }] }"#, "read"),
            (r#"{ "about": "", "allow": [] }"#, "what it is for"),
            (r#"{ "about": "of one program", "allow": [{ "syscall": "reed", "why": "reads files" }] }"#, "reed"),
            (r#"{ "about": "of one program", "includes": ["absent"], "allow": [] }"#, "absent"),
            (r#"{ "about": "of one program", "deny": [], "allow": [] }"#, "deny"),
        ] {
            let dir = folder(&[("x", text)]);
            let error = format!("{:#}", one(dir.path(), "x", Enforcement::Kill).expect_err("refused"));
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn all_lists_of_the_repository_are_right_and_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policy/seccomp");
        let names = std::fs::read_dir(&folder).expect("listed").flatten();
        let names: BTreeSet<String> = names.filter_map(|e| Some(e.path().file_stem()?.to_str()?.to_owned())).collect();
        assert!(names.len() >= 10, "{names:?}");
        for name in names {
            one(&folder, &name, Enforcement::Kill).expect("a list");
        }
    }
}
