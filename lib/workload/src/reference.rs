//! Image references, in the full form that containerd wants.

use std::fmt;

use thiserror::Error;

/// A full image reference: registry, repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    rest: String,
}

/// Why a text is not an image reference.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("'{0}' is not an image reference; write it like registry.example/name:tag or registry.example/name@sha256:…")]
pub struct ReferenceError(String);

/// The registry meant by a name without one, as every container tool has it.
const DEFAULT_REGISTRY: &str = "docker.io";

impl Reference {
    /// Reads a short or full reference: a missing registry is Docker's, a missing tag `latest`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let error = || ReferenceError(text.to_owned());
        if text.len() > 512 || !text.chars().all(is_allowed) {
            return Err(error());
        }
        let (registry, path) = split_registry(text);
        let is_bare = registry == DEFAULT_REGISTRY && !path.contains('/');
        let name = path.split(['@', ':']).next().unwrap_or_default();
        if name.is_empty() || name.split('/').any(str::is_empty) || registry.is_empty() {
            return Err(error());
        }
        let tag = if path.contains(['@', ':']) { "" } else { ":latest" };
        let library = if is_bare { "library/" } else { "" };
        Ok(Self { registry: registry.to_owned(), rest: format!("{library}{path}{tag}") })
    }

    /// Host and port of the registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.rest)
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@')
}

/// The first component is a registry if it could not be a folder: it has a dot or a port or is `localhost`.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_REGISTRY, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_full() {
        for (short, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("a/b:1", "docker.io/a/b:1"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("10.0.2.2:5000/demo", "10.0.2.2:5000/demo:latest"),
            ("localhost/x@sha256:ab", "localhost/x@sha256:ab"),
            ("r.example/a/b:t@sha256:ab", "r.example/a/b:t@sha256:ab"),
        ] {
            assert_eq!(Reference::parse(short).expect(short).to_string(), full);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a b", "x//y", "r.example/", "a\n", "r.example/:tag", "\u{e9}"] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
