//! Files on the boot partition, by path from an open folder.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, renameat, unlinkat},
    io::Errno,
};

/// Longest small file read, in bytes; entries and records have a few hundred.
const SMALL: u64 = 16 * 1024;
/// Bytes compared and copied at once.
const PIECE: usize = 64 * 1024;

/// The root folder of the partition.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    pub(crate) fn new(root: OwnedFd) -> Self {
        Self(root)
    }

    fn open(&self, path: &str, flags: OFlags) -> io::Result<File> {
        Ok(File::from(openat(&self.0, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::from_raw_mode(0o600))?))
    }

    /// The names in a folder, in order; none if there is no such folder.
    pub(crate) fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        let open = match self.open(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(open.as_fd())? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// A small text; `None` if there is no such file.
    pub(crate) fn text(&self, path: &str) -> io::Result<Option<String>> {
        let mut text = String::new();
        match self.open(path, OFlags::RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other?.take(SMALL).read_to_string(&mut text).map(|_| Some(text)),
        }
    }

    /// Whether two files exist and are equal.
    pub(crate) fn same(&self, a: &str, b: &str) -> io::Result<bool> {
        let (mut a, mut b) = match (self.open(a, OFlags::RDONLY), self.open(b, OFlags::RDONLY)) {
            (Ok(a), Ok(b)) => (a, b),
            _ => return Ok(false),
        };
        if a.metadata()?.len() != b.metadata()?.len() {
            return Ok(false);
        }
        let (mut piece_a, mut piece_b) = (vec![0; PIECE], vec![0; PIECE]);
        loop {
            let length = a.read(&mut piece_a)?;
            if length == 0 {
                return Ok(true);
            }
            if b.read_exact(&mut piece_b[..length]).is_err() || piece_a[..length] != piece_b[..length] {
                return Ok(false);
            }
        }
    }

    /// Makes a folder, or leaves the one that is there.
    pub(crate) fn make(&self, folder: &str) -> io::Result<()> {
        match mkdirat(&self.0, folder, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a whole file: after a crash there is the old one, the new one or none, never a part.
    pub(crate) fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.replace(path, |file| file.write_all(text.as_bytes()))
    }

    /// Copies a whole file, in the same way.
    pub(crate) fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let mut from = self.open(from, OFlags::RDONLY)?;
        self.replace(to, |file| io::copy(&mut from, file).map(drop))
    }

    fn replace(&self, path: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let draft = format!("{path}.new");
        let mut file = self.open(&draft, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        fill(&mut file)?;
        file.sync_all()?;
        renameat(&self.0, &draft, &self.0, path)?;
        self.sync_parent(path)
    }

    /// Removes a file, or finds it gone.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        match unlinkat(&self.0, path, AtFlags::empty()) {
            Ok(()) => self.sync_parent(path),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_parent(&self, path: &str) -> io::Result<()> {
        let parent = path.rsplit_once('/').map_or(".", |(parent, _)| parent);
        self.open(parent, OFlags::RDONLY | OFlags::DIRECTORY)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().expect("folder");
        let open = File::open(folder.path()).expect("open");
        (folder, Folder::new(open.into()))
    }

    #[test]
    fn files_come_and_go() {
        let (_keep, folder) = folder();
        assert_eq!(folder.names("a").expect("none"), Vec::<String>::new());
        folder.make("a").expect("made");
        folder.make("a").expect("there");
        folder.write("a/x", "1").expect("written");
        folder.write("a/x", "2").expect("written");
        folder.copy("a/x", "a/y").expect("copied");
        assert!(folder.same("a/x", "a/y").expect("read"));
        folder.write("a/y", "3").expect("written");
        assert!(!folder.same("a/x", "a/y").expect("read") && !folder.same("a/x", "a/none").expect("read"));
        let names = folder.names("a").expect("read");
        assert_eq!(names.into_iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>(), ["x", "y"]);
        folder.remove("a/x").expect("removed");
        folder.remove("a/x").expect("gone");
        assert_eq!((folder.text("a/x").expect("none"), folder.text("a/y").expect("read").as_deref()), (None, Some("3")));
    }
}
