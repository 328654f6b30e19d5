//! Which settings lead where: for a person who wants to know beforehand, and for the API's metadata.

use crate::file::{Action, Reader};
use crate::{boot, container_registry, dns, kernel, metrics, motd, network, ntp, oci_defaults, pki, updates, workload_checks, workloads};
use ampoule_settings::path;
use serde::Serialize;

/// What a group of settings leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Effect {
    /// The settings at or below this key.
    pub settings: &'static str,
    /// Files made from them; `*` stands for one part of the path that depends on a value.
    pub files: &'static [&'static str],
    /// Who is told. `None` with files: whoever reads them reads them each time. `None` without: apid itself.
    pub reader: Option<Reader>,
    /// Why nothing of it happens before the next boot, if that is so.
    pub at_reboot: Option<&'static str>,
}

impl Effect {
    /// Settings whose files are read each time.
    pub(crate) const fn files(settings: &'static str, files: &'static [&'static str]) -> Self {
        Self { settings, files, reader: None, at_reboot: None }
    }

    /// Settings whose reader must be told.
    pub(crate) const fn told(settings: &'static str, files: &'static [&'static str], service: &'static str, action: Action) -> Self {
        Self { settings, files, reader: Some(Reader { service, action }), at_reboot: None }
    }
}

/// `api.remote` is apid's own.
const API: Effect = Effect::files("api", &[]);

/// Every effect there is. A setting that none of them covers is stored and does nothing.
pub fn effects() -> impl Iterator<Item = &'static Effect> {
    let groups: [&[Effect]; 14] = [
        const { &[API] },
        boot::EFFECTS,
        container_registry::EFFECTS,
        dns::EFFECTS,
        kernel::EFFECTS,
        metrics::EFFECTS,
        motd::EFFECTS,
        network::EFFECTS,
        ntp::EFFECTS,
        oci_defaults::EFFECTS,
        pki::EFFECTS,
        updates::EFFECTS,
        workload_checks::EFFECTS,
        workloads::EFFECTS,
    ];
    groups.into_iter().flatten()
}

/// The effects of one setting.
pub fn effects_of(key: &str) -> impl Iterator<Item = &'static Effect> {
    effects().filter(move |e| path::covers(e.settings, key))
}

/// The effects of a setting or of any below it.
pub fn effects_within(key: &str) -> impl Iterator<Item = &'static Effect> {
    effects().filter(move |e| path::covers(e.settings, key) || path::covers(key, e.settings))
}
