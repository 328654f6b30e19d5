//! Settings: everything a node goes by, whole and valid.

use crate::api::{self, Api};
use crate::autoscaling::Autoscaling;
use crate::aws::Aws;
use crate::boot::Boot;
use crate::bootstrap_commands::{self, BootstrapCommands};
use crate::bootstrap_containers::{self, BootstrapContainers};
use crate::cloudformation::Cloudformation;
use crate::container_registry::ContainerRegistry;
use crate::container_runtime::ContainerRuntime;
use crate::container_runtime_plugins::ContainerRuntimePlugins;
use crate::dns::{self, Dns};
use crate::ecs::Ecs;
use crate::host_containers::{self, HostContainers};
use crate::image_verifier_plugins::ImageVerifierPlugins;
use crate::kernel::{self, Kernel};
use crate::kubelet_device_plugins::{self, KubeletDevicePlugins};
use crate::kubelet_dra_drivers::KubeletDraDrivers;
use crate::kubernetes::{self, Kubernetes};
use crate::measurement::{self, Measurement};
use crate::metrics::Metrics;
use crate::network::Network;
use crate::ntp::Ntp;
use crate::nvidia_container_runtime::NvidiaContainerRuntime;
use crate::oci_defaults::{self, OciDefaults};
use crate::oci_hooks::OciHooks;
use crate::pki::Pki;
use crate::updates::{self, Updates};
use crate::workloads::{self, Workloads};
use crate::{Fragment, SettingError};
use serde::Deserialize;

/// The settings of a node. Holding one proves that every value is right and that they fit together.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Message of the day.
    pub motd: String,
    /// What the node is called, how it reaches the outside.
    pub network: Network,
    /// Name servers and search list.
    pub dns: Dns,
    /// Where the time comes from.
    pub ntp: Ntp,
    /// What the kernel is told.
    pub kernel: Kernel,
    /// Where images come from.
    pub container_registry: ContainerRegistry,
    /// What the node runs by itself.
    pub workloads: Workloads,
    /// How the node is spoken to.
    pub api: Api,
    /// Where new versions come from.
    pub updates: Updates,
    /// What the kernel and init are told at boot.
    pub boot: Boot,
    /// Authorities that the node trusts.
    pub pki: Pki,
    /// What the node tells about its health.
    pub metrics: Metrics,
    /// The node's place in AWS.
    pub aws: Aws,
    /// What a container has when nobody says otherwise.
    pub oci_defaults: OciDefaults,
    /// Containers that help to operate the node.
    pub host_containers: HostContainers,
    /// Containers that prepare the node while it boots.
    pub bootstrap_containers: BootstrapContainers,
    /// Calls of the API while the node boots.
    pub bootstrap_commands: BootstrapCommands,
    /// How the container engine of the orchestrator works.
    pub container_runtime: ContainerRuntime,
    /// A node in a warm pool.
    pub autoscaling: Autoscaling,
    /// Tells CloudFormation that the node has started.
    pub cloudformation: Cloudformation,
    /// Programs that help the container engine.
    pub container_runtime_plugins: ContainerRuntimePlugins,
    /// The node as part of an ECS cluster.
    pub ecs: Ecs,
    /// Who has to agree before an image is used.
    pub image_verifier_plugins: ImageVerifierPlugins,
    /// Devices that pods may ask for.
    pub kubelet_device_plugins: KubeletDevicePlugins,
    /// Devices that pods claim.
    pub kubelet_dra_drivers: KubeletDraDrivers,
    /// The node as part of a Kubernetes cluster.
    pub kubernetes: Kubernetes,
    /// What of the settings a TPM is told.
    pub measurement: Measurement,
    /// How containers get at GPUs of NVIDIA.
    pub nvidia_container_runtime: NvidiaContainerRuntime,
    /// Accepted and without effect.
    pub oci_hooks: OciHooks,
}

impl Settings {
    /// What was chosen, over the image's defaults.
    ///
    /// # Errors
    /// Everything that does not fit together, at once.
    pub fn new(defaults: &Fragment, chosen: &Fragment) -> Result<Self, Vec<SettingError>> {
        let whole = defaults.clone().merge(chosen.clone());
        let mut errors = workloads_without_image(&whole);
        if !errors.is_empty() {
            return Err(errors);
        }
        let settings: Self = serde_json::from_value(whole.to_json())
            .map_err(|e| vec![SettingError::value("", e.to_string(), "this is a fault of the image; please report it")])?;
        settings.check_together(&mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}

impl Settings {
    /// What no single key shows.
    fn check_together(&self, errors: &mut Vec<SettingError>) {
        api::check_together(&self.api.remote, errors);
        dns::check_together(&self.dns, errors);
        kernel::check_together(&self.kernel, errors);
        workloads::check_together(&self.workloads, self.api.remote.open_port(), errors);
        workloads::check_volumes(&self.workloads, errors);
        oci_defaults::check_together(&self.oci_defaults, errors);
        host_containers::check_together(&self.host_containers, errors);
        bootstrap_containers::check_together(&self.bootstrap_containers, errors);
        bootstrap_commands::check_together(&self.bootstrap_commands, errors);
        kubelet_device_plugins::check_together(&self.kubelet_device_plugins, errors);
        kubernetes::check_together(&self.kubernetes, errors);
        measurement::check_together(&self.measurement, errors);
        updates::check_together(&self.updates, &self.workloads, errors);
    }
}

/// The one key that a workload cannot be without.
fn workloads_without_image(whole: &Fragment) -> Vec<SettingError> {
    let names: std::collections::BTreeSet<&str> = whole.keys().filter_map(workload_of).collect();
    let lacking = names.into_iter().filter(|n| whole.get(&format!("workloads.{n}.image")).is_none());
    lacking
        .map(|n| {
            let key = format!("workloads.{n}.image");
            SettingError::value(&key, "a workload needs an image", "set it, or delete the workload's other settings")
        })
        .collect()
}

fn workload_of(key: &str) -> Option<&str> {
    key.strip_prefix("workloads.")?.split('.').next()
}
