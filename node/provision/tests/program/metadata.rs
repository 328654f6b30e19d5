//! The metadata service: as it is, slow, failing, lying.

use crate::harness::Node;
use crate::server::{Reply, Server};
use std::net::TcpListener;
use std::time::Duration;

const USER_DATA: &str = "/latest/user-data";
const IDENTITY: &str = "/latest/dynamic/instance-identity/document";
const HOST_NAME: &str = "/latest/meta-data/local-hostname";

/// What the service may take in tests that wait for it to fail.
const SHORT: Duration = Duration::from_millis(1_500);
const LONG: Duration = Duration::from_secs(20);

/// A service that has everything.
fn good(path: &str) -> Reply {
    match path {
        USER_DATA => Reply::ok("[settings]\nmotd = \"from EC2\"\n"),
        IDENTITY => Reply::ok(r#"{"accountId":"123456789012","region":"eu-west-1"}"#),
        HOST_NAME => Reply::ok("ip-10-0-0-7.eu-west-1.compute.internal"),
        _ => Reply::Whole(404, Vec::new()),
    }
}

fn node(server: &Server, limit: Duration) -> Node {
    Node::new().with_metadata_at(server.port, limit)
}

/// The node comes up, in time, and says of the service what is expected.
fn fails(server: &Server, expected: &str) {
    let node = node(server, SHORT).with_file("/state/user-data.toml", "local");
    let took = node.provisions();
    assert!(took < SHORT + Duration::from_secs(5), "it took {took:?}");
    let (state, detail) = node.report("40-ec2-imds");
    assert!(state == "failed" && detail.contains(expected), "{state}: {detail}");
    assert_eq!(node.user_data(), [("20-local-user-data".to_owned(), "local".to_owned())]);
}

#[test]
fn user_data_region_and_name_are_taken() {
    let server = Server::metadata(good);
    let node = node(&server, LONG);
    node.provisions();
    assert_eq!(node.user_data(), [("40-ec2-imds".to_owned(), "[settings]\nmotd = \"from EC2\"\n".to_owned())]);
    let generated = node.generated();
    assert_eq!(generated["aws.region"]["value"], "eu-west-1");
    assert_eq!(generated["aws.region"]["strength"], "strong");
    assert_eq!(generated["network.hostname"]["value"], "ip-10-0-0-7.eu-west-1.compute.internal");
    assert_eq!(generated["ntp.time-servers"]["value"][0], "169.254.169.123");
    assert_eq!(server.seen().iter().filter(|request| request.line.starts_with("PUT")).count(), 1, "one token is enough");
}

#[test]
fn an_instance_without_user_data_has_none() {
    let server = Server::metadata(|path| if path == USER_DATA { Reply::Whole(404, Vec::new()) } else { good(path) });
    let node = node(&server, LONG);
    node.provisions();
    assert_eq!(node.report("40-ec2-imds").0, "absent");
    assert_eq!(node.generated()["aws.region"]["value"], "eu-west-1");
}

#[test]
fn a_region_that_is_not_told_is_assumed_and_not_kept() {
    let server = Server::metadata(|path| if path == IDENTITY { Reply::ok("{}") } else { good(path) });
    let node = node(&server, LONG);
    node.provisions();
    let generated = node.generated();
    assert_eq!(
        (generated["aws.region"]["value"].as_str(), generated["aws.region"]["strength"].as_str()),
        (Some("us-east-1"), Some("weak"))
    );
}

#[test]
fn a_machine_that_is_not_ec2_is_not_asked() {
    let server = Server::metadata(good);
    let node = Node::new().with_file("/sys/class/dmi/id/sys_vendor", "QEMU\n").with_option("--metadata-limit", 1_000);
    node.provisions();
    assert_eq!(node.report("40-ec2-imds").0, "absent");
    assert!(server.seen().is_empty());
}

#[test]
fn an_override_that_is_no_address_is_not_replaced_by_another() {
    let place = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.ampoule/imds-endpoint/raw";
    let node = Node::new().with_file(place, "https://evil.example/").with_file("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
    node.provisions();
    let (state, detail) = node.report("40-ec2-imds");
    assert!(state == "failed" && detail.contains("imds-endpoint"), "{state}: {detail}");
}

#[test]
fn passing_failures_are_outlived() {
    let server = Server::start(|number, request| match number {
        0 => Reply::Whole(503, Vec::new()),
        1 => Reply::Raw(b"not http\r\n\r\n".to_vec()),
        _ if request.line.starts_with("PUT") => Reply::ok("T"),
        3 => Reply::Whole(429, Vec::new()),
        _ => good(request.line.split(' ').nth(1).unwrap_or_default()),
    });
    let node = node(&server, LONG);
    node.provisions();
    assert_eq!(node.report("40-ec2-imds").0, "found", "{}", node.log());
}

#[test]
fn a_token_that_is_no_longer_good_is_replaced() {
    let server = Server::start(|number, request| match request.line.starts_with("PUT") {
        true => Reply::ok(if number == 0 { "OLD" } else { "NEW" }),
        false if request.has("x-aws-ec2-metadata-token: NEW") => good(request.line.split(' ').nth(1).unwrap_or_default()),
        false => Reply::Whole(401, Vec::new()),
    });
    let node = node(&server, LONG);
    node.provisions();
    assert_eq!(node.report("40-ec2-imds").0, "found", "{}", node.log());
}

#[test]
fn without_tokens_nothing_is_asked() {
    let server = Server::start(|_, request| match request.line.starts_with("PUT") {
        true => Reply::Whole(405, Vec::new()),
        false => good(request.line.split(' ').nth(1).unwrap_or_default()),
    });
    fails(&server, "version 2");
    assert!(server.seen().iter().all(|request| request.line.starts_with("PUT")), "{:?}", server.seen());
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Server::metadata(good);
    let target = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/latest/user-data\r\ncontent-length: 0\r\n\r\n", other.port);
    let server = Server::metadata(move |_| Reply::Raw(target.clone().into_bytes()));
    fails(&server, "302");
    assert!(other.seen().is_empty());
}

#[test]
fn lies_and_silence_end_in_time() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort".to_vec();
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let headers = format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", "x-a: b\r\n".repeat(1_000)).into_bytes();
    let liars = [
        (Server::start(|_, _| Reply::Silence), "no answer of the metadata service"),
        (Server::metadata(|_| Reply::Silence), "no answer of the metadata service"),
        (Server::metadata(|_| Reply::Drip), "no answer of the metadata service"),
        (Server::metadata(|_| Reply::Flood), "more than 65536 bytes"),
        (Server::metadata(move |_| Reply::Raw(cut.clone())), "cut off"),
        (Server::metadata(move |_| Reply::Raw(huge.clone())), "no answer of the metadata service"),
        (Server::metadata(move |_| Reply::Raw(headers.clone())), "no answer of the metadata service"),
        (Server::start(|_, _| Reply::ok("two words")), "token"),
    ];
    // All that is done with most of them is to wait.
    std::thread::scope(|scope| {
        for (server, expected) in &liars {
            scope.spawn(|| fails(server, expected));
        }
    });
}

#[test]
fn nobody_there_ends_in_time() {
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let node = Node::new().with_metadata_at(port, SHORT);
    let took = node.provisions();
    assert!(took < SHORT + Duration::from_secs(5), "it took {took:?}");
    let (state, detail) = node.report("40-ec2-imds");
    assert!(state == "failed" && detail.contains("no connection"), "{detail}");
    let generated = node.generated();
    assert_eq!(generated["aws.region"]["strength"], "weak", "{generated}");
}

#[test]
fn the_first_boot_waits_for_the_service_and_later_ones_do_not() {
    let slow = |path: &str| {
        std::thread::sleep(Duration::from_secs(1));
        good(path)
    };
    let server = Server::metadata(slow);
    let first = node(&server, LONG);
    assert!(first.starts().gets_ready() >= Duration::from_secs(1));
    let later = node(&server, LONG).with_settings().with_file("/state/user-data.toml", "local");
    let mut run = later.starts();
    assert!(run.gets_ready() < Duration::from_secs(1));
    assert_eq!(later.user_data(), [("20-local-user-data".to_owned(), "local".to_owned())]);
    assert!(run.ends().success());
    assert_eq!(later.user_data().len(), 2, "a changed user data is there to be compared");
    assert_eq!(later.report("40-ec2-imds").0, "found");
}

/// The node is not held up, and hears of it once the service answers.
#[test]
fn a_service_that_comes_up_late_is_asked_again() {
    let server = Server::start(|number, request| match request.line.as_str() {
        _ if number < 3 => Reply::Whole(503, Vec::new()),
        "PUT /latest/api/token HTTP/1.1" => Reply::ok("TOKEN=="),
        line => good(line.split(' ').nth(1).unwrap_or_default()),
    });
    let node = node(&server, Duration::from_millis(300)).with_option("--retry-pause", 800).with_option("--retry-limit", 20_000);
    let mut run = node.starts();
    run.gets_ready();
    assert_eq!(node.report("40-ec2-imds").0, "failed");
    assert!(node.user_data().is_empty());
    assert!(run.ends().success(), "{}", node.log());
    assert_eq!(node.report("40-ec2-imds").0, "found");
    assert_eq!(node.user_data(), [("40-ec2-imds".to_owned(), "[settings]\nmotd = \"from EC2\"\n".to_owned())]);
    assert_eq!(node.generated()["aws.region"]["strength"], "strong");
}

/// At a later boot nobody may take a place that was not asked yet for one that has nothing.
#[test]
fn until_it_is_asked_the_report_says_so() {
    let server = Server::start(|_, _| Reply::Silence);
    let node = node(&server, SHORT).with_settings();
    let mut run = node.starts();
    run.gets_ready();
    assert_eq!(node.report("40-ec2-imds").0, "pending");
    assert!(run.ends().success());
    assert_eq!(node.report("40-ec2-imds").0, "failed");
}
