//! What every program of the node says, and how: log lines, error chains, to `init` that it is ready, and its status to whoever asks.
//!
//! A line goes to standard error with its level in front as `<N>` (syslog numbers, as `sd-daemon(3)` has them) and no time: the log service stamps it.

mod notify;
mod socket;
#[cfg(feature = "status")]
pub mod status;
mod tally;

pub use notify::{notify, ready};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
pub use socket::listen;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
pub use tally::Tally;

struct StderrLogger;

impl log::Log for StderrLogger {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let line = format!("<{}>{}\n", priority(record.level()), one_line(&record.args().to_string()));
            // A program whose log is gone has nobody to tell.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// The syslog priority of a level: 3 error, 4 warning, 6 info, 7 debug and trace.
#[must_use]
pub fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

/// A record is one line, so that nothing inside a message can pass for another record.
fn one_line(text: &str) -> String {
    text.trim_end().replace(['\n', '\r'], " | ")
}

/// Sends the `log` macros of this program to standard error, and keeps its memory to itself ([`keep_to_itself`]). Call it once, first in `main`; a second call does nothing.
pub fn init_logger() {
    keep_to_itself();
    static LOGGER: StderrLogger = StderrLogger;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// Memory may hold secrets: others of the same user may not look into it (ptrace(2), `/proc/PID/mem`), and no core file is written (`PR_SET_DUMPABLE`). The kernel forgets this when a program is
/// executed, so each says it for itself.
fn keep_to_itself() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        eprintln!("<3>This program's memory is open to others of its user: {error}");
    }
}

/// An error and its causes, outermost first, joined by `: `. Printed once, at the edge; messages never repeat their source.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_one_line() {
        assert_eq!(one_line("a\n<0>forged\n"), "a | <0>forged");
    }

    #[test]
    fn levels_are_syslogs() {
        assert_eq!((priority(log::Level::Error), priority(log::Level::Warn), priority(log::Level::Info)), (3, 4, 6));
    }

    #[test]
    fn who_logs_keeps_its_memory_to_itself() {
        init_logger();
        assert_eq!(rustix::process::dumpable_behavior().expect("asked"), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_chain_names_every_cause() {
        let inner = std::io::Error::other("disk gone");
        let outer = std::io::Error::other(inner);
        assert!(chain(&outer).contains("disk gone"));
    }
}
