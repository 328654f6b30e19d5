//! The lock: every input from outside by version and hash (`image/lock.toml`).

use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The lock file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Lock {
    entries: BTreeMap<String, Locked>,
}

/// A pinned input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Locked {
    /// A Debian package of that name.
    Debian {
        version: String,
        /// How every version begins that may stand in for this one when Debian has dropped it.
        series: String,
        /// Of the package file.
        sha256: String,
    },
    /// A Go module.
    Go {
        module: String,
        version: String,
        /// Of `go.sum` beside the recipe, which in turn pins every module.
        sha256: String,
    },
    /// A crate of that name.
    Crate {
        version: String,
        /// Of `Cargo.lock` beside the recipe, which in turn pins every crate.
        sha256: String,
    },
    /// A part of the host's toolchain that is linked into programs (`host/part.rs`).
    Host {
        version: String,
        /// Over the names and hashes of its files.
        sha256: String,
    },
}

impl Locked {
    pub(crate) fn version(&self) -> &str {
        match self {
            Self::Debian { version, .. } | Self::Go { version, .. } | Self::Crate { version, .. } | Self::Host { version, .. } => version,
        }
    }

    pub(crate) fn sha256(&self) -> &str {
        match self {
            Self::Debian { sha256, .. } | Self::Go { sha256, .. } | Self::Crate { sha256, .. } | Self::Host { sha256, .. } => sha256,
        }
    }
}

impl Lock {
    /// Reads `image/lock.toml` of a checkout.
    pub(crate) fn read(repo: &Path) -> anyhow::Result<Self> {
        let path = repo.join("image/lock.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))
    }

    /// The entry `name`.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&Locked> {
        let known = || self.names().collect::<Vec<_>>().join(", ");
        self.entries.get(name).with_context(|| format!("image/lock.toml has no entry {name}; it has {}", known()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

/// How a notice begins that says which input is another.
pub(crate) const DIFFERS: &str = "THIS IMAGE DIFFERS FROM THE LOCKED ONE";

/// Refuses an input whose bytes are not the pinned ones.
pub(crate) fn check(name: &str, locked: &str, found: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        locked == found,
        "the input {name} is not the locked one\n  locked: {locked}\n  found:  {found}\n\
         If the change is wanted, `./ampoule lock update {name}` moves the lock."
    );
    Ok(())
}

/// The text of a lock file in which the entry `name` has another version and hash; everything else, comments too, stays.
pub(crate) fn moved(text: &str, name: &str, version: &str, sha256: &str) -> anyhow::Result<String> {
    let mut inside = false;
    let mut replaced = 0;
    let lines = text.lines().map(|line| {
        if line.starts_with('[') {
            inside = line.trim_matches(['[', ']', '"']) == name;
        }
        let value = [("version", version), ("sha256", sha256)].into_iter().find(|(key, _)| line.starts_with(&format!("{key} =")));
        match value.filter(|_| inside) {
            Some((key, value)) => {
                replaced += 1;
                format!("{key} = \"{value}\"\n")
            }
            None => format!("{line}\n"),
        }
    });
    let text = lines.collect();
    anyhow::ensure!(replaced == 2, "image/lock.toml: the entry {name} must have one `version` and one `sha256` line");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# why\n[a]\nfrom = \"debian\"\nversion = \"1\"\nseries = \"1\"\nsha256 = \"x\"\n\n[\"b.c\"]\nfrom = \"go\"\nmodule = \"m\"\nversion = \"2\"\nsha256 = \"y\"\n";

    #[test]
    fn a_changed_input_is_refused_with_both_hashes() {
        let error = check("a", "1111", "2222").expect_err("refused").to_string();
        assert!(error.contains("1111") && error.contains("2222") && error.contains("lock update a"), "{error}");
        check("a", "1111", "1111").expect("the same");
    }

    #[test]
    fn an_unknown_entry_names_the_known_ones() {
        let lock: Lock = toml::from_str(TEXT).expect("a lock");
        let error = lock.get("z").expect_err("unknown").to_string();
        assert!(error.contains("a, b.c"), "{error}");
    }

    #[test]
    fn moving_one_entry_leaves_the_others() {
        let text = moved(TEXT, "b.c", "3", "z").expect("moved");
        let lock: Lock = toml::from_str(&text).expect("a lock");
        assert_eq!((lock.get("b.c").expect("there").version(), lock.get("b.c").expect("there").sha256()), ("3", "z"));
        assert_eq!(lock.get("a").expect("there").version(), "1");
        assert!(text.starts_with("# why\n"));
        assert!(moved(TEXT, "z", "3", "z").is_err());
    }

    #[test]
    fn the_lock_of_the_repository_is_right() {
        let lock = Lock::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).expect("a lock");
        for name in lock.names() {
            let hash = lock.get(name).expect("there").sha256();
            assert!(hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit()), "{name}: {hash}");
        }
    }
}
