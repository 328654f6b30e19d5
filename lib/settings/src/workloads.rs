//! `workloads.NAME`: containers that this node runs by itself.

use crate::SettingError;
use crate::key::{Key, check};
use ampoule_base::{ByteSize, Cpus, EnvironmentName, ImageReference, WorkloadName};
use ampoule_workload::{Publish, RestartPolicy, Volume, Workload as Resolved};
use serde::Deserialize;
use std::collections::BTreeMap;

/// All workloads, by name.
pub type Workloads = BTreeMap<WorkloadName, Workload>;

/// One workload.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workload {
    /// The image.
    pub image: ImageReference,
    /// Replaces the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Added to the image's environment.
    #[serde(default)]
    pub env: BTreeMap<EnvironmentName, String>,
    /// Ports of the node that lead to it.
    #[serde(default)]
    pub publish: Vec<Publish>,
    /// Durable folders.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Most memory.
    pub memory: Option<ByteSize>,
    /// Most processor time, in processors.
    pub cpus: Option<Cpus>,
    /// What happens when it ends.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// False: kept in the settings, not run.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl Workload {
    /// In the form `hostd` reads.
    #[must_use]
    pub fn resolve(&self) -> Resolved {
        Resolved {
            image: self.image.to_string(),
            command: self.command.clone(),
            args: self.args.clone(),
            env: self.env.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            publish: self.publish.clone(),
            volumes: self.volumes.clone(),
            memory: self.memory.map(ByteSize::bytes),
            cpus: self.cpus.map(Cpus::get),
            restart: self.restart,
            enabled: self.enabled,
        }
    }
}

/// What no single key shows: two workloads on one port of the node, or one that would take the API's.
pub(crate) fn check_together(workloads: &Workloads, api_port: Option<u16>, errors: &mut Vec<SettingError>) {
    let mut taken = BTreeMap::new();
    for (name, workload) in workloads.iter().filter(|(_, w)| w.enabled) {
        for publish in &workload.publish {
            let key = format!("workloads.{name}.publish");
            let port = publish.host.get();
            if api_port == Some(port) && publish.protocol == ampoule_workload::Protocol::Tcp {
                errors.push(SettingError::value(&key, format!("port {port} is the node API's (api.remote.port)"), "publish another port"));
            }
            if let Some(other) = taken.insert((publish.protocol, port), name) {
                let reason = format!("port {port} of the node is published twice, by `{other}` and by `{name}`");
                errors.push(SettingError::value(&key, reason, "give one of them another port, or set `enabled = false`"));
            }
        }
    }
}

const fn key(pattern: &'static str, check: fn(&serde_json::Value) -> Result<(), String>, allowed: &'static str) -> Key {
    Key { pattern, check, allowed, secret: false }
}

pub(crate) const KEYS: &[Key] = &[
    key("workloads.*.image", check::<ImageReference>, "an image reference, for example \"docker.io/library/nginx:1.27\""),
    key("workloads.*.command", check::<Vec<String>>, "a list of words"),
    key("workloads.*.args", check::<Vec<String>>, "a list of words"),
    // Not marked secret as a whole, yet people put passwords here: an environment is hidden like one.
    Key { pattern: "workloads.*.env", check: environment, allowed: "a table of NAME = \"value\"", secret: true },
    key("workloads.*.publish", check::<Vec<Publish>>, "a list like [\"8080:80\", \"53:53/udp\"]"),
    key("workloads.*.volumes", check::<Vec<Volume>>, "a list like [\"data:/var/lib/data\", \"conf:/etc/app:ro\"]"),
    key("workloads.*.memory", check::<ByteSize>, "a size like \"256MiB\""),
    key("workloads.*.cpus", check::<Cpus>, "a number like 0.5"),
    key("workloads.*.restart", check::<RestartPolicy>, "\"always\", \"on-failure\" or \"never\""),
    key("workloads.*.enabled", check::<bool>, "true or false"),
];

fn environment(value: &serde_json::Value) -> Result<(), String> {
    check::<BTreeMap<EnvironmentName, String>>(value).map_err(|_| "this is not a table of names and texts".to_owned())
}
