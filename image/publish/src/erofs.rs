//! Where the files of an EROFS image lie, by `dump.erofs`, which comes with the tool that makes it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A file and the parts of the image that hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// Path on the node.
    pub(crate) path: String,
    /// Length as a program reads it, in bytes.
    pub(crate) size: u64,
    /// Offset and length in the image, in bytes.
    pub(crate) extents: Vec<(u64, u64)>,
}

/// Types of directory entries (`enum` of `erofs_fs.h`).
const FILE: u8 = 1;
const DIRECTORY: u8 = 2;

/// Every regular file of the image.
pub(crate) fn files(image: &Path) -> Result<Vec<Located>> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        let shown = if dir.is_empty() { "/" } else { &dir };
        for (kind, name) in entries(&dump(image, &["--ls"], shown)?) {
            let path = format!("{dir}/{name}");
            match kind {
                DIRECTORY => open.push(path),
                FILE => found.push(located(&dump(image, &["-e"], &path)?, path)?),
                _ => {}
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn dump(image: &Path, options: &[&str], path: &str) -> Result<String> {
    let mut command = Command::new("dump.erofs");
    let output = command.args(options).arg(format!("--path={path}")).arg(image).output();
    let output = output.context("cannot run dump.erofs: `./ampoule doctor` names the package erofs-utils")?;
    ensure!(output.status.success(), "dump.erofs {path}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).with_context(|| format!("{path} is no text"))
}

/// Lines of `NID TYPE NAME`, the directory itself and its parent left out.
fn entries(text: &str) -> Vec<(u8, String)> {
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("NID TYPE")).skip(1);
    let entry = |line: &str| {
        let (_, rest) = line.trim_start().split_once(' ')?;
        let (kind, name) = rest.trim_start().split_once("  ")?;
        Some((kind.parse().ok()?, name.to_owned()))
    };
    rows.filter_map(entry).filter(|(_, name)| name != "." && name != "..").collect()
}

/// Lines of `N: from..to | length : from..to | length`; the second half is where it lies.
fn located(text: &str, path: String) -> Result<Located> {
    let size = text.lines().find_map(|line| line.strip_prefix("Size: ")?.split_whitespace().next()?.parse().ok());
    let size = size.with_context(|| format!("dump.erofs says no size of {path}"))?;
    let extent = |line: &str| {
        let (_, place) = line.split_once(" : ")?;
        let (range, length) = place.split_once('|')?;
        let from = range.split_once("..")?.0.trim().parse().ok()?;
        Some((from, length.trim().parse().ok()?))
    };
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("Ext:")).skip(1);
    let extents: Vec<_> = rows.filter_map(extent).collect();
    ensure!(size == 0 || !extents.is_empty(), "dump.erofs says nothing of where {path} lies");
    Ok(Located { path, size, extents })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_prints_is_understood() {
        let list = "Size: 107  On-disk size: 107  directory\n\n       NID TYPE  FILENAME\n    691831    2  .\n    180347    2  ..\n   1156213    2  etc\n   1478956    1  a b.ext4\n";
        assert_eq!(entries(list), [(2, "etc".to_owned()), (1, "a b.ext4".to_owned())]);
        let file = "File : /x\nSize: 300000  On-disk size: 131072  regular file\n\n Ext:   logical offset   |  length :     physical offset    |  length\n   0:        0..  192918 |  192918 :   36999168..  37064704 |   65536\n   1:   192918..  300000 |  107082 :   37064704..  37130240 |   65536\n/x: 2 extents found\n";
        let found = located(file, "/x".into()).expect("a file");
        assert_eq!((found.size, found.extents), (300_000, vec![(36_999_168, 65_536), (37_064_704, 65_536)]));
        assert!(located("nothing", "/x".into()).is_err());
    }
}
