//! All settings there are, and how a key finds its rule.

use crate::key::Key;
use crate::{SettingError, path};
use crate::{api, container_registry, dns, kernel, motd, network, ntp, workloads};

/// Every namespace with its groups of settings.
const NAMESPACES: &[(&str, &[&[Key]])] = &[
    ("api", &[api::KEYS]),
    ("container-registry", &[container_registry::KEYS]),
    ("dns", &[dns::Dns::KEYS]),
    ("kernel", &[kernel::Kernel::KEYS, kernel::Module::KEYS]),
    ("motd", &[motd::KEYS]),
    ("network", &[network::Network::KEYS]),
    ("ntp", &[ntp::Ntp::KEYS]),
    ("workloads", &[workloads::KEYS]),
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
        Self::new(all_namespaces().map(str::to_owned))
    }

    /// Its namespaces.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// Every setting of these namespaces, other spellings included.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + '_ {
        NAMESPACES
            .iter()
            .filter(|(n, _)| self.namespaces.iter().any(|have| have == n))
            .flat_map(|(_, groups)| groups.iter().copied().flatten())
    }

    /// The rule for a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&'static Key> {
        self.find_segments(&path::split(key))
    }

    pub(crate) fn find_segments(&self, segments: &[String]) -> Option<&'static Key> {
        self.keys().find(|k| k.matches(segments))
    }

    /// Whether a key is above some setting, so that its value must be a table.
    pub(crate) fn is_table(&self, segments: &[String]) -> bool {
        self.keys().any(|k| k.lies_below(segments))
    }

    /// The error for a key that is not there: the nearest spelling and what there is.
    pub(crate) fn unknown(&self, segments: &[String]) -> SettingError {
        let key = path::join(segments);
        let namespace = segments.first().map(String::as_str).unwrap_or_default();
        if !self.namespaces.iter().any(|n| n == namespace) && all_namespaces().any(|n| n == namespace) {
            let there = format!("this image has: {}", self.namespaces.join(", "));
            return SettingError { unknown: true, ..SettingError::value(&key, format!("this image has no `{namespace}` settings"), there) };
        }
        let nearest = self.keys().map(|k| (distance(k.pattern, segments), k.pattern)).min().filter(|(d, _)| *d <= 3);
        let there = self.there(namespace);
        SettingError::unknown(&key, nearest.map_or(there.clone(), |(_, n)| format!("did you mean `{n}`? {there}")))
    }

    /// What a person could have meant: the settings of the namespace, or the namespaces.
    fn there(&self, namespace: &str) -> String {
        let within: Vec<_> = self.keys().map(|k| k.pattern).filter(|p| path::covers(namespace, p)).collect();
        if within.is_empty() {
            return format!("this image has the namespaces {}", self.namespaces.join(", "));
        }
        format!("`{namespace}` has: {}", within.join(", "))
    }
}

/// Every namespace of every image.
pub fn all_namespaces() -> impl Iterator<Item = &'static str> {
    NAMESPACES.iter().map(|(n, _)| *n)
}

/// Every setting of every namespace, for documentation and completion.
pub fn all_keys() -> impl Iterator<Item = &'static Key> {
    NAMESPACES.iter().flat_map(|(_, groups)| groups.iter().copied().flatten())
}

/// Whether the value of this key is a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let segments = path::split(key);
    all_keys().any(|k| k.secret && k.matches(&segments))
}

/// Edit distance, segment by segment; a `*` is near to anything.
fn distance(pattern: &str, key: &[String]) -> usize {
    let pattern: Vec<_> = pattern.split('.').collect();
    let missing = pattern.len().abs_diff(key.len()) * 4;
    missing + pattern.iter().zip(key).filter(|(p, _)| **p != "*").map(|(p, k)| levenshtein(p, k)).sum::<usize>()
}

fn levenshtein(a: &str, b: &str) -> usize {
    // What a person mistypes is short; hostile keys are not measured.
    if b.len() > 128 {
        return b.len();
    }
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
