//! Names for a node that nobody named.

use crate::harness::Node;
use crate::server::{Reply, Server};
use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{RData, Record, rdata::PTR};
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

/// A `netd` that says this host name, with an address and a name server on the loopback.
fn with_netd(node: Node, host_name: &str) -> Node {
    let status = format!(
        r#"{{"interfaces":[{{"name":"lo","addresses":["127.0.0.1/8"]}},{{"name":"eth0","addresses":["10.0.2.15/24"]}}],"name-servers":["127.0.0.1"],"hostname":"{host_name}"}}"#
    );
    std::fs::create_dir_all(node.path("run/ampoule/netd")).expect("a folder");
    let listener = UnixListener::bind(node.path("run/ampoule/netd/status")).expect("a socket");
    thread::spawn(move || listener.incoming().flatten().for_each(|mut reader| drop(reader.write_all(status.as_bytes()))));
    node
}

/// A name server that calls every address `name`, after a lie with another number.
fn name_server(name: Option<&'static str>) -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let asked = Message::from_vec(&bytes[..length]).expect("a question");
            for (id, name) in [(asked.metadata.id.wrapping_add(1), Some("liar.example.")), (asked.metadata.id, name)] {
                let mut answer = Message::new(id, MessageType::Response, OpCode::Query);
                answer.add_query(asked.queries[0].clone());
                if let Some(name) = name {
                    let target = RData::PTR(PTR(name.parse().expect("a name")));
                    answer.add_answer(Record::from_rdata(asked.queries[0].name().clone(), 60, target));
                }
                socket.send_to(&answer.to_vec().expect("a message"), from).expect("sent");
            }
        }
    });
    port
}

fn generated_name(node: &Node) -> Option<String> {
    node.generated()["network.hostname"]["value"].as_str().map(str::to_owned)
}

#[test]
fn the_dns_names_a_node_that_nothing_else_names() {
    let node = with_netd(Node::new(), "ampoule").with_option("--dns-port", name_server(Some("Node-7.Example.")));
    node.provisions();
    assert_eq!(generated_name(&node).as_deref(), Some("node-7.example"));
}

#[test]
fn else_its_address_does() {
    let node = with_netd(Node::new(), "ampoule").with_option("--dns-port", name_server(None));
    node.provisions();
    assert_eq!(generated_name(&node).as_deref(), Some("ip-10-0-2-15"));
}

#[test]
fn the_name_that_dhcp_gave_stays() {
    let node = with_netd(Node::new(), "from-dhcp").with_option("--dns-port", name_server(Some("other.example.")));
    node.provisions();
    assert_eq!(generated_name(&node), None);
}

#[test]
fn a_silent_name_server_ends_in_time() {
    let silent = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let node = with_netd(Node::new(), "ampoule").with_option("--dns-port", port);
    let run = node.starts();
    assert!(run.gets_ready() < Duration::from_secs(1), "off EC2 a name is not on the way of the boot");
    drop(run);
    assert!(node.provisions() < Duration::from_secs(10));
    assert_eq!(generated_name(&node).as_deref(), Some("ip-10-0-2-15"));
}

#[test]
fn a_cloud_whose_service_has_no_name_falls_back_alike() {
    let server = Server::metadata(|path| match path {
        "/latest/meta-data/local-hostname" => Reply::ok("<no name>"),
        _ => Reply::Whole(404, Vec::new()),
    });
    let node = Node::new().with_metadata_at(server.port, Duration::from_secs(20));
    let node = with_netd(node, "from-dhcp").with_option("--dns-port", name_server(None));
    node.provisions();
    assert_eq!(generated_name(&node).as_deref(), Some("ip-10-0-2-15"));
}
