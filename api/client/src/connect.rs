//! Getting a byte stream to a node: its socket, or TLS with certificates on both sides.

use std::{path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::ClientError;

/// What a client needs to prove itself and to know the node, all as PEM.
#[derive(Clone, Copy, Debug)]
pub struct TlsIdentity<'a> {
    /// Authority (one or more certificates) that signed the node's certificate.
    pub ca_pem: &'a [u8],
    /// Our certificate, with any intermediate after it. Its OU is our role on the node.
    pub cert_pem: &'a [u8],
    /// Our private key.
    pub key_pem: &'a [u8],
}

/// Where a client connects.
#[derive(Clone)]
pub(crate) enum Target {
    Unix(PathBuf),
    Tls {
        /// `host:port`; a literal address on a node, where no names are resolved.
        address: String,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    },
}

/// A connection, whatever its kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    pub(crate) fn tls(address: &str, server_name: &str, identity: TlsIdentity<'_>) -> Result<Self, ClientError> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|error| ClientError::Identity(format!("server name: {error}")))?;
        let config = Arc::new(client_config(identity)?);
        Ok(Self::Tls { address: address.to_owned(), name, config })
    }

    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Unix(path) => path.display().to_string(),
            Self::Tls { address, .. } => address.clone(),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, ClientError> {
        let unreachable = |source| ClientError::Connect { target: self.describe(), source };
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?)),
            Self::Tls { address, name, config } => {
                let tcp = TcpStream::connect(address).await.map_err(unreachable)?;
                let handshake = TlsConnector::from(config.clone()).connect(name.clone(), tcp);
                let stream = handshake.await.map_err(|error| ClientError::Tls { target: address.clone(), reason: error.to_string() })?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// TLS 1.3 only: the node speaks nothing older.
fn client_config(identity: TlsIdentity<'_>) -> Result<ClientConfig, ClientError> {
    let invalid = |what: &str, reason: String| ClientError::Identity(format!("{what}: {reason}"));
    let mut roots = RootCertStore::empty();
    for authority in certificates("certificate authority", identity.ca_pem)? {
        roots.add(authority).map_err(|error| invalid("certificate authority", error.to_string()))?;
    }
    let chain = certificates("certificate", identity.cert_pem)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem).map_err(|error| invalid("private key", error.to_string()))?;
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| invalid("TLS 1.3", error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| invalid("certificate and key", error.to_string()))
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| ClientError::Identity(format!("{what}: {error}")))?;
    if found.is_empty() {
        return Err(ClientError::Identity(format!("{what}: no PEM certificate in it")));
    }
    Ok(found)
}
