//! `stop`: asks the program that runs a node to stop it.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::local::folder::NodeFolder;

/// Longer than the time a node gets before its power is cut.
const LIMIT: Duration = Duration::from_secs(90);

/// `./ampoule stop`.
pub(crate) fn run(name: &str) -> Result<()> {
    let folder = NodeFolder::named(name);
    let Some(record) = folder.running()? else {
        println!("No node runs here.");
        return Ok(());
    };
    // The lock is held, so the process that wrote the record lives: the number is not someone else's.
    let pid = i32::try_from(record.pid).ok().and_then(Pid::from_raw).context("the node's record names no process")?;
    kill_process(pid, Signal::TERM).context("cannot ask the program that runs the node to stop it")?;
    println!("Stopping the node …");
    let start = Instant::now();
    while folder.running()?.is_some() {
        if start.elapsed() > LIMIT {
            bail!("the node still runs after {} s (process {})", LIMIT.as_secs(), record.pid);
        }
        thread::sleep(Duration::from_millis(200));
    }
    println!("Stopped. The same `./ampoule run` continues where it was.");
    Ok(())
}
