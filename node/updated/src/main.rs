//! Updates of the node that it runs on

use std::process::ExitCode;

fn main() -> ExitCode {
    ampoule_report::init_logger();
    if let Some(word) = std::env::args_os().nth(1) {
        log::error!("updated takes no arguments, and was given {word:?}: it works on the node that it runs on");
        return ExitCode::from(2);
    }
    ampoule_updated::serve(ampoule_updated::ThisNode)
}
