//! The updater on a folder that looks like `/`: `disk.img` in it is the disk, `esp` the boot partition.
//!
//! Files of the folder make it worse than a node: `esp-free` says how many bytes are free on the boot partition, `disk-faults` what is wrong with the disk; with `esp-damage` images that
//! are to be tried, and a boot loader in the making, are not kept as they were written. `settle` says how many
//! seconds a boot's health must hold.

use crate::faults::FaultyDisk;
use ampoule_updated::{Machine, OpenDisk, Pace};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SECTOR: u64 = 512;

struct InAFolder(PathBuf);

impl InAFolder {
    fn number(&self, name: &str) -> Option<u64> {
        fs::read_to_string(self.0.join(name)).ok()?.trim().parse().ok()
    }
}

impl Machine for InAFolder {
    fn root(&self) -> &Path {
        &self.0
    }

    fn disk(&self, writable: bool) -> Result<Option<OpenDisk>, (PathBuf, io::Error)> {
        let path = self.0.join("disk.img");
        let file = OpenOptions::new().read(true).write(writable).open(&path).map_err(|error| (path.clone(), error))?;
        let blocks = FaultyDisk { disk: file, faults: self.0.join("disk-faults") };
        Ok(Some(OpenDisk { blocks: Box::new(blocks), path, sector: SECTOR }))
    }

    fn boot_partition(&self, writable: bool) -> io::Result<Option<OwnedFd>> {
        if !writable && self.0.join("esp-damage").exists() {
            damage(&self.0.join("esp/EFI/Linux"))?;
            lose(&self.0.join("esp/EFI/BOOT/BOOTX64.NEW"))?;
        }
        let folder = self.0.join("esp");
        if folder.exists() { Ok(Some(File::open(folder)?.into())) } else { Ok(None) }
    }

    fn free(&self, measured: u64) -> u64 {
        self.number("esp-free").unwrap_or(measured)
    }

    fn pace(&self) -> Pace {
        let pace = Pace { first_look: Duration::from_secs(1), ..Pace::default() };
        match self.number("settle") {
            Some(settle) => Pace { settle, look: Duration::from_millis(200), ..pace },
            None => pace,
        }
    }
}

/// Changes the last byte of what was never started.
fn damage(images: &Path) -> io::Result<()> {
    for image in fs::read_dir(images)?.flatten().filter(|image| image.file_name().to_string_lossy().contains("+3")) {
        let mut bytes = fs::read(image.path())?;
        bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        fs::write(image.path(), bytes)?;
    }
    Ok(())
}

/// Leaves zeros of a file that is there: clusters that were never written.
fn lose(path: &Path) -> io::Result<()> {
    let Ok(bytes) = fs::read(path) else { return Ok(()) };
    fs::write(path, vec![0; bytes.len()])
}

/// Names the folder to the program that is this test.
pub(crate) const FOLDER: &str = "AMPOULE_UPDATED_IN_A_FOLDER";

/// The updater on a folder: what the other tests start, as a process of its own that they can kill.
#[test]
#[ignore = "it is the program that the other tests start"]
fn updater_in_a_folder() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    ampoule_report::init_logger();
    ampoule_updated::serve(InAFolder(folder.into()));
}

/// Starts it.
pub(crate) fn start(folder: &Path, log: File) -> Child {
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    program.args(["--ignored", "--exact", "machine::updater_in_a_folder", "--nocapture"]).env(FOLDER, folder);
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("started")
}
