//! The socket, its limits, and what is kept of what a command says; the commands themselves run in a test with a virtual machine.

use std::io::Write;

use super::*;

/// A socket that passes what is called `good`, never answers `endless`, and fails the rest with their name.
fn served() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("checks");
    let listener = ampoule_report::status::bind(&path).expect("listens");
    tokio::spawn(accept_all(listener, |request: Request| async move {
        match request.check.as_str() {
            "good" => Outcome::Passed {},
            "endless" => std::future::pending().await,
            other => Outcome::failed(other),
        }
    }));
    (place, path)
}

async fn ask(path: &Path, line: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.expect("connects");
    stream.write_all(line).await.expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_name_is_answered_and_nothing_else_is_taken() {
    let (_place, path) = served();
    assert_eq!(ask(&path, b"{\"check\":\"good\"}\n").await, "{\"passed\":{}}\n");
    assert_eq!(ask(&path, b"{\"check\":\"db\"}\n").await, "{\"failed\":{\"reason\":\"db\"}}\n");
    for wrong in ["\n", "good\n", "{\"check\":\"good\",\"command\":[\"/bin/sh\"]}\n", "{\"check\":[\"good\"]}\n"] {
        assert!(ask(&path, wrong.as_bytes()).await.contains("this does not ask for a check"), "{wrong}");
    }
    let long = format!("{{\"check\":\"{}\"}}", "x".repeat(2 * MAX_LINE));
    let mut stream = UnixStream::connect(&path).await.expect("connects");
    // It may be closed while we still write.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(!answer.contains("passed") && answer.len() < MAX_LINE, "{answer}");
}

#[tokio::test]
async fn who_asks_without_end_holds_up_no_others_but_as_many_as_run_at_once() {
    let (_place, path) = served();
    let _silent = UnixStream::connect(&path).await.expect("connects");
    let mut endless = Vec::new();
    for _ in 0..AT_ONCE - 2 {
        let mut stream = UnixStream::connect(&path).await.expect("connects");
        stream.write_all(b"{\"check\":\"endless\"}\n").await.expect("asks");
        endless.push(stream);
    }
    assert_eq!(ask(&path, b"{\"check\":\"good\"}\n").await, "{\"passed\":{}}\n");
}

#[test]
fn only_the_settings_say_what_is_run() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("checks.json");
    assert_eq!(find(&path, "sql").expect("no file"), None);
    std::fs::write(&path, r#"{"sql":{"workload":"db","command":["/bin/ask"],"timeout-seconds":5}}"#).expect("written");
    let found = find(&path, "sql").expect("read").expect("found");
    assert_eq!((found.workload.as_str(), found.command, found.timeout_seconds), ("db", vec!["/bin/ask".to_owned()], 5));
    assert_eq!(find(&path, "other").expect("read"), None);
    std::fs::write(&path, r#"{"sql":{"command":"/bin/ask secret"}}"#).expect("written");
    let error = find(&path, "sql").expect_err("not as it must be").to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn the_end_of_what_is_said_is_kept_and_no_file_is_left() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join(new_id());
    let listener = Listener::open(path.clone()).expect("listens");
    let writer = tokio::task::spawn_blocking({
        let path = path.clone();
        move || {
            let mut fifo = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
            (0..100_000).for_each(|n| writeln!(fifo, "line {n}").expect("written"));
        }
    });
    writer.await.expect("wrote");
    let said = listener.finish().await;
    assert_eq!(Outcome::ended(1, &said), Outcome::failed("it ended with code 1: line 99997 | line 99998 | line 99999"));
    assert!(!path.exists());
    assert_ne!(new_id(), new_id());
}
