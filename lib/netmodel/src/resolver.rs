//! The resolver file: what is chosen in the settings, and for what is not, what the network says.

use serde::Deserialize;
use std::net::IpAddr;

/// The C library's resolver uses no more (`resolv.conf(5)`, MAXNS).
const MAX_SERVERS: usize = 3;
/// Domains and characters of a search list: what older C libraries and musl take; musl drops a longer list whole.
const MAX_DOMAINS: usize = 6;
const MAX_SEARCH: usize = 255;
/// Entries of either list in a settings file. Far above what the resolver uses: more is a mistake.
const MAX_ENTRIES: usize = 64;
/// Longest settings file that is looked at, in bytes: room for the lists above at their longest.
pub const MAX_SETTINGS: usize = 32 * 1024;

/// `dns.name-servers` and `dns.search-list`, as `/etc/ampoule/resolver.json` holds them. What is absent comes from the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Resolvers, most wanted first; an empty list means none.
    #[serde(default)]
    name_servers: Option<Vec<IpAddr>>,
    /// Domains tried behind a short name; an empty list means none.
    #[serde(default)]
    search_list: Option<Vec<String>>,
}

/// Why a settings file is refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Longer than [`MAX_SETTINGS`].
    #[error("it has more than {MAX_SETTINGS} bytes")]
    TooLong,
    /// Another document than agreed.
    #[error("it is not an object with the lists name-servers (addresses) and search-list (domains)")]
    Malformed(#[source] serde_json::Error),
    /// Too many entries in a list.
    #[error("{0} has more than {MAX_ENTRIES} entries")]
    TooMany(&'static str),
    /// Not a domain name.
    #[error("search-list holds {0:?}, which is no domain name")]
    NotADomain(String),
}

impl Settings {
    /// Reads the settings file.
    ///
    /// # Errors
    /// What is wrong with it; then none of it counts.
    pub fn parse(bytes: &[u8]) -> Result<Self, SettingsError> {
        if bytes.len() > MAX_SETTINGS {
            return Err(SettingsError::TooLong);
        }
        let settings: Self = serde_json::from_slice(bytes).map_err(SettingsError::Malformed)?;
        let domains = settings.search_list.iter().flatten();
        let wrong = domains.clone().find(|d| !is_domain(d));
        match (settings.name_servers.iter().flatten().count(), domains.count(), wrong) {
            (servers, ..) if servers > MAX_ENTRIES => Err(SettingsError::TooMany("name-servers")),
            (_, domains, _) if domains > MAX_ENTRIES => Err(SettingsError::TooMany("search-list")),
            (.., Some(wrong)) => Err(SettingsError::NotADomain(wrong.chars().take(60).collect())),
            _ => Ok(settings),
        }
    }
}

/// A resolver that the network named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Its address.
    pub address: IpAddr,
    /// The link it was named on.
    pub link: String,
}

impl std::fmt::Display for NameServer {
    /// A link-local address means nothing without its link (RFC 4007, 11).
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => write!(out, "{address}%{}", self.link),
            address => write!(out, "{address}"),
        }
    }
}

/// What the resolver file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver {
    /// Resolvers in use, in the file's notation.
    pub name_servers: Vec<String>,
    /// Domains in use.
    pub search_list: Vec<String>,
}

impl Resolver {
    /// Chooses: each list from the settings if they have it, else from the network. Repetitions, and what resolvers would not use, are left out.
    #[must_use]
    pub fn choose(settings: &Settings, servers: &[NameServer], domains: &[String]) -> Self {
        let servers = match &settings.name_servers {
            Some(chosen) => chosen.iter().map(ToString::to_string).collect(),
            None => servers.iter().map(ToString::to_string).collect(),
        };
        let domains = settings.search_list.as_deref().unwrap_or(domains);
        // A domain can come from whoever answers DHCP: nothing in it may become another line.
        let domains = domains.iter().filter(|d| is_domain(d)).cloned().collect();
        Self { name_servers: first_of(servers, MAX_SERVERS), search_list: fitting(first_of(domains, MAX_DOMAINS)) }
    }

    /// The text of `/etc/resolv.conf`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from("# Made by netd from the settings and from what the network says.\n");
        if !self.search_list.is_empty() {
            text.push_str(&format!("search {}\n", self.search_list.join(" ")));
        }
        text.extend(self.name_servers.iter().map(|server| format!("nameserver {server}\n")));
        text
    }
}

/// Each text once, in the given order, at most `most`.
fn first_of(texts: Vec<String>, most: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in texts {
        if out.len() < most && !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

/// As many domains, from the first, as fit on the line.
fn fitting(domains: Vec<String>) -> Vec<String> {
    let mut length = 0;
    let fits = |domain: &String| {
        length += domain.len() + 1;
        length <= MAX_SEARCH + 1
    };
    domains.into_iter().take_while(fits).collect()
}

/// Letters, digits, `-`, `_` and `.`, at most 253: nothing that could end a line or begin a word.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
