//! `oci-defaults`: capabilities and limits of workloads that say nothing else.

use crate::file::{File, Files, json};
use crate::{Effect, Image};
use ampoule_settings::Settings;
use ampoule_settings::oci_defaults::{Limit, Limits};
use ampoule_workload::OciDefaults;
use ampoule_workload::oci_defaults::ResourceLimit;

const PATH: &str = "/etc/ampoule/oci-defaults.json";

/// hostd reads the file whenever it starts a workload; those that run stay as they are.
pub(crate) const EFFECTS: &[Effect] = &[Effect::files("oci-defaults", &[PATH])];

pub(crate) fn render(image: &Image, settings: &Settings, files: &mut Files) {
    let wanted = &settings.oci_defaults;
    if !image.has("hostd") || (wanted.capabilities.is_empty() && wanted.resource_limits.is_empty()) {
        return;
    }
    let defaults = OciDefaults {
        capabilities: wanted.capabilities.iter().map(|(name, given)| (name.as_str().to_owned(), *given)).collect(),
        resource_limits: wanted.resource_limits.iter().filter_map(|(name, l)| Some((name.as_str().to_owned(), limit(l)?))).collect(),
    };
    files.insert(PATH.into(), File::open(json(&defaults), None));
}

/// Both parts are there in settings that fit together.
fn limit(limits: &Limits) -> Option<ResourceLimit> {
    let number = |l: Limit| l.get().and_then(|n| u64::try_from(n).ok());
    Some(ResourceLimit { soft: number(limits.soft_limit?), hard: number(limits.hard_limit?) })
}
