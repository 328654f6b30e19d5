//! A web server for a repository: with ranges, without, with an end to its patience, or with lies.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// A server on a port of its own.
#[derive(Clone)]
pub(crate) struct Web {
    port: u16,
    folder: PathBuf,
    /// Whether it sends parts of files.
    pub(crate) ranges: Arc<AtomicBool>,
    /// Bytes of roots that it still sends before it breaks every connection.
    pub(crate) budget: Arc<AtomicI64>,
    /// Bytes of roots that it sent.
    pub(crate) sent: Arc<AtomicU64>,
    /// Bytes of kernel images that it sent.
    pub(crate) images: Arc<AtomicU64>,
    /// Block of a root that it sends with one byte changed; none below zero.
    pub(crate) lie: Arc<AtomicI64>,
    /// Whether parts of kernel images are sent with one byte changed.
    pub(crate) lie_about_parts: Arc<AtomicBool>,
    /// Milliseconds before each KiB of a root.
    pub(crate) pace: Arc<AtomicU64>,
}

impl Web {
    pub(crate) fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let web = Self {
            port: listener.local_addr().expect("bound").port(),
            folder: folder.to_owned(),
            ranges: Arc::new(AtomicBool::new(true)),
            budget: Arc::new(AtomicI64::new(i64::MAX)),
            sent: Arc::default(),
            images: Arc::default(),
            lie: Arc::new(AtomicI64::new(-1)),
            pace: Arc::default(),
            lie_about_parts: Arc::default(),
        };
        let serving = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let web = serving.clone();
                std::thread::spawn(move || web.answer(stream));
            }
        });
        web
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let (path, range) = request(&stream)?;
        let Ok(mut bytes) = fs::read(self.folder.join(path.trim_start_matches('/'))) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
        };
        let is_root = path.ends_with("root.erofs");
        if is_root {
            self.lie_in(&mut bytes);
        }
        if path.ends_with("uki.efi") && range.is_some() && self.lie_about_parts.load(Ordering::SeqCst) {
            bytes[5] ^= 1;
        }
        let whole = bytes.len();
        let range = range.filter(|_| self.ranges.load(Ordering::SeqCst));
        let (first, last) = range.unwrap_or((0, whole - 1));
        let status = match range {
            Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{whole}"),
            None => "200 OK".to_owned(),
        };
        let part = &bytes[first..=last];
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", part.len()).ok()?;
        if path.ends_with("uki.efi") {
            self.images.fetch_add(part.len() as u64, Ordering::SeqCst);
        }
        if is_root { self.send(&mut stream, part) } else { stream.write_all(part).ok() }
    }

    fn lie_in(&self, root: &mut [u8]) {
        if let Ok(block) = usize::try_from(self.lie.load(Ordering::SeqCst)) {
            root[block * 4096 + 7] ^= 1;
        }
    }

    fn send(&self, stream: &mut TcpStream, part: &[u8]) -> Option<()> {
        for piece in part.chunks(1024) {
            if self.budget.fetch_sub(1024, Ordering::SeqCst) < 1024 {
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(self.pace.load(Ordering::SeqCst)));
            stream.write_all(piece).ok()?;
            self.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        Some(())
    }
}

fn request(stream: &TcpStream) -> Option<(String, Option<(usize, usize)>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 || header.trim().is_empty() {
            return Some((path, range));
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = value.trim().split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        }
    }
}
