//! Settings: everything a node goes by, whole and valid.

use crate::api::{self, Api};
use crate::container_registry::ContainerRegistry;
use crate::dns::Dns;
use crate::kernel::{self, Kernel};
use crate::network::Network;
use crate::ntp::Ntp;
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
        api::check_together(&settings.api.remote, &mut errors);
        kernel::check_together(&settings.kernel, &mut errors);
        workloads::check_together(&settings.workloads, settings.api.remote.open_port(), &mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
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
