//! `metrics`: nothing is sent unless a person names where to and turns it on.

use crate::file::{Action, File, Files, Reader, json};
use crate::{Effect, Image};
use ampoule_base::SingleLine;
use ampoule_settings::Settings;
use ampoule_settings::types::FriendlyVersion;
use serde::Serialize;

const PATH: &str = "/etc/ampoule/metrics.json";

/// A report also says how the node takes updates, and where it is.
pub(crate) const EFFECTS: &[Effect] =
    &[told("metrics"), told("updates.seed"), told("updates.version-lock"), told("updates.ignore-waves"), told("aws.region")];

const fn told(settings: &'static str) -> Effect {
    Effect::told(settings, &[PATH], "metricd", Action::Restart)
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Values<'a> {
    metrics_url: String,
    service_checks: Vec<&'a str>,
    region: Option<&'a str>,
    seed: Option<u32>,
    version_lock: Option<&'a str>,
    ignore_waves: Option<bool>,
}

pub(crate) fn render(_: &Image, settings: &Settings, files: &mut Files) {
    let metrics = &settings.metrics;
    let (Some(url), Some(true)) = (&metrics.metrics_url, metrics.send_metrics) else { return };
    let values = Values {
        metrics_url: url.with_scheme(),
        service_checks: metrics.service_checks.iter().flatten().map(SingleLine::as_str).collect(),
        region: settings.aws.region.as_ref().map(SingleLine::as_str),
        seed: settings.updates.seed,
        version_lock: settings.updates.version_lock.as_ref().map(FriendlyVersion::as_str),
        ignore_waves: settings.updates.ignore_waves,
    };
    files.insert(PATH.into(), File::open(json(&values), Reader::restart("metricd")));
}
