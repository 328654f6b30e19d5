//! Removing folders that this program made.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// Removes `path` and everything below it; nothing happens if it is not there.
///
/// A mount below it leads out of the folder: to the files of this machine if a program that made a root file system was killed
/// and left its `/dev` or `/proc` behind. So a folder with mounts in it is refused and nothing of it is removed.
pub(crate) fn tree(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let real = path.canonicalize().with_context(|| format!("cannot find out where {} is", path.display()))?;
    let table = fs::read("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo, so mounts would not be seen")?;
    let mounts: Vec<String> = mounts_in(&table, &real).iter().map(|mount| mount.display().to_string()).collect();
    ensure!(
        mounts.is_empty(),
        "{} is not removed: something is mounted in it ({}); unmount that first (`umount PATH`, the last first)",
        path.display(),
        mounts.join(", ")
    );
    fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// Mount points at or below `path`, in the order of the table (`proc_pid_mountinfo(5)`; the fifth field is the mount point).
fn mounts_in(table: &[u8], path: &Path) -> Vec<PathBuf> {
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(|point| PathBuf::from(std::ffi::OsStr::from_bytes(&unescape(point)))).filter(|point| point.starts_with(path)).collect()
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const TABLE: &[u8] =
        b"22 1 0:20 / / rw - ext4 /dev/vda rw\n23 22 0:21 / /a\\040b/tree/dev rw - devtmpfs d rw\n24 22 0:9 / /a/proc rw - proc p rw\n";

    #[test]
    fn mounts_are_found_by_whole_names() {
        assert_eq!(mounts_in(TABLE, Path::new("/a b")), [Path::new("/a b/tree/dev")]);
        assert_eq!(mounts_in(TABLE, Path::new("/a/proc")), [Path::new("/a/proc")]);
        assert!(mounts_in(TABLE, Path::new("/a/pro")).is_empty());
        assert_eq!(mounts_in(TABLE, Path::new("/")).len(), 3);
    }

    #[test]
    fn a_folder_is_removed_and_one_that_is_not_there_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::create_dir_all(path.join("y")).unwrap();
        tree(&path).unwrap();
        assert!(!path.exists());
        tree(&path).unwrap();
    }

    const FOLDER: &str = "AMPOULE_TEST_FOLDER";

    /// The other half runs in a mount namespace of its own, where a folder of the host is mounted inside the one to remove.
    #[test]
    fn a_folder_with_a_mount_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (host, folder) = (dir.path().join("host"), dir.path().join("folder"));
        fs::create_dir_all(&host).unwrap();
        fs::create_dir_all(folder.join("root/dev")).unwrap();
        fs::write(host.join("precious"), "").unwrap();
        let script = "mount --bind \"$1\" \"$2\" && exec \"$0\" --exact remove::tests::in_the_namespace --ignored";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
        let output = command.arg(&host).arg(folder.join("root/dev")).env(FOLDER, &folder).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert!(host.join("precious").is_file());
    }

    #[test]
    #[ignore = "the test above starts it where a mount is"]
    fn in_the_namespace() {
        // Started by hand there is nothing to do.
        let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
        let error = tree(&folder).unwrap_err().to_string();
        assert!(error.contains("root/dev"), "{error}");
        assert!(folder.join("root/dev/precious").is_file());
    }
}
