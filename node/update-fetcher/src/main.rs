//! Speaks with the network for the updater

use ampoule_update_fetcher::{Options, run};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let words: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let options = match words.as_slice() {
        [socket, certificates, millis] => {
            Options::of_test(socket, certificates, millis.to_str().and_then(|text| text.parse().ok()).unwrap_or_default())
        }
        _ => Options::default(),
    };
    let socket = options.socket.clone();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}: {error}", socket.display());
            ExitCode::FAILURE
        }
    }
}
