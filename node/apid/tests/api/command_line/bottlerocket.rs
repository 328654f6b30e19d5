//! Commands of Bottlerocket's `apiclient`.

use ampoule_supervise::message::Request;
use serde_json::json;

use super::{Ended, fails, node, prints, type_with, type_words, typed};
use crate::{
    harness::{Place, eventually},
    neighbours,
};

#[test]
fn raw_is_one_request() {
    let apid = Place::new().start_once();
    let client = apid.client();
    for line in [
        "raw -u /settings?prefix=motd",
        "-u /settings?prefix=motd",
        "raw --uri /settings?prefix=motd -m get",
        "-X GET -u /settings?prefix=motd",
    ] {
        assert_eq!(typed(&client, line), prints("{\"motd\":\"by default\"}\n"), "{line}");
    }
    assert_eq!(typed(&client, "raw -u /settings -m PATCH -d {\"motd\":\"m\"}"), prints(""));
    assert_eq!(typed(&client, "raw -u /tx/list"), prints("[\"default\"]\n"));
    assert_eq!(typed(&client, "-v raw -u /tx"), Ended { code: 0, out: "{\"motd\":\"m\"}\n".into(), err: "200\n".into() });
    assert_eq!(typed(&client, "raw -u /tx/list --log-level debug").err, "200\n");
    assert_eq!(typed(&client, "raw -u /nothing"), fails("GET /nothing: status 404: There is no such route"));
}

#[test]
fn wrong_command_lines_end_with_2() {
    let apid = Place::new().start_once();
    let client = apid.client();
    for line in [
        "raw",
        "nonsense",
        "set",
        "set motd",
        "set =x",
        "set -j nonsense",
        "set -j [1]",
        "set -j {} motd=x",
        "get /os settings",
        "get /os --exclude os.arch",
        "update",
        "report",
        "report cis -l 3",
        "exec",
        "exec admin",
        "ephemeral-storage",
        "ephemeral-storage init -t btrfs",
        "-u /os get",
        "apply --confirm never",
        "logs -l 9",
    ] {
        let ended = typed(&client, line);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{line}: {ended:?}");
        assert!(!ended.err.is_empty(), "{line}");
    }
}

#[test]
fn get_merges_prefixes_and_leaves_out() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    apid.change(&json!({ "network": { "hostname": "n1" } }));
    let motd = "{\n  \"settings\": {\n    \"motd\": \"by default\"\n  }\n}\n";
    assert_eq!(typed(&client, "get settings.motd"), prints(motd));
    assert_eq!(typed(&client, "get settings.m settings.motd"), prints(motd));
    let both = "{\"os\":{\"variant_id\":\"test\"},\"settings\":{\"motd\":\"by default\"}}\n";
    assert_eq!(typed(&client, "get settings.motd os.variant --canonicalize"), prints(both));
    let without = typed(&client, "get settings --exclude settings.network --exclude settings.api --canonicalize");
    assert_eq!(without, prints("{\"settings\":{\"motd\":\"by default\"}}\n"));
    assert_eq!(typed(&client, "get /tx/list"), prints("[]\n"));
    assert_eq!(typed(&client, "get settings.nothing"), prints("{}\n"));
    let everything = typed(&client, "get");
    assert!(everything.out.contains("\"hostname\": \"n1\"") && everything.out.contains("\"build_id\": \"abc123\""), "{everything:?}");
    assert!(!everything.out.contains("services"), "{everything:?}");
}

#[test]
fn set_changes_and_says_nothing() {
    let (_place, _init, apid) = node();
    let client = apid.client();
    assert_eq!(typed(&client, "set settings.network.hostname=n2 motd=42"), prints(""));
    assert_eq!((&apid.settings()["motd"], &apid.settings()["network"]["hostname"]), (&json!("42"), &json!("n2")));
    assert_eq!(type_words(&client, &["set", "motd=hi there"], ""), prints(""));
    assert_eq!(typed(&client, "set -j {\"motd\":\"j\"}"), prints(""));
    assert_eq!(typed(&client, "set motd=j"), prints(""), "nothing to change is no failure");
    assert_eq!(apid.settings()["motd"], "j");
    let refused = typed(&client, "set network.hostname=-x-");
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("status 400: settings.network.hostname: "), "{refused:?}");
    assert_eq!(apid.client().get_json::<serde_json::Value>("/tx/list").expect("a list"), json!([]), "nothing lingers");
}

#[test]
fn apply_takes_files_and_standard_input_all_at_once() {
    let (place, _init, apid) = node();
    let client = apid.client();
    std::fs::write(place.path("a.toml"), "[settings]\nmotd = \"a\"\n").expect("a file");
    std::fs::write(place.path("b.json"), "{\"settings\": {\"network\": {\"hostname\": \"b\"}}}").expect("a file");
    let (a, b) = (place.path("a.toml"), place.path("b.json"));
    assert_eq!(typed(&client, &format!("apply {} file://{}", a.display(), b.display())), prints(""));
    assert_eq!((&apid.settings()["motd"], &apid.settings()["network"]["hostname"]), (&json!("a"), &json!("b")));
    for line in ["apply", "apply -"] {
        assert_eq!(type_with(&client, line, "[settings]\nmotd = \"in\"\n"), prints(""), "{line}");
    }
    assert_eq!(apid.settings()["motd"], "in");
    assert_eq!(typed(&client, "apply base64:W3NldHRpbmdzXQptb3RkID0gImI2NCIK"), prints(""));
    assert_eq!(apid.settings()["motd"], "b64");
    let generation = client.generations().expect("generations").standing.in_force;
    let missing = typed(&client, &format!("apply {} /no/such/file", a.display()));
    assert_eq!(missing, fails("/no/such/file: No such file or directory (os error 2)"));
    assert_eq!(type_with(&client, "apply", "motd = 1"), fails("-: no [settings] table at the top"));
    assert!(typed(&client, "apply s3://bucket/a").err.contains("aws s3 cp"));
    assert_eq!(client.generations().expect("generations").standing.in_force, generation, "nothing changed");
}

#[test]
fn apply_fetches_over_http() {
    let apid = Place::new().start_once();
    let client = apid.client();
    let port = neighbours::web("[settings]\nmotd = \"fetched\"\n");
    assert_eq!(typed(&client, &format!("apply http://127.0.0.1:{port}/a.toml")), prints(""));
    assert_eq!(apid.settings()["motd"], "fetched");
    let absent = typed(&client, "apply http://127.0.0.1:1/a.toml");
    assert_eq!((absent.code, absent.out.as_str()), (1, ""));
    assert!(absent.err.starts_with("http://127.0.0.1:1/a.toml: "), "{absent:?}");
}

#[test]
fn what_the_image_does_not_have_ends_with_1() {
    let apid = Place::new().start_once();
    let client = apid.client();
    let missing = |method: &str, path: &str, status: u16, what: &str| fails(&format!("{method} {path}: status {status}: {what}"));
    let storage = "Ephemeral storage is not available on this image";
    let no_update = "There is no update: an updater is not available on this image";
    let report = "This report is not available on this image";
    for (line, expected) in [
        ("update check", missing("POST", "/actions/refresh-updates", 422, "Looking for updates is not available on this image")),
        ("update apply", missing("POST", "/actions/prepare-update", 404, no_update)),
        ("update apply -c -r", missing("POST", "/actions/refresh-updates", 422, "Looking for updates is not available on this image")),
        ("update cancel", missing("POST", "/actions/deactivate-update", 404, no_update)),
        ("report cis-k8s", missing("GET", "/report/cis?type=kubernetes", 422, report)),
        ("ephemeral-storage init -t ext4 --disks /dev/a /dev/b", missing("POST", "/actions/ephemeral-storage/init", 422, storage)),
        ("ephemeral-storage bind --dirs /var/lib/containerd", missing("POST", "/actions/ephemeral-storage/bind", 422, storage)),
        ("ephemeral-storage list-disks", missing("GET", "/actions/ephemeral-storage/list-disks", 422, storage)),
        ("ephemeral-storage list-dirs -f json", missing("GET", "/actions/ephemeral-storage/list-dirs?format=json", 422, storage)),
        ("ephemeral-storage list-ebs-volumes", missing("GET", "/actions/ephemeral-storage/list-ebs-volumes", 422, storage)),
        ("lockdown", missing("POST", "/actions/lockdown", 422, "Locking the settings is not available on this image")),
        (
            "network configure base64:dmVyc2lvbiA9IDIK",
            missing("POST", "/actions/network/configure", 422, "A network configuration of its own file is not available on this image"),
        ),
        ("exec admin ls -l", missing("GET", "/exec", 422, "Running commands in host containers is not available on this image")),
        ("exec -T admin -- ls -l", missing("GET", "/exec", 422, "Running commands in host containers is not available on this image")),
    ] {
        assert_eq!(typed(&client, line), expected, "{line}");
    }
}

#[test]
fn reboot_is_asked_of_init() {
    let (_place, init, apid) = node();
    assert_eq!(typed(&apid.client(), "reboot"), prints(""));
    eventually("init is asked", || init.all().contains(&Request::Reboot));
}

#[test]
fn a_node_out_of_reach_ends_with_1() {
    let nobody = ampoule_api_client::Client::unix("/no/such/socket");
    let ended = typed(&nobody, "get");
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.contains("/no/such/socket"), "{ended:?}");
}
