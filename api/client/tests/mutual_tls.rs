//! The client over TLS 1.3 with certificates on both sides.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use ampoule_api_client::{Client, ClientError, Method};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto::ring, server::WebPkiClientVerifier};

struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Authority { certificate, issuer: Issuer::new(params, key) }
}

fn issue(authority: &Authority, name: &str) -> (Certificate, KeyPair) {
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, &authority.issuer).expect("a certificate"), key)
}

/// Answers one request on a port of its own, asking for a certificate of `authority`.
fn serve(authority: &Authority) -> String {
    let (certificate, key) = issue(authority, "node.test");
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).expect("a root");
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().expect("a verifier");
    let key = key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || answer(&listener, config));
    address
}

fn answer(listener: &TcpListener, config: ServerConfig) {
    let (tcp, _) = listener.accept().expect("a connection");
    let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
    let mut stream = StreamOwned::new(connection, tcp);
    let mut request = [0; 1024];
    // A client without a good certificate ends here.
    if stream.read(&mut request).is_ok() {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

fn client(address: &str, trusted: &Authority, own: &Authority) -> Client {
    let (certificate, key) = issue(own, "operator");
    Client::tls(address, "node.test", trusted.certificate.pem().as_bytes(), certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .expect("a client")
}

#[test]
fn both_sides_prove_themselves() {
    let ours = authority();
    let address = serve(&ours);
    let response = client(&address, &ours, &ours).request(Method::Get, "/os", None);
    assert_eq!(response.expect("an answer").text(), "ok");
}

#[test]
fn a_node_of_another_authority_is_refused() {
    let (ours, other) = (authority(), authority());
    let address = serve(&ours);
    let error = client(&address, &other, &ours).request(Method::Get, "/os", None).expect_err("a stranger");
    assert!(matches!(error, ClientError::Tls { .. }), "{error}");
}

#[test]
fn a_client_of_another_authority_is_refused() {
    let (ours, other) = (authority(), authority());
    let address = serve(&ours);
    let error = client(&address, &ours, &other).request(Method::Get, "/os", None).expect_err("no way in");
    assert!(error.is_unreachable(), "{error}");
}

#[test]
fn unusable_pem_is_named() {
    let error = Client::tls("127.0.0.1:1", "node.test", b"", b"", b"").expect_err("no PEM");
    assert!(error.to_string().contains("certificate authority"), "{error}");
}
