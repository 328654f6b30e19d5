//! What a node is checked against when a person asks `report cis` or `report fips`.
//!
//! The checks are those of the CIS Bottlerocket Benchmark v1.0.0 (numbers, levels, titles), so that an auditor finds what the
//! benchmark names; each looks at the running system through [`System`]. The report has the shape and the text that
//! Bottlerocket's own reporting has.

mod benchmark;
mod check;
mod fips;
mod report;

pub use benchmark::BENCHMARK;
pub use check::{Check, Finding, Probe, System};
pub use fips::FIPS;
pub use report::{Metadata, Mode, Report, Status};

/// A list of checks with its name.
#[derive(Debug, Clone, Copy)]
pub struct Benchmark {
    /// What it is called, and where it is to be had.
    pub metadata: Metadata,
    /// In the order of the benchmark.
    pub checks: &'static [Check],
}

impl Benchmark {
    /// Does all checks up to `level` (1 or 2); `timestamp` (RFC 3339) is when.
    pub fn run(&self, system: &dyn System, level: u8, timestamp: String) -> Report {
        let mut report = Report::new(level, timestamp, self.metadata);
        for check in self.checks.iter().filter(|check| check.level <= level) {
            report.add(check, check.probe.look(system));
        }
        report
    }
}
