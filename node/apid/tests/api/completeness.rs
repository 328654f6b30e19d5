//! A plan is complete: for every setting there is, what really happens to files and services is what the plan said.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ampoule_api_client::Method;
use ampoule_settings::{Fragment, Key, Layers, Model, all_keys, all_namespaces};
use ampoule_supervise::message::Request;
use serde_json::{Value, json};

use crate::harness::{Apid, Place};
use crate::neighbours::{self, Init};

const SERVICES: [&str; 10] =
    ["boot-parameters", "containerd", "hostd", "kernel-settings", "metricd", "modload", "netd", "ntpd", "provision", "updated"];

/// A node with every namespace and every service.
fn node() -> (Apid, Init) {
    let place = Place::new();
    let list = |names: Vec<&str>| names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    let variant =
        format!("name = \"test\"\nnamespaces = [{}]\nservices = [{}]\n", list(all_namespaces().collect()), list(SERVICES.to_vec()));
    fs::write(place.path("variant.toml"), variant).expect("variant");
    let init = neighbours::init(&place.path("init.sock"));
    SERVICES.iter().for_each(|name| init.has(name));
    (place.start_once(), init)
}

/// Settings of which the examples exclude one another.
const APART: [&str; 3] = [
    "updates.checks.web = { kind = \"http\", url = \"http://a\", timeout = \"1s\" }\n",
    "updates.checks.web = { kind = \"tcp\", address = \"::1\", port = 1 }\n",
    "workloads.db.image = \"db:1\"\nupdates.checks.web = { kind = \"command\", workload = \"db\", command = [\"/bin/true\"] }\n",
];

/// A tree with the setting's example; with its neighbours', those of its whole namespace, or those that go with it, if it cannot stand alone.
fn tree(key: &Key) -> Option<Value> {
    let parent = key.pattern.rsplit_once('.').map_or("", |(above, _)| above);
    let space = namespace(key);
    let own = || all_keys().filter(|k| k.alias_of.is_none());
    let beside = own().filter(|k| k.pattern.rsplit_once('.').map_or("", |(above, _)| above) == parent).collect();
    let all = own().filter(|k| namespace(k) == space).collect();
    let examples = |keys: Vec<&Key>| keys.iter().map(|k| format!("{} = {}\n", k.example_key(), k.example)).collect::<String>();
    let texts = [vec![key], beside, all].map(examples).into_iter().chain(APART.map(str::to_owned));
    let mut chosen = texts.map(|text| Fragment::from_toml(&Model::complete(), &format!("[settings]\n{text}")).expect("examples"));
    let whole = |chosen: &Fragment| {
        let layers = Layers { chosen: chosen.clone(), ..Layers::default() };
        chosen.get(&key.example_key()).is_some() && layers.settings().is_ok()
    };
    chosen.find(whole).map(|chosen| chosen.to_json())
}

fn namespace(key: &Key) -> &str {
    key.pattern.split('.').next().unwrap_or_default()
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type().expect("its type").is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let name = format!("/{}", entry.path().strip_prefix(root).expect("below").display());
                    drop(found.insert(name, fs::read(entry.path()).expect("its content")));
                }
            }
        }
    }
    found
}

fn told(request: &Request) -> Option<(String, &'static str)> {
    match request {
        Request::Reload(name) => Some((name.as_str().to_owned(), "reload")),
        Request::Restart(name) => Some((name.as_str().to_owned(), "restart")),
        _ => None,
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = items.into_iter().collect();
    all.sort();
    all
}

/// Plans a change, makes it, and compares.
fn holds(apid: &Apid, init: &Init, what: &str, change: &Value) {
    let planned = apid.send(Method::Post, "/v1/plan", Some(change));
    assert_eq!(planned.status, 200, "{what}: {}", planned.text());
    let plan: Value = serde_json::from_slice(&planned.body).expect("a plan");
    let (before, asked) = (files(&apid.root()), init.all().len());
    let done = apid.send(Method::Post, "/v1/apply", Some(change));
    assert_eq!(done.status, 200, "{what}: {}", done.text());

    let after = files(&apid.root());
    let differ = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).cloned();
    let mut differ = sorted(differ);
    differ.dedup();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let named = plan["files"].as_array().expect("files").iter().map(|f| text(&f["path"]));
    assert_eq!(differ, sorted(named), "{what}: files that changed, and files in the plan");

    let services = plan["services"].as_array().expect("services").iter().map(|s| (text(&s["service"]), text(&s["action"])));
    let really = init.all()[asked..].iter().filter_map(told).map(|(name, action)| (name, action.to_owned())).collect::<Vec<_>>();
    assert_eq!(sorted(really), sorted(services), "{what}: services that were told, and services in the plan");
}

#[test]
fn what_happens_is_what_the_plan_said_for_every_setting() {
    let (apid, init) = node();
    let mut tried = 0;
    for key in all_keys().filter(|k| k.alias_of.is_none() && !k.pattern.starts_with("api.remote")) {
        let tree = tree(key).unwrap_or_else(|| panic!("{} cannot be set, alone or with its neighbours", key.pattern));
        holds(&apid, &init, &format!("setting {}", key.pattern), &json!({ "settings": tree }));
        holds(&apid, &init, &format!("removing {}", key.pattern), &json!({ "unset": [namespace(key)] }));
        tried += 1;
    }
    assert!(tried > 190, "only {tried} settings were tried");
}
