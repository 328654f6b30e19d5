use super::*;
use crate::testkit::between;
use ampoule_netmodel::ndisc::Content;
use std::time::Duration;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// An advertisement of no default router (lifetime 0), with fec0::3 as name server for `lifetime` seconds, from as many hops away.
pub(crate) fn advertise(over: u32, hops: Option<u32>, lifetime: u32) {
    let socket = sender().expect("a socket");
    if let Some(hops) = hops {
        sockopt::set_ipv6_multicast_hops(&socket, hops).expect("set");
    }
    // Else the sending end hears itself.
    sockopt::set_ipv6_multicast_loop(&socket, false).expect("set");
    let head = [134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let server = Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 3).octets();
    let packet = [&head[..], &[25, 3, 0, 0], &lifetime.to_be_bytes(), &server].concat();
    let send = || rustix::net::sendto(&socket, &packet, SendFlags::empty(), &SocketAddrV6::new(ALL_NODES, 0, 0, over));
    // A link that just came up has no address yet.
    let sent = (0..250).any(|_| send().map_err(|_| std::thread::sleep(Duration::from_millis(20))).is_ok());
    assert!(sent, "{:?}", send());
}

#[test]
fn a_routers_name_server_is_heard_and_a_stranger_from_afar_is_not() {
    between(|node, router| async move {
        let listener = Listener::open().expect("listens");
        tokio::time::sleep(Duration::from_millis(500)).await;
        advertise(router, Some(64), 1);
        advertise(router, None, 1800);
        let heard = tokio::time::timeout(Duration::from_secs(5), listener.hear()).await.expect("in time").expect("heard");
        let heard = ampoule_netmodel::ndisc::announcements(&heard);
        let content = Content::Servers(vec![Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 3)]);
        assert_eq!(heard, [Announcement { link: node, lifetime: 1800, content }], "the one with 64 hops is forged");
    });
}

#[test]
fn a_solicitation_is_sent() {
    between(|node, _| async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let raw =
            rustix::net::socket_with(AddressFamily::INET6, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::ICMPV6)).expect("a socket");
        // The kernel of this namespace has the router's end too, and gives it what is for all routers once it joined them.
        let joined = (1..=node.max(8)).filter(|link| sockopt::set_ipv6_add_membership(&raw, &ALL_ROUTERS, *link).is_ok()).count();
        assert!(joined >= 2, "both ends");
        sockopt::set_socket_timeout(&raw, sockopt::Timeout::Recv, Some(Duration::from_secs(5))).expect("set");
        let sent = async {
            while solicit(node).is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
        };
        tokio::time::timeout(Duration::from_secs(5), sent).await.expect("sent once the link's own address is known to be nobody else's");
        let mut packet = [0; 256];
        loop {
            let (size, _) = rustix::net::recv(&raw, &mut packet, rustix::net::RecvFlags::empty()).expect("in time");
            if packet[..size].first() == Some(&133) {
                break;
            }
        }
    });
}
