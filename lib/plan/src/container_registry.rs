//! `container-registry`: where images come from, for containerd, and who we are there, for hostd.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_base::HttpUrl;
use ampoule_settings::Settings;
use ampoule_settings::container_registry::ContainerRegistry;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

const HOSTS: &str = "/etc/containerd/certs.d/*/hosts.toml";
const CREDENTIALS: &str = "/etc/ampoule/registry-credentials.json";

/// containerd reads its hosts at each pull.
pub(crate) const EFFECTS: &[Effect] = &[
    Effect::files("container-registry.mirrors", &[HOSTS]),
    Effect::files("container-registry.mirrors-only", &[HOSTS]),
    Effect::files("container-registry.plain-http", &[HOSTS]),
    Effect::told("container-registry.credentials", &[CREDENTIALS], "hostd", Action::Reload),
];

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let registry = &settings.container_registry;
    files.insert(CREDENTIALS.into(), File::private(json(&registry.credentials), Reader::reload("hostd")));
    for (name, content) in registries(registry) {
        // containerd looks in a folder `_default` for registries without one of their own.
        let folder = if name == "*" { "_default" } else { &name };
        files.insert(HOSTS.replace('*', folder), File::open(content, None));
    }
}

/// containerd's `hosts.toml`. What stands at its top is about `server`, the last host asked.
#[derive(Serialize)]
struct Hosts {
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(flatten)]
    last: Host,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    host: Vec<(String, Host)>,
}

/// containerd asks hosts in the order in which they stand in the file.
fn in_order<S: Serializer>(hosts: &[(String, Host)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(hosts.iter().map(|(url, host)| (url, host)))
}

#[derive(Serialize, Default)]
struct Host {
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<[&'static str; 2]>,
    /// The address holds the whole path; without this containerd would add `/v2` to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    override_path: bool,
}

impl Host {
    fn mirror(url: &HttpUrl) -> (String, Self) {
        (url.to_string(), Self { capabilities: Some(["pull", "resolve"]), override_path: url.path().len() > 1 })
    }
}

fn registries(settings: &ContainerRegistry) -> Vec<(String, String)> {
    let mirrored = settings.mirrors.iter().map(|m| m.registry.to_string());
    let plain = settings.plain_http.iter().map(ToString::to_string);
    let all: BTreeSet<String> = mirrored.chain(plain).collect();
    all.into_iter().map(|registry| (registry.clone(), hosts_toml(settings, &registry))).collect()
}

fn hosts_toml(settings: &ContainerRegistry, registry: &str) -> String {
    let mirrors = settings.mirrors.iter().filter(|m| m.registry.as_str() == registry).flat_map(|m| &m.endpoint);
    let mut host: Vec<_> = mirrors.map(Host::mirror).collect();
    // Without a `server` containerd would ask the registry itself, so the last mirror stands there.
    let last = if settings.mirrors_only { host.pop() } else { None };
    let (server, last) = match last {
        Some((url, host)) => (Some(url), host),
        None => (upstream(settings, registry), Host::default()),
    };
    toml::to_string(&Hosts { server, last, host }).unwrap_or_default()
}

/// A registry has TLS unless it is named in plain-http: without this containerd would choose by the address.
fn upstream(settings: &ContainerRegistry, registry: &str) -> Option<String> {
    let is_plain = settings.plain_http.iter().any(|p| p.as_str() == registry);
    let scheme = if is_plain { "http" } else { "https" };
    // Docker's registry answers under another name than people write.
    let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
    (registry != "*").then(|| format!("{scheme}://{host}"))
}
