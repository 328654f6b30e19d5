//! How a long build tells what it is doing, without knowing who watches.

/// Receives what happens during a build. Called from one thread at a time, though not always the same one.
///
/// A stage is `started`, may report `progress` and `line`s, and ends in `done`; a stage that fails has no `done`,
/// the error of the build names it instead.
pub trait Progress: Sync {
    /// The stage `name` (stable, short, such as `kernel`) begins; `detail` says for a person what it works on.
    fn stage_started(&self, name: &str, detail: &str);
    /// `done` of about `total` steps of the stage have passed. `total` may grow.
    fn stage_progress(&self, name: &str, done: u64, total: u64);
    /// The stage ended well; `from_cache` says that nothing had to be made.
    fn stage_done(&self, name: &str, from_cache: bool);
    /// One line of the output of a tool that the stage runs.
    fn line(&self, name: &str, line: &str);
    /// Something a person must see, even when all goes well: an input that differs from the lock, for example.
    fn notice(&self, text: &str);
}

/// Says nothing; for tests and for callers that only want the result.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage_started(&self, _: &str, _: &str) {}
    fn stage_progress(&self, _: &str, _: u64, _: u64) {}
    fn stage_done(&self, _: &str, _: bool) {}
    fn line(&self, _: &str, _: &str) {}
    fn notice(&self, _: &str) {}
}
