//! Lists of system calls (`policy/seccomp/NAME.json`) to programs of the kernel's packet filter machine.
//!
//! A list says what a program may do; whatever else it tries ends it. Lists include others, so that what every program does stands in one place.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use seccompiler::{BpfProgram, TargetArch, compile_from_json, sock_filter};
use serde::Deserialize;
use serde_json::{Value, json};

/// Shortest reason that can be one.
const SHORTEST_REASON: usize = 8;
/// Number of `clone3` on every machine (the newer calls have one number for all).
const CLONE3: u32 = 435;
/// `SECCOMP_RET_ERRNO` with `ENOSYS`.
const NO_SUCH_CALL: u32 = 0x0005_0000 | 38;

/// What becomes of a program that makes a call which is not on its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It is killed.
    Kill,
    /// The kernel's log has it.
    Log,
}

/// The calls that a program may make: those of a list and of all that it includes.
#[derive(Debug, Clone)]
pub struct List {
    name: String,
    entries: Vec<Entry>,
}

/// A list as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
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

impl List {
    /// Reads `NAME.json` in `folder`.
    ///
    /// # Errors
    /// There is no such list, or it is wrong: which, and where.
    pub fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let mut entries = Vec::new();
        gather(folder, name, &mut BTreeSet::new(), &mut entries)?;
        Ok(Self { name: name.to_owned(), entries })
    }

    /// What both allow.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// Names of the calls, with or without conditions.
    #[must_use]
    pub fn calls(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|entry| entry.syscall.as_str()).collect()
    }

    /// Whether a call with these arguments may be made; those that are not given count as 0.
    #[must_use]
    pub fn allows(&self, call: &str, args: &[u64]) -> bool {
        self.entries.iter().any(|entry| entry.syscall == call && entry.args.iter().all(|condition| holds(condition, args)))
    }

    /// Instructions one after another, as the kernel takes them.
    ///
    /// # Errors
    /// A call or a condition that means nothing.
    pub fn compile(&self, otherwise: Otherwise) -> anyhow::Result<Vec<u8>> {
        let program = program(&self.entries, otherwise).with_context(|| format!("the list of system calls {} is wrong", self.name))?;
        Ok(without_clone3().into_iter().chain(program).flat_map(bytes).collect())
    }
}

/// Whether a condition holds (`seccompiler`'s `eq` and `masked_eq`; a list has no other).
fn holds(condition: &Value, args: &[u64]) -> bool {
    let number = |key: &str| condition[key].as_u64();
    let index = number("index").and_then(|index| usize::try_from(index).ok());
    let arg = index.and_then(|index| args.get(index)).copied().unwrap_or_default();
    match (condition["op"].as_str(), condition["op"]["masked_eq"].as_u64()) {
        (Some("eq"), _) => number("val") == Some(arg),
        (_, Some(mask)) => number("val").is_some_and(|val| arg & mask == val & mask),
        _ => false,
    }
}

/// The entries of a list and of all that it includes, each list once.
fn gather(folder: &Path, name: &str, seen: &mut BTreeSet<String>, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
    if !seen.insert(name.to_owned()) {
        return Ok(());
    }
    let path = folder.join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("there is no list {name}: cannot read {}", path.display()))?;
    let list: Written = serde_json::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
    anyhow::ensure!(list.about.len() >= SHORTEST_REASON, "{}: say what it is for", path.display());
    let reasonless = list.allow.iter().find(|entry| entry.why.trim().len() < SHORTEST_REASON);
    if let Some(entry) = reasonless {
        anyhow::bail!("{}: say who calls {} and for what", path.display(), entry.syscall);
    }
    list.includes.iter().try_for_each(|included| gather(folder, included, seen, entries))?;
    entries.extend(list.allow);
    Ok(())
}

fn program(entries: &[Entry], otherwise: Otherwise) -> anyhow::Result<BpfProgram> {
    let otherwise = match otherwise {
        Otherwise::Kill => "kill_process",
        Otherwise::Log => "log",
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

    fn one(folder: &Path, name: &str, otherwise: Otherwise) -> anyhow::Result<Vec<u8>> {
        List::read(folder, name)?.compile(otherwise)
    }

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
        let (small, large) = (one(dir.path(), "base", Otherwise::Kill), one(dir.path(), "more", Otherwise::Kill));
        let (small, large) = (small.expect("compiled"), large.expect("compiled"));
        assert!(small.len() % 8 == 0 && small.len() < large.len());
        assert_ne!(one(dir.path(), "base", Otherwise::Log).expect("compiled"), small);
        let list = List::read(dir.path(), "more").expect("a list");
        assert_eq!(list.calls(), BTreeSet::from(["read", "socket"]));
        let both = List::read(dir.path(), "base").expect("a list").and(list);
        assert_eq!(both.compile(Otherwise::Kill).expect("compiled"), large);
    }

    #[test]
    fn a_list_says_which_calls_it_allows() {
        let text = r#"{ "about": "of one program", "includes": ["base"], "allow": [
            { "syscall": "socket", "why": "one kind of netlink", "args": [{ "index": 0, "type": "dword", "op": "eq", "val": 16 }, { "index": 2, "type": "dword", "op": "eq", "val": 15 }] },
            { "syscall": "mmap", "why": "memory that is not executable", "args": [{ "index": 2, "type": "qword", "op": { "masked_eq": 4 }, "val": 0 }] } ] }"#;
        let dir = folder(&[("base", BASE), ("x", text)]);
        let list = List::read(dir.path(), "x").expect("a list");
        assert!(list.allows("read", &[]) && list.allows("socket", &[16, 2, 15]) && list.allows("mmap", &[0, 0, 3]));
        assert!(
            !list.allows("write", &[])
                && !list.allows("socket", &[16, 2, 0])
                && !list.allows("socket", &[])
                && !list.allows("mmap", &[0, 0, 7])
        );
    }

    /// `policy/recorded-calls.json` has numbers, because the kernel's records do.
    #[test]
    fn recorded_calls_have_their_numbers() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policy/recorded-calls.json");
        let list: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("read")).expect("a list");
        for entry in list["calls"].as_array().expect("calls") {
            let name = entry["call"].as_str().expect("a name");
            let number = u32::try_from(entry["number"].as_u64().expect("a number")).expect("a small one");
            if name == "open_tree_attr" {
                // Newer than the compiler's table.
                assert_eq!(number, 467);
                continue;
            }
            let entries = [Entry { syscall: name.to_owned(), why: String::new(), args: Vec::new() }];
            let program = program(&entries, Otherwise::Kill).expect("compiled");
            // Jump if the call's number is this one.
            assert!(program.iter().any(|step| step.code == 0x15 && step.k == number), "{name} is not {number}");
        }
    }

    #[test]
    fn an_entry_without_conditions_beats_one_with_some() {
        let both = r#"{ "about": "of one program", "includes": ["base"], "allow": [
            { "syscall": "read", "why": "standard input", "args": [{ "index": 0, "type": "dword", "op": "eq", "val": 0 }] } ] }"#;
        let dir = folder(&[("base", BASE), ("both", both)]);
        assert_eq!(
            one(dir.path(), "both", Otherwise::Kill).expect("compiled"),
            one(dir.path(), "base", Otherwise::Kill).expect("compiled")
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
            let error = format!("{:#}", one(dir.path(), "x", Otherwise::Kill).expect_err("refused"));
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
            one(&folder, &name, Otherwise::Kill).expect("a list");
        }
    }
}
