//! What the tests read.

use std::{fs::File, io::Write};

/// Says how each attack went.
pub(crate) struct Report;

impl Report {
    /// The node did what it promises.
    pub(crate) fn ok(&mut self, line: &str) {
        eprintln!("<6>PROBE {line}");
    }

    /// A promise is broken.
    pub(crate) fn failed(&mut self, line: &str) {
        eprintln!("<3>PROBE FAILED {line}");
    }

    /// `outcome` must be an error: what was tried must not work.
    pub(crate) fn must_fail<T, E: std::fmt::Display>(&mut self, what: &str, outcome: Result<T, E>) {
        match outcome {
            Ok(_) => self.failed(&format!("{what}: it worked")),
            Err(error) => self.ok(&format!("{what}: {error}")),
        }
    }

    /// For a test that has no API to read the log with.
    pub(crate) fn on_console(&mut self, line: &str) {
        self.ok(line);
        if let Ok(mut console) = File::options().write(true).open("/dev/console") {
            let _ = writeln!(console, "PROBE {line}");
        }
    }
}
