//! `workloads`: what hostd runs.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_base::WorkloadName;
use ampoule_settings::Settings;
use ampoule_settings::workloads::Workload;
use ampoule_workload::Domain;
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
    /// Where, once it runs, it is less apart from the node or the others than a workload is by itself; a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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

fn notes(name: &WorkloadName, settings: &Settings) -> Vec<String> {
    let Some(workload) = settings.workloads.get(name).filter(|w| w.enabled) else { return Vec::new() };
    let wider = (workload.selinux != Domain::Container).then(|| format!("runs in the wider domain {}", workload.selinux.type_name()));
    let root = (!workload.user_namespace).then(|| "uid 0 inside is uid 0 on the node".to_owned());
    wider.into_iter().chain(root).chain(sharers(name, workload, settings)).collect()
}

/// Said of each other workload that runs and has a volume of this one.
fn sharers(name: &WorkloadName, workload: &Workload, settings: &Settings) -> BTreeSet<String> {
    let has = |other: &Workload, volume: &str| other.volumes.iter().any(|v| v.name == volume);
    let others = |volume: &str| {
        let with = settings.workloads.iter().filter(|(n, w)| *n != name && w.enabled && has(w, volume));
        with.map(|(other, _)| format!("shares the volume {volume} with {other}")).collect::<Vec<_>>()
    };
    workload.volumes.iter().flat_map(|v| others(&v.name)).collect()
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
            WorkloadChange { name: name.to_string(), change, notes: notes(name, new) }
        })
        .collect()
}
