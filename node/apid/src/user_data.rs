//! User data: what the node sees, and what it took of it last.

use crate::options::Options;
use ampoule_migrate::{Content, Steps};
use ampoule_provision::{Source, SourceReport};
use ampoule_report::chain;
use ampoule_settings::{Fragment, MAX_USER_DATA, Model, UserDataError, parse_user_data};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest memory of what was taken, in bytes: unpacked user data of every place, as JSON.
const MAX_TAKEN: u64 = 4 * 1024 * 1024;

/// User data of every place, laid over one another.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What the places choose that can be read.
    pub(crate) chosen: Fragment,
    /// What is wrong, with the place.
    pub(crate) errors: Vec<String>,
}

/// Reads what `provision` found.
pub(crate) fn see(options: &Options, model: &Model) -> Seen {
    let mut seen = Seen::default();
    for path in options.user_data.iter().flat_map(|path| places(path)) {
        match read(model, &path) {
            Ok(Some(found)) => seen.chosen = seen.chosen.merge(found),
            Ok(None) => {}
            Err(errors) => seen.errors.extend(errors.into_iter().map(|e| format!("{}: {e}", path.display()))),
        }
    }
    seen
}

/// The files of a folder in the order in which they count (their names begin with a number); any other path stands for itself.
fn places(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_owned()] };
    let is_numbered = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_numbered).collect();
    files.sort();
    files
}

fn read(model: &Model, path: &Path) -> Result<Option<Fragment>, Vec<String>> {
    let Ok(file) = fs::File::open(path) else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_USER_DATA as u64 + 1).read_to_end(&mut bytes).map_err(|e| vec![e.to_string()])?;
    parse_user_data(model, &bytes).map(Some).map_err(|error| match error {
        UserDataError::Settings(errors) => errors.iter().map(ToString::to_string).collect(),
        other => vec![chain(&other)],
    })
}

/// A file for each form of settings: an image that returns finds its own.
fn path(options: &Options, form: u32) -> PathBuf {
    let name = if form == 0 { "user-data.taken".to_owned() } else { format!("user-data.taken.{form}") };
    options.state.join(name)
}

/// What was taken last; `None` if that was never written down, as before the version that does.
pub(crate) fn taken(options: &Options, model: &Model, steps: &Steps) -> Option<Fragment> {
    let (form, chosen) = (0..=steps.form()).rev().find_map(|form| Some((form, read_taken(&path(options, form))?)))?;
    let chosen = steps.up(Content { chosen, ..Content::default() }, form).ok()?.content.chosen;
    // Settings that this image does not know any more count as never taken.
    Fragment::from_json(model, &chosen).ok()
}

fn read_taken(path: &Path) -> Option<serde_json::Value> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MAX_TAKEN).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Writes down what was taken. It may hold secrets.
pub(crate) fn keep(options: &Options, form: u32, taken: &Fragment) {
    let path = path(options, form);
    if let Err(error) = ampoule_files::replace_durably(&path, taken.to_json().to_string().as_bytes(), 0o600) {
        log::warn!("Changes of user data will not be noticed: cannot write {}: {error}", path.display());
    }
}

/// What `provision` says about each place; nothing if it left no report.
pub(crate) fn sources(options: &Options) -> Vec<SourceReport> {
    let report = options.generated.with_file_name("report.json");
    let mut bytes = Vec::new();
    let read = fs::File::open(report).and_then(|file| file.take(MAX_TAKEN).read_to_end(&mut bytes));
    read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The places on the network that have not answered. (What is wrong with a disc or a volume stays wrong until somebody mends it.)
pub(crate) fn open_sources(options: &Options) -> Vec<SourceReport> {
    let remote = Source::ALL.into_iter().filter(|source| source.is_remote()).map(Source::file_name).collect::<Vec<_>>();
    sources(options).into_iter().filter(|place| place.is_open() && remote.contains(&place.source)).collect()
}
