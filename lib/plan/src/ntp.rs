//! The configuration of ntpd-rs (`ntp.toml(5)`) from `settings.ntp`, whose options are words of chrony's `pool` line.

use crate::file::{Action, File, Files, Reader};
use crate::{Effect, Image};
use ampoule_settings::Settings;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where the daemon looks by itself. Without the file it runs and asks nobody, so it never fails before the first render.
pub const PATH: &str = "/etc/ntpd-rs/ntp.toml";

pub(crate) const EFFECTS: &[Effect] = &[Effect::told("ntp", &[PATH], "ntpd", Action::Restart)];

/// The daemon reads its configuration at its start only.
pub(crate) fn render_files(_: &Image, settings: &Settings, files: &mut Files) {
    let servers: Vec<_> = settings.ntp.time_servers.iter().flatten().map(|s| s.as_str().to_owned()).collect();
    let options: Vec<_> = settings.ntp.options.iter().flatten().map(|o| o.as_str().to_owned()).collect();
    files.insert(PATH.into(), File::open(render(&servers, &options), Reader::restart("ntpd")));
}

/// A step larger than this (seconds) is made, a smaller one slewed: STEPT of RFC 5905, appendix A.1.
const STEP_THRESHOLD: f64 = 0.128;
/// What the daemon refuses to step once it is running, in seconds: PANICT of RFC 5905. It then ends, and its next start steps.
const PANIC_THRESHOLD: u32 = 1000;
/// Poll exponents that make sense: 1 s, which is for tests, to MAXPOLL of RFC 5905.
const POLL: std::ops::RangeInclusive<i8> = 0..=17;
/// The exponent that the daemon begins with, whatever the limits are.
const USUAL_START: i8 = 4;
/// The daemon's own largest exponent. It sends no bursts, so asking less often makes it slow to see that something changed.
const USUAL_MAXPOLL: i8 = 10;

/// The file's text. What has no effect is named in a comment at its top; what is no server is left out and named there.
#[must_use]
pub fn render(servers: &[String], options: &[String]) -> String {
    let options = Options::read(options);
    let (known, unknown): (Vec<_>, Vec<_>) = servers.iter().partition(|text| Server::parse(text).is_some());
    let sources = known.iter().filter_map(|text| Server::parse(text)).map(|server| server.source(&options)).collect();
    let mut text = String::from("# Made from settings.ntp.\n");
    comment(&mut text, "Options without effect", &options.without_effect);
    comment(&mut text, "Not a server", &unknown);
    // Plain values always serialise.
    text.push_str(&toml::to_string(&Configuration { source: sources, ..Configuration::default() }).unwrap_or_default());
    text
}

/// Quoted, so that no word can end the comment's line.
fn comment(text: &mut String, what: &str, words: &[impl AsRef<str>]) {
    if !words.is_empty() {
        let words: Vec<_> = words.iter().map(|word| format!("{:?}", word.as_ref())).collect();
        let _ = writeln!(text, "# {what}: {}.", words.join(", "));
    }
}

/// `ntp.toml`. Nothing here is the daemon's own default.
#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Configuration {
    synchronization: Synchronization,
    observability: Observability,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source: Vec<Source>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Synchronization {
    minimum_agreeing_sources: u8,
    startup_step_panic_threshold: &'static str,
    single_step_panic_threshold: u32,
    algorithm: Algorithm,
}

impl Default for Synchronization {
    fn default() -> Self {
        Self {
            // One server must be enough, for many nodes reach only one. Of those that answer, more than half must agree anyway.
            minimum_agreeing_sources: 1,
            // A node without a clock of its own may start years off, to either side.
            startup_step_panic_threshold: "inf",
            single_step_panic_threshold: PANIC_THRESHOLD,
            algorithm: Algorithm { step_threshold: STEP_THRESHOLD },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Algorithm {
    step_threshold: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Observability {
    observation_path: &'static str,
    observation_permissions: u32,
}

impl Default for Observability {
    fn default() -> Self {
        Self { observation_path: "/run/ampoule/ntpd/observe", observation_permissions: 0o600 }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Source {
    mode: &'static str,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_poll_interval: Option<i8>,
    #[serde(skip_serializing_if = "PollLimits::is_empty")]
    poll_interval_limits: PollLimits,
}

#[derive(Serialize, Clone, Copy)]
struct PollLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i8>,
}

impl PollLimits {
    fn is_empty(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// As chrony does, a source begins at its smallest interval; without one, not above its largest.
    fn start(&self) -> Option<i8> {
        self.min.or(self.max.filter(|max| *max < USUAL_START))
    }

    /// Brought into range, and the largest not below the smallest: the daemon takes any number and acts on it.
    fn new(min: Option<i8>, max: Option<i8>) -> Self {
        let fit = |n: i8| n.clamp(*POLL.start(), *POLL.end());
        let min = min.map(fit);
        let max = max.map(fit).or(min.filter(|min| *min > USUAL_MAXPOLL));
        Self { min, max: max.map(|max| max.max(min.unwrap_or(max))) }
    }
}

/// What of chrony's words has a counterpart.
#[derive(Default)]
struct Options {
    nts: bool,
    minpoll: Option<i8>,
    maxpoll: Option<i8>,
    maxsources: Option<u8>,
    port: Option<u16>,
    ntsport: Option<u16>,
    /// `iburst` among them: the first answer sets the clock here, so there is nothing to hasten.
    without_effect: Vec<String>,
}

impl Options {
    /// An element may hold several words, as `minpoll 4` does.
    fn read(elements: &[String]) -> Self {
        let mut options = Self::default();
        let mut words = elements.iter().flat_map(|element| element.split_whitespace()).peekable();
        while let Some(word) = words.next() {
            let value = words.peek().copied().unwrap_or_default();
            match options.take(word, value) {
                Some(Words::One) => {}
                Some(Words::Two) => drop(words.next()),
                None => options.without_effect.push(word.to_owned()),
            }
        }
        options
    }

    /// How many words were understood; `None` leaves them.
    fn take(&mut self, word: &str, value: &str) -> Option<Words> {
        match word {
            "nts" => {
                self.nts = true;
                return Some(Words::One);
            }
            "minpoll" => self.minpoll = Some(number(value)?),
            "maxpoll" => self.maxpoll = Some(number(value)?),
            "maxsources" => self.maxsources = Some(number::<u8>(value)?.clamp(1, 16)),
            "port" => self.port = Some(number(value)?),
            "ntsport" => self.ntsport = Some(number(value)?),
            _ => return None,
        }
        Some(Words::Two)
    }
}

enum Words {
    One,
    Two,
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Someone to ask.
struct Server<'a> {
    host: &'a str,
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl<'a> Server<'a> {
    /// `name`, `name:port`, an address, `v4:port`, `[v6]`, `[v6]:port`. The daemon refuses its whole file for one it cannot read.
    fn parse(text: &'a str) -> Option<Self> {
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return (socket.port() != 0).then_some(Self { host: "", address: Some(socket.ip()), port: Some(socket.port()) });
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self { host: "", address: Some(address), port: None });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(number(port).filter(|port| *port != 0)?)),
            None => (text, None),
        };
        let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        is_name.then_some(Self { host, address: None, port })
    }

    fn source(&self, options: &Options) -> Source {
        let mode = if options.nts {
            "nts"
        } else if self.is_pool() {
            "pool"
        } else {
            "server"
        };
        let limits = PollLimits::new(options.minpoll, options.maxpoll);
        Source {
            mode,
            address: self.written(self.port.or(if options.nts { options.ntsport } else { options.port })),
            count: options.maxsources.filter(|_| mode == "pool"),
            initial_poll_interval: limits.start(),
            poll_interval_limits: limits,
        }
    }

    /// Whether the name stands for several servers. Of a name that has fewer addresses than it wants, the daemon asks DNS
    /// again each second, so only names known to have several are taken as a pool.
    fn is_pool(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        name == "pool.ntp.org" || name.ends_with(".pool.ntp.org")
    }

    fn written(&self, port: Option<u16>) -> String {
        match (self.address, port) {
            (Some(address), Some(port)) => SocketAddr::new(address, port).to_string(),
            (Some(address), None) => address.to_string(),
            (None, Some(port)) => format!("{}:{port}", self.host),
            (None, None) => self.host.to_owned(),
        }
    }
}

#[cfg(test)]
#[path = "ntp_tests.rs"]
mod tests;
