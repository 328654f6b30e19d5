//! Keeps the settings of the node and serves its API.

mod answer;
mod applies;
mod apply;
mod awaited;
mod boot;
mod certificates;
mod clock;
mod core;
mod engine;
mod events;
mod first_boot;
mod fitting;
mod generated;
mod generation;
mod health;
mod late_links;
mod listen;
mod lobby;
mod mark;
mod migration;
mod node;
mod options;
mod peer;
mod remote;
mod role;
mod routes;
mod start;
mod transactions;
mod tree;
mod trial;
mod updater;
mod user_data;

use crate::applies::Applies;
use crate::core::Core;
use crate::engine::Turn;
use crate::events::Events;
use crate::options::Options;
use ampoule_api_types::v1::EventKind;
use ampoule_report::{chain, init_logger};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Notify};

/// What every request can reach. Whoever needs both locks takes `turn` first.
pub(crate) struct Shared {
    /// Settings, generations and transactions.
    pub(crate) core: Mutex<Core>,
    /// Held while a change is decided and carried out, so that changes never mix.
    pub(crate) turn: Mutex<Turn>,
    /// What applies did.
    pub(crate) applies: Applies,
    /// What happened.
    pub(crate) events: Events,
    /// Something is on trial that was not before.
    pub(crate) wake: Notify,
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
    let shared = shared(options)?;
    let listener = listen::bind(&shared.options.socket)?;
    // A remote listener that cannot be opened is named and the local API comes up all the same: it is the way to mend it.
    if let Err(error) = remote::follow(&shared).await {
        log::error!("{}", chain(&error));
    }
    tokio::spawn(trial::supervise(Arc::clone(&shared)));
    tokio::spawn(generated::follow(Arc::clone(&shared)));
    tokio::spawn(late_links::follow(Arc::clone(&shared)));
    tokio::spawn(awaited::follow(Arc::clone(&shared)));
    tokio::spawn(updater::follow(Arc::clone(&shared)));
    tokio::spawn(certificates::watch(Arc::clone(&shared)));
    tokio::spawn(listen::serve_local(listener, Arc::clone(&shared)));
    ampoule_report::ready();
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

fn shared(options: Options) -> Result<Arc<Shared>, Box<dyn std::error::Error>> {
    let mut core = boot::open(&options)?;
    let turn = Mutex::new(start::put_in_force(&options, &mut core));
    let events = Events::default();
    events.tell(EventKind::Started { generation: core.generation() });
    let (core, wake, remote) = (Mutex::new(core), Notify::new(), remote::Remote::default());
    Ok(Arc::new(Shared { core, turn, applies: Applies::default(), events, wake, options, remote }))
}
