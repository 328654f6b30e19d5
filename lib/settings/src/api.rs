//! `api.remote`: the node API over the network.

use crate::SettingError;
use crate::key::{Key, check};
use ampoule_base::{PemCertificates, PemPrivateKey, Port};
use serde::Deserialize;

/// The namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The listener.
    pub remote: Remote,
}

/// A TLS 1.3 listener for clients with a certificate; its organisational unit is the client's role.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Remote {
    /// Off unless somebody turns it on.
    pub enabled: bool,
    /// TCP port.
    pub port: Option<Port>,
    /// The node's certificate chain.
    pub certificate: Option<PemCertificates>,
    /// Its key.
    pub key: Option<PemPrivateKey>,
    /// Authorities that sign clients' certificates.
    pub client_ca: Option<PemCertificates>,
}

/// The port where no setting says another.
pub const DEFAULT_PORT: u16 = 9443;

impl Remote {
    /// The port to listen on; `None` when remote access is off.
    #[must_use]
    pub fn open_port(&self) -> Option<u16> {
        self.enabled.then(|| self.port.map_or(DEFAULT_PORT, Port::get))
    }
}

/// A listener needs all three files.
pub(crate) fn check_together(remote: &Remote, errors: &mut Vec<SettingError>) {
    let parts = [("certificate", remote.certificate.is_some()), ("key", remote.key.is_some()), ("client-ca", remote.client_ca.is_some())];
    for (name, _) in parts.iter().filter(|(_, there)| remote.enabled && !there) {
        let key = format!("api.remote.{name}");
        errors.push(SettingError::value(&key, "remote access needs it", "set it, or `api.remote.enabled = false`"));
    }
}

const PEM: &str = "base64 of PEM, as from `base64 -w0 FILE`";

fn private_key(value: &serde_json::Value) -> Result<(), String> {
    check::<PemPrivateKey>(value).map_err(|_| "this is not base64 of one PEM private key".to_owned())
}

pub(crate) const KEYS: &[Key] = &[
    Key { pattern: "api.remote.enabled", check: check::<bool>, allowed: "true or false", secret: false },
    Key { pattern: "api.remote.port", check: check::<Port>, allowed: "a port from 1 to 65535", secret: false },
    Key { pattern: "api.remote.certificate", check: check::<PemCertificates>, allowed: PEM, secret: false },
    Key { pattern: "api.remote.key", check: private_key, allowed: PEM, secret: true },
    Key { pattern: "api.remote.client-ca", check: check::<PemCertificates>, allowed: PEM, secret: false },
];
