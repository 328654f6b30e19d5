//! Settings of another version: the same program with further steps plays the next one.

use std::{fs, process::Stdio, thread, time::Duration};

use ampoule_api_client::Method;
use ampoule_api_types::v1::{GenerationList, GenerationOrigin};
use serde_json::{Value, json};

use crate::harness::{Apid, Place, error_of, eventually};
use crate::updates;

/// The next version calls the node's name `motd`, spells a registry otherwise and does without `network.https-proxy`. Each of these keys is one that both versions take.
const STEPS: &str = r#"
    [[step]]
    version = "9.0.0"
    changes = [
        { moved = { from = "network.hostname", to = "motd" } },
        { replaced = { key = "container-registry.plain-http", from = ["a.example"], to = ["b.example"] } },
        { removed = { key = "network.https-proxy" } },
    ]
"#;

const USER_DATA: &str = r#"
    [settings]
    motd = "from before"
    [settings.network]
    hostname = "n1"
    https-proxy = "http://proxy.example"
    [settings.container-registry]
    plain-http = ["a.example"]
"#;

fn old() -> Value {
    json!({ "motd": "from before", "network": { "hostname": "n1", "https-proxy": "http://proxy.example" },
        "container-registry": { "plain-http": ["a.example"] } })
}

fn new() -> Value {
    json!({ "motd": "n1", "container-registry": { "plain-http": ["b.example"] } })
}

/// A node whose first version has settings; its updater says of the boots that follow what `state` is.
fn node() -> Place {
    let place = updates::place().with_user_data(USER_DATA);
    let apid = place.start();
    assert_eq!(apid.settings(), old());
    apid.kill();
    place
}

/// Boots the next version, whose health stands so.
fn boots_new(place: &Place, state: &str) -> Apid {
    boots(place, state);
    place.start_with_steps(STEPS)
}

/// Boots the first version again.
fn boots_old(place: &Place) -> Apid {
    boots(place, "fell-back");
    place.start()
}

fn boots(place: &Place, state: &str) {
    let number = fs::read_to_string(place.path("boot-id")).expect("a boot").len();
    place.boot(&"n".repeat(number + 1));
    let mut status = updates::idle();
    status["boot"]["state"] = json!(state);
    updates::updater(place).stands(status);
}

fn list(apid: &Apid) -> GenerationList {
    apid.client().get_json("/v1/generations").expect("generations")
}

fn origins(apid: &Apid) -> Vec<GenerationOrigin> {
    list(apid).generations.into_iter().map(|generation| generation.origin).collect()
}

/// Changes settings and waits until the change is there to stay.
fn changes(apid: &Apid, tree: &Value) {
    apid.change(tree);
    eventually("it is confirmed", || list(apid).standing.trial.is_none());
}

fn is_proven(apid: &Apid) -> bool {
    list(apid).generations.iter().any(|generation| generation.message.starts_with("This version is good"))
}

#[test]
fn the_new_version_makes_a_generation_and_leaves_the_old_one() {
    let place = node();
    let before = fs::read(place.path("state/settings/00000001.json")).expect("a generation");
    let apid = boots_new(&place, "trial");
    assert_eq!((apid.settings(), list(&apid).problems), (new(), vec![]));
    assert_eq!(origins(&apid), [GenerationOrigin::UserData, GenerationOrigin::Migration { of: 1 }]);
    assert_eq!(fs::read(place.path("state/settings/00000001.json")).expect("a generation"), before);
    apid.kill();
    let apid = place.start_with_steps(STEPS);
    assert_eq!((apid.settings(), origins(&apid).len()), (new(), 2), "once");
    // What the old version had is shown in the form of this one, and can be had again.
    let shown: Value = apid.client().get_json("/v1/generations/1").expect("a generation");
    assert_eq!(shown["settings"], new());
    apid.change(&json!({ "motd": "other" }));
    assert_eq!(apid.send(Method::Post, "/v1/generations/1/restore", None).status, 200);
    assert_eq!(apid.settings(), new());
}

#[test]
fn back_from_a_version_that_was_not_good_everything_is_as_it_was() {
    let place = node();
    let apid = boots_new(&place, "trial");
    for n in 0..60 {
        apid.change(&json!({ "motd": format!("change {n}") }));
    }
    assert!(!is_proven(&apid) && list(&apid).generations.iter().any(|generation| generation.number == 1), "it was pruned");
    apid.kill();
    let apid = boots_old(&place);
    assert_eq!(apid.settings(), old());
    assert_eq!(origins(&apid).last(), Some(&GenerationOrigin::Migration { of: 1 }));
    let standing = list(&apid).standing;
    assert_eq!((standing.in_force, standing.trial), (standing.confirmed, None));
    let unknown = apid.send(Method::Get, "/v1/generations/61", None);
    assert_eq!((unknown.status, error_of(&unknown)["message"].to_string().contains("newer version")), (409, true), "{}", unknown.text());
}

#[test]
fn back_from_a_version_that_was_good_its_changes_come_along() {
    let place = node();
    let apid = boots_new(&place, "good");
    eventually("it is known to be good", || is_proven(&apid));
    changes(&apid, &json!({ "motd": "n2" }));
    apid.kill();
    let apid = boots_old(&place);
    let mut wanted = old();
    wanted["network"]["hostname"] = json!("n2");
    assert_eq!((apid.settings(), list(&apid).problems), (wanted.clone(), vec![]));
    changes(&apid, &json!({ "motd": "set on the old one" }));
    apid.kill();
    let apid = boots_new(&place, "trial");
    assert_eq!(apid.settings(), json!({ "motd": "n2", "container-registry": { "plain-http": ["b.example"] } }));
    apid.kill();
    wanted["motd"] = json!("set on the old one");
    assert_eq!(boots_old(&place).settings(), wanted);
}

#[test]
fn what_a_person_has_to_confirm_has_to_be_confirmed_on_the_new_version() {
    let place = node();
    let apid = place.start();
    let body = json!({ "settings": { "container-registry": { "plain-http": ["c.example"] } }, "confirm-seconds": 8 });
    assert_eq!(apid.send(Method::Post, "/v1/apply", Some(&body)).status, 200);
    apid.kill();
    let apid = boots_new(&place, "good");
    assert_eq!(apid.settings()["container-registry"]["plain-http"], json!(["c.example"]));
    assert!(!is_proven(&apid), "nothing is good before it is confirmed");
    eventually("it was taken back", || apid.settings() == new());
    assert!(matches!(origins(&apid)[3], GenerationOrigin::Rollback { of: 3, to: 1, .. }), "{:?}", origins(&apid));
    eventually("it is known to be good", || is_proven(&apid));
    apid.kill();
    assert_eq!(boots_old(&place).settings(), old());
}

#[test]
fn what_cannot_be_carried_over_is_named_until_it_is_set_anew() {
    let steps = "[[step]]\nversion = \"9.0.0\"\nchanges = [{ moved = { from = \"motd\", to = \"network.hostname\" } }]\n";
    let place = updates::place()
        .with_user_data("[settings]\nmotd = \"not a name!\"\n[settings.container-registry]\nplain-http = [\"a.example\"]\n");
    place.start().kill();
    boots(&place, "trial");
    let apid = place.start_with_steps(steps);
    assert_eq!(apid.settings(), json!({ "motd": "by default", "container-registry": { "plain-http": ["a.example"] } }), "the rest stays");
    let problems = list(&apid).problems;
    assert!(problems.len() == 1 && problems[0].key == "network.hostname", "{problems:?}");
    assert!(!problems[0].reason.is_empty() && problems[0].remedy.contains("for example"), "{problems:?}");
    assert!(apid.log().lines().any(|line| line.starts_with("<3>") && line.contains("settings.network.hostname")), "{}", apid.log());
    apid.change(&json!({ "motd": "something else" }));
    apid.kill();
    let apid = place.start_with_steps(steps);
    assert_eq!(list(&apid).problems, problems, "also after a restart and another change");
    let init = crate::neighbours::init(&place.path("init.sock"));
    init.when_told("netd", &[ampoule_supervise::message::Phase::Running]);
    apid.change(&json!({ "network": { "hostname": "n1" } }));
    assert_eq!(list(&apid).problems, []);
}

#[test]
fn defaults_are_those_of_the_new_version() {
    let place = updates::place().with_user_data("[settings.network]\nhostname = \"n1\"\n");
    place.start().kill();
    boots(&place, "trial");
    let variant = fs::read_to_string(place.path("variant.toml")).expect("a variant");
    fs::write(place.path("variant.toml"), variant.replace("by default", "by the new default")).expect("a variant");
    let steps = "[[step]]\nversion = \"9.0.0\"\nchanges = [{ added = { key = \"api\" } }]\n";
    let apid = place.start_with_steps(steps);
    assert_eq!(apid.settings(), json!({ "motd": "by the new default", "network": { "hostname": "n1" } }));
}

#[test]
fn killed_at_any_moment_of_its_first_start_the_new_version_has_all_settings() {
    for step in 0..20_u64 {
        let place = node();
        boots(&place, "trial");
        fs::write(place.path("steps.toml"), STEPS).expect("steps");
        let mut child = place.command_with_steps().stderr(Stdio::null()).spawn().expect("started");
        thread::sleep(Duration::from_millis(step));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let apid = if step % 2 == 0 { place.start_with_steps(STEPS) } else { place.start() };
        assert_eq!(apid.settings(), if step % 2 == 0 { new() } else { old() }, "after {step} ms");
        assert!(!apid.log().contains("damaged"), "{}", apid.log());
    }
}

#[test]
fn user_data_that_was_taken_is_known_in_either_version() {
    let place = node();
    let apid = boots_new(&place, "trial");
    // The text at its place is that of the old version: what it means in the new one is shown as a change.
    let status: Value = apid.client().get_json("/v1/user-data").expect("a status");
    assert_eq!(status["state"], "changed", "{status}");
    apid.kill();
    let status: Value = boots_old(&place).client().get_json("/v1/user-data").expect("a status");
    assert_eq!(status["state"], "taken", "{status}");
}
