//! From two [`Settings`] to the files and service actions that lie between them.
//!
//! A plan is a pure function of what is and what shall be: whoever holds one knows every file that will differ and every service that will be told, before anything is done.

pub mod ntp;
mod render;

use ampoule_settings::Settings;
pub use render::{File, render};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a change does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Hex SHA-256 over everything the plan would do: two plans of one id do the same.
    pub id: String,
    /// Files that differ, by path.
    pub files: Vec<FileChange>,
    /// Services that are told, by name.
    pub services: Vec<ServiceAction>,
    /// Workloads that are added, changed or removed.
    pub workloads: Vec<String>,
    /// Whether the remote API is opened, closed or changed.
    pub remote_api: bool,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Absolute path.
    pub path: String,
    /// What happens to it.
    pub change: Change,
    /// What it shall be; absent for a removal. Never shown: it may hold secrets.
    #[serde(skip)]
    pub file: Option<File>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not there.
    Created,
    /// Its content or mode differs.
    Changed,
    /// It is not made from these settings.
    Removed,
}

/// A service that is told to read its files again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceAction {
    /// The service.
    pub service: String,
    /// The files that differ for it.
    pub because: Vec<String>,
}

impl Plan {
    /// What lies between `old` (`None`: a node where nothing was made yet) and `new`.
    #[must_use]
    pub fn between(old: Option<&Settings>, new: &Settings) -> Self {
        let (before, after) = (old.map(render).unwrap_or_default(), render(new));
        let files = differences(&before, &after);
        let services = actions(&files, &before);
        let nothing = Settings::default();
        let known = old.unwrap_or(&nothing);
        let remote_api = known.api != new.api;
        Self { id: digest(&files, remote_api), services, workloads: workloads(known, new), remote_api, files }
    }

    /// Whether nothing would be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.remote_api
    }
}

fn differences(before: &BTreeMap<String, File>, after: &BTreeMap<String, File>) -> Vec<FileChange> {
    let new = after.iter().filter(|(path, file)| before.get(*path) != Some(file)).map(|(path, file)| {
        let change = if before.contains_key(path) { Change::Changed } else { Change::Created };
        FileChange { path: path.clone(), change, file: Some(file.clone()) }
    });
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let mut all: Vec<_> = new.chain(gone.map(|path| FileChange { path: path.clone(), change: Change::Removed, file: None })).collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn actions(files: &[FileChange], before: &BTreeMap<String, File>) -> Vec<ServiceAction> {
    let mut by_service: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in files {
        let file = change.file.as_ref().or_else(|| before.get(&change.path));
        if let Some(reader) = file.and_then(|f| f.reader) {
            by_service.entry(reader).or_default().push(change.path.clone());
        }
    }
    by_service.into_iter().map(|(service, because)| ServiceAction { service: service.to_owned(), because }).collect()
}

fn workloads(old: &Settings, new: &Settings) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = old.workloads.keys().chain(new.workloads.keys()).collect();
    names.into_iter().filter(|n| old.workloads.get(*n) != new.workloads.get(*n)).map(ToString::to_string).collect()
}

fn digest(files: &[FileChange], remote_api: bool) -> String {
    let mut sum = Sha256::new();
    sum.update([u8::from(remote_api)]);
    for FileChange { path, change, file } in files {
        let content = file.as_ref().map(|f| f.content.as_slice()).unwrap_or_default();
        let mode = file.as_ref().map_or(0, |f| f.mode);
        // Lengths first, so that no two lists of files make the same bytes.
        sum.update(format!("{} {path} {change:?} {mode} {}\n", path.len(), content.len()));
        sum.update(content);
    }
    sum.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
