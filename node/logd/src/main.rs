//! Log service
//!
//! Takes in the output of every service (pipes from init over descriptor 3), of workloads (lines from hostd on a
//! socket) and of the kernel; keeps it in bounded files; answers queries and followers; shows warnings on the console.
//! One loop takes in and writes, one thread per reader answers, one thread makes durable. What comes in is bytes of
//! anybody: nothing in it can stop the loop.

mod clock;
mod console;
mod denials;
mod draft;
mod followers;
mod ingest;
mod journal;
mod kernel;
mod pipes;
mod place;
mod readers;
mod records;
mod service;
mod store;
mod syncer;

use std::{io, path::Path, process::ExitCode};

use ampoule_logwire::Source;
use rustix::{fs::Mode, process::umask};

use console::Console;
use journal::{Journal, Writer};
use service::{Service, listen};

const QUERY_SOCKET: &str = "query.sock";
/// Read by nobody: whoever connects is told what the kernel refused.
const STATUS_SOCKET: &str = "status";
const INGEST_SOCKET: &str = "ingest.sock";
const KERNEL_MEMORY: &str = "kernel";
const RUN: &str = "/run/ampoule/logd";
/// SIGTERM and SIGINT (signal(7)).
const STOP_SIGNALS: [i32; 2] = [15, 2];

fn main() -> ExitCode {
    ampoule_report::init_logger();
    match start(Path::new(RUN), place::choose()).and_then(|service| {
        ampoule_report::ready();
        service.run()
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("the log service cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(run: &Path, place: store::Place) -> io::Result<Service> {
    umask(Mode::from_raw_mode(0o077));
    // Before any thread is started: threads inherit it.
    let stop = ampoule_sys::signals::signal_descriptor(&STOP_SIGNALS)?;
    std::fs::create_dir_all(run)?;
    let denials = denials::Denials::default();
    denials.clone().serve(&run.join(STATUS_SOCKET))?;
    let journal = Journal::new(store::Store::open(place), syncer::Syncer::start()?);
    Ok(Service {
        writer: Writer::new(journal.clone(), Console::open()),
        readers: readers::Readers::new(journal),
        queries: listen(&run.join(QUERY_SOCKET))?,
        ingest: listen(&run.join(INGEST_SOCKET))?,
        handover: pipes::Handover::inherited(),
        kernel: kernel::KernelLog::open(run.join(KERNEL_MEMORY), denials.clone()),
        denials,
        records: None,
        stop,
    })
}

/// The source of what this program itself has to say to a reader.
fn own_source() -> Source {
    "logd".parse().expect("a valid source")
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
