//! Command line of the node API: on the node's side of the socket, also installed as `apiclient`, or from afar.

mod arguments;
mod check;
mod completions;
mod context;
mod context_file;
mod pem;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ampoule_api_cli::{CliError, Console, run_command};
use ampoule_settings::Model;
use clap::Parser;

use crate::arguments::{Command, Program};

fn main() -> ExitCode {
    match run(&Program::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            error.hint().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(program: &Program) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match &program.command {
        Some(Command::Context(command)) => context::run(command, &mut out),
        Some(Command::Check(args)) => check::run(args, &mut io::stdin().lock(), &mut out),
        Some(Command::Completions { shell }) => completions::write(*shell, &mut out),
        Some(Command::Node(command)) => speak(program, Some(command), &mut out),
        None => speak(program, None, &mut out),
    }
}

fn speak(program: &Program, command: Option<&ampoule_api_cli::Command>, out: &mut dyn Write) -> Result<(), CliError> {
    let client = context::client(program.socket_path.as_deref(), program.context.as_deref())?;
    let mut console = Console { input: &mut io::stdin().lock(), out, err: &mut io::stderr() };
    let built_in = || Model::complete().schema();
    run_command(&client, command, &program.raw, program.telling, &built_in, &mut console)
}
