//! `workloads.NAME`: containers that this node runs by itself.

use crate::key::Key;
use crate::{Described, SettingError};
use ampoule_base::{ByteSize, Cpus, EnvironmentName, Hidden, ImageReference, WorkloadName};
use ampoule_workload::{DiskLimit, Domain, InodeLimit, Publish, RestartPolicy, Volume, Workload as Resolved};
use serde::Deserialize;
use serde::de::DeserializeOwned;
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
    pub env: Hidden<BTreeMap<EnvironmentName, String>>,
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
    /// Most that it may write to DATA.
    pub disk: Option<DiskLimit>,
    /// Most inodes on DATA.
    pub inodes: Option<InodeLimit>,
    /// What happens when it ends.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// False: kept in the settings, not run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Its SELinux domain.
    #[serde(default)]
    pub selinux: Domain,
    /// False: uid 0 inside is uid 0 on the node.
    #[serde(default = "yes")]
    pub user_namespace: bool,
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
            env: Hidden(self.env.iter().map(|(k, v)| (k.to_string(), v.clone())).collect()),
            publish: self.publish.clone(),
            volumes: self.volumes.clone(),
            memory: self.memory.map(ByteSize::bytes),
            cpus: self.cpus.map(Cpus::get),
            disk: self.disk,
            inodes: self.inodes,
            restart: self.restart,
            enabled: self.enabled,
            selinux: self.selinux,
            user_namespace: self.user_namespace,
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

/// A folder that two workloads name without both saying `shared`: the one would read and change what is the other's.
pub(crate) fn check_volumes(workloads: &Workloads, errors: &mut Vec<SettingError>) {
    let mut named: BTreeMap<&str, (&WorkloadName, bool)> = BTreeMap::new();
    for (name, workload) in workloads.iter().filter(|(_, w)| w.enabled) {
        for volume in &workload.volumes {
            let (other, shared) = *named.entry(&volume.name).or_insert((name, volume.shared));
            if other != name && !(shared && volume.shared) {
                let reason = format!("the volume `{}` is `{other}`'s too, and not both say that they share it", volume.name);
                let hint =
                    format!("give one of them another name, or put `shared` behind both, like \"{}:{}:shared\"", volume.name, volume.path);
                errors.push(SettingError::value(&format!("workloads.{name}.volumes"), reason, hint));
            }
        }
    }
}

/// What the namespace is for.
pub(crate) const ABOUT: &str = "Containers that the node runs by itself, with no orchestrator, each under a name.";

const fn key<T: DeserializeOwned + Described>(pattern: &'static str, about: &'static str, example: &'static str) -> Key {
    Key::of::<T>(pattern, about, example).named::<WorkloadName>().example_name("web")
}

pub(crate) const KEYS: &[Key] = &[
    key::<ImageReference>("workloads.*.image", "The image. A workload cannot be without one.", r#""docker.io/library/nginx:1.27""#),
    key::<Vec<String>>("workloads.*.command", "Replaces the image's entry point.", r#"["/usr/sbin/nginx"]"#),
    key::<Vec<String>>("workloads.*.args", "Replaces the image's arguments.", r#"["-g", "daemon off;"]"#),
    // People put passwords here: an environment is hidden like one.
    key::<BTreeMap<EnvironmentName, String>>("workloads.*.env", "Added to the image's environment.", r#"{ LANG = "C.UTF-8" }"#)
        .allowed("a table of NAME = \"value\"")
        .secret(),
    key::<Vec<Publish>>("workloads.*.publish", "Ports of the node that lead to the workload.", r#"["8080:80", "53:53/udp"]"#)
        .allowed("a list like [\"8080:80\", \"53:53/udp\"]"),
    key::<Vec<Volume>>(
        "workloads.*.volumes",
        "Durable folders; those of one name are one folder, which several workloads have only if each says `shared`.",
        r#"["data:/var/lib/data", "conf:/etc/app:ro"]"#,
    )
    .allowed("a list like [\"data:/var/lib/data\", \"conf:/etc/app:ro\", \"pool:/pool:shared\"]"),
    key::<ByteSize>("workloads.*.memory", "Most memory it may use; more and the kernel ends it.", r#""256MiB""#),
    key::<Cpus>("workloads.*.cpus", "Most processor time, in processors.", "0.5"),
    key::<DiskLimit>(
        "workloads.*.disk",
        "Most that it may write, its container's layer and its volumes together: an amount, or a share of the nine tenths of DATA that workloads have. Without it `\"50%\"`. A change has effect at once.",
        r#""10GiB""#,
    ),
    key::<InodeLimit>(
        "workloads.*.inodes",
        "Most files, folders and links that it may have on DATA. Without it a share of those that DATA can have: that of `disk`, or 50 %. A change has effect at once.",
        "100000",
    ),
    key::<RestartPolicy>("workloads.*.restart", "What happens when it ends.", r#""always""#),
    key::<bool>("workloads.*.enabled", "False: kept in the settings, not run.", "true"),
    key::<Domain>(
        "workloads.*.selinux",
        "Its SELinux domain. `container` is what there is for workloads; `control` and `super` are for host and bootstrap containers, and are refused here.",
        r#""container""#,
    ),
    key::<bool>("workloads.*.user-namespace", "False: uid 0 inside is uid 0 on the node, kept in by SELinux and seccomp alone.", "true"),
];
