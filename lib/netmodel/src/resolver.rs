//! The resolver file.

use std::net::IpAddr;

/// The C library's resolver uses no more (`resolv.conf(5)`).
const MAX_SERVERS: usize = 3;

/// The text of `/etc/resolv.conf`.
#[must_use]
pub fn render(servers: &[IpAddr], domain: Option<&str>) -> String {
    let search = domain.filter(|d| is_domain(d)).map(|d| format!("search {d}\n")).unwrap_or_default();
    let servers: String = servers.iter().take(MAX_SERVERS).map(|s| format!("nameserver {s}\n")).collect();
    format!("# Made by netd from what the network says.\n{search}{servers}")
}

/// A domain comes from whoever answers DHCP: nothing in it may become another line.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_domain_is_left_out() {
        let text = render(&["10.0.2.3".parse().expect("address")], Some("x\nnameserver 6.6.6.6"));
        assert_eq!(text.matches("nameserver").count(), 1);
    }
}
