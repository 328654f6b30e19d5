//! What settings there are, who gave each its value, and the figures of the node.

use ampoule_api_client::Method;
use serde_json::{Value, json};

use crate::{
    certificates::{Authority, remote_settings},
    harness::Place,
    neighbours,
};

#[test]
fn the_schema_is_that_of_the_image() {
    let schema = Place::new().start_once().client().settings_schema().expect("a schema");
    let names: Vec<&String> = schema["properties"].as_object().expect("namespaces").keys().collect();
    assert_eq!(names, ["api", "container-registry", "motd", "network", "workloads"]);
    assert_eq!(schema["properties"]["workloads"]["additionalProperties"]["properties"]["image"]["type"], "string");
}

#[test]
fn each_value_has_its_source_and_secrets_stay_hidden() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let authority = Authority::new();
    let mut remote = remote_settings(1, &authority.server(), &authority);
    remote["api"]["remote"]["enabled"] = json!(false);
    apid.change(&remote);
    apid.change(&json!({ "network": { "hostname": "n1" } }));
    let list: Value = apid.client().get_json("/v1/settings?with=source").expect("a list");
    let find = |key: &str| list["settings"].as_array().and_then(|all| all.iter().find(|s| s["key"] == key)).cloned().unwrap_or_default();
    assert_eq!(find("settings.motd"), json!({ "key": "settings.motd", "value": "by default", "source": "default" }));
    assert_eq!(find("settings.network.hostname"), json!({ "key": "settings.network.hostname", "value": "n1", "source": "chosen" }));
    assert_eq!(find("settings.api.remote.key"), json!({ "key": "settings.api.remote.key", "source": "chosen", "secret": true }));
    let some = apid.client().setting_list(Some("network")).expect("a list").settings;
    assert_eq!(some.len(), 1);
    for wrong in ["/v1/settings?with=everything", "/v1/settings?prefix="] {
        assert_eq!(apid.send(Method::Get, wrong, None).status, 400, "{wrong}");
    }
}

#[test]
fn metrics_tell_what_the_node_runs_and_how_it_is() {
    let place = Place::new();
    let _init = neighbours::init(&place.path("init.sock"));
    let apid = place.start();
    let page = apid.send(Method::Get, "/v1/metrics", None).text();
    for line in [
        "# TYPE ampoule_build_info gauge",
        &format!("ampoule_build_info{{version=\"0.1.0\",variant=\"test\",build=\"abc123\",arch=\"{}\"}} 1", std::env::consts::ARCH),
        "ampoule_settings_generation 1",
        "ampoule_settings_confirmed_generation 1",
        "ampoule_settings_pending_confirmation 0",
        "ampoule_service_state{service=\"netd\",state=\"running\"} 1",
        "ampoule_service_restarts_total{service=\"netd\"} 1",
    ] {
        assert!(page.lines().any(|have| have == line), "no {line:?} in {page}");
    }
    assert!(page.lines().any(|line| line.strip_prefix("ampoule_uptime_seconds ").is_some_and(|s| s.parse::<u64>().is_ok_and(|s| s > 0))));
}

#[test]
fn missing_figures_are_said_to_be_missing() {
    let page = Place::new().start_once().send(Method::Get, "/v1/metrics", None).text();
    assert!(page.contains("ampoule_unreachable{program=\"init\"} 1\n"), "{page}");
}

#[test]
fn a_generation_on_trial_shows_in_the_metrics() {
    let apid = Place::new().start_once();
    let request = json!({ "settings": { "motd": "m" }, "confirm-seconds": 60 });
    assert_eq!(apid.send(Method::Post, "/v1/apply", Some(&request)).status, 200);
    let page = apid.send(Method::Get, "/v1/metrics", None).text();
    assert!(page.contains("ampoule_settings_pending_confirmation 1\n") && page.contains("ampoule_settings_generation 2\n"), "{page}");
}
