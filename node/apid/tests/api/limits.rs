//! Callers that mean harm.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use ampoule_api_client::Method;
use serde_json::json;

use crate::harness::Place;

#[test]
fn a_body_that_is_too_large_is_refused() {
    let apid = Place::new().start_once();
    let body = format!("{{\"motd\":\"{}\"}}", "x".repeat(2 << 20));
    // The node may answer and close before all of it is sent; both are a refusal.
    match apid.client().request(Method::Patch, "/settings", Some(body.as_bytes())) {
        Ok(answer) => assert_eq!(answer.status, 413),
        Err(error) => assert!(error.is_unreachable(), "{error}"),
    }
    assert_eq!(apid.settings()["motd"], "by default");
}

#[test]
fn many_idle_callers_do_not_keep_others_out() {
    let place = Place::new();
    let apid = place.start();
    let idle: Vec<_> = (0..200).filter_map(|_| UnixStream::connect(place.path("api.sock")).ok()).collect();
    assert!(apid.client().with_timeout(Duration::from_secs(60)).os().is_ok());
    assert!(apid.memory_kib() < 30 * 1024, "{} KiB", apid.memory_kib());
    drop(idle);
}

#[test]
fn a_caller_that_never_ends_its_request_is_let_go() {
    let place = Place::new();
    let _apid = place.start();
    let mut stream = UnixStream::connect(place.path("api.sock")).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream.write_all(b"GET /os HTTP/1.1\r\nhost:").expect("sent");
    let mut answer = Vec::new();
    // Either an answer (408) or an end; what may not be is waiting for ever.
    assert!(stream.read_to_end(&mut answer).is_ok());
}

#[test]
fn rubbish_is_answered_and_survived() {
    let place = Place::new();
    let apid = place.start();
    for bytes in [&b"\0\xff\xfe\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"PATCH /settings HTTP/1.1\r\ncontent-length: -1\r\n\r\n"] {
        let mut stream = UnixStream::connect(place.path("api.sock")).expect("connected");
        let _ = stream.write_all(bytes);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(apid.client().os().is_ok());
}

#[test]
fn nesting_without_end_is_an_error() {
    let apid = Place::new().start_once();
    let deep = format!("{}1{}", "{\"motd\":".repeat(10_000), "}".repeat(10_000));
    let answer = apid.client().request(Method::Patch, "/settings", Some(deep.as_bytes())).expect("an answer");
    assert_eq!(answer.status, 400);
}

#[test]
fn transactions_are_bounded() {
    let apid = Place::new().start_once();
    let statuses: Vec<u16> =
        (0..300).map(|n| apid.send(Method::Patch, &format!("/settings?tx=t{n}"), Some(&json!({ "motd": "x" }))).status).collect();
    assert_eq!(statuses[0], 204);
    let last = statuses[299];
    assert!((400..500).contains(&last), "{last}");
    // Whoever already has one may go on.
    assert_eq!(apid.send(Method::Post, "/tx/commit_and_apply?tx=t0", None).status, 200);
}
