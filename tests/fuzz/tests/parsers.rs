//! One target per parser of bytes from outside.

use ampoule_fuzz::run;
use ampoule_logwire::{Ingest, LineSplitter, Query, Record, decode};
use ampoule_modalias::Index;
use ampoule_netmodel::{
    dhcp::Client,
    learned::Learned,
    ndisc::announcements,
    resolver::{NameServer, Resolver},
};
use ampoule_settings::{Fragment, Model, parse_user_data};
use ampoule_supervise::{
    message::{REPLY_SIZE, REQUEST_SIZE, Reply, Request},
    service::ServiceFile,
};
use ampoule_workload::{Reference, image};

/// What was understood can be said again and is understood alike.
#[test]
fn fuzz_user_data() {
    let model = Model::complete();
    run("user-data", |bytes| {
        if let Ok(fragment) = parse_user_data(&model, bytes) {
            let again = Fragment::from_json(&model, &fragment.to_json()).expect("what was read can be read again");
            assert!(fragment.differing(&again).is_empty(), "read differently the second time");
        }
    });
}

#[test]
fn fuzz_service_file() {
    run("service-file", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(file) = ServiceFile::parse(text)
        {
            assert!(file.command.first().is_some_and(|program| program.starts_with('/')), "a program without a path");
        }
    });
}

/// A message of the right size is either refused or exactly what `encode` makes.
#[test]
fn fuzz_init_message() {
    run("init-message", |bytes| {
        for sized in [bytes.to_vec(), fitted(bytes, REQUEST_SIZE), fitted(bytes, REPLY_SIZE)] {
            if let Some(request) = Request::decode(&sized) {
                assert_eq!(request.encode().as_slice(), sized);
            }
            if let Some(reply) = Reply::decode(&sized) {
                assert_eq!(reply.encode().as_slice(), sized);
            }
        }
    });
}

fn fitted(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(size, 0);
    bytes
}

/// However the bytes are cut, the lines are the same.
#[test]
fn fuzz_log_line() {
    run("log-line", |bytes| {
        let (head, tail) = bytes.split_at(bytes.len() / 3);
        let mut whole = LineSplitter::default();
        let mut cut = LineSplitter::default();
        let mut at_once = whole.feed(bytes);
        let mut in_parts = cut.feed(head);
        in_parts.extend(cut.feed(tail));
        at_once.extend(whole.finish());
        in_parts.extend(cut.finish());
        assert_eq!(at_once, in_parts);
        for line in bytes.split(|byte| *byte == b'\n') {
            let _ = decode::<Query>(line);
            let _ = decode::<Ingest>(line);
            let _ = decode::<Record>(line);
        }
    });
}

#[test]
fn fuzz_image_document() {
    run("image-document", |bytes| {
        let _ = image::follow(bytes);
        if let Ok(config) = image::ImageConfig::parse(bytes) {
            let _ = (config.chain_id(), config.stop_signal(), config.user());
        }
    });
}

#[test]
fn fuzz_image_reference() {
    run("image-reference", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(reference) = Reference::parse(text)
        {
            assert!(!reference.registry().contains('/'), "a registry with a path");
        }
    });
}

#[test]
fn fuzz_module_lists() {
    run("module-lists", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (dependencies, aliases) = text.split_once("---").unwrap_or((&text, &text));
        if let Ok(index) = Index::parse(dependencies, aliases) {
            let _ = index.resolve("pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00");
            let _ = index.resolve(aliases.lines().next().unwrap_or_default());
        }
    });
}

/// What a server says twice, in every state of the client; the client asks again at some time whatever was said.
#[test]
fn fuzz_dhcp() {
    run("dhcp", |bytes| {
        let mut client = Client::new([0x52, 0x54, 0, 0x12, 0x34, 0x56], 0x0102_0304, 0);
        let _ = client.wake(0);
        let _ = client.packet(10, bytes);
        let _ = client.packet(20, bytes);
        assert!(client.lease().is_none(), "one answer is an offer or an acknowledgement, not both");
        let ours = ampoule_fuzz::seeds("dhcp");
        let acknowledged = ours.iter().filter(|seed| seed.len() > 242 && seed[242] < 6).flat_map(|seed| client.packet(30, seed)).count();
        let _ = client.packet(40, bytes);
        client.carrier_returned(50);
        let _ = client.wake(client.next_wake());
        let _ = client.packet(60, bytes);
        assert!(client.next_wake() >= 50 || acknowledged == 0, "it will never ask again");
    });
}

/// Whatever a router says: what is kept is bounded, ends, and cannot become another line of the resolver file.
#[test]
fn fuzz_router_advertisement() {
    run("router-advertisement", |bytes| {
        let mut learned = Learned::default();
        for announcement in announcements(bytes) {
            learned.take(5, &announcement);
        }
        assert!(learned.is_sound(), "more than a list may hold, or no domain");
        let servers: Vec<_> = learned.servers().map(|s| NameServer { address: s.into(), link: "eth0".to_owned() }).collect();
        let domains: Vec<_> = learned.domains().map(ToOwned::to_owned).collect();
        let text = Resolver::choose(&Default::default(), &servers, &domains).render();
        assert!(text.lines().all(|l| ["# ", "search ", "nameserver "].iter().any(|start| l.starts_with(start))), "{text}");
        assert!(text.lines().count() <= 5, "{text}");
    });
}
