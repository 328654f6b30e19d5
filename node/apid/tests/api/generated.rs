//! Values that the node made for keys that nobody set.

use std::fs;

use ampoule_api_types::v1::{GenerationDetail, GenerationOrigin};
use ampoule_supervise::message::Phase;
use serde_json::{Value, json};

use crate::{
    harness::{Place, eventually},
    neighbours,
};

fn made(place: &Place, hostname: &str, strength: &str) {
    let document = json!({ "network.hostname": { "value": hostname, "strength": strength, "why": "a test" } });
    let draft = place.path("generated.new");
    fs::write(&draft, document.to_string()).expect("written");
    fs::rename(draft, place.path("generated.json")).expect("renamed");
}

fn hostname(settings: &Value) -> Option<&str> {
    settings["network"]["hostname"].as_str()
}

#[test]
fn a_strong_value_is_kept_with_the_first_generation_and_never_changes() {
    let place = Place::new();
    made(&place, "first", "strong");
    let apid = place.start();
    assert_eq!(hostname(&apid.settings()), Some("first"));
    let first: GenerationDetail = apid.client().get_json("/v1/generations/1").expect("a generation");
    assert_eq!((first.settings, &first.generated["network.hostname"]), (json!({}), &json!("first")));
    apid.kill();
    made(&place, "second", "strong");
    assert_eq!(hostname(&place.start().settings()), Some("first"));
    fs::remove_file(place.path("generated.json")).expect("removed");
    assert_eq!(hostname(&place.start().settings()), Some("first"));
}

#[test]
fn a_weak_value_is_of_this_boot_and_what_a_person_sets_wins() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    made(&place, "weak", "weak");
    let apid = place.start();
    assert_eq!(hostname(&apid.settings()), Some("weak"));
    apid.change(&json!({ "network": { "hostname": "mine" } }));
    assert_eq!(hostname(&apid.settings()), Some("mine"));
    apid.send(ampoule_api_client::Method::Delete, "/v1/settings?keys=network.hostname", None);
    apid.send(ampoule_api_client::Method::Post, "/tx/commit_and_apply", None);
    assert_eq!(hostname(&apid.settings()), Some("weak"));
    apid.kill();
    fs::remove_file(place.path("generated.json")).expect("removed");
    assert_eq!(hostname(&place.start().settings()), None);
}

#[test]
fn what_is_made_later_is_a_change_like_any_other() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    made(&place, "later", "strong");
    eventually("it is in its file", || apid.file("/etc/hostname").as_deref() == Some("later\n"));
    eventually("netd is told", || init.has_reloaded("netd"));
    let made: GenerationDetail = apid.client().get_json("/v1/generations/2").expect("a generation");
    assert_eq!((made.summary.origin, made.summary.author.as_str()), (GenerationOrigin::Generated, "provision"));
}

#[test]
fn a_document_that_is_wrong_costs_only_what_is_wrong_in_it() {
    let place = Place::new();
    let document = r#"{"network.hostname":{"value":"good","strength":"weak","why":""},"motd":{"value":7,"strength":"weak","why":""}}"#;
    fs::write(place.path("generated.json"), document).expect("written");
    let apid = place.start();
    assert_eq!((hostname(&apid.settings()), apid.settings()["motd"].as_str()), (Some("good"), Some("by default")));
    assert!(apid.log().contains("motd"), "{}", apid.log());
    apid.kill();
    fs::write(place.path("generated.json"), "rubbish").expect("written");
    assert_eq!(place.start().settings(), json!({ "motd": "by default" }));
}

/// A change that is made while another is on trial goes with that one; the node's own name must not.
#[test]
fn a_value_made_on_trial_stays_when_the_trial_is_taken_back() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let wish = json!({ "settings": { "motd": "nobody confirms" }, "confirm-seconds": 4 });
    let report = apid.send(ampoule_api_client::Method::Post, "/v1/apply", Some(&wish));
    assert_eq!(report.status, 200, "{}", report.text());
    made(&place, "made-on-trial", "strong");
    eventually("the name came with the trial", || hostname(&apid.settings()) == Some("made-on-trial"));
    assert_eq!(apid.settings()["motd"], json!("nobody confirms"), "{}", apid.log());
    eventually("the trial is over", || apid.settings()["motd"] == json!("by default"));
    eventually("the name is back", || hostname(&apid.settings()) == Some("made-on-trial"));
    assert_eq!(apid.settings()["motd"], json!("by default"));
}

#[test]
fn a_value_that_does_harm_is_not_tried_again() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    init.when_told("netd", &[Phase::BackingOff]);
    made(&place, "harmful", "strong");
    eventually("it is taken back", || apid.log().contains("is taken back"));
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(apid.log().matches("is taken back").count(), 1, "{}", apid.log());
    assert_eq!(hostname(&apid.settings()), None);
}

/// Else a change that ends every boot would be tried for ever: the node works its name out anew in each.
#[test]
fn a_value_made_in_the_last_boot_of_a_trial_does_not_prolong_it() {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let wish = json!({ "settings": { "motd": "nobody confirms" }, "confirm-seconds": 600 });
    assert_eq!(apid.send(ampoule_api_client::Method::Post, "/v1/apply", Some(&wish)).status, 200);
    apid.kill();
    place.boot("second");
    let apid = place.start();
    made(&place, "worked-out", "strong");
    eventually("the name came with the trial", || hostname(&apid.settings()) == Some("worked-out"));
    apid.kill();
    place.boot("third");
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], json!("by default"), "{}", apid.log());
    eventually("the name is back", || hostname(&apid.settings()) == Some("worked-out"));
    drop(init);
}
