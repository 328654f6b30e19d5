//! Who reaches a published port through the rules of a bridge network, tried with real packets between network namespaces. Needs root, nf_tables and `ip`;
//! says so and passes where they are missing, unless AMPOULE_REQUIRE_KERNEL is set.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use ampoule_nft::{BridgeNetwork, PublishedPort, Transport, encode};
use ampoule_sys::{netns::enter_new_network_namespace, nfnetlink::exchange};

/// Longest wait for a connection that should come about.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that should not come about is waited for this long: far longer than one that does takes.
const REFUSAL: Duration = Duration::from_millis(700);

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace: a thread in it that does what it is given.
struct Namespace {
    jobs: Sender<Job>,
    /// The thread's number: `ip` takes it for the namespace.
    thread: String,
}

impl Namespace {
    /// `None`: not allowed here.
    fn new() -> Option<Self> {
        let (jobs, work) = channel::<Job>();
        let (started, start) = channel();
        std::thread::spawn(move || {
            let entered = enter_new_network_namespace();
            let myself = std::fs::read_link("/proc/thread-self").expect("procfs");
            let number = myself.file_name().expect("a number").to_string_lossy().into_owned();
            started.send(entered.map(|()| number)).expect("heard");
            work.iter().for_each(|job| job());
        });
        match start.recv().expect("a thread") {
            Ok(thread) => Some(Self { jobs, thread }),
            Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => panic!("no network namespace: {why}"),
            Err(why) => {
                eprintln!("skipped: no network namespace: {why}");
                None
            }
        }
    }

    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        self.jobs.send(Box::new(move || done.send(work()).expect("awaited"))).expect("a thread");
        result.recv().expect("the work failed")
    }

    fn ip(&self, lines: &[&str]) {
        for line in lines {
            let arguments: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            let done = self.run(move || Command::new("ip").args(arguments).status().expect("ip runs"));
            assert!(done.success(), "ip {line}");
        }
    }

    /// A new link `here`, whose other end is `eth0` in `other` with this address and way out.
    fn connect(&self, here: &str, other: &Namespace, address: &str, router: Option<&str>) {
        self.ip(&[&format!("link add {here} type veth peer name eth0 netns {}", other.thread), &format!("link set {here} up")]);
        other.ip(&["link set lo up", &format!("addr add {address} dev eth0"), "link set eth0 up"]);
        router.into_iter().for_each(|router| other.ip(&[&format!("route add default via {router}")]));
    }

    /// Answers every connection to this address with a word.
    fn serve(&self, address: &'static str) {
        let listener = self.run(move || TcpListener::bind(address).expect("binds"));
        std::thread::spawn(move || listener.incoming().flatten().for_each(|mut c| drop(c.write_all(b"served"))));
    }

    fn reaches(&self, address: &str, patience: Duration) -> bool {
        let address: SocketAddr = address.parse().expect("address");
        self.run(move || {
            let Ok(mut connection) = TcpStream::connect_timeout(&address, patience) else { return false };
            connection.set_read_timeout(Some(patience)).expect("set");
            let mut answer = String::new();
            connection.read_to_string(&mut answer).is_ok() && answer == "served"
        })
    }
}

fn rules() -> BridgeNetwork {
    let published = PublishedPort {
        transport: Transport::Tcp,
        node_port: 8080,
        address: "10.88.0.5".parse().expect("address"),
        port: 80,
        comment: "web".into(),
    };
    let subnet = "10.88.0.0".parse().expect("address");
    BridgeNetwork { table: "ampoule".into(), links: "amp-*".into(), subnet, prefix: 16, published: vec![published] }
}

/// A node with two containers behind links of their own and somebody outside.
fn place() -> Option<[Namespace; 4]> {
    let [node, web, other, outside] = [Namespace::new()?, Namespace::new()?, Namespace::new()?, Namespace::new()?];
    node.ip(&["link set lo up", "link add amp0 type bridge", "addr add 10.88.0.1/16 dev amp0", "link set amp0 up"]);
    for (name, container, address) in [("amp-web", &web, "10.88.0.5"), ("amp-other", &other, "10.88.0.6")] {
        node.connect(name, container, &format!("{address}/16"), Some("10.88.0.1"));
        node.ip(&[&format!("addr add 10.88.0.1/32 dev {name}"), &format!("route add {address}/32 dev {name} src 10.88.0.1")]);
        node.run(move || std::fs::write(format!("/proc/sys/net/ipv4/conf/{name}/proxy_arp"), "1").expect("answers for others"));
    }
    // Whoever is outside has a way to the containers, if the node lets it, and says that the metadata service is here.
    node.connect("uplink", &outside, "192.0.2.9/24", Some("192.0.2.1"));
    outside.ip(&["addr add 169.254.169.254/32 dev lo"]);
    node.ip(&["addr add 192.0.2.1/24 dev uplink", "route add default via 192.0.2.9"]);
    node.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("forwards");
        let batch = encode(&rules().ruleset()).expect("encodes");
        batch.check(&exchange(batch.bytes()).expect("socket")).expect("applies");
    });
    web.serve("10.88.0.5:80");
    Some([node, web, other, outside])
}

#[test]
fn a_published_port_is_reached_from_everywhere_and_only_through_the_node() {
    let Some([node, web, other, outside]) = place() else { return };
    assert!(outside.reaches("192.0.2.1:8080", PATIENCE), "from outside");
    assert!(node.reaches("192.0.2.1:8080", PATIENCE), "from the node itself");
    assert!(other.reaches("192.0.2.1:8080", PATIENCE), "from another container");
    assert!(web.reaches("192.0.2.1:8080", PATIENCE), "from the container itself, through the node");
    assert!(other.reaches("10.88.0.1:8080", PATIENCE), "through the node's address on the bridge");
    assert!(web.reaches("10.88.0.1:8080", PATIENCE), "through the node's address on the bridge, itself");
    assert!(other.reaches("10.88.0.5:80", PATIENCE), "containers among themselves");
    assert!(!outside.reaches("10.88.0.5:80", REFUSAL), "past the node's port");
    assert!(!outside.reaches("192.0.2.1:80", REFUSAL), "a port that is not published");
}

#[test]
fn the_metadata_service_is_the_nodes_alone_but_for_names() {
    let Some([node, _web, other, outside]) = place() else { return };
    outside.serve("0.0.0.0:80");
    outside.serve("0.0.0.0:53");
    assert!(node.reaches("169.254.169.254:80", PATIENCE), "the node");
    assert!(other.reaches("192.0.2.9:80", PATIENCE), "another address there");
    assert!(other.reaches("169.254.169.254:53", PATIENCE), "names");
    assert!(!other.reaches("169.254.169.254:80", REFUSAL), "a container");
}

#[test]
fn nobody_hears_a_container_that_lies_about_its_address() {
    let Some([node, web, other, _outside]) = place() else { return };
    let heard = |at: &Namespace| {
        let socket = at.run(|| UdpSocket::bind("0.0.0.0:4000").expect("binds"));
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket
    };
    let (at_web, at_node) = (heard(&web), heard(&node));
    let say = |from: &'static str| {
        other.run(move || {
            let socket = UdpSocket::bind(from).expect("binds");
            for to in ["10.88.0.5:4000", "10.88.0.1:4000"] {
                socket.send_to(b"x", to).expect("sends");
            }
        });
    };
    let comes = |socket: &UdpSocket| socket.recv(&mut [0; 8]).is_ok();
    say("10.88.0.6:4000");
    assert!(comes(&at_web) && comes(&at_node), "its own address");
    for socket in [&at_web, &at_node] {
        socket.set_read_timeout(Some(REFUSAL)).expect("set");
    }
    other.ip(&["addr add 203.0.113.7/32 dev lo", "addr add 10.88.0.9/32 dev lo"]);
    // Not even one of the network, and the kernel's own check (`rp_filter`) is off here.
    for lie in ["203.0.113.7:4000", "10.88.0.9:4000"] {
        say(lie);
        assert!(!comes(&at_web) && !comes(&at_node), "{lie}");
    }
}
