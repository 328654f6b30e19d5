//! All settings there are, and how a key finds its rule.

use crate::key::Key;
use crate::{SettingError, path};
use crate::{
    api, autoscaling, aws, boot, bootstrap_commands, bootstrap_containers, cloudformation, container_registry, container_runtime,
    container_runtime_plugins, dns, ecs, host_containers, hugepages, image_verifier_plugins, kernel, kubelet_device_plugins,
    kubelet_dra_drivers, kubernetes, measurement, metrics, motd, network, ntp, nvidia_container_runtime, oci_defaults, oci_hooks, pki,
    updates, workloads,
};

/// A namespace with its groups of settings.
pub(crate) struct Namespace {
    pub(crate) name: &'static str,
    /// What it is for, in Markdown.
    pub(crate) about: &'static str,
    pub(crate) groups: &'static [&'static [Key]],
}

const fn namespace(name: &'static str, about: &'static str, groups: &'static [&'static [Key]]) -> Namespace {
    Namespace { name, about, groups }
}

/// Every namespace, by name.
pub(crate) const NAMESPACES: &[Namespace] = &[
    namespace("api", api::ABOUT, &[api::KEYS]),
    namespace("autoscaling", autoscaling::Autoscaling::ABOUT, &[autoscaling::Autoscaling::KEYS]),
    namespace("aws", aws::Aws::ABOUT, &[aws::Aws::KEYS]),
    namespace("boot", boot::Boot::ABOUT, &[boot::Boot::KEYS, boot::ALIASES]),
    namespace("bootstrap-commands", bootstrap_commands::ABOUT, &[bootstrap_commands::BootstrapCommand::KEYS]),
    namespace("bootstrap-containers", bootstrap_containers::ABOUT, &[bootstrap_containers::BootstrapContainer::KEYS]),
    namespace("cloudformation", cloudformation::Cloudformation::ABOUT, &[cloudformation::Cloudformation::KEYS]),
    namespace("container-registry", container_registry::ABOUT, &[container_registry::KEYS]),
    namespace(
        "container-runtime",
        container_runtime::ContainerRuntime::ABOUT,
        &[container_runtime::ContainerRuntime::KEYS, container_runtime::ALIASES],
    ),
    namespace(
        "container-runtime-plugins",
        container_runtime_plugins::ContainerRuntimePlugins::ABOUT,
        &[
            container_runtime_plugins::ContainerRuntimePlugins::KEYS,
            container_runtime_plugins::SociSnapshotter::KEYS,
            container_runtime_plugins::ParallelPullUnpack::KEYS,
        ],
    ),
    namespace("dns", dns::Dns::ABOUT, &[dns::Dns::KEYS]),
    namespace("ecs", ecs::Ecs::ABOUT, &[ecs::Ecs::KEYS]),
    namespace("host-containers", host_containers::ABOUT, &[host_containers::HostContainer::KEYS]),
    namespace(
        "image-verifier-plugins",
        image_verifier_plugins::ABOUT,
        &[image_verifier_plugins::KEYS, image_verifier_plugins::Plugin::KEYS],
    ),
    namespace(
        "kernel",
        kernel::Kernel::ABOUT,
        &[
            kernel::Kernel::KEYS,
            kernel::Module::KEYS,
            hugepages::Hugepages::KEYS,
            hugepages::Transparent::KEYS,
            hugepages::STATIC_KEYS,
            hugepages::Pool::KEYS,
        ],
    ),
    namespace(
        "kubelet-device-plugins",
        kubelet_device_plugins::KubeletDevicePlugins::ABOUT,
        &[
            kubelet_device_plugins::KubeletDevicePlugins::KEYS,
            kubelet_device_plugins::Nvidia::KEYS,
            kubelet_device_plugins::TimeSlicing::KEYS,
            kubelet_device_plugins::Mig::KEYS,
            kubelet_device_plugins::Mps::KEYS,
        ],
    ),
    namespace(
        "kubelet-dra-drivers",
        kubelet_dra_drivers::KubeletDraDrivers::ABOUT,
        &[kubelet_dra_drivers::KubeletDraDrivers::KEYS, kubelet_dra_drivers::NvidiaDra::KEYS],
    ),
    namespace(
        "kubernetes",
        kubernetes::Kubernetes::ABOUT,
        &[
            kubernetes::Kubernetes::KEYS,
            kubernetes::CredentialProvider::KEYS,
            kubernetes::StaticPod::KEYS,
            kubernetes::ReservedMemory::KEYS,
        ],
    ),
    namespace("measurement", measurement::Measurement::ABOUT, &[measurement::Measurement::KEYS]),
    namespace("metrics", metrics::Metrics::ABOUT, &[metrics::Metrics::KEYS]),
    namespace("motd", motd::ABOUT, &[motd::KEYS]),
    namespace("network", network::Network::ABOUT, &[network::Network::KEYS]),
    namespace("ntp", ntp::Ntp::ABOUT, &[ntp::Ntp::KEYS]),
    namespace(
        "nvidia-container-runtime",
        nvidia_container_runtime::NvidiaContainerRuntime::ABOUT,
        &[nvidia_container_runtime::NvidiaContainerRuntime::KEYS],
    ),
    namespace("oci-defaults", oci_defaults::OciDefaults::ABOUT, &[oci_defaults::OciDefaults::KEYS, oci_defaults::Limits::KEYS]),
    namespace("oci-hooks", oci_hooks::OciHooks::ABOUT, &[oci_hooks::OciHooks::KEYS]),
    namespace("pki", pki::ABOUT, &[pki::Bundle::KEYS]),
    namespace("updates", updates::Updates::ABOUT, &[updates::Updates::KEYS, updates::Check::KEYS]),
    namespace("workloads", workloads::ABOUT, &[workloads::KEYS]),
];

/// The namespaces an image has.
#[derive(Debug, Clone)]
pub struct Model {
    namespaces: Vec<String>,
}

impl Model {
    /// The model of an image with these namespaces; ones that this program does not know are ignored.
    #[must_use]
    pub fn new(namespaces: impl IntoIterator<Item = String>) -> Self {
        Self { namespaces: namespaces.into_iter().filter(|n| all_namespaces().any(|known| known == n)).collect() }
    }

    /// The model with every namespace.
    #[must_use]
    pub fn complete() -> Self {
        Self::new(all_namespaces().map(str::to_owned))
    }

    /// Its namespaces.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// Every setting of these namespaces, other spellings included.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + '_ {
        NAMESPACES.iter().filter(|n| self.has(n.name)).flat_map(keys_of)
    }

    /// The rule for a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&'static Key> {
        self.find_segments(&path::split(key))
    }

    pub(crate) fn find_segments(&self, segments: &[String]) -> Option<&'static Key> {
        self.near(segments).find(|k| k.matches(segments))
    }

    /// Whether a key is above some setting, so that its value must be a table.
    pub(crate) fn is_table(&self, segments: &[String]) -> bool {
        segments.is_empty() || self.near(segments).any(|k| k.lies_below(segments))
    }

    /// Settings of the namespace of a key; none if this image lacks it.
    fn near(&self, segments: &[String]) -> impl Iterator<Item = &'static Key> {
        let name = segments.first().filter(|name| self.has(name)).map_or("", String::as_str);
        NAMESPACES.iter().find(|n| n.name == name).into_iter().flat_map(keys_of)
    }

    fn has(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|have| have == namespace)
    }

    /// The error for a key that is not there: the nearest spelling, or what there is.
    pub(crate) fn unknown(&self, segments: &[String]) -> SettingError {
        let key = path::join(segments);
        let namespace = segments.first().map(String::as_str).unwrap_or_default();
        if !self.has(namespace) && all_namespaces().any(|n| n == namespace) {
            let there = format!("this image has: {}", self.namespaces.join(", "));
            return SettingError { unknown: true, ..SettingError::value(&key, format!("this image has no `{namespace}` settings"), there) };
        }
        let nearest = self.keys().map(|k| (distance(k.pattern, segments), k.pattern)).min().filter(|(d, _)| *d <= 3);
        SettingError::unknown(&key, nearest.map_or_else(|| self.there(namespace), |(_, n)| format!("did you mean `{n}`?")))
    }

    /// What a person could have meant: the settings of the namespace, or the namespaces.
    fn there(&self, namespace: &str) -> String {
        let within: Vec<_> = self.keys().map(|k| k.pattern).filter(|p| path::covers(namespace, p)).collect();
        match within.len() {
            0 => format!("this image has the namespaces {}", self.namespaces.join(", ")),
            1..=MOST_NAMED => format!("`{namespace}` has: {}", within.join(", ")),
            many => format!("`{namespace}` has {many} settings: see docs/reference/settings/{namespace}.md"),
        }
    }
}

/// How many settings an error lists; a longer list is not read.
const MOST_NAMED: usize = 24;

fn keys_of(namespace: &'static Namespace) -> impl Iterator<Item = &'static Key> {
    namespace.groups.iter().copied().flatten()
}

/// Every namespace of every image.
pub fn all_namespaces() -> impl Iterator<Item = &'static str> {
    NAMESPACES.iter().map(|n| n.name)
}

/// What a namespace is for, in Markdown.
#[must_use]
pub fn about(namespace: &str) -> Option<&'static str> {
    NAMESPACES.iter().find(|n| n.name == namespace).map(|n| n.about.trim())
}

/// Every setting of every namespace, for documentation and completion.
pub fn all_keys() -> impl Iterator<Item = &'static Key> {
    NAMESPACES.iter().flat_map(keys_of)
}

/// Whether the value of this key is a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let segments = path::split(key);
    all_keys().any(|k| k.secret && k.matches(&segments))
}

/// Edit distance, segment by segment; a `*` is near to anything.
fn distance(pattern: &str, key: &[String]) -> usize {
    let pattern: Vec<_> = pattern.split('.').collect();
    let missing = pattern.len().abs_diff(key.len()) * 4;
    missing + pattern.iter().zip(key).filter(|(p, _)| **p != "*").map(|(p, k)| levenshtein(p, k)).sum::<usize>()
}

fn levenshtein(a: &str, b: &str) -> usize {
    // What a person mistypes is short; hostile keys are not measured.
    if b.len() > 128 {
        return b.len();
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}
