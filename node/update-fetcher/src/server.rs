//! The socket: one request for each connection, a few at once.

use crate::{agents::Agents, fetch, probe};
use ampoule_fetchwire::{Kind, MAX_LINE, Outcome, Request};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Requests at once. The updater has four ranges on their way; the rest is for probes beside them.
const AT_ONCE: usize = 8;
/// Who asks has its line ready, and takes the bytes as they come.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    ampoule_report::listen(path, 0o660)
}

/// How many requests are being served.
#[derive(Default)]
struct Served {
    count: Mutex<usize>,
    fewer: Condvar,
}

impl Served {
    fn enter(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = self.fewer.wait_while(count, |count| *count >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *count += 1;
    }

    fn leave(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.fewer.notify_one();
    }
}

pub(crate) fn serve(listener: &UnixListener, agents: &Agents) -> io::Error {
    ampoule_report::ready();
    let served = Served::default();
    std::thread::scope(|scope| {
        loop {
            served.enter();
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => return error,
            };
            let work = || {
                // Who asked went away, or takes nothing: it comes again.
                drop(answer(stream, agents));
                served.leave();
            };
            if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, work) {
                log::error!("Cannot serve a request: {error}");
                served.leave();
            }
        }
    })
}

fn answer(mut stream: UnixStream, agents: &Agents) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match Request::parse(&read_line(&stream)?) {
        Ok(Request::Fetch(wanted)) => fetch::answer(&wanted, agents, &mut stream),
        Ok(Request::Probe { probe }) => stream.write_all(&probe::outcome(&probe, agents).line()),
        Err(error) => stream.write_all(&Outcome::failed(Kind::Request, error.to_string()).line()),
    }
}

fn read_line(stream: &UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_LINE as u64)).read_until(b'\n', &mut line)?;
    Ok(line)
}
