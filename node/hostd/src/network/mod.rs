//! The node's own network for workloads: one namespace, one address and one routed link per workload,
//! published ports.

mod firewall;
mod links;
mod namespace;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use ampoule_workload::{
    Publish,
    address::{Leases, Subnet},
    isolation::IdRange,
    publish::{Forward, forwards},
};
use tokio::sync::Mutex;

pub(crate) use namespace::Namespaces;

use crate::{error::HostError, files};

/// Holds the gateway's address and the network's route while no workload is there; it has no ports, so that workloads share no link.
const BRIDGE: &str = "amp0";
/// Outside what home routers, clouds and QEMU give out, and the same that other container tools chose.
const SUBNET: Subnet = Subnet { gateway: Ipv4Addr::new(10, 88, 0, 1), prefix: 16 };
const LEASES_FILE: &str = "addresses.json";
/// More than a full network needs in the file, in bytes.
const MAX_LEASES_BYTES: u64 = 8 * 1024 * 1024;

/// Where a workload is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Its address.
    pub(crate) address: Ipv4Addr,
    /// Its namespaces.
    pub(crate) namespaces: Namespaces,
}

/// The network of workloads.
pub(crate) struct Network {
    run: PathBuf,
    links: links::Links,
    state: Mutex<State>,
}

struct State {
    leases: Leases,
    published: BTreeMap<String, Vec<Publish>>,
    /// What the kernel was told last; `None`: not known.
    applied: Option<Vec<Forward>>,
}

impl Network {
    /// Makes the bridge, lets the node forward, and takes over the addresses of an earlier life.
    /// `published` are the ports of the workloads that may still run from then.
    pub(crate) async fn start(run: &Path, published: BTreeMap<String, Vec<Publish>>) -> Result<Self, HostError> {
        let links = links::Links::open()?;
        links.ensure_bridge(BRIDGE, SUBNET.gateway, SUBNET.prefix).await?;
        set_sysctl("net/ipv4/ip_forward", "1")?;
        let leases = read_leases(&run.join(LEASES_FILE))?;
        let mut state = State { leases, published, applied: None };
        state.apply()?;
        Ok(Self { run: run.to_owned(), links, state: Mutex::new(state) })
    }

    /// Attaches a workload whose files are in `folder`, in a user namespace for `ids` if it has some; the same again changes nothing.
    pub(crate) async fn attach(&self, name: &str, folder: &Path, ids: Option<IdRange>) -> Result<Attachment, HostError> {
        let address = self.lease(name).await?;
        let attachment = Attachment { address, namespaces: Namespaces::of(folder, ids) };
        let is_new = attachment.namespaces.ensure(folder).await?;
        let outside = links::outside_name(name);
        if is_new || !self.links.exists(&outside).await? {
            self.links.remove(&outside).await?;
            self.connect(&outside, &attachment).await?;
        }
        Ok(attachment)
    }

    async fn connect(&self, outside: &str, attachment: &Attachment) -> Result<(), HostError> {
        let file = namespace::open(&attachment.namespaces.network)?;
        let address = attachment.address;
        self.links.add_pair(outside, address, SUBNET.gateway, &file).await?;
        namespace::run_inside(
            file,
            move || async move { links::Links::open()?.configure_inside(&links::inside_name(), address, &SUBNET).await },
        )
        .await
    }

    async fn lease(&self, name: &str) -> Result<Ipv4Addr, HostError> {
        let mut state = self.state.lock().await;
        let had = state.leases.get(name);
        let address = state.leases.assign(name, &SUBNET);
        let full = || HostError::network("find an address")("all addresses of the workloads' network are in use");
        let address = address.ok_or_else(full)?;
        if had.is_none() {
            self.save(&state)?;
        }
        Ok(address)
    }

    /// Lets `ports` of the node lead to the workload; none: takes them back.
    pub(crate) async fn publish(&self, name: &str, ports: &[Publish]) -> Result<(), HostError> {
        let mut state = self.state.lock().await;
        state.published.insert(name.to_owned(), ports.to_vec());
        state.apply()
    }

    /// Takes a workload's ports, link, namespace and address away.
    pub(crate) async fn detach(&self, name: &str, folder: &Path) -> Result<(), HostError> {
        self.publish(name, &[]).await?;
        self.links.remove(&links::outside_name(name)).await?;
        namespace::remove_all(folder)?;
        let mut state = self.state.lock().await;
        state.published.remove(name);
        state.leases.release(name);
        self.save(&state)
    }

    fn save(&self, state: &State) -> Result<(), HostError> {
        let text = serde_json::to_vec(&state.leases).unwrap_or_default();
        files::write_whole(&self.run.join(LEASES_FILE), &text)
    }
}

impl State {
    /// Replaces all rules at once, so that no moment has half of them.
    fn apply(&mut self) -> Result<(), HostError> {
        let (wanted, refused) = forwards(self.forwards());
        if self.applied.as_ref() == Some(&wanted) {
            return Ok(());
        }
        for forward in refused {
            log::warn!("{}: another workload has port {} already; publish another", forward.name, forward.publish);
        }
        self.applied = None;
        firewall::replace(links::OUTSIDE_NAMES, &SUBNET, &wanted)?;
        self.applied = Some(wanted);
        Ok(())
    }

    /// The ports of the workloads that have an address.
    fn forwards(&self) -> impl Iterator<Item = Forward> {
        self.published.iter().flat_map(|(name, ports)| {
            let address = self.leases.get(name);
            let forward = move |publish: &Publish| address.map(|address| Forward { name: name.clone(), publish: *publish, address });
            ports.iter().filter_map(forward)
        })
    }
}

fn read_leases(path: &Path) -> Result<Leases, HostError> {
    let Some(text) = files::read_bounded(path, MAX_LEASES_BYTES)? else {
        return Ok(Leases::default());
    };
    let mut leases: Leases = serde_json::from_slice(&text).unwrap_or_default();
    leases.keep_valid(&SUBNET);
    Ok(leases)
}

fn set_sysctl(name: &str, value: &str) -> Result<(), HostError> {
    let path = Path::new("/proc/sys").join(name);
    std::fs::write(&path, value).map_err(HostError::file("set", path))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener, TcpStream},
        time::Duration,
    };

    use super::*;

    /// Runs `test` in a network namespace of its own. Needs root; says so and passes without, unless AMPOULE_REQUIRE_KERNEL is set.
    pub(super) fn in_own_network<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
        let inside = || match ampoule_sys::netns::enter_new_network_namespace() {
            Ok(()) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(test());
            }
            Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => panic!("no network namespace: {why}"),
            Err(why) => eprintln!("skipped: no network namespace: {why}"),
        };
        std::thread::spawn(inside).join().expect("the test's thread");
    }

    #[test]
    fn workloads_reach_each_other_through_the_node_alone() {
        in_own_network(two_workloads);
    }

    async fn two_workloads() {
        let dir = tempfile::tempdir().expect("folder");
        let network = Network::start(dir.path(), BTreeMap::new()).await.expect("starts");
        let folders = ["web", "other"].map(|name| dir.path().join(name));
        folders.iter().for_each(|folder| std::fs::create_dir(folder).expect("made"));
        let web = network.attach("web", &folders[0], None).await.expect("attached");
        let other = network.attach("other", &folders[1], None).await.expect("attached");
        let file = namespace::open(&web.namespaces.network).expect("opens");
        let at = SocketAddr::from((web.address, 80));
        namespace::run_inside(file, move || async move { serve(at) }).await.expect("serves");
        let file = namespace::open(&other.namespaces.network).expect("opens");
        namespace::run_inside(file, move || async move { asks(at) }).await.expect("the other's link address is the node's");
        TcpStream::connect_timeout(&at, Duration::from_secs(5)).expect("from the node");
        for (name, folder) in ["web", "other"].iter().zip(&folders) {
            network.detach(name, folder).await.expect("detached");
        }
        let routes = std::fs::read_to_string("/proc/thread-self/net/route").expect("routes");
        assert!(!routes.contains("amp-"), "{routes}");
    }

    fn serve(at: SocketAddr) -> Result<(), HostError> {
        let listener = TcpListener::bind(at).map_err(HostError::network("listen"))?;
        std::thread::spawn(move || listener.incoming().for_each(drop));
        Ok(())
    }

    /// Connects, and compares the link addresses of the other and of the gateway.
    fn asks(at: SocketAddr) -> Result<(), HostError> {
        TcpStream::connect_timeout(&at, Duration::from_secs(5)).map_err(HostError::network("reach the other"))?;
        let gateway = SocketAddr::from((SUBNET.gateway, 9));
        let _ = TcpStream::connect_timeout(&gateway, Duration::from_secs(5));
        let table = std::fs::read_to_string("/proc/thread-self/net/arp").map_err(HostError::network("read"))?;
        let of = |address: SocketAddr| {
            let line = table.lines().find(|line| line.split_whitespace().next() == Some(&address.ip().to_string()))?;
            line.split_whitespace().nth(3)
        };
        if of(at).is_some() && of(at) == of(gateway) { Ok(()) } else { Err(HostError::network("compare")(table.clone())) }
    }
}
