//! `updates`: all that the updater goes by, in one file. Proxies are in it because the updater hands them on to whoever fetches for it.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_settings::types::{FriendlyVersion, Url};
use ampoule_settings::updates::{Check as CheckSetting, CheckAddress, CheckKind, CheckTimeout, HealthTimeout, PollInterval};
use ampoule_settings::{Settings, network::ProxyUrl};
use ampoule_update::config::{self, Check, Config};

pub(crate) const EFFECTS: &[Effect] = &[told("updates"), told("network.https-proxy"), told("network.no-proxy")];

const fn told(settings: &'static str) -> Effect {
    Effect::told(settings, &[config::PATH], "updated", Action::Reload)
}

/// The file is there on every node: what nobody set has its default.
pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    // A proxy's address may hold a password.
    files.insert(config::PATH.into(), File::private(json(&values(settings)), Reader::reload("updated")));
}

fn values(settings: &Settings) -> Config {
    let (updates, network, unset) = (&settings.updates, &settings.network, Config::default());
    let no_proxy = network.no_proxy.iter().flatten();
    Config {
        metadata_base_url: updates.metadata_base_url.as_ref().map(Url::with_scheme),
        targets_base_url: updates.targets_base_url.as_ref().map(Url::with_scheme),
        seed: updates.seed,
        version_lock: updates.version_lock.as_ref().map_or(unset.version_lock, |version| FriendlyVersion::as_str(version).to_owned()),
        ignore_waves: updates.ignore_waves.unwrap_or(unset.ignore_waves),
        automatic: updates.automatic.unwrap_or(unset.automatic),
        windows: updates.windows.clone().unwrap_or_default(),
        health_timeout: updates.health_timeout.as_ref().map_or(unset.health_timeout, |span| HealthTimeout::get(span).as_secs()),
        poll_interval: updates.poll_interval.as_ref().map_or(unset.poll_interval, |span| PollInterval::get(span).as_secs()),
        checks: updates.checks.iter().filter_map(|(name, check)| Some((name.to_string(), made(check)?))).collect(),
        proxy: network.https_proxy.as_ref().map(ProxyUrl::url).filter(|url| !url.is_empty()),
        no_proxy: no_proxy.map(|host| host.as_str().trim().to_owned()).collect(),
    }
}

/// Settings that fit together have what their kind needs.
fn made(check: &CheckSetting) -> Option<Check> {
    let timeout_seconds = check.timeout.as_ref().map_or(config::CHECK_TIMEOUT, CheckTimeout::get).as_secs();
    match check.kind? {
        CheckKind::Http => Some(Check::Http { url: check.url.as_ref()?.to_string(), timeout_seconds }),
        CheckKind::Tcp => {
            let address = check.address.as_ref().map(CheckAddress::as_str)?.to_owned();
            Some(Check::Tcp { address, port: check.port?.get(), timeout_seconds })
        }
        CheckKind::Command => Some(Check::Command { workload: check.workload.as_ref()?.to_string(), timeout_seconds }),
    }
}
