//! First boot: user data becomes the first generation.

use crate::clock::Clock;
use crate::generated::Values;
use crate::options::Options;
use crate::{awaited, user_data};
use ampoule_report::chain;
use ampoule_settings::{Fragment, Model, SettingError};
use ampoule_store::{Draft, Form, Origin, Store};

/// What user data chooses; nothing of it if the places do not fit together, and nothing of a place where anything is wrong.
pub(crate) fn chosen(options: &Options, model: &Model, defaults: &Fragment) -> Fragment {
    let user_data::Seen { chosen, errors } = user_data::see(options, model);
    errors.iter().for_each(|e| log::error!("User data in {e}"));
    if let Err(errors) = together(defaults, &chosen) {
        errors.iter().for_each(|e| log::error!("User data: {e}"));
        log::error!("User data has no effect; the node runs with its defaults");
        return Fragment::default();
    }
    chosen
}

/// Commits it as generation 1, with the values that were made beside it.
pub(crate) fn commit(options: &Options, form: u32, chosen: &Fragment, generated: Values, store: Option<&mut Store>, clock: &Clock) {
    let open = user_data::open_sources(options);
    let message = if open.is_empty() { "First boot".to_owned() } else { awaited::message(&open) };
    let (author, chosen_tree, number) = (awaited::AUTHOR.into(), chosen.to_json(), form);
    let form = Form { number, ..Form::default() };
    let draft = Draft { author, message, origin: Origin::UserData, trial: None, chosen: chosen_tree, generated, form };
    // Before the generation: a node that has one knows what it took.
    if store.is_some() {
        awaited::begin(options, &open);
        user_data::keep(options, number, chosen);
    }
    if let Some(Err(error)) = store.map(|s| s.commit(draft, &clock.now()).map(drop)) {
        log::error!("User data has effect until the next boot only: {}", chain(&error));
    }
}

/// What is asked of a commit through the API is asked of user data too.
fn together(defaults: &Fragment, chosen: &Fragment) -> Result<(), Vec<SettingError>> {
    let settings = ampoule_settings::Settings::new(defaults, chosen)?;
    ampoule_tls::check(&settings.api.remote).map_err(|e| vec![e])
}
