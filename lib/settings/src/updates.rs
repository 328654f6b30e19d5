//! `updates`: where new versions come from, when this node takes them, and when one is good.

mod check;
mod span;

use crate::namespace::namespace;
use crate::types::{FriendlyVersion, Url};
use crate::workloads::Workloads;
use crate::{Described, SettingError};
use ampoule_base::Identifier;
use ampoule_update::Window;
pub use check::{Check, CheckAddress, CheckCommand, CheckKind};
use serde_json::{Value, json};
pub use span::{CheckTimeout, HealthTimeout, PollInterval};
use std::collections::BTreeMap;

namespace! {
    /// Where new versions come from, when this node takes them, and what has to answer before a new one is good. A node takes none by itself unless `automatic` says so.
    Updates "updates"
    keys {
        /// Where the signed metadata of the update repository is.
        metadata_base_url "metadata-base-url": Url, r#""https://updates.example/metadata/""#;
        /// Where the images that the metadata names are.
        targets_base_url "targets-base-url": Url, r#""https://updates.example/targets/""#;
        /// The node's place in the waves of an update: nodes with a small number take it earlier. Any number will do; beyond 2047 it counts from 0 again. Generated at first boot.
        seed "seed": u32, "1024";
        /// The version to update to: `latest`, or one that is named.
        version_lock "version-lock": FriendlyVersion, r#""latest""#;
        /// Whether to take a new version at once instead of when its wave reaches this node.
        ignore_waves "ignore-waves": bool, "false";
        /// Whether the node looks for new versions, installs them and restarts by itself.
        automatic "automatic": bool, "true";
        /// When it may do so: days (or none for every day) and times of UTC. A window that ends before it begins goes on past midnight. Without windows it may at any time.
        windows "windows": Vec<Window>, r#"["Sat,Sun 02:00-05:00", "Mon-Fri 23:30-01:00"]"#;
        /// How long the first boot of a new version may take until the node is healthy; then it goes back to the version before.
        health_timeout "health-timeout": HealthTimeout, r#""5m""#;
        /// How often an automatic node looks for new versions. Each wait is up to a quarter longer or shorter, so that nodes do not come all at once.
        poll_interval "poll-interval": PollInterval, r#""6h""#;
    }
    groups { checks "checks": BTreeMap<Identifier, Check>; }
}

impl Described for Window {
    const ALLOWED: &'static str = "days and times of UTC, like \"Sat,Sun 02:00-05:00\", or times alone for every day";
    const LIST: &'static str = "a list, each with days and times of UTC, like \"Sat,Sun 02:00-05:00\", or times alone for every day";

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

/// A check has what its kind needs, is over before the time for all of them is, and names a workload that is there.
pub(crate) fn check_together(updates: &Updates, workloads: &Workloads, errors: &mut Vec<SettingError>) {
    let most = updates.health_timeout.as_ref().map_or(ampoule_update::config::HEALTH_TIMEOUT, HealthTimeout::get);
    for (name, check) in &updates.checks {
        check.check(&format!("updates.checks.{name}"), most, workloads, errors);
    }
}
