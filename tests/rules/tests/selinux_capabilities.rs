//! Capabilities of services: what their service files list and what the SELinux policy gives them are the same.

use ampoule_rules::policy::{Verdict, compile, policy_text, words_after};
use ampoule_rules::{text, tracked_files};
use std::collections::{BTreeMap, BTreeSet};

/// What a domain has beyond its service file, each with its reason: domain, class, capability, why.
const BEYOND: &[(&str, &str, &str, &str)] = &[
    ("hostd_t", "cap_userns", "sys_ptrace", "it made the namespace, so it holds all there, and reads /proc/PID/ns of what is in it"),
    ("containerd_t", "cap_userns", "sys_nice", RUNTIME),
    ("shim_t", "cap_userns", "sys_nice", RUNTIME),
    ("runc_t", "cap_userns", "sys_nice", RUNTIME),
];
const RUNTIME: &str = "it made the namespace, so it holds all there; the kernel asks when what is in it is moved to a cpuset";

/// What runs with the rights of another's service file, because that starts it.
const STARTED_BY: &[(&str, &str)] = &[("shim_t", "containerd_t"), ("runc_t", "containerd_t")];

/// Names of the kernel's capabilities, those up to number 31 and the others, as the policy's classes have them.
fn known(common: &str) -> BTreeSet<String> {
    let classes = text("policy/selinux/classes.cil").expect("tracked");
    let list =
        classes.split(&format!("(common {common} (")).nth(1).and_then(|rest| rest.split("))").next()).expect("a list of permissions");
    list.split_whitespace().map(str::to_owned).collect()
}

/// Each domain of a service and what its service files list. Two files for one program, as the test image has, count together.
fn listed() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    let files = tracked_files().into_iter().filter(|path| path.ends_with("/service.toml"));
    for (domain, capabilities) in files.map(|path| service(&path)) {
        all.entry(domain).or_default().extend(capabilities);
    }
    for (started, starter) in STARTED_BY {
        all.insert((*started).to_owned(), all[*starter].clone());
    }
    all
}

fn service(path: &str) -> (String, BTreeSet<String>) {
    let file: toml::Table = text(path).expect("tracked").parse().expect("TOML");
    let program = file["command"].as_array().and_then(|words| words.first()?.as_str()).expect("a command");
    let names = file["rights"].get("capabilities").and_then(toml::Value::as_array);
    let capabilities = names.into_iter().flatten().filter_map(toml::Value::as_str).map(|name| name.replace('-', "_")).collect();
    (domain_of(program), capabilities)
}

/// The domain that init's starting of `program` leads to.
fn domain_of(program: &str) -> String {
    let contexts = text("policy/selinux/file-contexts").expect("tracked");
    let line = contexts.lines().find(|line| line.split_whitespace().next() == Some(program));
    let label = line.and_then(|line| line.split(':').nth(2)?.strip_suffix("_exec_t")).unwrap_or_else(|| panic!("{program} has no label"));
    format!("{label}_t")
}

/// A rule for each set of permissions that `choose` makes of (domain, class, what the kernel knows, what is listed).
fn promises(choose: impl Fn(&str, &str, &BTreeSet<String>, &BTreeSet<String>) -> Vec<String>) -> Vec<String> {
    let classes =
        [("capability", known("cap")), ("capability2", known("cap2")), ("cap_userns", known("cap")), ("cap2_userns", known("cap2"))];
    let of = |(domain, listed): (&String, &BTreeSet<String>)| -> Vec<String> {
        classes.iter().flat_map(|(class, known)| choose(domain, class, known, listed)).collect()
    };
    listed().iter().flat_map(of).collect()
}

/// No domain may have what its service file does not list.
fn nothing_beyond(domain: &str, class: &str, known: &BTreeSet<String>, listed: &BTreeSet<String>) -> Vec<String> {
    let excused = |name: &str| BEYOND.iter().any(|(whose, of, which, _)| (*whose, *of, *which) == (domain, class, name));
    let rest: Vec<_> = known.difference(listed).filter(|name| !excused(name)).cloned().collect();
    vec![format!("(neverallow {domain} self ({class} ({})))", rest.join(" "))]
}

fn verdict(name: &str, rules: &[String]) -> Verdict {
    compile(env!("CARGO_TARGET_TMPDIR"), name, &rules.join("\n"))
}

#[test]
fn no_service_has_more_than_its_file_lists() {
    let rules = promises(nothing_beyond);
    assert!(rules.len() > 60, "{rules:#?}");
    let verdict = verdict("beyond", &rules);
    assert!(verdict.compiled, "capabilities that no service file lists: {}", verdict.said);
}

/// A service that is refused what its file lists fails at the moment it needs it. Each of these must be broken by what the policy allows.
#[test]
fn each_service_has_what_its_file_lists() {
    let all = promises(|domain, class, known, listed| {
        let wanted = known.intersection(listed).filter(|_| !class.ends_with("_userns"));
        wanted.map(|name| format!("(neverallow {domain} self ({class} ({name})))")).collect()
    });
    let broken: BTreeSet<String> = verdict("listed", &all).broken.into_iter().map(|one| one.promise).collect();
    let refused: Vec<_> = all.iter().filter(|rule| !broken.contains(*rule)).collect();
    assert!(all.len() > 40 && refused.is_empty(), "listed in a service file and refused by the policy: {refused:#?}");
}

/// The comparison would see one too many, in each of the classes.
#[test]
fn one_too_many_is_seen() {
    let added = [
        "(allow metricd_t self (capability (net_raw)))",
        "(allow netd_t self (capability2 (bpf)))",
        "(allow hostd_t self (cap_userns (mknod)))",
    ];
    let rules: Vec<_> = added.iter().map(|rule| (*rule).to_owned()).chain(promises(nothing_beyond)).collect();
    let verdict = verdict("too-many", &rules);
    for line in 1..=added.len() {
        // Those of `never-capabilities.cil` stand in a file of the policy; these are in the added one.
        let ours = |place: &str| place.starts_with("too-many-added.cil");
        assert!(verdict.broken.iter().any(|one| ours(&one.place) && one.by.contains(&line)), "{}: {}", added[line - 1], verdict.said);
    }
}

/// An excuse for what nobody has any more hides the next one.
#[test]
fn every_excuse_is_needed() {
    let rules: Vec<_> = BEYOND.iter().map(|(domain, class, name, _)| format!("(neverallow {domain} self ({class} ({name})))")).collect();
    let broken = verdict("excuses", &rules).broken;
    assert_eq!(broken.len(), BEYOND.len(), "{broken:#?}");
}

/// Every domain that init starts belongs to a service file.
#[test]
fn every_service_of_the_policy_has_a_file() {
    let (all, listed) = (policy_text(""), listed());
    let domains: Vec<_> = words_after(&all, "(call service (").collect();
    assert!(domains.len() > 14, "{domains:?}");
    for domain in domains.into_iter().filter(|name| *name != "D") {
        assert!(listed.contains_key(domain), "{domain} has no service file");
    }
}
