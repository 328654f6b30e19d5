//! Every attack on a repository, against the real client: what must be refused writes no byte to the slot.

use crate::node::{Node, blocks};
use ampoule_update_attacks::{ATTACKS, Attack, NEWEST, Outcome, Server, World};
use serde_json::json;
use std::fs;
use std::path::Path;

/// What came of it.
struct Came {
    /// The version in the slot, if `prepare` went well.
    staged: Option<String>,
    /// Whether a byte of the slot changed.
    written: bool,
    said: String,
}

fn confront(attack: &Attack) -> (Outcome, Came) {
    let world = World::new().expect("a world");
    let prepared = (attack.prepare)(&world).unwrap_or_else(|error| panic!("{}: {error:#}", attack.name));
    let mut node = Node::with(&blocks(1, 150));
    node.write("usr/share/updog/root.json", &prepared.root);
    node.start();
    for before in &prepared.before {
        let server = Server::start(before, ampoule_update_attacks::Behaviour::Honest).expect("a server");
        sees(&node, &server);
        node.run("refresh").unwrap_or_else(|error| panic!("{}: before: {error}", attack.name));
    }
    let server = Server::start(&prepared.repository, prepared.behaviour).expect("a server");
    sees(&node, &server);
    let before = slot(&node);
    let mut said = node.run("refresh").err();
    if said.is_none() {
        said = node.run("prepare").err();
    }
    let status = node.status();
    let staged =
        (status["status"]["update_state"] == "Staged").then(|| status["status"]["chosen_update"]["version"].as_str().map(str::to_owned));
    let came = Came { staged: staged.flatten(), written: slot(&node) != before, said: said.unwrap_or_default() };
    assert!(!Path::new("/tmp/ampoule-was-here").exists(), "{}", attack.name);
    (prepared.outcome, came)
}

fn sees(node: &Node, server: &Server) {
    let url = server.url();
    node.write(
        "etc/ampoule/updates.json",
        json!({"metadata-base-url": format!("{url}metadata/"), "targets-base-url": format!("{url}targets/")}).to_string(),
    );
}

fn slot(node: &Node) -> Vec<u8> {
    fs::read(node.path("disk.img")).expect("a disk")
}

#[test]
fn every_attack_comes_to_what_it_must() {
    assert!(ATTACKS.len() > 30, "the attacks have shrunk");
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let (outcome, came) = confront(attack);
        let newest = came.staged.as_deref() == Some(NEWEST);
        let right = match outcome {
            Outcome::Refused => came.staged.is_none() && !came.written,
            Outcome::Harmless => newest || (came.staged.is_none() && !came.written),
            Outcome::Accepted => came.staged.is_some(),
        };
        if !right {
            wrong.push(format!(
                "{}: {outcome:?}, but staged {:?}, written {}, said {:?}",
                attack.name, came.staged, came.written, came.said
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Not for another reason, such as a wrong length.
#[test]
fn a_boot_loader_that_firmware_would_not_start_is_refused_as_such() {
    for (name, why) in [("loader_that_is_no_program", "begin with MZ"), ("loader_for_another_machine", "another machine")] {
        let (_, came) = confront(ATTACKS.iter().find(|attack| attack.name == name).expect("an attack"));
        let refused = format!("the boot loader of version {NEWEST} is refused: firmware would not start it: it");
        assert!(came.said.contains(&refused) && came.said.contains(why), "{}", came.said);
    }
}
