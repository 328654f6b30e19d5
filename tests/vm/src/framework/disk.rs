//! The disk of a machine that is switched off: a partition is taken out of it, changed as damage or a full disk would, and put back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ampoule_layout::gpt;
use anyhow::{Context as _, Result, ensure};

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;
/// Sectors of the partition table at the start of a disk: protective MBR, header, 128 entries.
const TABLE_SECTORS: u64 = 34;

/// `quota` and `project` of ext4.
const QUOTA_FEATURES: u32 = 0x100 | 0x2000;

/// A partition out of its disk.
pub(crate) struct Partition {
    disk: PathBuf,
    offset: u64,
    /// Its bytes, as a file of their own.
    pub(crate) image: PathBuf,
}

impl Partition {
    /// Takes the partition of this name out of a qcow2 disk.
    pub(crate) fn take_out(disk: &Path, name: &str) -> Result<Self> {
        Self::take(disk, name, u64::MAX)
    }

    /// Its first MiB alone: where a large file system says what it is.
    pub(crate) fn take_out_head(disk: &Path, name: &str) -> Result<Self> {
        Self::take(disk, name, MIB)
    }

    fn take(disk: &Path, name: &str, most: u64) -> Result<Self> {
        let table = fs::read(copy_out(disk, "table", SECTOR, 0, TABLE_SECTORS)?)?;
        let entry = gpt::entries(&table, SECTOR)?.into_iter().find(|entry| entry.name == name);
        let gpt::Entry { start: offset, length, .. } = entry.with_context(|| format!("no partition {name} on the disk"))?;
        let size = length.min(most);
        ensure!(offset % MIB == 0 && size % MIB == 0, "{name} does not lie at whole MiB");
        Ok(Self { disk: disk.to_owned(), offset, image: copy_out(disk, name, MIB, offset / MIB, size / MIB)? })
    }

    /// Turns one bit in each place where `text` lies, which is all of the file that holds it and of its drafts.
    pub(crate) fn damage(&self, text: &str) -> Result<()> {
        let mut bytes = fs::read(&self.image)?;
        let places: Vec<usize> = bytes.windows(text.len()).enumerate().filter(|(_, w)| *w == text.as_bytes()).map(|(at, _)| at).collect();
        ensure!(!places.is_empty(), "{text:?} does not lie on the disk");
        places.iter().for_each(|at| bytes[*at] ^= 1);
        Ok(fs::write(&self.image, bytes)?)
    }

    /// Fills the file system with a file of this name until nothing fits any more. (This tool takes the blocks that are kept for the superuser too.)
    pub(crate) fn fill(&self, name: &str) -> Result<()> {
        let filler = self.image.with_extension("filler");
        fs::write(&filler, vec![0xa5; usize::try_from(fs::metadata(&self.image)?.len())?])?;
        // It says that there is no more room, which is what is wanted.
        let mut debug = Command::new("debugfs");
        debug.args(["-w", "-R", &format!("write {} {name}", filler.display())]).arg(&self.image);
        run(debug)?;
        fs::remove_file(filler)?;
        let free = self.free_blocks()?;
        ensure!(free < 4, "{free} blocks are still free");
        Ok(())
    }

    /// Puts a file there as another machine would: without a label of SELinux.
    pub(crate) fn put(&self, name: &str, text: &str) -> Result<()> {
        let file = self.image.with_extension("file");
        fs::write(&file, text)?;
        let mut debug = Command::new("debugfs");
        debug.args(["-w", "-R", &format!("write {} {name}", file.display())]).arg(&self.image);
        run(debug)?;
        Ok(fs::remove_file(file)?)
    }

    /// Takes a file away again.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let mut debug = Command::new("debugfs");
        debug.args(["-w", "-R", &format!("rm {name}")]).arg(&self.image);
        run(debug)?;
        ensure!(self.free_blocks()? > 4, "{name} was not there");
        Ok(())
    }

    /// Makes its ext4 one without quotas of projects, as an older version would have made it: what is in it stays.
    pub(crate) fn forgets_quotas(&self) -> Result<()> {
        let mut bytes = fs::read(&self.image)?;
        let superblock = bytes.get_mut(1024..2048).context("no superblock")?;
        // Documentation/filesystems/ext4, "Super Block": features that old kernels may not write to, the inode of projects' quotas, the checksum.
        let features = u32::from_le_bytes(superblock[100..104].try_into()?);
        ensure!(features & QUOTA_FEATURES == QUOTA_FEATURES, "it has no quotas to forget: {features:#x}");
        superblock[100..104].copy_from_slice(&(features & !QUOTA_FEATURES).to_le_bytes());
        superblock[620..624].fill(0);
        let checksum = crc32c(&superblock[..1020]);
        superblock[1020..].copy_from_slice(&checksum.to_le_bytes());
        Ok(fs::write(&self.image, bytes)?)
    }

    fn free_blocks(&self) -> Result<u64> {
        let mut dump = Command::new("dumpe2fs");
        dump.arg("-h").arg(&self.image);
        let text = run(dump)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Free blocks:")).context("dumpe2fs says nothing of free blocks")?;
        Ok(line.trim().parse()?)
    }

    /// Back to where it was.
    pub(crate) fn put_back(self) -> Result<()> {
        let length = fs::metadata(&self.image)?.len();
        let name = self.image.file_name().and_then(|name| name.to_str()).context("an image without a name")?;
        let mut io = Command::new("qemu-io");
        // Its words are parted at spaces, so it gets no path.
        io.args(["-f", "qcow2", "-c", &format!("write -q -s {name} {} {length}", self.offset)]).arg(&self.disk);
        io.current_dir(self.image.parent().context("an image without a folder")?);
        run(io)?;
        Ok(fs::remove_file(&self.image)?)
    }
}

/// As ext4 has it: all ones at the start, nothing turned at the end.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
    bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| bit(sum)))
}

/// `count` blocks of a disk as a file beside it.
fn copy_out(disk: &Path, name: &str, block: u64, skip: u64, count: u64) -> Result<PathBuf> {
    let file = disk.with_file_name(format!("{name}.img"));
    let mut dd = Command::new("qemu-img");
    dd.args(["dd", "-f", "qcow2", "-O", "raw", &format!("bs={block}"), &format!("skip={skip}"), &format!("count={}", skip + count)]);
    dd.arg(format!("if={}", disk.display())).arg(format!("of={}", file.display()));
    run(dd)?;
    let size = fs::metadata(&file)?.len();
    ensure!(size == count * block, "{size} bytes of {name} came out of the disk, not {}", count * block);
    Ok(file)
}

/// UTF-16 at the end of an entry.
fn run(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} cannot be started: is it installed?"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
