//! A small client of QEMU's control protocol: one JSON object per line, each way.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// QEMU answers in microseconds; a busy host may take seconds to schedule it.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Events kept; a guest that restarts for ever must not fill our memory.
const EVENT_LIMIT: usize = 4096;

/// Something QEMU told on its own.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A connection, with a thread that reads.
pub(crate) struct Qmp {
    writer: UnixStream,
    answers: Receiver<Value>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Qmp {
    /// Connects as soon as the socket is there; gives up after `limit`, or when `gone` says that QEMU has ended.
    pub(crate) fn connect(path: &Path, limit: Duration, mut gone: impl FnMut() -> bool) -> Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(_) if gone() => bail!("QEMU ended before it could be spoken to"),
                Err(error) if start.elapsed() > limit => {
                    return Err(error).with_context(|| format!("no control socket at {}", path.display()));
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut qmp = Self::over(stream)?;
        qmp.execute("qmp_capabilities", Value::Null)?;
        Ok(qmp)
    }

    fn over(stream: UnixStream) -> Result<Self> {
        let reader = BufReader::new(stream.try_clone().context("cannot share the control socket")?);
        let (send, answers) = channel();
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = events.clone();
        thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                if let Some(event) = as_event(&message) {
                    remember(&seen, event);
                } else if message.get("QMP").is_none() && send.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self { writer: stream, answers, events })
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut request = json!({ "execute": command });
        if !arguments.is_null() {
            request["arguments"] = arguments;
        }
        writeln!(self.writer, "{request}").with_context(|| format!("QEMU took no `{command}`: it has ended"))?;
        let answer = match self.answers.recv_timeout(ANSWER_LIMIT) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => bail!("QEMU gave no answer to `{command}`"),
            Err(RecvTimeoutError::Disconnected) => bail!("QEMU ended during `{command}`"),
        };
        match answer.get("return") {
            Some(value) => Ok(value.clone()),
            None => bail!("QEMU refused `{command}`: {}", answer["error"]["desc"]),
        }
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().map(|events| events.clone()).unwrap_or_default()
    }
}

fn as_event(message: &Value) -> Option<Event> {
    let name = message.get("event")?.as_str()?.to_owned();
    Some(Event { name, data: message.get("data").cloned().unwrap_or_default() })
}

fn remember(events: &Mutex<Vec<Event>>, event: Event) {
    if let Ok(mut events) = events.lock()
        && events.len() < EVENT_LIMIT
    {
        events.push(event);
    }
}
