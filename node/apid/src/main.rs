//! Keeps the settings of the node and serves its API.

mod answer;
mod apply;
mod boot;
mod clock;
mod core;
mod listen;
mod node;
mod options;
mod remote;
mod role;
mod routes;
mod tree;

use crate::core::Core;
use crate::options::Options;
use ampoule_report::{chain, init_logger};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// What every request can reach.
pub(crate) struct Shared {
    /// Settings and transactions; one request at a time changes them.
    pub(crate) core: tokio::sync::Mutex<Core>,
    /// The settings that files and services were last given. Held while a plan is made and carried out, so that of two
    /// changes the later one is also written later.
    pub(crate) applied: tokio::sync::Mutex<ampoule_settings::Settings>,
    /// Where things are.
    pub(crate) options: Options,
    /// The remote listener.
    pub(crate) remote: remote::Remote,
}

fn main() -> ExitCode {
    init_logger();
    match Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let core = boot::open(&options)?;
    apply::write_all(&options.root, core.settings())?;
    let listener = listen::bind(&options.socket)?;
    let applied = tokio::sync::Mutex::new(core.settings().clone());
    let shared = Arc::new(Shared { core: tokio::sync::Mutex::new(core), applied, options, remote: remote::Remote::default() });
    // A remote listener that cannot be opened is named and the local API comes up all the same: it is the way to mend it.
    if let Err(error) = remote::follow(&shared).await {
        log::error!("{}", chain(&error));
    }
    tokio::spawn(listen::serve_local(listener, Arc::clone(&shared)));
    ampoule_report::ready();
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}
