//! What leads where: services, files, generators, as Bottlerocket's tools ask for them.

use super::served::Served;
use super::{Answer, Node};
use crate::answer::Refusal;
use crate::core::Core;
use crate::tree;
use ampoule_api_types::operations::{
    AFFECTED_SERVICES, CONFIGURATION_FILES, SERVICE_METADATA, SETTING_GENERATORS, SETTING_GENERATORS_V2, TEMPLATES,
};
use ampoule_api_types::{ConfigurationFile, Generator, ServiceMetadata, Strength};
use ampoule_plan::{Action, Effect, effects, effects_within, render};
use ampoule_settings::path;
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

type ByName<T> = BTreeMap<String, T>;

/// What makes the files: they have no templates.
const MAKER: &str = "/usr/bin/apid";
/// The mode that is not worth a word.
const USUAL_MODE: u32 = 0o644;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&AFFECTED_SERVICES, affected_services)
        .serve(&SETTING_GENERATORS, strong_generators)
        .serve(&SETTING_GENERATORS_V2, generators)
        .serve(&TEMPLATES, templates)
        .serve(&SERVICE_METADATA, services)
        .serve(&CONFIGURATION_FILES, configuration_files)
}

#[derive(Deserialize)]
pub(super) struct Keys {
    keys: Option<String>,
}

impl Keys {
    /// The keys that a request names; `None`: it names none, and means all.
    pub(super) fn list(&self) -> Answer<Option<Vec<&str>>> {
        match self.keys.as_deref() {
            Some("") => Err(Refusal::bad_request("An empty `keys` selects nothing").hint("name keys, divided by commas")),
            keys => Ok(keys.map(|keys| keys.split(',').collect())),
        }
    }
}

async fn affected_services(State(node): Node, Query(wanted): Query<Keys>) -> Answer<Json<ByName<BTreeSet<String>>>> {
    let missing = || Refusal::bad_request("`keys` is missing").hint("name keys, divided by commas");
    let core = node.core.lock().await;
    let found = wanted.list()?.ok_or_else(missing)?.into_iter().map(|key| (key.to_owned(), readers(&core, key)));
    Ok(Json(found.filter(|(_, services)| !services.is_empty()).collect()))
}

/// A key as it is known here; `settings.` may stand in front.
pub(super) fn canonical(key: &str) -> String {
    path::canonical(key.strip_prefix("settings.").unwrap_or(key))
}

/// The services that read a setting, or any below it.
fn readers(core: &Core, key: &str) -> BTreeSet<String> {
    let key = canonical(key);
    let concerned = effects_within(&key);
    concerned.filter_map(|e| e.reader).filter(|r| core.image.has(r.service)).map(|r| r.service.to_owned()).collect()
}

/// No generator here is strong: what it found gives way to the next image's.
async fn strong_generators() -> Json<ByName<String>> {
    Json(ByName::new())
}

async fn generators(State(node): Node) -> Json<ByName<Generator>> {
    let core = node.core.lock().await;
    let weak = || Generator::WithStrength { command: "provisioner".to_owned(), strength: Strength::Weak };
    Json(core.layers().generated.keys().map(|key| (format!("settings.{key}"), weak())).collect())
}

async fn templates(Query(wanted): Query<Keys>) -> Answer<Json<ByName<String>>> {
    wanted.list()?;
    Ok(Json(ByName::new()))
}

/// Which names are wanted.
#[derive(Deserialize)]
struct Names {
    names: Option<String>,
    prefix: Option<String>,
}

impl Names {
    /// Of `all`, those that are wanted; `kind` may stand before a prefix.
    fn select<T>(&self, kind: &str, mut all: ByName<T>) -> Answer<ByName<T>> {
        if self.names.as_deref() == Some("") || (self.names.is_none() && self.prefix.as_deref() == Some("")) {
            return Err(Refusal::bad_request("An empty `names` or `prefix` selects nothing").hint("leave it out to get all"));
        }
        if let Some(names) = &self.names {
            let wanted: BTreeSet<&str> = names.split(',').collect();
            if let Some(missing) = wanted.iter().find(|name| !all.contains_key(**name)) {
                return Err(Refusal::not_found(format!("There is no `{missing}` among the {kind}")));
            }
            all.retain(|name, _| wanted.contains(name.as_str()));
        } else if let Some(prefix) = &self.prefix {
            all = beginning_with(kind, all, &tree::with_kind(kind, prefix));
        }
        Ok(all)
    }
}

/// Those whose name begins with a prefix that has its kind in front.
pub(super) fn beginning_with<T>(kind: &str, mut all: ByName<T>, prefix: &str) -> ByName<T> {
    all.retain(|name, _| format!("{kind}.{name}").starts_with(prefix));
    all
}

async fn services(State(node): Node, Query(wanted): Query<Names>) -> Answer<Json<ByName<ServiceMetadata>>> {
    wanted.select("services", all_services(&*node.core.lock().await)).map(Json)
}

async fn configuration_files(State(node): Node, Query(wanted): Query<Names>) -> Answer<Json<ByName<ConfigurationFile>>> {
    wanted.select("configuration-files", all_files(&*node.core.lock().await)).map(Json)
}

/// The effects whose reader this image has.
fn known(core: &Core) -> impl Iterator<Item = &'static Effect> {
    effects().filter(|e| e.reader.is_none_or(|r| core.image.has(r.service)))
}

/// Services of this image that read settings.
pub(super) fn all_services(core: &Core) -> ByName<ServiceMetadata> {
    let mut all: ByName<ServiceMetadata> = ByName::new();
    for (effect, reader) in known(core).filter_map(|e| Some((e, e.reader?))) {
        let service = all.entry(reader.service.to_owned()).or_default();
        service.configuration_files.extend(effect.files.iter().map(|path| name(path)));
        service.restart_commands.push(command(reader.action, reader.service));
    }
    for service in all.values_mut() {
        for list in [&mut service.configuration_files, &mut service.restart_commands] {
            list.sort();
            list.dedup();
        }
    }
    all
}

fn command(action: Action, service: &str) -> String {
    let verb = match action {
        Action::Reload => "reload",
        Action::Restart => "restart",
    };
    format!("{verb} {service}")
}

/// Files that this image makes from settings.
pub(super) fn all_files(core: &Core) -> ByName<ConfigurationFile> {
    let made = render(&core.image, &core.state().settings);
    let mode = |path: &str| made.get(path).map(|file| file.mode).filter(|mode| *mode != USUAL_MODE).map(|mode| format!("{mode:04o}"));
    let file = |path: &str| ConfigurationFile { path: path.to_owned(), template_path: MAKER.to_owned(), mode: mode(path) };
    known(core).flat_map(|e| e.files).map(|path| (name(path), file(path))).collect()
}

/// `containerd-certs-d-hosts-toml` of `/etc/containerd/certs.d/*/hosts.toml`: what tells files apart, as Bottlerocket names its own.
fn name(path: &str) -> String {
    let path = path.strip_prefix("/etc/").unwrap_or(path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_name_of_its_own() {
        let paths: BTreeSet<&str> = effects().flat_map(|e| e.files).copied().collect();
        let names: BTreeSet<String> = paths.iter().map(|path| name(path)).collect();
        assert_eq!(names.len(), paths.len(), "{names:?}");
        assert_eq!(name("/etc/containerd/certs.d/*/hosts.toml"), "containerd-certs-d-hosts-toml");
    }
}
