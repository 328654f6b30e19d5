//! Client of the program that runs workloads.

use crate::places::Places;
use ampoule_api_types::v1::{WorkloadList, WorkloadState};
use ampoule_workload::check::{self, MAX_LINE, MAX_TIME, Outcome, Request};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A daemon of the node answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Beyond the time of a command: hostd says what went wrong before this is over.
const SLACK: Duration = Duration::from_secs(15);
/// Longest document that is read; a thousand workloads have half of it.
const MAX_STATUS: u64 = 1 << 20;

/// How each workload is.
pub(crate) fn workloads(places: &Places) -> io::Result<BTreeMap<String, WorkloadState>> {
    let stream = UnixStream::connect(places.below("/run/ampoule/hostd/status"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = Vec::new();
    stream.take(MAX_STATUS).read_to_end(&mut bytes)?;
    let list: WorkloadList = serde_json::from_slice(&bytes)?;
    Ok(list.workloads.into_iter().map(|workload| (workload.name, workload.state)).collect())
}

/// Has the command run that settings declare as this check; if it fails, why.
pub(crate) fn check(places: &Places, name: &str, limit: Duration) -> Result<(), String> {
    match ask(places, name, limit.min(MAX_TIME) + SLACK) {
        Ok(Outcome::Passed {}) => Ok(()),
        Ok(Outcome::Failed { reason }) => Err(reason),
        Err(error) => Err(format!("hostd cannot be asked to run it: {error}")),
    }
}

fn ask(places: &Places, name: &str, patience: Duration) -> io::Result<Outcome> {
    let mut stream = UnixStream::connect(places.below(check::SOCKET))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&check::line(&Request { check: name.to_owned() }))?;
    let mut line = Vec::new();
    BufReader::new(stream).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}
