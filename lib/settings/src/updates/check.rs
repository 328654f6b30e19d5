//! `updates.checks`: what has to answer before the boot of a new version is good.

use crate::SettingError;
use crate::checked_text::checked_text;
use crate::choice::choice;
use crate::namespace::namespace;
use crate::updates::span::CheckTimeout;
use ampoule_base::{HostName, HttpUrl, Identifier, Port};
use std::net::IpAddr;
use std::time::Duration;

namespace! {
    /// Something that has to answer before the boot of a new version is good.
    Check "updates.checks.*" named Identifier = "web"
    keys {
        /// How it is asked: `http` gets `url`, and a status from 200 to 399 is good; `tcp` connects to `address` and `port`.
        kind "kind": CheckKind, r#""http""#;
        /// What an `http` check gets.
        url "url": HttpUrl, r#""http://127.0.0.1:8080/health""#;
        /// Where a `tcp` check connects to.
        address "address": CheckAddress, r#""127.0.0.1""#;
        /// The port that it connects to.
        port "port": Port, "5432";
        /// How long one attempt may take. Attempts are made until one is good or `health-timeout` is over.
        timeout "timeout": CheckTimeout, r#""5s""#;
    }
}

choice! {
    /// How a check asks.
    CheckKind { Http = "http", Tcp = "tcp" }
}

checked_text! {
    /// An address, or the name of a host.
    CheckAddress = check_address, "an IPv4 or IPv6 address, or the name of a host";
}

fn check_address(text: &str) -> Result<(), String> {
    let is_right = text.parse::<IpAddr>().is_ok() || HostName::try_from(text.to_owned()).is_ok();
    if is_right { Ok(()) } else { Err("this is neither an address nor the name of a host".to_owned()) }
}

impl Check {
    /// Whether it has what its kind needs and nothing else, and an attempt is over by `most`.
    pub(super) fn check(&self, key: &str, most: Duration, errors: &mut Vec<SettingError>) {
        let Some(kind) = self.kind else {
            errors.push(SettingError::value(&format!("{key}.kind"), "a check needs it", "set it to \"http\" or \"tcp\""));
            return;
        };
        for (name, is_set, of) in [
            ("url", self.url.is_some(), CheckKind::Http),
            ("address", self.address.is_some(), CheckKind::Tcp),
            ("port", self.port.is_some(), CheckKind::Tcp),
        ] {
            errors.extend(
                problem(is_set, of == kind, kind).map(|(reason, hint)| SettingError::value(&format!("{key}.{name}"), reason, hint)),
            );
        }
        if self.timeout.as_ref().is_some_and(|timeout| timeout.get() > most) {
            let (reason, hint) = ("one attempt may take longer than all of them", "make it shorter, or `updates.health-timeout` longer");
            errors.push(SettingError::value(&format!("{key}.timeout"), reason, hint));
        }
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
