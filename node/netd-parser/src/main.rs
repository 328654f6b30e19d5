//! Reads what strangers on the network sent, for the network daemon
//!
//! One connection at a time, one question after the other, nothing kept in between. It has no rights, so whoever takes it over with a packet has won a process that can give wrong answers, which
//! the daemon checks.

use ampoule_netmodel::parser::{LENGTH, MAX_QUESTION, SOCKET, framed, parse};
use ampoule_report::{init_logger, listen};
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;

/// For the group of who may ask.
const MODE: u32 = 0o660;

fn main() -> ExitCode {
    init_logger();
    // Tests give another place.
    let socket = std::env::args_os().nth(1).map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    match listen(&socket, MODE) {
        Ok(listener) => serve(&listener),
        Err(error) => {
            log::error!("Cannot listen on {}: {error}", socket.display());
            ExitCode::FAILURE
        }
    }
}

fn serve(listener: &UnixListener) -> ExitCode {
    ampoule_report::ready();
    loop {
        match listener.accept() {
            // The daemon ended, or asked something that is no question; it comes again.
            Ok((stream, _)) => drop(converse(stream)),
            Err(error) => {
                log::error!("Takes no connection: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Answers until the other side is gone.
fn converse(mut stream: UnixStream) -> io::Result<()> {
    loop {
        let question = read_frame(&mut stream)?;
        stream.write_all(&framed(&parse(&question)))?;
    }
}

fn read_frame(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > MAX_QUESTION {
        return Err(io::Error::other("longer than a question can be"));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_netmodel::parser::{Kind, Meaning, meaning, question};

    fn ask(stream: &mut UnixStream, frame: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(&framed(frame))?;
        let mut length = [0; LENGTH];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn questions_are_answered_one_after_the_other_and_after_a_wrong_one() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("socket");
        drop(listen(&path, MODE).expect("listens"));
        let listener = listen(&path, MODE).expect("in place of the one before");
        std::thread::spawn(move || serve(&listener));
        let mut stream = UnixStream::connect(&path).expect("connects");
        let frame = question(Kind::Dhcp, b"noise").expect("short");
        for _ in 0..2 {
            assert_eq!(meaning(&ask(&mut stream, &frame).expect("answered")), Some(Meaning::default()));
        }
        stream.write_all(&[0xff; LENGTH]).expect("sent");
        assert!(ask(&mut stream, &frame).is_err(), "it went on after a frame without end");
        let mut stream = UnixStream::connect(&path).expect("connects again");
        assert!(ask(&mut stream, &frame).is_ok());
    }
}
