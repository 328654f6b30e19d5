//! EC2's instance metadata service, version 2: what is asked, and what an answer means.
//!
//! Version 2 only: without a token nothing is asked, so that a request forged through a proxy on the node cannot stand in for ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where a token is asked for, with `PUT`.
pub const TOKEN: &str = "/latest/api/token";
/// Header of the token request: seconds the token is good for.
pub const TOKEN_LIFE_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// Seconds a token is good for: longer than all that is asked at one boot, so that one is enough.
pub const TOKEN_LIFE: &str = "300";
/// Header of all other requests: the token.
pub const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
/// User data, as it was given.
pub const USER_DATA: &str = "/latest/user-data";
/// The instance identity document, JSON.
pub const IDENTITY: &str = "/latest/dynamic/instance-identity/document";
/// The private DNS name.
pub const LOCAL_HOSTNAME: &str = "/latest/meta-data/local-hostname";

/// Longest token, in bytes. Real ones have 56; a header must stay small.
const MAX_TOKEN: usize = 1024;

/// The service's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint(SocketAddr);

/// Text that is no address of a metadata service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("An address of the metadata service is http://ADDRESS or http://ADDRESS:PORT with a numeric address")]
pub struct BadEndpoint;

impl Endpoint {
    /// Where EC2 has it on every instance.
    pub const EC2: Self = Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80));

    /// From the text of the test override.
    ///
    /// # Errors
    /// Anything but `http://` with an IP address and maybe a port.
    pub fn parse(text: &str) -> Result<Self, BadEndpoint> {
        let authority = text.trim().strip_prefix("http://").ok_or(BadEndpoint)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let with_port = authority.parse().or_else(|_| authority.parse().map(|address| SocketAddr::new(address, 80)));
        with_port.map(Self).map_err(|_| BadEndpoint)
    }

    /// To connect to, and the value of the `host` header.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

/// What an answer's status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The body is the answer.
    Found,
    /// There is no such thing.
    Absent,
    /// The token is no longer good: get another and ask again.
    NewToken,
    /// Not now: ask again after a pause.
    Later,
    /// It will say the same again.
    Refused,
}

/// Judges a status. A redirect is refused: nothing that answers elsewhere is the metadata service.
#[must_use]
pub fn judge(status: u16) -> Verdict {
    match status {
        200 => Verdict::Found,
        404 => Verdict::Absent,
        401 => Verdict::NewToken,
        408 | 425 | 429 | 500..=599 => Verdict::Later,
        _ => Verdict::Refused,
    }
}

/// The pause before attempt `number` (from 1) is repeated: doubles from a tenth of a second to two seconds.
#[must_use]
pub fn pause(number: u32) -> Duration {
    const FIRST: u64 = 100;
    const MOST: u64 = 2_000;
    let doubled = FIRST.saturating_mul(1 << number.saturating_sub(1).min(10));
    Duration::from_millis(doubled.min(MOST))
}

/// A token from the body of its answer; `None` if it could not stand in a header.
#[must_use]
pub fn token(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let sound = !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn endpoints() {
        assert_eq!(Endpoint::parse("http://10.0.2.2:1338\n").expect("good").address().to_string(), "10.0.2.2:1338");
        assert_eq!(Endpoint::parse("http://169.254.169.254/").expect("good"), Endpoint::EC2);
        assert_eq!(Endpoint::parse("http://[fd00:ec2::254]:80").expect("good").address().port(), 80);
        for bad in
            ["", "10.0.2.2", "https://10.0.2.2", "http://metadata", "http://10.0.2.2/x", "http://a@10.0.2.2", "http://10.0.2.2:99999"]
        {
            assert_eq!(Endpoint::parse(bad), Err(BadEndpoint), "{bad}");
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(
            [200, 404, 401, 503, 429].map(judge),
            [Verdict::Found, Verdict::Absent, Verdict::NewToken, Verdict::Later, Verdict::Later]
        );
        for refused in [100, 204, 301, 302, 307, 400, 403, 405, 600] {
            assert_eq!(judge(refused), Verdict::Refused, "{refused}");
        }
    }

    #[test]
    fn a_token_fits_a_header() {
        assert_eq!(token(b"AQAAAF==\n").as_deref(), Some("AQAAAF=="));
        assert_eq!(token(b"a\r\nx-evil: 1"), None);
        assert_eq!(token(b""), None);
        assert_eq!(token(&[b'a'; 1025]), None);
        assert_eq!(token("ä".as_bytes()), None);
    }

    proptest! {
        #[test]
        fn pauses_grow_and_end(number in 0_u32..1_000_000) {
            prop_assert!(pause(number) <= pause(number.saturating_add(1)));
            prop_assert!(pause(number) >= Duration::from_millis(100) && pause(number) <= Duration::from_secs(2));
        }
    }
}
