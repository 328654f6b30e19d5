//! What a step can do to settings. Each change is undone by its mirror image, so only one direction is written down.

use crate::aside::Sides;
use crate::flat::Flat;
use crate::pattern::Pattern;
use crate::problem::Problem;
use ampoule_settings::path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Takes a value to the other side; if it has no equal there, why (without quoting it).
pub type Conversion = fn(&Value) -> Result<Value, String>;

/// One change of the settings model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// There is a new setting. What it is set to is kept for the way forward when a node goes back.
    Added {
        /// Which.
        key: Pattern,
    },
    /// There is a setting less. What it was set to is kept for the way back.
    Removed {
        /// Which.
        key: Pattern,
    },
    /// A setting, or all settings below a key, are called otherwise.
    Moved {
        /// Its old name.
        from: Pattern,
        /// Its new name, with as many `*`.
        to: Pattern,
    },
    /// One value of a setting is spelled otherwise.
    Replaced {
        /// Which setting.
        key: Pattern,
        /// The value before.
        from: Value,
        /// The value since.
        to: Value,
    },
    /// Values of a setting are written otherwise, or fewer are allowed.
    #[serde(skip)]
    Converted {
        /// Which setting.
        key: Pattern,
        /// What changes, for a person.
        what: String,
        /// From the old to the new.
        up: Conversion,
        /// From the new to the old.
        down: Conversion,
    },
}

/// Which way settings go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the newer form.
    Up,
    /// To the older one.
    Down,
}

/// Whose values they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// People's: leaves of a tree.
    Chosen,
    /// The node's: documents with the value in `value`.
    Generated,
}

type Done = (Flat, Sides, Vec<Problem>);

impl Change {
    /// The same change, seen from the other side.
    pub(crate) fn mirrored(&self) -> Self {
        match self.clone() {
            Self::Added { key } => Self::Removed { key },
            Self::Removed { key } => Self::Added { key },
            Self::Moved { from, to } => Self::Moved { from: to, to: from },
            Self::Replaced { key, from, to } => Self::Replaced { key, from: to, to: from },
            Self::Converted { key, what, up, down } => Self::Converted { key, what, up: down, down: up },
        }
    }

    /// Takes leaves to the newer side.
    pub(crate) fn up(&self, layer: Layer, leaves: Flat, sides: Sides) -> Done {
        match self {
            Self::Added { key } | Self::Removed { key } => parted(key, leaves, sides),
            Self::Moved { from, to } => moved(from, to, leaves, sides),
            Self::Replaced { key, from, to } => {
                let swap = |of: &Value, by: &Value, value: &Value| Ok(if value == of { by.clone() } else { value.clone() });
                converted(layer, key, &|value| swap(from, to, value), &|value| swap(to, from, value), leaves, sides)
            }
            Self::Converted { key, up, down, .. } => converted(layer, key, up, down, leaves, sides),
        }
    }

    /// What a key is called on the other side.
    pub(crate) fn name_after(&self, way: Way, key: &str) -> String {
        let segments = path::split(key);
        match (self, way) {
            (Self::Moved { from, to }, Way::Up) if from.covers(&segments) => path::join(from.renamed(to, &segments)),
            (Self::Moved { from, to }, Way::Down) if to.covers(&segments) => path::join(to.renamed(from, &segments)),
            _ => key.to_owned(),
        }
    }

    /// The keys it names, that of the older side first.
    pub(crate) fn keys(&self) -> (&Pattern, &Pattern) {
        match self {
            Self::Added { key } | Self::Removed { key } | Self::Replaced { key, .. } | Self::Converted { key, .. } => (key, key),
            Self::Moved { from, to } => (from, to),
        }
    }
}

/// For a person.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { key } => write!(f, "add settings.{key}"),
            Self::Removed { key } => write!(f, "remove settings.{key}"),
            Self::Moved { from, to } => write!(f, "move settings.{from} to settings.{to}"),
            Self::Replaced { key, from, to } => write!(f, "in settings.{key} replace {from} by {to}"),
            Self::Converted { key, what, .. } => write!(f, "convert settings.{key}: {what}"),
        }
    }
}

/// What only one side knows stays there.
fn parted(key: &Pattern, leaves: Flat, sides: Sides) -> Done {
    let (older, mut leaves) = leaves.split(|leaf| key.covers(leaf));
    sides.newer.into_iter().for_each(|(leaf, value)| leaves.put_whole_if_free(leaf, value));
    (leaves, Sides { older, newer: Flat::default() }, Vec::new())
}

/// Whatever else stands at one of the two places (nothing that the model of that side knows) stays on its side.
fn moved(from: &Pattern, to: &Pattern, leaves: Flat, sides: Sides) -> Done {
    let (moving, leaves) = leaves.split(|leaf| from.covers(leaf));
    let (older, mut leaves) = leaves.split(|leaf| from.touches(leaf) || to.touches(leaf));
    moving.into_iter().for_each(|(leaf, value)| leaves.put(from.renamed(to, &leaf), value));
    sides.newer.into_iter().for_each(|(leaf, value)| leaves.put_whole_if_free(leaf, value));
    (leaves, Sides { older, newer: Flat::default() }, Vec::new())
}

type Convert<'a> = &'a dyn Fn(&Value) -> Result<Value, String>;

/// A value that would not come back as it was is kept for the way back, and used there unless somebody changed the other one meanwhile.
fn converted(layer: Layer, key: &Pattern, up: Convert, down: Convert, leaves: Flat, sides: Sides) -> Done {
    let (values, mut leaves) = whole_values(layer, key, leaves);
    let (mut older, mut problems) = (Flat::default(), Vec::new());
    for (name, value) in &values {
        let of_it = layer.value(value);
        if let Some(kept) = sides.newer.get(name).filter(|kept| down(layer.value(kept)).as_ref() == Ok(of_it)) {
            layer.put(&mut leaves, name, kept.clone());
            continue;
        }
        let new = up(of_it).map_err(|reason| problems.push(unlike(name, reason))).ok();
        if new.as_ref().is_none_or(|new| down(new).as_ref() != Ok(of_it)) {
            older.put(name.clone(), value.clone());
        }
        if let Some(new) = new {
            layer.put(&mut leaves, name, layer.with(value, new));
        }
    }
    let lost = sides.newer.iter().filter(|(name, kept)| !values.contains_key(*name) && down(layer.value(kept)).is_err());
    lost.for_each(|(name, kept)| layer.put_if_free(&mut leaves, name, kept));
    (leaves, Sides { older, newer: Flat::default() }, problems)
}

fn unlike(name: &[String], reason: String) -> Problem {
    Problem { key: path::join(name), reason, remedy: "set it anew; the value from before is kept for the way back".to_owned() }
}

/// The values of a setting, each in one piece, and all other leaves.
fn whole_values(layer: Layer, key: &Pattern, leaves: Flat) -> (BTreeMap<Vec<String>, Value>, Flat) {
    let (those, others) = leaves.split(|leaf| key.covers(leaf) && (layer == Layer::Chosen || leaf.len() == key.len()));
    if layer == Layer::Generated {
        return (those.into_iter().collect(), others);
    }
    let tree = those.to_tree();
    let below = |name: &[String]| name.iter().try_fold(&tree, |below, segment| below.get(segment)).cloned().unwrap_or_default();
    let names: BTreeSet<Vec<String>> = those.iter().map(|(leaf, _)| leaf[..key.len()].to_vec()).collect();
    (names.into_iter().map(|name| (name.clone(), below(&name))).collect(), others)
}

impl Layer {
    fn value(self, held: &Value) -> &Value {
        match self {
            Self::Chosen => held,
            Self::Generated => held.get("value").unwrap_or(&Value::Null),
        }
    }

    /// What is held, with another value.
    fn with(self, held: &Value, value: Value) -> Value {
        let mut held = held.clone();
        match (self, &mut held) {
            (Self::Generated, Value::Object(members)) => {
                members.insert("value".to_owned(), value);
                held
            }
            _ => value,
        }
    }

    fn put(self, leaves: &mut Flat, name: &[String], held: Value) {
        match self {
            Self::Chosen => leaves.put_tree(name.to_vec(), &held),
            Self::Generated => leaves.put(name.to_vec(), held),
        }
    }

    fn put_if_free(self, leaves: &mut Flat, name: &[String], held: &Value) {
        match self {
            Self::Chosen => leaves.put_if_free(name.to_vec(), held),
            Self::Generated => leaves.put_whole_if_free(name.to_vec(), held.clone()),
        }
    }
}
