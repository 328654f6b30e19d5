//! What all links know together, and the files made from it.

use crate::files::write_whole;
use ampoule_api_types::v1::{Dhcp4Lease, InterfaceStatus, NetworkStatus};
use ampoule_base::HostName;
use ampoule_netmodel::dhcp::Lease;
use ampoule_netmodel::resolver;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;

/// The name of a node that nobody named.
const DEFAULT_NAME: &str = "ampoule";
/// Longest `/etc/hostname` looked at.
const MAX_NAME: usize = 1024;

/// What each link came to.
#[derive(Default)]
pub(crate) struct State {
    links: Mutex<BTreeMap<String, Known>>,
    written: Mutex<(String, String)>,
}

#[derive(Clone, PartialEq)]
struct Known {
    mac: [u8; 6],
    carrier: bool,
    word: &'static str,
    lease: Option<Lease>,
}

impl State {
    /// Takes in what a link came to.
    pub(crate) fn set(&self, name: &str, mac: [u8; 6], carrier: bool, word: &'static str, lease: Option<&Lease>) {
        let known = Known { mac, carrier, word, lease: lease.cloned() };
        let old = self.lock().insert(name.to_owned(), known.clone());
        if old.is_none_or(|o| o.lease != known.lease) {
            self.refresh();
        }
    }

    /// A link is gone.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
        self.refresh();
    }

    /// Makes resolver file and host name anew, if they differ.
    pub(crate) fn refresh(&self) {
        let (resolver, name) = (self.resolver(), self.host_name());
        let mut written = self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if written.0 != resolver {
            note("write /etc/resolv.conf", write_whole(Path::new("/etc/resolv.conf"), &resolver));
        }
        if written.1 != name {
            note("set the host name", rustix::system::sethostname(name.as_bytes()).map_err(Into::into));
        }
        *written = (resolver, name);
    }

    /// The status document.
    pub(crate) fn status(&self) -> NetworkStatus {
        let links = self.lock().clone();
        let name_servers = servers(&links).iter().map(ToString::to_string).collect();
        NetworkStatus { interfaces: links.iter().map(interface).collect(), name_servers, hostname: self.host_name() }
    }

    fn resolver(&self) -> String {
        let links = self.lock();
        let domain = links.values().find_map(|k| k.lease.as_ref()?.domain.clone());
        resolver::render(&servers(&links), domain.as_deref())
    }

    /// What the settings say, else what DHCP says, else a name of our own.
    fn host_name(&self) -> String {
        let valid = |text: &str| HostName::try_from(text.trim().to_owned()).ok().map(|n| n.to_string());
        let chosen = std::fs::read_to_string("/etc/hostname").ok().filter(|t| t.len() <= MAX_NAME);
        let offered = || self.lock().values().find_map(|k| valid(k.lease.as_ref()?.host_name.as_deref()?));
        chosen.and_then(|t| valid(&t)).or_else(offered).unwrap_or_else(|| DEFAULT_NAME.to_owned())
    }

    /// A panic elsewhere ends the program, so what is inside is whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn servers(links: &BTreeMap<String, Known>) -> Vec<IpAddr> {
    links.values().filter_map(|k| k.lease.as_ref()).flat_map(|l| l.name_servers.iter().copied().map(IpAddr::V4)).collect()
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

fn note(what: &str, done: std::io::Result<()>) {
    if let Err(error) = done {
        log::error!("Cannot {what}: {error}");
    }
}
