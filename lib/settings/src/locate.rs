//! TOML with the place of each key, so that an error can say where.

use crate::mistaken::what_it_seems;
use crate::{Location, SettingError, path};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A settings tree, where its keys stand, and what stands beside it.
pub(crate) struct Found {
    pub(crate) tree: Value,
    pub(crate) places: Places,
    /// Errors for what is not below `settings`.
    pub(crate) strays: Vec<SettingError>,
}

/// Places of keys.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<String, Location>);

impl Places {
    /// The error, with the place of its key or of the nearest table above it.
    pub(crate) fn add_to(&self, mut error: SettingError) -> SettingError {
        let mut segments = path::split(&error.key);
        while error.location.is_none() && !segments.is_empty() {
            error.location = self.0.get(&path::join(&segments)).copied();
            segments.pop();
        }
        error
    }
}

/// The `settings` table of a document. Byte order mark and Windows line ends do not matter.
pub(crate) fn settings_of(text: &str) -> Result<Found, SettingError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|e| what_it_seems(text).unwrap_or_else(|| not_toml(text, &lines, &e)))?;
    let mut reader = Reader { lines: &lines, places: Places::default() };
    let (mut tree, mut strays) = (None, Vec::new());
    for (name, value) in document.get_ref() {
        match name.get_ref().as_ref() {
            "settings" => tree = Some(reader.convert(&mut Vec::new(), value.get_ref())),
            other => strays.push(at(lines.location(name.span().start), stray(other, value.get_ref()))),
        }
    }
    match tree {
        Some(tree) => Ok(Found { tree, places: reader.places, strays }),
        None => Err(what_it_seems(text).or_else(|| strays.into_iter().next()).unwrap_or_else(no_settings)),
    }
}

fn no_settings() -> SettingError {
    let hint = "put every key below a table whose name begins with `settings`, like [settings.network]";
    SettingError::value("", "there is no [settings] table", hint)
}

fn at(place: Location, mut error: SettingError) -> SettingError {
    error.location = Some(place);
    error
}

fn stray(name: &str, value: &DeValue<'_>) -> SettingError {
    let name = path::join([name]);
    let hint = match value {
        DeValue::Table(_) => format!("did you mean [settings.{name}]? Every key is below `settings`"),
        _ => format!("did you mean settings.{name}? Every key is below `settings`"),
    };
    SettingError::value("", format!("`{name}` does not belong at the top of user data"), hint)
}

/// Longest name quoted in an error, in characters.
const QUOTED: usize = 60;

fn not_toml(text: &str, lines: &Lines<'_>, error: &toml::de::Error) -> SettingError {
    let span = error.span().unwrap_or_default();
    let wrong = match error.message() {
        "duplicate key" => {
            let name: String = text.get(span.clone()).unwrap_or_default().chars().take(QUOTED).collect();
            let hint = "a key or table may stand only once: keep one of them, or put the keys of both tables below one head";
            SettingError::value("", format!("`{name}` is there twice"), hint)
        }
        message => SettingError::value("", format!("this is not TOML: {message}"), "write TOML with a [settings] table"),
    };
    at(lines.location(span.start), wrong)
}

struct Reader<'a> {
    lines: &'a Lines<'a>,
    places: Places,
}

type Entry<'a> = (&'a toml::Spanned<std::borrow::Cow<'a, str>>, &'a toml::Spanned<DeValue<'a>>);

impl Reader<'_> {
    fn convert(&mut self, above: &mut Vec<String>, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::Table(table) => Value::Object(table.iter().map(|entry| self.entry(above, entry)).collect::<Map<_, _>>()),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| self.convert(above, item.get_ref())).collect()),
            DeValue::String(s) => Value::String(s.to_string()),
            DeValue::Boolean(b) => Value::Bool(*b),
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Null, Value::from),
            DeValue::Float(f) => f.as_str().parse::<f64>().map_or(Value::Null, Value::from),
            DeValue::Datetime(d) => Value::String(d.to_string()),
        }
    }

    fn entry(&mut self, above: &mut Vec<String>, (name, value): Entry<'_>) -> (String, Value) {
        above.push(name.get_ref().to_string());
        self.places.0.insert(path::join(above.iter()), self.lines.location(name.span().start));
        let value = self.convert(above, value.get_ref());
        (above.pop().unwrap_or_default(), value)
    }
}

/// Where the lines of a text begin: asked for every key, so looked up and not counted.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, starts: std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect() }
    }

    fn location(&self, offset: usize) -> Location {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        // A line of hostile length is not counted through for each of its keys.
        let before = self.text.get(start..offset.min(start + LONGEST_LINE)).unwrap_or_default();
        Location { line, column: before.chars().count() + 1 }
    }
}

/// Longest line in which columns are counted, in bytes.
const LONGEST_LINE: usize = 4096;
