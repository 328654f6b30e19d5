//! Links, addresses and routes, through the kernel's route netlink.

use ampoule_netmodel::dhcp::Lease;
use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{AddressAttribute, CacheInfo};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr};

/// Of the default route by DHCP; a route with a smaller one wins.
const METRIC: u32 = 1024;

/// A connection to the kernel.
#[derive(Clone)]
pub(crate) struct Kernel(Handle);

/// What the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("Cannot {action} {link}")]
pub(crate) struct KernelError {
    action: &'static str,
    link: String,
    source: rtnetlink::Error,
}

impl KernelError {
    /// Makes an error about a request for all links.
    pub(crate) fn all_links(action: &'static str) -> impl Fn(rtnetlink::Error) -> Self {
        refused(action, "all links")
    }
}

impl Kernel {
    /// Connects; call it inside the runtime.
    ///
    /// # Errors
    /// No netlink sockets.
    pub(crate) fn open() -> std::io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    /// Turns a link on.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub(crate) async fn up(&self, link: &str) -> Result<(), KernelError> {
        let index = self.index(link).await?;
        self.0.link().change(LinkUnspec::new_with_index(index).up().build()).execute().await.map_err(refused("turn on", link))
    }

    /// Gives a link the address, route and packet size of a lease; what is there already stays.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub(crate) async fn configure(&self, link: &str, lease: &Lease) -> Result<(), KernelError> {
        let index = self.index(link).await?;
        if let Some(mtu) = lease.mtu {
            let change = LinkUnspec::new_with_index(index).mtu(u32::from(mtu)).build();
            self.0.link().change(change).execute().await.map_err(refused("set the packet size of", link))?;
        }
        let mut add = self.0.address().add(index, IpAddr::V4(lease.address), lease.prefix).replace();
        // The kernel takes the address away at the end of the lease, also when this daemon is gone or got another one since.
        add.message_mut().attributes.push(AddressAttribute::CacheInfo(lifetime(lease.seconds)));
        add.execute().await.map_err(refused("give an address to", link))?;
        let Some(router) = lease.router else { return Ok(()) };
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(router).output_interface(index).priority(METRIC);
        // Some clouds lease a /32: their router is on the link, though in no network of ours. The route goes with the address.
        let route = route.onlink().pref_source(lease.address).build();
        self.0.route().add(route).replace().execute().await.map_err(refused("set the default route over", link))
    }

    /// Takes a lease's address away; routes over it go with it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub(crate) async fn unconfigure(&self, link: &str, lease: &Lease) -> Result<(), KernelError> {
        let index = self.index(link).await?;
        let addresses = self.0.address().get().set_link_index_filter(index).set_address_filter(lease.address.into()).execute();
        let found: Vec<_> = addresses.try_collect().await.map_err(refused("list addresses of", link))?;
        for address in found {
            self.0.address().del(address).execute().await.map_err(refused("take an address from", link))?;
        }
        Ok(())
    }

    /// For requests made elsewhere.
    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }

    /// The kernel's number of a link.
    ///
    /// # Errors
    /// The kernel's refusal, or no such link.
    pub(crate) async fn index(&self, link: &str) -> Result<u32, KernelError> {
        let found = self.0.link().get().match_name(link.to_owned()).execute().try_next().await.map_err(refused("find", link))?;
        found.map(|l| l.header.index).ok_or_else(|| refused("find", link)(rtnetlink::Error::RequestFailed))
    }
}

fn lifetime(seconds: u32) -> CacheInfo {
    let mut info = CacheInfo::default();
    (info.ifa_valid, info.ifa_preferred) = (seconds, seconds);
    info
}

fn refused<'a>(action: &'static str, link: &'a str) -> impl Fn(rtnetlink::Error) -> KernelError + 'a {
    move |source| KernelError { action, link: link.to_owned(), source }
}
