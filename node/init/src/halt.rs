//! The end: nothing runs, nothing is mounted, the machine stops.

use crate::console::{note, say};
use crate::watchdog::Feeder;
use ampoule_supervise::machine::Shutdown;
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use rustix::process::{Signal, WaitOptions, wait};
use std::time::{Duration, Instant};

/// How long processes that outlived their service (a runtime's shims, their containers) have to end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends the machine. Returns only if the kernel refuses.
pub(crate) fn end(kind: Shutdown, watchdog: &mut Feeder) {
    watchdog.stopping();
    end_processes();
    // A driver may have refused the longer limit.
    watchdog.feed();
    unmount_disks();
    watchdog.feed();
    rustix::fs::sync();
    if kind == Shutdown::PowerOff {
        watchdog.stop();
    }
    let (word, command) = match kind {
        Shutdown::Reboot => ("Restarting", rustix::system::RebootCommand::Restart),
        Shutdown::PowerOff => ("Power off", rustix::system::RebootCommand::PowerOff),
    };
    say(&format!("{word}."));
    note(word, rustix::system::reboot(command));
}

fn end_processes() {
    signal_all(Signal::TERM);
    if !gone_within(PATIENCE) {
        signal_all(Signal::KILL);
        gone_within(PATIENCE);
    }
}

/// Every process but this one. `ESRCH`, there is none, is as good.
fn signal_all(signal: Signal) {
    let _ = ampoule_sys::spawn::signal_everyone(signal.as_raw());
}

fn gone_within(time: Duration) -> bool {
    let end = Instant::now() + time;
    while Instant::now() < end {
        match wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => return true,
            Ok(Some(_)) => {}
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    false
}

/// Newest first, so that what lies on a disk goes before the disk. One that is still busy is at least made read-only: its journal is closed.
fn unmount_disks() {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in table.lines().rev() {
        let mut fields = line.split(' ');
        let (_, target, kind) = (fields.next(), fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let lies_on_disk = ["ext4", "xfs", "overlay"].contains(&kind) || target.starts_with("/var/") || target.starts_with("/run/netns/");
        if lies_on_disk && unmount(target, UnmountFlags::empty()).is_err() {
            note(target, mount_remount(target, MountFlags::RDONLY, c""));
        }
    }
}
