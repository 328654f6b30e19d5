//! What the node tells about itself and its other programs.

use std::io::Read;

use ampoule_api_client::{LogQuery, Method};
use ampoule_api_types::v1::{ServiceState, WorkloadState};
use ampoule_supervise::message::Request;
use serde_json::json;

use crate::{
    harness::{Place, error_of, eventually},
    neighbours,
};

#[test]
fn what_the_node_runs() {
    let os = Place::new().start_once().client().os().expect("os");
    assert_eq!((os.variant_id.as_str(), os.version_id.as_str(), os.build_id.as_str()), ("test", "0.1.0", "abc123"));
    assert_eq!(os.pretty_name, "Ampoule 0.1.0 (test)");
}

#[test]
fn services_and_boot_come_from_init() {
    let place = Place::new();
    let asked = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let services = apid.client().services().expect("services").services;
    assert_eq!((services[1].name.as_str(), services[1].state, services[1].pid), ("netd", ServiceState::Running, Some(42)));
    assert_eq!(apid.client().boot().expect("boot").steps[0].ms, 900);
    assert!((200..300).contains(&apid.send(Method::Post, "/v1/services/netd/restart", None).status));
    let unknown = apid.send(Method::Post, "/v1/services/nothing/restart", None);
    assert_eq!((unknown.status, &error_of(&unknown)["code"]), (404, &json!("not-found")));
    assert!((200..300).contains(&apid.send(Method::Post, "/actions/reboot", None).status));
    assert!((200..300).contains(&apid.send(Method::Post, "/v1/poweroff", None).status));
    for wanted in [Request::Reboot, Request::PowerOff] {
        eventually("init is asked", || asked.all().contains(&wanted));
    }
}

#[test]
fn workloads_and_network_come_from_their_programs() {
    let place = Place::new();
    neighbours::status(
        &place.path("run/hostd/status"),
        r#"{"workloads":[{"name":"web","image":"demo","state":"running","pid":7,"address":"10.88.0.2","restarts":0,"started-at":null,"exit-code":null,"message":"","pull":null}]}"#,
    );
    neighbours::status(&place.path("run/netd/status"), r#"{"interfaces":[],"name-servers":["10.0.2.3"],"hostname":"n"}"#);
    let apid = place.start();
    assert_eq!(apid.client().workloads().expect("workloads").workloads[0].state, WorkloadState::Running);
    assert_eq!(apid.client().network().expect("network").hostname, "n");
}

/// Counted by `logd`, named after what `hostd` says; a workload that is gone leaves its level.
#[test]
fn denials_name_the_workload_that_has_the_level() {
    let place = Place::new();
    neighbours::status(
        &place.path("run/logd/status"),
        r#"{"denials":[
            {"count":3,"first-ms":1,"last-ms":2000,"pid":7,"process":"sh","domain":"container_t","level":"s0:c1,c2","target":"passwd",
             "target-type":"etc_t","class":"file","permissions":["write"],"rule":"(allow container_t etc_t (file (write)))"},
            {"count":1,"first-ms":1,"last-ms":1,"pid":8,"process":"x","domain":"container_t","level":"s0:c3,c4",
             "target-type":"etc_t","class":"file","permissions":["write"],"rule":"(allow container_t etc_t (file (write)))"}],
            "left-out":0}"#,
    );
    let apid = place.start();
    let workloads = || apid.client().denials().expect("denials").denials.into_iter().map(|d| d.workload).collect::<Vec<_>>();
    assert_eq!(workloads(), [None, None], "without hostd they are told all the same");
    neighbours::status(
        &place.path("run/hostd/status"),
        r#"{"workloads":[{"name":"web","image":"demo","state":"running","restarts":0,"isolation":{"level":"s0:c1,c2","domain":"container_t","ids":{"first":655360,"size":65536}}}]}"#,
    );
    assert_eq!(workloads(), [Some("web".to_owned()), None]);
}

#[test]
fn an_absent_program_is_said_to_be_absent() {
    let apid = Place::new().start_once();
    for path in ["/v1/workloads", "/v1/network", "/v1/services", "/v1/boot", "/v1/logs", "/v1/denials"] {
        let answer = apid.send(Method::Get, path, None);
        assert_eq!((answer.status, &error_of(&answer)["code"]), (503, &json!("unreachable")), "{path}: {}", answer.text());
    }
}

#[test]
fn a_neighbour_that_talks_rubbish_does_no_harm() {
    let place = Place::new();
    neighbours::status(&place.path("run/hostd/status"), "not JSON");
    let apid = place.start();
    let answer = apid.send(Method::Get, "/v1/workloads", None);
    assert!(answer.status >= 500 && answer.text().contains("hostd"), "{}", answer.text());
}

const RECORDS: &str = "{\"seq\":1,\"time_ms\":1,\"monotonic_ms\":1,\"source\":\"apid\",\"level\":6,\"text\":\"one\"}\n{\"seq\":2,\"time_ms\":2,\"monotonic_ms\":2,\"source\":\"netd\",\"level\":3,\"text\":\"two\"}\n";

#[test]
fn logs_are_asked_for_as_the_caller_says() {
    let place = Place::new();
    let queries = neighbours::logs(&place.path("run/logd/query.sock"), RECORDS);
    let apid = place.start();
    let query = LogQuery { sources: vec!["apid".into(), "workload/".into()], level: Some(3), tail: Some(9), ..LogQuery::default() };
    let lines: Vec<_> = apid.client().logs(&query).expect("logs").map(|line| line.expect("a line")).collect();
    assert_eq!(lines.len(), 2);
    let sent: serde_json::Value = serde_json::from_str(&queries.lock().expect("queries")[0]).expect("JSON");
    assert_eq!((&sent["sources"], &sent["max_level"], &sent["tail"]), (&json!(["apid", "workload/"]), &json!(3), &json!(9)));
    for path in ["/v1/logs?since=yesterday", "/v1/logs?tail=x", "/v1/logs?nonsense=1"] {
        let refused = apid.send(Method::Get, path, None);
        assert_eq!((refused.status, &error_of(&refused)["code"]), (400, &json!("bad-request")), "{path}: {}", refused.text());
    }
}

#[test]
fn a_follower_gets_lines_at_once_and_its_going_is_noticed() {
    let place = Place::new();
    let queries = neighbours::logs(&place.path("run/logd/query.sock"), RECORDS);
    let apid = place.start();
    let mut following = apid.client().logs(&LogQuery { follow: true, ..LogQuery::default() }).expect("logs");
    assert!(following.next().expect("a line").expect("a line").contains("one"));
    drop(following);
    eventually("logd is let go", || queries.lock().expect("queries").contains(&"gone".to_owned()));
    drop(apid);
}

#[test]
fn a_wrong_method_is_named() {
    let apid = Place::new().start_once();
    assert_eq!(apid.send(Method::Delete, "/settings", None).status, 405);
}

#[test]
fn the_socket_is_for_its_group_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _apid = place.start();
    let mode = std::fs::metadata(place.path("api.sock")).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    // Reading proves that a plain connection is served, not only the client's.
    let mut stream = std::os::unix::net::UnixStream::connect(place.path("api.sock")).expect("connected");
    std::io::Write::write_all(&mut stream, b"GET /os HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
