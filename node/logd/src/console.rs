//! Warnings and worse, for a person in front of the machine.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
};

use ampoule_logwire::Record;
use rustix::fs::OFlags;

/// Least important level shown: "warning".
const SHOWN_LEVEL: u8 = 4;
/// Lines at once, and lines each second after that. A serial line carries about 100 a second; a person reads fewer.
const BURST: u64 = 40;
const PER_SECOND: u64 = 10;
/// Characters of a line: three rows of a terminal.
const MAX_SHOWN: usize = 240;

/// Which lines go to the console: pure, the time comes with each record.
#[derive(Debug)]
pub(crate) struct Choice {
    tokens: u64,
    filled_ms: u64,
    suppressed: u64,
}

impl Choice {
    pub(crate) fn new() -> Self {
        Self { tokens: BURST, filled_ms: 0, suppressed: 0 }
    }

    /// What to print for `record`, if anything.
    pub(crate) fn lines_for(&mut self, record: &Record) -> Option<String> {
        // The kernel prints its own; workloads speak to their owners, not to who watches the machine.
        if record.level > SHOWN_LEVEL || record.source.is_kernel() || record.source.matches("workload/") {
            return None;
        }
        self.refill(record.monotonic_ms);
        if self.tokens == 0 {
            self.suppressed += 1;
            return None;
        }
        self.tokens -= 1;
        let note = match std::mem::take(&mut self.suppressed) {
            0 => String::new(),
            count => format!("logd: {count} more lines not shown here, see the log\r\n"),
        };
        Some(format!("{note}{}: {}\r\n", record.source, printable(&record.text)))
    }

    fn refill(&mut self, now_ms: u64) {
        let earned = now_ms.saturating_sub(self.filled_ms) * PER_SECOND / 1000;
        if earned > 0 {
            self.tokens = (self.tokens + earned).min(BURST);
            self.filled_ms = now_ms;
        }
    }
}

/// Nothing that could move a cursor or pass for another line.
fn printable(text: &str) -> String {
    text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { '\u{b7}' } else { c }).collect()
}

/// The console, if there is one.
#[derive(Debug)]
pub(crate) struct Console {
    choice: Choice,
    device: Option<File>,
}

impl Console {
    /// Without waiting for it: a console that nobody reads must not stop the log.
    pub(crate) fn open() -> Self {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let device = OpenOptions::new().write(true).custom_flags(flags as i32).open("/dev/console").ok();
        Self { choice: Choice::new(), device }
    }

    /// Shows what deserves it.
    pub(crate) fn show(&mut self, records: &[Record]) {
        let Some(device) = &mut self.device else {
            return;
        };
        for lines in records.iter().filter_map(|record| self.choice.lines_for(record)) {
            // A full console loses the line; the log has it.
            let _ = device.write_all(lines.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(source: &str, level: u8, text: &str, monotonic_ms: u64) -> Record {
        let source = source.parse().expect("source");
        Record { seq: 1, time_ms: 0, monotonic_ms, source, level, text: text.to_owned(), cut: false }
    }

    #[test]
    fn warnings_of_services_only() {
        let mut choice = Choice::new();
        assert_eq!(choice.lines_for(&record("apid", 4, "a\u{1b}[2J", 0)).as_deref(), Some("apid: a\u{b7}[2J\r\n"));
        for silent in [record("apid", 5, "x", 0), record("kernel", 1, "x", 0), record("workload/web", 0, "x", 0)] {
            assert_eq!(choice.lines_for(&silent), None);
        }
    }

    #[test]
    fn a_flood_is_counted() {
        let mut choice = Choice::new();
        let shown = (0..1000).filter(|_| choice.lines_for(&record("apid", 3, "x", 0)).is_some()).count();
        assert_eq!(shown as u64, BURST);
        let later = choice.lines_for(&record("apid", 3, "y", 1000)).expect("a second later");
        assert!(later.starts_with("logd: 960 more") && later.ends_with("apid: y\r\n"), "{later}");
    }
}
