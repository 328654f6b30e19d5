use super::*;
use ampoule_netmodel::ndisc::{Announcement, Content};
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

fn named(_: &str) -> io::Result<()> {
    Ok(())
}

fn status(state: &State) -> NetworkStatus {
    state.status(&BTreeMap::new())
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    fs::create_dir(place.path().join("ampoule")).expect("a folder");
    place
}

fn leased() -> Known {
    let lease = Lease {
        address: [10, 0, 2, 15].into(),
        prefix: 24,
        router: None,
        name_servers: vec![[10, 0, 2, 3].into()],
        domain: Some("lan".into()),
        host_name: Some("offered".into()),
        mtu: None,
        server: [10, 0, 2, 2].into(),
        seconds: 3600,
    };
    Known { carrier: true, word: "bound", lease: Some(lease), ..Known::default() }
}

#[test]
fn settings_come_before_the_lease_and_a_bad_file_changes_nothing() {
    let place = place();
    let settings = place.path().join("ampoule/resolver.json");
    let text = || fs::read_to_string(place.path().join("resolv.conf")).expect("the file");
    let state = State::new(place.path(), place.path(), named);
    state.reload();
    state.set("eth0", leased());
    assert!(text().contains("search lan\nnameserver 10.0.2.3\n"), "{}", text());
    assert_eq!(status(&state).hostname, "offered");

    fs::write(&settings, r#"{"name-servers":["1.2.3.4"]}"#).expect("written");
    state.reload();
    assert!(text().contains("search lan\nnameserver 1.2.3.4\n"), "{}", text());
    assert_eq!(status(&state).name_servers, ["1.2.3.4"]);

    fs::write(&settings, r#"{"name-servers":["1.2.3.4\nnameserver 6.6.6.6"]}"#).expect("written");
    state.reload();
    assert!(text().contains("search lan\nnameserver 1.2.3.4\n"), "{}", text());

    fs::remove_file(&settings).expect("removed");
    state.reload();
    assert!(text().contains("nameserver 10.0.2.3\n"), "{}", text());
}

#[test]
fn announced_servers_come_behind_leased_ones_and_go_when_they_end() {
    let place = place();
    let text = || fs::read_to_string(place.path().join("resolv.conf")).expect("the file");
    let state = State::new(place.path(), place.path(), named);
    let mut known = leased();
    let hear = |known: &mut Known, lifetime, content| known.learned.take(0, &Announcement { link: 2, lifetime, content });
    hear(&mut known, 60, Content::Servers(vec!["fec0::3".parse().expect("address"), "fe80::1".parse().expect("address")]));
    hear(&mut known, 60, Content::Domains(vec!["v6.example".into()]));
    state.set("eth0", known.clone());
    assert!(text().ends_with("search lan v6.example\nnameserver 10.0.2.3\nnameserver fec0::3\nnameserver fe80::1%eth0\n"), "{}", text());
    assert_eq!(status(&state).interfaces[0].router_advertisements.name_servers, ["fec0::3", "fe80::1"]);

    known.learned.expire(60_000);
    state.set("eth0", known);
    assert!(text().ends_with("search lan\nnameserver 10.0.2.3\n"), "{}", text());
}

#[test]
fn the_status_has_the_kernels_addresses_of_each_link() {
    let place = place();
    let state = State::new(place.path(), place.path(), named);
    state.set("eth0", Known { index: 2, ..leased() });
    state.set("eth1", Known { index: 3, ..Known::default() });
    let seen = BTreeMap::from([(2, Seen { addresses: vec!["10.0.2.15/24".into(), "fec0::5/64".into()], routes: vec![] })]);
    let links = state.status(&seen).interfaces;
    assert_eq!(links[0].addresses, ["10.0.2.15/24", "fec0::5/64"]);
    assert!(links[1].addresses.is_empty());
}

#[test]
fn a_write_that_failed_is_tried_again() {
    let place = place();
    let etc = place.path().join("later");
    let state = State::new(&etc, &etc, named);
    state.set("eth0", leased());
    state.retry();
    fs::create_dir(&etc).expect("a folder");
    state.retry();
    assert!(fs::read_to_string(etc.join("resolv.conf")).expect("the file").contains("10.0.2.3"));
}

#[test]
fn a_host_name_that_was_refused_is_tried_again_and_then_left_alone() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    fn second_time_lucky(_: &str) -> io::Result<()> {
        if CALLS.fetch_add(1, SeqCst) == 0 { Err(io::Error::other("busy")) } else { Ok(()) }
    }
    let place = place();
    let state = State::new(place.path(), place.path(), second_time_lucky);
    state.refresh();
    state.retry();
    state.retry();
    state.refresh();
    assert_eq!(CALLS.load(SeqCst), 2);
}
