//! What all links know together, and the files made from it.

use crate::seen::Seen;
use ampoule_api_types::v1::{Announced, Dhcp4Lease, InterfaceStatus, NetworkStatus};
use ampoule_base::HostName;
use ampoule_netmodel::dhcp::Lease;
use ampoule_netmodel::learned::Learned;
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
const MAX_NAME: u64 = 1024;

/// What each link came to.
pub(crate) struct State {
    etc: PathBuf,
    run: PathBuf,
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
    /// What routers announced.
    pub(crate) learned: Learned,
    /// The kernel's number of the link.
    pub(crate) index: u32,
}

/// What was written last; `None`: nothing, or it failed.
#[derive(Default)]
struct Written {
    resolver: Option<String>,
    name: Option<String>,
    is_failing: bool,
}

impl State {
    /// Nothing known yet; what settings say is in `etc`, the resolver file goes into `run`.
    pub(crate) fn new(etc: impl Into<PathBuf>, run: impl Into<PathBuf>, set_host_name: fn(&str) -> io::Result<()>) -> Self {
        let (links, settings, written) = Default::default();
        Self { etc: etc.into(), run: run.into(), set_host_name, links, settings, written }
    }

    /// Takes in what a link was before; makes no file.
    pub(crate) fn recall(&self, name: &str, known: Known) {
        lock(&self.links).insert(name.to_owned(), known);
    }

    /// Takes in what a link came to.
    pub(crate) fn set(&self, name: &str, known: Known) {
        let old = lock(&self.links).insert(name.to_owned(), known.clone());
        if old.is_none_or(|o| (o.lease, o.learned) != (known.lease, known.learned)) {
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
        let read = ampoule_files::read(&path, resolver::MAX_SETTINGS as u64).map_err(Box::<dyn std::error::Error>::from);
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
            let done = ampoule_files::replace(&self.run.join("resolv.conf"), resolver.as_bytes(), 0o644)
                .map_err(|e| format!("write resolv.conf: {e}"));
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

    /// The status document, with what the kernel has on each link by its number.
    pub(crate) fn status(&self, seen: &BTreeMap<u32, Seen>) -> NetworkStatus {
        let interfaces = lock(&self.links).iter().map(|(name, known)| interface(name, known, seen.get(&known.index))).collect();
        let Resolver { name_servers, search_list } = self.resolver();
        NetworkStatus { interfaces, name_servers, search_list, hostname: self.host_name() }
    }

    fn resolver(&self) -> Resolver {
        let links = lock(&self.links);
        let leased = links.values().filter_map(|k| k.lease.as_ref()?.domain.clone());
        let announced = links.values().flat_map(|k| k.learned.domains().map(ToOwned::to_owned));
        let domains: Vec<String> = leased.chain(announced).collect();
        Resolver::choose(&lock(&self.settings), &servers(&links), &domains)
    }

    /// What the settings say, else what DHCP says, else a name of our own.
    fn host_name(&self) -> String {
        let valid = |text: &str| HostName::try_from(text.trim().to_owned()).ok().map(|n| n.to_string());
        let chosen = ampoule_files::read(&self.etc.join("hostname"), MAX_NAME).ok().flatten().and_then(|t| String::from_utf8(t).ok());
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

/// Leased ones first: containers have no IPv6, and use the first that answers.
fn servers(links: &BTreeMap<String, Known>) -> Vec<NameServer> {
    let on = |link: &String, address: IpAddr| NameServer { address, link: link.clone() };
    let leased = links.iter().flat_map(|(link, k)| k.lease.iter().flat_map(|l| &l.name_servers).map(move |s| on(link, (*s).into())));
    let announced = links.iter().flat_map(|(link, k)| k.learned.servers().map(move |s| on(link, s.into())));
    leased.chain(announced).collect()
}

fn interface(name: &str, known: &Known, seen: Option<&Seen>) -> InterfaceStatus {
    let mac = known.mac.map(|b| format!("{b:02x}")).join(":");
    let lease = known.lease.as_ref();
    let dhcp4 = Dhcp4Lease {
        state: known.word.to_owned(),
        address: lease.map(|l| l.address.to_string()),
        router: lease.and_then(|l| l.router).map(|r| r.to_string()),
        lease_seconds: lease.map(|l| u64::from(l.seconds)),
    };
    let name_servers = known.learned.servers().map(|s| s.to_string()).collect();
    let search_list = known.learned.domains().map(ToOwned::to_owned).collect();
    let router_advertisements = Announced { name_servers, search_list };
    let Seen { addresses, routes } = seen.cloned().unwrap_or_default();
    InterfaceStatus { name: name.to_owned(), mac, carrier: known.carrier, addresses, routes, dhcp4: Some(dhcp4), router_advertisements }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
