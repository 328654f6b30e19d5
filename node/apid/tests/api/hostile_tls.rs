//! Strangers at the remote API: noise, callers that never finish, crowds. Who has a certificate is answered all the while.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use ampoule_test_support::{greeting, tls_noise};

use crate::{
    certificates::Authority,
    harness::{Apid, eventually},
    remote::{connect, open},
};

/// More than there are places for handshakes, twice over.
const CROWD: usize = 200;
/// An answer takes milliseconds; who waited for others would wait as long as a handshake may take, ten seconds.
const SOON: Duration = Duration::from_secs(4);
/// What the memory of the program may grow by, in KiB: buffers that the allocator keeps.
const GROWTH: u64 = 16 * 1024;

fn call(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream
}

fn answers_soon(port: u16, authority: &Authority, when: &str) {
    let start = Instant::now();
    connect(port, authority, &authority.client("admin")).os().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(start.elapsed() < SOON, "{when}: {:?}", start.elapsed());
}

fn is_told(apid: &Apid) {
    eventually("the log tells of them", || apid.log().contains("callers were turned away, the last of them 127.0.0.1"));
}

#[test]
fn noise_is_turned_away() {
    let (apid, authority, port) = open();
    answers_soon(port, &authority, "before");
    let before = apid.memory_kib();
    for (name, bytes) in tls_noise() {
        let mut stream = call(port);
        // It may have hung up in the middle.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // At most the server's greeting, its certificate and an alert: no answer of the API, which would be in words without the noise's own key.
        assert!(answer.len() < 8192 && !answer.windows(5).any(|part| part == b"HTTP/"), "{name}: {} bytes", answer.len());
    }
    answers_soon(port, &authority, "after the noise");
    is_told(&apid);
    let after = apid.memory_kib();
    assert!(after < before + GROWTH, "memory grew from {before} to {after} KiB");
}

#[test]
fn callers_that_never_finish_keep_nobody_out() {
    let (apid, authority, port) = open();
    let silent: Vec<TcpStream> = (0..CROWD).map(|_| call(port)).collect();
    answers_soon(port, &authority, "beside silent ones");
    let mut slow: Vec<TcpStream> = (0..CROWD).map(|_| call(port)).collect();
    for byte in &greeting()[..20] {
        for stream in &mut slow {
            // Those that had to go are gone.
            let _ = stream.write_all(&[*byte]);
        }
        answers_soon(port, &authority, "beside slow ones");
    }
    is_told(&apid);
    // A crowd does not fill the log either.
    let lines = apid.log().lines().filter(|line| line.contains("turned away")).count();
    assert!(lines < 10, "{lines} lines");
    drop((silent, slow));
}
