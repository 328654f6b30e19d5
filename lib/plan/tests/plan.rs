//! What a plan says, and the laws it keeps.

use ampoule_plan::{Change, File, Plan, render};
use ampoule_settings::{Fragment, Model, Settings};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn settings(text: &str) -> Settings {
    let chosen = Fragment::from_toml(&Model::complete(), &format!("[settings]\n{text}")).expect("valid");
    Settings::new(&Fragment::default(), &chosen).expect("fits together")
}

fn apply(files: &mut BTreeMap<String, File>, plan: &Plan) {
    for change in &plan.files {
        match &change.file {
            Some(file) => drop(files.insert(change.path.clone(), file.clone())),
            None => drop(files.remove(&change.path)),
        }
    }
}

fn content(settings: &Settings, path: &str) -> String {
    String::from_utf8(render(settings)[path].content.clone()).expect("text")
}

#[test]
fn a_name_reaches_netd_and_nobody_else() {
    let plan = Plan::between(Some(&settings("")), &settings("network.hostname = \"a\"\n"));
    let paths: Vec<_> = plan.files.iter().map(|f| (f.path.as_str(), f.change)).collect();
    assert_eq!(paths, [("/etc/hostname", Change::Created), ("/etc/hosts", Change::Changed)]);
    assert_eq!(plan.services.iter().map(|s| s.service.as_str()).collect::<Vec<_>>(), ["netd"]);
}

#[test]
fn a_file_that_goes_is_removed_and_its_reader_told() {
    let plan = Plan::between(Some(&settings("network.hostname = \"a\"\n")), &settings(""));
    assert_eq!(plan.files[0].change, Change::Removed);
    assert_eq!(plan.services[0].service, "netd");
}

#[test]
fn only_registries_named_for_it_are_spoken_to_without_tls() {
    let s = settings(
        "container-registry.plain-http = [\"10.0.2.2:5000\"]\ncontainer-registry.mirrors = [{ registry = \"docker.io\", endpoint = [\"https://m.example\"] }]\n",
    );
    assert!(content(&s, "/etc/containerd/certs.d/10.0.2.2:5000/hosts.toml").contains("server = \"http://10.0.2.2:5000\""));
    let docker = content(&s, "/etc/containerd/certs.d/docker.io/hosts.toml");
    assert!(docker.contains("server = \"https://registry-1.docker.io\"") && docker.contains("[host.\"https://m.example\"]"), "{docker}");
}

#[test]
fn workloads_reach_hostd_resolved_and_unreadable_for_others() {
    let s = settings("[settings.workloads.web]\nimage = \"x\"\nmemory = \"1MiB\"\n");
    let file = &render(&s)["/etc/ampoule/workloads.json"];
    assert_eq!(file.mode, 0o600);
    assert!(content(&s, "/etc/ampoule/workloads.json").contains("\"memory\":1048576"));
    assert_eq!(Plan::between(Some(&settings("")), &s).workloads, ["web"]);
}

#[test]
fn no_secret_shows_in_a_plan() {
    let s = settings("container-registry.credentials = [{ registry = \"r.example\", username = \"u\", password = \"hunter2\" }]\n");
    let plan = Plan::between(None, &s);
    assert!(!format!("{plan:?}").contains("hunter2"));
    assert!(content(&s, "/etc/ampoule/registry-credentials.json").contains("hunter2"));
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let parts = (prop::option::of("[a-z]{1,6}"), "[a-z]{0,6}", prop::collection::btree_map("[a-z]{1,4}", 1u32..99, 0..3));
    parts.prop_map(|(name, motd, workloads)| {
        let name = name.map(|n| format!("network.hostname = \"{n}\"\n")).unwrap_or_default();
        let workloads: String =
            workloads.iter().map(|(n, m)| format!("workloads.{n} = {{ image = \"x\", memory = \"{m}MiB\" }}\n")).collect();
        settings(&format!("motd = \"{motd}\"\n{name}{workloads}"))
    })
}

proptest! {
    #[test]
    fn a_plan_leads_to_the_new_files_and_its_inverse_back(a in any_settings(), b in any_settings()) {
        let mut files = render(&a);
        apply(&mut files, &Plan::between(Some(&a), &b));
        prop_assert_eq!(&files, &render(&b));
        apply(&mut files, &Plan::between(Some(&b), &a));
        prop_assert_eq!(&files, &render(&a));
    }

    #[test]
    fn nothing_changes_between_equals(a in any_settings()) {
        prop_assert!(Plan::between(Some(&a), &a).is_empty());
    }
}
