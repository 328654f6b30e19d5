//! What is asked of the firmware.

use crate::tries;
use alloc::string::ToString;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use uefi::boot::{self, LoadImageSource};
use uefi::fs::FileSystem;
use uefi::proto::device_path::LoadedImageDevicePath;
use uefi::runtime::{self, ResetType};
use uefi::{CStr16, Status, cstr16};

/// Where the boot loader looks for files with boot counters in their names: kernel images, and entries with boot parameters.
const COUNTED: [&CStr16; 2] = [cstr16!("\\EFI\\Linux"), cstr16!("\\loader\\entries")];

/// So that a person can read what the loader said.
const PAUSE: Duration = Duration::from_secs(2);

/// Whether the loader was started, which spends a try before it starts anything.
static WAS_STARTED: AtomicBool = AtomicBool::new(false);

/// Starts `loader`. Comes back, with what it ended with, only if it ended and a start anew would be the same again: then the firmware goes on as it would without this
/// program, with what else it can boot.
pub(crate) fn run(loader: &[u8]) -> Status {
    let before = tries_left();
    let status = start(loader).map_or_else(|error| error.status(), |()| Status::SUCCESS);
    if tries::is_spent(before, tries_left()) {
        uefi::println!("Ampoule: the boot loader ended ({status}), and a try is spent. The machine starts anew.");
        boot::stall(PAUSE);
        runtime::reset(ResetType::COLD, status, None);
    }
    status
}

/// Without memory or a console there is no way back to the firmware. Before the loader was started no try is spent, so a start anew would have no end.
pub(crate) fn give_up() -> ! {
    let way = if WAS_STARTED.load(Ordering::Relaxed) { ResetType::COLD } else { ResetType::SHUTDOWN };
    runtime::reset(way, Status::ABORTED, None)
}

/// The loader takes this program's own place on the disk for its own, so it finds its files beside it.
fn start(loader: &[u8]) -> uefi::Result {
    let own = boot::image_handle();
    let path = boot::open_protocol_exclusive::<LoadedImageDevicePath>(own)?;
    // A program that firmware was handed from memory has none, and then there is no disk to start from.
    let file_path = path.get().ok_or(Status::NOT_FOUND)?;
    let image = boot::load_image(own, LoadImageSource::FromBuffer { buffer: loader, file_path: Some(file_path) })?;
    drop(path);
    WAS_STARTED.store(true, Ordering::Relaxed);
    boot::start_image(image)
}

/// All tries that are left on this program's disk; `None` if it cannot be read.
fn tries_left() -> Option<u64> {
    let mut files = FileSystem::new(boot::get_image_file_system(boot::image_handle()).ok()?);
    COUNTED.iter().try_fold(0_u64, |sum, folder| Some(sum.saturating_add(tries_in(&mut files, folder)?)))
}

fn tries_in(files: &mut FileSystem, folder: &CStr16) -> Option<u64> {
    // A disk may have no entries at all.
    if !files.try_exists(folder).ok()? {
        return Some(0);
    }
    let mut entries = files.read_dir(folder).ok()?;
    entries.try_fold(0_u64, |sum, entry| Some(sum.saturating_add(tries::left(&entry.ok()?.file_name().to_string()))))
}
