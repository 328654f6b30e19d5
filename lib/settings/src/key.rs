//! All keys there are, and how a dotted key finds its rule.

use crate::{SettingError, api, container_registry, motd, network, workloads};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A setting: the smallest thing that is set, read and deleted as one.
pub(crate) struct Key {
    /// Dotted, `*` for a name that a person chooses.
    pub(crate) pattern: &'static str,
    /// Whether a value is right; if not, why.
    pub(crate) check: fn(&Value) -> Result<(), String>,
    /// What a right value is, for a hint.
    pub(crate) allowed: &'static str,
    /// Never shown in logs, plans or differences.
    pub(crate) secret: bool,
}

const NAMESPACES: &[(&str, &[Key])] = &[
    ("api", api::KEYS),
    ("container-registry", container_registry::KEYS),
    ("motd", motd::KEYS),
    ("network", network::KEYS),
    ("workloads", workloads::KEYS),
];

/// The namespaces an image has.
#[derive(Debug, Clone)]
pub struct Model {
    namespaces: Vec<String>,
}

impl Model {
    /// The model of an image with these namespaces; ones that this program does not know are ignored.
    #[must_use]
    pub fn new(namespaces: impl IntoIterator<Item = String>) -> Self {
        Self { namespaces: namespaces.into_iter().filter(|n| NAMESPACES.iter().any(|(known, _)| known == n)).collect() }
    }

    /// The model with every namespace.
    #[must_use]
    pub fn complete() -> Self {
        Self::new(NAMESPACES.iter().map(|(n, _)| (*n).to_owned()))
    }

    /// The rule for a key.
    pub(crate) fn find(&self, key: &str) -> Option<&'static Key> {
        self.keys().find(|k| matches(k.pattern, key))
    }

    /// Whether a key is above some setting, so that its value must be a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        let depth = key.split('.').count();
        self.keys().any(|k| {
            let head: Vec<_> = k.pattern.split('.').take(depth).collect();
            k.pattern.split('.').count() > depth && matches(&head.join("."), key)
        })
    }

    /// The error for a key that is not there: the nearest spelling and what there is.
    pub(crate) fn unknown(&self, key: &str) -> SettingError {
        let patterns: Vec<_> = self.keys().map(|k| k.pattern).collect();
        let nearest = patterns.iter().copied().min_by_key(|p| distance(p, key)).filter(|p| distance(p, key) <= 3);
        let there = format!("this image has: {}", patterns.join(", "));
        SettingError::unknown(key, nearest.map_or(there.clone(), |n| format!("did you mean `{n}`? {there}")))
    }

    fn keys(&self) -> impl Iterator<Item = &'static Key> + '_ {
        NAMESPACES.iter().filter(|(n, _)| self.namespaces.iter().any(|have| have == n)).flat_map(|(_, keys)| keys.iter())
    }
}

/// Every pattern of every namespace, for documentation and completion.
pub fn all_patterns() -> impl Iterator<Item = &'static str> {
    NAMESPACES.iter().flat_map(|(_, keys)| keys.iter().map(|k| k.pattern))
}

/// Whether the value of this key is a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    NAMESPACES.iter().flat_map(|(_, keys)| keys.iter()).any(|k| k.secret && matches(k.pattern, key))
}

/// Checks by parsing into the type that the settings hold.
pub(crate) fn check<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(drop).map_err(|e| e.to_string())
}

fn matches(pattern: &str, key: &str) -> bool {
    let same = |(p, k): (&str, &str)| p == k || (p == "*" && !k.is_empty());
    pattern.split('.').count() == key.split('.').count() && pattern.split('.').zip(key.split('.')).all(same)
}

/// Edit distance, segment by segment; a `*` is near to anything.
fn distance(pattern: &str, key: &str) -> usize {
    let (p, k): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), key.split('.').collect());
    let missing = p.len().abs_diff(k.len()) * 4;
    missing + p.iter().zip(&k).filter(|(p, _)| **p != "*").map(|(p, k)| levenshtein(p, k)).sum::<usize>()
}

fn levenshtein(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}
