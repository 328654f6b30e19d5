//! `network`: the node's name, `/etc/hosts`, and the proxies of whoever fetches something.

use crate::file::{Action, File, Files, Reader};
use crate::{Effect, Image};
use ampoule_settings::{Settings, network::Network};
use std::fmt::Write;

const HOSTNAME: &str = "/etc/hostname";
const HOSTS: &str = "/etc/hosts";
const PROXY: &str = "/etc/ampoule/proxy.env";

/// Never reached through a proxy.
const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];

pub(crate) const EFFECTS: &[Effect] = &[
    Effect::told("network.hostname", &[HOSTNAME, HOSTS], "netd", Action::Reload),
    Effect::files("network.hosts", &[HOSTS]),
    Effect::told("network.https-proxy", &[PROXY], "containerd", Action::Restart),
    Effect::told("network.no-proxy", &[PROXY], "containerd", Action::Restart),
];

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let network = &settings.network;
    if let Some(name) = &network.hostname {
        files.insert(HOSTNAME.into(), File::open(format!("{name}\n"), Reader::reload("netd")));
    }
    files.insert(HOSTS.into(), File::open(hosts(network), None));
    if let Some(text) = proxy(network) {
        // An address may hold a password.
        files.insert(PROXY.into(), File::private(text, Reader::restart("containerd")));
    }
}

/// The names of this node, then what a person added (`hosts(5)`).
fn hosts(network: &Network) -> String {
    let entries = network.hosts.as_deref().unwrap_or_default();
    let own = network.hostname.as_ref().filter(|name| !entries.iter().any(|e| e.1.contains(name)));
    let own = own.map(|n| format!(" {n}")).unwrap_or_default();
    let mut text = format!("127.0.0.1 localhost{own}\n::1 localhost ip6-localhost{own}\n");
    for entry in entries.iter().filter(|e| !e.1.is_empty()) {
        let names: Vec<_> = entry.1.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "{} {}", entry.0, names.join(" "));
    }
    text
}

/// Both spellings: programs disagree on which they read.
fn proxy(network: &Network) -> Option<String> {
    let url = network.https_proxy.as_ref().map(ampoule_settings::network::ProxyUrl::url).filter(|url| !url.is_empty());
    let chosen = network.no_proxy.as_deref().unwrap_or_default();
    if url.is_none() && chosen.is_empty() {
        return None;
    }
    let without: Vec<_> = chosen.iter().map(|w| w.as_str().trim()).chain(LOCAL).collect();
    let mut text = String::new();
    for (name, value) in [("HTTPS_PROXY", url), ("NO_PROXY", Some(without.join(",")))] {
        if let Some(value) = value {
            let _ = write!(text, "{name}={value}\n{}={value}\n", name.to_lowercase());
        }
    }
    Some(text)
}
