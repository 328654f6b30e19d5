//! `updates.checks`: what has to answer before the boot of a new version is good.

use crate::checked_text::checked_text;
use crate::choice::choice;
use crate::namespace::namespace;
use crate::updates::span::CheckTimeout;
use crate::workloads::Workloads;
use crate::{Described, SettingError};
use ampoule_base::{HostName, HttpUrl, Identifier, Port, WorkloadName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

namespace! {
    /// Something that has to answer before the boot of a new version is good.
    Check "updates.checks.*" named Identifier = "web"
    keys {
        /// How it is asked: `http` gets `url`, and a status from 200 to 399 is good; `tcp` connects to `address` and `port`; `command` runs `command` in `workload`, and the exit code 0 is good.
        kind "kind": CheckKind, r#""http""#;
        /// What an `http` check gets.
        url "url": HttpUrl, r#""http://127.0.0.1:8080/health""#;
        /// Where a `tcp` check connects to.
        address "address": CheckAddress, r#""127.0.0.1""#;
        /// The port that it connects to.
        port "port": Port, "5432";
        /// The workload in whose container a `command` check runs its command. Settings must name it and not disable it.
        workload "workload": WorkloadName, r#""db""#;
        /// What a `command` check runs there, beside the workload's own process and with its rights: a program of its image and arguments, by no shell. What it says last is part of the reason when it fails.
        command "command": CheckCommand, r#"["/usr/bin/pg_isready", "-q"]"#;
        /// How long one attempt may take. Attempts are made until one is good or `health-timeout` is over.
        timeout "timeout": CheckTimeout, r#""5s""#;
    }
}

choice! {
    /// How a check asks.
    CheckKind { Http = "http", Tcp = "tcp", Command = "command" }
}

checked_text! {
    /// An address, or the name of a host.
    CheckAddress = check_address, "an IPv4 or IPv6 address, or the name of a host";
}

fn check_address(text: &str) -> Result<(), String> {
    let is_right = text.parse::<IpAddr>().is_ok() || HostName::try_from(text.to_owned()).is_ok();
    if is_right { Ok(()) } else { Err("this is neither an address nor the name of a host".to_owned()) }
}

/// Most words of a command.
const MAX_WORDS: usize = 64;
/// Longest command, in bytes.
const MAX_COMMAND: usize = 4096;

/// A program and its arguments. Proves: there is a program, and the kernel takes all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct CheckCommand(Vec<String>);

impl CheckCommand {
    /// The program and its arguments.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for CheckCommand {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        let is_long = words.len() > MAX_WORDS || words.iter().map(String::len).sum::<usize>() > MAX_COMMAND;
        match words.first() {
            None => Err("there is no program to run".to_owned()),
            Some(program) if program.is_empty() => Err("the program has no name".to_owned()),
            _ if is_long => Err(format!("this is longer than {MAX_WORDS} words or {MAX_COMMAND} bytes")),
            _ if words.iter().any(|word| word.contains('\0')) => {
                Err("a word has a zero byte in it, which no program can be given".to_owned())
            }
            _ => Ok(Self(words)),
        }
    }
}

impl From<CheckCommand> for Vec<String> {
    fn from(command: CheckCommand) -> Self {
        command.0
    }
}

impl Described for CheckCommand {
    const ALLOWED: &'static str = "a list of 1 to 64 words, the first of them a program";

    fn schema() -> Value {
        json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": MAX_WORDS })
    }
}

impl Check {
    /// Whether it has what its kind needs and nothing else, an attempt is over by `most`, and its workload is one of `workloads` that runs.
    pub(super) fn check(&self, key: &str, most: Duration, workloads: &Workloads, errors: &mut Vec<SettingError>) {
        let Some(kind) = self.kind else {
            errors.push(SettingError::value(&format!("{key}.kind"), "a check needs it", "set it to \"http\", \"tcp\" or \"command\""));
            return;
        };
        for (name, is_set, of) in [
            ("url", self.url.is_some(), CheckKind::Http),
            ("address", self.address.is_some(), CheckKind::Tcp),
            ("port", self.port.is_some(), CheckKind::Tcp),
            ("workload", self.workload.is_some(), CheckKind::Command),
            ("command", self.command.is_some(), CheckKind::Command),
        ] {
            errors.extend(
                problem(is_set, of == kind, kind).map(|(reason, hint)| SettingError::value(&format!("{key}.{name}"), reason, hint)),
            );
        }
        if self.timeout.as_ref().is_some_and(|timeout| timeout.get() > most) {
            let (reason, hint) = ("one attempt may take longer than all of them", "make it shorter, or `updates.health-timeout` longer");
            errors.push(SettingError::value(&format!("{key}.timeout"), reason, hint));
        }
        if let Some(reason) = self.workload.as_ref().filter(|_| kind == CheckKind::Command).and_then(|name| lacking(name, workloads)) {
            let hint = "name one that does, or delete the check: with it no new version could ever be good";
            errors.push(SettingError::value(&format!("{key}.workload"), reason, hint));
        }
    }
}

/// Why nothing can be run in a workload, if so.
fn lacking(name: &WorkloadName, workloads: &Workloads) -> Option<String> {
    match workloads.get(name) {
        None => Some(format!("there is no workload `{name}` that could run it")),
        Some(workload) if !workload.enabled => Some(format!("the workload `{name}` is disabled and does not run")),
        Some(_) => None,
    }
}

/// What is wrong with a setting that is there or not, and is wanted or not.
fn problem(is_set: bool, is_wanted: bool, kind: CheckKind) -> Option<(String, String)> {
    let kind = kind.as_str();
    match (is_set, is_wanted) {
        (false, true) => Some((format!("a check of the kind \"{kind}\" needs it"), "set it".to_owned())),
        (true, false) => Some((format!("a check of the kind \"{kind}\" has no use for it"), "delete it, or set another `kind`".to_owned())),
        _ => None,
    }
}
