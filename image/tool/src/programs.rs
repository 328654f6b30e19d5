//! Running other programs: their output goes to a log, its end to the person if something fails.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use ampoule_builder::Progress;
use anyhow::{Context, Result, bail};

use crate::{paths, show::Show};

/// What a program said and how it ended.
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) output: String,
    pub(crate) log: PathBuf,
}

/// Runs `command` as part of the stage `stage`. Each line of its output goes to the log and to `on_line`.
pub(crate) fn run(show: &Show, stage: &str, command: &mut Command, on_line: impl Fn(&str) + Sync) -> Result<Finished> {
    let (log, path) = open_log(stage)?;
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}; `./ampoule doctor` says what is missing"))?;
    let sink = Mutex::new((log, String::new()));
    let take = |line: &str| {
        if let Ok(mut sink) = sink.lock() {
            // A full disk shows itself where it matters.
            let _ = writeln!(sink.0, "{line}");
            sink.1.push_str(line);
            sink.1.push('\n');
        }
        show.line(stage, line);
        on_line(line);
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| each_line(stdout, &take));
        each_line(stderr, &take);
    });
    let status = child.wait().with_context(|| format!("cannot wait for {program}"))?;
    let output = sink.into_inner().map(|sink| sink.1).unwrap_or_default();
    Ok(Finished { success: status.success(), output, log: path })
}

/// The same, where failing is an error.
pub(crate) fn must(show: &Show, stage: &str, command: &mut Command) -> Result<String> {
    let finished = run(show, stage, command, |_| {})?;
    if !finished.success {
        let program = command.get_program().to_string_lossy().into_owned();
        bail!("{program} failed; its whole output is in {}", finished.log.display());
    }
    Ok(finished.output)
}

fn each_line(from: Option<impl Read>, take: &(impl Fn(&str) + Sync)) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        take(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}

fn open_log(stage: &str) -> Result<(File, PathBuf)> {
    let dir = paths::logs();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let path = dir.join(format!("{stage}.log"));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((file, path))
}
