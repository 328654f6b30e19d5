//! Lists that may be written as their only value.

use crate::Described;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = match Value::deserialize(from)? {
            Value::Array(items) => items,
            one => vec![one],
        };
        let parsed: Result<Vec<T>, _> = list.into_iter().map(serde_json::from_value).collect();
        parsed.map(Self).map_err(D::Error::custom)
    }
}

impl<T: Described> Described for OneOrMany<T> {
    const ALLOWED: &'static str = T::ONE_OR_LIST;

    fn schema() -> Value {
        json!({ "anyOf": [T::schema(), { "type": "array", "items": T::schema() }] })
    }
}
