//! What the settings say, as `apid` writes it to `/etc/ampoule/metrics.json`.

use serde::Deserialize;
use std::io;
use std::path::Path;

/// Largest file read, in bytes.
const MAX: u64 = 64 * 1024;

/// What to report, and to whom.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where reports go.
    pub(crate) metrics_url: String,
    /// Services that are looked at.
    #[serde(default)]
    pub(crate) service_checks: Vec<String>,
    /// `settings.aws.region`.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// `settings.updates.seed`.
    #[serde(default)]
    pub(crate) seed: Option<u32>,
    /// `settings.updates.version-lock`.
    #[serde(default)]
    pub(crate) version_lock: Option<String>,
    /// `settings.updates.ignore-waves`.
    #[serde(default)]
    pub(crate) ignore_waves: Option<bool>,
}

/// Reads the file; `None` if there is none: nothing is reported.
///
/// # Errors
/// It cannot be read, is too long, or is not what `apid` writes.
pub(crate) fn read(path: &Path) -> io::Result<Option<Settings>> {
    Ok(ampoule_files::read(path, MAX)?.map(|text| serde_json::from_slice(&text)).transpose()?)
}
