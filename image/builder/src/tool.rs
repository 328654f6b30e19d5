//! Runs a program of the host with a fixed environment and keeps what it prints.

use crate::doctor;
use crate::stage::Stage;
use anyhow::Context;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program of the host about to run. Its environment holds only what a build needs, so that the settings of the
/// person who builds do not end up in the image.
pub(crate) struct Tool {
    name: &'static str,
    command: Command,
}

/// Variables that say where tools keep their things or how they reach their sources; none changes what they make.
const KEPT: &[&str] = &[
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOMODCACHE",
    "GOCACHE",
    "GOPROXY",
    "GONOSUMDB",
    "GOSUMDB",
    "GONOSUMCHECK",
    "GOPRIVATE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "CARGO_HTTP_CAINFO",
    "TMPDIR",
    "CARGO_BUILD_JOBS",
];

impl Tool {
    /// The program `name` of the host.
    pub(crate) fn new(name: &'static str) -> Self {
        let mut command = Command::new(doctor::program(name));
        command.env_clear().stdin(Stdio::null());
        command.envs(KEPT.iter().filter_map(|k| Some((k, std::env::var_os(k)?))));
        command.env("PATH", doctor::search_path_text()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        Self { name, command }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, variables: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        self.command.envs(variables);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it; each line it prints goes to the log of `stage` and, as it comes, to the person.
    pub(crate) fn run(self, stage: &Stage) -> anyhow::Result<()> {
        self.run_with(stage, |_| {})
    }

    /// As [`Tool::run`]; `seen` is given each line.
    pub(crate) fn run_with(mut self, stage: &Stage, mut seen: impl FnMut(&str)) -> anyhow::Result<()> {
        let mut log = stage.open_log()?;
        writeln!(log, "$ {:?}", self.command)?;
        let (reader, writer) = std::io::pipe()?;
        self.command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = self.command.spawn().with_context(|| self.not_started())?;
        // The command holds the writing end; while it lives the reader would never see the end of the output.
        drop(self.command);
        let mut lines = BufReader::new(reader).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line);
            writeln!(log, "{line}")?;
            stage.line(&line);
            seen(&line);
        }
        let status = child.wait()?;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Runs it and gives what it prints on its standard output; for short answers.
    pub(crate) fn output(mut self) -> anyhow::Result<String> {
        let output = self.command.stderr(Stdio::piped()).output().with_context(|| self.not_started())?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{} ended with {}: {}", self.name, output.status, complaint.trim());
        String::from_utf8(output.stdout).with_context(|| format!("{} printed bytes that are not text", self.name))
    }

    fn not_started(&self) -> String {
        format!("cannot start {}: `./ampoule doctor` names the package that has it", self.name)
    }
}

/// First line of what a tool says about its version that is not blank.
pub(crate) fn version_of(tool: &'static str, args: &[&str]) -> anyhow::Result<String> {
    let text = Tool::new(tool).args(args).output()?;
    Ok(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned())
}
