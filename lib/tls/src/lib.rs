//! The TLS server that `settings.api.remote` describes.

use ampoule_settings::SettingError;
use ampoule_settings::api::Remote;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

const HINT: &str = "`key` is the private key of the first certificate in `certificate`; `client-ca` holds the authorities of clients";

/// Whether certificates and key would make a server, so that a slip is refused before anything changes.
///
/// # Errors
/// What does not fit, for the person who set it.
pub fn check(wanted: &Remote) -> Result<(), SettingError> {
    if wanted.open_port().is_none() {
        return Ok(());
    }
    let wrong = |reason: String| {
        SettingError::value("api.remote", format!("the certificates and the key do not make a TLS server: {reason}"), HINT)
    };
    server(wanted).map(drop).map_err(wrong)
}

/// The server: TLS 1.3 alone, and a certificate of a known authority from every client.
///
/// # Errors
/// What does not fit, in words.
pub fn server(wanted: &Remote) -> Result<ServerConfig, String> {
    let (Some(certificate), Some(key), Some(client_ca)) = (&wanted.certificate, &wanted.key, &wanted.client_ca) else {
        return Err("one of them is missing".into());
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_ca.pem())? {
        roots.add(authority).map_err(|e| e.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(key.expose_pem().as_bytes()).map_err(|_| "the key cannot be read".to_owned())?;
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).map_err(|e| e.to_string())?;
    builder.with_client_cert_verifier(verifier).with_single_cert(certificates(certificate.pem())?, key).map_err(|e| e.to_string())
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|e| e.to_string())
}
