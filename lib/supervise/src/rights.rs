//! What a service may do and see: everything is closed unless its file opens it by name.

use crate::capability::Capabilities;
use crate::identity::User;
use crate::paths;
use crate::service::Limits;
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeMap;

/// The `[rights]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rights {
    /// Whom it runs as. Root needs a reason (`[exceptions]`).
    pub user: User,
    /// Whose sockets and files it may use beside its own: their groups.
    pub groups: Vec<User>,
    /// Capabilities kept, also when it is not root; all others leave every set.
    pub capabilities: Capabilities,
    /// `PR_SET_NO_NEW_PRIVS`
    pub no_new_privileges: bool,
    /// The list of system calls it may make: `policy/seccomp/NAME.json`.
    #[serde(deserialize_with = "list_name")]
    pub seccomp: Option<String>,
    /// Devices that its group may read and write.
    #[serde(deserialize_with = "devices")]
    pub devices: Vec<String>,
    /// Whether it may set the node's host name, by telling init (`HOSTNAME=` on the notify socket).
    pub host_name: bool,
}

/// The `[view]` table: which part of the node it sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct View {
    /// The file systems. With a view of its own everything is read-only, save its folders and `writable`.
    pub mounts: Mounts,
    /// The network.
    pub network: Network,
    /// The processes in `/proc`.
    pub processes: Processes,
    /// What it may write to beside its folders, by absolute path.
    #[serde(deserialize_with = "absolute")]
    pub writable: Vec<String>,
    /// Which of [`HIDDEN`] it reads without owning a folder there.
    #[serde(deserialize_with = "absolute")]
    pub visible: Vec<String>,
    /// Devices that it sees beside [`DEVICES`] and those it has rights to; [`ALL_DEVICES`] needs a reason (`[exceptions]`).
    #[serde(deserialize_with = "seen_devices")]
    pub devices: Vec<String>,
}

/// What every service sees in `/dev`: nothing that belongs to anybody.
pub const DEVICES: [&str; 5] = ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];
/// The node's own `/dev`, with what appears in it.
pub const ALL_DEVICES: &str = "/dev";

/// Not to be seen by a service that has nothing there: settings and identity, and what workloads store.
pub const HIDDEN: [&str; 2] = ["/state", "/var"];

/// Whose mounts a service sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mounts {
    /// A copy, read-only but for what is listed.
    #[default]
    Own,
    /// The node's own. Needs a reason (`[exceptions]`).
    Host,
}

/// Which network a service is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// One without any link.
    #[default]
    None,
    /// The node's.
    Host,
}

/// Which processes a service sees in `/proc`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processes {
    /// Those of its own user.
    #[default]
    Own,
    /// All.
    All,
}

/// The `[exceptions]` table: why a service is less confined than the others, for who reviews it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Exceptions {
    /// Why it runs as root.
    pub root: Option<String>,
    /// Why it has no list of system calls.
    pub seccomp: Option<String>,
    /// Why it sees the node's own mounts.
    pub mounts: Option<String>,
    /// Why it sees all devices.
    pub devices: Option<String>,
    /// Why its memory has no limit.
    pub memory: Option<String>,
}

/// The `[directories]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Directories {
    /// Below `/run`, mode 0750: the service's own, open to its group.
    #[serde(deserialize_with = "below_run")]
    pub run: Vec<String>,
    /// The group of the folders below `/run`, where it is not that of the user.
    pub group: Option<User>,
    /// By absolute path: made with mode 0700 if absent, and given to the service's user with all that is in them.
    #[serde(deserialize_with = "absolute")]
    pub own: Vec<String>,
    /// Symbolic links, from where tools expect something to where the service keeps it.
    #[serde(deserialize_with = "links")]
    pub links: BTreeMap<String, String>,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            user: User::NOBODY,
            groups: Vec::new(),
            capabilities: Capabilities::default(),
            no_new_privileges: true,
            seccomp: None,
            devices: Vec::new(),
            host_name: false,
        }
    }
}

impl Exceptions {
    /// Whether what is given up has a reason, and each reason something it is for.
    ///
    /// # Errors
    /// The first that lacks its other half, in a sentence.
    pub(crate) fn judge(&self, rights: &Rights, view: &View, limits: &Limits) -> Result<(), String> {
        let pairs = [
            ("devices", view.devices.iter().any(|device| device == ALL_DEVICES), &self.devices),
            // As below.
            ("memory", limits.memory.is_none() && self.memory.is_some(), &self.memory),
            ("root", rights.user.is_root(), &self.root),
            ("mounts", view.mounts == Mounts::Host, &self.mounts),
            // Without a list and without a reason a service still starts: whether that may be is the builder's to say.
            ("seccomp", rights.seccomp.is_none() && self.seccomp.is_some(), &self.seccomp),
        ];
        for (name, given_up, reason) in pairs {
            match (given_up, reason) {
                (true, None) => return Err(format!("gives up confinement without a reason: say why in `[exceptions] {name}`")),
                (false, Some(_)) => return Err(format!("`[exceptions] {name}` has nothing it is for: remove it")),
                (true, Some(reason)) if reason.trim().len() < 10 => return Err(format!("`[exceptions] {name}` is no reason")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn list_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    match crate::service::is_name(&name) {
        true => Ok(Some(name)),
        false => Err(D::Error::custom(format!("`{name}` cannot name a list of system calls"))),
    }
}

fn devices<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    paths::checked(Vec::<String>::deserialize(from)?, |path| path.starts_with("/dev/") && paths::is_plain(path)).map_err(D::Error::custom)
}

fn seen_devices<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let one_deep = |path: &str| path.strip_prefix("/dev/").is_some_and(|name| !name.contains('/')) && paths::is_plain(path);
    paths::checked(Vec::<String>::deserialize(from)?, |path| path == ALL_DEVICES || one_deep(path)).map_err(D::Error::custom)
}

fn absolute<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    paths::checked(Vec::<String>::deserialize(from)?, |path| path.starts_with('/') && paths::is_plain(path)).map_err(D::Error::custom)
}

fn below_run<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    paths::checked(Vec::<String>::deserialize(from)?, |path| !path.starts_with('/') && paths::is_plain(&format!("/{path}")))
        .map_err(D::Error::custom)
}

fn links<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let links = BTreeMap::<String, String>::deserialize(from)?;
    let all = links.iter().flat_map(|(link, target)| [link.clone(), target.clone()]).collect();
    paths::checked(all, |path| path.starts_with("/run/") && paths::is_plain(path)).map_err(D::Error::custom)?;
    Ok(links)
}
