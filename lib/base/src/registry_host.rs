//! Registries.

use crate::{Invalid, text::text_type};

text_type! {
    /// A registry: host, and port if it is not the usual one.
    ///
    /// Proves: `host[:port]` where the host has parts of letters, digits and inner `-` between single dots, at most 255
    /// characters in all; the port is 1 to 65535. Safe as one component of a path. IPv6 addresses are not taken:
    /// image references have no form for them.
    RegistryHost, check
}

text_type! {
    /// A [`RegistryHost`], or `*` for every registry without an entry of its own.
    RegistryPattern, check_pattern
}

const ALLOWED: &str = "write host or host:port without http:// and without a path, for example \"registry.example:5000\"";

fn check(text: &str) -> Result<(), Invalid> {
    is_registry(text).then_some(()).ok_or_else(|| Invalid::quoting(text, "is not a registry's host", ALLOWED))
}

fn check_pattern(text: &str) -> Result<(), Invalid> {
    if text == "*" { Ok(()) } else { check(text) }
}

/// Whether `text` is `host[:port]`.
pub(crate) fn is_registry(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    text.len() <= 255 && host.split('.').all(is_part) && port.is_none_or(is_port)
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<std::num::NonZeroU16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad() {
        for good in ["docker.io", "10.0.2.2:5000", "localhost", "r-1.example:65535"] {
            assert!(good.parse::<RegistryHost>().is_ok(), "{good}");
        }
        for bad in ["", "http://a", "a/b", "..", "a..b", "a:", "a:0", "a:65536", "a:+1", "a:1:2", "a b", "-a", "*", "_default"] {
            assert!(bad.parse::<RegistryHost>().is_err(), "{bad:?}");
        }
        assert!("*".parse::<RegistryPattern>().is_ok());
    }
}
