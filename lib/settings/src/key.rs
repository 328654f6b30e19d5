//! A setting: the smallest thing that is set, read and deleted as one.

use crate::{Described, path};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether a name that a person chose is right; if not, why.
type NameCheck = fn(&str) -> Result<(), String>;

/// A setting and all that is known about it.
#[derive(Debug)]
pub struct Key {
    /// Dotted, `*` for a name that a person chooses.
    pub pattern: &'static str,
    /// What it does, in Markdown.
    pub about: &'static str,
    /// What a right value is, to be read after "write".
    pub allowed: &'static str,
    /// A value as TOML.
    pub example: &'static str,
    /// What could stand for the last `*`.
    pub example_name: &'static str,
    /// What could stand for a `*` before the last.
    pub example_group: &'static str,
    /// Never shown in logs, plans, differences or support bundles.
    pub secret: bool,
    /// Another spelling of the setting with this pattern.
    pub alias_of: Option<&'static str>,
    check: fn(&Value) -> Result<(), String>,
    /// Of the first and of the second `*`.
    check_names: [Option<NameCheck>; 2],
    schema: fn() -> Value,
}

impl Key {
    /// A setting whose values are of type `T`.
    pub(crate) const fn of<T: DeserializeOwned + Described>(pattern: &'static str, about: &'static str, example: &'static str) -> Self {
        Self {
            pattern,
            about,
            allowed: T::ALLOWED,
            example,
            example_name: "NAME",
            example_group: "NAME",
            secret: false,
            alias_of: None,
            check: check::<T>,
            check_names: [None, None],
            schema: T::schema,
        }
    }

    /// With the type of the name that a person chooses, the last if there are two.
    pub(crate) const fn named<N: DeserializeOwned>(mut self) -> Self {
        let last = if stars(self.pattern) > 1 { 1 } else { 0 };
        self.check_names[last] = Some(check_name::<N>);
        self
    }

    /// With what could stand for the last `*`.
    pub(crate) const fn example_name(mut self, name: &'static str) -> Self {
        self.example_name = name;
        self
    }

    /// With other words for what a right value is.
    pub(crate) const fn allowed(mut self, allowed: &'static str) -> Self {
        self.allowed = allowed;
        self
    }

    /// Never to be shown.
    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Another spelling of a setting.
    pub(crate) const fn alias_of(mut self, pattern: &'static str) -> Self {
        self.alias_of = Some(pattern);
        self
    }

    /// JSON Schema of its values.
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut schema = (self.schema)();
        if let Value::Object(members) = &mut schema {
            members.insert("description".into(), self.about.trim().into());
            if self.secret {
                members.insert("writeOnly".into(), true.into());
            }
        }
        schema
    }

    /// Whether a value is right; if not, why. The reason for a secret quotes nothing.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        (self.check)(value).map_err(|reason| match self.mistaken_for_text(value) {
            Some(friendlier) => friendlier,
            None if self.secret => "this is not a value of this setting (it is a secret and not shown)".to_owned(),
            None => reason,
        })
    }

    /// A value of another kind than the setting has: the commonest slips.
    fn mistaken_for_text(&self, value: &Value) -> Option<String> {
        let schema = (self.schema)();
        let kind = schema.get("type").and_then(Value::as_str);
        let quotes = if self.secret { String::new() } else { format!(": \"{value}\"") };
        match (kind?, value) {
            ("integer" | "number", Value::String(text)) if !self.secret && text.trim().parse::<f64>().is_ok() => {
                Some(format!("this is a text; a number stands without quotes: {}", text.trim()))
            }
            ("boolean", Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
                Some(format!("this is a text; a truth value stands without quotes: {text}"))
            }
            ("array", Value::String(_) | Value::Number(_) | Value::Bool(_)) if self.secret => {
                Some("this is one value; a list stands in brackets".to_owned())
            }
            ("array", Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
                Some(format!("this is one value; a list stands in brackets: [{value}]"))
            }
            ("string", Value::Number(_) | Value::Bool(_)) => Some(format!("this is not a text; put it in quotes{quotes}")),
            ("string" | "integer" | "number" | "boolean", Value::Array(_)) => Some("this is a list; the setting has one value".to_owned()),
            (kind, Value::Object(_)) if kind != "object" => Some("this is a table; the setting has a value".to_owned()),
            (_, Value::Null) => Some("this is nothing; to go back to the default, delete the setting".to_owned()),
            _ => None,
        }
    }

    /// Whether the names in a key of this pattern are right.
    pub(crate) fn check_name(&self, segments: &[String]) -> Result<(), String> {
        let names = self.pattern.split('.').zip(segments).filter(|(pattern, _)| *pattern == "*");
        names.zip(self.check_names).try_for_each(|((_, name), check)| check.map_or(Ok(()), |check| check(name)))
    }

    /// Whether this is the rule for a key of these segments.
    pub(crate) fn matches(&self, segments: &[String]) -> bool {
        self.pattern.split('.').count() == segments.len() && self.pattern.split('.').zip(segments).all(same)
    }

    /// Whether keys of this pattern lie below these segments.
    pub(crate) fn lies_below(&self, segments: &[String]) -> bool {
        self.pattern.split('.').count() > segments.len() && self.pattern.split('.').zip(segments).all(same)
    }

    /// The key of these segments, in the setting's own spelling.
    pub(crate) fn spelled(&self, segments: &[String]) -> String {
        let Some(target) = self.alias_of else { return path::join(segments) };
        let mut names = self.pattern.split('.').zip(segments).filter(|(p, _)| *p == "*").map(|(_, name)| name.as_str());
        path::join(target.split('.').map(|s| if s == "*" { names.next().unwrap_or_default() } else { s }))
    }

    /// The key with examples of names, as a person would write it below `settings`.
    #[must_use]
    pub fn example_key(&self) -> String {
        let last = self.pattern.rmatch_indices('*').next().map(|(at, _)| at);
        let mut at = 0;
        path::join(self.pattern.split('.').map(|segment| {
            let here = at;
            at += segment.len() + 1;
            match segment {
                "*" if Some(here) == last => self.example_name,
                "*" => self.example_group,
                segment => segment,
            }
        }))
    }
}

fn same((pattern, segment): (&str, &String)) -> bool {
    pattern == segment || (pattern == "*" && !segment.is_empty())
}

/// How many names a person chooses in a key of this pattern.
const fn stars(pattern: &str) -> usize {
    let (bytes, mut at, mut count) = (pattern.as_bytes(), 0, 0);
    while at < bytes.len() {
        if bytes[at] == b'*' {
            count += 1;
        }
        at += 1;
    }
    count
}

/// The settings of a group below a name of type `N`, for which `example` could stand.
pub(crate) const fn below_name<N: DeserializeOwned, const COUNT: usize>(example: &'static str, mut keys: [Key; COUNT]) -> [Key; COUNT] {
    let mut at = 0;
    while at < COUNT {
        if keys[at].check_names[0].is_none() {
            keys[at].check_names[0] = Some(check_name::<N>);
        }
        match stars(keys[at].pattern) {
            0 => {}
            1 if !ends_with_star(keys[at].pattern) => keys[at].example_name = example,
            _ => keys[at].example_group = example,
        }
        at += 1;
    }
    keys
}

const fn ends_with_star(pattern: &str) -> bool {
    matches!(pattern.as_bytes(), [.., b'*'])
}

fn check_name<N: DeserializeOwned>(name: &str) -> Result<(), String> {
    check::<N>(&Value::String(name.to_owned()))
}

/// Checks by parsing into the type that the settings hold.
pub(crate) fn check<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(drop).map_err(|e| e.to_string())
}
