//! Where a key lies that signs: in a file, in a cloud's key service, or behind a program that speaks with whatever holds it.

mod external;
mod uri;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tough::async_trait;
use tough::key_source::KeySource;
use tough::sign::{Sign, parse_keypair};

pub(crate) use external::{Aws, External};
pub use uri::{KeyUri, KeyUriError};

pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A key that is somewhere else than in the folder of keys.
#[derive(Debug, Clone)]
pub struct RemoteKey {
    /// Where it lies.
    pub uri: KeyUri,
}

impl RemoteKey {
    /// What signs with it.
    ///
    /// # Errors
    /// It cannot be had, or is of no kind that nodes know.
    pub fn signer(&self) -> Result<Box<dyn Sign>> {
        let found = match &self.uri {
            KeyUri::File(path) => read_key(path),
            KeyUri::Command(words) => External::open(words.clone()),
            KeyUri::AwsKms { profile, id } => Aws::new(profile.clone()).kms(id),
            KeyUri::AwsSsm { profile, parameter } => Aws::new(profile.clone()).parameter(parameter).and_then(|text| parse_key(&text)),
        };
        found.with_context(|| format!("the key {} cannot be used", self.uri))
    }
}

#[async_trait]
impl KeySource for RemoteKey {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Cause> {
        Ok(self.signer()?)
    }

    async fn write(&self, _value: &str, _key_id_hex: &str) -> Result<(), Cause> {
        Err(Cause::from("a key that lies elsewhere is made there"))
    }
}

/// A private key in a PEM file.
#[derive(Debug, Clone)]
pub struct PemKey {
    /// Where it is.
    pub path: PathBuf,
}

#[async_trait]
impl KeySource for PemKey {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Cause> {
        Ok(read_key(&self.path)?)
    }

    async fn write(&self, _value: &str, _key_id_hex: &str) -> Result<(), Cause> {
        Err(Cause::from("keys are made by `publish keys`"))
    }
}

pub(crate) fn read_key(path: &Path) -> Result<Box<dyn Sign>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read the key {}", path.display()))?;
    parse_key(&text).with_context(|| format!("{} is not a private key", path.display()))
}

/// The library reads PEM for RSA alone; the others it wants as DER.
pub(crate) fn parse_key(text: &[u8]) -> Result<Box<dyn Sign>> {
    let pem = pem::parse(text).context("it is not PEM")?;
    if let Ok(key) = parse_keypair(pem.contents()) {
        return Ok(Box::new(key));
    }
    match parse_keypair(text) {
        Ok(key) => Ok(Box::new(key)),
        Err(_) => bail!("Ed25519, ECDSA P-256 or RSA in PKCS #8 is wanted, without a password"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_key;

    #[test]
    fn what_is_no_key_is_named() {
        for text in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(parse_key(text.as_bytes()).is_err(), "{text}");
        }
    }
}
