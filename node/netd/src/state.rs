//! What all links know together, and the files made from it.

use crate::files::{read_bounded, write_whole};
use ampoule_api_types::v1::{Dhcp4Lease, InterfaceStatus, NetworkStatus};
use ampoule_base::HostName;
use ampoule_netmodel::dhcp::Lease;
use ampoule_netmodel::resolver::{self, NameServer, Resolver};
use ampoule_report::chain;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of a node that nobody named.
const DEFAULT_NAME: &str = "ampoule";
/// Longest `/etc/hostname` looked at, in bytes.
const MAX_NAME: usize = 1024;

/// What each link came to.
pub(crate) struct State {
    etc: PathBuf,
    set_host_name: fn(&str) -> io::Result<()>,
    links: Mutex<BTreeMap<String, Known>>,
    settings: Mutex<resolver::Settings>,
    written: Mutex<Written>,
}

/// What one link came to.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) mac: [u8; 6],
    pub(crate) carrier: bool,
    /// State of the DHCP client.
    pub(crate) word: &'static str,
    pub(crate) lease: Option<Lease>,
}

/// What was written last; `None`: nothing, or it failed.
#[derive(Default)]
struct Written {
    resolver: Option<String>,
    name: Option<String>,
    is_failing: bool,
}

impl State {
    /// Nothing known yet; files are in `etc`.
    pub(crate) fn new(etc: impl Into<PathBuf>, set_host_name: fn(&str) -> io::Result<()>) -> Self {
        let (links, settings, written) = Default::default();
        Self { etc: etc.into(), set_host_name, links, settings, written }
    }

    /// Takes in what a link came to.
    pub(crate) fn set(&self, name: &str, known: Known) {
        let old = lock(&self.links).insert(name.to_owned(), known.clone());
        if old.is_none_or(|o| o.lease != known.lease) {
            self.refresh();
        }
    }

    /// A link is gone.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.links).remove(name);
        self.refresh();
    }

    /// Reads the settings anew. A file that is wrong is named, and what was known before stays.
    pub(crate) fn reload(&self) {
        let path = self.etc.join("ampoule/resolver.json");
        let read = read_bounded(&path, resolver::MAX_SETTINGS).map_err(Box::<dyn std::error::Error>::from);
        let parsed = read.and_then(|bytes| match bytes {
            Some(bytes) => resolver::Settings::parse(&bytes).map_err(Into::into),
            None => Ok(resolver::Settings::default()),
        });
        match parsed {
            Ok(settings) => *lock(&self.settings) = settings,
            Err(error) => log::error!("{} is ignored: {}", path.display(), chain(error.as_ref())),
        }
        self.refresh();
    }

    /// Makes resolver file and host name anew, if they differ.
    pub(crate) fn refresh(&self) {
        let (resolver, name) = (self.resolver().render(), self.host_name());
        let mut written = lock(&self.written);
        let mut outcome = Ok(());
        if written.resolver.as_ref() != Some(&resolver) {
            let done = write_whole(&self.etc.join("resolv.conf"), &resolver).map_err(|e| format!("write resolv.conf: {e}"));
            written.resolver = done.is_ok().then_some(resolver);
            outcome = outcome.and(done);
        }
        if written.name.as_ref() != Some(&name) {
            let done = (self.set_host_name)(&name).map_err(|e| format!("set the host name: {e}"));
            written.name = done.is_ok().then_some(name);
            outcome = outcome.and(done);
        }
        written.note(outcome);
    }

    /// Tries again what failed, if anything did.
    pub(crate) fn retry(&self) {
        let is_failing = lock(&self.written).is_failing;
        if is_failing {
            self.refresh();
        }
    }

    /// The status document.
    pub(crate) fn status(&self) -> NetworkStatus {
        let interfaces = lock(&self.links).iter().map(interface).collect();
        NetworkStatus { interfaces, name_servers: self.resolver().name_servers, hostname: self.host_name() }
    }

    fn resolver(&self) -> Resolver {
        let links = lock(&self.links);
        let domains: Vec<String> = links.values().filter_map(|k| k.lease.as_ref()?.domain.clone()).collect();
        Resolver::choose(&lock(&self.settings), &servers(&links), &domains)
    }

    /// What the settings say, else what DHCP says, else a name of our own.
    fn host_name(&self) -> String {
        let valid = |text: &str| HostName::try_from(text.trim().to_owned()).ok().map(|n| n.to_string());
        let chosen = read_bounded(&self.etc.join("hostname"), MAX_NAME).ok().flatten().and_then(|t| String::from_utf8(t).ok());
        let offered = || lock(&self.links).values().find_map(|k| valid(k.lease.as_ref()?.host_name.as_deref()?));
        chosen.and_then(|t| valid(&t)).or_else(offered).unwrap_or_else(|| DEFAULT_NAME.to_owned())
    }
}

impl Written {
    /// The log has the first failure of a row, and its end.
    fn note(&mut self, outcome: Result<(), String>) {
        match (&outcome, self.is_failing) {
            (Err(error), false) => log::error!("Cannot {error}; it is tried again"),
            (Ok(()), true) => log::info!("resolv.conf and the host name are as they should be again"),
            _ => {}
        }
        self.is_failing = outcome.is_err();
    }
}

/// A panic elsewhere ends the program, so what is inside is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn servers(links: &BTreeMap<String, Known>) -> Vec<NameServer> {
    let leased = |(link, known): (&String, &Known)| {
        let servers = known.lease.iter().flat_map(|l| l.name_servers.clone());
        servers.map(|s| NameServer { address: IpAddr::V4(s), link: link.clone() }).collect::<Vec<_>>()
    };
    links.iter().flat_map(leased).collect()
}

fn interface((name, known): (&String, &Known)) -> InterfaceStatus {
    let mac = known.mac.map(|b| format!("{b:02x}")).join(":");
    let lease = known.lease.as_ref();
    let dhcp4 = Dhcp4Lease {
        state: known.word.to_owned(),
        address: lease.map(|l| l.address.to_string()),
        router: lease.and_then(|l| l.router).map(|r| r.to_string()),
        lease_seconds: lease.map(|l| u64::from(l.seconds)),
    };
    let addresses = lease.map(|l| format!("{}/{}", l.address, l.prefix)).into_iter().collect();
    InterfaceStatus { name: name.clone(), mac, carrier: known.carrier, addresses, dhcp4: Some(dhcp4) }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
