//! The whole life of a link against a router of our own: DHCP server and router advertisements at the other end of a pair of links. Needs root and
//! unshare(1); says so and passes without, unless AMPOULE_REQUIRE_KERNEL is set.

use super::*;
use crate::ndisc;
use crate::parser::tests::stand_in;
use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Encodable};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Set for the process that is in namespaces of its own.
const INSIDE: &str = "AMPOULE_TEST_INSIDE";

/// `/sys` shows the links of the network namespace in which it was mounted, so the test runs in another process, with its own `/sys`.
#[test]
fn a_link_lives_through_restart_withdrawal_and_loss_of_carrier() {
    let myself = std::env::current_exe().expect("a path");
    let inside = "mount -t sysfs sysfs /sys && exec \"$0\" --exact link::tests::inside --ignored --nocapture";
    let allowed = Command::new("unshare").args(["--net", "--mount", "true"]).status().is_ok_and(|s| s.success());
    if !allowed {
        assert!(std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_none(), "no namespaces");
        return eprintln!("skipped: no namespaces");
    }
    let out =
        Command::new("unshare").args(["--net", "--mount", "sh", "-c", inside]).arg(myself).env(INSIDE, "1").output().expect("unshare runs");
    let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "started by the test above in namespaces of its own"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return eprintln!("skipped: this would make links in the network of this machine");
    }
    let router = Router::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(live_and_die(router));
}

async fn live_and_die(router: Router) {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(place.path().join("disk")).expect("a folder");
    let node = Node::start(place.path());
    node.eventually("the lease is in use", || node.says("nameserver 10.0.2.3") && !node.says("fec0::3")).await;
    assert_eq!(node.word(), "bound");
    router.advertises(600);
    node.eventually("the router's name server is in use", || node.says("nameserver fec0::3")).await;

    node.task.abort();
    router.asked();
    let node = Node::start(place.path());
    assert!(node.says("nameserver 10.0.2.3") && node.says("nameserver fec0::3"), "not for a moment without");
    let mut looks = 0;
    while node.word() != "bound" {
        let seen = node.kernel.seen().await.expect("seen");
        assert!(seen.values().any(|s| s.addresses == ["10.0.2.15/24"]), "the address went: {seen:?}");
        looks += 1;
        assert!(looks < 500, "it is still {}", node.word());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = router.asked();
    let [first, ..] = &asked[..] else { panic!("nothing was asked") };
    assert_eq!(first.opts().msg_type(), Some(MessageType::Request), "not as if new");
    assert_eq!(first.opts().get(OptionCode::RequestedIpAddress), Some(&DhcpOption::RequestedIpAddress(OURS)));
    assert!(node.says("nameserver 10.0.2.3") && node.says("nameserver fec0::3"), "what was announced before the restart still holds");

    // A restart of the machine: what lies below /run and on the link is gone.
    node.task.abort();
    std::fs::remove_file(place.path().join("node.json")).expect("removed");
    crate::testkit::ip("addr flush dev node");
    router.asked();
    let node = Node::start(place.path());
    node.eventually("the lease is in use", || node.word() == "bound").await;
    let kinds: Vec<_> = router.asked().iter().filter_map(|m| m.opts().msg_type()).collect();
    assert_eq!(kinds, [MessageType::Request], "the address of the boot before was not asked for by name");
    router.advertises(600);
    node.eventually("the router's name server is in use", || node.says("nameserver fec0::3")).await;

    router.advertises(0);
    node.eventually("it is withdrawn", || !node.says("fec0::3")).await;
    router.advertises(2);
    node.eventually("it is back", || node.says("fec0::3")).await;
    node.eventually("its time is over", || !node.says("fec0::3")).await;
    router.advertises(600);
    node.eventually("it is back", || node.says("fec0::3")).await;
    router.ip("link set router down");
    node.eventually("the carrier is lost", || !node.says("fec0::3")).await;
    assert!(node.says("10.0.2.3"), "the lease outlives a cable");
}

struct Node {
    place: std::path::PathBuf,
    state: Arc<State>,
    kernel: Kernel,
    task: tokio::task::JoinHandle<()>,
}

impl Node {
    fn start(place: &Path) -> Self {
        let state = Arc::new(State::new(place, place, |_| Ok(())));
        let kernel = Kernel::open().expect("opens");
        let shelf = Shelf::new(place, place.join("disk"));
        recall("node", &state, &shelf);
        state.reload();
        let task = tokio::spawn(live("node".to_owned(), kernel.clone(), Arc::clone(&state), shelf, stand_in(place)));
        Self { place: place.to_owned(), state, kernel, task }
    }

    fn says(&self, text: &str) -> bool {
        std::fs::read_to_string(self.place.join("resolv.conf")).is_ok_and(|file| file.contains(text))
    }

    fn word(&self) -> String {
        let links = self.state.status(&Default::default()).interfaces;
        links.into_iter().find_map(|l| l.dhcp4).map(|d| d.state).unwrap_or_default()
    }

    async fn eventually(&self, what: &str, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), wait).await.unwrap_or_else(|_| panic!("not within 15 s: {what}"));
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own, with the other end of the link.
struct Router {
    jobs: Sender<Job>,
    asked: Arc<Mutex<Vec<Message>>>,
}

impl Router {
    fn start() -> Self {
        let (jobs, work) = channel::<Job>();
        std::thread::spawn(move || work.iter().for_each(|job| job()));
        let router = Self { jobs, asked: Arc::default() };
        let thread = router.run(|| {
            ampoule_sys::netns::enter_new_network_namespace().expect("a namespace");
            let myself = std::fs::read_link("/proc/thread-self").expect("procfs");
            myself.file_name().expect("a number").to_string_lossy().into_owned()
        });
        crate::testkit::ip(&format!("link add node type veth peer name router netns {thread}"));
        router.run(|| std::fs::write("/proc/sys/net/ipv6/conf/router/accept_dad", "0").expect("set"));
        for line in ["link set lo up", "addr add 10.0.2.2/24 dev router", "link set router up", "route add default dev router"] {
            router.ip(line);
        }
        let asked = Arc::clone(&router.asked);
        let socket = router.run(|| std::net::UdpSocket::bind("0.0.0.0:67").expect("binds"));
        socket.set_broadcast(true).expect("set");
        std::thread::spawn(move || serve(&socket, &asked));
        router
    }

    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        self.jobs.send(Box::new(move || done.send(work()).expect("awaited"))).expect("a thread");
        result.recv().expect("the work failed")
    }

    fn ip(&self, line: &'static str) {
        self.run(move || crate::testkit::ip(line));
    }

    fn advertises(&self, lifetime: u32) {
        self.run(move || ndisc::tests::advertise(crate::testkit::number("router"), None, lifetime));
    }

    /// What the DHCP server was asked since this was called last.
    fn asked(&self) -> Vec<Message> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }
}

fn serve(socket: &std::net::UdpSocket, asked: &Mutex<Vec<Message>>) {
    let mut packet = [0; 1500];
    while let Ok((size, _)) = socket.recv_from(&mut packet) {
        let Ok(question) = Message::from_bytes(&packet[..size]) else { continue };
        let answer = answer(&question);
        asked.lock().expect("whole").push(question);
        let _ = socket.send_to(&answer.to_vec().expect("encodes"), (Ipv4Addr::BROADCAST, 68));
    }
}

fn answer(question: &Message) -> Message {
    let kind = if question.opts().msg_type() == Some(MessageType::Discover) { MessageType::Offer } else { MessageType::Ack };
    let zero = Ipv4Addr::UNSPECIFIED;
    let mut answer = Message::new_with_id(question.xid(), zero, OURS, ROUTER, zero, question.chaddr());
    answer.set_opcode(Opcode::BootReply);
    for option in [
        DhcpOption::MessageType(kind),
        DhcpOption::ServerIdentifier(ROUTER),
        DhcpOption::AddressLeaseTime(3600),
        DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        DhcpOption::Router(vec![ROUTER]),
        DhcpOption::DomainNameServer(vec![Ipv4Addr::new(10, 0, 2, 3)]),
    ] {
        answer.opts_mut().insert(option);
    }
    answer
}
