//! A server of the right time (RFC 5905) on the host's loopback; a node reaches it at 10.0.2.2.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;

/// Bytes of a packet without extensions.
const PACKET: usize = 48;
/// Where the sender's own time stands, which an answer must repeat.
const TRANSMIT: std::ops::Range<usize> = 40..48;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Answers until dropped.
pub(crate) struct TimeServer {
    port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TimeServer {
    /// Listens on a free port.
    pub(crate) fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let port = socket.local_addr()?.port();
        let ended = Arc::new(AtomicBool::new(false));
        let seen = ended.clone();
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                serve_one(&socket);
            }
        });
        Ok(Self { port, ended, thread: Some(thread) })
    }

    /// Its UDP port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for TimeServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve_one(socket: &UdpSocket) {
    let mut request = [0; 1024];
    let Ok((length, client)) = socket.recv_from(&mut request) else { return };
    if let Some(answer) = answer(&request[..length], now()) {
        // A lost answer is asked for again.
        let _ = socket.send_to(&answer, client);
    }
}

/// What a server of stratum 1 says at `now` to the question of a client; `None` if it is none.
fn answer(request: &[u8], now: [u8; 8]) -> Option<[u8; PACKET]> {
    const CLIENT: u8 = 3;
    const SERVER: u8 = 4;
    let first = *request.first().filter(|_| request.len() >= PACKET)?;
    if first & 7 != CLIENT {
        return None;
    }
    let mut packet = [0; PACKET];
    // No leap second is near; the client's version; what it asked for as its interval; about a microsecond of precision.
    packet[..4].copy_from_slice(&[first & 0b0011_1000 | SERVER, 1, request[2], (-20_i8).cast_unsigned()]);
    packet[12..16].copy_from_slice(b"TEST");
    packet[24..32].copy_from_slice(&request[TRANSMIT]);
    for at in [16, 32, 40] {
        packet[at..at + 8].copy_from_slice(&now);
    }
    Some(packet)
}

/// Seconds and 2^-32 parts of them since 1900, the seconds without what does not fit.
fn now() -> [u8; 8] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() + NTP_TO_UNIX;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((seconds << 32) | fraction).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_with_its_own_time_and_ours() {
        let server = TimeServer::start().expect("a server");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let mut question = [7; PACKET];
        question[0] = 0b0010_0011;
        client.send_to(&question, ("127.0.0.1", server.port())).expect("asked");
        let mut answer = [0; 100];
        assert_eq!(client.recv(&mut answer).expect("an answer"), PACKET);
        assert_eq!((answer[0], answer[1], &answer[24..32]), (0b0010_0100, 1, &[7; 8][..]));
        let seconds = u32::from_be_bytes([answer[40], answer[41], answer[42], answer[43]]);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(u64::from(seconds).abs_diff((unix + NTP_TO_UNIX) & 0xffff_ffff) < 5);
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        assert_eq!(answer(&[0b0010_0011; 47], [0; 8]), None);
        assert_eq!(answer(&[0b0010_0100; PACKET], [0; 8]), None);
        assert_eq!(answer(&[], [0; 8]), None);
    }
}
