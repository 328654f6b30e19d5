//! `workloads`: what hostd runs.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_base::WorkloadName;
use ampoule_settings::Settings;
use ampoule_settings::workloads::Workload;
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
    /// Where, once it runs, it is less apart from the node or the others than a workload is by itself, and what it may take of the disk from
    /// then on if that differs; a sentence each.
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
    /// Its process lives on: ports, restart policy or limits of the disk change around it.
    Adjusted,
    /// It is ended.
    Stopped,
    /// Nothing runs, before or after.
    Stored,
}

fn notes(name: &WorkloadName, old: &Settings, settings: &Settings) -> Vec<String> {
    let Some(workload) = settings.workloads.get(name).filter(|w| w.enabled) else { return Vec::new() };
    let disk = old.workloads.get(name).map(|old| disk(old, workload)).unwrap_or_default();
    let root = (!workload.user_namespace).then(|| "uid 0 inside is uid 0 on the node".to_owned());
    root.into_iter().chain(sharers(name, workload, settings)).chain(disk).collect()
}

/// What it may take of the disk, where that is another than before.
fn disk(old: &Workload, new: &Workload) -> Vec<String> {
    let (before, now) = (old.disk.unwrap_or_default(), new.disk.unwrap_or_default());
    let bytes = (before != now).then(|| format!("may write {now} (before: {before})"));
    let number = |workload: &Workload| workload.inodes.map_or_else(|| "a share of all".to_owned(), |limit| u64::from(limit).to_string());
    let inodes = (old.inodes != new.inodes).then(|| format!("may have {} inodes (before: {})", number(new), number(old)));
    bytes.into_iter().chain(inodes).collect()
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
                (true, true) if lives_on(name, old, new) => WorkloadFate::Adjusted,
                (true, true) => WorkloadFate::Replaced,
                (true, false) => WorkloadFate::Stopped,
                (false, false) => WorkloadFate::Stored,
            };
            WorkloadChange { name: name.to_string(), change, notes: notes(name, old, new) }
        })
        .collect()
}

/// Whether nothing changes that is fixed when a container is made: `hostd` then keeps it.
fn lives_on(name: &WorkloadName, old: &Settings, new: &Settings) -> bool {
    let digest = |settings: &Settings| settings.workloads.get(name).map(|workload| workload.resolve().container_digest());
    digest(old) == digest(new)
}
