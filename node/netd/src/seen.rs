//! What the kernel has on each link, for the status document: asked each time, so that it is never what this daemon only believes.

use crate::kernel::{Kernel, KernelError};
use ampoule_api_types::v1::Route;
use futures_util::TryStreamExt;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses, and routes, told of one link: the document stays readable, whatever routers announce.
const MOST: usize = 64;

/// Addresses and routes of one link.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// `address/prefix-length`.
    pub(crate) addresses: Vec<String>,
    /// Of the main table.
    pub(crate) routes: Vec<Route>,
}

impl Kernel {
    /// Addresses and routes by the number of their link.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub(crate) async fn seen(&self) -> Result<BTreeMap<u32, Seen>, KernelError> {
        let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
        let refused = KernelError::all_links;
        let mut addresses = self.handle().address().get().execute();
        while let Some(message) = addresses.try_next().await.map_err(refused("list the addresses of"))? {
            push(&mut seen.entry(message.header.index).or_default().addresses, address(&message));
        }
        let families = [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()];
        for family in families {
            let mut routes = self.handle().route().get(family).execute();
            while let Some(message) = routes.try_next().await.map_err(refused("list the routes of"))? {
                if let Some((link, route)) = route(&message) {
                    push(&mut seen.entry(link).or_default().routes, Some(route));
                }
            }
        }
        Ok(seen)
    }
}

fn push<T>(list: &mut Vec<T>, item: Option<T>) {
    list.extend(item.filter(|_| list.len() < MOST));
}

/// An address that others can use: not one of the link alone, nor one that may still belong to somebody else (RFC 4862, 5.4).
fn address(message: &AddressMessage) -> Option<String> {
    let is_usable = matches!(message.header.scope, AddressScope::Universe | AddressScope::Site)
        && !message.header.flags.intersects(AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed);
    let find = |local: bool| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) if local => Some(*address),
            AddressAttribute::Address(address) if !local => Some(*address),
            _ => None,
        })
    };
    // On a link to one peer `Address` is the peer's (rtnetlink(7)).
    let address: IpAddr = find(true).or_else(|| find(false))?;
    is_usable.then(|| format!("{address}/{}", message.header.prefix_len))
}

/// A route that leads somewhere: those to ourselves, for groups, and of the link's own addresses are left out.
fn route(message: &RouteMessage) -> Option<(u32, Route)> {
    let header = &message.header;
    let is_one =
        header.table == RouteHeader::RT_TABLE_MAIN && header.kind == RouteType::Unicast && !header.flags.contains(RouteFlags::Cloned);
    let mut route = Route { destination: everywhere(header.address_family)?.to_string(), ..Route::default() };
    let mut link = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(to) => route.destination = text(to).filter(|t| !t.starts_with("fe80:"))?,
            RouteAttribute::Gateway(router) => route.gateway = text(router),
            RouteAttribute::Priority(metric) => route.metric = Some(*metric),
            RouteAttribute::Oif(index) => link = Some(*index),
            _ => {}
        }
    }
    route.destination = format!("{}/{}", route.destination, header.destination_prefix_length);
    link.filter(|_| is_one).map(|link| (link, route))
}

fn everywhere(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(Ipv4Addr::UNSPECIFIED.into()),
        AddressFamily::Inet6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

fn text(address: &RouteAddress) -> Option<String> {
    match address {
        RouteAddress::Inet(address) => Some(address.to_string()),
        RouteAddress::Inet6(address) => Some(address.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
