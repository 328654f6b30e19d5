//! The entries below `/proc/sys`.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::Path,
};

use ampoule_kernel::link_of;
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

/// Longest value read, in bytes; the kernel prints tables of numbers on one page.
const LONGEST: u64 = 64 * 1024;

/// The folder, held open: every entry is opened from here and none outside it.
pub(crate) struct Entries(OwnedFd);

impl Entries {
    /// # Errors
    /// There is no such folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The value of an entry; `None` if it does not exist or cannot be read.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        self.entry(path, OFlags::RDONLY).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Writes a value in one go: a second write would be another value.
    ///
    /// # Errors
    /// The kernel's reason.
    pub(crate) fn write(&self, path: &str, value: &str) -> io::Result<()> {
        self.entry(path, OFlags::WRONLY | OFlags::TRUNC)?.write(format!("{value}\n").as_bytes()).map(drop)
    }

    /// Whether the link that an entry is about is not there; of an entry that is about none this is not so.
    pub(crate) fn lacks_link(&self, path: &str) -> bool {
        let folder = link_of(path).and_then(|_| path.rsplit_once('/')).map(|(folder, _)| folder);
        folder.is_some_and(|folder| {
            self.entry(folder, OFlags::RDONLY | OFlags::DIRECTORY).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        })
    }

    fn entry(&self, path: &str, mode: OFlags) -> io::Result<File> {
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        Ok(File::from(openat2(&self.0, path, mode | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty(), inside)?))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn the_kernels_own_entries_can_be_read() {
        let entries = Entries::open(Path::new("/proc/sys")).expect("open");
        for path in ["kernel/pid_max", "net/ipv4/ip_forward"] {
            let text = entries.read(path).expect(path);
            assert!(text.trim().parse::<u32>().is_ok(), "{path}: {text}");
        }
    }

    #[test]
    fn nothing_outside_is_opened() {
        let root = tempfile::tempdir().expect("folder");
        let sys = root.path().join("sys");
        fs::create_dir_all(sys.join("net")).expect("folder");
        fs::write(sys.join("net/x"), "1\n").expect("entry");
        fs::write(root.path().join("secret"), "2\n").expect("file");
        symlink("../secret", sys.join("link")).expect("link");
        symlink("net", sys.join("inner")).expect("link");
        let entries = Entries::open(&sys).expect("open");
        assert_eq!(entries.read("net/x").as_deref(), Some("1\n"));
        for outside in ["../secret", "link", "inner/x", "/etc/hostname", "net/../../secret"] {
            assert_eq!(entries.read(outside), None, "{outside}");
            assert!(entries.write(outside, "3").is_err(), "{outside}");
        }
        entries.write("net/x", "4").expect("written");
        assert_eq!(entries.read("net/x").as_deref(), Some("4\n"));
        assert!(entries.write("net/none", "1").is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    }
}
