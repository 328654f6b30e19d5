//! Links, addresses and routes, through the kernel's route netlink.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr},
    os::fd::AsRawFd,
    path::Path,
};

use ampoule_workload::address::Subnet;
use futures_util::TryStreamExt;
use rtnetlink::{Handle, LinkBridge, LinkUnspec, LinkVeth, RouteMessageBuilder, packet_route::route::RouteScope};

use super::set_sysctl;
use crate::error::HostError;

/// Locally administered; the last four bytes are 10.88.0.1.
const BRIDGE_MAC: [u8; 6] = [0x02, 0x42, 10, 88, 0, 1];
/// Netlink's number for "no such device".
const NO_DEVICE: i32 = -19;
/// Netlink's number for "is there already".
const EXISTS: i32 = -17;

/// A connection to the network namespace in which it was opened.
pub(crate) struct Links {
    handle: Handle,
}

/// All links of workloads on the node, as packet rules name them.
pub(crate) const OUTSIDE_NAMES: &str = "amp-*";

/// The name of a workload's link on the node: 15 bytes at most, so a digest of the workload's name.
pub(crate) fn outside_name(workload: &str) -> String {
    // FNV-1a: names are few and chosen by the node's owner, there is nobody to fear collisions from.
    let hash = workload.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("amp-{:010x}", hash >> 24)
}

/// The name of the link inside the container.
pub(crate) fn inside_name() -> String {
    "eth0".to_owned()
}

impl Links {
    /// Opens a connection in the calling thread's network namespace; call it inside a tokio runtime.
    pub(crate) fn open() -> Result<Self, HostError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(HostError::network("speak to the kernel"))?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// True if there is a link of this name.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, HostError> {
        Ok(self.index(name).await?.is_some())
    }

    async fn index(&self, name: &str) -> Result<Option<u32>, HostError> {
        let answer = self.handle.link().get().match_name(name).execute().try_next().await;
        match answer {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if is_code(&error, NO_DEVICE) => Ok(None),
            Err(error) => Err(HostError::network(format!("look up the link {name}"))(error)),
        }
    }

    async fn required(&self, name: &str) -> Result<u32, HostError> {
        let missing = || HostError::network(format!("find the link {name}"))("it is not there");
        self.index(name).await?.ok_or_else(missing)
    }

    /// Makes a bridge with an address, or takes the one that is there.
    pub(crate) async fn ensure_bridge(&self, name: &str, address: Ipv4Addr, prefix: u8) -> Result<(), HostError> {
        let added = self.handle.link().add(LinkBridge::new(name).address(BRIDGE_MAC.to_vec()).up().build()).execute().await;
        unless_exists(added, format!("make the bridge {name}"))?;
        let index = self.required(name).await?;
        self.add_address(index, address, prefix).await?;
        self.up(index).await
    }

    /// Makes a pair of links: `outside` on the node, the other in `namespace` under the name of [`inside_name`]. The node routes: `address` lies behind `outside`
    /// and nothing else does, and no frame of one workload ever comes to another.
    pub(crate) async fn add_pair(&self, outside: &str, address: Ipv4Addr, gateway: Ipv4Addr, namespace: &File) -> Result<(), HostError> {
        // Until it is moved, the other end needs a name that nothing else on the node has.
        let other = outside.replacen("amp-", "tmp-", 1);
        let added = self.handle.link().add(LinkVeth::new(outside, &other).build()).execute().await;
        added.map_err(HostError::network(format!("make the link {outside}")))?;
        answer_for_others(outside)?;
        speak_no_ipv6(outside)?;
        let moved = LinkUnspec::new_with_index(self.required(&other).await?).setns_by_fd(namespace.as_raw_fd()).name(inside_name()).build();
        let action = format!("move the link {other} into its namespace");
        self.handle.link().change(moved).execute().await.map_err(HostError::network(action))?;
        self.lead(outside, address, gateway).await
    }

    /// Leads `address` to the link, from the gateway's address.
    async fn lead(&self, outside: &str, address: Ipv4Addr, gateway: Ipv4Addr) -> Result<(), HostError> {
        let index = self.required(outside).await?;
        self.up(index).await?;
        self.add_address(index, gateway, 32).await?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, 32).output_interface(index);
        let route = route.scope(RouteScope::Link).pref_source(gateway).build();
        let action = format!("lead {address} to {outside}");
        self.handle.route().add(route).replace().execute().await.map_err(HostError::network(action))
    }

    /// Gives the link inside a namespace its address and the way out.
    pub(crate) async fn configure_inside(&self, name: &str, address: Ipv4Addr, subnet: &Subnet) -> Result<(), HostError> {
        self.up(self.required("lo").await?).await?;
        let index = self.required(name).await?;
        self.add_address(index, address, subnet.prefix).await?;
        self.up(index).await?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(subnet.gateway).build();
        unless_exists(self.handle.route().add(route).execute().await, "add the default route".to_owned())
    }

    async fn up(&self, index: u32) -> Result<(), HostError> {
        let up = LinkUnspec::new_with_index(index).up().build();
        let action = format!("switch on the link number {index}");
        self.handle.link().change(up).execute().await.map_err(HostError::network(action))
    }

    async fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), HostError> {
        let added = self.handle.address().add(index, IpAddr::V4(address), prefix).execute().await;
        unless_exists(added, format!("add the address {address}/{prefix}"))
    }

    /// Removes a link, and with it the other end of the pair. None there: nothing to do.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), HostError> {
        let Some(index) = self.index(name).await? else {
            return Ok(());
        };
        match self.handle.link().del(index).execute().await {
            Err(error) if !is_code(&error, NO_DEVICE) => Err(HostError::network(format!("remove the link {name}"))(error)),
            _ => Ok(()),
        }
    }
}

/// A workload asks for the others' link addresses, as all are in one network: the node answers with its own, at once, and routes (proxy ARP, RFC 1027). Packets whose
/// source does not lie behind the link are dropped (strict reverse path, RFC 3704). Documentation: the kernel's `ip-sysctl`.
fn answer_for_others(outside: &str) -> Result<(), HostError> {
    set_sysctl(&format!("net/ipv4/neigh/{outside}/proxy_delay"), "0")?;
    let conf = [("proxy_arp", "1"), ("rp_filter", "1"), ("send_redirects", "0"), ("accept_redirects", "0")];
    conf.iter().try_for_each(|(name, value)| set_sysctl(&format!("net/ipv4/conf/{outside}/{name}"), value))
}

/// A workload has no address of IPv6, and may send what it likes: as a router on its link it would give the node addresses, and a way out that leads to itself
/// (RFC 4861, 6.3.4). Before the link is switched on, so that there is no moment in which it is heard.
fn speak_no_ipv6(outside: &str) -> Result<(), HostError> {
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return Ok(());
    }
    let conf = [("accept_ra", "0"), ("disable_ipv6", "1")];
    conf.iter().try_for_each(|(name, value)| set_sysctl(&format!("net/ipv6/conf/{outside}/{name}"), value))
}

fn is_code(error: &rtnetlink::Error, code: i32) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code() == code)
}

fn unless_exists(result: Result<(), rtnetlink::Error>, action: String) -> Result<(), HostError> {
    match result {
        Err(error) if !is_code(&error, EXISTS) => Err(HostError::network(action)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::in_own_network, *};

    #[test]
    fn link_names_fit_the_kernel_and_differ() {
        let names = ["a", "b", "web", &"x".repeat(63)].map(outside_name);
        assert!(names.iter().all(|name| name.len() <= 15), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn a_workloads_address_lies_behind_its_link_alone() {
        in_own_network(route_of_a_new_pair);
    }

    async fn route_of_a_new_pair() {
        let (gateway, address) = (Ipv4Addr::new(10, 88, 0, 1), Ipv4Addr::new(10, 88, 0, 5));
        let links = Links::open().expect("opens");
        links.ensure_bridge("amp0", gateway, 16).await.expect("a bridge");
        let here = File::open("/proc/thread-self/ns/net").expect("this namespace");
        links.add_pair("amp-test", address, gateway, &here).await.expect("a pair");
        let routes = std::fs::read_to_string("/proc/thread-self/net/route").expect("routes");
        assert!(routes.lines().any(|line| line.starts_with("amp-test\t0500580A") && line.contains("FFFFFFFF")), "{routes}");
        for (name, value) in [("proxy_arp", "1"), ("rp_filter", "1"), ("send_redirects", "0")] {
            let set = std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/amp-test/{name}")).expect("entry");
            assert_eq!(set.trim(), value, "{name}");
        }
        // Where the kernel has IPv6 at all.
        if let Ok(off) = std::fs::read_to_string("/proc/sys/net/ipv6/conf/amp-test/disable_ipv6") {
            assert_eq!(off.trim(), "1", "the node speaks IPv6 to a workload");
        }
    }
}
