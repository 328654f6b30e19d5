//! TOML with the place of each key, so that an error can say where.

use crate::{Location, SettingError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A settings tree and where its keys stand.
pub(crate) struct Found {
    pub(crate) tree: Value,
    pub(crate) places: Places,
}

/// Places of keys.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<String, Location>);

impl Places {
    /// The error, with the place of its key or of the nearest table above it.
    pub(crate) fn add_to(&self, mut error: SettingError) -> SettingError {
        let mut key = error.key.as_str();
        error.location = loop {
            match (self.0.get(key), key.rsplit_once('.')) {
                (Some(place), _) => break Some(*place),
                (None, Some((above, _))) => key = above,
                (None, None) => break None,
            }
        };
        error
    }
}

/// The `settings` table of a document.
pub(crate) fn settings_of(text: &str) -> Result<Found, SettingError> {
    let document = DeTable::parse(text).map_err(|e| not_toml(text, &e))?;
    let mut places = Places::default();
    let mut tree = None;
    for (name, value) in document.get_ref() {
        let place = location(text, name.span().start);
        if name.get_ref() != "settings" {
            return Err(at(place, other_table(name.get_ref())));
        }
        tree = Some(convert(text, "", value.get_ref(), &mut places));
    }
    tree.map(|tree| Found { tree, places }).ok_or_else(|| {
        SettingError::value(
            "",
            "there is no [settings] table",
            "put every key below a table whose name begins with `settings`, like [settings.network]",
        )
    })
}

fn at(place: Location, mut error: SettingError) -> SettingError {
    error.location = Some(place);
    error
}

fn other_table(name: &str) -> SettingError {
    let hint = format!("did you mean [settings.{name}]? Every key is below `settings`");
    SettingError::value("", format!("`{name}` does not belong at the top of user data"), hint)
}

fn not_toml(text: &str, error: &toml::de::Error) -> SettingError {
    let hint = if text.starts_with("#!") || text.starts_with("#cloud-config") {
        "a script or cloud-init file does not run here: nothing on this node could execute it; write TOML with a [settings] table"
    } else if text.starts_with("Content-Type:") || text.starts_with("MIME-Version:") {
        "this is a MIME archive; give the TOML part alone"
    } else {
        "write TOML with a [settings] table"
    };
    let wrong = SettingError::value("", format!("this is not TOML: {}", error.message()), hint);
    error.span().map_or(wrong.clone(), |span| at(location(text, span.start), wrong))
}

fn convert(text: &str, key: &str, value: &DeValue<'_>, places: &mut Places) -> Value {
    match value {
        DeValue::Table(table) => Value::Object(table.iter().map(|(n, v)| entry(text, key, n, v, places)).collect::<Map<_, _>>()),
        DeValue::Array(items) => Value::Array(items.iter().map(|i| convert(text, key, i.get_ref(), places)).collect()),
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Null, Value::from),
        DeValue::Float(f) => f.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(d) => Value::String(d.to_string()),
    }
}

type Name<'a> = toml::Spanned<std::borrow::Cow<'a, str>>;

fn entry(text: &str, above: &str, name: &Name<'_>, value: &toml::Spanned<DeValue<'_>>, places: &mut Places) -> (String, Value) {
    let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
    places.0.insert(key.clone(), location(text, name.span().start));
    (name.get_ref().to_string(), convert(text, &key, value.get_ref(), places))
}

fn location(text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    Location { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
}
