//! Addresses of any scheme.

use crate::checked_text::{checked_text, must};

checked_text! {
    /// An address (RFC 3986), or host, port and path alone, which then mean `http://`. Proves: at most 2048 visible ASCII characters without quotes and backslashes; a scheme that
    /// needs a host has one; a port is a number. It may hold a password and is not quoted in errors.
    Url = check_url, "an address like \"https://host.example/path\", or host and path alone";
}

impl Url {
    /// With its scheme.
    #[must_use]
    pub fn with_scheme(&self) -> String {
        if scheme(self.as_str()).is_some() { self.as_str().to_owned() } else { format!("http://{}", self.as_str()) }
    }

    /// Host name or address; absent where the scheme has none, as in `aws:///zone/instance`.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let rest = scheme(self.as_str()).map_or(Some(self.as_str()), |(_, rest)| rest.strip_prefix("//"))?;
        Some(host_and_port(authority(rest))?.0).filter(|host| !host.is_empty())
    }
}

/// Schemes of which the host is a part (WHATWG calls them special).
const WITH_HOST: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];

fn check_url(text: &str) -> Result<(), String> {
    let visible = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\<>`{}|^".contains(&b));
    must(visible && text.len() <= 2048 && is_url(text), "this is not an address")
}

fn is_url(text: &str) -> bool {
    match scheme(text) {
        Some((name, rest)) if WITH_HOST.contains(&name.to_ascii_lowercase().as_str()) => rest.strip_prefix("//").is_some_and(has_host),
        Some((_, rest)) => !rest.is_empty() && rest != "//",
        None => has_host(text),
    }
}

/// The scheme and what follows its colon. `host:port` has none, although RFC 3986 could read it so.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let mut letters = name.bytes();
    let is_name =
        letters.next().is_some_and(|b| b.is_ascii_alphabetic()) && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let is_port = rest.split(['/', '?', '#']).next().is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    (is_name && !is_port).then_some((name, rest))
}

fn authority(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn has_host(rest: &str) -> bool {
    host_and_port(authority(rest)).is_some_and(|(host, port)| is_host(host) && (port.is_empty() || port.parse::<u16>().is_ok()))
}

fn host_and_port(authority: &str) -> Option<(&str, &str)> {
    match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']')?;
            Some((host, after.strip_prefix(':').unwrap_or(after)))
        }
        None => Some(authority.split_once(':').unwrap_or((authority, ""))),
    }
}

fn is_host(host: &str) -> bool {
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
    host.parse::<std::net::Ipv6Addr>().is_ok() || (!host.is_empty() && host.bytes().all(name) && !host.starts_with(['.', '-']))
}
