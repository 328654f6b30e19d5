//! Start-up: the image's defaults, the newest generation, or at first boot the user data.

use crate::clock::Clock;
use crate::core::Core;
use crate::options::Options;
use ampoule_report::chain;
use ampoule_settings::{Fragment, MAX_USER_DATA, Model, SettingError, parse_user_data};
use ampoule_store::{Draft, Origin, Store};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What this program needs of a variant.
#[derive(Deserialize)]
struct Variant {
    namespaces: Vec<String>,
    #[serde(default)]
    settings: toml::Table,
}

/// Everything the API starts from.
///
/// # Errors
/// The image is broken. Wrong user data, damaged generations and a store that cannot be used are no errors: they are reported and the node comes up, so that it can be asked what is wrong.
pub(crate) fn open(options: &Options) -> Result<Core, Box<dyn Error>> {
    let (model, defaults) = variant(&options.variant)?;
    let clock = Clock::of_boot(&options.boot_id)?;
    let mut store = open_store(&options.state, &clock);
    let chosen = match store.as_ref().and_then(Store::in_force) {
        Some(newest) => stored(&model, newest.chosen.clone()),
        None => first_boot(options, &model, &defaults, store.as_mut(), &clock),
    };
    Core::new(model, defaults, chosen, store, clock).map_err(Into::into)
}

fn open_store(folder: &Path, clock: &Clock) -> Option<Store> {
    let store =
        Store::open(folder, &clock.now()).map_err(|e| log::error!("Settings are not kept and cannot be changed: {}", chain(&e))).ok()?;
    for file in store.damaged() {
        log::error!("Settings: {} is damaged and was left out; the newest whole generation is used", file.display());
    }
    Some(store)
}

fn variant(path: &Path) -> Result<(Model, Fragment), Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))?;
    let variant: Variant = toml::from_str(&text)?;
    let model = Model::new(variant.namespaces);
    let tree = serde_json::to_value(&variant.settings)?;
    let defaults = Fragment::from_json(&model, &tree).map_err(|errors| format!("The image's defaults are wrong: {}", errors[0]))?;
    Ok((model, defaults))
}

/// Commits generation 1 from the user data; nothing of it if any of it is wrong.
fn first_boot(options: &Options, model: &Model, defaults: &Fragment, store: Option<&mut Store>, clock: &Clock) -> Fragment {
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
    let (author, message, generated) = ("user-data".into(), "First boot".into(), BTreeMap::new());
    let draft = Draft { author, message, origin: Origin::UserData, trial: None, chosen: chosen.to_json(), generated };
    if let Some(Err(error)) = store.map(|s| s.commit(draft, &clock.now()).map(drop)) {
        log::error!("User data has effect until the next boot only: {}", chain(&error));
    }
    chosen
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

/// What the newest generation chose. Keys that this image does not know (an older or newer image wrote them) are left out, and named.
fn stored(model: &Model, mut settings: serde_json::Value) -> Fragment {
    let errors = match Fragment::from_json(model, &settings) {
        Ok(chosen) => return chosen,
        Err(errors) => errors,
    };
    for error in errors {
        log::error!("Stored settings: {error}");
        crate::tree::remove(&mut settings, &error.key);
    }
    Fragment::from_json(model, &settings).unwrap_or_default()
}
