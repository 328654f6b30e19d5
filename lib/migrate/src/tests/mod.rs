//! Steps of every kind over settings of every shape.

mod meaning;
mod properties;
mod texts;

use crate::{Change, Content, Step, Steps};
use semver::Version;
use serde_json::{Value, json};

/// One step with these changes.
fn step(changes: Vec<Change>) -> Steps {
    Steps::new(vec![Step { version: Version::new(0, 2, 0), changes }]).expect("right steps")
}

fn chosen(tree: Value) -> Content {
    Content { chosen: tree, ..Content::default() }
}

fn moved(from: &str, to: &str) -> Change {
    Change::Moved { from: from.into(), to: to.into() }
}

/// Seconds become a text with a unit. Not every such text is a whole number of seconds.
fn seconds_to_text(value: &Value) -> Result<Value, String> {
    value.as_u64().map(|seconds| json!(format!("{seconds}s"))).ok_or_else(|| "this is no number of seconds".to_owned())
}

fn text_to_seconds(value: &Value) -> Result<Value, String> {
    let seconds = value.as_str().and_then(|text| text.strip_suffix('s')).and_then(|number| number.parse::<u64>().ok());
    seconds.map(|seconds| json!(seconds)).ok_or_else(|| "this is no whole number of seconds".to_owned())
}

fn spans(key: &str) -> Change {
    Change::Converted { key: key.into(), what: "seconds become a time span".to_owned(), up: seconds_to_text, down: text_to_seconds }
}
