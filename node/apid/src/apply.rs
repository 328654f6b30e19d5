//! Carries a plan out: files first, each written whole, then the services that must be told.

use crate::options::Options;
use ampoule_initctl::{InitClient, InitError};
use ampoule_plan::{File, FileChange, Plan, render};
use ampoule_report::chain;
use ampoule_settings::Settings;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A step that was not carried out. The settings are committed; the next apply does the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A file.
    #[error("Cannot write {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A service.
    #[error("Service `{service}` was not told of its new settings")]
    Service {
        /// Which.
        service: String,
        /// Why.
        source: InitError,
    },
}

/// Writes every file of some settings, as at boot.
///
/// # Errors
/// The first file that could not be written.
pub(crate) fn write_all(root: &Path, settings: &Settings) -> Result<(), ApplyError> {
    render(settings).iter().try_for_each(|(path, file)| write(root, path, file))
}

/// Carries out a plan.
///
/// # Errors
/// The first step that failed, after every other was tried.
pub(crate) fn carry_out(options: &Options, plan: &Plan) -> Result<(), ApplyError> {
    let files = plan.files.iter().map(|change| change_file(&options.root, change));
    let services = plan.services.iter().map(|action| tell(options, &action.service));
    let failed: Vec<ApplyError> = files.chain(services).filter_map(Result::err).collect();
    failed.iter().for_each(|e| log::error!("{}", chain(e)));
    failed.into_iter().next().map_or(Ok(()), Err)
}

fn change_file(root: &Path, change: &FileChange) -> Result<(), ApplyError> {
    match &change.file {
        Some(file) => write(root, &change.path, file),
        None => remove(root, &change.path),
    }
}

fn tell(options: &Options, service: &str) -> Result<(), ApplyError> {
    let told = InitClient::connect_at(&options.init).and_then(|init| init.reload(service));
    told.map_err(|source| ApplyError::Service { service: service.to_owned(), source })
}

fn write(root: &Path, path: &str, file: &File) -> Result<(), ApplyError> {
    let path = root.join(path.trim_start_matches('/'));
    write_whole(&path, file).map_err(|source| ApplyError::File { path, source })
}

/// Beside its place, then renamed into it: whoever reads sees the old or the new, never a part.
fn write_whole(path: &Path, file: &File) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    let draft = path.with_extension("new");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(file.mode).open(&draft)?;
    out.set_permissions(fs::Permissions::from_mode(file.mode))?;
    out.write_all(&file.content)?;
    fs::rename(&draft, path)
}

fn remove(root: &Path, path: &str) -> Result<(), ApplyError> {
    let path = root.join(path.trim_start_matches('/'));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ApplyError::File { path, source: error }),
        _ => Ok(()),
    }
}
