//! Mounts and grows STATE and DATA at boot
//!
//! Runs once, before everything that keeps data. First boot: puts the seed file system on both partitions. Every boot: grows
//! DATA to the end of the disk and both file systems to the end of their partitions, mounts them, makes the standard
//! folders, and gives the disk of the root to the updater, which has a user of its own. Nothing is ever written to a partition
//! that holds anything else; then its place gets a memory file system, so that the API comes up and can tell
//! (`/run/ampoule/storage.degraded`). Running it again changes nothing.

mod content;
mod error;
mod grow;
mod mounts;
mod volume;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt, chown},
    process::ExitCode,
    thread,
};

use ampoule_disk::Disks;
use ampoule_supervise::identity::User;
use error::StorageError;
use volume::{DATA, STATE, Volume};

/// One line per place that lives in memory; exists only if there is one.
const DEGRADED: &str = "/run/ampoule/storage.degraded";

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let disks = Disks::of_this_node();
    // Side by side: most of the time goes into waiting for the disk.
    let results =
        thread::scope(|scope| [&STATE, &DATA].map(|volume| scope.spawn(|| bring_up(volume, &disks))).map(|running| running.join()));
    if let Err(error) = give_to_updater(&disks) {
        log::warn!("this node cannot be updated: {}", ampoule_report::chain(&error));
    }
    let results: Vec<Outcome> = results.into_iter().map(|result| result.unwrap_or(Outcome::Nothing)).collect();
    report(&results);
    if results.contains(&Outcome::Nothing) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How a volume ended up.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// On its partition.
    Whole,
    /// In memory; with the line that tells why.
    InMemory(String),
    /// Not there at all: what needs it must not start.
    Nothing,
}

/// Lets the updater write the idle slot and its names in the table: the disk of the root is its user's. Not its group's, in which
/// are those who tell it what to do.
fn give_to_updater(disks: &Disks) -> Result<(), StorageError> {
    let (Some(device), Some(updater)) = (disks.root_device(), User::named("updated")) else { return Ok(()) };
    let given = || chown(&device, Some(updater.id()), None).and_then(|()| fs::set_permissions(&device, Permissions::from_mode(0o600)));
    given().map_err(StorageError::io("give to the updater", &device))
}

fn bring_up(volume: &Volume, disks: &Disks) -> Outcome {
    let Err(reason) = volume.open(disks) else {
        return Outcome::Whole;
    };
    log::error!("{}: {}", volume.name, ampoule_report::chain(&reason));
    if let Err(error) = volume.open_in_memory() {
        log::error!("{}: {}", volume.name, ampoule_report::chain(&error));
        return Outcome::Nothing;
    }
    log::error!("{} is in MEMORY: all that is written to {} is lost at power-off", volume.name, volume.target);
    Outcome::InMemory(format!("{} {}: {}\n", volume.name, volume.target, ampoule_report::chain(&reason)))
}

fn report(results: &[Outcome]) {
    let lines: String =
        results.iter().filter_map(|result| if let Outcome::InMemory(line) = result { Some(line.as_str()) } else { None }).collect();
    let written = if lines.is_empty() { remove() } else { fs::create_dir_all("/run/ampoule").and_then(|()| fs::write(DEGRADED, lines)) };
    if let Err(error) = written {
        log::warn!("{DEGRADED}: {error}");
    }
}

fn remove() -> io::Result<()> {
    match fs::remove_file(DEGRADED) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
