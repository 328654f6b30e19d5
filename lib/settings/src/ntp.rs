//! `ntp`: where the time comes from.

use crate::checked_text::{checked_text, must};
use crate::namespace::namespace;
use ampoule_base::SingleLine;

namespace! {
    /// Where the node's time comes from.
    Ntp "ntp"
    keys {
        /// Servers asked for the time, by name or address, maybe with a port. An empty list asks nobody.
        time_servers "time-servers": Vec<TimeServer>, r#"["169.254.169.123", "2.amazon.pool.ntp.org"]"#;
        /// How they are asked, in the words of chrony's `pool` line, as in Bottlerocket: `minpoll` and `maxpoll` have effect; others are kept.
        options "options": Vec<SingleLine>, r#"["iburst"]"#;
    }
}

checked_text! {
    /// A host name or address, maybe with a port (`host:port`, `[v6]:port`). Proves: no blanks, at most 261 characters.
    TimeServer = check_server, "a host name or an address, maybe with a port";
}

fn check_server(text: &str) -> Result<(), String> {
    let right = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b);
    let is_right = (1..=261).contains(&text.len()) && text.bytes().all(right) && !text.starts_with(['-', '.']);
    must(is_right, "this is not a time server")
}
