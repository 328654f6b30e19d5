//! Every command of the command line against the real program, with exactly what it prints and how it ends.

mod bottlerocket;
mod ours;
mod updates;

use ampoule_api_cli::{Arguments, CliError, Console, run_command};
use ampoule_api_client::Client;
use clap::Parser;
use serde_json::Value;

use crate::{
    harness::{Apid, Place},
    neighbours,
};

/// A running program with an `init` beside it.
pub(crate) fn node() -> (Place, neighbours::Init, Apid) {
    let place = Place::new();
    let init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    (place, init, apid)
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Types `line` (words divided by spaces) with this standard input.
pub(crate) fn type_with(client: &Client, line: &str, input: &str) -> Ended {
    type_words(client, &line.split(' ').collect::<Vec<_>>(), input)
}

/// Types `line` with nothing on standard input.
pub(crate) fn typed(client: &Client, line: &str) -> Ended {
    type_with(client, line, "")
}

/// Types words, which may hold spaces.
pub(crate) fn type_words(client: &Client, words: &[&str], input: &str) -> Ended {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = match Program::try_parse_from(["ampctl"].iter().chain(words)) {
        Ok(program) => {
            let mut console = Console { input: &mut input.as_bytes(), out: &mut out, err: &mut err };
            let Arguments { raw, telling, command } = &program.arguments;
            let result = run_command(client, command.as_ref(), raw, *telling, &|| Value::Null, &mut console);
            result.map_or_else(|error| said(&error, &mut err), |()| 0)
        }
        Err(usage) => {
            err.extend(usage.to_string().into_bytes());
            u8::try_from(usage.exit_code()).expect("a code")
        }
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code, out: text(out), err: text(err) }
}

fn said(error: &CliError, err: &mut Vec<u8>) -> u8 {
    err.extend(format!("{error}\n").into_bytes());
    error.exit_code()
}

/// A command that did its work and printed exactly this.
pub(crate) fn prints(out: &str) -> Ended {
    Ended { code: 0, out: out.to_owned(), err: String::new() }
}

/// A command that the node refused, or that did not come to what was asked.
pub(crate) fn fails(err: &str) -> Ended {
    Ended { code: 1, out: String::new(), err: format!("{err}\n") }
}
