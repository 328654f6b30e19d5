//! `check`: a settings file, by the node's own code and without a node.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use ampoule_api_cli::CliError;
use ampoule_settings::{Fragment, Layers, MAX_USER_DATA, Model, UserDataError, parse_user_data};
use clap::Args;

/// Which file.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// TOML with [settings] at its top, plain or gzip; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Says every error at once, each with its place. What an image has of all settings only its node knows.
pub(crate) fn run(args: &CheckArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), CliError> {
    let bytes = read(&args.file, input).map_err(|error| CliError::Input { source_name: args.file.clone(), reason: error.to_string() })?;
    let errors = errors(&bytes);
    if errors.is_empty() {
        writeln!(out, "{}: every setting is right", args.file)?;
        return Ok(());
    }
    let lines: Vec<String> = errors.into_iter().map(|error| format!("{}: {error}", args.file)).collect();
    Err(CliError::Failed(lines.join("\n")))
}

fn read(name: &str, input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut file;
    let source: &mut dyn Read = if name == "-" {
        input
    } else {
        file = File::open(name)?;
        &mut file
    };
    let mut bytes = Vec::new();
    source.take(MAX_USER_DATA as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn errors(bytes: &[u8]) -> Vec<String> {
    match parse_user_data(&Model::complete(), bytes) {
        Ok(chosen) => together(chosen).into_iter().map(|error| error.located_in(bytes).to_string()).collect(),
        Err(UserDataError::Settings(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn together(chosen: Fragment) -> Vec<ampoule_settings::SettingError> {
    Layers { chosen, ..Layers::default() }.settings().err().unwrap_or_default()
}
