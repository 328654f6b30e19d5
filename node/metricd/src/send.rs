//! One GET, with the authorities that the node trusts.

use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A report is small; whoever does not take it in this time is not going to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a report. What is answered is not read, beyond its status; no redirect is followed, so it goes to nobody else.
///
/// # Errors
/// It did not arrive, in words.
pub(crate) fn get(url: &str, query: &[(&'static str, String)], certificates: &Path) -> Result<(), String> {
    let mut config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(0);
    if url.starts_with("https:") {
        config = config.tls_config(TlsConfig::builder().root_certs(trusted(certificates)?).build());
    }
    let agent: ureq::Agent = config.build().into();
    let request = agent.get(url).query_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
    let status = request.call().map_err(|e| e.to_string())?.status();
    if status.is_success() { Ok(()) } else { Err(format!("the answer was {status}")) }
}

fn trusted(path: &Path) -> Result<RootCerts, String> {
    let wrong = |e: String| format!("{}: {e}", path.display());
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|e| wrong(e.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(|e| wrong(e.to_string()))?;
    let owned = all.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(RootCerts::Specific(Arc::new(owned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server for one request; what it was asked.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1/metrics", listener.local_addr().expect("its address"));
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut text = vec![0; 4096];
            let size = stream.read(&mut text).expect("a request");
            stream.write_all(answer.as_bytes()).expect("an answer");
            String::from_utf8_lossy(&text[..size]).into_owned()
        });
        (url, asked)
    }

    #[test]
    fn a_report_is_one_get_with_its_words_encoded() {
        let (url, asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        get(&url, &[("event", "a b&c".to_owned())], Path::new("/nowhere")).expect("sent");
        let asked = asked.join().expect("server");
        assert!(asked.starts_with("GET /v1/metrics?event=a%20b%26c HTTP/1.1\r\n"), "{asked}");
    }

    #[test]
    fn a_refusal_and_a_redirect_are_no_success() {
        for answer in [
            "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        ] {
            let (url, asked) = server(answer);
            assert!(get(&url, &[], Path::new("/nowhere")).is_err(), "{answer}");
            drop(asked.join());
        }
    }
}
