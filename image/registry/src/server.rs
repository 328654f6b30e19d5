//! The reading half of the OCI distribution protocol, over plain HTTP on the loopback.

use std::{
    collections::BTreeMap,
    io::SeekFrom,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, header},
};
use bytes::Bytes;
use serde_json::json;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    net::TcpListener,
    sync::oneshot,
};

use crate::{Blob, Image, Source};

/// Bytes read from a file at a time.
const CHUNK: u64 = 256 * 1024;

/// A running registry. Stops when dropped.
pub struct Registry {
    port: u16,
    sent: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shelf {
    images: BTreeMap<String, Image>,
    sent: Arc<AtomicU64>,
}

impl Registry {
    /// Serves each image under its name, with any tag, on a free port of 127.0.0.1.
    pub fn start(images: Vec<(String, Image)>) -> Result<Self> {
        Self::start_on(0, images)
    }

    /// The same on a port of the caller's choice.
    pub fn start_on(port: u16, images: Vec<(String, Image)>) -> Result<Self> {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
        listener.set_nonblocking(true).context("cannot set up the listening socket")?;
        let port = listener.local_addr().context("no address")?.port();
        let sent = Arc::new(AtomicU64::new(0));
        let shelf = Arc::new(Shelf { images: images.into_iter().collect(), sent: sent.clone() });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the registry")?;
        let thread = thread::spawn(move || runtime.block_on(serve(listener, shelf, stopped)));
        Ok(Self { port, sent, stop: Some(stop), thread: Some(thread) })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes of blobs sent so far, to show progress.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends at once when told: half-sent answers are cut, which is what tests of a dying registry want.
async fn serve(listener: std::net::TcpListener, shelf: Arc<Shelf>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let app = Router::new().fallback(answer).with_state(shelf);
    tokio::select! {
        _ = async { axum::serve(listener, app).await } => {}
        _ = stopped => {}
    }
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return problem(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read-only");
    }
    let head_only = request.method() == Method::HEAD;
    match parse(request.uri().path()) {
        Some(Wanted::Version) => text(StatusCode::OK, "{}".into()),
        Some(Wanted::Tags(name)) => tags(&shelf, name),
        Some(Wanted::Manifest(name, reference)) => match manifest(&shelf, name, reference) {
            Some((digest, blob)) => send(&shelf, digest, blob, request.headers(), head_only).await,
            None => problem(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "no such image here"),
        },
        Some(Wanted::Blob(name, digest)) => match shelf.images.get(name).and_then(|image| image.blobs.get(digest)) {
            Some(blob) => send(&shelf, digest, blob, request.headers(), head_only).await,
            None => problem(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "no such blob here"),
        },
        None => problem(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such path"),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Version,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
}

/// Names may contain slashes, so paths are read from their end.
fn parse(path: &str) -> Option<Wanted<'_>> {
    let rest = path.strip_prefix("/v2")?.trim_start_matches('/');
    if rest.is_empty() {
        return Some(Wanted::Version);
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Some(Wanted::Tags(name));
    }
    if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
        return Some(Wanted::Manifest(name, reference));
    }
    rest.rsplit_once("/blobs/").map(|(name, digest)| Wanted::Blob(name, digest))
}

fn manifest<'a>(shelf: &'a Shelf, name: &str, reference: &'a str) -> Option<(&'a str, &'a Blob)> {
    let image = shelf.images.get(name)?;
    let digest = if reference.contains(':') { reference } else { &image.entrance };
    let blob = image.blobs.get(digest)?;
    blob.media_type.as_ref().map(|_| (digest, blob))
}

fn tags(shelf: &Shelf, name: &str) -> Response<Body> {
    if shelf.images.contains_key(name) {
        return text(StatusCode::OK, json!({ "name": name, "tags": ["latest"] }).to_string());
    }
    problem(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such image here")
}

async fn send(shelf: &Shelf, digest: &str, blob: &Blob, headers: &HeaderMap, head_only: bool) -> Response<Body> {
    let length = blob.length();
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, count, status)) = range(asked, length) else {
        return problem(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID", "the range lies outside the blob");
    };
    let mut builder = Response::builder()
        .status(status)
        .header("docker-content-digest", digest)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, count)
        .header(header::CONTENT_TYPE, blob.media_type.as_deref().unwrap_or("application/octet-stream"));
    if status == StatusCode::PARTIAL_CONTENT {
        builder = builder.header(header::CONTENT_RANGE, format!("bytes {first}-{}/{length}", first + count - 1));
    }
    let body = if head_only { Ok(Body::empty()) } else { body(blob, first, count, shelf.sent.clone()).await };
    match body.map(|body| builder.body(body)) {
        Ok(Ok(response)) => response,
        _ => problem(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the blob's file cannot be read"),
    }
}

/// First byte, number of bytes, status; `None` if the range cannot be served. Several ranges at once, or anything not
/// understood, get the whole, as HTTP allows.
fn range(asked: Option<&str>, length: u64) -> Option<(u64, u64, StatusCode)> {
    let whole = Some((0, length, StatusCode::OK));
    let Some((first, last)) = asked.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-')) else {
        return whole;
    };
    let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if last >= first => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
        (Err(_), Ok(tail)) if first.is_empty() && tail > 0 => (length.saturating_sub(tail), length.saturating_sub(1)),
        _ => return whole,
    };
    (first < length).then(|| (first, last - first + 1, StatusCode::PARTIAL_CONTENT))
}

async fn body(blob: &Blob, first: u64, count: u64, sent: Arc<AtomicU64>) -> std::io::Result<Body> {
    match &blob.source {
        Source::Memory(bytes) => {
            sent.fetch_add(count, Ordering::Relaxed);
            // Both lie within the bytes: `range` has seen to it.
            Ok(Body::from(bytes.slice(first as usize..(first + count) as usize)))
        }
        Source::File { path, offset, .. } => {
            let mut file = File::open(path).await?;
            file.seek(SeekFrom::Start(offset + first)).await?;
            Ok(Body::from_stream(chunks(file, count, sent)))
        }
    }
}

fn chunks(file: File, count: u64, sent: Arc<AtomicU64>) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold((file, count, sent), |(mut file, left, sent)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; left.min(CHUNK) as usize];
        file.read_exact(&mut chunk).await?;
        let size = chunk.len() as u64;
        sent.fetch_add(size, Ordering::Relaxed);
        Ok(Some((Bytes::from(chunk), (file, left - size, sent))))
    })
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    text(status, json!({ "errors": [{ "code": code, "message": message }] }).to_string())
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
        .headers_mut()
        .insert(header::HeaderName::from_static("docker-distribution-api-version"), header::HeaderValue::from_static("registry/2.0"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_are_understood() {
        assert_eq!(parse("/v2/"), Some(Wanted::Version));
        assert_eq!(parse("/v2/a/b/manifests/latest"), Some(Wanted::Manifest("a/b", "latest")));
        assert_eq!(parse("/v2/a/blobs/sha256:0"), Some(Wanted::Blob("a", "sha256:0")));
        assert_eq!(parse("/v1/"), None);
    }

    #[test]
    fn ranges() {
        let part = StatusCode::PARTIAL_CONTENT;
        assert_eq!(range(None, 10), Some((0, 10, StatusCode::OK)));
        assert_eq!(range(Some("bytes=2-3"), 10), Some((2, 2, part)));
        assert_eq!(range(Some("bytes=2-"), 10), Some((2, 8, part)));
        assert_eq!(range(Some("bytes=-3"), 10), Some((7, 3, part)));
        assert_eq!(range(Some("bytes=0-99"), 10), Some((0, 10, part)));
        assert_eq!(range(Some("bytes=10-"), 10), None);
        assert_eq!(range(Some("bytes=0-1,3-4"), 10), Some((0, 10, StatusCode::OK)));
    }
}
