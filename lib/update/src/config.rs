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

/// Longest that a server may have an automatic node wait; one that lies must not keep it from its updates.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);

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

    /// How long it is, at `now`, until the turn of a node that waits for a window: until one opens and a part of it, so that nodes with the same windows do not all come when it opens. They are
    /// spread over a quarter of the interval, as [`Self::poll_after`] spreads them to either side, or over the window if that is shorter. `random` is any number, new for each window that
    /// is waited for: with the same one the turn is the same moment whenever this is asked.
    #[must_use]
    pub fn until_turn(&self, now: u64, random: u32) -> Duration {
        let spread = Duration::from_secs(self.poll_interval / 4);
        let first = self.windows.iter().min_by_key(|window| window.order(now));
        first.map(|window| window.turn_in(now, spread, random)).unwrap_or_default()
    }

    /// How long to wait before updates are looked for again: the interval, give or take a quarter of it, so that nodes that were started together do not stay together. `random` is any
    /// number, new each time.
    #[must_use]
    pub fn poll_after(&self, random: u32) -> Duration {
        let interval = u128::from(self.poll_interval) * 1000;
        let millis = interval - interval / 4 + interval / 2 * u128::from(random) / u128::from(u32::MAX);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// The same after an attempt whose server wants to be left alone for `wished`: not before that, within a day.
    #[must_use]
    pub fn poll_after_wish(&self, wished: Duration, random: u32) -> Duration {
        let (wait, wished) = (self.poll_after(random), wished.min(LONGEST_WISH));
        // It may have told all nodes the same moment: each adds what it drew.
        if wished > wait { wished + wait } else { wait }
    }

    /// When a node tries again what its server could not bring, in words.
    #[must_use]
    pub fn tries_again(&self) -> String {
        if !self.automatic {
            return "nothing tries it again by itself (settings.updates.automatic is off): give the command again later".to_owned();
        }
        let (least, most) = (self.poll_after(0).as_secs() / 60, self.poll_after(u32::MAX).as_secs().div_ceil(60));
        let when = if self.windows.is_empty() { "" } else { ", or in the next window after that" };
        format!("the node tries it again by itself in {least} to {most} minutes{when}")
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

    fn windows(list: &[&str]) -> Config {
        Config { windows: list.iter().map(|text| Window::parse(text).expect("a window")).collect(), ..Config::default() }
    }

    #[test]
    fn it_says_who_tries_again_and_when() {
        assert!(Config::default().tries_again().contains("settings.updates.automatic is off"));
        let automatic = Config { automatic: true, poll_interval: 7200, ..Config::default() };
        assert_eq!(automatic.tries_again(), "the node tries it again by itself in 90 to 150 minutes");
        let with_window = Config { automatic: true, poll_interval: 7200, ..windows(&["Sat 02:00-05:00"]) };
        assert!(with_window.tries_again().ends_with("150 minutes, or in the next window after that"));
    }

    #[test]
    fn without_windows_it_is_always_time_and_with_two_the_nearer_counts() {
        assert_eq!(windows(&[]).until_window(12_345), Duration::ZERO);
        // Second 0 is a Thursday, 00:00.
        assert_eq!(windows(&["Fri 00:00-01:00", "Thu 02:00-03:00"]).until_window(0), Duration::from_secs(7200));
    }

    #[test]
    fn a_turn_is_in_the_window_that_opens_first_and_in_the_longer_one_of_two() {
        let turn = |list: &[&str], now, random| windows(list).until_turn(now, random).as_secs();
        assert_eq!(turn(&[], 12_345, u32::MAX), 0);
        // Half of a quarter of six hours.
        let half = u32::MAX / 2 + 1;
        assert_eq!(turn(&["Thu 02:00-10:00"], 0, half), 7200 + 2700);
        assert_eq!(turn(&["Thu 02:00-02:10", "Thu 02:00-10:00", "Thu 02:01-02:11"], 0, half), 7200 + 2700);
        // One that opens later changes nothing, also when it is open as well.
        assert_eq!(turn(&["Thu 02:01-02:11", "Thu 02:00-10:00"], 7200 + 100, half), 2600);
    }

    /// One from one minute to 24 hours.
    fn any_window() -> impl Strategy<Value = Window> {
        (0_usize..7, 0_u64..1440, 1_u64..1440).prop_map(|(day, begin, length)| {
            let (day, end) = (["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day], (begin + length) % 1440);
            let text = format!("{day} {:02}:{:02}-{:02}:{:02}", begin / 60, begin % 60, end / 60, end % 60);
            Window::parse(&text).expect("a window")
        })
    }

    fn any_config() -> impl Strategy<Value = Config> {
        let interval = prop_oneof![300_u64..7 * 24 * 3600, any::<u64>()];
        (prop::collection::vec(any_window(), 1..4), interval).prop_map(|(windows, poll_interval)| Config {
            windows,
            poll_interval,
            ..Config::default()
        })
    }

    proptest! {
        #[test]
        fn a_turn_comes_while_a_window_is_open(config in any_config(), now in 0_u64..1 << 40, random in any::<u32>()) {
            let turn = config.until_turn(now, random);
            // `now` may be nearly a second later than it says.
            let latest = turn + Duration::from_nanos(999_999_999);
            prop_assert!(turn >= config.until_window(now));
            prop_assert_eq!(config.until_window(now + turn.as_secs()), Duration::ZERO);
            prop_assert_eq!(config.until_window(now + latest.as_secs()), Duration::ZERO);
        }

        #[test]
        fn turns_are_spread_evenly(window in any_window(), interval in 300_u64..7 * 24 * 3600, now in 0_u64..1 << 40) {
            let config = Config { windows: vec![window.clone()], poll_interval: interval, ..Config::default() };
            let opens = config.until_window(now);
            prop_assume!(!opens.is_zero());
            let closed_again = (1..).find(|minutes| !config.until_window(now + opens.as_secs() + minutes * 60).is_zero());
            let spread = (closed_again.expect("it ends") * 60 - 1).min(interval / 4);
            for tenth in 0..=10 {
                let turn = config.until_turn(now, u32::try_from(u64::from(u32::MAX) * tenth / 10).expect("fits"));
                let even = opens + Duration::from_secs(spread) * u32::try_from(tenth).expect("fits") / 10;
                prop_assert!(turn.abs_diff(even) < Duration::from_millis(1), "{turn:?}, not {even:?}");
            }
        }

        #[test]
        fn who_asks_again_is_told_the_same_turn(config in any_config(), now in 0_u64..1 << 40, random in any::<u32>(), later in 0.0..1.0) {
            prop_assume!(!config.until_window(now).is_zero());
            let turn = config.until_turn(now, random);
            let later = turn.mul_f64(later).as_secs();
            prop_assert_eq!(config.until_turn(now + later, random) + Duration::from_secs(later), turn);
        }

        #[test]
        fn a_server_is_left_alone_as_long_as_it_wants_within_a_day_and_not_by_all_until_the_same_moment(
            wished in any::<u64>(), a in any::<u32>(), b in any::<u32>()
        ) {
            let (config, wished) = (Config::default(), Duration::from_secs(wished));
            let wait = config.poll_after_wish(wished, a);
            prop_assert!(wait >= wished.min(LONGEST_WISH) && wait <= LONGEST_WISH + POLL_INTERVAL * 5 / 4 + Duration::from_secs(1));
            prop_assert_eq!(config.poll_after_wish(Duration::ZERO, a), config.poll_after(a));
            if wished > config.poll_after(a.max(b)) {
                prop_assert_eq!(wait.abs_diff(config.poll_after_wish(wished, b)), config.poll_after(a).abs_diff(config.poll_after(b)));
            }
        }

        #[test]
        fn a_poll_comes_within_a_quarter_of_its_time(interval in any::<u64>(), random in any::<u32>()) {
            let config = Config { poll_interval: interval / 1000, ..Config::default() };
            let wait = config.poll_after(random).as_millis();
            let whole = u128::from(config.poll_interval) * 1000;
            prop_assert!(wait >= (whole * 3 / 4).min(u128::from(u64::MAX)) && wait <= whole * 5 / 4 + 1);
        }
    }
}
