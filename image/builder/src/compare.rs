//! Whether two images are the same, and where they differ first.

use crate::tool::Tool;
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Where two images differ, first difference of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// File of the image: `root.erofs`, `disk.raw`, …
    pub file: String,
    /// The first place of difference, for a person: a path inside the root, or an offset.
    pub place: String,
}

/// The files of an image whose bytes are the same whenever the same things are built.
pub(crate) const REPRODUCIBLE: &[&str] =
    &["root.erofs", "root.verity", "vmlinuz", "cmdline", "ampoule.efi", "loader.efi", "disk.raw", "sbom.spdx.json"];

/// Compares the reproducible files of two finished images. Empty means equal.
///
/// # Errors
/// When a file cannot be read.
pub fn compare(a: &Path, b: &Path) -> anyhow::Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for name in REPRODUCIBLE {
        let (a, b) = (a.join(name), b.join(name));
        if let Some(offset) = first_difference(&a, &b)? {
            let inside = (*name == "root.erofs").then(|| first_file(&a, &b)).transpose()?.flatten();
            let place = inside.unwrap_or_else(|| format!("byte {offset}"));
            differences.push(Difference { file: (*name).to_owned(), place });
        }
    }
    Ok(differences)
}

/// Offset of the first byte that differs, or the length of the shorter file.
pub(crate) fn first_difference(a: &Path, b: &Path) -> anyhow::Result<Option<u64>> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut a, mut b) = (BufReader::new(open(a)?), BufReader::new(open(b)?));
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut offset = 0;
    loop {
        let (n, m) = (fill(&mut a, &mut left)?, fill(&mut b, &mut right)?);
        if left[..n] != right[..m] {
            let same = left[..n].iter().zip(&right[..m]).take_while(|(x, y)| x == y).count();
            return Ok(Some(offset + same as u64));
        }
        if n == 0 {
            return Ok(None);
        }
        offset += n as u64;
    }
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> anyhow::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match from.read(&mut buffer[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// The first file inside two root file systems that differs; nothing when only their arrangement does.
fn first_file(a: &Path, b: &Path) -> anyhow::Result<Option<String>> {
    let dir = tempfile::tempdir()?;
    let unpack = |image: &Path, name: &str| -> anyhow::Result<PathBuf> {
        let to = dir.path().join(name);
        Tool::new("fsck.erofs").arg(format!("--extract={}", to.display())).arg(image).output()?;
        Ok(to)
    };
    // Without the means to look inside, the offset has to do.
    match (unpack(a, "a"), unpack(b, "b")) {
        (Ok(a), Ok(b)) => first_in_trees(&a, &b),
        _ => Ok(None),
    }
}

fn first_in_trees(a: &Path, b: &Path) -> anyhow::Result<Option<String>> {
    let names = |dir: &Path| -> anyhow::Result<BTreeSet<PathBuf>> {
        let files = crate::hash::files_below(dir)?;
        files.iter().map(|p| Ok(p.strip_prefix(dir)?.to_path_buf())).collect()
    };
    let (left, right) = (names(a)?, names(b)?);
    for name in left.union(&right) {
        if !left.contains(name) || !right.contains(name) {
            return Ok(Some(format!("/{} is in only one of them", name.display())));
        }
        if content(&a.join(name))? != content(&b.join(name))? {
            return Ok(Some(format!("/{}", name.display())));
        }
    }
    Ok(None)
}

fn content(path: &Path) -> anyhow::Result<Vec<u8>> {
    match path.symlink_metadata()?.is_symlink() {
        true => Ok(std::fs::read_link(path)?.into_os_string().into_encoded_bytes()),
        false => Ok(std::fs::read(path)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_byte_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let mut long = vec![5; 200_000];
        let a = file("a", &long);
        long[150_001] = 6;
        let b = file("b", &long);
        assert_eq!(first_difference(&a, &b).expect("read"), Some(150_001));
        assert_eq!(first_difference(&a, &a).expect("read"), None);
        assert_eq!(first_difference(&a, &file("c", &[5; 70_000])).expect("read"), Some(70_000));
    }

    #[test]
    fn the_first_differing_file_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let tree = |name: &str, text: &str| {
            let root = dir.path().join(name);
            std::fs::create_dir_all(root.join("usr")).expect("made");
            std::fs::write(root.join("usr/x"), text).expect("written");
            std::fs::write(root.join("usr/a"), "same").expect("written");
            root
        };
        let (a, b) = (tree("a", "1"), tree("b", "2"));
        assert_eq!(first_in_trees(&a, &b).expect("read").as_deref(), Some("/usr/x"));
        std::fs::remove_file(b.join("usr/x")).expect("removed");
        assert!(first_in_trees(&a, &b).expect("read").expect("a difference").contains("only one"));
    }
}
