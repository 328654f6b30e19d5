//! What every program of the node says, and how: log lines, error chains, to `init` that it is ready, and its status to whoever asks.
//!
//! A line goes to standard error with its level in front as `<N>` (syslog numbers, as `sd-daemon(3)` has them) and no time: the log service stamps it.

mod notify;
mod socket;
#[cfg(feature = "status")]
pub mod status;

pub use notify::{notify, ready};
pub use socket::listen;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

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

/// Sends the `log` macros of this program to standard error. Call it once, first in `main`; a second call does nothing.
pub fn init_logger() {
    static LOGGER: StderrLogger = StderrLogger;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
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
    fn a_chain_names_every_cause() {
        let inner = std::io::Error::other("disk gone");
        let outer = std::io::Error::other(inner);
        assert!(chain(&outer).contains("disk gone"));
    }
}
