//! Finds partitions by their GPT name in sysfs.
//!
//! Only on the disk the root comes from, where that can be told: a second disk with a partition called `DATA` (an old
//! node's, or one made to deceive) must never be taken for ours.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{major, minor};

/// A partition as the kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its device node.
    pub device: PathBuf,
    /// The device node of the whole disk.
    pub disk: PathBuf,
    /// Its number in the table, from 1.
    pub number: u32,
    /// Bytes in a logical sector of the disk.
    pub sector: u64,
}

/// What was found under one name.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// No partition.
    None,
    /// The partition.
    One(Partition),
    /// More than one, by their device nodes: none of them may be taken.
    Several(Vec<PathBuf>),
}

/// Where the kernel's view of block devices is, and which disk counts.
#[derive(Debug)]
pub struct Disks {
    sys: PathBuf,
    dev: PathBuf,
    root_disk: Option<PathBuf>,
}

impl Disks {
    /// With the disk that the file system at `/` lies on (through device mapper if need be).
    #[must_use]
    pub fn of_this_node() -> Self {
        let sys = PathBuf::from("/sys");
        let root_disk = fs::metadata("/").ok().and_then(|root| disk_of(&sys, major(root.dev()), minor(root.dev())));
        Self { sys, dev: PathBuf::from("/dev"), root_disk }
    }

    /// For messages: where is searched.
    #[must_use]
    pub fn place(&self) -> String {
        let name = self.root_disk.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        name.map_or_else(|| "any disk".to_owned(), |name| format!("the disk {name}"))
    }

    /// The device node of the disk that the root lies on, if that disk is known.
    #[must_use]
    pub fn root_device(&self) -> Option<PathBuf> {
        Some(self.dev.join(self.root_disk.as_deref()?.file_name()?))
    }

    /// Whether the disk of the root is known, so that no other counts.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.root_disk.is_some()
    }

    /// The partition called `name` of the disk that the root lies on; `None` if that disk is not known or has none. Another disk's is never taken: it may be
    /// another system's.
    #[must_use]
    pub fn of_root(&self, name: &str) -> Option<Partition> {
        match self.find(name) {
            Found::One(partition) if self.is_known() => Some(partition),
            _ => None,
        }
    }

    /// The partitions called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Found {
        let disks = self.root_disk.clone().map_or_else(|| children(&self.sys.join("block")), |disk| vec![disk]);
        let mut found: Vec<Partition> = disks
            .iter()
            .flat_map(|disk| children(disk).into_iter().map(move |child| (disk, child)))
            .filter_map(|(disk, child)| self.named(disk, &child, name))
            .collect();
        match found.len() {
            0 => Found::None,
            1 => Found::One(found.remove(0)),
            _ => Found::Several(found.into_iter().map(|partition| partition.device).collect()),
        }
    }

    fn named(&self, disk: &Path, child: &Path, wanted: &str) -> Option<Partition> {
        let number = read_number(&child.join("partition"))?;
        let facts = fs::read_to_string(child.join("uevent")).ok()?;
        let fact = |key: &str| facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        if fact("PARTNAME")? != wanted {
            return None;
        }
        Some(Partition {
            device: self.dev.join(fact("DEVNAME")?),
            disk: self.dev.join(disk.file_name()?),
            number: u32::try_from(number).ok()?,
            sector: read_number(&disk.join("queue/logical_block_size")).unwrap_or(512),
        })
    }
}

/// The folder in sysfs of the disk below the block device `major:minor`.
fn disk_of(sys: &Path, major: u32, minor: u32) -> Option<PathBuf> {
    let mut device = fs::canonicalize(sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
    // A mapped device stands on others: hash tree and data lie on one disk, so any of them names it.
    if let Some(below) = children(&device.join("slaves")).into_iter().next() {
        device = fs::canonicalize(below).ok()?;
    }
    if device.join("partition").exists() { device.parent().map(Path::to_owned) } else { Some(device) }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn read_number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn partition(disk: &Path, name: &str, number: u32, label: &str) {
        let folder = disk.join(name);
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("partition"), format!("{number}\n")).expect("number");
        let facts = format!("MAJOR=254\nMINOR={number}\nDEVNAME={name}\nDEVTYPE=partition\nPARTNAME={label}\n");
        fs::write(folder.join("uevent"), facts).expect("facts");
    }

    /// Two disks, both with a DATA; the root is a mapped device on the first.
    fn sysfs() -> (tempfile::TempDir, PathBuf) {
        let sys = tempfile::tempdir().expect("folder");
        let devices = sys.path().join("devices");
        for disk in ["vda", "vdb"] {
            partition(&devices.join(disk), &format!("{disk}1"), 1, "ROOT-A");
            partition(&devices.join(disk), &format!("{disk}7"), 7, "DATA");
        }
        partition(&devices.join("vda"), "vda6", 6, "STATE");
        fs::create_dir_all(devices.join("dm-0/slaves")).expect("dm");
        symlink("../../vda/vda1", devices.join("dm-0/slaves/vda1")).expect("slave");
        fs::create_dir_all(sys.path().join("dev/block")).expect("dev");
        symlink("../../devices/dm-0", sys.path().join("dev/block/252:0")).expect("link");
        fs::create_dir_all(sys.path().join("block")).expect("block");
        for disk in ["vda", "vdb"] {
            symlink(devices.join(disk), sys.path().join("block").join(disk)).expect("link");
        }
        let root = disk_of(sys.path(), 252, 0).expect("disk of the root");
        (sys, root)
    }

    #[test]
    fn the_disk_of_the_root_wins_over_a_twin() {
        let (sys, root) = sysfs();
        let disks = Disks { sys: sys.path().to_owned(), dev: "/dev".into(), root_disk: Some(root) };
        let Found::One(data) = disks.find("DATA") else { panic!("one DATA") };
        assert_eq!((data.device, data.disk, data.number), ("/dev/vda7".into(), "/dev/vda".into(), 7));
        assert_eq!(disks.find("ESP"), Found::None);
        assert_eq!(disks.of_root("STATE").expect("one").device, PathBuf::from("/dev/vda6"));
    }

    #[test]
    fn without_a_known_root_twins_are_refused() {
        let (sys, _) = sysfs();
        let disks = Disks { sys: sys.path().to_owned(), dev: "/dev".into(), root_disk: None };
        assert_eq!(disks.find("DATA"), Found::Several(vec!["/dev/vda7".into(), "/dev/vdb7".into()]));
        assert!(matches!(disks.find("STATE"), Found::One(_)));
        assert_eq!(disks.of_root("STATE"), None);
    }
}
