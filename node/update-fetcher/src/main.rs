//! Speaks with the network for the updater
//!
//! One connection is one request. Nothing is kept, nothing is decided: who asks verifies every byte.

mod agents;
mod fetch;
mod probe;
mod server;

use agents::Agents;
use ampoule_report::init_logger;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    init_logger();
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    // Tests give other places, and have less time.
    let socket = words.next().unwrap_or_else(|| ampoule_fetchwire::SOCKET.into());
    let certificates = words.next().unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".into());
    let silence = words.next().and_then(|ms| ms.to_str()?.parse().ok()).map_or(agents::SILENCE, Duration::from_millis);
    match server::listen(&socket) {
        Ok(listener) => server::serve(&listener, &Agents::new(certificates, silence)),
        Err(error) => {
            log::error!("Cannot listen on {}: {error}", socket.display());
            ExitCode::FAILURE
        }
    }
}
