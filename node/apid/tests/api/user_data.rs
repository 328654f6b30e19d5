//! User data at first boot.

use std::{fs, io::Write};

use ampoule_api_client::Method;
use serde_json::{Value, json};

use crate::{harness::Place, neighbours};

#[test]
fn plain_and_packed_user_data_become_the_first_generation() {
    let text = "[settings]\nmotd = \"from user data\"\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("packed");
    for bytes in [text.as_bytes().to_vec(), encoder.finish().expect("packed")] {
        let apid = Place::new().with_user_data(bytes).start_once();
        assert_eq!(apid.settings()["motd"], "from user data");
        assert_eq!(apid.file("/etc/motd").as_deref(), Some("from user data\n"));
    }
}

#[test]
fn the_files_of_a_folder_count_in_the_order_of_their_names() {
    let place = Place::new();
    let folder = place.path("user-data");
    std::fs::create_dir(&folder).expect("a folder");
    for (name, text) in [
        ("99-overrides", "motd = \"last\"\n"),
        ("20-local", "motd = \"first\"\n[settings.network]\nhostname = \"kept\"\n"),
        (".new", "motd = \"half written\"\n"),
    ] {
        std::fs::write(folder.join(name), format!("[settings]\n{text}")).expect("a file");
    }
    let apid = place.start_once();
    assert_eq!((&apid.settings()["motd"], &apid.settings()["network"]["hostname"]), (&"last".into(), &"kept".into()));
}

#[test]
fn it_is_read_once() {
    let place = Place::new().with_user_data("[settings]\nmotd = \"first\"\n");
    place.start().kill();
    let place = place.with_user_data("[settings]\nmotd = \"second\"\n");
    assert_eq!(place.start().settings()["motd"], "first");
}

#[test]
fn what_is_wrong_is_said_and_nothing_of_it_is_taken() {
    for (text, says) in [
        ("[settings]\nmotd = \"never\"\n[settings.network]\nhostname = \"not a host name!\"\n", "settings.network.hostname"),
        ("#cloud-config\npackages: [nginx]\n", "cloud-init"),
        ("motd = \"never\"\n", "settings.motd"),
        ("[settings]\nmtod = \"never\"\n", "motd"),
        ("[settings]\nmotd = \"never\"\n[settings.api.remote]\nenabled = true\n", "api.remote"),
    ] {
        let apid = Place::new().with_user_data(text).start_once();
        assert_eq!(apid.settings()["motd"], "by default", "{text}");
        let log = apid.log();
        let loud = log.lines().any(|line| (line.starts_with("<3>") || line.starts_with("<4>")) && line.contains(says));
        assert!(loud, "{text}: {log}");
        assert!(log.contains("user data") || log.contains("User data"), "{log}");
    }
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b'#'; 8 << 20]).expect("packed");
    let packed_rubbish =
        [vec![0x1f, 0x8b, 8, 0], (0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()].concat();
    for bytes in [vec![0xff; 100], vec![b'#'; 200_000], bomb.finish().expect("packed"), packed_rubbish] {
        let apid = Place::new().with_user_data(bytes).start_once();
        assert_eq!(apid.settings()["motd"], "by default");
        assert!(apid.memory_kib() < 30 * 1024, "{} KiB", apid.memory_kib());
    }
}

/// What `provision` finds later in the life of a node has no effect by itself.
#[test]
fn changed_user_data_is_a_plan_until_somebody_takes_it() {
    let place = Place::new().with_user_data("[settings]\nmotd = \"first\"\n[settings.network]\nhostname = \"old\"\n");
    let _init = crate::neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let status = || -> Value { apid.client().get_json("/v1/user-data").expect("a status") };
    assert_eq!(status()["state"], "taken");

    std::fs::write(place.path("user-data"), "[settings]\nmotd = \"second\"\n").expect("written");
    let changed = status();
    assert_eq!(changed["state"], "changed", "{changed}");
    let keys: Vec<&str> = changed["plan"]["keys"].as_array().expect("keys").iter().filter_map(|k| k["key"].as_str()).collect();
    assert_eq!(keys, ["motd", "network.hostname"]);
    assert_eq!(apid.settings()["motd"], "first", "it was taken by itself");

    let stale = apid.send(Method::Post, "/v1/user-data/apply", Some(&json!({ "plan": "another" })));
    assert_eq!(stale.status, 409, "{}", stale.text());
    let taken = apid.send(Method::Post, "/v1/user-data/apply", Some(&json!({ "plan": changed["plan"]["id"] })));
    assert_eq!(taken.status, 200, "{}", taken.text());
    assert_eq!((&apid.settings()["motd"], &apid.settings()["network"]), (&json!("second"), &Value::Null));
    assert_eq!(status()["state"], "taken");
    assert_eq!(apid.send(Method::Post, "/v1/user-data/apply", None).status, 422);

    std::fs::write(place.path("user-data"), "[settings]\nmotd = 7\n").expect("written");
    assert_eq!(status()["state"], "wrong");
    assert_eq!(apid.send(Method::Post, "/v1/user-data/apply", None).status, 400);
    assert_eq!(apid.settings()["motd"], "second");
}

/// What `provision` says of the metadata service.
fn metadata_service(place: &Place, state: &str) {
    let report = json!([{ "source": "40-ec2-imds", "state": state, "detail": "no answer in 60 s", "ms": 60000 }]);
    std::fs::write(place.path("report.json"), report.to_string()).expect("written");
}

fn state(apid: &crate::harness::Apid) -> Value {
    apid.client().get_json::<Value>("/v1/user-data").expect("a status")["state"].clone()
}

#[test]
fn user_data_that_a_first_boot_had_to_do_without_is_taken_when_it_comes() {
    let place = Place::new();
    let _init = crate::neighbours::init(&place.path("init.sock"));
    metadata_service(&place, "failed");
    let apid = place.start();
    assert_eq!(state(&apid), "awaited");
    let log = apid.log();
    assert!(log.lines().any(|line| line.starts_with("<3>") && line.contains("User data of 40-ec2-imds is missing")), "{log}");
    let first: Value = apid.client().get_json("/v1/generations/1").expect("a generation");
    assert!(first["message"].as_str().is_some_and(|text| text.contains("without what 40-ec2-imds may hold")), "{first}");
    assert_eq!(apid.send(Method::Post, "/v1/user-data/apply", None).status, 409);
    apid.change(&json!({ "network": { "hostname": "by-hand" } }));
    apid.kill();

    // Over a reboot too, in which the place was not asked yet.
    place.boot("second");
    metadata_service(&place, "pending");
    let apid = place.start();
    assert_eq!(state(&apid), "awaited");
    let place = place.with_user_data("[settings]\nmotd = \"late\"\n[settings.network]\nhostname = \"late\"\n");
    metadata_service(&place, "found");
    crate::harness::eventually("it is taken", || apid.settings()["motd"] == "late");
    assert_eq!(apid.settings()["network"]["hostname"], "by-hand", "what a person has set since was overwritten");
    crate::harness::eventually("it is settled", || state(&apid) == "taken");

    // Once: from now on a change waits.
    let place = place.with_user_data("[settings]\nmotd = \"later\"\n");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!((state(&apid), &apid.settings()["motd"]), (json!("changed"), &json!("late")));
    drop(place);
}

/// Else a service that is down would look like one from which the user data was removed.
#[test]
fn a_place_that_does_not_answer_at_a_later_boot_takes_nothing_away() {
    let place = Place::new().with_user_data("[settings]\nmotd = \"first\"\n");
    metadata_service(&place, "found");
    place.start().kill();
    std::fs::remove_file(place.path("user-data")).expect("removed");
    for answer in ["pending", "failed"] {
        place.boot(answer);
        metadata_service(&place, answer);
        let apid = place.start();
        assert_eq!((state(&apid), &apid.settings()["motd"]), (json!("awaited"), &json!("first")));
        assert_eq!(apid.send(Method::Post, "/v1/user-data/apply", None).status, 409);
        apid.kill();
    }
    metadata_service(&place, "absent");
    assert_eq!(state(&place.start()), "changed");
}

/// The engine starts beside the API server, before its proxy is known.
#[test]
fn an_engine_that_started_without_its_proxy_is_started_anew_once_in_a_boot() {
    let variant = |place: &Place| {
        let path = place.path("variant.toml");
        let text = fs::read_to_string(&path).expect("a variant").replace("\"netd\"]", "\"netd\", \"containerd\"]");
        fs::write(path, text).expect("a variant");
    };
    let proxied = "[settings.network]\nhttps-proxy = \"http://proxy.example:3128\"\n";
    for (user_data, restarts) in [(proxied, 1), ("[settings]\nmotd = \"no proxy\"\n", 0)] {
        let place = Place::new().with_user_data(user_data);
        variant(&place);
        let init = neighbours::init(&place.path("init.sock"));
        init.has("containerd");
        place.start().kill();
        assert_eq!(init.restarts("containerd"), restarts, "the first boot");
        place.start().kill();
        assert_eq!(init.restarts("containerd"), restarts, "the server alone started again");
        place.boot("second");
        place.start().kill();
        assert_eq!(init.restarts("containerd"), 2 * restarts, "the second boot");
    }
}
