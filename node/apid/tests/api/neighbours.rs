//! Stand-ins for the programs that `apid` speaks to.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use ampoule_supervise::message::{Name, Phase, REQUEST_SIZE, Refusal, Reply, Request, ServiceStatus, TimelineEntry};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, accept, bind, listen, recv, send, socket};

/// What `init` was asked to do, in order.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.lock().expect("not poisoned").clone()
    }

    pub(crate) fn has_reloaded(&self, service: &str) -> bool {
        self.all().iter().any(|request| matches!(request, Request::Reload(name) if name.as_str() == service))
    }
}

/// An `init` that knows `netd` alone.
pub(crate) fn init(path: &Path) -> Asked {
    let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
    bind(&listener, &SocketAddrUnix::new(path).expect("an address")).expect("bound");
    listen(&listener, 8).expect("listening");
    let asked = Asked::default();
    let seen = asked.clone();
    thread::spawn(move || {
        while let Ok(connection) = accept(&listener) {
            let mut bytes = [0; REQUEST_SIZE];
            while let Ok((REQUEST_SIZE, _)) = recv(&connection, &mut bytes[..], RecvFlags::empty()) {
                let reply = answer(&bytes, &seen);
                let _ = send(&connection, &reply.encode(), SendFlags::NOSIGNAL);
            }
        }
    });
    asked
}

fn answer(bytes: &[u8], seen: &Asked) -> Reply {
    let name = || Name::new("netd").expect("a name");
    let Some(request) = Request::decode(bytes) else {
        return Reply::Refused(Refusal::Malformed);
    };
    match &request {
        Request::Service(0) => {
            return Reply::Service(ServiceStatus {
                name: name(),
                phase: Phase::Running,
                pid: 42,
                restarts: 1,
                since_ms: 900,
                ready_ms: 950,
            });
        }
        Request::Timeline(0) => return Reply::Timeline(TimelineEntry { ms: 900, name: name(), phase: Phase::Running }),
        Request::Service(_) | Request::Timeline(_) => return Reply::End,
        Request::Start(n) | Request::Stop(n) | Request::Restart(n) | Request::Reload(n) if n.as_str() != "netd" => {
            return Reply::Refused(Refusal::UnknownService);
        }
        _ => {}
    }
    seen.0.lock().expect("not poisoned").push(request);
    Reply::Done
}

/// A status socket: `document` to whoever connects.
pub(crate) fn status(path: &Path, document: &'static str) {
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = (&stream).write_all(document.as_bytes());
        }
    });
}

/// A log service that answers each query with `lines` and, when following, keeps the connection. The queries it saw.
pub(crate) fn logs(path: &Path, lines: &'static str) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(path).expect("a socket");
    let queries = Arc::new(Mutex::new(Vec::new()));
    let seen = queries.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            thread::spawn(move || one_reader(stream, lines, &seen));
        }
    });
    queries
}

fn one_reader(mut stream: UnixStream, lines: &str, seen: &Mutex<Vec<String>>) {
    let mut query = String::new();
    let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
    let _ = reader.read_line(&mut query);
    let follow = query.contains("\"follow\":true");
    seen.lock().expect("not poisoned").push(query.trim().to_owned());
    let _ = stream.write_all(lines.as_bytes());
    if follow {
        // Ends when the reader goes.
        let _ = reader.read_line(&mut String::new());
        seen.lock().expect("not poisoned").push("gone".to_owned());
    }
}
