//! HTTP clients: one that goes through the proxy and one that does not, with the authorities that the node trusts.

use crate::Options;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

/// From one server to the next; whoever needs more leads astray.
const REDIRECTS: u32 = 3;

/// The clients. The last one that speaks TLS is kept with its connections, until the authorities or the proxy are others.
pub(crate) struct Agents {
    pub(crate) options: Options,
    secure: Mutex<Option<(Way, Agent)>>,
    plain: Agent,
}

/// What a client for TLS is made for.
#[derive(Clone, PartialEq)]
struct Way {
    authorities: Option<SystemTime>,
    proxy: Option<String>,
    no_proxy: String,
}

impl Agents {
    pub(crate) fn new(options: Options) -> Self {
        Self { secure: Mutex::new(None), plain: bounded(options.silence).build().into(), options }
    }

    /// The client for a URL, without a proxy.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub(crate) fn direct(&self, url: &str) -> io::Result<Agent> {
        self.of(url, None, "")
    }

    /// The client for a URL.
    ///
    /// # Errors
    /// The authorities cannot be read; the proxy is none.
    pub(crate) fn of(&self, url: &str, proxy: Option<&str>, no_proxy: &str) -> io::Result<Agent> {
        if !url.starts_with("https:") {
            return Ok(self.plain.clone());
        }
        let authorities = std::fs::metadata(&self.options.certificates).and_then(|facts| facts.modified()).ok();
        let way = Way { authorities, proxy: proxy.map(str::to_owned), no_proxy: no_proxy.to_owned() };
        let mut kept = self.secure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = kept.as_ref().filter(|(then, _)| *then == way) {
            return Ok(agent.clone());
        }
        let agent = self.secure(&way)?;
        *kept = Some((way, agent.clone()));
        Ok(agent)
    }

    /// A redirect never leads out of TLS.
    fn secure(&self, way: &Way) -> io::Result<Agent> {
        let tls = TlsConfig::builder().root_certs(trusted(&self.options.certificates)?).build();
        let proxy = way.proxy.as_deref().map(|proxy| proxy_of(proxy, &way.no_proxy)).transpose()?;
        Ok(bounded(self.options.silence).https_only(true).tls_config(tls).proxy(proxy).build().into())
    }
}

fn bounded(silence: Duration) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .max_redirects(REDIRECTS)
        .max_redirects_will_error(true)
        .http_status_as_error(false)
        .timeout_connect(Some(silence))
        .timeout_per_read(Some(silence))
        .max_response_header_size(16 * 1024)
        .user_agent("ampoule")
        .proxy(None)
}

fn proxy_of(url: &str, no_proxy: &str) -> io::Result<Proxy> {
    // What it says of a wrong one holds its password.
    let wrong = |_| io::Error::other("the proxy of the settings is not one that can be used");
    let named = Proxy::new(url).map_err(wrong)?;
    let (user, password) = (named.username().map(str::to_owned), named.password().map(str::to_owned));
    let mut builder = Proxy::builder(named.protocol()).host(named.host()).port(named.port());
    if let Some(user) = user {
        builder = builder.username(&user);
    }
    if let Some(password) = password {
        builder = builder.password(&password);
    }
    for host in no_proxy.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
        // A name is also for what lies below it, as other programs of the node have it.
        if !host.starts_with(['.', '*']) {
            builder = builder.no_proxy(&format!(".{host}"));
        }
    }
    builder.build().map_err(wrong)
}

fn trusted(path: &Path) -> io::Result<RootCerts> {
    let wrong = |error: rustls_pki_types::pem::Error| io::Error::other(format!("{}: {error}", path.display()));
    let all: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    let owned = all.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(RootCerts::Specific(Arc::new(owned)))
}
