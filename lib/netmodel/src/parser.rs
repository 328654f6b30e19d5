//! What the network daemon and its parser say to each other: the daemon has rights over the network, so it does not read what strangers sent; a process that has none does.
//!
//! A question is a frame with the bytes as they came, an answer one with what they mean, as JSON of types that cannot be anything else. An answer is not believed either: it is bounded, and what
//! it says must be what a server or a router could say.

use crate::dhcp::{Answer, answer};
use crate::ndisc::{Announcement, announcements};
use serde::{Deserialize, Serialize};

/// The parser's socket.
pub const SOCKET: &str = "/run/ampoule/netd-parser/socket";
/// Longest question, in bytes: a packet of an ordinary link, or a message of the kernel's with one option of a router (2 KiB at most).
pub const MAX_QUESTION: usize = 4 * 1024;
/// Longest answer, in bytes. Every byte of a question comes back as six at most (`\u0000`), and there are a few names of fields.
pub const MAX_ANSWER: usize = 32 * 1024;
/// Bytes of a length in front of a frame, which is little-endian.
pub const LENGTH: usize = 4;

/// What the bytes of a question are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A packet to the port of DHCP clients.
    Dhcp = 1,
    /// A message of the kernel's with options of router advertisements.
    Advertisement = 2,
}

/// What is in them; nothing, if they are no such thing or malformed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Meaning {
    /// A DHCP server's answer.
    pub dhcp: Option<Answer>,
    /// What routers announce.
    pub announcements: Vec<Announcement>,
}

/// A question as a frame without its length; `None`: too long to be one.
#[must_use]
pub fn question(kind: Kind, bytes: &[u8]) -> Option<Vec<u8>> {
    (bytes.len() < MAX_QUESTION).then(|| [&[kind as u8], bytes].concat())
}

/// A frame as it is sent: its length in front of it.
#[must_use]
pub fn framed(frame: &[u8]) -> Vec<u8> {
    // Questions and answers are some KiB at most.
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), frame].concat()
}

/// The parser's side: the answer to a question, as a frame without its length.
#[must_use]
pub fn parse(question: &[u8]) -> Vec<u8> {
    let meaning = match question {
        [1, packet @ ..] => Meaning { dhcp: answer(packet), ..Meaning::default() },
        [2, message @ ..] => Meaning { announcements: announcements(message), ..Meaning::default() },
        _ => Meaning::default(),
    };
    // Plain values always serialise.
    serde_json::to_vec(&meaning).ok().filter(|text| text.len() <= MAX_ANSWER).unwrap_or_else(|| b"{}".to_vec())
}

/// The daemon's side: what an answer says, without what no server or router could have meant.
#[must_use]
pub fn meaning(answer: &[u8]) -> Option<Meaning> {
    let mut meaning: Meaning = (answer.len() <= MAX_ANSWER).then(|| serde_json::from_slice(answer).ok())??;
    meaning.dhcp = meaning.dhcp.filter(Answer::is_sound);
    meaning.announcements.retain(Announcement::is_sound);
    Some(meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::Kind as Says;
    use crate::ndisc::Content;
    use proptest::prelude::*;

    fn asked(kind: Kind, bytes: &[u8]) -> Meaning {
        meaning(&parse(&question(kind, bytes).expect("short"))).expect("an answer")
    }

    #[test]
    fn what_means_nothing_is_answered_by_nothing() {
        for kind in [Kind::Dhcp, Kind::Advertisement] {
            assert_eq!(asked(kind, b"x"), Meaning::default());
        }
        assert_eq!(meaning(&parse(&[])), Some(Meaning::default()));
        assert_eq!(question(Kind::Dhcp, &[0; MAX_QUESTION]), None);
    }

    #[test]
    fn a_parser_that_was_taken_over_cannot_say_anything_it_likes() {
        let lease = |prefix: u8, name: &str| {
            format!(
                r#"{{"dhcp":{{"transaction":1,"mac":[1,2,3,4,5,6],"kind":"Ack","lease":{{"address":"10.0.0.2","prefix":{prefix},"router":null,"name_servers":[],"domain":"{name}","host_name":null,"mtu":null,"server":"10.0.0.1","seconds":60}}}}}}"#
            )
        };
        let dhcp = |text: String| meaning(text.as_bytes()).and_then(|m| m.dhcp);
        assert_eq!(dhcp(lease(24, "example.com")).map(|a| a.kind), Some(Says::Ack));
        assert_eq!(dhcp(lease(77, "example.com")), None);
        assert_eq!(dhcp(lease(24, &"x".repeat(300))), None);
        assert_eq!(meaning(br#"{"dhcp":null,"command":"x"}"#), None);
        assert_eq!(meaning(&vec![b' '; MAX_ANSWER + 1]), None);
        let domains = |list: Vec<String>| {
            serde_json::to_vec(&Meaning {
                dhcp: None,
                announcements: vec![Announcement { link: 1, lifetime: 1, content: Content::Domains(list) }],
            })
        };
        let kept = |list| meaning(&domains(list).expect("JSON")).map(|m| m.announcements.len());
        assert_eq!(kept(vec!["example.com".to_owned()]), Some(1));
        assert_eq!(kept(vec!["a b\nnameserver 6.6.6.6".to_owned()]), Some(0));
        assert_eq!(kept(vec!["example.com".to_owned(); 100]), Some(0));
    }

    proptest! {
        #[test]
        fn any_question_is_answered_and_any_answer_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for kind in [Kind::Dhcp, Kind::Advertisement] {
                let _ = asked(kind, &bytes);
            }
            let _ = meaning(&bytes);
        }
    }
}
