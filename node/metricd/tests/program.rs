//! The real program with the system calls that it has on a node, against servers that are well, away, or something else.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ampoule_supervise::message::Reply;
use ampoule_test_support::{Tree, end, in_own_mounts, init, name_server, under_list};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// No test waits longer for a word of the program.
const PATIENCE: Duration = Duration::from_secs(30);
const LIST: &str = "metricd";

struct Node(Tree);

/// A run, whose words are in its node's log.
struct Run<'a> {
    child: Child,
    log: PathBuf,
    _node: &'a Node,
}

impl Node {
    fn new(settings: &str) -> Self {
        let node = Self(Tree::new(&[]));
        node.0.write("etc/ampoule/metrics.json", settings);
        node.0.write("os-release", "VERSION_ID=1.2.3\nVARIANT_ID=test\n");
        node.0.write("authorities", "");
        // No service: what a report says of them is tested where it is made.
        init(&node.0.path("init.sock"), |_| Reply::End);
        node
    }

    fn reporting_to(url: &str) -> Self {
        Self::new(&format!(r#"{{"metrics-url":"{url}","service-checks":["apid"]}}"#))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metricd"));
        for (option, below) in [
            ("--settings", "etc/ampoule/metrics.json"),
            ("--os-release", "os-release"),
            ("--certificates", "authorities"),
            ("--init", "init.sock"),
        ] {
            command.arg(option).arg(self.0.path(below));
        }
        command
    }

    fn start(&self) -> Run<'_> {
        let mut command = self.command();
        under_list(&mut command, LIST);
        self.start_as(command)
    }

    /// With this name server and no other place to look names up.
    fn start_asking(&self, server: Ipv4Addr) -> Run<'_> {
        self.0.write("resolv.conf", format!("nameserver {server}\noptions timeout:1 attempts:1\n"));
        let script = format!("mount --bind {} /etc/resolv.conf", self.0.path("resolv.conf").display());
        self.start_as(in_own_mounts(&script, &self.command(), LIST))
    }

    fn start_as(&self, mut command: Command) -> Run<'_> {
        let log = self.0.path("log");
        let words = fs::File::create(&log).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words).env_remove("NOTIFY_SOCKET").spawn().expect("started");
        Run { child, log, _node: self }
    }
}

impl Run<'_> {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log has this.
    fn says(&mut self, words: &str) {
        let start = Instant::now();
        while !self.log().contains(words) {
            let ended = self.child.try_wait().expect("the child can be asked").map(ampoule_test_support::not_by_its_list);
            assert!(ended.is_none() || self.log().contains(words), "it ended ({ended:?}) and did not say {words:?}: {}", self.log());
            assert!(start.elapsed() < PATIENCE, "it does not say {words:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A server that answers each connection with these bytes; its port, and what it was asked.
fn server(answer: &'static [u8]) -> (u16, mpsc::Receiver<String>) {
    serve(move |mut stream| {
        let mut text = vec![0; 4096];
        let size = stream.read(&mut text).unwrap_or_default();
        let _ = stream.write_all(answer);
        String::from_utf8_lossy(&text[..size]).into_owned()
    })
}

fn serve(one: impl Fn(std::net::TcpStream) -> String + Send + 'static) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || listener.incoming().flatten().try_for_each(|stream| tell.send(one(stream))));
    (port, asked)
}

/// One that speaks TLS with a certificate of its own for `localhost`; the certificate too.
fn tls_server() -> (u16, mpsc::Receiver<String>, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let config = Arc::new(builder.with_single_cert(vec![cert.der().clone()], key).expect("a configuration"));
    let (port, asked) = serve(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).expect("a connection"), stream);
        let mut text = vec![0; 4096];
        let size = stream.read(&mut text).unwrap_or_default();
        let _ = stream.write_all(OK.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
        String::from_utf8_lossy(&text[..size]).into_owned()
    });
    (port, asked, cert.pem())
}

fn arrives(asked: &mpsc::Receiver<String>, run: &Run<'_>) {
    let text = asked.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("nothing was reported: {}", run.log()));
    assert!(text.contains("event=boot-success") && text.contains("version=1.2.3"), "{text}");
}

#[test]
fn a_report_arrives_in_plain_and_over_tls() {
    let (port, asked) = server(OK.as_bytes());
    let node = Node::reporting_to(&format!("http://127.0.0.1:{port}/v1"));
    arrives(&asked, &node.start());

    let (port, asked, authority) = tls_server();
    let node = Node::reporting_to(&format!("https://localhost:{port}/v1"));
    node.0.write("authorities", authority);
    arrives(&asked, &node.start());
}

#[test]
fn what_does_not_arrive_is_tried_again_whatever_the_reason() {
    let (plain, _asked) = server(b"\xff\xff what?");
    let (moved, _asked) = server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    let (other, _asked, _) = tls_server();
    for url in [
        "http://127.0.0.1:1/".to_owned(),
        "http://[::1]:1/".to_owned(),
        "http://[2001:db8::1]:1/".to_owned(),
        format!("http://127.0.0.1:{plain}/"),
        format!("https://127.0.0.1:{plain}/"),
        format!("http://127.0.0.1:{moved}/"),
        format!("https://localhost:{other}/"),
    ] {
        Node::reporting_to(&url).start().says("The report did not arrive");
    }
    let node = Node::reporting_to("https://127.0.0.1:1/");
    fs::remove_file(node.0.path("authorities")).expect("removed");
    node.start().says("authorities");
    let node = Node::reporting_to("http://127.0.0.1:1/");
    fs::remove_file(node.0.path("init.sock")).expect("removed");
    node.start().says("The report did not arrive");
    fs::remove_file(node.0.path("os-release")).expect("removed");
    node.start().says("The report did not arrive");
}

#[test]
fn names_are_looked_up() {
    let Some(names) = name_server() else { return };
    let (port, asked) = server(OK.as_bytes());
    for name in ["metrics.example", "long.example"] {
        let node = Node::reporting_to(&format!("http://{name}:{port}/v1"));
        arrives(&asked, &node.start_asking(names));
    }
    Node::reporting_to("http://nobody.example/").start_asking(names).says("The report did not arrive");
    // And one that does not answer.
    Node::reporting_to("http://metrics.example/").start_asking(Ipv4Addr::new(127, 0, 0, 99)).says("The report did not arrive");
}

#[test]
fn settings_that_are_none_end_it() {
    for wrong in ["", "{", "[]", r#"{"metrics-url":7}"#, &"x".repeat(100_000)] {
        let node = Node::new(wrong);
        node.start().says("Cannot read");
    }
    let node = Node::new("{}");
    fs::remove_file(node.0.path("etc/ampoule/metrics.json")).expect("removed");
    node.start().says("Nothing is reported");
}

#[test]
#[ignore = "becomes the program in `names_are_looked_up`"]
fn become_program() {
    ampoule_test_support::become_program();
}
