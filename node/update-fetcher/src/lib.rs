//! Speaks with the network for the updater
//!
//! One connection is one request. Nothing is kept, nothing is decided: who asks verifies every byte.

mod agents;
mod fetch;
mod probe;
mod server;

use agents::Agents;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where things are, and how long is waited.
#[derive(Debug)]
pub struct Options {
    /// Where to listen.
    pub socket: PathBuf,
    /// The authorities that are trusted.
    pub certificates: PathBuf,
    /// Between two bytes: a server that is silent for so long has gone.
    pub silence: Duration,
    /// Time after which a server must have a rate.
    pub start: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            socket: ampoule_fetchwire::SOCKET.into(),
            certificates: "/etc/ssl/certs/ca-certificates.crt".into(),
            silence: Duration::from_secs(20),
            start: ampoule_fetchwire::START,
        }
    }
}

impl Options {
    /// A test's: the socket, the authorities, and the milliseconds of both times.
    #[must_use]
    pub fn of_test(socket: &Path, certificates: &Path, millis: u64) -> Self {
        let (silence, start) = (Duration::from_millis(millis), Duration::from_millis(millis));
        Self { socket: socket.to_owned(), certificates: certificates.to_owned(), silence, start }
    }
}

/// Answers for ever.
///
/// # Errors
/// It cannot listen, or takes no connection any more.
pub fn run(options: Options) -> io::Result<()> {
    let listener = server::listen(&options.socket)?;
    Err(server::serve(&listener, &Agents::new(options)))
}
