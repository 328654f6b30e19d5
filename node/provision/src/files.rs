//! Reading files that others wrote: bounded, and only regular ones.

use crate::finding::Finding;
use ampoule_provision::MAX_USER_DATA;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// For files that are looked into: no link is followed, and a pipe of that name does not hold anybody up.
pub(crate) const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// User data in the file at `path`.
pub(crate) fn user_data(path: &Path) -> Finding {
    let name = path.display();
    let opened = rustix::fs::open(path, LOOK, Mode::empty()).map_err(io::Error::from);
    match opened.and_then(|file| read(file, MAX_USER_DATA)) {
        Ok(bytes) => Finding::of(bytes, name.to_string()),
        Err(error) if is_absent(&error) => Finding::Absent(format!("no {name}")),
        Err(error) => Finding::Failed(format!("Cannot read {name}: {error}")),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// At most `most` bytes and one more, by which a longer file is known.
///
/// # Errors
/// The kernel's; or this is no regular file.
pub(crate) fn read(file: OwnedFd, most: usize) -> io::Result<Vec<u8>> {
    let file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line of a small file of the kernel; empty if it cannot be read.
pub(crate) fn line(path: &Path) -> String {
    const MOST: u64 = 256;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    read.ok().and_then(|_| text.lines().next()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_bounded_length() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        assert!(matches!(user_data(&path), Finding::Absent(_)));
        std::fs::write(&path, "").expect("written");
        assert!(matches!(user_data(&path), Finding::Absent(_)));
        std::fs::write(&path, vec![b'#'; MAX_USER_DATA]).expect("written");
        assert!(matches!(user_data(&path), Finding::Found(..)));
        std::fs::write(&path, vec![b'#'; MAX_USER_DATA + 1]).expect("written");
        assert!(matches!(user_data(&path), Finding::Failed(why) if why.contains("gzip")));
        assert!(matches!(user_data(folder.path()), Finding::Failed(why) if why.contains("not a regular file")));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("link");
        assert!(matches!(user_data(&link), Finding::Failed(_)));
    }
}
