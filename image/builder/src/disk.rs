//! The disk: a GPT, the boot partition, and slot A filled. Everything else is holes.

use crate::esp;
use ampoule_layout::{Architecture, Guid, MIB, PARTITIONS, Role, RootHash};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What goes onto the disk.
struct Parts<'a> {
    root: &'a Path,
    verity: &'a Path,
    root_hash: RootHash,
    boot: esp::Contents<'a>,
}

const SECTOR: u64 = 512;

/// First bytes of the GUIDs of the disk and of the partitions whose GUID nothing derives: "ampoule".
const OURS: u128 = 0x616d_706f_756c_4e00_8000_0000_0000_0000;

/// Where a partition lies: offset and size in bytes.
fn place(index: usize) -> (u64, u64) {
    let before: u64 = PARTITIONS.iter().take(index).map(|p| p.size).sum();
    (MIB + before, PARTITIONS[index].size)
}

/// The second table needs the last 33 sectors; partitions keep to whole mebibytes.
fn disk_size() -> u64 {
    PARTITIONS.iter().map(|p| p.size).sum::<u64>() + 2 * MIB
}

/// Writes the disk to a new, sparse file.
fn write(path: &Path, parts: &Parts) -> anyhow::Result<()> {
    let mut disk = File::options().read(true).write(true).create_new(true).open(path)?;
    disk.set_len(disk_size())?;
    write_table(&disk, parts.root_hash)?;
    for (index, partition) in PARTITIONS.iter().enumerate() {
        let (offset, size) = place(index);
        match partition.name {
            "ESP" => esp::write(&mut disk, offset, size, &parts.boot)?,
            "ROOT-A" => copy(parts.root, &mut disk, offset, size)?,
            "VERITY-A" => copy(parts.verity, &mut disk, offset, size)?,
            _ => {}
        }
    }
    Ok(disk.sync_all()?)
}

fn guid(index: usize, role: Role, root_hash: RootHash) -> Guid {
    // Slot A carries the image; slot B has no root hash yet.
    match (index, role) {
        (1, Role::Root) => root_hash.root_partition(),
        (2, Role::Verity) => root_hash.verity_partition(),
        _ => Guid::from_u128(OURS + 1 + index as u128),
    }
}

fn write_table(disk: &File, root_hash: RootHash) -> anyhow::Result<()> {
    let mut device = disk.try_clone()?;
    let sectors = u32::try_from(disk_size() / SECTOR - 1).unwrap_or(u32::MAX);
    gpt::mbr::ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(&mut device)?;
    let disk_guid = Guid::from_u128(OURS).to_string().parse().context("a GUID")?;
    let mut table = gpt::GptConfig::new().writable(true).create_from_device(device, Some(disk_guid))?;
    let mut partitions = BTreeMap::new();
    for (index, partition) in PARTITIONS.iter().enumerate() {
        partitions.insert(u32::try_from(index)? + 1, entry(index, partition, root_hash)?);
    }
    table.update_partitions(partitions)?;
    table.write()?;
    Ok(())
}

fn entry(index: usize, partition: &ampoule_layout::Partition, root_hash: RootHash) -> anyhow::Result<gpt::partition::Partition> {
    let (offset, size) = place(index);
    let kind = partition.role.type_guid(Architecture::X86_64).to_string();
    Ok(gpt::partition::Partition {
        part_type_guid: gpt::partition_types::Type { guid: kind.parse()?, os: gpt::partition_types::OperatingSystem::Linux },
        part_guid: guid(index, partition.role, root_hash).to_string().parse()?,
        first_lba: offset / SECTOR,
        last_lba: (offset + size) / SECTOR - 1,
        flags: 0,
        name: partition.name.to_owned(),
    })
}

/// Writes `disk.raw` from the files of an image that lie in `folder` already.
pub(crate) fn of(folder: &Path, root_hash: RootHash, version: &str) -> anyhow::Result<()> {
    let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("no {name} in {}", folder.display()));
    let (loader, uki) = (read("loader.efi")?, read("ampoule.efi")?);
    let boot = esp::Contents { loader: &loader, uki: &uki, version };
    let (root, verity) = (folder.join("root.erofs"), folder.join("root.verity"));
    write(&folder.join("disk.raw"), &Parts { root: &root, verity: &verity, root_hash, boot })
}

/// Copies a file into the disk at `offset`; refuses one that does not fit its partition.
fn copy(from: &Path, disk: &mut File, offset: u64, size: u64) -> anyhow::Result<()> {
    let mut file = File::open(from).with_context(|| format!("cannot open {}", from.display()))?;
    let length = file.metadata()?.len();
    anyhow::ensure!(length <= size, "{} has {length} bytes, its partition only {size}", from.display());
    disk.seek(SeekFrom::Start(offset))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => disk.write_all(&buffer[..n])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_do_not_overlap_and_fit() {
        for index in 1..PARTITIONS.len() {
            let (before, size) = place(index - 1);
            assert_eq!(before + size, place(index).0);
        }
        let (last, size) = place(PARTITIONS.len() - 1);
        assert!(last + size + 33 * SECTOR <= disk_size());
    }

    #[test]
    fn no_two_partitions_have_the_same_guid() {
        let hash = RootHash::from_bytes([9; 32]);
        let mut all: Vec<_> =
            PARTITIONS.iter().enumerate().map(|(i, p)| guid(i, p.role, RootHash::from_bytes(std::array::from_fn(|b| b as u8)))).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), PARTITIONS.len());
        assert_eq!(guid(1, Role::Root, hash), hash.root_partition());
        assert_eq!(guid(2, Role::Verity, hash), hash.verity_partition());
    }

    #[test]
    fn a_disk_reads_back_and_is_the_same_each_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let (root, verity) = (file("root", &[1; 5000]), file("verity", &[2; 100]));
        let make = |name: &str| {
            let boot = esp::Contents { loader: b"loader", uki: b"uki", version: "1.0" };
            let path = dir.path().join(name);
            write(&path, &Parts { root: &root, verity: &verity, root_hash: RootHash::from_bytes([9; 32]), boot }).expect("written");
            path
        };
        let (a, b) = (make("a"), make("b"));
        let table = gpt::disk::read_disk(&a).expect("a table");
        let names: Vec<_> = table.partitions().values().map(|p| p.name.clone()).collect();
        assert_eq!(names, PARTITIONS.map(|p| p.name));
        assert!(crate::compare::first_difference(&a, &b).expect("read").is_none());
    }
}
