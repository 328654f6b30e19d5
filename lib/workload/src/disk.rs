//! How much of DATA a workload may take: limits as settings have them, limits as the kernel has them, and the project of whose files it counts.
//!
//! What a workload writes counts as its project's: the writable layer of its container and the volumes that are its alone. A shared volume is a
//! project of its own, so that none of those who share it can use up what is another's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ampoule_base::{ByteSize, Invalid, text_conversions};
use serde::{Deserialize, Serialize};

use crate::{Isolation, Workload, Workloads};

/// What a workload may take that says nothing about it, in percent of what workloads have. Two of them leave room for the node whatever they do.
pub const DEFAULT_PERCENT: u8 = 50;
/// What shares are no part of, in percent of DATA: images, logs and the engine's own files.
pub const NODES_PERCENT: u64 = 10;
/// Least limit: a container has folders of its own before its program runs.
const LEAST_BYTES: u64 = 1 << 20;
const LEAST_INODES: u64 = 128;
/// The first project of a workload; 0 is everything else.
const FIRST_PROJECT: u32 = 1;
/// The first project of a shared volume, above those of all workloads.
const FIRST_SHARED: u32 = 32_768;
/// How many shared volumes can be told apart.
const MAX_SHARED: u32 = 16_384;

/// Most that a workload may write: an amount, or a share of what workloads have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DiskLimit {
    /// This much.
    Size(ByteSize),
    /// This many percent, 1 to 100.
    Percent(u8),
}

impl Default for DiskLimit {
    fn default() -> Self {
        Self::Percent(DEFAULT_PERCENT)
    }
}

const ALLOWED: &str = "an amount of at least 1MiB or a share of DATA, for example \"10GiB\" or \"25%\"";

impl FromStr for DiskLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(number) = text.strip_suffix('%') {
            let percent = number.trim_end().parse().ok().filter(|percent| (1..=100).contains(percent));
            return percent.map(Self::Percent).ok_or_else(|| Invalid::quoting(text, "is not a share from 1% to 100%", ALLOWED));
        }
        let size: ByteSize = text.parse().map_err(|_| Invalid::quoting(text, "is neither an amount nor a share of the disk", ALLOWED))?;
        let enough = size.bytes() >= LEAST_BYTES;
        enough.then_some(Self::Size(size)).ok_or_else(|| Invalid::quoting(text, "is too little for any container", ALLOWED))
    }
}

text_conversions!(DiskLimit);

impl fmt::Display for DiskLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => size.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Most inodes (files, folders, links) that a workload may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct InodeLimit(u64);

impl InodeLimit {
    /// The least.
    pub const LEAST: u64 = LEAST_INODES;
    /// The most: ext4 has no more inodes than this.
    pub const MOST: u64 = u32::MAX as u64;
}

impl TryFrom<u64> for InodeLimit {
    type Error = Invalid;

    fn try_from(number: u64) -> Result<Self, Invalid> {
        const ALLOWED: &str = "a whole number from 128 to 4294967295";
        let right = (Self::LEAST..=Self::MOST).contains(&number);
        right.then_some(Self(number)).ok_or_else(|| Invalid::quoting(&number.to_string(), "is not from 128 to 4294967295", ALLOWED))
    }
}

impl From<InodeLimit> for u64 {
    fn from(limit: InodeLimit) -> Self {
        limit.0
    }
}

/// An amount of a file system: what it has, what one may have of it, or what one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

impl Room {
    /// This many percent of what workloads have of it.
    fn share(self, percent: u8) -> Self {
        let part = |whole: u64| whole / 100 * (100 - NODES_PERCENT) / 100 * u64::from(percent);
        Self { bytes: part(self.bytes).max(LEAST_BYTES), inodes: part(self.inodes).max(LEAST_INODES) }
    }

    fn most(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), inodes: self.inodes.max(other.inodes) }
    }
}

impl Workload {
    /// What it may take of a DATA that has `whole`: its own limits, and the default share where it has none.
    pub fn room(&self, whole: Room) -> Room {
        let limit = self.disk.unwrap_or_default();
        let share = match limit {
            DiskLimit::Percent(percent) => whole.share(percent),
            DiskLimit::Size(_) => whole.share(DEFAULT_PERCENT),
        };
        let bytes = if let DiskLimit::Size(size) = limit { size.bytes() } else { share.bytes };
        Room { bytes, inodes: self.inodes.map_or(share.inodes, u64::from) }
    }
}

impl Isolation {
    /// The project of what the workload with this number writes; no other workload's, and no shared volume's.
    pub fn project(self) -> u32 {
        FIRST_PROJECT + u32::from(u16::from(self))
    }
}

/// What each shared volume may take, by its name: as much as the one with the largest limit of those who run and share it.
pub fn shared_rooms(workloads: &Workloads, whole: Room) -> BTreeMap<String, Room> {
    let mut rooms: BTreeMap<String, Room> = BTreeMap::new();
    for workload in workloads.values().filter(|workload| workload.enabled) {
        for volume in workload.volumes.iter().filter(|volume| volume.shared) {
            let room = rooms.entry(volume.name.clone()).or_default();
            *room = room.most(workload.room(whole));
        }
    }
    rooms
}

/// Whether a project is that of a shared volume.
pub fn is_shared(project: u32) -> bool {
    (FIRST_SHARED..FIRST_SHARED + MAX_SHARED).contains(&project)
}

/// A project for a shared volume that is none of those `taken`; `None`: all are.
pub fn free_shared(taken: &BTreeSet<u32>) -> Option<u32> {
    (FIRST_SHARED..FIRST_SHARED + MAX_SHARED).find(|project| !taken.contains(project))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{isolation::MAX_ISOLATIONS, workload::tests::example};

    const WHOLE: Room = Room { bytes: 100 << 30, inodes: 1_000_000 };

    fn with(disk: Option<&str>, inodes: Option<u64>) -> Workload {
        let disk = disk.map(|text| text.parse().expect("valid"));
        Workload { disk, inodes: inodes.map(|number| number.try_into().expect("valid")), ..example() }
    }

    #[test]
    fn amounts_and_shares_are_read_and_printed() {
        for text in ["1MiB", "10GiB", "1%", "100%"] {
            assert_eq!(text.parse::<DiskLimit>().expect("valid").to_string(), text);
        }
        for text in ["", "0%", "101%", "-1%", "%", "1.5%", "0", "1023KiB", "10GB", "half", "10GiB%"] {
            assert!(text.parse::<DiskLimit>().is_err(), "{text:?}");
        }
        assert!(InodeLimit::try_from(127).is_err() && InodeLimit::try_from(1 << 32).is_err());
    }

    #[test]
    fn a_limit_of_its_own_or_the_default_share() {
        let half = Room { bytes: 45 << 30, inodes: 450_000 };
        let of = |disk, inodes| with(disk, inodes).room(WHOLE);
        let near = |got: Room, wanted: Room| got.inodes == wanted.inodes && got.bytes.abs_diff(wanted.bytes) < 1 << 20;
        assert!(near(of(None, None), half), "{:?}", of(None, None));
        assert_eq!(of(Some("1GiB"), None), Room { bytes: 1 << 30, ..half });
        assert_eq!(of(Some("1GiB"), Some(500)), Room { bytes: 1 << 30, inodes: 500 });
        assert!(near(of(Some("10%"), None), Room { bytes: 9 << 30, inodes: 90_000 }));
    }

    #[test]
    fn two_that_say_nothing_leave_the_nodes_part_and_no_limit_is_ever_none() {
        for bytes in [0, 1, 64 << 20, 1 << 30, 7 << 40, u64::MAX] {
            let whole = Room { bytes, inodes: bytes >> 14 };
            let room = example().room(whole);
            assert!(room.bytes >= LEAST_BYTES && room.inodes >= LEAST_INODES, "zero would be no limit");
            if bytes >= 64 << 20 {
                assert!(u128::from(room.bytes) * 2 <= u128::from(bytes) * 90 / 100, "{bytes}");
            }
        }
    }

    #[test]
    fn a_shared_volume_has_the_largest_limit_of_those_who_run() {
        let sharing = |disk: &str, enabled| Workload {
            volumes: vec!["pool:/pool:shared".parse().expect("valid")],
            enabled,
            ..with(Some(disk), None)
        };
        let all = Workloads::from([
            ("a".to_owned(), sharing("1GiB", true)),
            ("b".to_owned(), sharing("2GiB", true)),
            ("c".to_owned(), sharing("9GiB", false)),
            ("d".to_owned(), example()),
        ]);
        let rooms = shared_rooms(&all, WHOLE);
        assert_eq!(rooms.keys().collect::<Vec<_>>(), ["pool"], "a volume of one alone is that one's");
        assert_eq!(rooms["pool"].bytes, 2 << 30);
    }

    #[test]
    fn no_two_have_a_project() {
        let of_workloads: BTreeSet<u32> = (0..MAX_ISOLATIONS).filter_map(|n| Isolation::try_from(n).ok()).map(Isolation::project).collect();
        assert_eq!(of_workloads.len(), usize::from(MAX_ISOLATIONS));
        assert!(!of_workloads.contains(&0) && !of_workloads.iter().any(|project| is_shared(*project)));
        let mut taken: BTreeSet<u32> = (0..u32::from(u16::MAX)).filter(|project| is_shared(*project)).collect();
        assert_eq!((taken.len(), free_shared(&taken)), (MAX_SHARED as usize, None));
        taken.remove(&40_000);
        assert_eq!(free_shared(&taken), Some(40_000));
    }
}
