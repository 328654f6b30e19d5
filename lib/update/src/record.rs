//! What a node remembers about updates over reboots: `/state/updated/record.json`.

use std::collections::VecDeque;

use ampoule_layout::RootHash;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{manifest::Update, states::State, timestamp::Timestamp};

/// Longest record, in bytes.
pub const MAX_RECORD: usize = 256 * 1024;
/// Most bad versions that are remembered; the oldest are forgotten first.
pub const MAX_BAD: usize = 32;
/// Longest reason that is kept, in characters.
pub const MAX_REASON: usize = 500;

/// A command further ahead of the clock than this, in seconds, is one of before the clock was put back.
const PUT_BACK: i64 = 60;

/// Version of the document.
const FORMAT: u32 = 1;

/// What a node remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    format: u32,
    /// Where the node is on its way to another version.
    pub state: State,
    /// The update that is offered, in work or in the idle slot.
    pub chosen: Option<Update>,
    /// What the chosen update does to the form of settings, in words; as the repository said it when it was looked for.
    #[serde(default)]
    pub migrations: Vec<String>,
    /// The boot that is tried, from `activate` until it is good or condemned.
    pub trial: Option<Trial>,
    /// Versions that were tried and were not good, oldest first.
    bad: VecDeque<BadVersion>,
    /// How the last boot went.
    pub boot: BootReport,
    /// The last command and how it ended.
    pub last_command: Option<LastCommand>,
}

/// A version that shall prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// The version that is tried.
    pub version: Version,
    /// Root hash of its image, in hexadecimal: what tells a rebuilt version from the one that failed.
    pub root_hash: String,
    /// The version that is returned to.
    pub from: Version,
    /// When it was made the next boot.
    pub since: Timestamp,
    /// Names of workloads that ran before it.
    pub workloads: Vec<String>,
    /// The kernel's name of the boot in which that was done; the one after it is the version's first. Empty: not known.
    #[serde(default)]
    pub boot: String,
}

/// A version that was not good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BadVersion {
    /// The version.
    pub version: Version,
    /// Root hash of its image, in hexadecimal.
    pub root_hash: String,
    /// Why, for a person.
    pub reason: String,
    /// When that was found.
    pub at: Timestamp,
}

/// How the last boot went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootReport {
    /// What is known of it.
    pub state: BootState,
    /// Why, for a person; empty if there is nothing to say.
    pub reason: String,
}

/// What is known of a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootState {
    /// Its health is not known yet.
    Trial,
    /// It is good, or nothing was tried.
    #[default]
    Good,
    /// A new version was not good and the one before runs again.
    FellBack,
}

/// A command and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastCommand {
    /// `refresh`, `prepare`, `activate`, `deactivate`.
    pub command: String,
    /// Whether it ended well; `None`: it was interrupted.
    pub success: Option<bool>,
    /// When it ended, or began if it was interrupted. No two commands on end have the same moment: who waits for one knows it by this.
    pub at: Timestamp,
    /// What it said when it failed.
    pub message: String,
}

/// The record cannot be read as it is. A node goes on with what of bad versions and of the trial could be read, else with an empty one.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is longer than [`MAX_RECORD`].
    #[error("the record of updates has {0} bytes, at most {MAX_RECORD} are read; it begins anew")]
    TooLong(usize),
    /// It is damaged.
    #[error("the record of updates is damaged ({0}); of it only bad versions and the trial are kept, as far as they can be read")]
    Damaged(#[from] serde_json::Error),
    /// A newer version of the system wrote it.
    #[error("the record of updates has format {0}, this version knows {FORMAT}; of it only bad versions and the trial are kept")]
    Format(u64),
}

impl Default for Record {
    fn default() -> Self {
        let (state, boot) = (State::Idle, BootReport::default());
        Self { format: FORMAT, state, chosen: None, migrations: Vec::new(), trial: None, bad: VecDeque::new(), boot, last_command: None }
    }
}

impl Record {
    /// The moment of a command that begins now: at least a second after that of the command before, unless the clock was put back meanwhile.
    #[must_use]
    pub fn moment_of_command(&self, now: Timestamp) -> Timestamp {
        let after = self.last_command.as_ref().map(|last| last.at.plus(1));
        after.filter(|after| (now..=now.plus(PUT_BACK)).contains(after)).unwrap_or(now)
    }

    /// Reads a record; `None` is a node that has none. Whatever the bytes are, there is a record to go on with.
    pub fn read(bytes: Option<&[u8]>) -> (Self, Option<RecordError>) {
        let Some(bytes) = bytes else { return (Self::default(), None) };
        if bytes.len() > MAX_RECORD {
            return (Self::default(), Some(RecordError::TooLong(bytes.len())));
        }
        match serde_json::from_slice(bytes) {
            Ok(json) => Self::from_json(json),
            Err(error) => (Self::default(), Some(error.into())),
        }
    }

    fn from_json(json: serde_json::Value) -> (Self, Option<RecordError>) {
        let kept = Self::salvaged(&json);
        // The format first: a newer one may have other fields. Fields that are not known are left out: a version that is returned to reads
        // what the newer one wrote.
        let format = json.get("format").and_then(serde_json::Value::as_u64);
        if let Some(format) = format.filter(|format| *format != u64::from(FORMAT)) {
            return (kept, Some(RecordError::Format(format)));
        }
        match serde_json::from_value(json).and_then(Self::checked) {
            Ok(mut record) => {
                record.bound();
                (record, None)
            }
            Err(error) => (kept, Some(error.into())),
        }
    }

    /// An update that no manifest may hold is none.
    fn checked(self) -> Result<Self, serde_json::Error> {
        let check = self.chosen.as_ref().map_or(Ok(()), Update::check);
        check.map(|()| self).map_err(serde::de::Error::custom)
    }

    /// What keeps a node from taking a bad version again, whatever else is wrong.
    fn salvaged(json: &serde_json::Value) -> Self {
        let bad = json.get("bad").and_then(serde_json::Value::as_array).into_iter().flatten();
        let bad = bad.filter_map(|bad| serde_json::from_value(bad.clone()).ok()).collect();
        let trial = json.get("trial").and_then(|trial| serde_json::from_value(trial.clone()).ok());
        let mut record = Self { bad, trial, ..Self::default() };
        record.bound();
        record
    }

    /// The record as it is kept.
    pub fn to_json(&self) -> String {
        let mut kept = self.clone();
        kept.bound();
        serde_json::to_string_pretty(&kept).unwrap_or_default()
    }

    /// Versions that were tried and were not good, oldest first.
    pub fn bad(&self) -> impl Iterator<Item = &BadVersion> {
        self.bad.iter()
    }

    /// Remembers that a version was not good. A version is remembered once, with the last reason.
    pub fn condemn(&mut self, bad: BadVersion) {
        self.bad.retain(|known| (&known.version, &known.root_hash) != (&bad.version, &bad.root_hash));
        self.bad.push_back(bad);
        self.bound();
    }

    /// Forgets that `version` was not good, or all of them; how many there were.
    pub fn forgive(&mut self, version: Option<&Version>) -> usize {
        let before = self.bad.len();
        self.bad.retain(|bad| version.is_some_and(|version| bad.version != *version));
        before - self.bad.len()
    }

    /// Why this very image was not good, if it was tried. Another image of the same version is another matter.
    pub fn reason_against(&self, version: &Version, root_hash: RootHash) -> Option<&BadVersion> {
        let hash = root_hash.to_string();
        self.bad.iter().find(|bad| bad.version == *version && bad.root_hash == hash)
    }

    fn bound(&mut self) {
        let excess = self.bad.len().saturating_sub(MAX_BAD);
        self.bad.drain(..excess);
        self.bad.iter_mut().for_each(|bad| shorten(&mut bad.reason));
        shorten(&mut self.boot.reason);
        if let Some(last) = &mut self.last_command {
            shorten(&mut last.message);
        }
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_REASON) {
        text.truncate(end);
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
