//! Bottlerocket's operations: paths, parameters, statuses and shapes that its clients know.

use ampoule_api_client::Method::{self, Get, Post};
use ampoule_api_types::operations;
use serde_json::{Value, json};

use crate::harness::{Apid, Place, error_of};

fn get(apid: &Apid, path: &str) -> Value {
    let answer = apid.send(Get, path, None);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{path}: {}", answer.text()))
}

fn status(apid: &Apid, method: Method, path: &str) -> u16 {
    apid.send(method, path, None).status
}

#[test]
fn the_services_that_a_setting_affects_are_named() {
    let apid = Place::new().start_once();
    let path = "/metadata/affected-services?keys=settings.network.hostname,settings.motd,workloads,settings.nonsense";
    assert_eq!(get(&apid, path), json!({ "settings.network.hostname": ["netd"], "workloads": ["hostd"] }));
    for wrong in ["/metadata/affected-services", "/metadata/affected-services?keys="] {
        assert_eq!(status(&apid, Get, wrong), 400, "{wrong}");
    }
}

#[test]
fn services_tell_their_files_and_what_is_done() {
    let apid = Place::new().start_once();
    let all = get(&apid, "/services");
    assert_eq!(all["hostd"]["restart-commands"], json!(["reload hostd"]));
    assert!(all["hostd"]["configuration-files"].as_array().is_some_and(|files| files.contains(&json!("ampoule-workloads-json"))), "{all}");
    assert_eq!(get(&apid, "/services?names=netd").as_object().map(serde_json::Map::len), Some(1));
    for prefix in ["net", "services.net"] {
        assert!(get(&apid, &format!("/services?prefix={prefix}"))["netd"].is_object());
    }
    assert_eq!(get(&apid, "/services?prefix=nothing"), json!({}));
    assert_eq!((status(&apid, Get, "/services?names=nothing"), status(&apid, Get, "/services?names=")), (404, 400));
}

#[test]
fn configuration_files_tell_where_they_are() {
    let apid = Place::new().start_once();
    let all = get(&apid, "/configuration-files");
    assert_eq!(all["motd"]["path"], "/etc/motd");
    assert_eq!((&all["ampoule-workloads-json"]["mode"], all["motd"].get("mode")), (&json!("0600"), None));
    assert_eq!(get(&apid, "/configuration-files?names=motd"), json!({ "motd": all["motd"] }));
    assert_eq!((status(&apid, Get, "/configuration-files?names=x"), status(&apid, Get, "/configuration-files?prefix=")), (404, 400));
}

#[test]
fn generators_and_templates_are_listed() {
    let apid = Place::new().start_once();
    for path in ["/metadata/setting-generators", "/v2/metadata/setting-generators", "/metadata/templates?keys=settings.motd"] {
        assert_eq!(get(&apid, path), json!({}), "{path}");
    }
}

#[test]
fn pending_values_have_their_strength() {
    let apid = Place::new().start_once();
    apid.send(Method::Patch, "/settings?tx=t", Some(&json!({ "motd": "m" })));
    assert_eq!(get(&apid, "/v2/tx?tx=t"), json!({ "settings.motd": { "value": "m", "strength": "strong" } }));
    assert_eq!(get(&apid, "/v2/tx"), json!({}));
    apid.send(Method::Delete, "/v1/settings?keys=motd&tx=t", None);
    assert_eq!(get(&apid, "/v2/tx?tx=t"), json!({ "settings.motd": { "value": null, "strength": "strong" } }));
}

#[test]
fn the_whole_model_is_narrowed_by_a_prefix_of_its_kind() {
    let apid = Place::new().start_once();
    let all = get(&apid, "/");
    for part in ["settings", "services", "configuration-files", "os"] {
        assert!(all[part].is_object(), "{part}: {all}");
    }
    assert_eq!(get(&apid, "/?prefix=settings.mo"), json!({ "settings": { "motd": "by default" } }));
    assert_eq!(get(&apid, "/?prefix=os.variant"), json!({ "os": { "variant_id": "test" } }));
    assert_eq!(get(&apid, "/?prefix=services.netd")["services"], json!({ "netd": all["services"]["netd"] }));
    assert_eq!(get(&apid, "/?prefix=nothing"), json!({}));
    assert_eq!(status(&apid, Get, "/?prefix="), 400);
    assert_eq!(get(&apid, "/os?prefix=arch"), get(&apid, "/os?prefix=os.arch"));
    assert_eq!(get(&apid, "/os?prefix=variant"), json!({ "variant_id": "test" }));
}

/// Each with the status that Bottlerocket's clients know for it.
#[test]
fn what_other_images_have_is_said_to_be_missing() {
    let apid = Place::new().start_once();
    let mut missing = vec![
        (Get, "/updates/status".to_owned(), 404),
        (Post, "/actions/refresh-updates".to_owned(), 422),
        (Post, "/actions/prepare-update".to_owned(), 404),
        (Post, "/actions/activate-update".to_owned(), 404),
        (Post, "/actions/deactivate-update".to_owned(), 404),
        (Post, "/actions/lockdown".to_owned(), 422),
        (Post, "/actions/network/configure".to_owned(), 422),
        (Get, "/report/cis?type=kubernetes".to_owned(), 422),
        (Get, "/exec".to_owned(), 422),
    ];
    for above in ["/actions/ephemeral-storage", "/ephemeral-storage"] {
        missing.extend(["init", "bind"].map(|action| (Post, format!("{above}/{action}"), 422)));
        missing.extend(["list-disks", "list-dirs", "list-ebs-volumes"].map(|list| (Get, format!("{above}/{list}"), 422)));
    }
    for (method, path, expected) in missing {
        let answer = apid.send(method, &path, Some(&json!({})));
        assert_eq!((answer.status, &error_of(&answer)["code"]), (expected, &json!("not-available")), "{path}: {}", answer.text());
        assert!(answer.text().contains("not available on this image"), "{path}: {}", answer.text());
        let path = path.split('?').next().unwrap_or_default();
        let documented = operations::all().find(|operation| (operation.method, operation.path) == (method, path)).expect("an operation");
        assert!(documented.refusals.iter().any(|(status, _)| *status == expected), "{documented}: {expected} is not in the document");
    }
}

/// `apiclient exec` asks for a WebSocket; it is told no before there is one.
#[test]
fn exec_over_a_websocket_is_said_to_be_missing() {
    use std::io::{Read, Write};
    let place = Place::new();
    let _apid = place.start();
    let mut stream = std::os::unix::net::UnixStream::connect(place.path("api.sock")).expect("connected");
    let upgrade =
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    write!(stream, "GET /exec HTTP/1.1\r\nhost: x\r\n{upgrade}\r\n").expect("sent");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("set");
    let (mut answer, mut piece) = (String::new(), [0; 4096]);
    while !answer.contains("on this image") {
        let length = stream.read(&mut piece).expect("an answer");
        assert_ne!(length, 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("not available on this image"), "{answer}");
}

/// What passes depends on the machine this test runs on; the shapes, levels and the honest failure of FIPS do not.
#[test]
fn reports_are_made_by_looking_at_this_system() {
    let apid = Place::new().start_once();
    assert_eq!(get(&apid, "/report")[0]["name"], json!("cis"));
    let (one, two) = (get(&apid, "/report/cis?format=json"), get(&apid, "/report/cis?level=2&format=json"));
    assert_eq!((&one["level"], &one["total"], &two["total"]), (&json!(1), &json!(15), &json!(28)));
    let aslr = std::fs::read_to_string("/proc/sys/kernel/randomize_va_space").expect("ASLR");
    let expected = if aslr.trim() == "2" { "PASS" } else { "FAIL" };
    assert_eq!(one["results"]["br01040200"]["status"], json!(expected));
    assert_eq!(get(&apid, "/report/fips?format=json")["status"], json!("FAIL"));
    let text = apid.send(Get, "/report/cis", None).text();
    assert!(text.starts_with("Benchmark name:  CIS Bottlerocket Benchmark\n") && text.contains("Compliance check result:"), "{text}");
    assert_eq!(apid.send(Get, "/report/cis?level=3", None).status, 400);
    assert_eq!(apid.send(Get, "/report/cis?format=xml", None).status, 400);
}

/// Bottlerocket's own client asks for nothing; it gets text, as it always did.
#[test]
fn a_refusal_is_text_unless_json_was_asked_for() {
    use std::io::{Read, Write};
    let place = Place::new();
    let _apid = place.start();
    let mut stream = std::os::unix::net::UnixStream::connect(place.path("api.sock")).expect("connected");
    stream.write_all(b"GET /settings?keys=none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("text/plain") && answer.ends_with("settings.none is not set"),
        "{answer}"
    );
}
