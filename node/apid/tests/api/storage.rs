//! What happens to the program when what it stored is damaged.

use std::fs;

use ampoule_api_types::v1::GenerationList;
use serde_json::{Value, json};

use crate::harness::{Apid, Place};

fn generations(place: &Place) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(place.path("state/settings")).expect("the store");
    let mut files: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|x| x == "json")).collect();
    files.sort();
    files
}

#[test]
fn a_torn_generation_is_named_and_the_one_before_is_used() {
    let place = Place::new();
    let apid = place.start();
    apid.change(&json!({ "motd": "first" }));
    apid.change(&json!({ "motd": "second" }));
    apid.kill();
    let newest = generations(&place).pop().expect("a generation");
    let bytes = fs::read(&newest).expect("readable");
    fs::write(&newest, &bytes[..bytes.len() / 2]).expect("torn");
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], "first");
    let name = newest.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(apid.log().contains(name), "{}", apid.log());
    let list: GenerationList = apid.client().get_json("/v1/generations").expect("generations");
    assert!(list.damaged.len() == 1 && list.damaged[0].ends_with(name), "{:?}", list.damaged);
    apid.change(&json!({ "motd": "third" }));
    apid.kill();
    assert_eq!(place.start().settings()["motd"], "third");
}

#[test]
fn a_store_that_is_rubbish_throughout_leaves_the_api_up() {
    let place = Place::new();
    place.start().kill();
    for file in generations(&place) {
        fs::write(file, "rubbish").expect("damaged");
    }
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], "by default");
}

#[test]
fn a_state_that_cannot_be_written_leaves_the_api_up_and_a_commit_says_why() {
    let place = Place::new();
    // A file where the folder should be.
    fs::write(place.path("state/settings"), "").expect("written");
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], "by default");
    apid.send(ampoule_api_client::Method::Patch, "/settings", Some(&json!({ "motd": "x" })));
    let refused = apid.send(ampoule_api_client::Method::Post, "/tx/commit_and_apply", None);
    assert!(refused.status >= 500 && refused.text().contains("cannot be stored"), "{} {}", refused.status, refused.text());
    assert_eq!(apid.settings()["motd"], "by default");
}

#[test]
fn a_stored_key_that_this_image_lacks_takes_no_other_with_it() {
    let place = Place::new();
    let apid = place.start();
    apid.change(&json!({ "motd": "kept", "container-registry": { "plain-http": ["a.example"] } }));
    apid.kill();
    let variant = fs::read_to_string(place.path("variant.toml")).expect("variant");
    fs::write(place.path("variant.toml"), variant.replace("\"container-registry\", ", "")).expect("variant");
    let apid = place.start();
    assert_eq!(apid.settings(), json!({ "motd": "kept" }));
    assert!(apid.log().contains("container-registry"), "{}", apid.log());
}

#[test]
fn killed_at_any_moment_of_a_change_files_and_settings_agree() {
    use std::{io::Write, os::unix::net::UnixStream, thread, time::Duration};
    let place = Place::new();
    let mut before = "by default".to_owned();
    // A change whose trial a kill has cut off may be taken back later, to this.
    let mut confirmed = before.clone();
    for step in 0..24_u64 {
        let wanted = format!("change {step}");
        let body = json!({ "settings": { "motd": wanted } }).to_string();
        let apid = place.start();
        let mut stream = UnixStream::connect(place.path("api.sock")).expect("connected");
        write!(stream, "POST /v1/apply HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
        thread::sleep(Duration::from_micros(step * 500));
        apid.kill();
        let apid = place.start();
        let now = apid.settings()["motd"].as_str().expect("a text").to_owned();
        assert!([&before, &wanted, &confirmed].contains(&&now), "step {step}: {now}, not {before} or {confirmed}");
        assert_eq!(apid.file("/etc/motd"), Some(format!("{now}\n")), "step {step}");
        assert!(!apid.log().contains("damaged"), "{}", apid.log());
        before = now;
        confirmed = confirmed_motd(&apid);
    }
}

/// What the last confirmed generation says; the image's default, if it says nothing.
fn confirmed_motd(apid: &Apid) -> String {
    let list: GenerationList = apid.client().get_json("/v1/generations").expect("generations");
    let found: Option<Value> = apid.client().get_json(&format!("/v1/generations/{}", list.standing.confirmed)).ok();
    found.and_then(|found| found["settings"]["motd"].as_str().map(str::to_owned)).unwrap_or_else(|| "by default".to_owned())
}
