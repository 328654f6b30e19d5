//! Stand-ins for the programs that `apid` speaks to.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use ampoule_supervise::message::{Name, Phase, Refusal, Reply, Request, ServiceStatus, TimelineEntry};

/// A stand-in for `init`: what it was asked to do, in order, and how its services are.
#[derive(Clone, Default)]
pub(crate) struct Init(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    asked: Vec<Request>,
    services: BTreeMap<String, Service>,
}

struct Service {
    phase: Phase,
    restarts: u32,
    /// What it goes through after it is told, one at each look; the last one stays.
    when_told: Vec<Phase>,
    coming: VecDeque<Phase>,
}

impl Init {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("not poisoned")
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.inner().asked.clone()
    }

    pub(crate) fn has_reloaded(&self, service: &str) -> bool {
        self.reloads(service) > 0
    }

    pub(crate) fn reloads(&self, service: &str) -> usize {
        self.all().iter().filter(|request| matches!(request, Request::Reload(name) if name.as_str() == service)).count()
    }

    pub(crate) fn restarts(&self, service: &str) -> usize {
        self.all().iter().filter(|request| matches!(request, Request::Restart(name) if name.as_str() == service)).count()
    }

    /// One more service, running.
    pub(crate) fn has(&self, service: &str) {
        let running = Service { phase: Phase::Running, restarts: 0, when_told: Vec::new(), coming: VecDeque::new() };
        self.inner().services.insert(service.to_owned(), running);
    }

    /// What a service goes through each time it is told from now on.
    pub(crate) fn when_told(&self, service: &str, phases: &[Phase]) {
        self.inner().services.get_mut(service).expect("a service").when_told = phases.to_vec();
    }

    /// A service is so from now on; ending by itself counts.
    pub(crate) fn becomes(&self, service: &str, phase: Phase) {
        self.inner().services.get_mut(service).expect("a service").enter(phase);
    }
}

impl Service {
    fn enter(&mut self, phase: Phase) {
        self.restarts += u32::from(phase == Phase::BackingOff);
        self.phase = phase;
    }

    fn look(&mut self, name: &str) -> ServiceStatus {
        if let Some(next) = self.coming.pop_front() {
            self.enter(next);
        }
        let name = Name::new(name).expect("a name");
        ServiceStatus { name, phase: self.phase, pid: 42, restarts: self.restarts, since_ms: 900, ready_ms: 950 }
    }
}

/// An `init` with `hostd` and `netd`, both running.
pub(crate) fn init(path: &Path) -> Init {
    let init = Init::default();
    for name in ["hostd", "netd"] {
        let service = Service { phase: Phase::Running, restarts: 1, when_told: Vec::new(), coming: VecDeque::new() };
        init.inner().services.insert(name.to_owned(), service);
    }
    let own = init.clone();
    ampoule_test_support::init(path, move |bytes| answer(bytes, &mut own.inner()));
    init
}

fn answer(bytes: &[u8], init: &mut Inner) -> Reply {
    let Some(request) = Request::decode(bytes) else {
        return Reply::Refused(Refusal::Malformed);
    };
    match &request {
        Request::Service(index) => {
            let found = init.services.iter_mut().nth(usize::from(*index));
            return found.map_or(Reply::End, |(name, service)| Reply::Service(service.look(name)));
        }
        Request::Timeline(0) => {
            return Reply::Timeline(TimelineEntry { ms: 900, name: Name::new("netd").expect("a name"), phase: Phase::Running });
        }
        Request::Timeline(_) => return Reply::End,
        Request::Start(n) | Request::Stop(n) | Request::Restart(n) | Request::Reload(n) => match init.services.get_mut(n.as_str()) {
            Some(service) => service.coming = service.when_told.iter().copied().collect(),
            None => return Reply::Refused(Refusal::UnknownService),
        },
        Request::Reboot | Request::PowerOff => {}
    }
    init.asked.push(request);
    Reply::Done
}

/// A status socket: `document` to whoever connects.
pub(crate) fn status(path: &Path, document: &'static str) {
    make_parent(path);
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = (&stream).write_all(document.as_bytes());
        }
    });
}

/// A socket that answers one line with what `answer` makes of it.
pub(crate) fn lines(path: &Path, answer: impl Fn(&str) -> String + Send + 'static) {
    make_parent(path);
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let _ = (&stream).write_all(answer(line.trim()).as_bytes());
        }
    });
}

/// A log service that answers each query with `lines` and, when following, keeps the connection. The queries it saw.
pub(crate) fn logs(path: &Path, lines: &'static str) -> Arc<Mutex<Vec<String>>> {
    make_parent(path);
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

/// A web server that has one document, whatever is asked; its port.
pub(crate) fn web(document: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|size| size > 2) {
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", document.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(document.as_bytes()));
        }
    });
    port
}

/// Each program's sockets are in a folder of its own.
fn make_parent(path: &Path) {
    let folder = path.parent().expect("a path in a folder");
    std::fs::create_dir_all(folder).expect("a folder");
}
