//! What happens to the program when what it stored is damaged.

use std::fs;

use serde_json::json;

use crate::harness::Place;

fn generations(place: &Place) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(place.path("state/settings")).expect("the store");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
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
