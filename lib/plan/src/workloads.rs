//! `workloads`: what hostd runs.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_settings::Settings;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const PATH: &str = "/etc/ampoule/workloads.json";

pub(crate) const EFFECTS: &[Effect] = &[Effect::told("workloads", &[PATH], "hostd", Action::Reload)];

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let resolved: BTreeMap<String, _> = settings.workloads.iter().map(|(name, w)| (name.to_string(), w.resolve())).collect();
    files.insert(PATH.into(), File::private(json(&resolved), Reader::reload("hostd")));
}

/// A workload that the change concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadChange {
    /// Its name.
    pub name: String,
    /// What happens to its container.
    pub change: WorkloadFate,
}

/// What happens to a workload's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadFate {
    /// It is started.
    Started,
    /// It is ended and started as the new settings say.
    Replaced,
    /// It is ended.
    Stopped,
    /// Nothing runs, before or after.
    Stored,
}

pub(crate) fn changes(old: &Settings, new: &Settings) -> Vec<WorkloadChange> {
    let names: BTreeSet<_> = old.workloads.keys().chain(new.workloads.keys()).collect();
    let differ = names.into_iter().filter(|n| old.workloads.get(*n) != new.workloads.get(*n));
    differ
        .map(|name| {
            let runs = |s: &Settings| s.workloads.get(name).is_some_and(|w| w.enabled);
            let change = match (runs(old), runs(new)) {
                (false, true) => WorkloadFate::Started,
                (true, true) => WorkloadFate::Replaced,
                (true, false) => WorkloadFate::Stopped,
                (false, false) => WorkloadFate::Stored,
            };
            WorkloadChange { name: name.to_string(), change }
        })
        .collect()
}
