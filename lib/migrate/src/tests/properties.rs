//! Whatever the steps and whatever the settings: going there and back gives what was there.

use super::{spans, text_to_seconds};
use crate::flat::Flat;
use crate::{Change, Content, Step, Steps};
use proptest::prelude::*;
use semver::Version;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Few names, so that they meet.
const NAMES: [&str; 4] = ["a", "b", "c", "n.1"];

fn key() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1..5)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0u32..3).prop_map(|n| json!(n)),
        prop::sample::select(vec![json!("1s"), json!("01s"), json!("x"), json!(true), json!([1, {}]), json!({}), Value::Null]),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), value()), 0..8).prop_map(|leaves| {
        let mut flat = Flat::default();
        leaves.into_iter().for_each(|(key, value)| flat.put_whole_if_free(key, value));
        flat.to_tree()
    })
}

fn generated() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let made = |value: Value| json!({ "value": value, "strength": "strong" });
    tree().prop_map(move |tree| {
        let leaves = Flat::of_tree(&tree);
        leaves.iter().map(|(key, value)| (ampoule_settings::path::join(key), made(value.clone()))).collect()
    })
}

fn content() -> impl Strategy<Value = Content> {
    (tree(), generated()).prop_map(|(chosen, generated)| Content { chosen, generated, ..Content::default() })
}

fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "*"]), 1..4).prop_map(|segments| segments.join("."))
}

/// Every text has a length and no length says which text it was.
fn length(value: &Value) -> Result<Value, String> {
    value.as_str().map(|text| json!(text.len())).ok_or_else(|| "this is no text".to_owned())
}

/// Loses what it does not fail at.
fn lossy(key: &str) -> Change {
    Change::Converted { key: key.into(), what: "only its length".to_owned(), up: length, down: text_to_seconds }
}

/// Makes tables of values.
fn wrapped(key: &str) -> Change {
    let up = |value: &Value| Ok(json!({ "a": value }));
    let down = |value: &Value| value.get("a").cloned().ok_or_else(|| "this holds no a".to_owned());
    Change::Converted { key: key.into(), what: "in a table".to_owned(), up, down }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        pattern().prop_map(|key| Change::Added { key: key.as_str().into() }),
        pattern().prop_map(|key| Change::Removed { key: key.as_str().into() }),
        (pattern(), pattern()).prop_map(|(from, to)| super::moved(&from, &to)),
        (pattern(), value(), value()).prop_map(|(key, from, to)| Change::Replaced { key: key.as_str().into(), from, to }),
        (pattern(), prop::sample::select(vec![spans as fn(&str) -> Change, lossy, wrapped])).prop_map(|(key, make)| make(&key)),
    ]
}

/// Steps that a version could have: those that contradict themselves are refused and not tried.
fn steps() -> impl Strategy<Value = Steps> {
    let right = change().prop_filter("a right change", |change| alone(change.clone()).is_ok());
    let changes = prop::collection::vec(right, 0..4);
    prop::collection::vec(changes, 1..4).prop_map(|all| {
        let versions = (2..).map(|minor| Version::new(0, minor, 0));
        Steps::new(versions.zip(all).map(|(version, changes)| Step { version, changes }).collect()).expect("right steps")
    })
}

fn alone(change: Change) -> Result<Steps, crate::StepsError> {
    Steps::new(vec![Step { version: Version::new(0, 2, 0), changes: vec![change] }])
}

fn up(steps: &Steps, content: Content) -> Content {
    steps.up(content, 0).expect("known").content
}

fn down(steps: &Steps, content: Content) -> Content {
    steps.down(content, 0).expect("known").content
}

/// Sets some keys, over what is there, and removes others.
fn edited(content: Content, edits: &[(Vec<String>, Option<Value>)]) -> Content {
    let mut leaves = Flat::of_tree(&content.chosen);
    for (key, value) in edits {
        leaves = leaves.split(|leaf| leaf.starts_with(key) || key.starts_with(leaf)).1;
        value.iter().for_each(|value| leaves.put_whole_if_free(key.clone(), value.clone()));
    }
    Content { chosen: leaves.to_tree(), ..content }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn up_and_down_is_what_was_there(steps in steps(), before in content()) {
        prop_assert_eq!(down(&steps, up(&steps, before.clone())), before);
    }

    #[test]
    fn down_and_up_is_what_was_there(steps in steps(), before in content()) {
        prop_assert_eq!(up(&steps, down(&steps, before.clone())), before);
    }

    /// Also if somebody changed settings on the newer version: all of it is there after a stay on the older one, and the other way round.
    #[test]
    fn what_is_changed_in_between_stays(steps in steps(), before in content(), edits in prop::collection::vec((key(), prop::option::of(value())), 0..4)) {
        let on_the_newer = edited(up(&steps, before.clone()), &edits);
        let again = up(&steps, down(&steps, on_the_newer.clone()));
        prop_assert_eq!((again.chosen, again.generated), (on_the_newer.chosen, on_the_newer.generated));
        let on_the_older = edited(down(&steps, before), &edits);
        let again = down(&steps, up(&steps, on_the_older.clone()));
        prop_assert_eq!((again.chosen, again.generated), (on_the_older.chosen, on_the_older.generated));
    }

    /// One step after the other is the same as all at once, whatever form is stopped at.
    #[test]
    fn a_stop_on_the_way_changes_nothing(steps in steps(), before in content(), stop in 0usize..3) {
        let first = Steps::new(steps.iter().take(stop).cloned().collect()).expect("right steps");
        let stopped = up(&first, before.clone());
        prop_assert_eq!(steps.up(stopped, first.form()).expect("known").content, up(&steps, before));
    }

    /// No value is lost without a word: what is gone and not named is kept aside.
    #[test]
    fn what_is_not_carried_over_is_kept(steps in steps(), before in content()) {
        let carried = steps.up(before.clone(), 0).expect("known");
        let text = serde_json::to_string(&carried.content).expect("JSON");
        let read: Content = serde_json::from_str(&text).expect("a content");
        prop_assert_eq!(down(&steps, read), before);
    }

    #[test]
    fn trees_are_their_leaves(tree in tree()) {
        prop_assert_eq!(Flat::of_tree(&tree).to_tree(), tree);
    }
}
