//! What a port that speaks TLS may be sent by who means it no good (RFC 8446): records, greetings and what is neither.

use std::ops::Range;

/// Kinds of records (RFC 8446, 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// Extensions (RFC 8446, 4.2).
const GROUPS: u16 = 10;
const SIGNATURES: u16 = 13;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const VERSIONS: u16 = 43;
const KEY_EXCHANGE_MODES: u16 = 45;
const KEY_SHARE: u16 = 51;

/// A record.
fn record(kind: u8, version: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&[kind][..], &version.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

/// The extensions of a client of TLS 1.3.
fn usual() -> Vec<Vec<u8>> {
    let share = [&[0, 36, 0, 29, 0, 32][..], &[9; 32]].concat();
    vec![
        extension(VERSIONS, &[2, 3, 4]),
        extension(GROUPS, &[0, 2, 0, 29]),
        extension(SIGNATURES, &[0, 4, 4, 3, 8, 7]),
        extension(KEY_SHARE, &share),
    ]
}

/// A client's greeting, as a message; `session` is a name for compatibility.
fn hello(session: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let length = u16::try_from(extensions.len()).expect("short");
    let session = [&[u8::try_from(session.len()).expect("short")][..], session].concat();
    let body = [&[3, 3][..], &[7; 32], &session, &[0, 2, 0x13, 0x01, 1, 0], &length.to_be_bytes(), &extensions].concat();
    message(1, body.len(), &body)
}

/// A message of the handshake that says it has this length.
fn message(kind: u8, length: usize, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).expect("short").to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

/// A greeting as it should be.
#[must_use]
pub fn greeting() -> Vec<u8> {
    record(HANDSHAKE, 0x0301, &hello(&[5; 32], &usual()))
}

/// All of it, with names.
#[must_use]
pub fn tls_noise() -> Vec<(String, Vec<u8>)> {
    let named = [not_tls(), records(), greetings()].concat().into_iter().map(|(name, bytes)| (name.to_owned(), bytes));
    named.chain(mutations(&greeting(), 0..greeting().len())).collect()
}

type Named = Vec<(&'static str, Vec<u8>)>;

fn not_tls() -> Named {
    vec![
        ("nothing", vec![]),
        ("a byte", vec![HANDSHAKE]),
        ("HTTP", b"GET /settings HTTP/1.1\r\nhost: node\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("SSL 2", vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80]),
        ("zeros", vec![0; 70_000]),
        ("ones", vec![0xff; 70_000]),
    ]
}

fn records() -> Named {
    let greeting = hello(&[5; 32], &usual());
    let bytes: Vec<u8> = greeting.iter().flat_map(|byte| record(HANDSHAKE, 0x0301, &[*byte])).collect();
    vec![
        ("a record of nothing", record(HANDSHAKE, 0x0303, &[])),
        ("very many records of nothing", record(HANDSHAKE, 0x0303, &[]).repeat(5000)),
        ("a record that says it is longer", [&[HANDSHAKE, 3, 1, 0xff, 0xff][..], &greeting].concat()),
        ("the longest record there may be", record(HANDSHAKE, 0x0301, &[1; 16_384])),
        ("a longer one", record(HANDSHAKE, 0x0301, &[1; 20_000])),
        ("no kind of record", record(99, 0x0303, &greeting)),
        ("data first", record(DATA, 0x0303, &[0; 100])),
        ("an alert", record(ALERT, 0x0303, &[2, 40])),
        ("very many warnings", record(ALERT, 0x0303, &[1, 90]).repeat(5000)),
        ("very many changes of cipher", record(CHANGE_CIPHER_SPEC, 0x0303, &[1]).repeat(5000)),
        ("SSL 3", record(HANDSHAKE, 0x0300, &greeting)),
        ("a version from the future", record(HANDSHAKE, 0x0399, &greeting)),
        ("a datagram's version", record(HANDSHAKE, 0xfefd, &greeting)),
        ("a record for each byte", bytes),
    ]
}

fn greetings() -> Named {
    let with = |more: Vec<u8>| record(HANDSHAKE, 0x0301, &hello(&[5; 32], &[usual(), vec![more]].concat()));
    let of = |extensions: &[Vec<u8>]| record(HANDSHAKE, 0x0301, &hello(&[], extensions));
    let [versions, rest @ ..] = &usual()[..] else { return vec![] };
    // A ticket of 32 bytes that nobody gave, and a proof of 32 bytes that it is right.
    let ticket = [&[0, 38, 0, 32][..], &[6; 32], &[0; 4], &[0, 33, 32], &[6; 32]].concat();
    let early = [extension(KEY_EXCHANGE_MODES, &[1, 1]), extension(EARLY_DATA, &[]), extension(PRE_SHARED_KEY, &ticket)].concat();
    vec![
        ("no extension", of(&[])),
        ("TLS 1.2 alone", of(&[&[extension(VERSIONS, &[2, 3, 3])][..], rest].concat())),
        ("no version", of(rest)),
        ("early data", [with(early.clone()), record(DATA, 0x0303, &[8; 16_000]).repeat(8)].concat()),
        ("early data without a ticket", [with(extension(EARLY_DATA, &[])), record(DATA, 0x0303, &[8; 1000])].concat()),
        ("an extension twice", with(versions.clone())),
        ("an extension that says it is longer", with(vec![0, 99, 0xff, 0xff])),
        ("an extension of 16 000 bytes", with(extension(99, &[0; 16_000]))),
        ("a share of a key that is no point", with(extension(KEY_SHARE, &[0, 4, 0, 29, 0, 0]))),
        ("a share of zeros", of(&[&usual()[..3], &[extension(KEY_SHARE, &[&[0, 36, 0, 29, 0, 32][..], &[0; 32]].concat())]].concat())),
        ("a session of 255 bytes", record(HANDSHAKE, 0x0301, &hello(&[5; 255], &usual()))),
        ("a greeting twice", greeting().repeat(2)),
        ("a message without end", record(HANDSHAKE, 0x0301, &message(1, 0xff_ffff, &[7; 16_000])).repeat(20)),
        ("the end of a handshake first", record(HANDSHAKE, 0x0303, &message(20, 32, &[0; 32]))),
        ("a server's greeting", record(HANDSHAKE, 0x0303, &message(2, 40, &[3; 40]))),
        ("a greeting, then noise", [greeting(), record(DATA, 0x0303, &[0xaa; 500]).repeat(40)].concat()),
    ]
}

/// Each byte of `places` wrong in two ways, and the whole cut there.
fn mutations(whole: &[u8], places: Range<usize>) -> impl Iterator<Item = (String, Vec<u8>)> {
    places.flat_map(move |at| {
        let changed = |mask: u8| {
            let mut bytes = whole.to_owned();
            bytes[at] ^= mask;
            bytes
        };
        [
            (format!("byte {at} upside down"), changed(0xff)),
            (format!("byte {at} off by one"), changed(1)),
            (format!("cut at {at}"), whole[..at].to_owned()),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_there_are_many() {
        let all = tls_noise();
        let names: std::collections::BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() > 400, "{}", all.len());
    }

    #[test]
    fn the_greeting_says_its_own_lengths() {
        let greeting = greeting();
        assert_eq!(usize::from(u16::from_be_bytes([greeting[3], greeting[4]])), greeting.len() - 5);
        assert_eq!(usize::from(greeting[8]), greeting.len() - 9);
    }
}
