//! Small files of the node: read within a bound, replaced whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The whole content of a file of at most `most` bytes; `None` if there is no such file.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if it is longer; the kernel's.
pub fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {most} bytes")));
    }
    Ok(Some(bytes))
}

/// Writes a file so that whoever reads sees the old content or the new, never a part. What is there stays if this fails.
/// It does not wait for the disk: for files in memory, and those that can be made again.
///
/// # Errors
/// The kernel's.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    finish(path, |draft| write(draft, bytes, mode).map(drop))
}

/// Like [`replace`]; when this returns, the new content survives a power cut.
///
/// # Errors
/// The kernel's.
pub fn replace_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    finish(path, |draft| write(draft, bytes, mode)?.sync_all())?;
    File::open(folder(path))?.sync_all()
}

/// Removes a file, or finds it gone.
///
/// # Errors
/// The kernel's.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn finish(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = draft(path)?;
    let done = write(&draft).and_then(|()| fs::rename(&draft, path));
    done.inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Beside the file, so that it is on the same file system; hidden, so that nobody who goes through the folder takes it for one of its files.
fn draft(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no name of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}

fn write(draft: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(draft)?;
    // The mode given to `open` is cut by the umask, and does nothing to a draft that a power cut left behind.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        assert_eq!(read(&path, 3).expect("none is no error"), None);
        fs::write(&path, "abc").expect("written");
        assert_eq!(read(&path, 3).expect("read").as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(&path, 2).expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
        assert!(read(folder.path(), 3).is_err(), "a folder is no file");
    }

    #[test]
    fn a_file_is_replaced_with_the_mode_asked_for_and_no_draft_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.json");
        // A draft that a power cut left, open to all.
        fs::write(folder.path().join(".x.json.new"), "left over, and longer").expect("left over");
        for (write, bytes) in [(replace as fn(&Path, &[u8], u32) -> _, "old"), (replace_durably, "new")] {
            write(&path, bytes.as_bytes(), 0o640).expect("replaced");
            assert_eq!(fs::read_to_string(&path).expect("read"), bytes);
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("taken");
        fs::create_dir(&path).expect("a folder in the way");
        assert!(replace(&path, b"new", 0o600).is_err());
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "and no draft");
        assert!(replace(Path::new("/"), b"new", 0o600).is_err());
    }

    #[test]
    fn a_file_that_is_gone_is_removed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        remove(&path).expect("none there");
        fs::write(&path, "").expect("written");
        remove(&path).expect("removed");
        assert!(!path.exists());
    }
}
