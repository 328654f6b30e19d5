//! Which cases passed before with the very things that would be tested again: images, tests, fixtures, emulator. A case that can only do the same once more need not be run by whoever
//! changes something else.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};

use crate::cases::OF_THE_HOST_TOOL;

/// What the builder leaves beside an image: the hash of all that it is made from.
const MADE_FROM: &str = "made-from";

/// Cases that passed, by name, with one set of things.
#[derive(Debug)]
pub(crate) struct Passed {
    folder: PathBuf,
    /// Hash of the host tool, which only its own cases use.
    tool: String,
}

impl Passed {
    /// The ones in `folder` that passed with these images and programs (this one, the emulator; their bytes or versions), and what is read at run time in `read`.
    pub(crate) fn open(folder: &Path, programs: &[&[u8]], images: &[&Path], read: &[&Path]) -> Result<Self> {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        programs.iter().for_each(|program| add(program));
        for image in images {
            let path = image.join(MADE_FROM);
            add(&fs::read(&path).with_context(|| path.display().to_string())?);
        }
        let mut files = Vec::new();
        read.iter().try_for_each(|path| files_below(path, &mut files))?;
        files.sort();
        for file in files {
            add(file.as_os_str().as_encoded_bytes());
            add(&fs::read(&file)?);
        }
        let folder = folder.join(ampoule_base::hex(&hash.finalize()[..16]));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { folder, tool: String::new() })
    }

    /// The same, of which the cases of the host tool passed with this one.
    pub(crate) fn with_tool(mut self, tool: &[u8]) -> Self {
        self.tool = ampoule_base::hex(&Sha256::digest(tool)[..16]);
        self
    }

    /// Whether a case did.
    pub(crate) fn has(&self, case: &str) -> bool {
        self.note(case).is_file()
    }

    /// A case has passed.
    pub(crate) fn add(&self, case: &str) -> io::Result<()> {
        File::create(self.note(case)).map(drop)
    }

    fn note(&self, case: &str) -> PathBuf {
        let of_the_tool = OF_THE_HOST_TOOL.contains(&case);
        self.folder.join(if of_the_tool { format!("{case}-{}", self.tool) } else { case.to_owned() })
    }
}

fn files_below(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    fs::read_dir(path)?.try_for_each(|entry| files_below(&entry?.path(), files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_things_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let (image, read) = (folder.path().join("image"), folder.path().join("read"));
        fs::create_dir_all(read.join("below")).expect("made");
        fs::create_dir_all(&image).expect("made");
        let open = || Passed::open(&folder.path().join("passed"), &[b"7.2"], &[&image], &[&read]);
        assert!(open().is_err(), "an image of nobody");
        fs::write(image.join(MADE_FROM), "one").expect("written");
        open().expect("opened").add("a").expect("noted");
        assert!(open().is_ok_and(|passed| passed.has("a") && !passed.has("b")));
        for changed in [image.join(MADE_FROM), read.join("below/recipe")] {
            fs::write(changed, "other").expect("written");
            let passed = open().expect("opened");
            assert!(!passed.has("a"));
            passed.add("a").expect("noted");
        }
    }

    #[test]
    fn another_host_tool_counts_for_its_own_cases_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let with = |tool: &[u8]| Passed::open(folder.path(), &[], &[], &[]).expect("opened").with_tool(tool);
        let of_it = OF_THE_HOST_TOOL[0];
        for case in [of_it, "another"] {
            with(b"one").add(case).expect("noted");
        }
        assert!(with(b"one").has(of_it) && !with(b"two").has(of_it));
        assert!(with(b"two").has("another"));
    }
}
