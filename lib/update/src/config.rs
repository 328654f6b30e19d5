//! `/etc/ampoule/updates.json`: what settings say of updates, as the API server writes it for the updater.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Window;

/// Where the file lies on a node.
pub const PATH: &str = "/etc/ampoule/updates.json";

/// Longest file read, in bytes; a thousand checks need half of it.
pub const MAX_CONFIG: usize = 512 * 1024;

/// Why the file is refused. It was not written by this system's API server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Larger than [`MAX_CONFIG`].
    #[error("larger than {MAX_CONFIG} bytes")]
    TooLarge,
    /// Not the JSON that belongs there.
    #[error("not what the API server writes there")]
    Json(#[from] serde_json::Error),
}

/// What settings say of updates. What they leave open has the value it has in [`Config::default`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where the signed metadata is; without it the node knows of no update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_base_url: Option<String>,
    /// Where the files are that the metadata names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets_base_url: Option<String>,
    /// The node's place in the waves; any number. Absent: the last place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// `latest`, or a version, maybe with a `v` before it.
    pub version_lock: String,
    /// Whether waves are not waited for.
    pub ignore_waves: bool,
    /// Whether the node looks for updates, takes them and restarts by itself.
    pub automatic: bool,
    /// When it may do so; none: always.
    pub windows: Vec<Window>,
    /// How long a boot of a new version may take until it is healthy, in seconds.
    #[serde(rename = "health-timeout-seconds")]
    pub health_timeout: u64,
    /// How often an automatic node looks for updates, in seconds.
    #[serde(rename = "poll-interval-seconds")]
    pub poll_interval: u64,
    /// What has to answer before a boot of a new version is good, by name.
    pub checks: BTreeMap<String, Check>,
    /// The proxy to the outside. It may hold a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Hosts and domains that are reached without it.
    pub no_proxy: Vec<String>,
}

/// Something that has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// A GET of `url` is answered with a status from 200 to 399.
    Http {
        /// Where.
        url: String,
        /// How long one attempt may take, in seconds.
        timeout_seconds: u64,
    },
    /// A connection is accepted.
    Tcp {
        /// Address or name of the host.
        address: String,
        /// Port.
        port: u16,
        /// How long one attempt may take, in seconds.
        timeout_seconds: u64,
    },
    /// A command in the container of a workload exits with 0. Which command is not said here: who runs it has it from the settings, so that nobody can have another one run.
    Command {
        /// The workload.
        workload: String,
        /// How long one attempt may take, in seconds.
        timeout_seconds: u64,
    },
}

/// How long a boot of a new version may take until it is healthy, where settings say nothing.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How often an automatic node looks for updates, where settings say nothing.
pub const POLL_INTERVAL: Duration = Duration::from_secs(6 * 3600);

/// How long one attempt of a check may take, where settings say nothing.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

impl Default for Config {
    fn default() -> Self {
        Self {
            metadata_base_url: None,
            targets_base_url: None,
            seed: None,
            version_lock: "latest".to_owned(),
            ignore_waves: false,
            automatic: false,
            windows: Vec::new(),
            health_timeout: HEALTH_TIMEOUT.as_secs(),
            poll_interval: POLL_INTERVAL.as_secs(),
            checks: BTreeMap::new(),
            proxy: None,
            no_proxy: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not what the API server writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > MAX_CONFIG {
            return Err(ConfigError::TooLarge);
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// How long it is until the node may update by itself, at `now` (seconds since 1970, UTC); zero: it may. Nothing here looks at [`Self::automatic`].
    #[must_use]
    pub fn until_window(&self, now: u64) -> Duration {
        self.windows.iter().map(|window| window.opens_in(now)).min().unwrap_or_default()
    }

    /// How long to wait before updates are looked for again: the interval, give or take a quarter of it, so that nodes that were started together do not stay together. `random` is any
    /// number, new each time.
    #[must_use]
    pub fn poll_after(&self, random: u32) -> Duration {
        let interval = u128::from(self.poll_interval) * 1000;
        let millis = interval - interval / 4 + interval / 2 * u128::from(random) / u128::from(u32::MAX);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_object_is_the_default_and_nothing_else_is_taken() {
        assert_eq!(Config::parse(b"{}").expect("defaults"), Config::default());
        for wrong in ["", "7", r#"{"automatik":true}"#, r#"{"checks":{"a":{"kind":"exec"}}}"#, r#"{"windows":["always"]}"#] {
            assert!(matches!(Config::parse(wrong.as_bytes()), Err(ConfigError::Json(_))), "{wrong}");
        }
        assert!(matches!(Config::parse(&vec![b' '; MAX_CONFIG + 1]), Err(ConfigError::TooLarge)));
    }

    #[test]
    fn it_comes_back_as_it_was_written() {
        let text = r#"{"metadata-base-url":"https://u.example/m/","seed":4294967295,"version-lock":"v1.2.3","ignore-waves":true,"automatic":true,"windows":["Sat,Sun 02:00-05:00"],
            "health-timeout-seconds":60,"poll-interval-seconds":600,"checks":{"web":{"kind":"http","url":"http://10.0.0.1/","timeout-seconds":5},
            "db":{"kind":"tcp","address":"127.0.0.1","port":5432,"timeout-seconds":2},"sql":{"kind":"command","workload":"db","timeout-seconds":3}},"proxy":"http://p:1","no-proxy":[".internal"]}"#;
        let config = Config::parse(text.as_bytes()).expect("right");
        assert_eq!(config.seed, Some(u32::MAX));
        assert_eq!(config.checks["db"], Check::Tcp { address: "127.0.0.1".into(), port: 5432, timeout_seconds: 2 });
        assert_eq!(config.checks["sql"], Check::Command { workload: "db".into(), timeout_seconds: 3 });
        assert_eq!(Config::parse(&serde_json::to_vec(&config).expect("JSON")).expect("comes back"), config);
    }

    #[test]
    fn without_windows_it_is_always_time_and_with_two_the_nearer_counts() {
        let windows = |list: &[&str]| Config {
            windows: list.iter().map(|text| Window::parse(text).expect("a window")).collect(),
            ..Config::default()
        };
        assert_eq!(windows(&[]).until_window(12_345), Duration::ZERO);
        // Second 0 is a Thursday, 00:00.
        assert_eq!(windows(&["Fri 00:00-01:00", "Thu 02:00-03:00"]).until_window(0), Duration::from_secs(7200));
    }

    proptest! {
        #[test]
        fn a_poll_comes_within_a_quarter_of_its_time(interval in any::<u64>(), random in any::<u32>()) {
            let config = Config { poll_interval: interval / 1000, ..Config::default() };
            let wait = config.poll_after(random).as_millis();
            let whole = u128::from(config.poll_interval) * 1000;
            prop_assert!(wait >= (whole * 3 / 4).min(u128::from(u64::MAX)) && wait <= whole * 5 / 4 + 1);
        }
    }
}
