//! Settings and transactions, as Bottlerocket's tools use them.

use ampoule_api_client::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Place, error_of, eventually},
    neighbours,
};

#[test]
fn a_change_becomes_live_reaches_its_file_and_survives_a_crash() {
    let place = Place::new();
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], "by default");
    assert_eq!(apid.change(&json!({ "motd": "mine" })), ["settings.motd"]);
    assert_eq!(apid.file("/etc/motd").as_deref(), Some("mine\n"));
    apid.kill();
    let apid = place.start();
    assert_eq!(apid.settings()["motd"], "mine");
}

#[test]
fn a_pending_change_is_not_live_and_can_be_dropped() {
    let apid = Place::new().start_once();
    assert_eq!(apid.send(Method::Patch, "/settings?tx=a", Some(&json!({ "motd": "x" }))).status, 204);
    let pending: Value = apid.client().get_json("/tx?tx=a").expect("pending");
    assert_eq!(pending, json!({ "motd": "x" }));
    assert_eq!(apid.settings()["motd"], "by default");
    assert!(apid.client().get_json::<Vec<String>>("/tx/list").expect("list").contains(&"a".to_owned()));
    let dropped = apid.send(Method::Delete, "/tx?tx=a", None);
    assert_eq!((dropped.status, dropped.text().as_str()), (200, "[\"settings.motd\"]"));
    assert_eq!(apid.send(Method::Post, "/tx/commit?tx=a", None).status, 422);
}

#[test]
fn transactions_do_not_mix() {
    let apid = Place::new().start_once();
    apid.send(Method::Patch, "/settings?tx=a", Some(&json!({ "motd": "a" })));
    apid.send(Method::Patch, "/settings?tx=b", Some(&json!({ "network": { "hostname": "b" } })));
    assert_eq!(apid.send(Method::Post, "/tx/commit?tx=a", None).text(), "[\"settings.motd\"]");
    assert_eq!(apid.settings()["network"].get("hostname"), None);
}

#[test]
fn wrong_values_are_the_callers_fault_and_change_nothing() {
    let apid = Place::new().start_once();
    for (tree, says) in [
        (json!({ "network": { "hostname": "not a host name!" } }), "network.hostname"),
        (json!({ "mtod": "x" }), "motd"),
        (json!({ "motd": 5 }), "motd"),
        (json!({ "motd": null }), "motd"),
        (json!([1]), ""),
        (json!({ "workloads": { "a/b": { "image": "x" } } }), "a/b"),
    ] {
        let refused = apid.send(Method::Patch, "/settings?tx=bad", Some(&tree));
        assert_eq!(refused.status, 400, "{tree}: {}", refused.text());
        assert!(refused.text().contains(says), "{tree}: {}", refused.text());
    }
    let refused = apid.client().request(Method::Patch, "/settings", Some(b"{\"motd\":")).expect("an answer");
    assert_eq!(refused.status, 400);
    assert_eq!(apid.send(Method::Post, "/tx/commit?tx=bad", None).status, 422);
}

#[test]
fn what_does_not_fit_together_is_refused_at_commit_with_its_key() {
    let apid = Place::new().start_once();
    let two = json!({ "workloads": {
        "a": { "image": "x", "publish": ["80:80"] },
        "b": { "image": "x", "publish": ["80:81"] } } });
    assert_eq!(apid.send(Method::Patch, "/settings?tx=t", Some(&two)).status, 204);
    let refused = apid.send(Method::Post, "/tx/commit_and_apply?tx=t", None);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("workloads.b.publish"), "{}", refused.text());
    assert_eq!(apid.settings().get("workloads").and_then(|w| w.get("a")), None);
}

#[test]
fn pairs_are_typed_by_their_setting() {
    let apid = Place::new().start_once();
    let pairs = json!({ "request_payload": ["settings.motd=42", "workloads.web.image=demo", "workloads.web.enabled=false", "workloads.web.cpus=0.5"] });
    let done = apid.send(Method::Patch, "/settings/keypair?tx=p", Some(&pairs));
    assert_eq!(done.status, 204, "{}", done.text());
    let pending: Value = apid.client().get_json("/tx?tx=p").expect("pending");
    assert_eq!(pending, json!({ "motd": "42", "workloads": { "web": { "image": "demo", "enabled": false, "cpus": 0.5 } } }));
    let refused = apid.send(Method::Patch, "/settings/keypair?tx=p", Some(&json!({ "request_payload": ["no equals sign"] })));
    assert_eq!(refused.status, 400, "{}", refused.text());
}

#[test]
fn keys_and_prefixes_narrow() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    apid.change(&json!({ "network": { "hostname": "n" } }));
    let get = |path: &str| apid.client().get_json::<Value>(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(get("/settings?prefix=net"), json!({ "network": { "hostname": "n" } }));
    assert_eq!(get("/settings?keys=settings.motd"), json!({ "motd": "by default" }));
    let whole = get("/?prefix=settings.motd");
    assert_eq!(whole["settings"], json!({ "motd": "by default" }));
    for path in ["/settings?prefix=", "/settings?keys="] {
        assert_eq!(apid.send(Method::Get, path, None).status, 400, "{path}");
    }
    assert_eq!(apid.send(Method::Get, "/settings?keys=settings.nonsense", None).status, 404);
}

#[test]
fn services_are_told_once_and_only_those_concerned() {
    let place = Place::new();
    let asked = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    apid.change(&json!({ "motd": "x" }));
    assert!(!asked.has_reloaded("netd"), "{:?}", asked.all());
    apid.change(&json!({ "network": { "hostname": "n" } }));
    assert!(asked.has_reloaded("netd"), "{:?}", asked.all());
    assert_eq!(apid.file("/etc/hostname").as_deref(), Some("n\n"));
}

/// Bottlerocket's clients name the keys that a commit answered with; what those do not affect is left alone.
#[test]
fn applying_keys_again_tells_only_their_services() {
    let place = Place::new();
    let asked = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    apid.change(&json!({ "network": { "hostname": "n" }, "motd": "x" }));
    let before = asked.reloads("netd");
    std::fs::write(place.path("root/etc/motd"), "spoiled").expect("written");
    std::fs::write(place.path("root/etc/hostname"), "spoiled").expect("written");
    assert_eq!(apid.send(Method::Post, "/tx/apply?keys=settings.motd", None).status, 204);
    assert_eq!((apid.file("/etc/motd").as_deref(), apid.file("/etc/hostname").as_deref()), (Some("x\n"), Some("spoiled")));
    assert_eq!((asked.reloads("netd"), asked.has_reloaded("hostd")), (before, false));
    assert_eq!(apid.send(Method::Post, "/tx/apply?keys=network.hostname,motd", None).status, 204);
    assert_eq!((apid.file("/etc/hostname").as_deref(), asked.reloads("netd")), (Some("n\n"), before + 1));
    for (keys, status) in [("", 400), ("settings.nonsense", 400)] {
        assert_eq!(apid.send(Method::Post, &format!("/tx/apply?keys={keys}"), None).status, status, "{keys}");
    }
    assert_eq!(apid.send(Method::Post, "/tx/apply", None).status, 204);
    assert!(asked.has_reloaded("hostd"));
}

#[test]
fn secrets_are_in_their_file_and_nowhere_else() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let tree = json!({ "container-registry": { "credentials": [{ "registry": "r.example", "username": "u", "password": "hunter2" }] } });
    assert_eq!(apid.send(Method::Patch, "/settings", Some(&tree)).status, 204);
    apid.send(Method::Post, "/tx/commit_and_apply", None);
    let path = place.path("root/etc/ampoule/registry-credentials.json");
    assert!(std::fs::read_to_string(&path).expect("written").contains("hunter2"));
    assert_eq!(std::fs::metadata(&path).expect("written").permissions().mode() & 0o777, 0o600);
    assert!(!apid.log().contains("hunter2"));
}

#[test]
fn errors_of_our_routes_are_typed() {
    let apid = Place::new().start_once();
    let missing = apid.send(Method::Get, "/v1/nothing", None);
    assert_eq!((missing.status, &error_of(&missing)["code"]), (404, &json!("not-found")));
}

#[test]
fn a_registry_no_longer_named_loses_its_file_also_when_applied_apart() {
    let apid = Place::new().start_once();
    let path = "/etc/containerd/certs.d/a.example/hosts.toml";
    apid.change(&json!({ "container-registry": { "plain-http": ["a.example"] } }));
    assert!(apid.file(path).is_some_and(|text| text.contains("http://a.example")));
    apid.send(Method::Patch, "/settings", Some(&json!({ "container-registry": { "plain-http": [] } })));
    assert_eq!(apid.send(Method::Post, "/tx/commit", None).status, 200);
    assert!(apid.file(path).is_some());
    // No init here: that services were not told is said, after the files were done.
    apid.send(Method::Post, "/tx/apply", None);
    assert_eq!(apid.file(path), None);
}

#[test]
fn of_two_changes_at_once_the_later_is_in_the_file() {
    let place = Place::new();
    let apid = place.start();
    std::thread::scope(|threads| {
        for n in 0..8 {
            let apid = &apid;
            threads.spawn(move || {
                let tx = format!("t{n}");
                apid.send(Method::Patch, &format!("/settings?tx={tx}"), Some(&json!({ "motd": tx })));
                apid.send(Method::Post, &format!("/tx/commit_and_apply?tx={tx}"), None);
            });
        }
    });
    let live = apid.settings()["motd"].as_str().map(|text| format!("{text}\n"));
    assert_eq!(apid.file("/etc/motd"), live);
}

#[test]
fn more_settings_than_a_node_keeps_are_refused() {
    let apid = Place::new().start_once();
    let env = |n: usize| json!({ "workloads": { format!("w{n}"): { "image": "x", "env": { "A": "x".repeat(300_000) } } } });
    let statuses: Vec<u16> = (0..5).map(|n| apid.send(Method::Patch, "/settings?tx=big", Some(&env(n))).status).collect();
    assert_eq!(statuses, [204, 204, 204, 413, 413]);
}

/// A sysctl of a link can be written only while the link is there.
#[test]
fn a_link_that_comes_late_gets_its_sysctls() {
    let place = Place::new();
    let variant = "name = \"test\"\nnamespaces = [\"motd\", \"kernel\"]\nservices = [\"kernel-settings\"]\n";
    std::fs::write(place.path("variant.toml"), variant).expect("a variant");
    let asked = neighbours::init(&place.path("init.sock"));
    asked.has("kernel-settings");
    let apid = place.start();
    apid.change(&json!({ "kernel": { "sysctl": { "net.ipv4.conf.late0.rp_filter": "2" } } }));
    let before = asked.reloads("kernel-settings");
    std::fs::create_dir_all(place.path("root/sys/class/net/other0")).expect("a link");
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(asked.reloads("kernel-settings"), before, "no setting is about that link");
    std::fs::create_dir_all(place.path("root/sys/class/net/late0")).expect("a link");
    eventually("it is told", || asked.reloads("kernel-settings") == before + 1);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(asked.reloads("kernel-settings"), before + 1, "once for each coming");
}
