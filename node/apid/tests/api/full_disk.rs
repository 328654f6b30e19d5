//! A STATE without space. The program runs in a mount namespace of its own, with a small tmpfs for its state.

use ampoule_api_client::Method;
use ampoule_api_types::v1::GenerationList;
use serde_json::json;

use crate::harness::{Place, eventually};

/// A message of the day that fills a good part of it.
fn large(letter: char) -> String {
    letter.to_string().repeat(60_000)
}

#[test]
fn a_full_disk_refuses_a_commit_and_changes_nothing() {
    let place = Place::new();
    let apid = place.start_with_state_of(160);
    apid.change(&json!({ "motd": large('a') }));
    apid.change(&json!({ "motd": large('b') }));
    apid.send(Method::Patch, "/settings", Some(&json!({ "motd": large('c') })));
    let refused = apid.send(Method::Post, "/tx/commit_and_apply", None);
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert!(refused.text().contains("could not be stored"), "{}", refused.text());
    assert_eq!(apid.settings()["motd"], large('b').as_str());
    let list: GenerationList = apid.client().get_json("/v1/generations").expect("generations");
    assert_eq!((list.standing.in_force, list.generations.len()), (3, 3));
    // What fits is still taken.
    assert_eq!(apid.change(&json!({ "motd": "small" })), ["settings.motd"]);
}

#[test]
fn what_is_taken_back_is_in_force_even_if_that_cannot_be_stored() {
    let place = Place::new();
    let apid = place.start_with_state_of(160);
    apid.change(&json!({ "motd": large('a') }));
    eventually("it is confirmed", || {
        apid.client().get_json::<GenerationList>("/v1/generations").is_ok_and(|list| list.standing.confirmed == 2)
    });
    let body = json!({ "settings": { "motd": large('b') }, "confirm-seconds": 2 });
    assert_eq!(apid.send(Method::Post, "/v1/apply", Some(&body)).status, 200);
    eventually("it is taken back", || apid.settings()["motd"] == large('a').as_str());
    assert_eq!(apid.file("/etc/motd").map(|text| text.len()), Some(60_001));
    let list: GenerationList = apid.client().get_json("/v1/generations").expect("generations");
    assert_eq!((list.standing.in_force, list.standing.confirmed), (2, 2));
    assert!(apid.log().contains("it is tried again"), "{}", apid.log());
}
