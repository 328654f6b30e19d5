//! Certificates for the remote API.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

/// An authority of its own.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// For the node, as `localhost`.
    pub(crate) fn server(&self) -> Pair {
        self.sign(CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters"))
    }

    /// For the node, as `localhost`, for so many days from now.
    pub(crate) fn server_ending_in_days(&self, days: u64) -> Pair {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        params.not_after = (std::time::SystemTime::now() + std::time::Duration::from_secs(days * 86_400)).into();
        self.sign(params)
    }

    /// For a client with this organisational unit.
    pub(crate) fn client(&self, unit: &str) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "tester");
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// Settings that open the remote API.
pub(crate) fn remote_settings(port: u16, server: &Pair, clients: &Authority) -> Value {
    json!({ "api": { "remote": {
        "enabled": true,
        "port": port,
        "certificate": STANDARD.encode(&server.certificate),
        "key": STANDARD.encode(&server.key),
        "client-ca": STANDARD.encode(&clients.pem),
    } } })
}
