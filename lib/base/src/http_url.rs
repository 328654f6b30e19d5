//! Addresses of HTTP services.

use crate::{Invalid, registry_host::is_registry, text::text_type};

text_type! {
    /// `http://` or `https://`, a host, maybe a port, maybe a path.
    ///
    /// Proves: the authority is a [`crate::RegistryHost`] (so no user name and no password); the path has visible ASCII
    /// characters without `?`, `#`, quotes and backslashes; at most 2048 characters in all.
    HttpUrl, check
}

const ALLOWED: &str = "write http:// or https://, a host, and maybe a port and a path, for example \"https://mirror.example:5000\"";

fn check(text: &str) -> Result<(), Invalid> {
    let refuse = |wrong: &str| Err(Invalid::quoting(text, wrong, ALLOWED));
    let Some((authority, path)) = split(text) else {
        return refuse("is not an http or https address");
    };
    if authority.contains('@') {
        // Not quoted: what stands before the @ may be a password.
        return Err(Invalid::unquoted("an address may hold no user name or password", "give them in container-registry.credentials"));
    }
    if text.len() > 2048 || !is_registry(authority) || !path.bytes().all(is_path_byte) {
        return refuse("is not an http or https address");
    }
    Ok(())
}

fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    Some(rest.find('/').map_or((rest, ""), |at| rest.split_at(at)))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"?#\"'\\".contains(&byte)
}

impl HttpUrl {
    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        split(&self.0).map_or("", |(authority, _)| authority)
    }

    /// The path; empty or beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        split(&self.0).map_or("", |(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url: HttpUrl = "https://m.example:5000/v2/proxy".parse().expect("url");
        assert_eq!((url.authority(), url.path()), ("m.example:5000", "/v2/proxy"));
        let url: HttpUrl = "http://m".parse().expect("url");
        assert_eq!((url.authority(), url.path()), ("m", ""));
    }

    #[test]
    fn refused() {
        for bad in ["", "m.example", "ftp://a", "http://", "https://a b", "http://a/\n", "http://a/?q", "http:///x"] {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad:?}");
        }
        let error = "https://me:hunter2@a".parse::<HttpUrl>().expect_err("user");
        assert!(!error.to_string().contains("hunter2"));
    }
}
