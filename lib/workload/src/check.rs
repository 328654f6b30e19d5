//! A command in a workload that tells whether it is well.
//!
//! Who asks names a check and nothing else; what is run is what settings say under that name. So the socket gives nobody a way to run what they like.
//! One connection, one request: a line of JSON, a line of JSON back.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// Where the file with all checks lies on a node. Without it there are none.
pub const PATH: &str = "/etc/ampoule/workload-checks.json";
/// Longest file, in bytes.
pub const MAX_CHECKS_BYTES: u64 = 1024 * 1024;
/// Where `hostd` is asked.
pub const SOCKET: &str = "/run/ampoule/hostd/checks";
/// Longest line of either side, in bytes, its end included.
pub const MAX_LINE: usize = 4096;
/// Longest time that one command may be given.
pub const MAX_TIME: Duration = Duration::from_secs(60);
/// Most characters of a reason: what an updater keeps of one.
pub const MAX_REASON: usize = 200;
/// Lines of what a command said last that are part of a reason.
const MAX_LINES: usize = 3;
/// Bytes of output that are kept: enough for the longest reason in any script.
const TAIL: usize = 4 * MAX_REASON;

/// All checks that run a command, by name.
pub type Checks = BTreeMap<String, Check>;

/// What is run, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Check {
    /// The workload in whose container it runs.
    pub workload: String,
    /// The program and its arguments; at least one word.
    pub command: Vec<String>,
    /// How long it may take, in seconds.
    pub timeout_seconds: u64,
}

impl Check {
    /// How long it may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds).min(MAX_TIME)
    }
}

/// Asks for a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its name in the settings.
    pub check: String,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// The command exited with 0 in time.
    Passed {},
    /// It did not, or could not be run.
    Failed {
        /// Why, for a person: one line of at most [`MAX_REASON`] characters.
        reason: String,
    },
}

impl Outcome {
    /// A failure; the reason becomes one short line, whatever is in it.
    pub fn failed(reason: &str) -> Self {
        Outcome::Failed { reason: one_line(reason).chars().take(MAX_REASON).collect() }
    }

    /// The command ended by itself with this exit code, after it had said `output`.
    pub fn ended(code: u32, output: &Tail) -> Self {
        match code {
            0 => Outcome::Passed {},
            code => Self::failed(&with_output(&format!("it ended with code {code}"), output)),
        }
    }

    /// The command was still running when its time was over.
    pub fn late(limit: Duration, output: &Tail) -> Self {
        Self::failed(&with_output(&format!("it did not end within {} s", limit.as_secs()), output))
    }
}

/// As a line of the socket.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    // These types have no map with odd keys, so they always have a text.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The end of what a command says; memory does not grow with what comes.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Takes in what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.bytes.extend_from_slice(new);
        self.bytes.drain(..self.bytes.len().saturating_sub(TAIL));
    }

    /// The last lines that are not empty, at most `most` characters of their end.
    fn last(&self, most: usize) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let said = one_line(&lines[lines.len().saturating_sub(MAX_LINES)..].join(" | "));
        said.chars().skip(said.chars().count().saturating_sub(most)).collect()
    }
}

fn with_output(what: &str, output: &Tail) -> String {
    match output.last(MAX_REASON.saturating_sub(what.chars().count() + 2)) {
        said if said.is_empty() => what.to_owned(),
        said => format!("{what}: {said}"),
    }
}

/// Nothing that a container says can pass for another line, or move a terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail(text: &str) -> Tail {
        let mut tail = Tail::default();
        tail.push(text.as_bytes());
        tail
    }

    fn reason(outcome: Outcome) -> String {
        match outcome {
            Outcome::Failed { reason } => reason,
            Outcome::Passed {} => panic!("it passed"),
        }
    }

    #[test]
    fn lines_are_as_agreed() {
        assert_eq!(line(&Request { check: "db".into() }), b"{\"check\":\"db\"}\n");
        assert_eq!(line(&Outcome::Passed {}), b"{\"passed\":{}}\n");
        assert_eq!(line(&Outcome::failed("no\nway")), b"{\"failed\":{\"reason\":\"no way\"}}\n");
        let smuggled = serde_json::from_str::<Request>(r#"{"check":"db","command":["/bin/sh"]}"#);
        assert!(smuggled.is_err(), "a command cannot be sent");
    }

    #[test]
    fn what_was_said_last_is_the_reason() {
        assert_eq!(Outcome::ended(0, &tail("all is well")), Outcome::Passed {});
        assert_eq!(reason(Outcome::ended(3, &tail("a\nb\n\nc\r\nd\n"))), "it ended with code 3: b | c | d");
        assert_eq!(reason(Outcome::ended(137, &tail(""))), "it ended with code 137");
        assert_eq!(reason(Outcome::late(Duration::from_secs(5), &tail("waiting"))), "it did not end within 5 s: waiting");
        let long = reason(Outcome::ended(1, &tail(&format!("{}the end", "x".repeat(9999)))));
        assert!(long.ends_with("the end") && long.chars().count() == MAX_REASON, "{long}");
    }

    #[test]
    fn no_command_gets_more_than_a_minute() {
        let check = Check { workload: "db".into(), command: vec!["x".into()], timeout_seconds: u64::MAX };
        assert_eq!(check.limit(), MAX_TIME);
    }

    proptest! {
        #[test]
        fn whatever_is_said_it_is_one_short_line(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..4), code in 1u32..) {
            let mut tail = Tail::default();
            pieces.iter().for_each(|piece| tail.push(piece));
            prop_assert!(tail.bytes.len() <= TAIL);
            let all = pieces.concat();
            prop_assert!(all.ends_with(&tail.bytes));
            let outcome = Outcome::ended(code, &tail);
            let sent = line(&outcome);
            prop_assert!(sent.len() <= MAX_LINE && sent.iter().filter(|byte| **byte == b'\n').count() == 1);
            prop_assert_eq!(serde_json::from_slice::<Outcome>(&sent).expect("understood"), outcome);
        }
    }
}
