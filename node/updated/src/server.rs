//! The command socket: one line in, one line out.

use crate::error::UpdateError;
use crate::updater::Updater;
use ampoule_update::Command;
use ampoule_update::command::{Answer, MAX_REQUEST, Refusal, RefusalCode, Request};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Conversations at once; who comes later comes again.
const AT_ONCE: usize = 8;
/// Who asks has its line ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until a restart, so that the answer to who asked for it arrives.
const BEFORE_REBOOT: Duration = Duration::from_secs(1);

/// Its folder is closed to all but those who may ask.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    ampoule_report::listen(path, 0o666)
}

/// Answers for ever.
pub(crate) fn serve(listener: &UnixListener, updater: &Arc<Updater>) -> io::Error {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => return error,
        };
        if count.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
            count.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (updater, count) = (Arc::clone(updater), Arc::clone(&count));
        std::thread::spawn(move || {
            // Who asked went away.
            drop(converse(stream, &updater));
            count.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn converse(mut stream: UnixStream, updater: &Arc<Updater>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    BufReader::new((&stream).take(MAX_REQUEST as u64)).read_until(b'\n', &mut line)?;
    let answer = match serde_json::from_slice(&line) {
        Ok(request) => answer(&request, updater),
        Err(error) => Answer::Refused(Refusal::new(RefusalCode::Failed, format!("this is no request: {error}"))),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)
}

fn answer(request: &Request, updater: &Arc<Updater>) -> Answer<Value> {
    let done = match request {
        Request::Status => return value(updater.status()),
        Request::Plan => return updater.plan().map_or_else(|error| Answer::Refused(updater.refusal(&error)), value),
        Request::Refresh => behind(updater, Command::Refresh),
        Request::Prepare => behind(updater, Command::Prepare),
        Request::Activate => now(updater, Command::Activate),
        Request::Deactivate => deactivate(updater),
        Request::Rollback => rollback(updater),
        Request::Forgive { version } => updater.forgive(version),
    };
    done.map_or_else(|error| Answer::Refused(updater.refusal(&error)), |()| Answer::Ok(Value::Null))
}

fn value(document: impl serde::Serialize) -> Answer<Value> {
    match serde_json::to_value(document) {
        Ok(value) => Answer::Ok(value),
        Err(error) => Answer::Refused(Refusal::new(RefusalCode::Failed, error.to_string())),
    }
}

/// Begins, and goes on behind whoever asked.
fn behind(updater: &Arc<Updater>, command: Command) -> Result<(), UpdateError> {
    // Whether it may begin is answered; the one who carries it out is told through the channel that it did.
    let (began, begun) = std::sync::mpsc::sync_channel(1);
    let worker = Arc::clone(updater);
    std::thread::spawn(move || match worker.begin(command) {
        Ok(_alone) => {
            drop(began.send(Ok(())));
            // Its end is in the status.
            drop(worker.carry_out(command));
        }
        Err(error) => drop(began.send(Err(error))),
    });
    begun.recv().unwrap_or(Err(UpdateError::Busy("another command")))
}

fn now(updater: &Arc<Updater>, command: Command) -> Result<(), UpdateError> {
    let _alone = updater.begin(command)?;
    updater.carry_out(command)
}

/// While an update is being prepared, that is what is given up.
fn deactivate(updater: &Arc<Updater>) -> Result<(), UpdateError> {
    if updater.runs() == Some("prepare") {
        updater.stop.store(true, Ordering::Relaxed);
        return Ok(());
    }
    now(updater, Command::Deactivate)
}

fn rollback(updater: &Arc<Updater>) -> Result<(), UpdateError> {
    let _alone = updater.alone("rollback")?;
    updater.rollback()?;
    let updater = Arc::clone(updater);
    std::thread::spawn(move || {
        std::thread::sleep(BEFORE_REBOOT);
        if let Err(error) = updater.reboot() {
            log::error!("{}", ampoule_report::chain(&error));
        }
    });
    Ok(())
}
