//! The API over the network.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ampoule_api_client::{Client, ClientError, Method};
use ampoule_api_types::{Role, operations};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};

use crate::{
    certificates::{Authority, Pair, remote_settings},
    harness::{Apid, Place, eventually},
};

/// A port that is free at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

pub(crate) fn connect(port: u16, trusted: &Authority, own: &Pair) -> Client {
    let (certificate, key) = (own.certificate.as_bytes(), own.key.as_bytes());
    Client::tls(&format!("127.0.0.1:{port}"), "localhost", trusted.pem.as_bytes(), certificate, key).expect("a client")
}

/// A node whose remote API is open, with the authority of both sides and the port.
pub(crate) fn open() -> (Apid, Authority, u16) {
    open_in(Place::new())
}

fn open_in(place: Place) -> (Apid, Authority, u16) {
    let (authority, port) = (Authority::new(), free_port());
    let apid = place.start_once();
    apid.change(&remote_settings(port, &authority.server(), &authority));
    eventually("the port is open", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (apid, authority, port)
}

#[test]
fn nothing_listens_unless_a_setting_says_so() {
    let apid = Place::new().start_once();
    let remote = apid.settings();
    assert_ne!(remote["api"]["remote"]["enabled"], json!(true));
}

/// How a handshake of this version alone ends, with a certificate that the node trusts.
fn greets(port: u16, authority: &Authority, version: &'static SupportedProtocolVersion) -> io::Result<()> {
    let own = authority.client("admin");
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&authority.pem)).expect("an authority");
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate(&own.certificate)], key)
        .expect("a configuration");
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().expect("a name")).expect("a client");
    client.complete_io(&mut TcpStream::connect(("127.0.0.1", port))?).map(drop)
}

#[test]
fn older_tls_is_refused_with_the_best_of_certificates() {
    let (_apid, authority, port) = open();
    greets(port, &authority, &rustls::version::TLS13).expect("greeted");
    let said = greets(port, &authority, &rustls::version::TLS12).expect_err("TLS 1.2").to_string();
    assert!(said.contains("ProtocolVersion"), "{said}");
}

#[test]
fn an_administrator_reads_and_writes_and_the_log_says_who() {
    let (apid, authority, port) = open();
    let client = connect(port, &authority, &authority.client("admin"));
    assert_eq!(client.os().expect("os").variant_id, "test");
    client.change_settings(&json!({ "motd": "from afar" })).expect("changed");
    assert_eq!(apid.settings()["motd"], "from afar");
    eventually("the log names the caller", || apid.log().contains("tester"));
}

#[test]
fn a_reader_reads_only_and_sees_no_secret() {
    let (_apid, authority, port) = open();
    let client = connect(port, &authority, &authority.client("reader"));
    let settings: Value = client.get_json("/settings").expect("settings");
    assert!(settings["api"]["remote"]["certificate"].is_string());
    assert!(settings["api"]["remote"]["key"].as_str().map(str::len).unwrap_or_default() <= 40, "{settings}");
    for (method, path) in [(Method::Patch, "/settings"), (Method::Post, "/actions/reboot"), (Method::Post, "/tx/commit_and_apply")] {
        let refused = client.request(method, path, Some(b"{}")).expect("an answer");
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
    }
}

#[test]
fn a_reader_sees_plans_and_no_secret_that_is_pending() {
    let (apid, authority, port) = open();
    let client = connect(port, &authority, &authority.client("reader"));
    let secret = json!({ "motd": "seen", "container-registry": { "credentials": [{ "registry": "r.example", "auth": "aHVudGVyMg==" }] } });
    assert_eq!(apid.send(Method::Patch, "/settings?tx=t", Some(&secret)).status, 204);
    assert_eq!(client.get_json::<Value>("/tx?tx=t").expect("pending"), json!({ "motd": "seen" }));
    let planned = client.request(Method::Post, "/v1/plan?tx=t", None).expect("an answer");
    assert!(planned.status == 200 && !planned.text().contains("aHVudGVyMg"), "{} {}", planned.status, planned.text());
    for path in ["/v1/apply", "/v1/confirm", "/v1/rollback", "/v1/generations/1/restore"] {
        assert_eq!(client.request(Method::Post, path, Some(b"{}")).expect("an answer").status, 403, "{path}");
    }
}

/// Every operation with every role; bodies are wrong on purpose, so that what is let through does nothing.
#[test]
fn each_operation_is_for_its_role_and_those_above() {
    let (_apid, authority, port) = open();
    for role in Role::ALL {
        let client = || connect(port, &authority, &authority.client(role.name()));
        let (client, hasty) = (client(), client().with_timeout(Duration::from_secs(3)));
        for operation in operations::all() {
            let path = operation.path.replace("{name}", "none").replace("{id}", "9").replace("{number}", "9");
            // One of them goes on as long as the client wants.
            let client = if path == "/v1/events" { &hasty } else { &client };
            let answer = match client.request(operation.method, &path, operation.body.map(|_| b"nonsense".as_slice())) {
                Ok(answer) => answer,
                Err(ClientError::Timeout(_)) if path == "/v1/events" => continue,
                Err(error) => panic!("{role}: {operation}: {error}"),
            };
            assert_eq!(answer.status == 403, role < operation.role, "{role}: {operation}: {} {}", answer.status, answer.text());
        }
    }
}

#[test]
fn an_operator_runs_the_node_and_changes_neither_its_management_nor_its_trust() {
    let place = Place::new();
    let variant = "name = \"test\"\nnamespaces = [\"motd\", \"api\", \"dns\", \"pki\", \"updates\", \"host-containers\"]\n";
    std::fs::write(place.path("variant.toml"), variant).expect("a variant");
    let (apid, authority, port) = open_in(place);
    let client = connect(port, &authority, &authority.client("operator"));
    client.change_settings(&json!({ "motd": "by an operator" })).expect("changed");
    assert_eq!(apid.settings()["motd"], "by an operator");
    let shown: Value = client.get_json("/settings").expect("settings");
    assert!(shown["api"]["remote"].get("key").is_none(), "an operator sees the node's key: {shown}");
    let refused = |method: Method, path: &str, body: &Value| {
        let answer = client.request(method, path, Some(body.to_string().as_bytes())).expect("an answer");
        assert!(answer.status == 403 && answer.text().contains("admin"), "{path} {body}: {} {}", answer.status, answer.text());
        answer.text()
    };
    for settings in [
        json!({ "api": { "remote": { "enabled": false } } }),
        json!({ "pki": { "mine": { "trusted": true } } }),
        json!({ "host-containers": { "admin": { "enabled": true, "source": "r.example/admin:1", "superpowered": true } } }),
        json!({ "updates": { "ignore-waves": true } }),
    ] {
        refused(Method::Patch, "/settings", &settings);
        refused(Method::Post, "/v1/apply", &json!({ "settings": settings }));
    }
    let risky = refused(Method::Post, "/v1/apply", &json!({ "settings": { "dns": { "name-servers": ["192.0.2.1"] } } }));
    assert!(risky.contains("management access may be lost"), "{risky}");
    assert_eq!(client.request(Method::Delete, "/v1/settings?keys=api.remote.port", None).expect("an answer").status, 403);

    // What an administrator has left in a transaction does not pass through an operator's hands.
    let pending = json!({ "api": { "remote": { "enabled": false } } });
    assert_eq!(apid.send(Method::Patch, "/settings?tx=t", Some(&pending)).status, 204);
    for path in ["/tx/commit?tx=t", "/tx/commit_and_apply?tx=t"] {
        refused(Method::Post, path, &json!({}));
    }
    // Nor does an earlier generation in which the remote API was closed.
    refused(Method::Post, "/v1/generations/1/restore", &json!({}));
    assert_eq!(apid.settings()["api"]["remote"]["enabled"], true);
}

#[test]
fn an_unknown_role_may_nothing() {
    let (_apid, authority, port) = open();
    let client = connect(port, &authority, &authority.client("wizard"));
    let answer = client.request(Method::Get, "/settings", None);
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 403));
}

#[test]
fn a_stranger_is_not_let_in() {
    let (_apid, authority, port) = open();
    let stranger = Authority::new().client("admin");
    let error = connect(port, &authority, &stranger).os().expect_err("refused");
    assert!(matches!(error, ClientError::Tls { .. } | ClientError::Broken(_)), "{error}");
}

#[test]
fn a_plain_caller_gets_nothing() {
    use std::io::{Read, Write};
    let (_apid, _authority, port) = open();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("set");
    let _ = stream.write_all(b"GET /settings HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 200"));
}

#[test]
fn certificates_and_ports_change_without_a_restart() {
    let (apid, old, port) = open();
    let new = Authority::new();
    apid.change(&remote_settings(port, &new.server(), &new));
    eventually("the new authority counts", || connect(port, &new, &new.client("admin")).os().is_ok());
    assert!(connect(port, &old, &old.client("admin")).os().is_err());
    let other = free_port();
    apid.change(&json!({ "api": { "remote": { "port": other } } }));
    eventually("the new port is open", || connect(other, &new, &new.client("admin")).os().is_ok());
    eventually("the old port is closed", || TcpStream::connect(("127.0.0.1", port)).is_err());
    apid.change(&json!({ "api": { "remote": { "enabled": false } } }));
    eventually("it is closed", || TcpStream::connect(("127.0.0.1", other)).is_err());
}

#[test]
fn a_key_that_does_not_fit_is_refused_before_anything_changes() {
    let (apid, authority, port) = open();
    let mismatched = Pair { key: authority.server().key, ..authority.server() };
    let tree = remote_settings(port, &mismatched, &authority);
    assert_eq!(apid.send(Method::Patch, "/settings", Some(&tree)).status, 204);
    let refused = apid.send(Method::Post, "/tx/commit_and_apply", None);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("api.remote"), "{}", refused.text());
    assert!(connect(port, &authority, &authority.client("admin")).os().is_ok());
}

#[test]
fn it_opens_again_after_a_restart() {
    let (authority, port) = (Authority::new(), free_port());
    let place = Place::new();
    let apid = place.start();
    apid.change(&remote_settings(port, &authority.server(), &authority));
    apid.kill();
    let _apid = place.start();
    eventually("it answers", || connect(port, &authority, &authority.client("admin")).os().is_ok());
}

/// A request that is under way when the certificates change goes on; the next connection meets the new ones.
#[test]
fn rotation_cuts_nobody_off() {
    let (apid, old, port) = open();
    let mut events = connect(port, &old, &old.client("reader")).events().expect("events");
    let new = Authority::new();
    apid.change(&remote_settings(port, &new.server(), &new));
    assert!(connect(port, &new, &new.client("admin")).os().is_ok(), "the new certificates count at once");
    assert!(connect(port, &old, &old.client("admin")).os().is_err(), "the old ones no longer");
    apid.change(&json!({ "motd": "after the change" }));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let line = events.next_within(end.saturating_duration_since(std::time::Instant::now())).expect("the stream goes on");
        if line.expect("the stream goes on").contains("settings.motd") {
            break;
        }
    }
}

#[test]
fn a_certificate_near_its_end_is_announced() {
    let (authority, port) = (Authority::new(), free_port());
    let apid = Place::new().start_once();
    let mut events = apid.client().events().expect("events");
    apid.change(&remote_settings(port, &authority.server_ending_in_days(5), &authority));
    eventually("the log names it", || apid.log().contains("settings.api.remote.certificate: the certificate ends in"));
    let page = apid.send(Method::Get, "/v1/metrics", None).text();
    assert!(page.contains("ampoule_certificate_expires_soon{setting=\"settings.api.remote.certificate\"} 1\n"), "{page}");
    assert!(page.contains("ampoule_certificate_expires_soon{setting=\"settings.api.remote.client-ca\"} 0\n"), "{page}");
    let told = |line: &String| line.contains("certificate-expires") && line.contains("settings.api.remote.certificate");
    let mut lines = std::iter::from_fn(|| events.next_within(std::time::Duration::from_secs(20)).expect("an event"));
    assert!(lines.any(|line| told(&line)));
}

#[test]
fn who_did_what_is_in_the_log() {
    let (apid, authority, port) = open();
    let client = connect(port, &authority, &authority.client("operator"));
    client.change_settings(&json!({ "motd": "m" })).expect("changed");
    assert_eq!(
        connect(port, &authority, &authority.client("reader")).request(Method::Post, "/v1/rollback", None).expect("an answer").status,
        403
    );
    for line in
        ["certificate tester: PATCH /settings: 204", "certificate tester made generation", "certificate tester: POST /v1/rollback: refused"]
    {
        eventually(line, || apid.log().contains(line));
    }
}
