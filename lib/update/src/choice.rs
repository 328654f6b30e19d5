//! Which update a node takes.

use std::fmt;
use std::str::FromStr;

use ampoule_layout::RootHash;
use semver::Version;

use crate::{manifest::Manifest, manifest::Update, record::Record, timestamp::Timestamp};

/// What `updates.version-lock` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VersionLock {
    /// The newest.
    #[default]
    Latest,
    /// This one and no other, be it older.
    Exact(Version),
}

/// The text is neither `latest` nor a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither \"latest\" nor a version like \"1.2.3\" or \"v1.2.3\"")]
pub struct LockError(pub String);

impl FromStr for VersionLock {
    type Err = LockError;

    fn from_str(text: &str) -> Result<Self, LockError> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => parse_version(text).map(Self::Exact).ok_or_else(|| LockError(text.chars().take(64).collect())),
        }
    }
}

/// A version with or without a `v` in front.
pub fn parse_version(text: &str) -> Option<Version> {
    text.strip_prefix('v').unwrap_or(text).parse().ok()
}

/// What a node is and wants.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Its variant.
    pub variant: &'a str,
    /// Its architecture.
    pub arch: &'a str,
    /// The version that runs.
    pub version: &'a Version,
    /// Root hash of the image that runs.
    pub root_hash: RootHash,
    /// Its place in the waves, of any size.
    pub seed: u32,
    /// `updates.version-lock`.
    pub lock: VersionLock,
    /// `updates.ignore-waves`.
    pub ignore_waves: bool,
    /// The time.
    pub now: Timestamp,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It takes this one.
    Take(&'a Update),
    /// It takes this one when its wave has come.
    Wait {
        /// Which.
        update: &'a Update,
        /// From when on.
        until: Timestamp,
    },
    /// It stays what it is.
    Nothing(Reason),
}

/// Why a node stays what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The repository has no image for this variant and architecture.
    NoImage,
    /// It runs the newest that it may.
    Current,
    /// The version that it is locked to runs.
    LockedToThis,
    /// The version that it is locked to, or was asked for, is not offered.
    NotOffered(Version),
    /// The only one that would be taken was tried and was not good.
    Bad {
        /// Which.
        version: Version,
        /// What was wrong with it.
        reason: String,
    },
    /// The image that runs is offered under another version: its two slots could not be told apart.
    SameImage(Version),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage => f.write_str("the repository has no image for this variant and architecture"),
            Self::Current => f.write_str("the newest version runs"),
            Self::LockedToThis => f.write_str("the version of updates.version-lock runs"),
            Self::NotOffered(version) => write!(f, "version {version} is not offered"),
            Self::Bad { version, reason } => write!(f, "version {version} was tried and was not good ({reason}); forgive it to try again"),
            Self::SameImage(version) => write!(f, "version {version} is the very image that runs"),
        }
    }
}

/// Versions that are offered to such a node, newest first, whatever waves and locks say.
pub fn offered<'a>(manifest: &'a Manifest, node: &Node) -> Vec<&'a Update> {
    let ours = |update: &&Update| update.variant == node.variant && update.arch == node.arch && update.version <= update.max_version;
    let mut offered: Vec<_> = manifest.updates.iter().filter(ours).collect();
    offered.sort_by(|a, b| b.version.cmp(&a.version));
    offered
}

/// The update that a node takes by itself: the newest of those whose wave has come and that were not bad; a node beyond
/// `max_version` goes back to it.
pub fn choose<'a>(manifest: &'a Manifest, node: &Node, record: &Record) -> Choice<'a> {
    let offered = offered(manifest, node);
    if offered.is_empty() {
        return Choice::Nothing(Reason::NoImage);
    }
    match &node.lock {
        VersionLock::Exact(version) if version == node.version => Choice::Nothing(Reason::LockedToThis),
        VersionLock::Exact(version) => {
            let locked: Vec<_> = offered.into_iter().filter(|update| update.version == *version).collect();
            first_good(&locked, node, record, Reason::NotOffered(version.clone()))
        }
        VersionLock::Latest => {
            let wanted = |update: &&Update| {
                update.version != *node.version && (update.version > *node.version || *node.version > update.max_version)
            };
            let wanted: Vec<_> = offered.into_iter().filter(wanted).collect();
            first_good(&wanted, node, record, Reason::Current)
        }
    }
}

/// The version that a person asks for: waves and the lock do not count, what was bad still does.
pub fn explicit<'a>(manifest: &'a Manifest, node: &Node, record: &Record, version: &Version) -> Choice<'a> {
    if version == node.version {
        return Choice::Nothing(Reason::Current);
    }
    let listed = |update: &&Update| update.variant == node.variant && update.arch == node.arch && update.version == *version;
    let asked: Vec<_> = manifest.updates.iter().filter(listed).collect();
    let node = Node { ignore_waves: true, ..node.clone() };
    first_good(&asked, &node, record, Reason::NotOffered(version.clone()))
}

/// The first that may be taken now; else the one whose wave comes first; else why none.
fn first_good<'a>(candidates: &[&'a Update], node: &Node, record: &Record, otherwise: Reason) -> Choice<'a> {
    let (mut wait, mut refused) = (None, None);
    for update in candidates {
        match (obstacle(update, node, record), wave(update, node)) {
            (Some(reason), _) => refused = refused.or(Some(reason)),
            (None, None) => return Choice::Take(update),
            (None, Some(until)) => wait = earlier(wait, (update, until)),
        }
    }
    match wait {
        Some((update, until)) => Choice::Wait { update, until },
        None => Choice::Nothing(refused.unwrap_or(otherwise)),
    }
}

/// What speaks against an image, whenever it comes.
fn obstacle(update: &Update, node: &Node, record: &Record) -> Option<Reason> {
    if update.root_hash == node.root_hash {
        return Some(Reason::SameImage(update.version.clone()));
    }
    let bad = record.reason_against(&update.version, update.root_hash)?;
    Some(Reason::Bad { version: bad.version.clone(), reason: bad.reason.clone() })
}

/// When its wave comes, if that is not now.
fn wave(update: &Update, node: &Node) -> Option<Timestamp> {
    update.waves.ready_at(node.seed).filter(|at| !node.ignore_waves && *at > node.now)
}

/// The newer one if both come at the same time.
fn earlier<'a>(known: Option<(&'a Update, Timestamp)>, other: (&'a Update, Timestamp)) -> Option<(&'a Update, Timestamp)> {
    known.filter(|(_, at)| *at <= other.1).or(Some(other))
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
