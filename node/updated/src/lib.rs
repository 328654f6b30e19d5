//! Brings updates into the idle slot, tries them and goes back
//!
//! What to do is decided in `lib/update`. This program has the disk and no network; `update-fetcher` has the network and no disk, and is not trusted.
//!
//! The program is `main.rs`, which knows nothing but the node that it runs on. A library of its own, so that a test can give it another [`Machine`].

mod activate;
mod automatic;
mod boot;
mod boot_loader;
mod disk;
mod error;
mod esp;
mod fetcher;
mod fetching;
mod health;
mod hostd;
mod identity;
mod kernel_image;
mod machine;
mod patience;
mod places;
mod prepare;
mod progress;
mod repository;
mod server;
mod staged;
mod status;
mod transfer;
mod transport;
mod updater;

pub use machine::{Blocks, Machine, OpenDisk, Pace, ThisNode};

use places::Places;
use signal_hook::{consts::SIGHUP, iterator::Signals};
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use updater::Updater;

/// Serves until the end, and says why it ended.
pub fn serve(machine: impl Machine + 'static) -> ExitCode {
    match run(Places::new(Arc::new(machine))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", ampoule_report::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(places: Places) -> Result<(), Box<dyn Error>> {
    let listener = server::listen(&places.below(ampoule_update::command::SOCKET))?;
    let updater = Arc::new(Updater::new(places)?);
    let (changed, changes) = mpsc::channel();
    let mut signals = Signals::new([SIGHUP])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = changed.send(());
        }
    });
    let boot = Arc::clone(&updater);
    thread::spawn(move || {
        boot.settle();
        boot.by_itself(&changes);
    });
    ampoule_report::ready();
    Err(server::serve(&listener, &updater).into())
}
