//! A change is on trial until it is confirmed; if it is not, the settings before it return.

use std::{thread, time::Duration};

use ampoule_api_client::Method;
use ampoule_api_types::v1::{ApplyReport, ApplyState, GenerationList, GenerationOrigin, StandingInfo};
use ampoule_supervise::message::Phase;
use serde_json::{Value, json};

use crate::{
    harness::{Apid, Place, error_of, eventually},
    neighbours,
};

fn hostname(name: &str) -> Value {
    json!({ "settings": { "network": { "hostname": name } } })
}

fn motd(text: &str, confirm_seconds: Option<u64>) -> Value {
    json!({ "settings": { "motd": text }, "confirm-seconds": confirm_seconds })
}

fn apply(apid: &Apid, body: &Value) -> ApplyReport {
    let answer = apid.send(Method::Post, "/v1/apply", Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("a report")
}

fn report(apid: &Apid, id: u64) -> ApplyReport {
    apid.client().get_json(&format!("/v1/applies/{id}")).expect("a report")
}

fn generations(apid: &Apid) -> GenerationList {
    apid.client().get_json("/v1/generations").expect("generations")
}

fn confirm(apid: &Apid, generation: u64) -> u16 {
    apid.send(Method::Post, "/v1/confirm", Some(&json!({ "generation": generation }))).status
}

#[test]
fn what_stays_healthy_is_confirmed_by_the_node() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    init.when_told("netd", &[Phase::Stopping, Phase::Starting, Phase::Running]);
    let apid = place.start();
    let made = apply(&apid, &hostname("n1"));
    assert_eq!((made.state, made.services[0].service.as_str()), (ApplyState::InEffect, "netd"));
    assert!(made.files.iter().any(|f| f.path == "/etc/hostname" && f.change == "created" && f.error.is_none()));
    let trial = made.trial.expect("on trial");
    assert_eq!((trial.kind.as_str(), trial.generation, trial.confirmed), ("probation", 2, 1));
    eventually("it is confirmed", || report(&apid, made.id).state == ApplyState::Confirmed);
    let now = generations(&apid).standing;
    assert_eq!((now.in_force, now.confirmed, now.trial), (2, 2, None));
    assert_eq!(init.reloads("netd"), 1);
}

#[test]
fn a_service_that_does_not_get_ready_takes_the_change_back() {
    for phases in [&[Phase::Starting, Phase::BackingOff][..], &[Phase::Failed], &[Phase::Starting]] {
        let place = Place::new();
        let init = neighbours::init(&place.path("init.sock"));
        let apid = place.start();
        init.when_told("netd", phases);
        apid.send(Method::Patch, "/settings", Some(&json!({ "network": { "hostname": "bad" } })));
        let answer = apid.send(Method::Post, "/tx/commit_and_apply", None);
        assert_eq!(answer.status, 500, "{phases:?} {}", answer.text());
        assert!(answer.text().contains("`netd`") && answer.text().contains("taken back"), "{}", answer.text());
        assert_eq!((apid.settings().get("network"), apid.file("/etc/hostname")), (None, None));
        assert_eq!(init.reloads("netd"), 2, "it is told of the return too");
        let last = generations(&apid).generations.pop().expect("a generation");
        assert!(matches!(last.origin, GenerationOrigin::Rollback { of: 2, to: 1, .. }), "{:?}", last.origin);
    }
}

#[test]
fn a_service_that_dies_within_the_probation_takes_the_change_back() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let made = apply(&apid, &hostname("bad"));
    assert_eq!(made.state, ApplyState::InEffect);
    init.becomes("netd", Phase::BackingOff);
    init.becomes("netd", Phase::Running);
    eventually("it is taken back", || report(&apid, made.id).state == ApplyState::RolledBack);
    let reason = report(&apid, made.id).reason.expect("a reason");
    assert!(reason.contains("netd") && apid.settings().get("network").is_none(), "{reason}");
}

#[test]
fn a_service_that_was_broken_before_is_not_held_against_a_change() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    init.becomes("netd", Phase::Failed);
    let apid = place.start();
    let made = apply(&apid, &hostname("n"));
    eventually("it is confirmed", || report(&apid, made.id).state == ApplyState::Confirmed);
}

#[test]
fn a_service_that_cannot_be_told_takes_the_change_back() {
    let apid = Place::new().start_once();
    let made = apply(&apid, &hostname("n"));
    assert_eq!((made.state, made.rolled_back_by), (ApplyState::RolledBack, Some(3)));
    assert!(made.services[0].error.is_some() && made.reason.is_some_and(|r| r.contains("netd")));
}

#[test]
fn a_file_that_cannot_be_written_takes_the_change_back_and_no_service_is_told() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    // A folder in its place.
    std::fs::create_dir_all(place.path("root/etc/hostname/x")).expect("a folder");
    let made = apply(&apid, &hostname("n"));
    assert_eq!((made.state, made.services.len()), (ApplyState::RolledBack, 0));
    assert!(made.files.iter().any(|f| f.path == "/etc/hostname" && f.error.is_some()), "{:?}", made.files);
    assert!(apid.settings().get("network").is_none() && init.all().iter().all(|r| !format!("{r:?}").contains("hostd")));
}

#[test]
fn what_nobody_confirms_in_time_is_taken_back() {
    let apid = Place::new().start_once();
    let made = apply(&apid, &motd("risky", Some(2)));
    assert_eq!((made.state, apid.settings()["motd"].as_str()), (ApplyState::InEffect, Some("risky")));
    eventually("it is taken back", || report(&apid, made.id).state == ApplyState::RolledBack);
    assert_eq!((apid.settings()["motd"].as_str(), apid.file("/etc/motd").as_deref()), (Some("by default"), Some("by default\n")));
    assert!(report(&apid, made.id).reason.is_some_and(|r| r.contains("not confirmed within 2 s")));
}

#[test]
fn a_confirmation_names_what_it_confirms() {
    let apid = Place::new().start_once();
    let made = apply(&apid, &motd("good", Some(600)));
    let refused = apid.send(Method::Post, "/v1/confirm", Some(&json!({ "generation": 1 })));
    assert_eq!((refused.status, &error_of(&refused)["code"]), (409, &json!("conflict")));
    assert!(refused.text().contains("generation 2 is"), "{}", refused.text());
    assert_eq!(confirm(&apid, made.generation), 200);
    assert_eq!(confirm(&apid, made.generation), 200, "an answer may be lost");
    assert_eq!(report(&apid, made.id).state, ApplyState::Confirmed);
    assert_eq!(confirm(&apid, 9), 409);
    for body in [json!({}), json!({ "generation": "2" }), json!({ "generation": 2, "x": 1 })] {
        assert_eq!(apid.send(Method::Post, "/v1/confirm", Some(&body)).status, 400);
    }
    for seconds in [0, 86_401] {
        assert_eq!(apid.send(Method::Post, "/v1/apply", Some(&motd("x", Some(seconds)))).status, 400);
    }
}

#[test]
fn looking_does_not_disturb_what_is_on_trial() {
    let apid = Place::new().start_once();
    let made = apply(&apid, &motd("good", Some(600)));
    for (method, path, body) in [
        (Method::Post, "/v1/plan", json!({ "settings": { "motd": "other" } })),
        (Method::Get, "/v1/generations", Value::Null),
        (Method::Get, "/v1/generations/1", Value::Null),
        (Method::Get, "/v1/generations/1/diff?to=2", Value::Null),
        (Method::Get, "/settings", Value::Null),
    ] {
        let body = Some(body).filter(|b| !b.is_null());
        assert_eq!(apid.send(method, path, body.as_ref()).status, 200, "{path}");
    }
    apid.send(Method::Patch, "/settings?tx=later", Some(&json!({ "motd": "later" })));
    let trial = generations(&apid).standing.trial.expect("on trial");
    assert_eq!((trial.generation, trial.kind.as_str()), (made.generation, "confirm"));
}

#[test]
fn a_change_on_top_waits_for_the_person_too_and_goes_with_it() {
    let apid = Place::new().start_once();
    apply(&apid, &motd("to be confirmed", Some(600)));
    apid.change(&json!({ "container-registry": { "plain-http": ["a.example"] } }));
    thread::sleep(Duration::from_millis(2500));
    let trial = generations(&apid).standing.trial.expect("the node may not confirm what a person should");
    assert_eq!((trial.kind.as_str(), trial.generation, trial.confirmed), ("confirm", 3, 1));
    assert_eq!(confirm(&apid, 2), 409);
    let back: StandingInfo = serde_json::from_slice(&apid.send(Method::Post, "/v1/rollback", None).body).expect("JSON");
    assert_eq!((back.in_force, back.confirmed, back.trial), (4, 4, None));
    assert_eq!(apid.settings(), json!({ "motd": "by default" }));
    assert_eq!(apid.file("/etc/containerd/certs.d/a.example/hosts.toml"), None);
    let nothing = apid.send(Method::Post, "/v1/rollback", None);
    assert_eq!((nothing.status, &error_of(&nothing)["code"]), (409, &json!("conflict")));
}

#[test]
fn killed_in_a_window_it_goes_on_with_what_is_left() {
    let place = Place::new();
    let apid = place.start();
    apply(&apid, &motd("good", Some(600)));
    thread::sleep(Duration::from_millis(1200));
    apid.kill();
    let apid = place.start();
    let trial = generations(&apid).standing.trial.expect("on trial");
    assert!((500_000..599_000).contains(&trial.left_ms), "{trial:?}");
    assert_eq!((apid.settings()["motd"].as_str(), confirm(&apid, 2)), (Some("good"), 200));
}

#[test]
fn a_window_that_ends_while_it_is_down_is_over_and_services_are_told() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let body = json!({ "settings": { "network": { "hostname": "bad" } }, "confirm-seconds": 2 });
    apply(&apid, &body);
    apid.kill();
    thread::sleep(Duration::from_millis(2500));
    let apid = place.start();
    assert_eq!((apid.settings().get("network"), apid.file("/etc/hostname")), (None, None));
    assert_eq!(init.reloads("netd"), 2);
    assert!(apid.log().lines().any(|l| l.starts_with("<3>") && l.contains("generation 2 is taken back")), "{}", apid.log());
}

#[test]
fn a_probation_goes_on_after_a_crash_and_still_sees_a_service_fail() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    apply(&apid, &hostname("bad"));
    apid.kill();
    init.becomes("netd", Phase::Failed);
    let apid = place.start();
    eventually("it is taken back", || apid.settings().get("network").is_none());
}

#[test]
fn a_change_is_tried_in_one_more_boot_where_it_can_be_confirmed() {
    let place = Place::new();
    let apid = place.start();
    apply(&apid, &motd("good", Some(600)));
    apid.kill();
    place.boot("second");
    let apid = place.start();
    let trial = generations(&apid).standing.trial.expect("on trial");
    assert!(trial.left_ms > 570_000, "a whole window: {trial:?}");
    assert_eq!((apid.file("/etc/motd").as_deref(), confirm(&apid, 2)), (Some("good\n"), 200));
    for boot in ["third", "fourth"] {
        place.boot(boot);
        assert_eq!(place.start().settings()["motd"], "good");
    }
}

#[test]
fn a_change_that_ends_two_boots_is_taken_back_before_the_third_applies_it() {
    let place = Place::new();
    let apid = place.start();
    // As a panic right after the change, and again when it is put in force at the next boot.
    apply(&apid, &motd("panics", Some(600)));
    apid.kill();
    place.boot("second");
    place.start().kill();
    place.boot("third");
    let apid = place.start();
    assert_eq!((apid.settings()["motd"].as_str(), apid.file("/etc/motd").as_deref()), (Some("by default"), Some("by default\n")));
    assert!(apid.log().contains("tried in 2 boots"), "{}", apid.log());
    let last = generations(&apid).generations.pop().expect("a generation");
    assert!(matches!(last.origin, GenerationOrigin::Rollback { of: 2, to: 1, .. }));
}

#[test]
fn a_commit_alone_is_not_judged_before_it_is_applied() {
    let apid = Place::new().start_once();
    apid.send(Method::Patch, "/settings", Some(&json!({ "motd": "x" })));
    assert_eq!(apid.send(Method::Post, "/tx/commit", None).status, 200);
    thread::sleep(Duration::from_millis(2000));
    assert_eq!(generations(&apid).standing.confirmed, 1);
    assert_eq!(apid.file("/etc/motd").as_deref(), Some("by default\n"));
    apid.send(Method::Post, "/tx/apply", None);
    // No init here, so that the services it tells again are not there: what cannot be applied is taken back.
    assert_eq!(apid.settings()["motd"], "by default");
}

#[test]
fn a_commit_alone_is_confirmed_after_it_is_applied() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    apid.send(Method::Patch, "/settings", Some(&json!({ "motd": "x" })));
    assert_eq!(apid.send(Method::Post, "/tx/commit", None).status, 200);
    let applied = apid.send(Method::Post, "/tx/apply", None);
    assert_eq!((applied.status, apid.file("/etc/motd").as_deref()), (204, Some("x\n")), "{}", applied.text());
    eventually("it is confirmed", || generations(&apid).standing.confirmed == 2);
}

#[test]
fn a_caller_that_goes_away_leaves_nothing_half_done() {
    use std::io::Write;
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    init.when_told("netd", &[Phase::Starting, Phase::Starting, Phase::Starting, Phase::Running]);
    let apid = place.start();
    let body = hostname("n").to_string();
    let mut stream = std::os::unix::net::UnixStream::connect(place.path("api.sock")).expect("connected");
    write!(stream, "POST /v1/apply HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
    drop(stream);
    eventually("it is confirmed", || generations(&apid).standing.confirmed == 2);
    assert_eq!((apid.file("/etc/hostname").as_deref(), init.reloads("netd")), (Some("n\n"), 1));
}
