//! The client against a peer that says exactly what a test tells it to.

use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::PathBuf,
    thread,
    time::Duration,
};

use ampoule_api_client::{Client, ClientError, LogQuery, Method};
use tempfile::TempDir;

/// Serves one connection: reads a request's head, answers with `answer`, then waits `linger` before closing.
fn peer(answer: &'static [u8], linger: Duration) -> (TempDir, PathBuf, thread::JoinHandle<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("api.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 4096];
        let length = stream.read(&mut request).expect("a request");
        stream.write_all(answer).expect("an answer is taken");
        thread::sleep(linger);
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (folder, path, served)
}

#[test]
fn reads_a_document() {
    let (_folder, path, served) = peer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\": 17}", Duration::ZERO);
    let value: serde_json::Value = Client::unix(path).get_json("/os").expect("an answer");
    assert_eq!(value["a"], 17);
    assert!(served.join().expect("the peer ends").starts_with("GET /os HTTP/1.1\r\n"));
}

#[test]
fn a_refusal_carries_status_and_words() {
    let (_folder, path, _served) = peer(b"HTTP/1.1 422 No\r\ncontent-length: 15\r\n\r\nnothing pending", Duration::ZERO);
    let error = Client::unix(path).commit_and_apply("t").expect_err("a refusal");
    assert_eq!(error.status(), Some(422));
    assert!(error.to_string().contains("nothing pending"), "{error}");
}

#[test]
fn silence_ends_at_the_time_limit() {
    let (_folder, path, _served) = peer(b"", Duration::from_secs(5));
    let client = Client::unix(path).with_timeout(Duration::from_millis(200));
    let error = client.request(Method::Get, "/os", None).expect_err("no answer");
    assert!(matches!(error, ClientError::Timeout(_)), "{error}");
}

#[test]
fn a_peer_that_goes_away_is_unreachable() {
    let (_folder, path, _served) = peer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\"", Duration::ZERO);
    let error = Client::unix(path).request(Method::Get, "/os", None).expect_err("half an answer");
    assert!(error.is_unreachable(), "{error}");
}

#[test]
fn follows_lines_across_pieces() {
    let (_folder, path, served) =
        peer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n5\r\n:1}\n{\r\n2\r\n}\n\r\n0\r\n\r\n", Duration::ZERO);
    let query = LogQuery { sources: vec!["apid".to_owned()], follow: true, ..LogQuery::default() };
    let lines: Result<Vec<_>, _> = Client::unix(path).logs(&query).expect("a start").collect();
    assert_eq!(lines.expect("whole lines"), ["{\"a\":1}", "{}"]);
    assert!(served.join().expect("the peer ends").starts_with("GET /v1/logs?source=apid&follow=true "));
}

#[test]
fn waiting_for_a_line_is_bounded_and_loses_nothing() {
    let (_folder, path, _served) = peer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n", Duration::from_millis(500));
    let mut lines = Client::unix(path).lines("/v1/logs").expect("a start");
    let early = lines.next_within(Duration::from_millis(100)).expect_err("no whole line yet");
    assert!(matches!(early, ClientError::Timeout(_)), "{early}");
}
