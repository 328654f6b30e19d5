//! Certificates and keys, as Bottlerocket's settings carry them: base64 of PEM.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Largest decoded value in bytes: room for a whole bundle of authorities.
const LIMIT: usize = 512 * 1024;

/// Base64 of one or more PEM certificates.
///
/// Proves: base64 of ASCII text in which every PEM block is a `CERTIFICATE`, and there is at least one. Does not prove
/// that the certificates inside are well-formed: whoever uses them finds out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PemCertificates {
    encoded: String,
    pem: String,
}

/// Base64 of one PEM private key (PKCS #8, SEC 1 or PKCS #1). Never printed.
///
/// Proves: base64 of ASCII text with exactly one PEM block, a private key that is not encrypted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PemPrivateKey {
    encoded: String,
    pem: String,
}

const CERTIFICATES: &str = "base64 of one or more PEM certificates (-----BEGIN CERTIFICATE-----), for example from `base64 -w0 FILE`";
const KEY: &str = "base64 of one PEM private key that is not encrypted (-----BEGIN PRIVATE KEY-----), for example from `base64 -w0 FILE`";

impl PemCertificates {
    /// The PEM text.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl PemPrivateKey {
    /// The PEM text. The caller sees to it that it goes nowhere else.
    #[must_use]
    pub fn expose_pem(&self) -> &str {
        &self.pem
    }
}

impl TryFrom<String> for PemCertificates {
    type Error = Invalid;

    fn try_from(encoded: String) -> Result<Self, Invalid> {
        let pem = decode(&encoded, CERTIFICATES)?;
        let labels = labels(&pem);
        if labels.is_empty() || labels.iter().any(|label| *label != "CERTIFICATE") {
            let wrong = "the decoded text is not PEM certificates only";
            return Err(Invalid::unquoted(wrong, CERTIFICATES));
        }
        Ok(Self { encoded, pem })
    }
}

impl TryFrom<String> for PemPrivateKey {
    type Error = Invalid;

    fn try_from(encoded: String) -> Result<Self, Invalid> {
        let pem = decode(&encoded, KEY)?;
        let known = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
        match labels(&pem).as_slice() {
            [label] if known.contains(label) => Ok(Self { encoded, pem }),
            _ => Err(Invalid::unquoted("the decoded text is not one PEM private key", KEY)),
        }
    }
}

fn decode(encoded: &str, allowed: &'static str) -> Result<String, Invalid> {
    if encoded.trim_start().starts_with("-----BEGIN") {
        return Err(Invalid::unquoted("this is PEM; it has to be encoded in base64 once more", allowed));
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| Invalid::unquoted("not base64", allowed))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.is_ascii() && text.len() <= LIMIT);
    text.ok_or_else(|| Invalid::unquoted("the decoded value is not PEM", allowed))
}

/// Labels of all blocks that both begin and end.
fn labels(pem: &str) -> Vec<&str> {
    pem.lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .filter(|label| pem.contains(&format!("-----END {label}-----")))
        .collect()
}

impl From<PemCertificates> for String {
    fn from(value: PemCertificates) -> Self {
        value.encoded
    }
}

impl From<PemPrivateKey> for String {
    fn from(value: PemPrivateKey) -> Self {
        value.encoded
    }
}

impl fmt::Debug for PemCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PemCertificates({} of them)", labels(&self.pem).len())
    }
}

impl fmt::Debug for PemPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PemPrivateKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(label: &str) -> String {
        STANDARD.encode(format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"))
    }

    #[test]
    fn kinds_are_told_apart() {
        assert!(PemCertificates::try_from(encoded("CERTIFICATE")).is_ok());
        assert!(PemPrivateKey::try_from(encoded("EC PRIVATE KEY")).is_ok());
        for label in ["PRIVATE KEY", "X509 CRL"] {
            assert!(PemCertificates::try_from(encoded(label)).is_err(), "{label}");
        }
        for label in ["CERTIFICATE", "ENCRYPTED PRIVATE KEY"] {
            assert!(PemPrivateKey::try_from(encoded(label)).is_err(), "{label}");
        }
    }

    #[test]
    fn common_slips_are_named_and_nothing_is_quoted() {
        let bare = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----";
        let error = PemPrivateKey::try_from(bare.to_owned()).expect_err("not encoded");
        assert!(error.reason.contains("base64") && !error.reason.contains("secret"));
        assert!(PemPrivateKey::try_from("%%%".to_owned()).is_err());
        assert!(PemCertificates::try_from(String::new()).is_err());
    }
}
