//! Keeps the time from going back over restarts
//!
//! At boot the clock is set forward, never back, to the later of the image's release date and the time last saved; then the
//! service is ready, and what checks certificates may start. After that the clock is only looked at: every minute, and saved
//! when it has moved on enough or the node stops. Nothing here can fail in a way that keeps the node from starting.

mod known;
mod release;
mod saved;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use known::{Known, Seconds};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::time::{ClockId, clock_settime};

const OS_RELEASE: &str = "/usr/lib/os-release";
/// On STATE: it is the partition that is small, always there and never full.
const FOLDER: &str = "/state/clock";
/// How often the clock is looked at. A step that a time daemon makes is on disk this much later.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

fn main() -> ExitCode {
    ampoule_report::init_logger();
    // First, so that a stop during the start is not missed.
    let stop = match ampoule_sys::signals::signal_descriptor(&[Signal::TERM.as_raw()]) {
        Ok(stop) => stop,
        Err(error) => {
            log::error!("Cannot listen for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut known = Known::new(release_date(), saved_time());
    set_forward(&known);
    ampoule_report::ready();
    let mut stopping = false;
    while !stopping {
        stopping = told_to_stop(&stop);
        keep(&mut known, stopping);
    }
    ExitCode::SUCCESS
}

/// Without the date, which only a broken image lacks, there is no telling what can be believed, and nothing is.
fn release_date() -> Seconds {
    let text = fs::read_to_string(OS_RELEASE).unwrap_or_default();
    release::date(&text).unwrap_or_else(|| {
        log::error!("{OS_RELEASE} has no RELEASE_DATE: the clock is left as it is");
        0
    })
}

fn saved_time() -> Option<Seconds> {
    saved::read(Path::new(FOLDER)).unwrap_or_else(|error| {
        log::warn!("{}", ampoule_report::chain(&error));
        None
    })
}

fn set_forward(known: &Known) {
    let now = now();
    let Some(time) = known.at_start(now, ampoule_sys::clock::is_synchronised()) else { return };
    match set_clock(time) {
        Ok(()) => log::info!("The clock was {} s behind the time last known and was set forward", time - now),
        Err(error) => log::error!("The clock is {} s behind the time last known and cannot be set: {error}", time - now),
    }
}

fn set_clock(time: Seconds) -> io::Result<()> {
    let tv_sec = i64::try_from(time).map_err(io::Error::other)?;
    Ok(clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec: 0 })?)
}

/// A clock before 1970 shows 0.
fn now() -> Seconds {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Waits for the next look, or for the end.
fn told_to_stop(stop: &OwnedFd) -> bool {
    // Interrupted or not: whether there is a signal is asked next.
    let _ = poll(&mut [PollFd::new(stop, PollFlags::IN)], Some(&LOOK_EVERY));
    ampoule_sys::signals::next_signal(stop).is_some()
}

fn keep(known: &mut Known, stopping: bool) {
    known.observe(now(), ampoule_sys::clock::is_synchronised());
    let Some(time) = known.due(stopping) else { return };
    match saved::write(Path::new(FOLDER), time) {
        Ok(()) => known.saved(time),
        Err(error) => log::warn!("{}", ampoule_report::chain(&error)),
    }
}
