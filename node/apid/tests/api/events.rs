//! Following what happens.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use ampoule_api_client::Method;
use ampoule_api_types::v1::{ApplyState, Event, EventKind};
use serde_json::json;

use crate::harness::Place;

/// A follower; `header` is one more line of its request.
fn follow(place: &Place, path: &str, header: &str) -> impl Iterator<Item = String> + use<> {
    let mut stream = UnixStream::connect(place.path("api.sock")).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n{header}\r\n").expect("sent");
    BufReader::new(stream).lines().map_while(Result::ok)
}

/// The data of the first events there are.
pub(crate) fn first(place: &Place, count: usize) -> Vec<String> {
    let lines = follow(place, "/v1/events?since=0", "");
    lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).take(count).collect()
}

fn parsed(data: &[String]) -> Vec<Event> {
    data.iter().map(|text| serde_json::from_str(text).expect("an event")).collect()
}

#[test]
fn what_happens_is_told_in_order_and_can_be_resumed() {
    let place = Place::new();
    let apid = place.start();
    apid.change(&json!({ "motd": "x" }));
    let events = parsed(&first(&place, 6));
    let kinds: Vec<_> = events.iter().map(|e| &e.what).collect();
    let state = |state| EventKind::Apply { apply: 1, generation: 2, state };
    assert_eq!(kinds[0], &EventKind::Started { generation: 1 });
    assert!(matches!(kinds[1], EventKind::Committed { generation: 2, keys, .. } if keys == &["settings.motd"]), "{kinds:?}");
    assert_eq!(kinds[2..5], [&state(ApplyState::Applying), &state(ApplyState::Settling), &state(ApplyState::InEffect)]);
    assert_eq!(events.iter().map(|e| e.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    // Over the numbers that the protocol itself sends.
    let ids: Vec<String> = follow(&place, "/v1/events", "last-event-id: 4\r\n").filter(|l| l.starts_with("id: ")).take(2).collect();
    assert_eq!(ids, ["id: 5", "id: 6"]);
}

#[test]
fn a_follower_hears_of_what_comes() {
    let place = Place::new();
    let apid = place.start();
    let mut lines = follow(&place, "/v1/events", "");
    assert!(lines.any(|line| line.to_ascii_lowercase().starts_with("content-type: text/event-stream")));
    apid.change(&json!({ "motd": "x" }));
    assert!(lines.any(|line| line.contains("\"kind\":\"committed\"")));
}

#[test]
fn followers_are_bounded_and_keep_nobody_out() {
    let place = Place::new();
    let apid = place.start();
    let held: Vec<_> = (0..16).map(|_| follow(&place, "/v1/events", "")).map(|mut lines| (lines.next(), lines)).collect();
    assert!(held.iter().all(|(status, _)| status.as_deref().is_some_and(|s| s.contains("200"))));
    assert_eq!(apid.send(Method::Get, "/v1/events", None).status, 429);
    assert_eq!(apid.change(&json!({ "motd": "x" })), ["settings.motd"]);
    drop(held);
    for wrong in ["x", "-1"] {
        let status = follow(&place, "/v1/events", &format!("last-event-id: {wrong}\r\n")).next().expect("a status");
        assert!(status.contains("400"), "{status}");
    }
}
