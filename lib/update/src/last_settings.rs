//! `/state/updated/settings.json`: what settings last said of a boot's health.
//!
//! The API server writes `/etc/ampoule/updates.json` anew at each boot. One that does not come up is what a boot on trial must show first; what it has to show, and until when, is
//! then what was set before. The version that runs may be older than the one that wrote the file, so what it does not know is left out, never refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::{Check, Config};

/// Where the file lies on a node.
pub const PATH: &str = "/state/updated/settings.json";

const TIMEOUT: &str = "health-timeout-seconds";
const CHECKS: &str = "checks";

/// What is kept of settings. The way to the network is not: it may hold a password, and the trial does not need it.
#[must_use]
pub fn to_json(config: &Config) -> String {
    format!("{}\n", json!({ TIMEOUT: config.health_timeout, CHECKS: config.checks }))
}

/// Settings with what was kept, and the names of checks that this version does not know. Where nothing that is understood was kept it is the default.
#[must_use]
pub fn read(bytes: &[u8]) -> (Config, Vec<String>) {
    let kept: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
    let default = Config::default();
    let health_timeout = kept.get(TIMEOUT).and_then(Value::as_u64).unwrap_or(default.health_timeout);
    let (mut checks, mut unknown) = (BTreeMap::new(), Vec::new());
    for (name, check) in kept.get(CHECKS).and_then(Value::as_object).into_iter().flatten() {
        match serde_json::from_value::<Check>(check.clone()) {
            Ok(check) => drop(checks.insert(name.clone(), check)),
            Err(_) => unknown.push(name.clone()),
        }
    }
    (Config { health_timeout, checks, ..default }, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check() -> Check {
        Check::Tcp { address: "db".into(), port: 5432, timeout_seconds: 3 }
    }

    #[test]
    fn what_the_trial_needs_comes_back_and_the_way_to_the_network_is_not_kept() {
        let config = Config {
            health_timeout: 77,
            checks: BTreeMap::from([("db".to_owned(), check())]),
            proxy: Some("http://somebody:secret@p:1".into()),
            automatic: true,
            ..Config::default()
        };
        let text = to_json(&config);
        assert!(!text.contains("secret"), "{text}");
        let kept = Config { health_timeout: 77, checks: config.checks, ..Config::default() };
        assert_eq!(read(text.as_bytes()), (kept, Vec::new()));
    }

    #[test]
    fn what_a_newer_version_wrote_is_used_as_far_as_it_is_known() {
        let text = r#"{"health-timeout-seconds":9,"mood":"good","checks":{"a":{"kind":"telepathy"},"db":{"kind":"tcp","address":"db","port":5432,"timeout-seconds":3}}}"#;
        let (config, unknown) = read(text.as_bytes());
        assert_eq!((config.health_timeout, config.checks), (9, BTreeMap::from([("db".to_owned(), check())])));
        assert_eq!(unknown, ["a"]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_settings(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn nothing_gives_the_default() {
        for nothing in [&b""[..], b"[]", b"{\"health-timeout-seconds\":\"long\"}"] {
            assert_eq!(read(nothing), (Config::default(), Vec::new()));
        }
    }
}
