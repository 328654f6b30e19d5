//! Plans, applies of several at once, removal, restoring, differences.

use ampoule_api_client::Method;
use ampoule_api_types::v1::{ApplyReport, ApplyState, GenerationDetail, GenerationDiff, GenerationList, GenerationOrigin, Plan};
use serde_json::{Value, json};

use crate::{
    harness::{Apid, Place, error_of},
    neighbours,
};

const SECRET: &str = "hunter2";

fn credentials() -> Value {
    json!({ "container-registry": { "credentials": [{ "registry": "r.example", "username": "u", "password": SECRET }] } })
}

fn plan(apid: &Apid, body: &Value) -> Plan {
    let answer = apid.send(Method::Post, "/v1/plan", Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("a plan")
}

fn applied(apid: &Apid, body: &Value) -> ApplyReport {
    let answer = apid.send(Method::Post, "/v1/apply", Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("a report")
}

#[test]
fn a_plan_says_what_will_be_done_and_does_nothing() {
    let apid = Place::new().start_once();
    let planned = plan(&apid, &json!({ "settings": { "network": { "hostname": "n" }, "motd": "x" } }));
    assert_eq!(planned.keys.iter().map(|k| k.key.as_str()).collect::<Vec<_>>(), ["motd", "network.hostname"]);
    assert_eq!(planned.keys[0].old, Some(json!("by default")));
    assert!(planned.files.iter().any(|f| f.path == "/etc/hostname" && f.change == "created"));
    assert_eq!((planned.services[0].service.as_str(), planned.services[0].action.as_str()), ("netd", "reload"));
    assert_eq!((apid.settings(), apid.file("/etc/hostname")), (json!({ "motd": "by default" }), None));
    apid.send(Method::Patch, "/settings?tx=t", Some(&json!({ "motd": "x" })));
    let of_transaction: Plan = serde_json::from_slice(&apid.send(Method::Post, "/v1/plan?tx=t", None).body).expect("a plan");
    assert_eq!(of_transaction.id, plan(&apid, &json!({ "settings": { "motd": "x" } })).id);
    let nothing = apid.send(Method::Post, "/v1/plan", None);
    assert_eq!((nothing.status, &error_of(&nothing)["code"]), (422, &json!("nothing-pending")));
}

#[test]
fn a_plan_is_applied_only_if_the_node_is_as_it_was() {
    let apid = Place::new().start_once();
    let change = json!({ "settings": { "motd": "x" } });
    let with_plan = |id: &str| json!({ "settings": { "motd": "x" }, "plan": id });
    let old = plan(&apid, &change).id;
    apid.change(&json!({ "container-registry": { "plain-http": ["a.example"] } }));
    let refused = apid.send(Method::Post, "/v1/apply", Some(&with_plan(&old)));
    assert_eq!((refused.status, &error_of(&refused)["code"]), (409, &json!("conflict")), "{}", refused.text());
    assert_eq!(apid.settings()["motd"], "by default");
    let report = applied(&apid, &with_plan(&plan(&apid, &change).id));
    assert_eq!((report.state, apid.settings()["motd"].as_str()), (ApplyState::InEffect, Some("x")));
}

#[test]
fn of_two_writers_neither_gets_the_others_change() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let reports: Vec<ApplyReport> = std::thread::scope(|threads| {
        let writer = |n: usize| {
            let apid = &apid;
            threads.spawn(move || applied(apid, &json!({ "settings": { "workloads": { format!("w{n}"): { "image": "demo" } } } })))
        };
        let all: Vec<_> = (0..8).map(writer).collect();
        all.into_iter().map(|t| t.join().expect("a report")).collect()
    });
    let mut generations: Vec<u64> = reports.iter().map(|r| r.generation).collect();
    generations.sort_unstable();
    assert_eq!(generations, (2..10).collect::<Vec<_>>());
    for report in &reports {
        assert_eq!(report.keys.len(), 1, "{:?}", report.keys);
        let diff: GenerationDiff =
            apid.client().get_json(&format!("/v1/generations/{}/diff?to={}", report.generation - 1, report.generation)).expect("diff");
        assert_eq!(diff.keys.iter().map(|k| format!("settings.{}", k.key)).collect::<Vec<_>>(), report.keys);
    }
    assert_eq!(apid.settings()["workloads"].as_object().map(serde_json::Map::len), Some(8));
}

#[test]
fn a_key_can_be_removed_and_the_default_returns() {
    let apid = Place::new().start_once();
    apid.change(&json!({ "motd": "mine", "container-registry": { "plain-http": ["a.example"] } }));
    assert_eq!(apid.send(Method::Delete, "/v1/settings?keys=settings.motd&tx=t", None).status, 204);
    assert_eq!(apid.settings()["motd"], "mine");
    assert_eq!(apid.send(Method::Post, "/tx/commit_and_apply?tx=t", None).text(), "[\"settings.motd\"]");
    assert_eq!(apid.settings()["motd"], "by default");
    let report = applied(&apid, &json!({ "unset": ["container-registry"] }));
    assert_eq!((report.state, apid.settings()), (ApplyState::InEffect, json!({ "motd": "by default" })));
    let wrong = apid.send(Method::Delete, "/v1/settings?keys=nonsense", None);
    assert_eq!((wrong.status, &error_of(&wrong)["code"]), (400, &json!("unknown-key")));
    assert_eq!(apid.send(Method::Delete, "/v1/settings?keys=", None).status, 400);
}

#[test]
fn nothing_to_change_makes_no_generation() {
    let apid = Place::new().start_once();
    apid.change(&json!({ "motd": "x" }));
    let report = applied(&apid, &json!({ "settings": { "motd": "x" } }));
    assert_eq!((report.state, report.generation), (ApplyState::Unchanged, 2));
}

#[test]
fn any_generation_can_be_restored() {
    let apid = Place::new().start_once();
    apid.change(&json!({ "motd": "second" }));
    apid.change(&json!({ "motd": "third" }));
    let answer = apid.send(Method::Post, "/v1/generations/2/restore", Some(&json!({ "message": "back to what worked" })));
    assert_eq!((answer.status, apid.settings()["motd"].as_str()), (200, Some("second")), "{}", answer.text());
    let made: GenerationDetail = apid.client().get_json("/v1/generations/4").expect("a generation");
    assert_eq!((made.summary.origin, made.settings), (GenerationOrigin::Restore { of: 2 }, json!({ "motd": "second" })));
    assert_eq!(made.summary.message, "back to what worked");
    assert_eq!(apid.send(Method::Post, "/v1/generations/99/restore", None).status, 404);
    assert_eq!(apid.send(Method::Get, "/v1/generations/99", None).status, 404);
    assert_eq!(apid.send(Method::Get, "/v1/generations/x", None).status, 400);
}

#[test]
fn a_generation_names_who_made_it() {
    let apid = Place::new().start_once();
    apid.change(&json!({ "motd": "x" }));
    let made = apid.client().get_json::<GenerationList>("/v1/generations").expect("generations").generations;
    let author = &made.last().expect("a generation").author;
    assert!(author.contains(&format!("pid {}", std::process::id())) && author.contains("uid "), "{author}");
    assert_eq!((made[0].author.as_str(), &made[0].origin), ("user-data", &GenerationOrigin::UserData));
}

#[test]
fn a_message_is_one_line() {
    let apid = Place::new().start_once();
    for message in ["x".repeat(201), "a\nb".to_owned()] {
        let body = json!({ "settings": { "motd": "x" }, "message": message });
        assert_eq!(apid.send(Method::Post, "/v1/apply", Some(&body)).status, 400);
    }
}

#[test]
fn secrets_are_in_no_plan_difference_generation_event_or_log() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let body = json!({ "settings": credentials() });
    let mut seen = apid.send(Method::Post, "/v1/plan", Some(&body)).text();
    seen += &apid.send(Method::Post, "/v1/apply", Some(&body)).text();
    for path in ["/v1/generations", "/v1/generations/2", "/v1/generations/1/diff?to=2", "/v1/applies/1"] {
        let answer = apid.send(Method::Get, path, None);
        assert_eq!(answer.status, 200, "{path}");
        seen += &answer.text();
    }
    seen += &crate::events::first(&place, 4).join("");
    assert!(seen.contains("container-registry.credentials"));
    assert!(!seen.contains(SECRET) && !apid.log().contains(SECRET));
}
