//! Which way dependencies point, and where `unsafe` may be.

use ampoule_rules::{Member, members, root, table_keys, text, tracked_files};
use std::collections::{BTreeMap, BTreeSet};

fn ours<'a>(member: &'a Member, all: &'a BTreeMap<String, Member>) -> impl Iterator<Item = &'a Member> {
    member.dependencies.iter().filter_map(|d| all.get(d))
}

/// Asserts that no member chosen by `from` depends on one of ours that `to` forbids.
fn forbid(from: impl Fn(&Member) -> bool, to: impl Fn(&Member) -> bool, rule: &str) {
    let all = members();
    assert!(all.values().any(&from), "the rule \"{rule}\" looks at no crate: it has gone stale");
    let broken: Vec<String> = all
        .values()
        .filter(|m| from(m))
        .flat_map(|m| ours(m, &all).filter(|d| to(d)).map(|d| format!("{} -> {}", m.path, d.path)).collect::<Vec<_>>())
        .collect();
    assert!(broken.is_empty(), "{rule}: {broken:?}");
}

#[test]
fn pure_crates_use_only_pure_crates() {
    forbid(Member::is_pure, |d| !d.is_pure(), "a pure crate may use only pure crates");
}

#[test]
fn pure_crates_have_no_async_runtime_or_system_calls() {
    let effects = ["tokio", "rustix", "libc", "nix", "hyper", "rtnetlink", "netlink-sys"];
    for m in members().values().filter(|m| m.is_pure()) {
        let found: Vec<_> = m.dependencies.iter().filter(|d| effects.contains(&d.as_str())).collect();
        assert!(found.is_empty(), "{} is pure and may not use {found:?}", m.path);
    }
}

#[test]
fn pure_crates_touch_no_file_socket_or_clock() {
    let effects = ["std::fs", "std::net::Tcp", "std::net::Udp", "std::os::unix::net", "Instant::now", "SystemTime::now"];
    for path in tracked_files().iter().filter(|p| is_pure_source(p)) {
        let code = without_tests(&text(path).unwrap_or_default());
        let found: Vec<_> = effects.iter().filter(|e| code.contains(**e)).collect();
        assert!(found.is_empty(), "{path} is in a pure crate and may not use {found:?}");
    }
}

fn is_pure_source(path: &str) -> bool {
    let pure = ampoule_rules::PURE.iter().any(|p| path.starts_with(&format!("lib/{p}/src/")));
    pure && path.ends_with(".rs") && !path.ends_with("tests.rs")
}

fn without_tests(source: &str) -> String {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn libraries_do_not_use_programs_or_the_host_side() {
    forbid(|m| m.room() == "lib", |d| d.room() != "lib", "a crate of lib/ may use only lib/");
}

#[test]
fn programs_do_not_depend_on_programs() {
    forbid(|m| m.room() == "node", |d| !["lib", "api"].contains(&d.room()), "a program may use only lib/ and api/");
}

#[test]
fn the_contract_does_not_know_the_inside() {
    let allowed = ["base", "report"];
    forbid(|m| m.room() == "api", |d| d.room() != "api" && !allowed.contains(&d.leaf()), "api/ may use only api/ and lib/base");
}

#[test]
fn whole_system_tests_do_not_import_programs() {
    forbid(|m| m.path == "tests/vm", |d| d.room() == "node", "tests/vm may not use node/");
}

#[test]
fn init_depends_on_what_its_readme_lists_and_nothing_else() {
    let readme = text("node/init/README.md").expect("node/init/README.md exists");
    let listed = readme.split("<!-- dependencies -->").nth(1).expect("the list stands between two <!-- dependencies --> marks");
    let allowed: BTreeSet<String> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let actual: BTreeSet<String> = members()["ampoule-init"].dependencies.iter().cloned().collect();
    assert_eq!(actual, allowed, "lengthening this list takes a decision record");
}

#[test]
fn every_crate_but_sys_forbids_unsafe() {
    for m in members().values().filter(|m| m.path != "lib/sys") {
        let inherits = m.manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherits, Some(true), "{}: `[lints] workspace = true` is missing, so unsafe code is not forbidden", m.path);
    }
    let workspace: toml::Table = text("Cargo.toml").expect("root manifest").parse().expect("TOML");
    let level = workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str();
    assert_eq!(level, Some("forbid"));
}

#[test]
fn every_shared_dependency_is_used() {
    let all = members();
    let workspace: toml::Table = text("Cargo.toml").expect("root manifest").parse().expect("TOML");
    let listed = workspace["workspace"]["dependencies"].as_table().expect("a table");
    let used: BTreeSet<String> = all.values().flat_map(all_dependencies).collect();
    let unused: Vec<_> = listed.keys().filter(|k| !used.contains(*k)).collect();
    assert!(unused.is_empty(), "[workspace.dependencies] lists what no crate uses: {unused:?}");
}

fn all_dependencies(m: &Member) -> Vec<String> {
    ["dependencies", "dev-dependencies", "build-dependencies"].iter().flat_map(|t| table_keys(&m.manifest, t)).collect()
}

#[test]
fn every_room_has_a_readme() {
    let rooms = ["api", "lib", "node", "image", "variants", "policy", "operator", "tests", "docs"];
    let crates = members().into_values().filter(|m| m.path.contains('/')).map(|m| m.path);
    for room in rooms.map(str::to_owned).into_iter().chain(crates) {
        assert!(root().join(&room).join("README.md").is_file(), "{room} has no README.md");
    }
}
