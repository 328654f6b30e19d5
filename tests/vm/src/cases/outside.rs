//! Attacks from outside: by who shares a network with the node and sends it what he likes.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use ampoule_api_types::v1::InterfaceStatus;
use ampoule_machine::LocalIdentity;
use anyhow::{Context as _, Result, ensure};
use dhcproto::{
    Decodable as _,
    v4::{Message, MessageType},
};
use serde_json::json;

use crate::{
    context::Context,
    framework::wire::{self, DAY, Discovered, NODE_LINK, NODE_V4, PREFIX, STRANGER_V4, Scan, Transport, Wire},
    framework::{Node, within},
    runner::Case,
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_scan_finds_what_was_opened",
        about: "all TCP and UDP ports, over IPv4 and IPv6, from a stranger on the link: the remote API alone answers, and nothing once it is closed",
        limit: within(600),
        soak: false,
        run: a_scan_finds_what_was_opened,
    },
    Case {
        name: "lies_of_the_network_harm_nobody",
        about: "malformed DHCP answers and router advertisements, thousands of them: what the node has stays, no daemon ends, and the log tells",
        limit: within(420),
        soak: false,
        run: lies_of_the_network_harm_nobody,
    },
];

/// The port of DHCP clients: the node hears offers there, and answers nobody.
const DHCP_CLIENT: u16 = 68;
/// Half-open connections of an attacker with as many addresses: more than a listener has places for.
const FLOOD: u16 = 5000;
/// How the node's own address in the stranger's network begins.
const OWN_V6: &str = "2001:db8:53:";
/// `RTM_NEWNDUSEROPT`'s two heads, before options of a router: fixtures are messages of the kernel's.
const KERNEL_HEADS: usize = 32;
/// No router forwards what has this.
const ON_LINK: u8 = 255;

/// Without this the kernel tells only once in a second that a port is closed, and a scan of all would take a day.
const TELL_ALL: &str = "[kernel.sysctl]\n\"net.ipv4.icmp_ratemask\" = \"0\"\n\"net.ipv4.icmp_msgs_per_sec\" = \"1000000\"\n\
                        \"net.ipv4.icmp_msgs_burst\" = \"1000000\"\n\"net.ipv6.icmp.ratelimit\" = \"0\"\n[ntp]\ntime-servers = []\n";

/// A node with a stranger on its second link.
pub(super) fn beside_a_stranger(context: &Context, settings: &str) -> Result<(Wire, Node)> {
    let wire = Wire::lay()?;
    let mut node = context.node().with_machine_arguments(wire.machine_arguments()).with_settings(settings).start()?;
    node.boots()?;
    Ok((wire, node))
}

fn a_scan_finds_what_was_opened(context: &Context) -> Result<()> {
    let (wire, mut node) = beside_a_stranger(context, TELL_ALL)?;
    wire.gives_an_address(within(90))?;
    let own = announced(&wire, &mut node)?;
    let api = BTreeSet::from([LocalIdentity::API_PORT]);
    for (from, to) in [(STRANGER_V4.into(), NODE_V4.into()), (neighbour(own, 7), own.into())] {
        is(&wire.scan(Transport::Tcp, from, to)?, &api, &BTreeSet::new())?;
        // Nobody is told whether a datagram was taken.
        let taken = if to.is_ipv4() { BTreeSet::from([DHCP_CLIENT]) } else { BTreeSet::new() };
        is(&wire.scan(Transport::Udp, from, to)?, &BTreeSet::new(), &taken)?;
    }
    a_flood_keeps_nobody_out(&wire, &node, own)?;

    node.set(json!({ "api": { "remote": { "enabled": false } } }))?;
    // It is closed when the answer to this has come, which may have been cut off.
    std::thread::sleep(within(2));
    for (from, to) in [(STRANGER_V4.into(), NODE_V4.into()), (neighbour(own, 7), own.into())] {
        is(&wire.scan(Transport::Tcp, from, to)?, &BTreeSet::new(), &BTreeSet::new())?;
    }
    node.stops_at_the_power_button()
}

/// Each port has been asked and has answered, save `silent`.
fn is(found: &Scan, open: &BTreeSet<u16>, silent: &BTreeSet<u16>) -> Result<()> {
    let asked = found.open.len() + found.closed + found.silent.len();
    ensure!(asked == usize::from(u16::MAX), "{asked} ports were asked");
    ensure!((&found.open, &found.silent) == (open, silent), "open {:?}, silent {:?}, closed {}", found.open, found.silent, found.closed);
    Ok(())
}

/// An address beside the node's, in its network.
fn neighbour(own: Ipv6Addr, number: u16) -> IpAddr {
    let [a, b, c, d, ..] = own.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, number).into()
}

/// Half-open connections fill the listener's places: who comes then is served all the same (SYN cookies), and the kernel tells of it.
fn a_flood_keeps_nobody_out(wire: &Wire, node: &Node, own: Ipv6Addr) -> Result<()> {
    let before = answer_time(node)?;
    for number in 0..FLOOD {
        let [high, low] = number.to_be_bytes();
        let to = |address: IpAddr| SocketAddr::new(address, LocalIdentity::API_PORT);
        let from = |address: IpAddr| SocketAddr::new(address, 1024 + number);
        wire.send(&wire::segment(from(Ipv4Addr::new(198, 18, 1 + high, low).into()), to(NODE_V4.into()), false))?;
        wire.send(&wire::segment(from(neighbour(own, 256 + number)), to(own.into()), false))?;
    }
    same_time_class(before, answer_time(node)?)?;
    let told = node.log_of("kernel")?;
    ensure!(told.iter().any(|line| line.text.contains("SYN flooding on port")), "the kernel does not tell of the flood");
    Ok(())
}

/// The middle of some requests, each over a connection of its own.
pub(super) fn answer_time(node: &Node) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        node.client()?.with_timeout(within(30)).os().context("an authorised client gets no answer")?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// A loaded host makes single requests several times slower, so this is wide; who waits for an attacker's connections to end waits ten seconds.
pub(super) fn same_time_class(before: Duration, after: Duration) -> Result<()> {
    let most = (before * 5).max(Duration::from_secs(2));
    ensure!(after < most, "an authorised client waits {after:?}; it was {before:?}");
    Ok(())
}

/// The stranger announces a prefix; the node's address in it.
fn announced(wire: &Wire, node: &mut Node) -> Result<Ipv6Addr> {
    node.eventually("the node has an address of the stranger's prefix", within(60), |node| {
        wire.send(&wire::advertisement([64, 0, 0, 0], &[&[0; 8][..], &prefix(PREFIX)].concat(), ON_LINK))?;
        let link = strangers_link(node)?;
        let own = link.addresses.iter().find(|address| address.starts_with(OWN_V6)).context("not yet")?;
        Ok(own.split('/').next().unwrap_or_default().parse()?)
    })
}

/// Prefix information (RFC 4861, 4.6.2): for a day, on this link, for addresses of one's own choice.
fn prefix(prefix: Ipv6Addr) -> Vec<u8> {
    let day = 86_400_u32.to_be_bytes();
    [&[3, 4, 64, 0b1100_0000][..], &day, &day, &[0; 4], &prefix.octets()].concat()
}

pub(super) fn strangers_link(node: &Node) -> Result<InterfaceStatus> {
    let links = node.client()?.network()?.interfaces;
    let mac = NODE_LINK.map(|byte| format!("{byte:02x}")).join(":");
    links.into_iter().find(|link| link.mac == mac).with_context(|| format!("no link is {mac}"))
}

fn lies_of_the_network_harm_nobody(context: &Context) -> Result<()> {
    let (wire, mut node) = beside_a_stranger(context, "")?;
    let processes = |node: &Node| -> Result<Vec<Option<u32>>> {
        ["netd", "netd-parser", "apid"].map(|name| Ok(node.service(name)?.pid)).into_iter().collect()
    };
    let (before, servers) = (processes(&node)?, node.client()?.network()?.name_servers);
    let asked = wire.is_asked_for_an_address(within(90))?;
    for lie in lies_of_servers(&asked)? {
        wire.send(&lie)?;
    }
    node.boots()?;
    wire.gives_an_address(within(120))?;
    let own = announced(&wire, &mut node)?;
    for lie in lies_of_routers()? {
        wire.send(&lie)?;
    }
    node.eventually("the log tells of it", within(60), |node| {
        let said = node.log_of("netd")?;
        ensure!(said.iter().any(|line| line.text.contains("no answer of a DHCP server")), "{:?}", said.last());
        Ok(())
    })?;
    ensure!(processes(&node)? == before, "a daemon ended: {before:?}, now {:?}", processes(&node)?);
    let link = strangers_link(&node)?;
    ensure!(link.addresses.iter().any(|address| address.starts_with(&own.to_string())), "its address is lost: {link:?}");
    let status = node.client()?.network()?;
    ensure!(servers.iter().all(|server| status.name_servers.contains(server)), "name servers are lost: {status:?}");
    ensure!(status.name_servers.len() + status.search_list.len() < 64, "they filled the list: {status:?}");
    let strange = |domain: &String| domain.bytes().any(|byte| !byte.is_ascii_alphanumeric() && !b".-_".contains(&byte));
    ensure!(!status.search_list.iter().any(strange), "{status:?}");
    let denials = node.client()?.denials()?.denials;
    ensure!(denials.is_empty(), "{denials:#?}");
    node.stops_at_the_power_button()
}

/// The bytes of each fixture.
fn fixtures(kind: &str) -> Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/hostile").join(kind);
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let all = entries.map(|entry| Ok(fs::read(entry?.path())?)).collect::<Result<Vec<_>>>()?;
    ensure!(all.len() > 10, "{kind}: the fixtures have shrunk");
    Ok(all)
}

/// Each byte wrong in three ways, and each length shorter than the whole.
fn mutations(whole: &[u8]) -> Vec<Vec<u8>> {
    let changed = |at: usize, mask: u8| {
        let mut bytes = whole.to_owned();
        bytes[at] ^= mask;
        bytes
    };
    let wrong = (0..whole.len()).flat_map(|at| [0x01, 0x80, 0xff].map(|mask| changed(at, mask)));
    wrong.chain((0..whole.len()).map(|length| whole[..length].to_owned())).collect()
}

/// Frames that answer a question for an address: the fixtures, an offer with each of its bytes wrong, and frames that are none.
fn lies_of_servers(asked: &Discovered) -> Result<Vec<Vec<u8>>> {
    let offer = asked.answer(MessageType::Offer, DAY)?;
    let frame = asked.answered_with(&offer);
    // Behind the two addresses of 6 bytes: those must be right, or nobody hears it.
    let broken = mutations(&frame[12..]).into_iter().map(|rest| [&frame[..12], &rest].concat());
    // Who is offered an address takes it from whoever says then that he has it: that is no lie, and not looked at here.
    let is_offer = |bytes: &Vec<u8>| Message::from_bytes(bytes).is_ok_and(|message| message.opts().msg_type() == Some(MessageType::Offer));
    let fixtures = fixtures("dhcp")?.into_iter().filter(|bytes| !is_offer(bytes));
    let answers = fixtures.chain(mutations(&offer)).map(|bytes| asked.answered_with(&bytes));
    Ok(answers.chain(broken).collect())
}

/// Router advertisements: options of the fixtures, one advertisement with each of its bytes wrong, one from elsewhere, and very many prefixes.
fn lies_of_routers() -> Result<Vec<Vec<u8>>> {
    let times = [0; 8];
    let options = fixtures("router-advertisement")?;
    let bodies = options.iter().filter_map(|message| message.get(KERNEL_HEADS..)).map(|options| [&times[..], options].concat());
    let whole = [&times[..], &prefix(PREFIX), &[5, 1, 0, 0, 0, 0, 5, 220], &options.concat()].concat();
    let many = (0..2000_u16).map(|number| {
        let other = Ipv6Addr::new(0x2001, 0xdb8, 0x666, number, 0, 0, 0, 0);
        [&times[..], &prefix(other)].concat()
    });
    let bodies: Vec<Vec<u8>> = bodies.chain(mutations(&whole)).chain(many).collect();
    let from_elsewhere = wire::advertisement([64, 0, 7, 8], &whole, ON_LINK - 1);
    Ok(bodies.iter().map(|body| wire::advertisement([64, 0, 0, 0], body, ON_LINK)).chain([from_elsewhere]).collect())
}
