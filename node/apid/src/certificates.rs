//! When the certificates in the settings end, and who is told before they do.

use crate::Shared;
use crate::clock::unix_ms;
use ampoule_api_types::v1::EventKind;
use ampoule_settings::api::Remote;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before its end a certificate is announced: enough for whoever renews by hand.
const NEAR_S: u64 = 30 * 86_400;
/// How often it is announced.
const PAUSE: Duration = Duration::from_secs(86_400);

/// When the first certificate of a setting ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// The setting.
    pub(crate) setting: &'static str,
    /// Seconds since 1970.
    pub(crate) ends_s: u64,
}

impl Expiry {
    /// Whether it ends soon, or has ended.
    pub(crate) fn is_near(&self, now_s: u64) -> bool {
        self.ends_s < now_s.saturating_add(NEAR_S)
    }
}

/// The certificates that the remote API goes by, if it is open.
pub(crate) fn expiries(remote: &Remote) -> Vec<Expiry> {
    if remote.open_port().is_none() {
        return Vec::new();
    }
    let settings = [("settings.api.remote.certificate", &remote.certificate), ("settings.api.remote.client-ca", &remote.client_ca)];
    let ends = settings.into_iter().filter_map(|(setting, value)| Some((setting, first_end(value.as_ref()?.pem())?)));
    ends.map(|(setting, ends_s)| Expiry { setting, ends_s }).collect()
}

/// The earliest end among PEM certificates.
fn first_end(pem: &str) -> Option<u64> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(|certificate| end(&certificate.ok()?)).min()
}

fn end(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0))
}

/// Says which certificates end soon.
pub(crate) async fn announce(shared: &Shared) {
    let remote = shared.core.lock().await.state().settings.api.remote.clone();
    let now_s = unix_ms() / 1000;
    for Expiry { setting, ends_s } in expiries(&remote).into_iter().filter(|expiry| expiry.is_near(now_s)) {
        match ends_s.checked_sub(now_s) {
            Some(left) => log::warn!("{setting}: the certificate ends in {} days; set another", left / 86_400),
            None => log::error!("{setting}: the certificate has ended; nobody reaches the remote API until another is set"),
        }
        shared.events.tell(EventKind::CertificateExpires { setting: setting.to_owned(), ends_ms: ends_s.saturating_mul(1000) });
    }
}

/// Announces for as long as the program runs; a change of certificates is announced by whoever carries it out.
pub(crate) async fn watch(shared: Arc<Shared>) {
    loop {
        announce(&shared).await;
        tokio::time::sleep(PAUSE).await;
    }
}
