//! The boot partition: systemd-boot, its configuration and the kernel image with its boot counter.

use ampoule_layout::Architecture;
use anyhow::Context;
use fatfs::{Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

/// What lies on it.
pub(crate) struct Contents<'a> {
    pub(crate) loader: &'a [u8],
    pub(crate) uki: &'a [u8],
    /// Version of the system, in the name of the kernel image.
    pub(crate) version: &'a str,
}

/// No menu unless a key is held, the newest kernel image that has tries left, and no editing of its command line. `auto-entries no` also keeps systemd-boot from listing the
/// first stage that carries it.
const LOADER_CONF: &str = "timeout 0\ndefault ampoule_*\neditor no\nauto-entries no\nauto-firmware no\n";

/// Boots that a new kernel image gets before the loader falls back (UAPI.1 Boot Loader Specification, boot counting).
const TRIES: u32 = 3;

/// Serial number of the FAT file system.
const VOLUME: u32 = 0x616d_706f;

/// Formats the part of `disk` and writes the files.
pub(crate) fn write(disk: &mut File, offset: u64, size: u64, contents: &Contents) -> anyhow::Result<()> {
    let mut window = Window { disk: disk.try_clone()?, offset, size, at: 0 };
    let sectors = u32::try_from(size / 512).context("the boot partition is too large for FAT")?;
    let options =
        FormatVolumeOptions::new().fat_type(FatType::Fat32).volume_id(VOLUME).volume_label(*b"AMPOULE-ESP").total_sectors(sectors);
    fatfs::format_volume(&mut window, options).context("cannot format the boot partition")?;
    let fs = FileSystem::new(window, FsOptions::new().time_provider(&FIXED).update_accessed_date(false))?;
    let root = fs.root_dir();
    for dir in ["EFI", "EFI/BOOT", "EFI/Linux", "loader"] {
        root.create_dir(dir)?;
    }
    let uki = format!("EFI/Linux/ampoule_{}+{TRIES}.efi", contents.version);
    let loader = Architecture::X86_64.loader();
    let files = [(loader.as_str(), contents.loader), ("loader/loader.conf", LOADER_CONF.as_bytes()), (&uki, contents.uki)];
    for (name, bytes) in files {
        let mut file = root.create_file(name)?;
        file.truncate()?;
        file.write_all(bytes).with_context(|| format!("{name} does not fit the boot partition"))?;
        file.flush()?;
    }
    drop(root);
    fs.unmount().context("cannot finish the boot partition")
}

/// The same time for every file.
#[derive(Debug)]
struct Fixed;

static FIXED: Fixed = Fixed;

const DATE: Date = Date { year: 2026, month: 1, day: 1 };

impl fatfs::TimeProvider for Fixed {
    fn get_current_date(&self) -> Date {
        DATE
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime { date: DATE, time: Time { hour: 0, min: 0, sec: 0, millis: 0 } }
    }
}

/// A part of a file that looks like a whole one.
struct Window {
    disk: File,
    offset: u64,
    size: u64,
    at: u64,
}

impl Window {
    /// How much of `wanted` bytes lies inside, after seeking there.
    fn prepare(&mut self, wanted: usize) -> std::io::Result<usize> {
        self.disk.seek(SeekFrom::Start(self.offset + self.at))?;
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        Ok(wanted.min(left))
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.prepare(buffer.len())?;
        let n = self.disk.read(&mut buffer[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Write for Window {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.prepare(bytes.len())?;
        let bytes = &bytes[..n];
        // Zeros stay holes: the file is new, so they are zeros already where nothing was written before.
        if bytes.iter().any(|b| *b != 0) || self.is_written(n)? {
            self.prepare(n)?;
            self.disk.write_all(bytes)?;
        }
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.disk.flush()
    }
}

impl Window {
    /// Whether the next `n` bytes hold anything but zeros.
    fn is_written(&mut self, n: usize) -> std::io::Result<bool> {
        self.prepare(n)?;
        let mut old = vec![0; n];
        self.disk.read_exact(&mut old)?;
        Ok(old.iter().any(|b| *b != 0))
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i128::from(at),
            SeekFrom::Current(by) => i128::from(self.at) + i128::from(by),
            SeekFrom::End(by) => i128::from(self.size) + i128::from(by),
        };
        self.at = u64::try_from(at).map_err(|_| std::io::Error::other("seek before the beginning"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut disk = tempfile::tempfile().expect("a file");
        disk.set_len(80 << 20).expect("sized");
        let uki = vec![7; 3 << 20];
        let contents = Contents { loader: b"loader", uki: &uki, version: "0.1.0" };
        write(&mut disk, 1 << 20, 64 << 20, &contents).expect("written");
        let window = Window { disk: disk.try_clone().expect("cloned"), offset: 1 << 20, size: 64 << 20, at: 0 };
        let fs = FileSystem::new(window, FsOptions::new()).expect("a file system");
        let mut found = Vec::new();
        fs.root_dir().open_file("EFI/Linux/ampoule_0.1.0+3.efi").expect("there").read_to_end(&mut found).expect("read");
        assert_eq!(found, uki);
        assert!(fs.root_dir().open_file("EFI/BOOT/BOOTX64.EFI").is_ok() && fs.root_dir().open_file("loader/loader.conf").is_ok());
    }
}
