//! `api.remote`: the node API over the network.

use crate::SettingError;
use crate::example::{CERTIFICATE, KEY};
use crate::key::Key;
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

/// What the namespace is for.
pub(crate) const ABOUT: &str = "The node API over the network. It is off unless these settings turn it on.";

/// The keys of the namespace.
pub(crate) const KEYS: &[Key] = &[
    Key::of::<bool>(
        "api.remote.enabled",
        "Whether the node API can be reached over the network: TLS 1.3, clients with a certificate only.",
        "true",
    ),
    Key::of::<Port>("api.remote.port", "TCP port of the node API.", "9443"),
    Key::of::<PemCertificates>("api.remote.certificate", "Certificate chain that the node shows, its own first.", CERTIFICATE),
    Key::of::<PemPrivateKey>("api.remote.key", "Private key of the node's certificate.", KEY).secret(),
    Key::of::<PemCertificates>(
        "api.remote.client-ca",
        "Authorities that sign clients' certificates. A client's organisational unit (OU) is its role: `reader` (all but secrets), `operator` (runs the node, and keeps its management as it is) or `admin`.",
        CERTIFICATE,
    ),
];
