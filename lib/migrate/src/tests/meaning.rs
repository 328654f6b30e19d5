//! What each change does, on examples.

use super::{chosen, moved, spans, step};
use crate::{Change, Content};
use serde_json::{Value, json};

#[test]
fn a_setting_that_is_no_more_comes_back_on_the_way_back() {
    let steps = step(vec![Change::Removed { key: "ntp.old".into() }]);
    let up = steps.up(chosen(json!({ "motd": "m", "ntp": { "old": [1] } })), 0).expect("known").content;
    assert_eq!(up.chosen, json!({ "motd": "m" }));
    // What the newer version sets meanwhile is taken along.
    let set = Content { chosen: json!({ "motd": "n" }), ..up };
    let down = steps.down(set, 0).expect("known");
    assert_eq!((down.content.chosen, down.problems), (json!({ "motd": "n", "ntp": { "old": [1] } }), vec![]));
}

#[test]
fn a_new_setting_is_kept_from_the_older_version_for_the_way_forward() {
    let steps = step(vec![Change::Added { key: "ntp.new".into() }]);
    let down = steps.down(chosen(json!({ "motd": "m", "ntp": { "new": true, "old": 1 } })), 0).expect("known").content;
    assert_eq!(down.chosen, json!({ "motd": "m", "ntp": { "old": 1 } }));
    let set = Content { chosen: json!({ "motd": "n" }), ..down };
    assert_eq!(steps.up(set, 0).expect("known").content.chosen, json!({ "motd": "n", "ntp": { "new": true } }));
}

#[test]
fn a_name_moves_with_all_below_it_and_for_each_name_that_a_person_chose() {
    let steps = step(vec![moved("workloads.*.env", "workloads.*.environment")]);
    let before = json!({ "workloads": { "web": { "env": { "A": "1", "B": "2" }, "image": "i" }, "a.b": { "env": {} } } });
    let up = steps.up(chosen(before.clone()), 0).expect("known").content;
    let after = json!({ "workloads": { "web": { "environment": { "A": "1", "B": "2" }, "image": "i" }, "a.b": { "environment": {} } } });
    assert_eq!(up.chosen, after);
    assert_eq!(steps.down(up, 0).expect("known").content.chosen, before);
}

#[test]
fn what_stands_where_a_setting_moves_to_stays_on_its_side() {
    let steps = step(vec![moved("a", "b.c")]);
    let before = json!({ "a": 1, "b": { "c": { "x": 2 }, "d": 3 } });
    let up = steps.up(chosen(before.clone()), 0).expect("known").content;
    assert_eq!(up.chosen, json!({ "b": { "c": 1, "d": 3 } }));
    assert_eq!(steps.down(up, 0).expect("known").content.chosen, before);
}

#[test]
fn a_value_that_is_spelled_otherwise_comes_back_in_its_old_spelling() {
    let steps = step(vec![Change::Replaced { key: "kernel.lockdown".into(), from: json!("none"), to: json!("off") }]);
    for before in ["none", "off", "integrity"] {
        let up = steps.up(chosen(json!({ "kernel": { "lockdown": before } })), 0).expect("known").content;
        assert_ne!(up.chosen["kernel"]["lockdown"], "none");
        assert_eq!(steps.down(up, 0).expect("known").content.chosen["kernel"]["lockdown"], before);
    }
}

#[test]
fn a_value_without_an_equal_is_named_and_waits_for_the_way_back() {
    let steps = step(vec![spans("wait")]);
    let up = steps.up(chosen(json!({ "wait": "forever", "motd": "m" })), 0).expect("known");
    assert_eq!(up.content.chosen, json!({ "motd": "m" }));
    assert_eq!(
        up.problems[0].to_string(),
        "settings.wait: this is no number of seconds (set it anew; the value from before is kept for the way back)"
    );
    assert_eq!(steps.down(up.content.clone(), 0).expect("known").content.chosen, json!({ "wait": "forever", "motd": "m" }));
    // Whoever sets it anew is right on the way back as well.
    let set = Content { chosen: json!({ "wait": "7s" }), ..up.content };
    assert_eq!(steps.down(set, 0).expect("known").content.chosen, json!({ "wait": 7 }));
}

#[test]
fn a_value_that_nobody_touched_comes_back_as_it_was_and_one_that_somebody_did_does_not() {
    let steps = step(vec![spans("wait")]);
    let down = steps.down(chosen(json!({ "wait": "07s" })), 0).expect("known").content;
    assert_eq!(down.chosen, json!({ "wait": 7 }));
    assert_eq!(steps.up(down.clone(), 0).expect("known").content.chosen, json!({ "wait": "07s" }));
    let set = Content { chosen: json!({ "wait": 8 }), ..down.clone() };
    assert_eq!(steps.up(set, 0).expect("known").content.chosen, json!({ "wait": "8s" }));
    let removed = Content { chosen: json!({}), ..down };
    assert_eq!(steps.up(removed, 0).expect("known").content.chosen, json!({}), "somebody deleted it");
}

#[test]
fn generated_values_go_the_same_way_with_all_that_is_known_of_them() {
    let made = |value: Value| json!({ "value": value, "strength": "strong", "why": "dhcp" });
    let steps = step(vec![moved("network.hostname", "node.name"), spans("wait")]);
    let generated = [("network.hostname".to_owned(), made(json!("n"))), ("wait".to_owned(), made(json!(3)))].into();
    let before = Content { generated, ..chosen(json!({})) };
    let up = steps.up(before.clone(), 0).expect("known").content;
    assert_eq!(up.generated, [("node.name".to_owned(), made(json!("n"))), ("wait".to_owned(), made(json!("3s")))].into());
    assert_eq!(steps.down(up, 0).expect("known").content, before);
}

#[test]
fn what_is_wrong_with_a_setting_is_said_by_its_last_name() {
    let steps = step(vec![spans("wait"), moved("wait", "ntp.wait")]);
    assert_eq!(steps.up(chosen(json!({ "wait": true })), 0).expect("known").problems[0].key, "ntp.wait");
}

#[test]
fn a_form_of_the_future_is_refused() {
    let steps = step(vec![]);
    assert_eq!(
        steps.up(Content::default(), 2).expect_err("unknown").to_string(),
        "the settings have form 2, this image knows forms up to 1"
    );
    assert!(steps.down(Content::default(), 2).is_err());
}
