//! What manifests promise and sources keep: the one version list, no idle dependency, no `unsafe` outside its room.

use ampoule_rules::{Member, members, table_keys, text, tracked_files};

/// The one room that may hold unsafe code.
const MAY_BE_UNSAFE: &str = "lib/sys/";

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn sources(folder: &str) -> Vec<String> {
    let below = format!("{folder}/");
    let paths = tracked_files().into_iter();
    paths.filter(|path| path.starts_with(&below) && path.ends_with(".rs")).collect()
}

#[test]
fn every_version_stands_in_the_one_list() {
    for member in members().values() {
        for kind in KINDS {
            let table = member.manifest.get(kind).and_then(|table| table.as_table());
            for (name, value) in table.into_iter().flatten() {
                let shared = value.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(shared, Some(true), "{}: {name} has a version of its own", member.path);
            }
        }
    }
}

#[test]
fn every_dependency_of_a_crate_occurs_in_it() {
    let idle: Vec<String> = members().values().flat_map(idle_dependencies).collect();
    assert!(idle.is_empty(), "named in a manifest and nowhere else: {idle:?}");
}

fn idle_dependencies(member: &Member) -> Vec<String> {
    let code: String = sources(&member.path).iter().filter_map(|path| text(path)).collect();
    KINDS
        .iter()
        .flat_map(|kind| table_keys(&member.manifest, kind))
        .filter(|name| !code.contains(&name.replace('-', "_")))
        .map(|name| format!("{}: {name}", member.path))
        .collect()
}

#[test]
fn no_source_but_those_of_sys_is_unsafe() {
    let paths = tracked_files().into_iter();
    for path in paths.filter(|path| path.ends_with(".rs") && !path.starts_with(MAY_BE_UNSAFE)) {
        for (index, line) in text(&path).unwrap_or_default().lines().enumerate() {
            assert!(!has_unsafe(line), "{path}:{}: {line}", index + 1);
        }
    }
}

/// Looks for the keyword in its places; comments may speak of it.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let keyword = concat!("un", "safe");
    let forms = [" {", " fn", " impl", " extern", " trait", "(", "_code)"];
    let inside_a_word = |at: usize| code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    forms.iter().any(|form| code.match_indices(&format!("{keyword}{form}")).any(|(at, _)| !inside_a_word(at)))
}

#[test]
fn the_search_for_unsafe_can_fail() {
    let keyword = concat!("un", "safe");
    assert!(has_unsafe(&format!("    let x = {keyword} {{ f() }};")));
    assert!(has_unsafe(&format!("#![allow({keyword}_code)]")));
    assert!(!has_unsafe(&format!("// {keyword} {{ is not here }}")));
}

/// Longest source file. Most are far below; a longer one holds two things.
const LONGEST: usize = 500;

#[test]
fn no_source_file_has_become_a_building() {
    for member in members().values() {
        for path in sources(&member.path) {
            let lines = text(&path).unwrap_or_default().lines().count();
            assert!(lines <= LONGEST, "{path} has {lines} lines: split it");
        }
    }
}

#[test]
fn what_a_person_starts_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["ampoule", ".ci/run"] {
        let path = ampoule_rules::root().join(script);
        let mode = std::fs::metadata(path).expect(script).permissions().mode();
        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
}
