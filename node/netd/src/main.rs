//! Network daemon.
//!
//! One task per physical link, each with its own DHCP client and ear for router advertisements; what they learn is put together in [`state::State`], from which resolver file, host name and status come.

mod clock;
mod files;
mod kernel;
mod link;
mod links;
mod ndisc;
mod parser;
mod seen;
mod shelf;
mod state;
#[cfg(test)]
mod testkit;

use ampoule_report::{chain, init_logger, status};
use links::Links;
use parser::Parser;
use shelf::Shelf;
use state::State;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

/// How often new links are looked for. Links come by a person's hand or a cloud's: a second is soon.
const LOOK: Duration = Duration::from_secs(1);
/// Made by init; its group may read what is in it.
const RUN: &str = "/run/ampoule/netd";
const STATUS: &str = "/run/ampoule/netd/status";
/// Made by init.
const SHELF: &str = "/run/ampoule/netd/links";
/// Made by init, if there is a STATE.
const MEMORY: &str = "/state/netd";

fn main() -> ExitCode {
    init_logger();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut reload = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let kernel = kernel::Kernel::open()?;
    kernel.up("lo").await?;
    let state = Arc::new(State::new("/etc", RUN, tell_host_name));
    let shelf = Shelf::new(SHELF, MEMORY);
    files::physical_links().iter().for_each(|(name, _)| link::recall(name, &state, &shelf));
    state.reload();
    tokio::spawn(serve_status(status::bind(Path::new(STATUS))?, kernel.clone(), Arc::clone(&state)));
    let parser = Parser::at(ampoule_netmodel::parser::SOCKET);
    let mut links = Links::new(kernel, Arc::clone(&state), shelf, parser);
    links.follow(files::physical_links());
    // A lease is not waited for: a node without a network still has an API.
    ampoule_report::ready();
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => {
                state.retry();
                links.follow(files::physical_links());
            }
            _ = reload.recv() => state.reload(),
            // Addresses stay: a restart of this daemon is not a loss of the network.
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// init sets it: the right to do so is one to do far more.
fn tell_host_name(name: &str) -> std::io::Result<()> {
    ampoule_report::notify(&format!("HOSTNAME={name}"));
    Ok(())
}

async fn serve_status(listener: UnixListener, kernel: kernel::Kernel, state: Arc<State>) {
    let document = || async {
        let seen = kernel.seen().await.unwrap_or_else(|error| {
            log::warn!("{}", chain(&error));
            BTreeMap::new()
        });
        // Plain values always serialise.
        serde_json::to_vec(&state.status(&seen)).unwrap_or_default()
    };
    status::serve(listener, document).await;
}
