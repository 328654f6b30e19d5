//! Proves a repository as a node would see it, and against what it should hold.

mod contents;

use std::path::Path;

use ampoule_update::{Manifest, Timestamp};
use anyhow::Result;
use tough::ExpirationEnforcement;

use crate::load::Source;
use crate::time;

const DAY: i64 = 86_400;

/// What is checked, and against what.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    /// Where the repository is.
    pub source: &'a Source,
    /// The text of the `root.json` that nodes have.
    pub root: &'a [u8],
    /// A folder in which what was seen is kept from check to check, so that a repository that went back is found.
    pub seen: Option<&'a Path>,
    /// What the manifest should be.
    pub expect: Option<&'a Manifest>,
    /// Warn if metadata expires within so many days.
    pub warn_days: i64,
    /// This moment.
    pub now: Timestamp,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nodes may refuse the repository or an image of it soon, or get it in another way than meant.
    Warning,
    /// Nodes refuse it, or it is not what was expected.
    Error,
}

/// Something that is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is, where, and what to do.
    pub text: String,
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Everything that is not right.
    pub findings: Vec<Finding>,
    /// What the repository offers, if that could be read.
    pub manifest: Option<Manifest>,
    /// Files whose length and hash were verified.
    pub verified: usize,
}

impl Report {
    /// Whether nodes take the repository and it is as expected.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.level < Level::Error)
    }

    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { level: Level::Error, text: text.into() });
    }

    pub(crate) fn warning(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { level: Level::Warning, text: text.into() });
    }

    /// Takes the good of a result; the bad becomes an error of the report.
    pub(crate) fn take<T>(&mut self, what: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.error(format!("{what}: {error:#}"))).ok()
    }
}

/// Checks everything and reports all that is wrong at once.
///
/// # Errors
/// Only what keeps the check itself from running, such as a full disk.
pub fn check(check: &Check) -> Result<Report> {
    crate::wait(run(check))
}

async fn run(check: &Check<'_>) -> Result<Report> {
    let mut report = Report::default();
    let strict = check.source.load(check.root, check.seen, ExpirationEnforcement::Safe).await;
    let loaded = match strict {
        Ok(repository) => Ok(repository),
        // Whatever else is wrong is to be found, too; what has expired is said below.
        Err(error) if is_expiry(&error) => check.source.load(check.root, check.seen, ExpirationEnforcement::Unsafe).await,
        Err(error) => Err(error),
    };
    let Some(repository) = report.take("nodes refuse the metadata", loaded) else { return Ok(report) };
    expiry(check, &repository, &mut report);
    contents::check(check, &repository, &mut report).await?;
    Ok(report)
}

fn is_expiry(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(tough::error::Error::ExpiredMetadata { .. }))
}

fn expiry(check: &Check, repository: &tough::Repository, report: &mut Report) {
    let ends = [
        ("root", repository.root().signed.expires, "publish rotate-root"),
        ("targets", repository.targets().signed.expires, "publish refresh"),
        ("snapshot", repository.snapshot().signed.expires, "publish refresh"),
        ("timestamp", repository.timestamp().signed.expires, "publish refresh"),
    ];
    for (role, end, remedy) in ends {
        let end = time::of_tuf(end);
        let left = end.seconds() - check.now.seconds();
        if left < 0 {
            report.error(format!("{role}.json has expired at {end}: `{remedy}` signs it anew"));
        } else if left < check.warn_days * DAY {
            report.warning(format!("{role}.json expires in {} days, at {end}: `{remedy}` signs it anew", left / DAY));
        }
    }
}
