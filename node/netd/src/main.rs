//! Network daemon.
//!
//! One task per physical link, each with its own DHCP client; what they learn is put together in [`state::State`], from which resolver file, host name and status come.

mod files;
mod kernel;
mod link;
mod state;
mod status;

use ampoule_report::{chain, init_logger};
use state::State;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often new links are looked for. Links come by a person's hand or a cloud's: a second is soon.
const LOOK: Duration = Duration::from_secs(1);

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
    let state = Arc::new(State::new("/etc", |name| Ok(rustix::system::sethostname(name.as_bytes())?)));
    state.reload();
    tokio::spawn(status::serve(status::bind()?, Arc::clone(&state)));
    let mut links = BTreeMap::new();
    follow_links(&mut links, &kernel, &state);
    // A lease is not waited for: a node without a network still has an API.
    ampoule_report::ready();
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => {
                state.retry();
                follow_links(&mut links, &kernel, &state);
            }
            _ = reload.recv() => state.reload(),
            // Addresses stay: a restart of this daemon is not a loss of the network.
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// A task for each link that came; those of links that went end.
fn follow_links(links: &mut BTreeMap<String, tokio::task::JoinHandle<()>>, kernel: &kernel::Kernel, state: &Arc<State>) {
    let there = files::physical_links();
    links.retain(|name, task| {
        let stays = there.contains(name) && !task.is_finished();
        if !stays {
            task.abort();
            state.forget(name);
        }
        stays
    });
    for name in there {
        links.entry(name.clone()).or_insert_with(|| tokio::spawn(link::live(name, kernel.clone(), Arc::clone(state))));
    }
}
