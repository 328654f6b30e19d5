//! The files made from settings, and who reads each (`docs/architecture/contracts.md`, section 4).

use ampoule_settings::Settings;
use ampoule_settings::container_registry::ContainerRegistry;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A file made from settings.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Permission bits.
    pub mode: u32,
    /// Content.
    pub content: Vec<u8>,
    /// The service that reads it only when told; `None`: whoever reads it reads it each time.
    pub reader: Option<&'static str>,
}

/// Content may hold secrets, so a debug print has only its size.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File {{ mode: {:o}, {} bytes }}", self.mode, self.content.len())
    }
}

/// All files of some settings, by absolute path.
#[must_use]
pub fn render(settings: &Settings) -> BTreeMap<String, File> {
    let mut files = BTreeMap::new();
    let mut add = |path: &str, mode, content: Vec<u8>, reader| drop(files.insert(path.to_owned(), File { mode, content, reader }));
    add("/etc/motd", 0o644, format!("{}\n", settings.motd).into_bytes(), None);
    if let Some(name) = &settings.network.hostname {
        add("/etc/hostname", 0o644, format!("{name}\n").into_bytes(), Some("netd"));
    }
    add("/etc/hosts", 0o644, hosts(settings).into_bytes(), None);
    add("/etc/ampoule/workloads.json", 0o600, workloads(settings), Some("hostd"));
    add("/etc/ampoule/registry-credentials.json", 0o600, json(&settings.container_registry.credentials), Some("hostd"));
    for (registry, content) in registries(&settings.container_registry) {
        // containerd looks in a folder `_default` for registries without one of their own.
        let folder = if registry == "*" { "_default" } else { &registry };
        add(&format!("/etc/containerd/certs.d/{folder}/hosts.toml"), 0o644, content.into_bytes(), None);
    }
    files
}

fn hosts(settings: &Settings) -> String {
    let name = settings.network.hostname.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
    format!("127.0.0.1 localhost{name}\n::1 localhost ip6-localhost{name}\n")
}

fn workloads(settings: &Settings) -> Vec<u8> {
    json(&settings.workloads.iter().map(|(name, w)| (name.to_string(), w.resolve())).collect::<BTreeMap<_, _>>())
}

/// Plain values always serialise.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// containerd's `hosts.toml`.
#[derive(Serialize)]
struct Hosts {
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    host: BTreeMap<String, Host>,
}

#[derive(Serialize)]
struct Host {
    capabilities: [&'static str; 2],
    /// The address holds the whole path; without this containerd would add `/v2` to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    override_path: bool,
}

fn registries(settings: &ContainerRegistry) -> Vec<(String, String)> {
    let mirrored = settings.mirrors.iter().map(|m| m.registry.to_string());
    let plain = settings.plain_http.iter().map(ToString::to_string);
    let all: BTreeSet<String> = mirrored.chain(plain).collect();
    all.into_iter().map(|registry| (registry.clone(), hosts_toml(settings, &registry))).collect()
}

fn hosts_toml(settings: &ContainerRegistry, registry: &str) -> String {
    let plain = settings.plain_http.iter().any(|p| p.as_str() == registry);
    let mirrors = settings.mirrors.iter().filter(|m| m.registry.as_str() == registry).flat_map(|m| &m.endpoint);
    let host =
        mirrors.map(|url| (url.to_string(), Host { capabilities: ["pull", "resolve"], override_path: url.path().len() > 1 })).collect();
    // A registry has TLS unless it is named in plain-http: without this line containerd would choose by the address.
    let server = (registry != "*").then(|| format!("{}://{}", if plain { "http" } else { "https" }, upstream(registry)));
    toml::to_string(&Hosts { server, host }).unwrap_or_default()
}

/// Docker's registry answers under another name than people write.
fn upstream(registry: &str) -> &str {
    if registry == "docker.io" { "registry-1.docker.io" } else { registry }
}
