//! SHA-256 of files, trees and lists of facts.

use anyhow::Context;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Hash over a list of named facts; each is length-prefixed, so two different lists never give the same bytes.
#[derive(Default)]
pub(crate) struct Facts(Sha256);

impl Facts {
    /// Adds one fact.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds the contents of a file.
    pub(crate) fn add_file(&mut self, name: &str, path: &Path) -> anyhow::Result<&mut Self> {
        Ok(self.add(name, file(path)?))
    }

    /// Adds the names, contents and execute bits of all files below `dir` that `keep` accepts by their relative path.
    pub(crate) fn add_tree(&mut self, dir: &Path, keep: &dyn Fn(&Path) -> bool) -> anyhow::Result<&mut Self> {
        for path in files_below(dir)? {
            let name = path.strip_prefix(dir)?.to_path_buf();
            if keep(&name) {
                self.add_file(&name.to_string_lossy(), &path)?;
            }
        }
        Ok(self)
    }

    /// The hash, in hexadecimal.
    pub(crate) fn finish(&self) -> String {
        ampoule_base::hex(&self.0.clone().finalize())
    }
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn file(path: &Path) -> anyhow::Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))? {
            0 => return Ok(ampoule_base::hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// All regular files and symbolic links below `dir`, sorted by path.
pub(crate) fn files_below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_do_not_run_into_each_other() {
        let a = Facts::default().add("a", "bc").finish();
        let b = Facts::default().add("ab", "c").finish();
        let c = Facts::default().add("a", "b").add("c", "").finish();
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn a_tree_is_named_by_its_contents_only() {
        let key = |name: &str, text: &str| {
            let dir = tempfile::tempdir().expect("a directory");
            std::fs::create_dir(dir.path().join("sub")).expect("made");
            std::fs::write(dir.path().join("sub").join(name), text).expect("written");
            Facts::default().add_tree(dir.path(), &|_| true).expect("read").finish()
        };
        assert_eq!(key("a", "x"), key("a", "x"));
        assert_ne!(key("a", "x"), key("b", "x"));
        assert_ne!(key("a", "x"), key("a", "y"));
    }
}
