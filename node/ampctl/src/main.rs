//! Command line of the node API, on the node's side of the socket; also installed as `apiclient`.

use std::{io, path::PathBuf, process::ExitCode};

use ampoule_api_cli::{Arguments, run};
use ampoule_api_client::{API_SOCKET, Client};
use clap::Parser;

/// Speaks to this node's API.
#[derive(Parser)]
#[command(name = "ampctl", version, about)]
struct Program {
    /// The API's socket
    #[arg(short, long, global = true, default_value = API_SOCKET)]
    socket_path: PathBuf,
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    let program = Program::parse();
    let client = Client::unix(&program.socket_path);
    let result = run(&client, &program.arguments, &mut io::stdin().lock(), &mut io::stdout().lock());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}
