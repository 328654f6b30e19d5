//! The settings of each version, and that what differs from it now is what steps say.

use crate::{folder, freeze, present as present_version, versions};
use ampoule_migrate::{Change, Pattern, Step, Steps};
use ampoule_settings::{Key, all_keys, path};
use semver::Version;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Settings by pattern, each with the type of its values.
type Listing = BTreeMap<String, Value>;

/// What this version knows.
pub(crate) fn present() -> Listing {
    let described = |key: &Key| {
        let mut schema = key.schema();
        // Words may change at any time.
        schema.as_object_mut().expect("a schema is an object").remove("description");
        json!({ "schema": schema, "alias-of": key.alias_of })
    };
    all_keys().map(|key| (key.pattern.to_owned(), described(key))).collect()
}

pub(crate) fn text(listing: &Listing) -> String {
    let lines: Vec<_> = listing.iter().map(|(pattern, described)| format!("{}: {described}", json!(pattern))).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn of(version: &Version) -> Listing {
    let text = fs::read_to_string(folder().join(version.to_string()).join("settings.json")).expect("a listing");
    serde_json::from_str(&text).expect("JSON")
}

/// What differs and is not explained by steps, each for a person.
fn unexplained<'a>(mut before: Listing, steps: impl Iterator<Item = &'a Step>, after: &Listing) -> Vec<String> {
    let (mut free, mut converted): (Vec<Pattern>, Vec<Pattern>) = (Vec::new(), Vec::new());
    for change in steps.flat_map(|step| step.changes.clone()) {
        match change {
            Change::Added { key } => free.push(key),
            Change::Removed { key } => before.retain(|pattern, _| !key.covers(&path::split(pattern))),
            Change::Moved { from, to } => before = moved(before, &from, &to),
            Change::Replaced { key, .. } | Change::Converted { key, .. } => converted.push(key),
        }
    }
    let is_of = |patterns: &[Pattern], key: &str| patterns.iter().any(|pattern| pattern.covers(&path::split(key)));
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| format!("settings.{key} is no more"));
    let new = after.keys().filter(|key| !before.contains_key(*key) && !is_of(&free, key)).map(|key| format!("settings.{key} is new"));
    let other = |(key, described): &(&String, &Value)| after.get(*key).is_some_and(|now| now != *described) && !is_of(&converted, key);
    let other = before.iter().filter(other).map(|(key, _)| format!("settings.{key} has another type"));
    gone.chain(new).chain(other).collect()
}

fn moved(listing: Listing, from: &Pattern, to: &Pattern) -> Listing {
    let name = |key: String| match path::split(&key) {
        segments if from.covers(&segments) => from.renamed(to, &segments).join("."),
        _ => key,
    };
    listing.into_iter().map(|(key, described)| (name(key), described)).collect()
}

/// A version that changes which settings there are says so in a step.
#[test]
fn what_differs_from_each_version_is_what_the_steps_since_say() {
    let steps = Steps::compiled();
    for version in versions().into_iter().filter(|version| *version < present_version()) {
        let since = steps.iter().filter(|step| step.version > version);
        let unexplained = unexplained(of(&version), since, &present());
        assert!(unexplained.is_empty(), "since {version}, without a step in lib/migrate/src/steps.rs: {unexplained:#?}");
    }
}

/// Within a version nothing can change: nodes of it read one another's settings.
#[test]
fn the_version_in_the_making_is_frozen_as_it_is() {
    let unexplained = unexplained(of(&present_version()), std::iter::empty(), &present());
    assert!(
        unexplained.is_empty(),
        "{} is frozen with other settings: if it is not released yet, run `{}`; else raise the version and write a step: {unexplained:#?}",
        present_version(),
        freeze::HOW
    );
}

#[test]
fn a_difference_is_seen_and_a_step_explains_it() {
    let listing = |keys: &[(&str, &str)]| keys.iter().map(|(key, kind)| ((*key).to_owned(), json!(kind))).collect::<Listing>();
    let before = listing(&[("motd", "text"), ("ntp.wait", "number"), ("workloads.*.env.*", "text"), ("old.a", "text")]);
    let after = listing(&[("motd", "text"), ("ntp.wait", "text"), ("workloads.*.environment.*", "text"), ("new", "text")]);
    let said = unexplained(before.clone(), std::iter::empty(), &after);
    let all = [
        "settings.old.a is no more",
        "settings.workloads.*.env.* is no more",
        "settings.new is new",
        "settings.workloads.*.environment.* is new",
        "settings.ntp.wait has another type",
    ];
    assert_eq!(said, all);
    let changes = vec![
        Change::Removed { key: "old".into() },
        Change::Added { key: "new".into() },
        Change::Moved { from: "workloads.*.env".into(), to: "workloads.*.environment".into() },
        Change::Converted { key: "ntp.wait".into(), what: String::new(), up: |v| Ok(v.clone()), down: |v| Ok(v.clone()) },
    ];
    for left_out in 0..changes.len() {
        let mut some = changes.clone();
        some.remove(left_out);
        let step = Step { version: Version::new(0, 2, 0), changes: some };
        assert!(!unexplained(before.clone(), std::iter::once(&step), &after).is_empty(), "without {:?}", changes[left_out]);
    }
    let step = Step { version: Version::new(0, 2, 0), changes };
    assert_eq!(unexplained(before, std::iter::once(&step), &after), Vec::<String>::new());
}
