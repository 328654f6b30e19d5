//! Credentials for registries, as `apid` wrote them.

use std::{fmt, path::Path};

use containerd_client::types::transfer::{AuthResponse, AuthType};
use serde::Deserialize;

use crate::{error::HostError, files};

/// Larger than any real list, in bytes.
const MAX_BYTES: u64 = 256 * 1024;
/// The name people write for Docker's registry, and the one its servers answer under.
const DOCKER: [&str; 3] = ["docker.io", "registry-1.docker.io", "index.docker.io"];

/// All credentials of the node.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Credentials {
    all: Vec<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Credential {
    registry: String,
    username: Option<String>,
    password: Option<String>,
    /// Base64 of `username:password`, as Docker's own file has it.
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// Without this a debug print could put a password into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials for {} registries", self.all.len())
    }
}

impl Credentials {
    /// Reads the file; no file means no credentials.
    pub(crate) fn read(path: &Path) -> Result<Self, HostError> {
        let Some(text) = files::read_bounded(path, MAX_BYTES)? else {
            return Ok(Self::default());
        };
        files::parse_secret(path, &text)
    }

    /// What to say to `host`, which wants to know who we are for an image of `registry`. Only
    /// credentials that were given for `host` itself are ever sent to it: a mirror does not get
    /// those of the registry it mirrors.
    pub(crate) fn answer(&self, host: &str, registry: &str) -> AuthResponse {
        let is_same = |name: &str| name == host || (DOCKER.contains(&name) && DOCKER.contains(&host));
        let found = self.all.iter().find(|credential| is_same(&credential.registry));
        if found.is_none() {
            log::debug!("no credentials for {host} (image of {registry})");
        }
        found.map(Credential::answer).unwrap_or_default()
    }
}

impl Credential {
    fn answer(&self) -> AuthResponse {
        if let Some(token) = &self.identitytoken {
            return AuthResponse { auth_type: AuthType::Refresh.into(), secret: token.clone(), ..Default::default() };
        }
        let pair = self.username.clone().zip(self.password.clone()).or_else(|| self.auth.as_deref().and_then(pair));
        let Some((username, secret)) = pair else {
            return AuthResponse::default();
        };
        AuthResponse { auth_type: AuthType::Credentials.into(), username, secret, ..Default::default() }
    }
}

fn pair(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64(auth.trim())?).ok()?;
    text.split_once(':').map(|(username, password)| (username.to_owned(), password.to_owned()))
}

/// Standard base64 with or without padding; small enough not to be worth a dependency.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        serde_json::from_str(
            r#"[{"registry":"r.example:5000","username":"u","password":"p"},
                {"registry":"docker.io","auth":"bmFtZTpzZWNyZXQ="},
                {"registry":"t.example","identitytoken":"tok"}]"#,
        )
        .expect("valid")
    }

    #[test]
    fn each_host_gets_its_own() {
        let all = credentials();
        let name = |host: &str| (all.answer(host, "").username, all.answer(host, "").secret);
        assert_eq!(name("r.example:5000"), ("u".into(), "p".into()));
        assert_eq!(name("registry-1.docker.io"), ("name".into(), "secret".into()));
        assert_eq!(all.answer("t.example", "").auth_type(), AuthType::Refresh);
    }

    #[test]
    fn a_mirror_does_not_get_the_registrys() {
        let answer = credentials().answer("mirror.example", "r.example:5000");
        assert_eq!(answer, AuthResponse::default());
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert!(!format!("{:?}", credentials()).contains("secret"));
    }

    #[test]
    fn base64_of_every_length() {
        for (text, bytes) in [("", ""), ("YQ==", "a"), ("YWI=", "ab"), ("YWJj", "abc"), ("YWJjZA", "abcd")] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(base64("a b"), None);
    }
}
