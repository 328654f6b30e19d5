//! `check`: what a node would say to a file, said here, by the same code and without a node.

mod report;
mod user_data;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use ampoule_api_cli::OutputFormat;
use ampoule_settings::MAX_USER_DATA;
use anyhow::{Context, Result};

use crate::{
    cli::{CheckArgs, CheckWhat, UserDataArgs},
    paths,
    show::print,
};
use report::Report;
pub(crate) use user_data::{Defaults, all};

/// `./ampoule check …`. The exit code is 1 if anything is wrong.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    match &args.what {
        CheckWhat::UserData(args) => check_user_data(args),
    }
}

fn check_user_data(args: &UserDataArgs) -> Result<ExitCode> {
    let defaults = Defaults::of_variant(&paths::repo()?, &args.variant)?;
    let bytes = read(&args.file)?;
    let report = Report::new(args, &defaults.plan(&bytes));
    match args.output {
        OutputFormat::Table => print(&report.text())?,
        OutputFormat::Json => print(&(serde_json::to_string_pretty(&report).context("the report")? + "\n"))?,
    }
    Ok(if report.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file, or standard input for `-`; no more than what a node reads, and the one byte that shows there was more.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?),
    };
    let mut bytes = Vec::new();
    source.take(MAX_USER_DATA as u64 + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}
