//! The report, in the shapes of Bottlerocket's reporting.

use crate::{Check, Finding};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What a check found, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// As wanted.
    Pass,
    /// Not as wanted.
    Fail,
    /// A person must look.
    Skip,
}

/// Who does a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Mode {
    /// The node.
    Automatic,
    /// A person.
    Manual,
}

/// What a benchmark is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Where it is to be had.
    pub url: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entry {
    name: &'static str,
    id: &'static str,
    level: u8,
    title: &'static str,
    mode: Mode,
    status: Status,
    error: String,
}

/// All that was found. Serialises to Bottlerocket's JSON; `Display` is its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    level: u8,
    total: usize,
    passed: usize,
    skipped: usize,
    failed: usize,
    status: Status,
    timestamp: String,
    #[serde(flatten)]
    metadata: Metadata,
    results: BTreeMap<&'static str, Entry>,
}

impl Report {
    pub(crate) fn new(level: u8, timestamp: String, metadata: Metadata) -> Self {
        let (total, passed, skipped, failed) = (0, 0, 0, 0);
        Self { level, total, passed, skipped, failed, status: Status::Skip, timestamp, metadata, results: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, check: &Check, found: Finding) {
        self.total += 1;
        match found.status {
            Status::Pass => self.passed += 1,
            Status::Fail => self.failed += 1,
            Status::Skip => self.skipped += 1,
        }
        // Passed, if at least one check passed and none failed.
        self.status = match (self.failed, self.passed) {
            (0, 0) => Status::Skip,
            (0, _) => Status::Pass,
            _ => Status::Fail,
        };
        let Check { name, id, level, title, probe } = *check;
        let entry = Entry { name, id, level, title, mode: probe.mode(), status: found.status, error: found.error };
        self.results.insert(name, entry);
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, value) in [
            ("Benchmark name:", self.metadata.name),
            ("Version:", self.metadata.version),
            ("Reference:", self.metadata.url),
            ("Benchmark level:", &self.level.to_string()),
            ("Start time:", &self.timestamp),
        ] {
            writeln!(f, "{word:17}{value}")?;
        }
        f.write_char('\n')
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        for Entry { id, title, mode, status, .. } in self.results.values() {
            writeln!(f, "[{status}] {id:9} {title} ({mode:?})")?;
        }
        f.write_char('\n')?;
        let counts = [("Passed:", self.passed), ("Failed:", self.failed), ("Skipped:", self.skipped), ("Total checks:", self.total)];
        counts.iter().try_for_each(|(word, count)| writeln!(f, "{word:17}{count}"))?;
        // The space at the end is Bottlerocket's.
        writeln!(f, "\nCompliance check result: {} ", self.status)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Benchmark, Probe, System};

    struct Nothing;

    impl System for Nothing {
        fn read(&self, path: &str) -> Option<String> {
            (path == "/one").then(|| "1".to_owned())
        }

        fn mode(&self, _path: &str) -> Option<u32> {
            None
        }
    }

    const fn check(name: &'static str, level: u8, probe: Probe) -> Check {
        Check { name, id: "1.1", level, title: "A title", probe }
    }

    const CHECKS: &[Check] =
        &[check("a", 1, Probe::Values(&[("/one", &["1"])])), check("b", 1, Probe::Manual), check("c", 2, Probe::NotDone("not by design"))];
    const LIST: Benchmark = Benchmark { metadata: Metadata { name: "N", version: "v1", url: "https://u" }, checks: CHECKS };

    #[test]
    fn the_text_is_bottlerockets() {
        let text = LIST.run(&Nothing, 1, "2026-01-01T00:00:00Z".to_owned()).to_string();
        let wanted = "Benchmark name:  N\nVersion:         v1\nReference:       https://u\nBenchmark level: 1\n\
            Start time:      2026-01-01T00:00:00Z\n\n[PASS] 1.1       A title (Automatic)\n[SKIP] 1.1       A title (Manual)\n\n\
            Passed:          1\nFailed:          0\nSkipped:         1\nTotal checks:    2\n\nCompliance check result: PASS \n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_json_is_bottlerockets() {
        let report = LIST.run(&Nothing, 2, "T".to_owned());
        let json = serde_json::to_value(&report).expect("serialises");
        assert_eq!((&json["status"], &json["failed"], &json["total"]), (&"FAIL".into(), &1.into(), &3.into()));
        assert_eq!((&json["name"], &json["results"]["c"]["error"]), (&"N".into(), &"not by design".into()));
        assert_eq!((&json["results"]["a"]["mode"], &json["results"]["a"]["status"]), (&"Automatic".into(), &"PASS".into()));
    }

    #[test]
    fn one_failure_fails_the_whole() {
        assert_eq!(LIST.run(&Nothing, 1, String::new()).status, Status::Pass);
        assert_eq!(LIST.run(&Nothing, 2, String::new()).status, Status::Fail);
    }
}
