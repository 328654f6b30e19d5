//! What is left for `apid`. Each file is written whole; `report.json` is the last, so whoever sees a source in it finds its file.

use crate::finding::{Answer, Finding};
use ampoule_provision::{Generated, SourceReport};
use serde_json::to_vec_pretty;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder of a run.
pub(crate) struct Output {
    folder: PathBuf,
}

impl Output {
    /// Makes the folder if it is not there; only this user and its group may look into it, because user data may hold secrets.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o750).create(folder.join("user-data"))?;
        Ok(Self { folder })
    }

    /// Counts the starts of this program since the machine was switched on, this one included.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn count_start(&self) -> io::Result<u32> {
        let path = self.folder.join("starts");
        let before: u32 = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        write_whole(&path, before.saturating_add(1).to_string().as_bytes())?;
        Ok(before.saturating_add(1))
    }

    /// Leaves user data of the sources answered, and takes away what an earlier answer of theirs left.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn leave(&self, answers: &[Answer], generated: &Generated) -> io::Result<()> {
        for answer in answers {
            let path = self.folder.join("user-data").join(answer.source.file_name());
            match &answer.finding {
                Finding::Found(bytes, _) => write_whole(&path, bytes)?,
                Finding::Absent(_) | Finding::Failed(_) | Finding::Pending => ampoule_files::remove(&path)?,
            }
        }
        self.leave_generated(generated)?;
        let report: Vec<SourceReport> = answers.iter().map(Answer::report).collect();
        write_whole(&self.folder.join("report.json"), &to_vec_pretty(&report)?)
    }

    /// Leaves generated values alone.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn leave_generated(&self, generated: &Generated) -> io::Result<()> {
        write_whole(&self.folder.join("generated.json"), &to_vec_pretty(generated)?)
    }
}

/// Only this user and its group may look into it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    ampoule_files::replace(path, bytes, 0o640)
}
