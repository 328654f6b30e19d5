//! The settings of a generation, as they are stored.

use crate::aside::{Aside, Sides};
use crate::change::{Change, Layer, Way};
use crate::flat::Flat;
use crate::problem::Problem;
use ampoule_settings::path;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a generation holds of settings, whatever their form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Content {
    /// What people set, as a tree.
    pub chosen: Value,
    /// What was worked out, by dotted key: documents with the value in `value`.
    pub generated: BTreeMap<String, Value>,
    /// What is kept for other forms, by step and change (`"2.0"`: the first change of the third step).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<String, Aside>,
}

impl Content {
    /// Takes it through one change.
    pub(crate) fn carry(&mut self, change: &Change, way: Way, place: &str) -> Vec<Problem> {
        let Aside { chosen, generated } = self.aside.remove(place).unwrap_or_default();
        let (leaves, chosen, mut problems) = across(change, way, Layer::Chosen, Flat::of_tree(&self.chosen), chosen);
        self.chosen = leaves.to_tree();
        let made = std::mem::take(&mut self.generated).into_iter().map(|(key, made)| (path::split(&key), made)).collect();
        let (leaves, generated, more) = across(change, way, Layer::Generated, made, generated);
        self.generated = leaves.into_iter().map(|(key, made)| (path::join(key), made)).collect();
        let aside = Aside { chosen, generated };
        if !aside.is_empty() {
            self.aside.insert(place.to_owned(), aside);
        }
        problems.extend(more);
        problems
    }
}

fn across(change: &Change, way: Way, layer: Layer, leaves: Flat, sides: Sides) -> (Flat, Sides, Vec<Problem>) {
    match way {
        Way::Up => change.up(layer, leaves, sides),
        Way::Down => {
            let (leaves, sides, problems) = change.mirrored().up(layer, leaves, sides.swapped());
            (leaves, sides.swapped(), problems)
        }
    }
}
