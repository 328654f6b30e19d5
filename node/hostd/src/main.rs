//! Runs the node's workloads through containerd: follows `/etc/ampoule/workloads.json`, read at the
//! start and on SIGHUP; on SIGTERM stops them all. Killed without that, it finds them again.

mod bring_up;
mod checks;
mod credentials;
mod engine;
mod error;
mod files;
mod fleet;
mod ground;
mod leftovers;
mod network;
mod options;
mod output;
mod quota;
mod register;
mod rootfs;
mod selinux;
mod status;
mod tree;
mod volumes;
mod worker;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use ampoule_workload::Workloads;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    engine::Engine,
    error::HostError,
    fleet::{Fleet, read_wanted},
    ground::Ground,
    network::Network,
    options::Options,
    quota::Quota,
    register::Register,
    status::Board,
};

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            log::error!("{error}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: Options) -> Result<(), HostError> {
    let mut reload = listen(SignalKind::hangup())?;
    let mut terminate = listen(SignalKind::terminate())?;
    files::make_folder(&options.run)?;
    let quota = Arc::new(Quota::open(&options.data, &options.volumes));
    let board = Board::new(Arc::clone(&quota));
    status::serve(&options.status, board.clone())?;
    let wanted = read_wanted(&options.workloads).await?;
    let ground = tokio::select! {
        ground = prepare(&options, &wanted, board, quota) => Arc::new(ground?),
        _ = terminate.recv() => return Ok(()),
    };
    checks::serve(Arc::clone(&ground))?;
    let mut fleet = Fleet::start(ground, wanted).await?;
    ampoule_report::ready();
    loop {
        tokio::select! {
            _ = reload.recv() => follow(&mut fleet, &options).await,
            _ = terminate.recv() => break,
        }
    }
    ampoule_report::notify("STOPPING=1");
    fleet.shut_down().await;
    Ok(())
}

async fn prepare(options: &Options, wanted: &Workloads, board: Board, quota: Arc<Quota>) -> Result<Ground, HostError> {
    let enabled = wanted.iter().filter(|(_, workload)| workload.enabled);
    let published: BTreeMap<_, _> = enabled.map(|(name, workload)| (name.clone(), workload.publish.clone())).collect();
    // The engine is still starting at this time of a boot.
    let (engine, network) = tokio::join!(Engine::connect(&options.containerd), Network::start(&options.run, published));
    let register = Register::open(&options.isolations, &engine.container_isolations().await?)?;
    let network = network?;
    Ok(Ground::new(options.clone(), engine, network, register, quota, board))
}

/// A file that cannot be read changes nothing: what runs goes on.
async fn follow(fleet: &mut Fleet, options: &Options) {
    match read_wanted(&options.workloads).await {
        Ok(wanted) => fleet.follow(wanted),
        Err(error) => log::error!("{error}; the workloads stay as they are"),
    }
}

fn listen(kind: SignalKind) -> Result<Signal, HostError> {
    signal(kind).map_err(HostError::file("listen for signals in", "/proc/self"))
}
