//! Files on the boot partition, by path from an open folder.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, fstatvfs, fsync, mkdirat, openat, renameat, statat, syncfs, unlinkat},
    io::Errno,
};

/// Longest small file read, in bytes; entries and records have a few hundred.
const SMALL: u64 = 16 * 1024;
/// Bytes compared and copied at once.
const PIECE: usize = 64 * 1024;

/// The root folder of the partition.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// How much room a file system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that files take in multiples of.
    pub unit: u64,
}

impl Space {
    /// Bytes that files of these lengths take, with `extra` units for the folders' own growth.
    #[must_use]
    pub fn taken_by(self, lengths: &[u64], extra: u64) -> u64 {
        lengths.iter().map(|length| length.div_ceil(self.unit)).sum::<u64>().saturating_add(extra).saturating_mul(self.unit)
    }
}

impl Folder {
    /// With the open root folder of the partition (or of a test).
    #[must_use]
    pub fn new(root: OwnedFd) -> Self {
        Self(root)
    }

    fn open(&self, path: &str, flags: OFlags) -> io::Result<File> {
        Ok(File::from(openat(&self.0, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::from_raw_mode(0o600))?))
    }

    /// The names in a folder, in order; none if there is no such folder.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn names(&self, folder: &str) -> io::Result<Vec<String>> {
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

    /// The names of the files in a folder with their lengths in bytes, in order.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn lengths(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let mut all = Vec::new();
        for name in self.names(folder)?.into_iter().filter(|name| !matches!(name.as_str(), "." | "..")) {
            let facts = statat(&self.0, format!("{folder}/{name}"), AtFlags::SYMLINK_NOFOLLOW)?;
            all.push((name, u64::try_from(facts.st_size).unwrap_or_default()));
        }
        Ok(all)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn read(&self, path: &str) -> io::Result<File> {
        self.open(path, OFlags::RDONLY)
    }

    /// How much room there is.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn space(&self) -> io::Result<Space> {
        let facts = fstatvfs(&self.0)?;
        let unit = if facts.f_frsize > 0 { facts.f_frsize } else { facts.f_bsize };
        Ok(Space { free: facts.f_bavail.saturating_mul(unit), unit: unit.max(1) })
    }

    /// A small text; `None` if there is no such file.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn text(&self, path: &str) -> io::Result<Option<String>> {
        let mut text = String::new();
        match self.open(path, OFlags::RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other?.take(SMALL).read_to_string(&mut text).map(|_| Some(text)),
        }
    }

    /// Whether two files exist and are equal.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn same(&self, a: &str, b: &str) -> io::Result<bool> {
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
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn make(&self, folder: &str) -> io::Result<()> {
        match mkdirat(&self.0, folder, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a whole file: after a crash there is the old one, the new one or none, never a part.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.replace(path, |file| file.write_all(text.as_bytes()))
    }

    /// Copies a whole file, in the same way.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let mut from = self.open(from, OFlags::RDONLY)?;
        self.replace(to, |file| io::copy(&mut from, file).map(drop))
    }

    fn replace(&self, path: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let draft = format!("{path}.new");
        let filled = self.create(&draft, fill).and_then(|()| self.rename(&draft, path));
        if filled.is_err() {
            // A draft that stays takes room from what is tried next.
            let _ = self.remove(&draft);
        }
        filled
    }

    /// Makes a file (in place of one of that name) and has `fill` write it. It is durable then, under a name that the caller makes nothing of until it is renamed.
    ///
    /// # Errors
    /// The kernel's reason, or that of `fill`; a part of the file may be there.
    pub fn create(&self, path: &str, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let mut file = self.open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        fill(&mut file)?;
        file.sync_all()?;
        self.sync_parent(path)
    }

    /// Renames a file, also into another folder and over another file; durable then. A power cut in between may leave a FAT file system with neither name, so a
    /// file that must not be lost is copied instead. It never leaves both: two names of the same clusters, of which to fill one anew would spoil the other.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (file, replaced) = (self.open(from, OFlags::RDONLY)?, self.open(to, OFlags::RDONLY).ok());
        renameat(&self.0, from, &self.0, to)?;
        self.sync_parent(from)?;
        // An entry of a folder gets its content when the file is written: an old one its new content at once, a new one its long name first, since a kernel image
        // under its short name alone has no counter. Until then it is an empty file, which the boot loader leaves out.
        self.sync_parent(to)?;
        file.sync_all()?;
        self.let_go(replaced, to)
    }

    /// Removes a file, or finds it gone.
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let file = self.open(path, OFlags::RDONLY).ok();
        match unlinkat(&self.0, path, AtFlags::empty()) {
            Ok(()) => self.let_go(file, path),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A file that lost its name gives its clusters back when nobody has it open any more. Until the name is gone for good, power could come back to a name that
    /// leads to clusters of nobody.
    fn let_go(&self, file: Option<File>, path: &str) -> io::Result<()> {
        self.sync_parent(path)?;
        drop(file);
        Ok(())
    }

    /// Waits until all that was written is durable, also in the disk's own cache: of a FAT file system `syncfs` asks that not to be emptied, `fsync` of any
    /// file does (Linux 6.12, `fat_file_fsync`).
    ///
    /// # Errors
    /// The kernel's reason.
    pub fn sync(&self) -> io::Result<()> {
        // What a mount gives is a place and no open folder, which neither takes.
        let folder = self.open(".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        syncfs(&folder)?;
        Ok(fsync(&folder)?)
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
        // Like the descriptor of a mount.
        let open = rustix::fs::open(folder.path(), OFlags::PATH, Mode::empty()).expect("open");
        (folder, Folder::new(open))
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

    #[test]
    fn files_are_moved_measured_and_never_left_as_a_part() {
        let (_keep, folder) = folder();
        ["a", "b"].iter().for_each(|name| folder.make(name).expect("made"));
        folder.create("a/draft", |file| file.write_all(b"12345")).expect("written");
        folder.rename("a/draft", "b/x").expect("renamed");
        folder.rename("b/x", "b/y").expect("renamed");
        assert_eq!((folder.lengths("a").expect("read"), folder.lengths("b").expect("read")), (vec![], vec![("y".to_owned(), 5)]));
        assert!(folder.replace("b/y", |_| Err(io::Error::other("disk"))).is_err());
        assert_eq!(folder.lengths("b").expect("read"), [("y".to_owned(), 5)]);
        assert!(folder.space().expect("a file system").unit > 0);
        folder.sync().expect("durable");
    }

    #[test]
    fn files_take_whole_units() {
        let space = Space { free: 0, unit: 4096 };
        assert_eq!(space.taken_by(&[1, 4096, 4097], 2), 6 * 4096);
    }
}
