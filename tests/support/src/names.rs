//! A name server (RFC 1035) on the loopback, for programs that ask the C library.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
};

/// The port that the C library asks at.
const PORT: u16 = 53;
/// Bytes before the question.
const HEAD: usize = 12;
/// `A`, the type of an address of IPv4.
const ADDRESS: [u8; 2] = [0, 1];

/// Answers until the test ends; its address, or `None` where this user may not have its port. Every name is 127.0.0.1, save those that begin with `nobody`, which nobody has, and those that
/// begin with `long`, whose answer comes over TCP alone.
#[must_use]
pub fn name_server() -> Option<Ipv4Addr> {
    // Other tests may have one.
    let mut free = (100..200).filter_map(|last| {
        let address = Ipv4Addr::new(127, 0, 0, last);
        Some((address, UdpSocket::bind((address, PORT)).ok()?, TcpListener::bind((address, PORT)).ok()?))
    });
    let Some((address, datagrams, streams)) = free.next() else {
        eprintln!("skipped: port {PORT} cannot be had, no name was looked for");
        return None;
    };
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = datagrams.recv_from(&mut question) {
            // A lost answer is asked for again.
            let _ = answer(&question[..length], false).map(|answer| datagrams.send_to(&answer, from));
        }
    });
    thread::spawn(move || streams.incoming().flatten().for_each(|stream| drop(serve(stream))));
    Some(address)
}

/// One question over TCP: its length stands before it (RFC 1035, 4.2.2).
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut length = [0; 2];
    loop {
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let answer = answer(&question, true).unwrap_or_default();
        let length = u16::try_from(answer.len()).unwrap_or_default();
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    }
}

fn answer(question: &[u8], whole: bool) -> Option<Vec<u8>> {
    let name = question.get(HEAD..)?;
    let end = HEAD + name.iter().position(|byte| *byte == 0)? + 5;
    let (kind, first) = (question.get(end - 4..end - 2)?, question.get(HEAD + 1..)?);
    let known = !first.starts_with(b"nobody");
    let cut = first.starts_with(b"long") && !whole;
    let given = known && !cut && kind == ADDRESS;
    // An answer, perhaps cut; recursion was asked for and is there; no such name.
    let flags = [0x81 | if cut { 2 } else { 0 }, 0x80 | if known { 0 } else { 3 }];
    let head = [&question[..2], &flags, &[0, 1, 0, u8::from(given), 0, 0, 0, 0]].concat();
    // The name of the question again, its type and class, a minute, four bytes.
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &Ipv4Addr::LOCALHOST.octets()[..]].concat();
    let given = if given { record } else { Vec::new() };
    Some([&head, &question[HEAD..end], &given[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &[u8], kind: u8, whole: bool) -> Vec<u8> {
        let length = u8::try_from(name.len()).expect("short");
        answer(&[&[7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, length], name, &[0, 0, kind, 0, 1]].concat(), whole).expect("an answer")
    }

    #[test]
    fn names_are_the_loopback_but_for_those_that_are_not() {
        let found = ask(b"web", 1, false);
        assert!(found.starts_with(&[7, 8, 0x81, 0x80]) && found.ends_with(&[127, 0, 0, 1]));
        assert_eq!(ask(b"web", 28, false)[7], 0, "no address of IPv6");
        assert_eq!(ask(b"nobody", 1, false)[3], 0x83);
        assert_eq!((ask(b"long", 1, false)[2], ask(b"long", 1, true)[2]), (0x83, 0x81));
        assert_eq!(answer(b"short", false), None);
    }
}
