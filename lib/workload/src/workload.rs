//! One workload as `/etc/ampoule/workloads.json` describes it.

use std::collections::BTreeMap;

use ampoule_base::Hidden;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{DiskLimit, Domain, InodeLimit, Isolation, Publish, Volume, isolation::IdRange};

/// All workloads of a node by name.
pub type Workloads = BTreeMap<String, Workload>;

/// Upper bound of `workloads.json` in bytes: far above any real file, far below what would hurt memory.
pub const MAX_WORKLOADS_BYTES: u64 = 1024 * 1024;

/// A container to run: validated by `apid`, so every field that is present is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workload {
    /// Image reference, short or full (`nginx`, `registry.example:5000/a/b@sha256:…`).
    pub image: String,
    /// Replaces the image's entry point when not empty; the image's arguments are then not used either.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's arguments when not empty.
    #[serde(default)]
    pub args: Vec<String>,
    /// Added to the image's environment; a name in both has this value.
    #[serde(default)]
    pub env: Hidden<BTreeMap<String, String>>,
    /// Ports of the node that lead to ports of the container.
    #[serde(default)]
    pub publish: Vec<Publish>,
    /// Durable folders of the node inside the container.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Memory limit in bytes; none: no limit.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Processor limit in processors (0.5 is half of one); none: no limit.
    #[serde(default)]
    pub cpus: Option<f64>,
    /// Most that it may write to DATA; none: the default share.
    #[serde(default)]
    pub disk: Option<DiskLimit>,
    /// Most inodes on DATA; none: as many as its share.
    #[serde(default)]
    pub inodes: Option<InodeLimit>,
    /// What happens when the process ends.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// False: known, but not run.
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

/// What happens when a workload's process ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Started again whatever its exit code.
    #[default]
    Always,
    /// Started again unless it exited with 0.
    OnFailure,
    /// Left as it ended.
    Never,
}

/// The part of a workload that is fixed when its container is made: a change here needs a new container.
#[derive(Serialize)]
struct Fixed<'a> {
    image: &'a str,
    command: &'a [String],
    args: &'a [String],
    env: &'a BTreeMap<String, String>,
    volumes: &'a [Volume],
    memory: Option<u64>,
    cpus: Option<f64>,
    selinux: Domain,
    user_namespace: bool,
}

impl Workload {
    /// The ids of the node that its own stand for; `None`: its ids are the node's.
    pub fn ids(&self, isolation: Isolation) -> Option<IdRange> {
        self.user_namespace.then(|| isolation.ids())
    }

    /// Hex SHA-256 over everything a running container cannot change. Two workloads with the same
    /// digest differ at most in what can be changed around a living process (ports, restart policy, limits of the disk).
    pub fn container_digest(&self) -> String {
        let fixed = Fixed {
            image: &self.image,
            command: &self.command,
            args: &self.args,
            env: &self.env,
            volumes: &self.volumes,
            memory: self.memory,
            cpus: self.cpus,
            selinux: self.selinux,
            user_namespace: self.user_namespace,
        };
        // Serialising plain structs, strings and numbers cannot fail.
        let text = serde_json::to_vec(&fixed).unwrap_or_default();
        ampoule_base::hex(&Sha256::digest(text))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn example() -> Workload {
        serde_json::from_str(
            r#"{"image":"example.test/web:1","publish":["8080:80"],"volumes":["data:/data"],"memory":268435456,"cpus":0.5}"#,
        )
        .expect("valid workload")
    }

    #[test]
    fn defaults_are_enabled_and_always() {
        let workload = example();
        assert!(workload.enabled);
        assert_eq!(workload.restart, RestartPolicy::Always);
        assert!(workload.user_namespace && workload.selinux == Domain::Container);
    }

    #[test]
    fn unknown_field_is_refused() {
        assert!(serde_json::from_str::<Workload>(r#"{"image":"a","privileged":true}"#).is_err());
    }

    #[test]
    fn digest_ignores_what_can_change_around_a_living_process() {
        let mut other = example();
        other.publish.clear();
        other.restart = RestartPolicy::Never;
        other.disk = Some(DiskLimit::Percent(1));
        other.inodes = 500.try_into().ok();
        assert_eq!(other.container_digest(), example().container_digest());
    }

    #[test]
    fn digest_sees_every_fixed_field() {
        let edits: [fn(&mut Workload); 8] = [
            |w| w.image.push('2'),
            |w| w.command.push("x".into()),
            |w| w.args.push("x".into()),
            |w| drop(w.env.insert("A".into(), "b".into())),
            |w| w.volumes.clear(),
            |w| w.memory = None,
            |w| w.cpus = Some(1.0),
            |w| w.user_namespace = false,
        ];
        for edit in edits {
            let mut other = example();
            edit(&mut other);
            assert_ne!(other.container_digest(), example().container_digest());
        }
    }
}
