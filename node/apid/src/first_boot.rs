//! First boot: user data becomes the first generation.

use crate::clock::Clock;
use crate::generated::Values;
use crate::options::Options;
use ampoule_report::chain;
use ampoule_settings::{Fragment, MAX_USER_DATA, Model, SettingError, parse_user_data};
use ampoule_store::{Draft, Origin, Store};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What user data chooses; nothing of it if any of it is wrong.
pub(crate) fn chosen(options: &Options, model: &Model, defaults: &Fragment) -> Fragment {
    let mut chosen = Fragment::default();
    for path in options.user_data.iter().flat_map(|path| sources(path)) {
        if let Some(found) = user_data(model, &path) {
            chosen = chosen.merge(found);
        }
    }
    if let Err(errors) = together(defaults, &chosen) {
        errors.iter().for_each(|e| log::error!("User data: {e}"));
        log::error!("User data has no effect; the node runs with its defaults");
        chosen = Fragment::default();
    }
    chosen
}

/// Commits it as generation 1, with the values that were made beside it.
pub(crate) fn commit(chosen: &Fragment, generated: Values, store: Option<&mut Store>, clock: &Clock) {
    let (author, message) = ("user-data".into(), "First boot".into());
    let draft = Draft { author, message, origin: Origin::UserData, trial: None, chosen: chosen.to_json(), generated };
    if let Some(Err(error)) = store.map(|s| s.commit(draft, &clock.now()).map(drop)) {
        log::error!("User data has effect until the next boot only: {}", chain(&error));
    }
}

/// What is asked of a commit through the API is asked of user data too.
fn together(defaults: &Fragment, chosen: &Fragment) -> Result<(), Vec<SettingError>> {
    let settings = ampoule_settings::Settings::new(defaults, chosen)?;
    crate::remote::check(&settings.api.remote).map_err(|e| vec![e])
}

/// The files of a folder in the order in which they count (their names begin with a number); any other path stands for itself.
fn sources(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let is_numbered = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_numbered).collect();
    files.sort();
    files
}

fn user_data(model: &Model, path: &Path) -> Option<Fragment> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    let read = file.take(MAX_USER_DATA as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        log::error!("User data: cannot read {}: {error}", path.display());
        return None;
    }
    match parse_user_data(model, &bytes) {
        Ok(fragment) => Some(fragment),
        Err(ampoule_settings::UserDataError::Settings(errors)) => {
            errors.iter().for_each(|e| log::error!("User data in {}: {e}", path.display()));
            None
        }
        Err(error) => {
            log::error!("User data in {}: {}", path.display(), chain(&error));
            None
        }
    }
}
