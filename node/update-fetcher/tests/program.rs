//! The real program, against servers that are well, that cannot do much, and that lie.

use ampoule_fetchwire::{Fetch, Kind, Outcome, Probe, Range, Request};
use ampoule_test_support::{end, in_own_mounts, name_server, under_list};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SILENCE: Duration = Duration::from_millis(700);

struct Fetcher {
    place: tempfile::TempDir,
    child: Child,
}

impl Fetcher {
    fn start(authorities: &str) -> Self {
        Self::start_as(authorities, |mut command| {
            under_list(&mut command, "update-fetcher");
            command
        })
    }

    /// As `changed` makes its command.
    fn start_as(authorities: &str, changed: impl FnOnce(Command) -> Command) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let certificates = place.path().join("ca.crt");
        std::fs::write(&certificates, authorities).expect("written");
        let socket = place.path().join("socket");
        let mut command = Command::new(env!("CARGO_BIN_EXE_update-fetcher"));
        command.args([socket.as_os_str(), certificates.as_os_str()]).arg(SILENCE.as_millis().to_string());
        let mut command = changed(command);
        let child = command.spawn().expect("started");
        let started = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "it never listened");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { place, child }
    }

    /// The outcome, and the bytes until the end.
    fn ask(&self, line: &[u8]) -> (Outcome, Vec<u8>) {
        ask(&self.place.path().join("socket"), line)
    }

    fn fetch(&self, url: &str, range: Option<(u64, u64)>, limit: u64) -> (Outcome, Vec<u8>) {
        let range = range.map(|(offset, length)| Range { offset, length });
        let fetch = Fetch { url: url.to_owned(), range, limit, proxy: None, no_proxy: String::new() };
        self.ask(&Request::Fetch(fetch).line())
    }

    fn kind(&self, url: &str, range: Option<(u64, u64)>, limit: u64) -> Kind {
        match self.fetch(url, range, limit) {
            (Outcome::Failed { kind, .. }, rest) if rest.is_empty() => kind,
            other => panic!("{url}: not refused: {other:?}"),
        }
    }

    fn probe(&self, probe: Probe) -> Outcome {
        self.ask(&Request::Probe { probe }.line()).0
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn ask(socket: &Path, line: &[u8]) -> (Outcome, Vec<u8>) {
    let mut stream = UnixStream::connect(socket).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream.write_all(line).expect("sent");
    let mut reader = BufReader::new(stream);
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    reader.read_until(b'\n', &mut first).expect("answered");
    reader.read_to_end(&mut rest).expect("closed");
    (Outcome::parse(&first).expect("an outcome"), rest)
}

fn ok(length: u64) -> Outcome {
    Outcome::Ok { length: Some(length) }
}

/// A server that answers each connection with what `answer` does with the head of its request; its address.
fn server(answer: impl Fn(&str, &mut dyn Write) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let head = head(&mut stream);
                answer(&head, &mut stream);
            });
        }
    });
    address
}

fn head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length > 0) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn reply(out: &mut dyn Write, status: &str, headers: &str, body: &[u8]) {
    let _ = write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").and_then(|()| out.write_all(body));
}

fn file() -> Vec<u8> {
    (0..100_000_u32).map(|i| (i % 251) as u8).collect()
}

/// The path of a request.
fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// The range that a request asks for.
fn asked(head: &str) -> Option<(usize, usize)> {
    let line = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned))?;
    let (first, last) = line.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn good(head: &str, out: &mut dyn Write) {
    let file = file();
    match (path(head), asked(head)) {
        ("/file", None) => reply(out, "200 OK", &format!("Content-Length: {}\r\n", file.len()), &file),
        ("/file", Some((first, last))) => {
            let part = &file[first..=last];
            let headers = format!("Content-Length: {}\r\nContent-Range: bytes {first}-{last}/{}\r\n", part.len(), file.len());
            reply(out, "206 Partial Content", &headers, part);
        }
        ("/chunked", _) => reply(out, "200 OK", "Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        (hop, _) if hop.starts_with("/hop") => {
            let left: u32 = hop[4..].parse().unwrap_or_default();
            let to = if left == 0 { "/file".to_owned() } else { format!("/hop{}", left - 1) };
            reply(out, "302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"), b"");
        }
        _ => reply(out, "404 Not Found", "Content-Length: 0\r\n", b""),
    }
}

#[test]
fn a_good_server_brings_files_and_parts_of_them() {
    let (fetcher, address) = (Fetcher::start(""), server(good));
    let url = |path: &str| format!("http://{address}{path}");
    assert_eq!(fetcher.fetch(&url("/file"), None, 100_000), (ok(100_000), file()));
    assert_eq!(fetcher.fetch(&url("/file"), Some((4096, 8192)), 8192), (ok(8192), file()[4096..12_288].to_vec()));
    assert_eq!(fetcher.fetch(&url("/chunked"), None, 100), (Outcome::Ok { length: None }, b"abcde".to_vec()));
    assert_eq!(fetcher.fetch(&url("/hop2"), None, 100_000).0, ok(100_000));
    assert_eq!(fetcher.kind(&url("/hop3"), None, 100_000), Kind::Answer);
    assert_eq!(fetcher.kind(&url("/none"), None, 1), Kind::NotFound);
    assert_eq!(fetcher.kind(&url("/file"), None, 99_999), Kind::TooLong);
}

/// By the C library, which asks in more than one way.
#[test]
fn names_are_looked_up() {
    let Some(names) = name_server() else { return };
    let place = tempfile::tempdir().expect("a folder");
    let resolver = place.path().join("resolv.conf");
    std::fs::write(&resolver, format!("nameserver {names}\noptions timeout:1 attempts:1\n")).expect("written");
    let script = format!("mount --bind {} /etc/resolv.conf", resolver.display());
    let fetcher = Fetcher::start_as("", |command| in_own_mounts(&script, &command, "update-fetcher"));
    let address = server(good);
    let port = address.rsplit(':').next().expect("a port");
    for name in ["mirror.example", "long.example"] {
        assert_eq!(fetcher.fetch(&format!("http://{name}:{port}/file"), None, 100_000), (ok(100_000), file()), "{name}");
    }
    assert_eq!(fetcher.kind(&format!("http://nobody.example:{port}/file"), None, 100_000), Kind::Unreachable);
}

#[test]
#[ignore = "becomes the program in `names_are_looked_up`"]
fn become_program() {
    ampoule_test_support::become_program();
}

#[test]
fn a_server_that_lies_or_cannot_is_told_apart() {
    let fetcher = Fetcher::start("");
    let address = server(|head, out| match path(head) {
        "/whole" => reply(out, "200 OK", "Content-Length: 5\r\n", b"whole"),
        "/other" => reply(out, "206 Partial Content", "Content-Length: 4\r\nContent-Range: bytes 8-11/99\r\n", b"othe"),
        "/silent-range" => reply(out, "206 Partial Content", "Content-Length: 4\r\n", b"what"),
        "/longer" => reply(out, "206 Partial Content", "Content-Length: 9\r\nContent-Range: bytes 0-3/99\r\n", b"longerlon"),
        "/short" => reply(out, "200 OK", "Content-Length: 100\r\n", b"short"),
        "/endless" => {
            reply(out, "200 OK", "", b"");
            while out.write_all(&[b'x'; 4096]).is_ok() {}
        }
        "/noise" => drop(out.write_all(&[0xff; 100])),
        "/headers" => {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\n");
            while out.write_all(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").is_ok() {}
        }
        "/away" => reply(out, "302 Found", "Location: ftp://127.0.0.1/x\r\nContent-Length: 0\r\n", b""),
        "/never" => reply(out, "418 No", "Content-Length: 0\r\n", b""),
        "/416" => reply(out, "416 No", "Content-Length: 0\r\n", b""),
        "/429" => reply(out, "429 No", "Content-Length: 0\r\nRetry-After: 17\r\n", b""),
        "/503" => reply(
            out,
            "503 No",
            "Content-Length: 0\r\nDate: Fri, 31 Dec 1999 23:59:17 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
            b"",
        ),
        // By the node's clock that is long over.
        "/504" => reply(out, "504 No", "Content-Length: 0\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", b""),
        "/502" => reply(out, "502 No", "Content-Length: 0\r\nRetry-After: soon\r\n", b""),
        "/501" => reply(out, "501 No", "Content-Length: 0\r\nRetry-After: 9\r\n", b""),
        _ => reply(out, "500 No", "Content-Length: 0\r\n", b""),
    });
    let url = |path: &str| format!("http://{address}{path}");
    assert_eq!(fetcher.kind(&url("/whole"), Some((0, 4)), 4), Kind::NoRanges);
    for path in ["/other", "/silent-range", "/longer", "/416"] {
        assert_eq!(fetcher.kind(&url(path), Some((0, 4)), 4), Kind::OtherRange, "{path}");
    }
    // What may pass is told from what will not, with the time that the server wants to be left alone.
    let (busy, faulty) = (Kind::Busy, Kind::Faulty);
    for (path, what, when) in [
        ("/429", busy, Some(17)),
        ("/503", busy, Some(42)),
        ("/504", busy, Some(0)),
        ("/502", busy, None),
        ("/501", faulty, Some(9)),
        ("/500", faulty, None),
    ] {
        let (outcome, _) = fetcher.fetch(&url(path), Some((0, 4)), 4);
        let told = matches!(outcome, Outcome::Failed { kind, retry_after, .. } if kind == what && retry_after == when);
        assert!(told, "{path}: {outcome:?}");
    }
    assert_eq!(fetcher.kind(&url("/416"), None, 4), Kind::Answer, "there was no range");
    // What was promised does not come: whoever asked finds the end too early.
    assert_eq!(fetcher.fetch(&url("/short"), None, 100), (ok(100), b"short".to_vec()));
    let (outcome, bytes) = fetcher.fetch(&url("/endless"), None, 50_000);
    assert_eq!((outcome, bytes.len()), (Outcome::Ok { length: None }, 50_001), "one more than may be, so that it shows");
    for path in ["/noise", "/headers", "/away", "/never"] {
        assert!(matches!(fetcher.kind(&url(path), None, 100), Kind::Answer | Kind::Unreachable), "{path}");
    }
    assert_eq!(fetcher.kind("http://127.0.0.1:1/", None, 100), Kind::Unreachable);
    for line in [&b"{}\n"[..], b"GET / HTTP/1.1\n", b"{\"url\":\"file:///etc/passwd\",\"limit\":9}\n", &[b'x'; 8192]] {
        assert!(matches!(fetcher.ask(line).0, Outcome::Failed { kind: Kind::Request, .. }));
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let fetcher = Fetcher::start("");
    let address = server(|head, out| {
        if path(head) == "/middle" {
            reply(out, "200 OK", "Content-Length: 100\r\n", b"begun");
        }
        if path(head) == "/drops" {
            reply(out, "200 OK", "Content-Length: 100000\r\n", b"");
            while out.write_all(b"x").is_ok() {
                std::thread::sleep(SILENCE / 4);
            }
        }
        std::thread::sleep(Duration::from_secs(60));
    });
    let started = Instant::now();
    assert_eq!(fetcher.kind(&format!("http://{address}/start"), None, 100), Kind::TooSlow);
    assert_eq!(fetcher.fetch(&format!("http://{address}/middle"), None, 100), (ok(100), b"begun".to_vec()));
    let (outcome, bytes) = fetcher.fetch(&format!("http://{address}/drops"), None, 100_000);
    assert!(outcome == ok(100_000) && bytes.len() < 50, "{outcome:?} {}", bytes.len());
    assert!(started.elapsed() >= SILENCE && started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn more_requests_than_are_served_at_once_wait_for_their_turn() {
    let fetcher = Fetcher::start("");
    let (now, most) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let seen = Arc::clone(&most);
    let address = server(move |_, out| {
        let count = {
            let mut now = now.lock().expect("lock");
            *now += 1;
            *now
        };
        let mut most = most.lock().expect("lock");
        *most = count.max(*most);
        drop(most);
        std::thread::sleep(Duration::from_millis(300));
        *now.lock().expect("lock") -= 1;
        reply(out, "200 OK", "Content-Length: 1\r\n", b"x");
    });
    let url = format!("http://{address}/");
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..20).map(|_| scope.spawn(|| fetcher.fetch(&url, None, 1))).collect();
        all.into_iter().for_each(|one| assert_eq!(one.join().expect("no panic"), (ok(1), b"x".to_vec())));
    });
    let seen = *seen.lock().expect("lock");
    assert!((2..=8).contains(&seen), "{seen} at once");
}

/// A server that speaks TLS with a certificate of its own; its port and the certificate.
fn tls_server() -> (u16, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let head = head(&mut stream);
            match path(&head) {
                "/down" => reply(&mut stream, "302 Found", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n", b""),
                _ => good(&head, &mut stream),
            }
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (port, cert.pem())
}

#[test]
fn tls_is_with_servers_that_the_node_trusts_and_a_redirect_does_not_lead_out_of_it() {
    let ((port, authority), (other, _)) = (tls_server(), tls_server());
    let fetcher = Fetcher::start(&authority);
    let (outcome, bytes) = fetcher.fetch(&format!("https://localhost:{port}/file"), Some((1, 9)), 9);
    assert_eq!((outcome, bytes), (ok(9), file()[1..10].to_vec()));
    assert_eq!(fetcher.kind(&format!("https://localhost:{other}/file"), None, 100_000), Kind::Unreachable);
    assert_eq!(fetcher.kind(&format!("https://localhost:{port}/down"), None, 100), Kind::Answer);
}

#[test]
fn tls_goes_through_the_proxy_that_is_named_and_past_it_for_those_that_need_none() {
    let (port, authority) = tls_server();
    let fetcher = Fetcher::start(&authority);
    let used = Arc::new(Mutex::new(Vec::new()));
    let proxy = proxy(Arc::clone(&used));
    let ask_by = |no_proxy: &str| {
        let url = format!("https://localhost:{port}/file");
        let fetch = Fetch { url, range: None, limit: 100_000, proxy: Some(format!("http://{proxy}")), no_proxy: no_proxy.into() };
        assert_eq!(fetcher.ask(&Request::Fetch(fetch).line()), (ok(100_000), file()));
    };
    ask_by("elsewhere.example");
    assert_eq!(*used.lock().expect("lock"), [format!("CONNECT localhost:{port} HTTP/1.1")]);
    ask_by("elsewhere.example,localhost");
    assert_eq!(used.lock().expect("lock").len(), 1);
}

fn proxy(used: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let head = head(&mut client);
            used.lock().expect("lock").push(head.lines().next().unwrap_or_default().to_owned());
            let server = TcpStream::connect(path(&head)).expect("the server");
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("answered");
            let (mut from, mut to) = (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || std::io::copy(&mut { server }, &mut { client }));
        }
    });
    address
}

#[test]
fn probes_tell_what_answers() {
    let fetcher = Fetcher::start("");
    let address = server(|head, out| match path(head) {
        "/well" => reply(out, "204 No Content", "", b""),
        "/moved" => reply(out, "301 Moved", "Location: /ill\r\nContent-Length: 0\r\n", b""),
        "/slow" => std::thread::sleep(Duration::from_secs(60)),
        _ => reply(out, "503 No", "Content-Length: 0\r\n", b""),
    });
    let http = |path: &str| fetcher.probe(Probe::Http { url: format!("http://{address}{path}"), timeout_ms: 1500 });
    let well = Outcome::Ok { length: None };
    assert_eq!((http("/well"), http("/moved")), (well.clone(), well.clone()));
    assert!(matches!(http("/ill"), Outcome::Failed { kind: Kind::Answer, .. }));
    assert!(matches!(http("/slow"), Outcome::Failed { kind: Kind::TooSlow, .. }));
    let tcp = |address: &str| fetcher.probe(Probe::Tcp { address: address.to_owned(), timeout_ms: 1500 });
    assert_eq!(tcp(&address), well);
    assert!(matches!(tcp("127.0.0.1:1"), Outcome::Failed { kind: Kind::Unreachable, .. }));
}
