//! Changes made to seeds.

use crate::{LONGEST, Numbers};

/// Pieces that parsers of text and of binary documents stumble over.
const PIECES: [&[u8]; 28] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"'''",
    b"\\u0000",
    b"\\",
    b"[",
    b"[[",
    b"]",
    b"{",
    b"}",
    b"=",
    b".",
    b",",
    b"-1",
    b"0",
    b"1e999",
    b"99999999999999999999",
    b"18446744073709551616",
    b"\xff\xfe",
    b"\xf0\x9f\x92\xa5",
    b"\xc3\x28",
    b"../",
    b"/",
    b":",
    b"[settings]",
    b"\xff\xff\xff\xff",
];

/// A seed with a few changes, or a few seeds mixed.
#[must_use]
pub fn changed(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(6) {
        change(&mut input, seeds, numbers);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(input.len() + 1);
    match numbers.below(8) {
        0 => flip(input, numbers),
        1 => input.truncate(at),
        2 => insert(input, at, PIECES[numbers.below(PIECES.len())]),
        3 => remove(input, at, numbers.below(16)),
        4 => repeat(input, at, numbers),
        5 => overwrite(input, at, numbers),
        6 => insert(input, at, &piece_of(&seeds[numbers.below(seeds.len())], numbers)),
        _ => swap_halves(input, at),
    }
}

fn flip(input: &mut [u8], numbers: &mut Numbers) {
    let bit = 1 << numbers.below(8);
    let at = numbers.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bit;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

fn remove(input: &mut Vec<u8>, at: usize, count: usize) {
    let end = at.saturating_add(count).min(input.len());
    input.drain(at..end);
}

/// The same piece again and again: deep nesting, long lists, many keys.
fn repeat(input: &mut Vec<u8>, at: usize, numbers: &mut Numbers) {
    let end = at.saturating_add(1 + numbers.below(24)).min(input.len());
    let piece = input[at..end].to_vec();
    let times = 1 << numbers.below(11);
    let room = LONGEST / piece.len().max(1);
    insert(input, at, &piece.repeat(times.min(room)));
}

fn overwrite(input: &mut [u8], at: usize, numbers: &mut Numbers) {
    let end = at.saturating_add(1 + numbers.below(8)).min(input.len());
    for byte in &mut input[at..end] {
        *byte = numbers.byte();
    }
}

fn piece_of(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let start = numbers.below(seed.len());
    let end = start.saturating_add(numbers.below(64)).min(seed.len());
    seed.get(start..end).unwrap_or_default().to_vec()
}

fn swap_halves(input: &mut [u8], at: usize) {
    input.rotate_left(at.min(input.len()));
}
