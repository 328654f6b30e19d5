//! A server on the loopback that says what a test tells it to: HTTP as bytes, right or wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
}

impl Request {
    /// Whether it has this header with this value.
    pub(crate) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line.eq_ignore_ascii_case(header))
    }
}

/// What goes out.
pub(crate) enum Reply {
    /// A whole answer with the right length.
    Whole(u16, Vec<u8>),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// A head, then a byte now and then, for ever.
    Drip,
    /// A head, then bytes as fast as they are taken, for ever.
    Flood,
    /// Nothing, and the connection stays.
    Silence,
}

impl Reply {
    pub(crate) fn ok(text: &str) -> Self {
        Self::Whole(200, text.into())
    }
}

/// A running server; its threads end with the test's process.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request, whose number (from 0) is given too.
    pub(crate) fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (shared, answer) = (seen.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (shared.clone(), answer.clone());
                thread::spawn(move || serve(stream, &shared, &*answer));
            }
        });
        Self { port, seen }
    }

    /// A metadata service as EC2's: a token first, then what `answer` has for a path.
    pub(crate) fn metadata(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_, request| match request.line.as_str() {
            "PUT /latest/api/token HTTP/1.1" if request.has("x-aws-ec2-metadata-token-ttl-seconds: 300") => Reply::ok("TOKEN=="),
            line if !request.has("x-aws-ec2-metadata-token: TOKEN==") => Reply::Whole(401, line.into()),
            line => answer(line.split(' ').nth(1).unwrap_or_default()),
        })
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("lock").clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, answer: &(impl Fn(usize, &Request) -> Reply + ?Sized)) {
    let Some(request) = read(&stream) else { return };
    let number = {
        let mut seen = seen.lock().expect("lock");
        seen.push(request.clone());
        seen.len() - 1
    };
    // The other side may have gone: that is what some tests are about.
    let _ = match answer(number, &request) {
        Reply::Whole(status, body) => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat())
        }
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Drip => pour(&mut stream, b"#", Duration::from_millis(50)),
        Reply::Flood => pour(&mut stream, &[b'#'; 4096], Duration::ZERO),
        Reply::Silence => {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
    };
}

fn pour(stream: &mut TcpStream, piece: &[u8], pause: Duration) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    loop {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        stream.write_all(&chunk)?;
        thread::sleep(pause);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let line = lines.next()?.ok()?;
    let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    Some(Request { line, headers })
}
