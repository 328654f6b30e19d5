//! Volumes: `"NAME:/path[:OPTIONS]"`, options `ro` and `shared`, divided by a comma.

use std::{fmt, str::FromStr};

use ampoule_base::{Invalid, text_conversions};
use serde::{Deserialize, Serialize};

/// A durable folder of the node inside a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Volume {
    /// Name of the folder below the node's volumes folder; one path component.
    pub name: String,
    /// Absolute path inside the container, without `..`.
    pub path: String,
    /// True: the container may not write to it.
    pub read_only: bool,
    /// True: other workloads may name the folder too, if they say the same.
    pub shared: bool,
}

const WRONG: &str = "is not NAME:/path[:OPTIONS]: NAME has letters, digits, '.', '_' and '-' and begins with a letter or digit; the path is absolute, is not '/' and has no '..'; OPTIONS are `ro` and `shared`, divided by a comma";
const ALLOWED: &str = "NAME:/path, maybe with :ro, :shared or :ro,shared behind it";

impl FromStr for Volume {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| Invalid::quoting(text, WRONG, ALLOWED))
    }
}

fn parse(text: &str) -> Option<Volume> {
    let (name, rest) = text.split_once(':')?;
    let (path, options) = rest.split_once(':').map_or((rest, None), |(path, options)| (path, Some(options)));
    let mut volume = Volume { name: name.to_owned(), path: path.to_owned(), read_only: false, shared: false };
    for option in options.iter().flat_map(|options| options.split(',')) {
        match option {
            "ro" => volume.read_only = true,
            "rw" => volume.read_only = false,
            "shared" => volume.shared = true,
            _ => return None,
        }
    }
    (is_name(name) && is_path(path)).then_some(volume)
}

/// A name is used as one path component on the node: nothing in it may lead elsewhere.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 1024
        && !path.contains('\0')
        && path.split('/').all(|part| part != "..")
        && path.split('/').any(|part| !part.is_empty() && part != ".")
}

text_conversions!(Volume);

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = match (self.read_only, self.shared) {
            (false, false) => "",
            (true, false) => ":ro",
            (false, true) => ":shared",
            (true, true) => ":ro,shared",
        };
        write!(f, "{}:{}{options}", self.name, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["data:/var/lib/data", "a.b-c_d:/x:ro", "a:/x:shared", "a:/x:ro,shared"] {
            assert_eq!(text.parse::<Volume>().expect("valid").to_string(), text);
        }
    }

    #[test]
    fn refuses_paths_and_names_that_lead_elsewhere() {
        for text in [
            "data",
            "../x:/a",
            ".x:/a",
            "a/b:/a",
            "a:b",
            "a:/x/../..",
            "a:/",
            "a:/.",
            ":/a",
            "a:/x:suid",
            "a:/x:",
            "a:/x:ro,",
            "a:/x:ro:shared",
        ] {
            assert!(text.parse::<Volume>().is_err(), "{text}");
        }
    }
}
