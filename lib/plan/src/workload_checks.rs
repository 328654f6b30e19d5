//! `updates.checks` that run a command in a workload: what is run, for the program that runs it. The updater is told their names alone.

use crate::file::{File, Files, json};
use crate::{Effect, Image};
use ampoule_settings::Settings;
use ampoule_settings::updates::{Check, CheckKind, CheckTimeout};
use ampoule_update::config::CHECK_TIMEOUT;
use ampoule_workload::check::{self, Checks};

/// hostd reads the file whenever it is asked for a check.
pub(crate) const EFFECTS: &[Effect] = &[Effect::files("updates.checks", &[check::PATH])];

pub(crate) fn render(image: &Image, settings: &Settings, files: &mut Files) {
    let checks: Checks = settings.updates.checks.iter().filter_map(|(name, check)| Some((name.to_string(), made(check)?))).collect();
    if image.has("hostd") && !checks.is_empty() {
        // A command may hold a password.
        files.insert(check::PATH.into(), File::private(json(&checks), None));
    }
}

/// Settings that fit together have what their kind needs.
fn made(check: &Check) -> Option<check::Check> {
    if check.kind? != CheckKind::Command {
        return None;
    }
    Some(check::Check {
        workload: check.workload.as_ref()?.to_string(),
        command: check.command.as_ref()?.words().to_vec(),
        timeout_seconds: check.timeout.as_ref().map_or(CHECK_TIMEOUT, CheckTimeout::get).as_secs(),
    })
}
