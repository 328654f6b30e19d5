//! One stage of a build: its name, its log, and whom it tells.

use crate::progress::Progress;
use crate::request::StageFailed;
use anyhow::Context;
use std::path::PathBuf;

/// A named piece of work.
pub(crate) struct Stage<'a> {
    name: String,
    log: PathBuf,
    progress: &'a dyn Progress,
}

/// What a stage made, and whether it had to.
pub(crate) struct Made<T> {
    pub(crate) value: T,
    pub(crate) from_cache: bool,
}

impl<T> Made<T> {
    pub(crate) fn now(value: T) -> Self {
        Self { value, from_cache: false }
    }
}

impl Stage<'_> {
    /// Runs `work` as the stage `name`; an error comes back as [`StageFailed`] with its cause.
    pub(crate) fn run<T>(
        progress: &dyn Progress,
        cache: &crate::cache::Cache,
        name: &str,
        detail: &str,
        work: impl FnOnce(&Stage) -> anyhow::Result<Made<T>>,
    ) -> anyhow::Result<T> {
        let log = cache.log(name)?;
        let stage = Stage { name: name.to_owned(), log, progress };
        progress.stage_started(name, detail);
        let made = work(&stage).map_err(|e| stage.failed(e))?;
        progress.stage_done(name, made.from_cache);
        Ok(made.value)
    }

    fn failed(&self, cause: anyhow::Error) -> anyhow::Error {
        let log = Some(self.log.clone()).filter(|l| std::fs::metadata(l).is_ok_and(|m| m.len() > 0));
        cause.context(StageFailed { stage: self.name.clone(), log })
    }

    pub(crate) fn line(&self, line: &str) {
        self.progress.line(&self.name, line);
    }

    pub(crate) fn step(&self, done: u64, total: u64) {
        self.progress.stage_progress(&self.name, done, total);
    }

    pub(crate) fn notice(&self, text: &str) {
        self.progress.notice(text);
    }

    pub(crate) fn open_log(&self) -> anyhow::Result<std::fs::File> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log);
        log.with_context(|| format!("cannot write {}", self.log.display()))
    }
}
