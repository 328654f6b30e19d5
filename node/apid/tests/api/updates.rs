//! Updates, with a stand-in for the updater.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard};

use ampoule_api_client::Method::{Get, Post};
use ampoule_api_types::UpdateState;
use ampoule_api_types::v1::{BootTrialState, Event, EventKind};
use serde_json::{Value, json};

use crate::events;
use crate::harness::{Apid, Place, error_of, eventually};
use crate::neighbours;

/// A stand-in for the updater: what it was asked, and what it answers.
#[derive(Clone, Default)]
pub(crate) struct Updater(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    asked: Vec<Value>,
    status: Value,
    /// To all but `status`.
    answer: Value,
    /// Its status after each command that it takes.
    becomes: Vec<(&'static str, Value)>,
}

impl Updater {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("not poisoned")
    }

    /// What it answers to all but `status` from now on.
    pub(crate) fn answers(&self, answer: Value) {
        self.inner().answer = answer;
    }

    /// Its status from now on.
    pub(crate) fn stands(&self, status: Value) {
        self.inner().status = json!({ "ok": status });
    }

    /// Its status once it has taken this command.
    pub(crate) fn becomes(&self, command: &'static str, status: Value) {
        self.inner().becomes.push((command, json!({ "ok": status })));
    }

    /// What it was asked besides its status.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.inner().asked.iter().filter(|request| request["command"] != "status").cloned().collect()
    }

    fn answer(&self, line: &str) -> String {
        let request: Value = serde_json::from_str(line).expect("a request is JSON");
        let mut inner = self.inner();
        let answer = if request["command"] == "status" { inner.status.to_string() } else { inner.answer.to_string() };
        if let Some((_, status)) = inner.becomes.iter().find(|(command, _)| request["command"] == *command) {
            inner.status = status.clone();
        }
        inner.asked.push(request);
        answer + "\n"
    }
}

/// An updater that knows of nothing.
pub(crate) fn idle() -> Value {
    let status = json!({ "update_state": "Idle", "available_updates": [], "chosen_update": null, "active_partition": null,
        "staging_partition": null, "most_recent_command": null });
    json!({ "status": status, "bad-versions": [], "boot": { "state": "good" } })
}

/// One that staged 1.1.0 and whose last command was `prepare`.
pub(crate) fn staged() -> Value {
    let image = |version: &str| json!({ "arch": "x86_64", "version": version, "variant": "test" });
    let last =
        json!({ "cmd_type": "prepare", "cmd_status": "Success", "timestamp": "2026-01-02T03:04:05Z", "exit_status": 0, "stderr": "" });
    let status = json!({ "update_state": "Staged", "available_updates": ["1.1.0"], "chosen_update": image("1.1.0"),
        "active_partition": { "image": image("1.0.0"), "next_to_boot": true },
        "staging_partition": { "image": image("1.1.0"), "next_to_boot": false }, "most_recent_command": last });
    let bad = json!([{ "version": "1.0.5", "reason": "the API did not answer in 300 s", "since": "2026-01-01T00:00:00Z" }]);
    json!({ "status": status, "bad-versions": bad, "boot": { "state": "fell-back", "reason": "1.0.5 was not good" } })
}

/// One that is in this state since a command ended so.
pub(crate) fn after(command: &str, ended: &str, state: &str) -> Value {
    let mut status = staged();
    status["status"]["update_state"] = json!(state);
    let last = &mut status["status"]["most_recent_command"];
    (last["cmd_type"], last["cmd_status"], last["stderr"]) = (json!(command), json!(ended), json!("the disk is full"));
    status
}

/// A folder for a node whose image has an updater.
pub(crate) fn place() -> Place {
    let place = Place::new();
    let variant = fs::read_to_string(place.path("variant.toml")).expect("a variant");
    fs::write(place.path("variant.toml"), variant.replace("\"netd\"]", "\"netd\", \"updated\"]")).expect("a variant");
    place
}

/// An updater beside a program that runs in this folder.
pub(crate) fn updater(place: &Place) -> Updater {
    let updater = Updater::default();
    updater.stands(idle());
    updater.answers(json!({ "ok": null }));
    let own = updater.clone();
    neighbours::lines(&place.path("run/updated/command"), move |line| own.answer(line));
    updater
}

fn node() -> (Place, Updater, Apid) {
    let place = place();
    let updater = updater(&place);
    let apid = place.start();
    (place, updater, apid)
}

#[test]
fn bottlerockets_actions_reach_the_updater() {
    let (_place, updater, apid) = node();
    for action in ["refresh-updates", "prepare-update", "activate-update", "deactivate-update"] {
        let answer = apid.send(Post, &format!("/actions/{action}"), None);
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{action}: {}", answer.text());
    }
    let wanted = ["refresh", "prepare", "activate", "deactivate"].map(|command| json!({ "command": command }));
    assert_eq!(updater.asked(), wanted);
}

#[test]
fn each_refusal_has_bottlerockets_status() {
    let (_place, updater, apid) = node();
    for (code, status, kind) in [
        ("busy", 423, "busy"),
        ("state", 409, "conflict"),
        ("no-update", 404, "not-found"),
        ("not-found", 404, "not-found"),
        ("failed", 500, "failed"),
    ] {
        updater.answers(json!({ "refused": { "code": code, "message": "so it is" } }));
        for path in ["/actions/prepare-update", "/v1/updates/rollback"] {
            let answer = apid.send(Post, path, None);
            assert_eq!(answer.status, status, "{code}: {}", answer.text());
            assert!(answer.text().contains("so it is"), "{}", answer.text());
        }
        let answer = apid.send(Post, "/v1/updates/rollback", None);
        assert_eq!(error_of(&answer)["code"], kind, "{}", answer.text());
    }
}

#[test]
fn a_refusal_with_a_remedy_is_passed_on_with_it() {
    let (_place, updater, apid) = node();
    for (hint, told) in [(json!("ask it later"), "ask it later"), (Value::Null, "see `ampctl logs updated`")] {
        updater.answers(json!({ "refused": { "code": "failed", "message": "the mirror is full", "hint": hint } }));
        let answer = apid.send(Get, "/v1/updates/plan", None);
        assert_eq!((&error_of(&answer)["message"], &error_of(&answer)["hint"]), (&json!("the mirror is full"), &json!(told)));
    }
}

#[test]
fn bottlerockets_status_is_there_once_something_was_asked_and_nothing_runs() {
    let (_place, updater, apid) = node();
    assert_eq!(apid.send(Get, "/updates/status", None).status, 404);
    let mut status = staged();
    updater.stands(status.clone());
    let answer = apid.send(Get, "/updates/status", None);
    assert_eq!((answer.status, serde_json::from_slice::<Value>(&answer.body).expect("JSON")), (200, status["status"].clone()));
    status["progress"] = json!({ "command": "prepare", "step": "fetches blocks" });
    updater.stands(status);
    let busy = apid.send(Get, "/updates/status", None);
    assert_eq!((busy.status, busy.text().contains("`prepare` runs: fetches blocks")), (423, true), "{}", busy.text());
    let ours: Value = apid.client().get_json("/v1/updates").expect("ours is always there");
    assert_eq!((&ours["progress"]["step"], &ours["boot"]["state"]), (&json!("fetches blocks"), &json!("fell-back")));
}

#[test]
fn a_plan_names_the_workloads_that_run() {
    let (place, updater, apid) = node();
    let workload = |name: &str, state: &str| json!({ "name": name, "image": "i", "state": state, "restarts": 0 });
    let list = json!({ "workloads": [workload("db", "running"), workload("old", "stopped"), workload("web", "running")] });
    neighbours::status(&place.path("run/hostd/status"), list.to_string().leak());
    let plan = json!({ "from": "1.0.0", "to": "1.1.0", "fetch-bytes": 5, "reuse-bytes": 7, "requests": 2, "reboot": true });
    updater.answers(json!({ "ok": plan }));
    let answer: Value = apid.client().get_json("/v1/updates/plan").expect("a plan");
    assert_eq!((&answer["workloads"], &answer["fetch-bytes"], &answer["migrations"]), (&json!(["db", "web"]), &json!(5), &json!([])));
}

#[test]
fn a_version_is_forgiven_by_its_name() {
    let (_place, updater, apid) = node();
    let answer = apid.send(Post, "/v1/updates/forgive", Some(&json!({ "version": "1.0.5" })));
    assert_eq!((answer.status, updater.asked()), (204, vec![json!({ "command": "forgive", "version": "1.0.5" })]));
    for wrong in [json!({}), json!({ "version": 1 }), json!({ "version": "1", "all": true })] {
        assert_eq!(apid.send(Post, "/v1/updates/forgive", Some(&wrong)).status, 400, "{wrong}");
    }
}

#[test]
fn an_updater_that_is_away_or_talks_nonsense_is_said_to_be_so() {
    let place = place();
    let apid = place.start();
    let away = apid.send(Get, "/v1/updates", None);
    assert_eq!((away.status, &error_of(&away)["code"]), (503, &json!("unreachable")), "{}", away.text());
    let updater = updater(&place);
    for nonsense in [json!({ "ok": 5 }), json!("no"), json!({ "refused": { "code": "sad", "message": "" } })] {
        updater.0.lock().expect("not poisoned").status = nonsense;
        assert_eq!(apid.send(Get, "/v1/updates", None).status, 503);
    }
}

#[test]
fn an_image_without_an_updater_says_so() {
    let apid = Place::new().start_once();
    for (method, path) in [(Get, "/v1/updates"), (Get, "/v1/updates/plan"), (Post, "/v1/updates/rollback"), (Post, "/v1/updates/forgive")] {
        let answer = apid.send(method, path, Some(&json!({ "version": "1" })));
        assert_eq!((answer.status, &error_of(&answer)["code"]), (422, &json!("not-available")), "{path}: {}", answer.text());
    }
}

#[test]
fn followers_hear_of_each_state() {
    let (place, updater, _apid) = node();
    updater.stands(staged());
    let wanted = EventKind::Update { state: UpdateState::Staged, version: Some("1.1.0".into()), boot: BootTrialState::FellBack };
    eventually("the event of the staged update", || {
        let told: Event = serde_json::from_str(&events::first(&place, 2)[1]).expect("an event");
        told.what == wanted
    });
}
