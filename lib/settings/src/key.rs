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
    /// What could stand for the `*`.
    pub example_name: &'static str,
    /// Never shown in logs, plans, differences or support bundles.
    pub secret: bool,
    /// Another spelling of the setting with this pattern.
    pub alias_of: Option<&'static str>,
    check: fn(&Value) -> Result<(), String>,
    check_name: Option<NameCheck>,
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
            secret: false,
            alias_of: None,
            check: check::<T>,
            check_name: None,
            schema: T::schema,
        }
    }

    /// With the type of the name that a person chooses.
    pub(crate) const fn named<N: DeserializeOwned>(mut self) -> Self {
        self.check_name = Some(check_name::<N>);
        self
    }

    /// With what could stand for the `*`.
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

    /// A number or truth value in quotes, or the other way round: the commonest slip.
    fn mistaken_for_text(&self, value: &Value) -> Option<String> {
        let schema = (self.schema)();
        match (schema.get("type").and_then(Value::as_str)?, value) {
            ("integer" | "number", Value::String(text)) if text.trim().parse::<f64>().is_ok() => {
                Some(format!("this is a text; a number stands without quotes: {}", text.trim()))
            }
            ("boolean", Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
                Some(format!("this is a text; a truth value stands without quotes: {text}"))
            }
            ("array", Value::String(_)) if !self.secret => Some(format!("this is one value; a list stands in brackets: [{value}]")),
            ("string", Value::Number(_) | Value::Bool(_)) if !self.secret => {
                Some(format!("this is not a text; put it in quotes: \"{value}\""))
            }
            _ => None,
        }
    }

    /// Whether the name in a key of this pattern is right.
    pub(crate) fn check_name(&self, segments: &[String]) -> Result<(), String> {
        let Some(check) = self.check_name else { return Ok(()) };
        self.pattern.split('.').zip(segments).filter(|(p, _)| *p == "*").try_for_each(|(_, name)| check(name))
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

    /// The key with an example of a name, as a person would write it below `settings`.
    #[must_use]
    pub fn example_key(&self) -> String {
        path::join(self.pattern.split('.').map(|s| if s == "*" { self.example_name } else { s }))
    }
}

fn same((pattern, segment): (&str, &String)) -> bool {
    pattern == segment || (pattern == "*" && !segment.is_empty())
}

/// The settings of a group below a name of type `N`; those that have names of their own keep them.
pub(crate) const fn below_name<N: DeserializeOwned, const COUNT: usize>(mut keys: [Key; COUNT]) -> [Key; COUNT] {
    let mut at = 0;
    while at < COUNT {
        if keys[at].check_name.is_none() {
            keys[at].check_name = Some(check_name::<N>);
        }
        at += 1;
    }
    keys
}

fn check_name<N: DeserializeOwned>(name: &str) -> Result<(), String> {
    check::<N>(&Value::String(name.to_owned()))
}

/// Checks by parsing into the type that the settings hold.
pub(crate) fn check<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(drop).map_err(|e| e.to_string())
}
