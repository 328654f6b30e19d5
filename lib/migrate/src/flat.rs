//! A tree as its leaves: what steps work on. A key of which another is the beginning is never in it beside that one.

use ampoule_settings::path;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Leaves by their segments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Flat(BTreeMap<Vec<String>, Value>);

impl Flat {
    /// The leaves of a tree: all but tables that hold something. What is no table has none.
    pub(crate) fn of_tree(tree: &Value) -> Self {
        let mut flat = Self::default();
        if let Value::Object(table) = tree {
            flat.add_below(&[], table);
        }
        flat
    }

    fn add_below(&mut self, above: &[String], table: &Map<String, Value>) {
        for (name, value) in table {
            self.put_tree([above, std::slice::from_ref(name)].concat(), value);
        }
    }

    /// Puts a value that may be a table.
    pub(crate) fn put_tree(&mut self, key: Vec<String>, value: &Value) {
        match value {
            Value::Object(table) if !table.is_empty() => self.add_below(&key, table),
            leaf => self.put(key, leaf.clone()),
        }
    }

    /// Puts a leaf.
    pub(crate) fn put(&mut self, key: Vec<String>, leaf: Value) {
        self.0.insert(key, leaf);
    }

    /// The tree.
    pub(crate) fn to_tree(&self) -> Value {
        let mut tree = Value::Object(Map::new());
        self.0.iter().for_each(|(key, leaf)| insert(&mut tree, key, leaf));
        tree
    }

    /// Those that `which` says, and the others.
    pub(crate) fn split(self, which: impl Fn(&[String]) -> bool) -> (Self, Self) {
        let (those, others) = self.0.into_iter().partition(|(key, _)| which(key));
        (Self(those), Self(others))
    }

    /// Puts a leaf if there is place for it: nothing at its key, below or above it.
    pub(crate) fn put_if_free(&mut self, key: Vec<String>, value: &Value) {
        if self.is_free(&key) {
            self.put_tree(key, value);
        }
    }

    /// The same, of a leaf that stays whole.
    pub(crate) fn put_whole_if_free(&mut self, key: Vec<String>, leaf: Value) {
        if self.is_free(&key) {
            self.put(key, leaf);
        }
    }

    fn is_free(&self, key: &[String]) -> bool {
        let at_or_below = self.0.range(key.to_vec()..).next().is_some_and(|(there, _)| there.starts_with(key));
        !at_or_below && !(1..key.len()).any(|end| self.0.contains_key(&key[..end]))
    }

    pub(crate) fn get(&self, key: &[String]) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Vec<String>, &Value)> {
        self.0.iter()
    }
}

impl IntoIterator for Flat {
    type Item = (Vec<String>, Value);
    type IntoIter = std::collections::btree_map::IntoIter<Vec<String>, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(Vec<String>, Value)> for Flat {
    fn from_iter<I: IntoIterator<Item = (Vec<String>, Value)>>(leaves: I) -> Self {
        Self(leaves.into_iter().collect())
    }
}

/// Leaves of one tree are never below one another, so what is in the way is a table.
fn insert(tree: &mut Value, key: &[String], leaf: &Value) {
    let mut place = tree;
    for name in key {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name.as_str()];
    }
    *place = leaf.clone();
}

/// As a table of dotted keys.
impl Serialize for Flat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, leaf)| (path::join(key), leaf)))
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Value::deserialize(deserializer)?;
        let Value::Object(table) = table else { return Err(D::Error::custom("settings kept aside are a table")) };
        Ok(table.into_iter().map(|(key, leaf)| (path::split(&key), leaf)).collect())
    }
}
