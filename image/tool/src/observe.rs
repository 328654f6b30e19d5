//! `ps`, `logs`, `console`, `ctl`: looking at a running node, and speaking to it.

use std::{
    fs::File,
    io::{self, Read, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

use ampoule_api_cli::{Arguments, OutputFormat, Shown, ShownLogs};
use ampoule_machine::strip_escapes;
use anyhow::{Context, Result};
use clap::{Args, FromArgMatches};

use crate::{
    cli::{ConsoleArgs, CtlArgs, NodeArgs, ShowLogsArgs},
    local::folder::NodeFolder,
};

/// `./ampoule ps`.
pub(crate) fn ps(args: &NodeArgs) -> Result<ExitCode> {
    let shown = Shown { output: OutputFormat::default() };
    speak(args, ampoule_api_cli::Command::Workloads(shown))
}

/// `./ampoule logs`.
pub(crate) fn logs(args: &ShowLogsArgs) -> Result<ExitCode> {
    let shown = Shown { output: OutputFormat::default() };
    speak(&args.node, ampoule_api_cli::Command::Logs(ShownLogs { lines: args.lines.clone(), shown }))
}

/// One command of the API's command line.
fn speak(node: &NodeArgs, command: ampoule_api_cli::Command) -> Result<ExitCode> {
    let raw = Arguments::augment_args(clap::Command::new("ctl")).get_matches_from(["ctl"]);
    let arguments = Arguments { command: Some(command), ..Arguments::from_arg_matches(&raw).context("no arguments")? };
    ctl(&CtlArgs { node: node.clone(), arguments })
}

/// `./ampoule console`.
pub(crate) fn console(args: &ConsoleArgs) -> Result<()> {
    let folder = NodeFolder::named(&args.node.name);
    let path = folder.console();
    let mut file = File::open(&path).with_context(|| format!("no console log at {}; has the node been run?", path.display()))?;
    let mut out = io::stdout().lock();
    loop {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).context("cannot read the console log")?;
        let text = strip_escapes(&String::from_utf8_lossy(&bytes));
        let closed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err();
        if closed || !args.follow || (bytes.is_empty() && folder.running()?.is_none()) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// `./ampoule ctl …`.
pub(crate) fn ctl(args: &CtlArgs) -> Result<ExitCode> {
    let client = NodeFolder::named(&args.node.name).client()?;
    let result = ampoule_api_cli::run(&client, &args.arguments, &mut io::stdin().lock(), &mut io::stdout().lock());
    match result {
        Err(error) if !error.is_closed_pipe() => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(error.exit_code()))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
