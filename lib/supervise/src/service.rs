//! Service files: what `init` may be told about a service. Format: `docs/architecture/contracts.md`, section 3.

use crate::paths::is_within;
pub use crate::rights::{ALL_DEVICES, DEVICES, Directories, Exceptions, HIDDEN, Mounts, Network, Processes, Rights, View};
use crate::units::{Signal, Size, Span};
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest service file accepted, in bytes; real ones are below 2 KiB.
pub const MAX_FILE: usize = 16 * 1024;
/// Longest service name, in bytes: it must fit a control message and a cgroup's name.
pub const MAX_NAME: usize = 32;

/// Longest path of a socket, in bytes (`sun_path` of `unix(7)`, without its last NUL). Nothing ever listens at a longer one.
const MAX_SOCKET_PATH: usize = 107;

/// A service file, as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceFile {
    /// What the service is for, in a line.
    pub description: String,
    /// Program and arguments; the program by absolute path.
    #[serde(deserialize_with = "command")]
    pub command: Vec<String>,
    /// Started only once these are ready; stopped before them.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Started only once these, if the image has them, were started; stopped before them.
    #[serde(default)]
    pub after: Vec<String>,
    /// How the service says that it is ready.
    #[serde(deserialize_with = "readiness")]
    pub readiness: Readiness,
    /// A service not ready in this time is killed; that is a failure, and `restart` says what follows.
    #[serde(default = "default_ready_timeout")]
    pub ready_timeout: Span,
    /// Added to the environment that `init` gives.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files whose variables are added too, read anew at each start ([`crate::environment`]); what `environment` and `init` say wins. One that is absent says nothing.
    #[serde(default, deserialize_with = "absolute_paths")]
    pub environment_files: Vec<String>,
    /// Files that it will need, soonest first: read in the background from the start of the node on, so that they are in memory by then.
    #[serde(default, deserialize_with = "absolute_paths")]
    pub read_ahead: Vec<String>,
    /// When and how soon to start it again.
    #[serde(default)]
    pub restart: Restart,
    /// How to stop it.
    #[serde(default)]
    pub stop: Stop,
    /// How to make it read its files again; absent: by a restart.
    pub reload: Option<Reload>,
    /// Bounds of its control group and its processes.
    #[serde(default)]
    pub limits: Limits,
    /// What it may do.
    #[serde(default)]
    pub rights: Rights,
    /// What it sees.
    #[serde(default)]
    pub view: View,
    /// Folders made before it starts.
    #[serde(default)]
    pub directories: Directories,
    /// Why it is less confined than others.
    #[serde(default)]
    pub exceptions: Exceptions,
}

/// How a service says that it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// `READY=1` on the notify socket (`sd_notify(3)`).
    Notify,
    /// It does its work and ends with status 0.
    Exit,
    /// As soon as it runs.
    Started,
    /// The socket at this path takes connections; one for datagrams exists.
    Socket(String),
}

/// When a service that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// However it ended.
    Always,
    /// If it failed.
    OnFailure,
    /// Not by itself.
    Never,
}

/// The `[restart]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restart {
    /// When to start it again.
    pub policy: Policy,
    /// Wait before the first new start; doubles with each that follows.
    pub delay: Span,
    /// The longest wait.
    pub max_delay: Span,
    /// After this long a life, counted from when it was ready, the next wait is `delay` again.
    pub stable_after: Span,
}

/// The `[stop]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Stop {
    /// Sent to the main process.
    pub signal: Signal,
    /// Then what `kill` names is killed.
    pub timeout: Span,
    /// What is killed in the end.
    pub kill: Kill,
}

/// What is killed when a service must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kill {
    /// Everything in the service's control group.
    Cgroup,
    /// The main process alone: its children shall outlive it (containerd's shims).
    Process,
}

/// The `[reload]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Sent to the main process.
    pub signal: Signal,
}

/// The `[limits]` table: control group v2 and process limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// `memory.max`
    pub memory: Option<Size>,
    /// `cpu.weight`, 1 to 10000: its share of the processors while other services want them, too; the kernel gives 100.
    #[serde(deserialize_with = "cpu_weight")]
    pub cpu_weight: Option<u16>,
    /// `pids.max`: what a fork bomb meets.
    pub pids: Option<u32>,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<u64>,
    /// `/proc/PID/oom_score_adj`, -1000 to 1000.
    pub oom_score_adjust: Option<i16>,
}

impl Default for Restart {
    fn default() -> Self {
        // 200 ms: a service that starts and dies costs at most a few percent of a core. 30 s: a person who mends the cause does not wait long.
        Self { policy: Policy::Always, delay: ms(200), max_delay: ms(30_000), stable_after: ms(10_000) }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::Terminate, timeout: ms(10_000), kill: Kill::Cgroup }
    }
}

impl ServiceFile {
    /// Reads a service file.
    ///
    /// # Errors
    /// A sentence with line and column: what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_FILE {
            return Err(format!("{} bytes; the most is {MAX_FILE}", text.len()));
        }
        let file: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        file.exceptions.judge(&file.rights, &file.view, &file.limits)?;
        Ok(file)
    }

    /// What it may write to where it has a view of its own, by absolute path.
    #[must_use]
    pub fn writable(&self) -> Vec<String> {
        let run = self.directories.run.iter().map(|folder| format!("/run/{folder}"));
        run.chain(self.directories.own.iter().cloned()).chain(self.view.writable.iter().cloned()).collect()
    }

    /// The devices that it sees where it has a view of its own; `None`: all.
    #[must_use]
    pub fn devices(&self) -> Option<Vec<&str>> {
        let listed = self.rights.devices.iter().chain(&self.view.devices).map(String::as_str);
        let all: BTreeSet<&str> = DEVICES.into_iter().chain(listed).collect();
        (!all.contains(ALL_DEVICES)).then(|| all.into_iter().collect())
    }

    /// Which of [`HIDDEN`] it does not see.
    #[must_use]
    pub fn hidden(&self) -> Vec<&'static str> {
        let shown: Vec<String> = self.writable().into_iter().chain(self.view.visible.iter().cloned()).collect();
        HIDDEN.into_iter().filter(|hidden| !shown.iter().any(|path| is_within(path, hidden))).collect()
    }
}

/// Whether `name` can name a service: lower-case letters, digits and dashes, 1 to [`MAX_NAME`] bytes.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn ms(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

fn default_ready_timeout() -> Span {
    ms(30_000)
}

fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    match words.first() {
        Some(program) if program.starts_with('/') => Ok(words),
        Some(program) => Err(D::Error::custom(format!("`{program}` is not an absolute path"))),
        None => Err(D::Error::custom("a command has at least one word")),
    }
}

fn absolute_paths<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let paths = Vec::<String>::deserialize(from)?;
    match paths.iter().find(|path| !path.starts_with('/')) {
        Some(path) => Err(D::Error::custom(format!("`{path}` is not an absolute path"))),
        None => Ok(paths),
    }
}

fn cpu_weight<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(from)? {
        weight @ 1..=10_000 => Ok(Some(weight)),
        other => Err(D::Error::custom(format!("a weight of {other}: it is 1 to 10000"))),
    }
}

fn readiness<'de, D: Deserializer<'de>>(from: D) -> Result<Readiness, D::Error> {
    let text = String::deserialize(from)?;
    match text.as_str() {
        "notify" => Ok(Readiness::Notify),
        "exit" => Ok(Readiness::Exit),
        "started" => Ok(Readiness::Started),
        other => match other.strip_prefix("socket:") {
            Some(path) if path.starts_with('/') && path.len() <= MAX_SOCKET_PATH => Ok(Readiness::Socket(path.to_owned())),
            Some(path) if path.starts_with('/') => {
                Err(D::Error::custom(format!("`{path}`: no socket has a path of more than {MAX_SOCKET_PATH} bytes")))
            }
            _ => Err(D::Error::custom(format!("`{other}` is not one of notify, exit, started, socket:/path"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::User;

    fn parse(more: &str) -> Result<ServiceFile, String> {
        ServiceFile::parse(&format!("description = \"x\"\ncommand = [\"/usr/bin/x\"]\nreadiness = \"exit\"\n{more}"))
    }

    #[test]
    fn a_file_that_says_nothing_opens_nothing() {
        let file = parse("").expect("a service file");
        assert_eq!(file.rights.user, User::NOBODY);
        assert!(file.rights.groups.is_empty() && file.rights.no_new_privileges && file.rights.devices.is_empty() && !file.rights.host_name);
        assert_eq!(file.rights.capabilities.absent().count(), 64);
        assert_eq!((file.view.mounts, file.view.network, file.view.processes), (Mounts::Own, Network::None, Processes::Own));
        assert_eq!((file.writable(), file.hidden()), (Vec::<String>::new(), HIDDEN.to_vec()));
    }

    #[test]
    fn what_it_owns_it_may_write_and_see() {
        let file =
            parse("[view]\nwritable = [\"/proc/sys/net\"]\n[directories]\nrun = [\"x\"]\nown = [\"/state/x\"]\n").expect("a service file");
        assert_eq!(file.writable(), ["/run/x", "/state/x", "/proc/sys/net"]);
        assert_eq!(file.hidden(), ["/var"]);
        let seen = parse("[view]\ndevices = [\"/dev/kmsg\"]\n[rights]\ndevices = [\"/dev/console\"]\n").expect("a service file");
        assert_eq!(seen.devices().expect("some")[..3], ["/dev/console", "/dev/full", "/dev/kmsg"]);
        assert_eq!(file.devices().as_deref(), Some(&DEVICES[..]));
        let file = parse("[view]\nvisible = [\"/state\"]\n[directories]\nown = [\"/variant\"]\n").expect("a service file");
        assert_eq!(file.hidden(), ["/var"]);
    }

    #[test]
    fn less_confinement_takes_a_reason_and_a_reason_something_it_is_for() {
        for (open, aspect) in
            [("[rights]\nuser = \"root\"", "root"), ("[view]\nmounts = \"host\"", "mounts"), ("[view]\ndevices = [\"/dev\"]", "devices")]
        {
            let reason = format!("[exceptions]\n{aspect} = \"mounts what others see\"\n");
            assert!(parse(&format!("{open}\n")).expect_err("no reason").contains(aspect));
            assert!(parse(&format!("{open}\n[exceptions]\n{aspect} = \" \"\n")).is_err());
            assert!(parse(&format!("{open}\n{reason}")).is_ok());
            assert!(parse(&reason).expect_err("for nothing").contains(aspect));
        }
        assert!(parse("[limits]\nmemory = \"1MiB\"\n[exceptions]\nmemory = \"it is a container engine\"\n").is_err());
        assert!(parse("[rights]\nseccomp = \"x\"\n[exceptions]\nseccomp = \"it is a container engine\"\n").is_err());
    }

    #[test]
    fn a_socket_that_shows_readiness_has_a_path_that_a_socket_can_have() {
        let of = |path: &str| {
            let text = format!("description = \"x\"\ncommand = [\"/usr/bin/x\"]\nreadiness = \"socket:{path}\"\n");
            ServiceFile::parse(&text).map(|file| file.readiness)
        };
        let longest = format!("/{}", "x".repeat(106));
        assert_eq!(of("/run/x/socket"), Ok(Readiness::Socket("/run/x/socket".to_owned())));
        assert_eq!(of(&longest), Ok(Readiness::Socket(longest.clone())));
        for wrong in [format!("{longest}x").as_str(), "run/x", ""] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_weight_is_one_that_the_kernel_takes() {
        let weight = |text: &str| parse(&format!("[limits]\ncpu-weight = {text}\n")).map(|file| file.limits.cpu_weight);
        assert_eq!([weight("1"), weight("10000")], [Ok(Some(1)), Ok(Some(10_000))]);
        for wrong in ["0", "10001", "65537", "-1", "\"x\""] {
            assert!(weight(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse("").expect("a service file").limits.cpu_weight, None);
    }

    #[test]
    fn paths_that_climb_and_users_unknown_are_refused() {
        for wrong in [
            "[directories]\nrun = [\"../x\"]",
            "[directories]\nrun = [\"/x\"]",
            "[directories]\nown = [\"state\"]",
            "[directories]\nown = [\"/state/../etc\"]",
            "[directories]\nlinks = { \"/etc/x\" = \"/run/x\" }",
            "[view]\nwritable = [\"/\"]",
            "[rights]\ndevices = [\"/etc/x\"]",
            "[view]\ndevices = [\"/dev/a/b\"]",
            "[view]\ndevices = [\"/dev/..\"]",
            "[rights]\nuser = \"mallory\"",
            "[rights]\nseccomp = \"../x\"",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
