//! `update`, with a stand-in for the updater.

use ampoule_supervise::message::Request;
use serde_json::{Value, json};

use super::{fails, prints, typed};
use crate::{
    harness::{Apid, Place, eventually},
    neighbours,
    updates::{self, Updater},
};

fn node() -> (Place, Updater, Apid) {
    let place = updates::place();
    let updater = updates::updater(&place);
    let apid = place.start();
    (place, updater, apid)
}

#[test]
fn check_prints_the_status_of_the_new_command() {
    let (_place, updater, apid) = node();
    let mut checked = updates::staged();
    checked["status"]["most_recent_command"]["cmd_type"] = json!("refresh");
    updater.stands(checked.clone());
    // What was there before the command is not its outcome.
    let late = updater.clone();
    let later = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        checked["status"]["most_recent_command"]["timestamp"] = json!("2026-01-02T03:04:06Z");
        late.stands(checked);
    });
    let ended = typed(&apid.client(), "update check");
    later.join().expect("it ends");
    let status: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!((ended.code, &status["most_recent_command"]["timestamp"]), (0, &json!("2026-01-02T03:04:06Z")));
    assert_eq!(updater.asked(), [json!({ "command": "refresh" })]);
}

#[test]
fn apply_looks_writes_activates_and_restarts() {
    let (place, updater, apid) = node();
    let init = neighbours::init(&place.path("init.sock"));
    let client = apid.client();
    updater.becomes("refresh", updates::after("refresh", "Success", "Available"));
    updater.becomes("prepare", updates::after("prepare", "Success", "Staged"));
    updater.becomes("activate", updates::after("activate", "Success", "Ready"));
    assert_eq!(typed(&client, "update apply --check --reboot"), prints(""));
    assert_eq!(updater.asked(), ["refresh", "prepare", "activate"].map(|command| json!({ "command": command })));
    eventually("init is asked to restart", || init.all().contains(&Request::Reboot));
    updater.becomes("deactivate", updates::after("deactivate", "Success", "Staged"));
    assert_eq!(typed(&client, "update cancel"), prints(""));
}

#[test]
fn apply_says_what_failed_and_goes_no_further() {
    let (_place, updater, apid) = node();
    updater.becomes("prepare", updates::after("prepare", "Failed", "Available"));
    assert_eq!(typed(&apid.client(), "update apply"), fails("`prepare` Failed: the disk is full"));
    assert_eq!(updater.asked(), [json!({ "command": "prepare" })]);
}

#[test]
fn apply_with_nothing_offered_changes_nothing() {
    let (_place, updater, apid) = node();
    let mut nothing = updates::after("refresh", "Success", "Idle");
    nothing["status"]["chosen_update"] = Value::Null;
    updater.becomes("refresh", nothing);
    let ended = typed(&apid.client(), "update apply -c");
    assert_eq!((ended.code, ended.err.as_str()), (0, "No update is available.\n"));
    assert_eq!(updater.asked(), [json!({ "command": "refresh" })]);
}

#[test]
fn a_plan_is_a_table_or_the_document() {
    let (place, updater, apid) = node();
    let client = apid.client();
    neighbours::status(&place.path("run/hostd/status"), r#"{"workloads":[{"name":"web","image":"i","state":"running","restarts":0}]}"#);
    let plan = json!({ "from": "1.0.0", "to": "1.1.0", "fetch-bytes": 1_572_864, "reuse-bytes": 83_886_080, "requests": 14,
        "reboot": true, "migrations": ["1.0.0 → 1.1.0: motd"] });
    updater.answers(json!({ "ok": plan }));
    let table = "version   1.0.0 → 1.1.0\nfetch     1.5 MiB in 14 requests; 80.0 MiB are here already\nsettings  1.0.0 → 1.1.0: motd\nreboot    needed\nworkloads away meanwhile: web\n";
    assert_eq!(typed(&client, "update plan"), prints(table));
    let document: Value = serde_json::from_str(&typed(&client, "update plan -o json").out).expect("JSON");
    assert_eq!((&document["requests"], &document["workloads"]), (&json!(14), &json!(["web"])));
    updater.answers(json!({ "refused": { "code": "no-update", "message": "No update is known" } }));
    assert_eq!(typed(&client, "update plan"), fails("GET /v1/updates/plan: status 404: No update is known"));
}

#[test]
fn status_says_how_it_stands_and_what_is_not_tried() {
    let (_place, updater, apid) = node();
    let client = apid.client();
    assert_eq!(typed(&client, "update status"), prints("state     Idle\nboot      good\n"));
    let mut status = updates::staged();
    status["progress"] =
        json!({ "command": "prepare", "step": "fetches blocks", "done-bytes": 1024, "total-bytes": 2048, "fetched-bytes": 512 });
    updater.stands(status);
    let table = "state     Staged\nrunning   1.0.0\nboot      the version before, after one that was not good: 1.0.5 was not good\noffered   1.1.0\nchosen    1.1.0\nidle slot 1.1.0\nnow       prepare: fetches blocks, 1.0 KiB of 2.0 KiB in place, 512 B fetched\nlast      2026-01-02 03:04:05Z prepare Success\n\nNot tried again until `update forgive VERSION`:\nVERSION  SINCE                 REASON\n1.0.5    2026-01-01 00:00:00Z  the API did not answer in 300 s\n";
    assert_eq!(typed(&client, "update status"), prints(table));
    let document: Value = serde_json::from_str(&typed(&client, "update status -o json").out).expect("JSON");
    assert_eq!(document["bad-versions"][0]["version"], "1.0.5");
}

#[test]
fn the_way_back_and_a_second_chance() {
    let (_place, updater, apid) = node();
    let client = apid.client();
    assert_eq!(typed(&client, "update rollback"), prints("The node restarts and runs the version before.\n"));
    assert_eq!(typed(&client, "update forgive 1.0.5"), prints("Version 1.0.5 may be tried again.\n"));
    assert_eq!(updater.asked(), [json!({ "command": "rollback" }), json!({ "command": "forgive", "version": "1.0.5" })]);
    updater.answers(json!({ "refused": { "code": "busy", "message": "`prepare` runs" } }));
    assert_eq!(
        typed(&client, "update rollback"),
        fails("POST /v1/updates/rollback: status 423: `prepare` runs (`ampctl update status` shows how far it is)")
    );
    updater.answers(json!({ "refused": { "code": "not-found", "message": "Version 9.9.9 is not one that was not good" } }));
    assert_eq!(
        typed(&client, "update forgive 9.9.9"),
        fails("POST /v1/updates/forgive: status 404: Version 9.9.9 is not one that was not good")
    );
    assert_eq!(typed(&client, "update forgive").code, 2);
}
