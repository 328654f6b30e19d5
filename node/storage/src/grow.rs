//! Growing a partition to the end of its disk, and its file system to the end of the partition.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use ampoule_disk::Partition;
use ampoule_layout::gpt;

use crate::error::StorageError;

/// Makes `partition`, the last one of its disk, reach the disk's end: table first, then the kernel's own view of it.
pub(crate) fn partition(partition: &Partition) -> Result<(), StorageError> {
    let path = &partition.disk;
    let mut disk = OpenOptions::new().read(true).write(true).open(path).map_err(StorageError::io("open", path))?;
    let size = disk.seek(SeekFrom::End(0)).map_err(StorageError::io("measure", path))?;
    let head = read_head(&mut disk).map_err(StorageError::io("read the partition table of", path))?;
    let planned = gpt::grow(&head, partition.sector, size, partition.number);
    let growth = planned.map_err(|source| StorageError::Table { device: path.clone(), source })?;
    let Some(growth) = growth else { return Ok(()) };
    for write in &growth.writes {
        put(&mut disk, write).map_err(StorageError::io("write the partition table of", path))?;
    }
    let (start, length) = (growth.start, growth.length);
    ampoule_sys::block::resize_partition(&disk, partition.number, start, length)
        .map_err(StorageError::io("tell the kernel the new size of", &partition.device))?;
    log::info!("{} grown to {} MiB", partition.device.display(), length >> 20);
    Ok(())
}

fn read_head(disk: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(gpt::HEAD_BYTES);
    disk.seek(SeekFrom::Start(0))?;
    disk.take(gpt::HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn put(disk: &mut File, write: &gpt::Write) -> io::Result<()> {
    disk.seek(SeekFrom::Start(write.offset))?;
    disk.write_all(&write.bytes)?;
    disk.sync_all()
}

/// Grows the ext4 mounted at `target` to the length of `device`, if it is shorter.
pub(crate) fn file_system(device: &Path, target: &Path) -> Result<(), StorageError> {
    let measure = || File::open(device)?.seek(SeekFrom::End(0));
    let bytes = measure().map_err(StorageError::io("measure", device))?;
    let folder = File::open(target).map_err(StorageError::io("open", target))?;
    let now = superblock_of(device).map_err(StorageError::io("read", device))?;
    let Some(now) = now.filter(|now| bytes / now.block_size > now.blocks) else {
        return Ok(());
    };
    ampoule_sys::block::grow_ext4(&folder, bytes / now.block_size).map_err(StorageError::io("grow", target))?;
    log::info!("{} grown from {} to {} MiB", target.display(), now.bytes() >> 20, bytes >> 20);
    Ok(())
}

fn superblock_of(device: &Path) -> io::Result<Option<crate::content::Superblock>> {
    let mut first = [0; 4096];
    File::open(device)?.read_exact(&mut first)?;
    Ok(crate::content::Superblock::parse(&first))
}
