//! Trees of settings in answers.

use ampoule_settings::{Fragment, is_secret, path};
use serde_json::{Map, Value};

/// A tree with one value in it.
pub(crate) fn nest(segments: &[String], value: Value) -> Value {
    segments.iter().rfold(value, |below, name| Value::Object(Map::from_iter([(name.clone(), below)])))
}

/// Takes a key out of a tree.
pub(crate) fn remove(tree: &mut Value, key: &str) {
    remove_below(tree, &path::split(key));
}

fn remove_below(tree: &mut Value, segments: &[String]) {
    match (tree, segments) {
        (Value::Object(members), [name]) => drop(members.remove(name)),
        (Value::Object(members), [name, rest @ ..]) => members.get_mut(name).into_iter().for_each(|below| remove_below(below, rest)),
        _ => {}
    }
}

/// Keys of a list parameter: divided by commas, `settings.` optional.
pub(crate) fn keys(list: &str) -> Vec<String> {
    list.split(',').map(|k| k.strip_prefix("settings.").unwrap_or(k).to_owned()).collect()
}

/// The part of `all` that lies at or below one of `wanted`; the first that names nothing, if any.
pub(crate) fn at_or_below(all: &Fragment, wanted: &[String]) -> Result<Fragment, String> {
    let covers = |w: &str, k: &str| k == w || k.strip_prefix(w).is_some_and(|rest| rest.starts_with('.'));
    match wanted.iter().find(|w| !all.keys().any(|k| covers(w, k))) {
        Some(missing) => Err(missing.clone()),
        None => Ok(all.only(|k| wanted.iter().any(|w| covers(w, k)))),
    }
}

/// The part of `all` whose dotted keys begin with `prefix`, as plain text.
pub(crate) fn beginning_with(all: &Fragment, prefix: &str) -> Fragment {
    all.only(|k| format!("settings.{k}").starts_with(prefix) || k.starts_with(prefix))
}

/// A prefix with the kind of what it selects in front, which may be left out.
pub(crate) fn with_kind(kind: &str, prefix: &str) -> String {
    if prefix.starts_with(kind) { prefix.to_owned() } else { format!("{kind}.{prefix}") }
}

/// Without what a reader may not see.
pub(crate) fn without_secrets(all: &Fragment) -> Fragment {
    all.only(|k| !is_secret(k))
}
