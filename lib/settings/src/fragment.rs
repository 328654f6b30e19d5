//! What somebody chose: some keys, each with a value that was checked.

use crate::SettingError;
use crate::key::Key;
use crate::locate::{self, Found};
use crate::{Model, path};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most errors told at once: enough for a person, and what bounds the time that hostile settings take.
const MOST_ERRORS: usize = 100;
/// Deepest nesting read; the model needs five levels.
const MAX_DEPTH: usize = 16;

/// Some settings by dotted key. Holding one proves that each key exists in the model it was made with and each value passes its rule; it says nothing about how they fit together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fragment {
    values: BTreeMap<String, Value>,
}

impl Fragment {
    /// Reads a settings tree (without an outer `settings` key).
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn from_json(model: &Model, tree: &Value) -> Result<Self, Vec<SettingError>> {
        let mut walk = Walk::new(model);
        walk.table(&[], tree);
        walk.finish()
    }

    /// Reads a TOML document whose only top table is `settings`.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place in the text.
    pub fn from_toml(model: &Model, text: &str) -> Result<Self, Vec<SettingError>> {
        let Found { tree, places, strays } = locate::settings_of(text).map_err(|e| vec![e])?;
        let (values, wrong) = match Self::from_json(model, &tree) {
            Ok(values) => (values, Vec::new()),
            Err(errors) => (Self::default(), errors),
        };
        let errors: Vec<_> = strays.into_iter().chain(wrong.into_iter().map(|e| places.add_to(e))).take(MOST_ERRORS).collect();
        if errors.is_empty() { Ok(values) } else { Err(errors) }
    }

    /// This one, with every key of `other` taken from there.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self
    }

    /// Removes the keys that `chosen` says; returns them.
    pub fn remove(&mut self, chosen: impl Fn(&str) -> bool) -> Vec<String> {
        let gone: Vec<String> = self.values.keys().filter(|k| chosen(k)).cloned().collect();
        gone.iter().for_each(|k| drop(self.values.remove(k)));
        gone
    }

    /// Only the keys that `chosen` says.
    #[must_use]
    pub fn only(&self, chosen: impl Fn(&str) -> bool) -> Self {
        Self { values: self.values.iter().filter(|(k, _)| chosen(k)).map(|(k, v)| (k.clone(), v.clone())).collect() }
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Whether it chooses nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Keys whose value differs from `other`'s, sorted.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let all: std::collections::BTreeSet<&String> = self.values.keys().chain(other.values.keys()).collect();
        all.into_iter().filter(|k| self.values.get(*k) != other.values.get(*k)).cloned().collect()
    }

    /// The settings tree.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut tree = Map::new();
        for (key, value) in &self.values {
            insert(&mut tree, &path::split(key), value.clone());
        }
        Value::Object(tree)
    }
}

fn insert(tree: &mut Map<String, Value>, segments: &[String], value: Value) {
    match segments {
        [] => {}
        [name] => drop(tree.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let below = tree.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

struct Walk<'a> {
    model: &'a Model,
    values: BTreeMap<String, Value>,
    errors: Vec<SettingError>,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model) -> Self {
        Self { model, values: BTreeMap::new(), errors: Vec::new() }
    }

    fn finish(self) -> Result<Fragment, Vec<SettingError>> {
        if self.errors.is_empty() { Ok(Fragment { values: self.values }) } else { Err(self.errors) }
    }

    fn table(&mut self, above: &[String], value: &Value) {
        match value {
            Value::Object(table) if above.len() < MAX_DEPTH => table.iter().for_each(|(name, value)| self.entry(above, name, value)),
            _ => self.errors.push(SettingError::value(
                &path::join(above),
                "this is a group of settings, not a value",
                "set one of the keys below it",
            )),
        }
    }

    fn entry(&mut self, above: &[String], name: &str, value: &Value) {
        if self.errors.len() >= MOST_ERRORS {
            return;
        }
        let segments = [above, &[name.to_owned()]].concat();
        if let Some(rule) = self.model.find_segments(&segments) {
            self.leaf(&segments, value, rule);
        } else if self.model.is_table(&segments) {
            self.table(&segments, value);
        } else {
            self.errors.push(self.model.unknown(&segments));
        }
    }

    fn leaf(&mut self, segments: &[String], value: &Value, rule: &Key) {
        match check(segments, value, rule) {
            Err(error) => self.errors.push(error),
            Ok(()) => {
                let spelled = rule.spelled(segments);
                if self.values.insert(spelled.clone(), value.clone()).is_some() {
                    let reason = format!("this is set twice: it is another spelling of `{spelled}`, or that of it");
                    self.errors.push(SettingError::value(&path::join(segments), reason, "keep one of them"));
                }
            }
        }
    }
}

fn check(segments: &[String], value: &Value, rule: &Key) -> Result<(), SettingError> {
    let wrong = |reason, hint| Err(SettingError::value(&path::join(segments), reason, hint));
    if let Some(whole) = unquoted(segments, value, rule) {
        return wrong("this is a table; the setting has a value".to_owned(), format!("write a name with dots in quotes: {whole}"));
    }
    if let Err(reason) = rule.check_name(segments) {
        return wrong(reason, "choose another name".to_owned());
    }
    rule.check(value).or_else(|reason| wrong(reason, hint(rule)))
}

/// The key that was meant, if a name that a person chose has dots and was not quoted: TOML then makes tables of it.
fn unquoted(segments: &[String], value: &Value, rule: &Key) -> Option<String> {
    let is_value = |v: &Value| rule.pattern.ends_with(".*") && rule.check(v).is_ok();
    let (name, above) = segments.split_last()?;
    let (mut whole, mut below) = (name.clone(), value);
    while let Value::Object(table) = below
        && !is_value(below)
    {
        let (next, value) = table.iter().next()?;
        whole = format!("{whole}.{next}");
        below = value;
    }
    (whole != *name && is_value(below)).then(|| path::join(above.iter().chain([&whole])))
}

/// Longest example shown in an error, in characters: certificates are not.
const EXAMPLE: usize = 80;

fn hint(rule: &Key) -> String {
    let has_one = rule.allowed.contains("for example") || rule.allowed.contains(" like ") || rule.allowed.starts_with("one of");
    match rule.example.len() <= EXAMPLE && !has_one {
        true => format!("write {}, for example {}", rule.allowed, rule.example),
        false => format!("write {}", rule.allowed),
    }
}
