//! The two places that keep data, and the way each goes from a partition to a folder in use.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Seek, SeekFrom},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ampoule_disk::{Disks, Found, Partition};
use ampoule_supervise::identity::User;

use crate::{
    content::{self, Content, Superblock},
    error::StorageError,
    grow, mounts,
};

const SEED: &str = "/usr/lib/ampoule/seed.ext4";
/// How long a partition may take to appear. Longer only delays the message.
const WAIT: Duration = Duration::from_secs(5);
/// The same if the root came from that disk: the kernel may still be adding the last of its partitions.
const WAIT_ON_ROOT_DISK: Duration = Duration::from_secs(1);
const WAIT_STEP: Duration = Duration::from_millis(10);

/// A partition with its place.
pub(crate) struct Volume {
    /// GPT name.
    pub(crate) name: &'static str,
    /// Where it is mounted.
    pub(crate) target: &'static str,
    /// It is the last partition and takes what the disk has left.
    grows: bool,
    /// Folders that its users count on, with their modes.
    folders: &'static [(&'static str, u32)],
    /// Projects are held to their limits, where the file system can.
    limits: bool,
    /// Whose user has the last blocks of the file system, besides those with CAP_SYS_RESOURCE: what others fill does not stop it.
    reserve: &'static str,
    /// Type of its root folder in the policy.
    typ: &'static str,
    /// Most that the memory file system takes that stands in, as tmpfs(5) has it.
    stand_in: &'static str,
}

/// Settings and identity.
pub(crate) const STATE: Volume = Volume {
    name: "STATE",
    target: "/state",
    grows: false,
    folders: &[("settings", 0o700), ("identity", 0o700)],
    limits: false,
    reserve: "apid",
    typ: "state_t",
    stand_in: "16m",
};

/// Containers, volumes, logs.
pub(crate) const DATA: Volume = Volume {
    name: "DATA",
    target: "/var",
    grows: true,
    folders: &[
        ("lib", 0o755),
        ("lib/containerd", 0o711),
        ("lib/ampoule", 0o711),
        ("lib/ampoule/volumes", 0o711),
        ("log", 0o755),
        ("log/ampoule", 0o700),
        ("tmp", 0o1777),
    ],
    limits: true,
    reserve: "logd",
    typ: "data_t",
    stand_in: "40%",
};

impl Volume {
    /// Finds, seeds, grows, mounts; then makes the folders.
    pub(crate) fn open(&self, disks: &Disks) -> Result<(), StorageError> {
        let partition = self.wait_for(disks)?;
        let target = Path::new(self.target);
        let mounted = mounts::mounted_type(target).map_err(StorageError::io("read", "/proc/self/mountinfo"))?;
        match mounted.as_deref() {
            Some("ext4") => self.grow_partition(&partition),
            Some(_) => return Err(StorageError::StandIn(self.target)),
            None => {
                // First a look: of a partition that is not ours not even the length is changed.
                let superblock = self.prepare(&partition.device)?;
                self.grow_partition(&partition);
                mounts::ext4(&partition.device, target, &self.options(&superblock))?;
            }
        }
        // A file system that does not grow is still one that works.
        if let Err(error) = grow::file_system(&partition.device, target) {
            log::warn!("{}: {}", self.name, ampoule_report::chain(&error));
        }
        self.make_folders()
    }

    /// Label of its root folder, as a mount option.
    fn label(&self) -> String {
        format!("rootcontext=system_u:object_r:{}:s0", self.typ)
    }

    /// All options of its mount.
    fn options(&self, superblock: &Superblock) -> String {
        let reserve = User::named(self.reserve).unwrap_or(User::ROOT).id();
        let mut options = format!("{},resuid={reserve}", self.label());
        if self.limits && superblock.has_projects {
            options.push_str(",prjquota");
        } else if self.limits {
            log::warn!(
                "{}: an older version made this file system, without quotas of projects: all works, but workloads' limits of the disk are not in force; copy what it has elsewhere and wipe the partition to have them",
                self.name
            );
        }
        options
    }

    /// The same place in memory.
    pub(crate) fn open_in_memory(&self) -> Result<(), StorageError> {
        let target = Path::new(self.target);
        if mounts::mounted_type(target).is_ok_and(|mounted| mounted.is_none()) {
            mounts::memory(target, &format!("size={},mode=0755,{}", self.stand_in, self.label()))?;
        }
        self.make_folders()
    }

    fn wait_for(&self, disks: &Disks) -> Result<Partition, StorageError> {
        let started = Instant::now();
        let patience = if disks.is_known() { WAIT_ON_ROOT_DISK } else { WAIT };
        loop {
            match disks.find(self.name) {
                Found::One(partition) if partition.device.exists() => return Ok(partition),
                Found::Several(found) => return Err(self.ambiguous(&found)),
                _ if started.elapsed() >= patience => break,
                _ => std::thread::sleep(WAIT_STEP),
            }
        }
        Err(StorageError::NotFound { name: self.name, place: disks.place(), seconds: patience.as_secs() })
    }

    fn ambiguous(&self, found: &[PathBuf]) -> StorageError {
        let names: Vec<String> = found.iter().map(|device| device.display().to_string()).collect();
        StorageError::Ambiguous { name: self.name, count: found.len(), found: names.join(", ") }
    }

    /// A partition that does not grow is still one that works.
    fn grow_partition(&self, partition: &Partition) {
        if !self.grows {
            return;
        }
        if let Err(error) = grow::partition(partition) {
            log::warn!("{}: {}", self.name, ampoule_report::chain(&error));
        }
    }

    /// Makes sure that there is a file system; its superblock.
    fn prepare(&self, device: &Path) -> Result<Superblock, StorageError> {
        let open = || OpenOptions::new().read(true).write(true).open(device);
        let mut disk = open().map_err(StorageError::io("open", device))?;
        let mut seed = File::open(SEED).map_err(StorageError::io("open", SEED))?;
        match content::look(&mut disk, &mut seed).map_err(StorageError::io("read", device))? {
            Content::Ext4(superblock) if superblock.has_errors => {
                log::warn!("{}: the kernel found errors in this file system earlier; back up its data", self.name);
                Ok(superblock)
            }
            Content::Ext4(superblock) => Ok(superblock),
            Content::Empty => self.plant(&mut disk, &mut seed, device),
            Content::Foreign(found) => Err(StorageError::Foreign { device: device.to_owned(), found }),
        }
    }

    fn plant(&self, disk: &mut File, seed: &mut File, device: &Path) -> Result<Superblock, StorageError> {
        let superblock = content::seed_superblock(seed).ok().flatten();
        let superblock = superblock.ok_or_else(|| StorageError::BadSeed(SEED.into()))?;
        let have = disk.seek(SeekFrom::End(0)).map_err(StorageError::io("measure", device))?;
        let need = superblock.bytes();
        if have < need {
            return Err(StorageError::TooSmall { device: device.to_owned(), have, need });
        }
        content::write_seed(disk, seed, |disk| ampoule_sys::block::zero_range(disk, 0, need))
            .map_err(StorageError::io("write the first file system to", device))?;
        log::info!("{}: empty, a file system was put on {}", self.name, device.display());
        Ok(superblock)
    }

    fn make_folders(&self) -> Result<(), StorageError> {
        for (folder, mode) in self.folders {
            let path = Path::new(self.target).join(folder);
            if !path.is_dir() {
                make_folder(&path, *mode).map_err(StorageError::io("make the folder", path))?;
            }
        }
        Ok(())
    }
}

/// With exactly `mode`, whatever the mask of this process is.
fn make_folder(path: &Path, mode: u32) -> std::io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_in_force_on_data_where_its_file_system_can_and_never_elsewhere() {
        let superblock = |has_projects| Superblock { blocks: 1, block_size: 4096, has_errors: false, has_projects };
        assert_eq!(DATA.options(&superblock(true)), "rootcontext=system_u:object_r:data_t:s0,resuid=60602,prjquota");
        assert_eq!(DATA.options(&superblock(false)), "rootcontext=system_u:object_r:data_t:s0,resuid=60602");
        assert_eq!(STATE.options(&superblock(true)), "rootcontext=system_u:object_r:state_t:s0,resuid=60600");
    }
}
