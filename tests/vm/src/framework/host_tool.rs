//! The host tool as a person has it: started with words, judged by what it prints and leaves behind.

use std::{
    fs::{self, File},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use ampoule_machine::strip_escapes;
use anyhow::{Context as _, Result, ensure};

use super::{eventually, within};

/// Longest that one command may take, in seconds: a node boots and serves in half a minute under emulation, and others run beside it.
const LIMIT: u32 = 300;

/// A host tool with a state folder of its own.
pub(crate) struct HostTool {
    program: PathBuf,
    repo: PathBuf,
    cache: PathBuf,
    state: PathBuf,
    temporary: tempfile::TempDir,
    guard: Option<(Child, ChildStdin)>,
}

impl HostTool {
    /// `cache` is the builder's; the demo's program lies compiled in it. State goes to `folder`.
    pub(crate) fn new(program: PathBuf, repo: PathBuf, cache: PathBuf, folder: &Path) -> Result<Self> {
        let temporary = tempfile::Builder::new().prefix("host-tool-").tempdir()?;
        let mut tool = Self { program, repo, cache, state: folder.join("state"), temporary, guard: None };
        // Whoever starts a node with --detach leaves it to itself; this shell stops it, however this program ends.
        let mut guard = tool.environment(Command::new("sh"));
        guard.args(["-c", "read -r _; exec \"$0\" stop"]).arg(&tool.program).process_group(0);
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("sh")?;
        let held = guard.stdin.take().context("the guard has no input")?;
        tool.guard = Some((guard, held));
        Ok(tool)
    }

    fn environment(&self, mut command: Command) -> Command {
        command.env("XDG_STATE_HOME", &self.state).env("TMPDIR", self.temporary.path()).env("AMPOULE_REPO", &self.repo);
        command.env("AMPOULE_CACHE", &self.cache).env("CARGO_TARGET_DIR", self.cache.join("target-demo"));
        command
    }

    /// What the command prints, if it ends well.
    pub(crate) fn does(&self, words: &[&str]) -> Result<String> {
        let (code, said) = self.says(words)?;
        ensure!(code == Some(0), "{words:?} ended with {code:?}:\n{said}");
        Ok(said)
    }

    /// What the command prints, if it ends as it does when something is wrong.
    pub(crate) fn refuses(&self, words: &[&str]) -> Result<String> {
        let (code, said) = self.says(words)?;
        ensure!(code.is_some_and(|code| (1..100).contains(&code)), "{words:?} ended with {code:?}:\n{said}");
        Ok(said)
    }

    fn says(&self, words: &[&str]) -> Result<(Option<i32>, String)> {
        let mut command = self.environment(Command::new("timeout"));
        command.arg("--kill-after=60").arg(LIMIT.to_string()).arg(&self.program).args(words);
        let output = command.stdin(Stdio::null()).output().context("timeout (Debian package coreutils)")?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), strip_escapes(&String::from_utf8_lossy(&said))))
    }

    /// Starts a command that stays, with what it prints in `log`.
    pub(crate) fn starts(&self, words: &[&str], log: &Path) -> Result<Child> {
        let file = File::create(log)?;
        let mut command = self.environment(Command::new(&self.program));
        command.args(words).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn().context("the host tool")
    }

    /// The folder of the node without a name.
    pub(crate) fn node(&self) -> PathBuf {
        self.state.join("ampoule/nodes/default")
    }

    /// Nothing runs any more that it has started, nothing lies where things lie for a moment, and the disk is whole.
    pub(crate) fn has_left_nothing(&self) -> Result<()> {
        eventually("all its processes are gone", within(10), || {
            let left = self.processes();
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })?;
        let temporary = names(self.temporary.path())?;
        ensure!(temporary.is_empty(), "{temporary:?} lies in the folder for temporary files");
        let half = names(&self.node())?.into_iter().filter(|name| name.starts_with('.')).collect::<Vec<_>>();
        ensure!(half.is_empty(), "{half:?} was not finished");
        let check = Command::new("qemu-img").args(["check", "-q"]).arg(self.node().join("disk.qcow2")).output().context("qemu-img")?;
        ensure!(check.status.success(), "the disk: {}", String::from_utf8_lossy(&check.stdout));
        Ok(())
    }

    /// Programs that were started with its state folder, as `NUMBER: NAME`.
    fn processes(&self) -> Vec<String> {
        let guard = self.guard.as_ref().map_or(0, |(guard, _)| guard.id()).to_string();
        let state = [b"XDG_STATE_HOME=", self.state.as_os_str().as_bytes()].concat();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let theirs = all.filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            entry.file_name() != *guard && environment.split(|byte| *byte == 0).any(|variable| variable == state)
        });
        let name = |folder: PathBuf| fs::read_to_string(folder.join("comm")).unwrap_or_default();
        theirs.map(|entry| format!("{}: {}", entry.file_name().display(), name(entry.path()).trim())).collect()
    }
}

impl Drop for HostTool {
    fn drop(&mut self) {
        if let Some((mut guard, held)) = self.guard.take() {
            drop(held);
            // It has its own limit, and after it the machine's power is cut.
            let _ = guard.wait();
        }
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}
