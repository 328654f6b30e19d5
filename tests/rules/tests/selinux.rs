//! The SELinux policy: it compiles, it has no way out, each program has a label, and nothing in it is idle. Its promises: `selinux_promises.rs`;
//! capabilities: `selinux_capabilities.rs`.

use ampoule_rules::policy::{compile, policy_text, uses, words_after};
use ampoule_rules::{text, tracked_files};

/// Where the compiler's input lies.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn it_compiles() {
    let verdict = compile(SCRATCH, "whole", "");
    assert!(verdict.compiled, "{}", verdict.said);
}

#[test]
fn nobody_is_let_off() {
    let all = policy_text("");
    assert!(all.contains("(handleunknown deny)") && all.contains("(mls true)"));
    for way_out in ["typepermissive", "handleunknown allow", "(boolean ", "(tunable "] {
        assert!(!all.contains(way_out), "{way_out}");
    }
}

/// Only the command line of the API, which does nothing that its caller may not do, runs as its caller.
const WITHOUT_DOMAIN: &[&str] = &["ampctl"];

/// In the image of the variant `test` only: what plays a program that was taken over has its label.
const STAND_INS: &[&str] = &["/usr/bin/probe-engine"];

#[test]
fn every_program_of_the_image_has_a_label_of_its_own() {
    let contexts = text("policy/selinux/file-contexts").expect("a tracked file");
    let programs = programs();
    assert!(programs.len() > 10, "{programs:?}");
    for program in programs.iter().filter(|name| !WITHOUT_DOMAIN.contains(&name.as_str())) {
        let lines: Vec<_> =
            contexts.lines().filter(|line| line.split_whitespace().next() == Some(&format!("/usr/bin/{program}"))).collect();
        let kind = lines.first().and_then(|line| line.split(':').nth(2)).unwrap_or_default();
        assert!(lines.len() == 1 && kind.ends_with("_exec_t"), "/usr/bin/{program} has no label of its own");
        let stands_in = |line: &str| STAND_INS.iter().any(|path| line.split_whitespace().next() == Some(path));
        let shared = contexts.lines().filter(|line| line.contains(&format!(":{kind}:")) && !stands_in(line)).count();
        assert_eq!(shared, 1, "{kind} is the label of several programs");
    }
}

/// What `file-contexts` names is declared, and its first line is for every path there is.
#[test]
fn every_label_of_the_root_exists() {
    let all = policy_text("");
    let contexts = text("policy/selinux/file-contexts").expect("a tracked file");
    let lines: Vec<_> = contexts.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("/.* ")), "no label for what has none of its own");
    for line in lines {
        let kind = line.split(':').nth(2).expect("user:role:type:level");
        assert!(all.contains(&format!("(type {kind})")), "{kind} is not declared");
    }
}

/// The programs of the first-party recipe and the commands of all services.
fn programs() -> Vec<String> {
    let recipe: toml::Table = text("image/packages/ampoule/recipe.toml").expect("tracked").parse().expect("TOML");
    let listed = recipe["build"]["programs"].as_array().expect("a list").iter().filter_map(|name| name.as_str().map(str::to_owned));
    let services = tracked_files().into_iter().filter(|path| path.ends_with("/service.toml"));
    let commands = services.filter_map(|path| {
        let service: toml::Table = text(&path)?.parse().ok()?;
        Some(service["command"].as_array()?.first()?.as_str()?.strip_prefix("/usr/bin/")?.to_owned())
    });
    listed.chain(commands).collect()
}

/// An attribute that no rule reads, or a macro that nobody calls, says something that is not so.
#[test]
fn nothing_is_declared_that_no_rule_uses() {
    let all = policy_text("");
    let given =
        |name: &str| all.matches(&format!("(typeattributeset {name} ")).count() + all.matches(&format!("(typeattribute {name})")).count();
    let idle = |name: &&str| uses(&all, name) <= given(name);
    let attributes: Vec<_> = words_after(&all, "(typeattribute ").filter(idle).collect();
    assert!(attributes.is_empty(), "no rule uses {attributes:?}");
    let macros: Vec<_> = words_after(&all, "(macro ").filter(|name| !all.contains(&format!("(call {name} "))).collect();
    assert!(macros.is_empty(), "nobody calls {macros:?}");
}

/// A type that only a promise names is as idle as one that nothing names.
#[test]
fn every_type_is_used_by_a_rule_that_allows() {
    let all = policy_text("never");
    let idle: Vec<_> = words_after(&all, "(type ").filter(|name| uses(&all, name) < 2).collect();
    assert!(idle.is_empty(), "only declared: {idle:?}");
    assert!(!all.contains("(typealias "), "a second name for a type hides who has it");
}

/// What the machine's case compares running programs with knows every domain of the host.
#[test]
fn the_case_of_domains_knows_each() {
    let (all, case) = (policy_text(""), text("tests/vm/src/cases/confinement.rs").expect("tracked"));
    let table = case.split("const DOMAINS").nth(1).and_then(|rest| rest.split("];").next()).expect("the table of domains");
    let domains: Vec<_> = words_after(&all, "(type ").filter_map(|name| name.strip_suffix("_exec_t")).collect();
    assert!(domains.len() > 17, "{domains:?}");
    let missing: Vec<_> = domains.iter().filter(|name| !table.contains(&format!("\"{name}_t\""))).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}
