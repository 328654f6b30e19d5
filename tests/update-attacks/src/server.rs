//! A web server for a folder: with ranges and well behaved, or not.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// How a server treats files whose name ends in the given text; all others it serves as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// As they are.
    Honest,
    /// It sends on after their end, without one, and says no length.
    Endless(&'static str),
    /// It sends a byte each second.
    Slow(&'static str),
    /// It takes the request and says nothing.
    Silent(&'static str),
    /// It breaks off in the middle.
    Cut(&'static str),
    /// It always sends the whole file, whatever part was asked for.
    NoRanges,
    /// It changes a byte in each block of 4 KiB.
    Lie(&'static str),
    /// To so many requests for a part it says that the part is another one than was asked for, and sends that.
    OtherRange(&'static str, u64),
    /// So many requests for a part get this status, with headers behind it, and nothing else.
    Refuses {
        /// End of the file's name.
        end: &'static str,
        /// Such as `429 Too Many Requests\r\nRetry-After: 3`.
        status: &'static str,
        /// How many.
        times: u64,
    },
    /// It knows no parts, and breaks off in the middle so many times when the whole is asked for.
    CutWhole(&'static str, u64),
    /// After so many requests for a file, for all of it or a part, so many get this status.
    Overloaded {
        /// End of the file's name; of files whose name ends so each is counted by itself.
        end: &'static str,
        /// Requests that are answered before.
        after: u64,
        /// Such as `503 Service Unavailable\r\nRetry-After: 3`.
        status: &'static str,
        /// How many.
        times: u64,
    },
    /// It breaks off in the middle of each file so many times, whatever its name.
    CutEach(u64),
    /// It says no length of metadata, whose end is the connection's, and breaks off in the middle of each file of it so many times.
    CutUntold(u64),
}

impl Behaviour {
    /// Every request for a file.
    pub const ALWAYS: u64 = u64::MAX;
}

/// A server on a port of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    asked: Asked,
}

/// Paths that were asked for, each with whether it was for a part.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

impl Server {
    /// Serves `folder` on 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(folder: &Path, behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self { port: listener.local_addr()?.port(), stop: Arc::default(), sent: Arc::default(), asked: Arc::default() };
        let first = Connection {
            folder: folder.to_owned(),
            behaviour,
            stop: Arc::clone(&server.stop),
            sent: Arc::clone(&server.sent),
            asked: Arc::clone(&server.asked),
            times: Arc::default(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if first.stop.load(Ordering::SeqCst) {
                    return;
                }
                let one = first.clone();
                // A client that goes away in the middle is no error of a test.
                std::thread::spawn(move || one.serve(stream).ok());
            }
        });
        Ok(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address of the folder.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// How often files whose name ends so were asked for: parts of them, and the whole.
    pub fn asked(&self, end: &str) -> (usize, usize) {
        let asked = lock(&self.asked);
        let count = |part: bool| asked.iter().filter(|(path, of_part)| path.ends_with(end) && *of_part == part).count();
        (count(true), count(false))
    }

    /// Bytes of files that were sent, to all clients.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener; if nobody listens, there is nothing to wake.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

#[derive(Clone)]
struct Connection {
    folder: PathBuf,
    behaviour: Behaviour,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    asked: Asked,
    /// Requests that were met with the behaviour, of those that are counted.
    times: Arc<AtomicU64>,
}

/// Before a file whose end is the connection's (RFC 9112, section 6.3).
const WITHOUT_LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

/// A piece of a file: first byte and the one after the last.
type Piece = (u64, u64);

impl Connection {
    /// One request for each connection.
    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let (path, range) = request(&stream)?;
        let before = self.note(&path, range.is_some());
        let Some(file) = self.find(&path) else {
            return Ok(stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?);
        };
        let bytes = fs::read(file)?;
        let whole = (0, bytes.len() as u64);
        let hit = |end: &str| path.ends_with(end);
        match self.behaviour {
            Behaviour::Endless(end) if hit(end) => self.endless(&mut stream, &bytes),
            Behaviour::Slow(end) if hit(end) => self.slow(&mut stream, &bytes),
            Behaviour::Silent(end) if hit(end) => self.wait(),
            Behaviour::Cut(end) if hit(end) => {
                head(&mut stream, None, whole, whole.1)?;
                self.send(&mut stream, &bytes[..bytes.len() / 2])
            }
            Behaviour::Lie(end) if hit(end) => {
                let mut lies = bytes;
                lies.iter_mut().step_by(4096).for_each(|byte| *byte ^= 1);
                self.part(&mut stream, &lies, range, whole)
            }
            Behaviour::NoRanges => self.part(&mut stream, &bytes, None, whole),
            Behaviour::OtherRange(end, times) if hit(end) && range.is_some() && self.is_met(times) => {
                self.part(&mut stream, &bytes, Some(another(range.unwrap_or(whole), whole)), whole)
            }
            Behaviour::Refuses { end, status, times } if hit(end) && range.is_some() && self.is_met(times) => {
                Ok(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?)
            }
            Behaviour::CutWhole(end, times) if hit(end) => {
                head(&mut stream, None, whole, whole.1)?;
                let length = if range.is_none() && self.is_met(times) { bytes.len() / 2 } else { bytes.len() };
                self.send(&mut stream, &bytes[..length])
            }
            Behaviour::Overloaded { end, after, status, times } if hit(end) && before >= after && before - after < times => {
                Ok(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?)
            }
            Behaviour::CutEach(times) if before < times => {
                let (from, to) = range.map_or(whole, |(from, to)| (from, to.min(whole.1)));
                head(&mut stream, range.map(|_| (from, to)), whole, to - from)?;
                self.send(&mut stream, &bytes[usize::try_from(from)?..usize::try_from(from.midpoint(to))?])
            }
            Behaviour::CutUntold(times) if hit(".json") && before < times => {
                stream.write_all(WITHOUT_LENGTH)?;
                self.send(&mut stream, &bytes[..bytes.len() / 2])
            }
            _ => self.part(&mut stream, &bytes, range, whole),
        }
    }

    /// Notes a request; how often the same file was asked for before.
    fn note(&self, path: &str, part: bool) -> u64 {
        let mut asked = lock(&self.asked);
        let before = asked.iter().filter(|(other, _)| other == path).count();
        asked.push((path.to_owned(), part));
        before as u64
    }

    /// Whether this is one of the first so many.
    fn is_met(&self, times: u64) -> bool {
        self.times.fetch_add(1, Ordering::SeqCst) < times
    }

    /// Whatever lies in the folder; what would lead out of it does not exist.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let name = path.trim_start_matches('/').split('?').next()?;
        let file = self.folder.join(name);
        (!name.contains("..") && file.is_file()).then_some(file)
    }

    fn part(&self, stream: &mut TcpStream, bytes: &[u8], range: Option<Piece>, whole: Piece) -> Result<()> {
        let (from, to) = range.unwrap_or(whole);
        let to = to.min(whole.1);
        if from > to {
            return Ok(stream.write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?);
        }
        head(stream, range.map(|_| (from, to)), whole, to - from)?;
        self.send(stream, &bytes[usize::try_from(from)?..usize::try_from(to)?])
    }

    fn endless(&self, stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
        stream.write_all(WITHOUT_LENGTH)?;
        self.send(stream, bytes)?;
        while !self.stop.load(Ordering::SeqCst) {
            self.send(stream, &[b' '; 1 << 16])?;
        }
        Ok(())
    }

    fn slow(&self, stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
        head(stream, None, (0, bytes.len() as u64), bytes.len() as u64)?;
        for byte in bytes {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            self.send(stream, &[*byte])?;
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    fn wait(&self) -> Result<()> {
        while !self.stop.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
        stream.write_all(bytes)?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A range that is as long, if there is one before it.
fn another((from, to): Piece, whole: Piece) -> Piece {
    if from >= to - from { (from - (to - from), from) } else { (from + 1, to.min(whole.1).max(from + 2)) }
}

fn head(stream: &mut TcpStream, range: Option<Piece>, whole: Piece, length: u64) -> Result<()> {
    let status = match range {
        Some((from, to)) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", to.saturating_sub(1), whole.1),
        None => "200 OK".to_owned(),
    };
    Ok(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?)
}

/// Path of the request, and the range that it asks for.
fn request(stream: &TcpStream) -> Result<(String, Option<Piece>)> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.take(1 << 16));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("a request line")?.to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            return Ok((path, range));
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = parse_range(value.trim());
        }
    }
}

fn parse_range(text: &str) -> Option<Piece> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = if to.is_empty() { u64::MAX } else { to.parse::<u64>().ok()?.checked_add(1)? };
    Some((from, to))
}
