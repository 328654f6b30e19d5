//! An `init` that hangs: it begins as ours does, with the hardware watchdog, and then nothing comes. And a service that does.

use std::{fs::File, io::Write, thread, time::Duration};

use rustix::process::{Signal, getpid, kill_process};

/// The first device there is; its driver's own limit is what counts.
const WATCHDOG: &str = "/dev/watchdog0";

pub(crate) fn as_init() -> ! {
    let device = File::options().write(true).open(WATCHDOG).and_then(|mut device| device.write_all(b"\0").map(|()| device));
    let said = match &device {
        Ok(_) => "PROBE hangs as init, with the watchdog open".to_owned(),
        Err(error) => format!("PROBE hangs as init, without a watchdog: {error}"),
    };
    if let Ok(mut console) = File::options().write(true).open("/dev/console") {
        let _ = writeln!(console, "{said}");
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// A process that is stopped hears no signal but the one that nobody can refuse.
pub(crate) fn stop() {
    loop {
        let _ = kill_process(getpid(), Signal::STOP);
        thread::sleep(Duration::from_secs(1));
    }
}
