//! What a person at the console sees, and what the kernel log keeps.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

/// How much a message matters; numbers are syslog's.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// Shown on the console too.
    Error = 3,
    /// Kept.
    Info = 6,
}

/// Writes one line to the kernel log, where `logd` finds it. The kernel shows errors on the console.
pub(crate) fn log(level: Level, text: &str) {
    // One write is one record. If the kernel log cannot be written, there is nobody else to tell.
    let line = format!("<{}>init: {}", level as u8, text.replace('\n', " "));
    let _ = OpenOptions::new().write(true).open("/dev/kmsg").and_then(|mut f| f.write_all(line.as_bytes()));
}

/// Shows one line on the console, for people.
pub(crate) fn say(text: &str) {
    let _ = OpenOptions::new().write(true).open("/dev/console").and_then(|mut f| writeln!(f, "{text}\r"));
}

/// Logs the error of a step of the boot that may fail without ending it.
pub(crate) fn note<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Option<T> {
    result.map_err(|e| log(Level::Error, &format!("{what}: {e}"))).ok()
}

/// When PID 1 ends, the kernel panics; say why and restart in order instead. Ten seconds let a person read it.
pub(crate) fn end_the_machine_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        say(&format!("init failed and restarts the machine in 10 seconds: {info}"));
        std::thread::sleep(Duration::from_secs(10));
        rustix::fs::sync();
        let _ = rustix::system::reboot(rustix::system::RebootCommand::Restart);
    }));
}
