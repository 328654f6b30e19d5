//! What a report says: the names and forms of Bottlerocket's metricdog.

use crate::settings::Settings;
use ampoule_initctl::{Phase, ServiceStatus};
use ampoule_layout::os_release_value;

/// Why a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The node came up.
    Boot,
    /// Time has passed.
    Ping,
}

/// The query of a report.
pub(crate) fn query(event: Event, settings: &Settings, os_release: &str, services: &[ServiceStatus]) -> Vec<(&'static str, String)> {
    let field = |name: &str| os_release_value(os_release, name).unwrap_or_default().to_owned();
    let failed = failed(&settings.service_checks, services);
    let name = match event {
        Event::Boot => "boot-success",
        Event::Ping => "health-ping",
    };
    vec![
        ("sender", "metricdog".to_owned()),
        ("event", name.to_owned()),
        ("version", field("VERSION_ID")),
        ("variant", field("VARIANT_ID")),
        ("arch", std::env::consts::ARCH.to_owned()),
        ("region", settings.region.clone().unwrap_or_else(|| "global".to_owned())),
        ("seed", settings.seed.unwrap_or_default().to_string()),
        ("version-lock", settings.version_lock.clone().unwrap_or_else(|| "latest".to_owned())),
        ("ignore-waves", settings.ignore_waves.unwrap_or_default().to_string()),
        ("is_healthy", failed.is_empty().to_string()),
        ("failed_services", failed.join(",")),
    ]
}

/// Names of services that should run and do not. One that this image lacks is not a failure of the node.
fn failed(checks: &[String], services: &[ServiceStatus]) -> Vec<String> {
    let well = |phase: Phase| matches!(phase, Phase::Running | Phase::Done | Phase::Starting | Phase::Waiting);
    let checked = checks.iter().filter_map(|name| services.iter().find(|s| s.name.as_str() == name));
    checked.filter(|s| !well(s.phase)).map(|s| s.name.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_supervise::message::Name;
    use std::collections::BTreeMap;

    fn service(name: &str, phase: Phase) -> ServiceStatus {
        ServiceStatus { name: Name::new(name).expect("a name"), phase, pid: 1, restarts: 0, since_ms: 0, ready_ms: 0 }
    }

    #[test]
    fn a_report_says_what_bottlerockets_says_and_names_what_is_not_well() {
        let text = r#"{"metrics-url":"https://m.example/v1","service-checks":["apid","ntpd","kubelet"],"seed":7}"#;
        let settings: Settings = serde_json::from_str(text).expect("settings");
        let os = "NAME=Ampoule\nVERSION_ID=1.2.3\nVARIANT_ID=\"standalone\"\n";
        let services = [service("apid", Phase::Running), service("ntpd", Phase::BackingOff), service("hostd", Phase::Failed)];
        let query: BTreeMap<_, _> = report_of(Event::Ping, &settings, os, &services);
        let expected = [
            ("event", "health-ping"),
            ("failed_services", "ntpd"),
            ("ignore-waves", "false"),
            ("is_healthy", "false"),
            ("region", "global"),
            ("seed", "7"),
            ("sender", "metricdog"),
            ("variant", "standalone"),
            ("version", "1.2.3"),
            ("version-lock", "latest"),
        ];
        for (name, value) in expected {
            assert_eq!(query[name], value, "{name}");
        }
        assert_eq!(query.len(), expected.len() + 1, "the architecture, and nothing else: {query:?}");
    }

    fn report_of(event: Event, settings: &Settings, os: &str, services: &[ServiceStatus]) -> BTreeMap<&'static str, String> {
        query(event, settings, os, services).into_iter().collect()
    }

    #[test]
    fn a_node_that_is_well_says_so() {
        let settings: Settings = serde_json::from_str(r#"{"metrics-url":"x","service-checks":["apid"]}"#).expect("settings");
        let query = report_of(Event::Boot, &settings, "", &[service("apid", Phase::Running)]);
        assert_eq!(
            (query["event"].as_str(), query["is_healthy"].as_str(), query["failed_services"].as_str()),
            ("boot-success", "true", "")
        );
    }
}
