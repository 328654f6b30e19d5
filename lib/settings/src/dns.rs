//! `dns`: who resolves names.

use crate::SettingError;
use crate::checked_text::{checked_text, must};
use crate::namespace::namespace;
use std::net::IpAddr;

namespace! {
    /// Who resolves names. What is not set comes from the network.
    Dns "dns"
    keys {
        /// Name servers, first to last, in place of those that the network names.
        name_servers "name-servers": Vec<IpAddr>, r#"["10.0.0.2", "fd00::2"]"#;
        /// Domains in which a short name is looked for, in place of those that the network names.
        search_list "search-list": Vec<Domain>, r#"["eu-west-1.compute.internal"]"#;
    }
}

checked_text! {
    /// A domain name. Proves: 1 to 253 of `a-z A-Z 0-9 - _ .`, no empty label, so that nothing in it can become another line of the resolver file.
    Domain = check_domain, "a domain name, for example \"cluster.example\"";
}

fn check_domain(text: &str) -> Result<(), String> {
    let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let is_right = text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label);
    must(is_right, "this is not a domain name")
}

/// As many as whoever writes the resolver file reads; a resolver uses the first few of them.
const MOST: usize = 64;

/// Lists that nobody would read to their end are refused.
pub(crate) fn check_together(dns: &Dns, errors: &mut Vec<SettingError>) {
    let lengths = [("name-servers", dns.name_servers.as_ref().map(Vec::len)), ("search-list", dns.search_list.as_ref().map(Vec::len))];
    for (name, length) in lengths {
        if let Some(length) = length.filter(|length| *length > MOST) {
            errors.push(SettingError::value(&format!("dns.{name}"), format!("these are {length} entries"), format!("give at most {MOST}")));
        }
    }
}
