//! Encodings and answers without a kernel.

use ampoule_nft::{Action, AnswerError, BridgeNetwork, Chain, EncodeError, Match, Rule, Ruleset, encode, encode_removal};
use proptest::prelude::*;

fn one_rule(rule: Rule) -> Ruleset {
    let chain = Chain { name: "c".into(), base: None, rules: vec![rule] };
    Ruleset { table: "t".into(), chains: vec![chain] }
}

fn plain(matches: Vec<Match>, comment: &str) -> Rule {
    Rule { matches, action: Action::Accept, comment: comment.into() }
}

/// An answer as the kernel forms it.
fn answer(sequence: u32, error: i32) -> Vec<u8> {
    let mut bytes = 20_u32.to_ne_bytes().to_vec();
    bytes.extend(2_u16.to_ne_bytes());
    bytes.extend(0_u16.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend((-error).to_ne_bytes());
    bytes
}

#[test]
fn removal_is_four_framed_messages() {
    let batch = encode_removal("ab").expect("encodes");
    let lengths: Vec<u32> = split(batch.bytes()).iter().map(|m| m.len() as u32).collect();
    assert_eq!(lengths, [20, 28, 28, 20]);
    let delete = split(batch.bytes())[2];
    assert_eq!(delete[4..6], 0x0a02_u16.to_ne_bytes());
    // Family IPv4, then attribute 1 of 7 bytes: "ab\0" and padding.
    assert_eq!(delete[16..], [2, 0, 0, 0, 7, 0, 1, 0, b'a', b'b', 0, 0]);
}

fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_ne_bytes(bytes[..4].try_into().expect("four")) as usize;
        let (message, rest) = bytes.split_at(length);
        messages.push(message);
        bytes = rest;
    }
    messages
}

#[test]
fn wrong_parts_are_refused_by_name() {
    let named = |table: &str| encode_removal(table).map(|_| ());
    assert_eq!(named("a b"), Err(EncodeError::Name("a b".into())));
    assert_eq!(named(""), Err(EncodeError::Name(String::new())));
    let refused = |rule| encode(&one_rule(rule)).map(|_| ());
    let long = Match::InputInterface("interface-name-16".into());
    assert!(matches!(refused(plain(vec![long], "")), Err(EncodeError::Interface(_))));
    assert!(matches!(refused(plain(vec![], &"x".repeat(128))), Err(EncodeError::Comment(_))));
    let net = Match::Source([10, 0, 0, 0].into(), 33);
    assert_eq!(refused(plain(vec![net], "")), Err(EncodeError::Prefix(33)));
}

#[test]
fn only_an_acknowledged_batch_is_good() {
    let batch = encode_removal("t").expect("encodes");
    assert!(matches!(batch.check(&[]), Err(AnswerError::Silent)));
    assert!(matches!(batch.check(&answer(1, 0)), Err(AnswerError::Silent)));
    batch.check(&answer(2, 0)).expect("good");
    let both = [answer(2, 0), answer(1, 1)].concat();
    let refusal = batch.check(&both).expect_err("refused").to_string();
    assert!(refusal.contains("table t") && refusal.contains("not permitted"), "{refusal}");
}

proptest! {
    #[test]
    fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let batch = encode_removal("t").expect("encodes");
        let _ = batch.check(&bytes);
    }

    #[test]
    fn every_batch_is_made_of_whole_messages(
        table in "[a-z0-9_-]{1,31}", links in "[a-z0-9.]{1,14}[a-z*]?", subnet: [u8; 4], prefix in 0_u8..=32,
    ) {
        let network = BridgeNetwork { table, links, subnet: subnet.into(), prefix, published: vec![] };
        let batch = encode(&network.ruleset()).expect("encodes");
        let kinds: Vec<[u8; 2]> = split(batch.bytes()).iter().map(|m| [m[4], m[5]]).collect();
        prop_assert_eq!(kinds.first(), Some(&0x10_u16.to_ne_bytes()));
        prop_assert_eq!(kinds.last(), Some(&0x11_u16.to_ne_bytes()));
        prop_assert_eq!(kinds.len(), 2 + 3 + 6 + 12);
    }
}
