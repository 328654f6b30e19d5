//! Stored settings on the image that runs: what of them it does not take has no effect, and takes nothing else with it.

use ampoule_plan::State;
use ampoule_settings::{Fragment, Layers, SettingError, path};

/// Rounds of leaving out what does not fit together. One mends nearly all; each costs a look at everything.
const MOST_ROUNDS: usize = 8;

/// Without generated values, then without those of the chosen ones that do not fit, and at last without any chosen one; the image's defaults alone must fit together.
pub(crate) fn first_that_fits(layers: Layers) -> Result<(Layers, State), Vec<SettingError>> {
    let without_generated = || Layers { generated: Fragment::default(), ..layers.clone() };
    let without_misfits = || {
        let mut fitting = layers.clone();
        leave_out_misfits(&mut fitting);
        fitting
    };
    let found = fits(layers.clone(), "Generated values")
        .or_else(|| fits(without_generated(), "Some stored settings"))
        .or_else(|| fits(without_misfits(), "Stored settings"));
    let barest = || Layers { defaults: layers.defaults.clone(), ..Layers::default() };
    found.map_or_else(|| state_of(&barest()).map(|state| (barest(), state)), Ok)
}

/// With their state; if they do not fit together, it is said `whose` have no effect.
fn fits(layers: Layers, whose: &str) -> Option<(Layers, State)> {
    match state_of(&layers) {
        Ok(state) => Some((layers, state)),
        Err(errors) => {
            errors.iter().for_each(|e| log::error!("{whose} have no effect: {e}"));
            None
        }
    }
}

pub(crate) fn state_of(layers: &Layers) -> Result<State, Vec<SettingError>> {
    Ok(State { whole: layers.whole(), settings: layers.settings()? })
}

/// Takes what was chosen and does not fit together out of `layers`, as far as that helps. The errors that led to something.
pub(crate) fn leave_out_misfits(layers: &mut Layers) -> Vec<SettingError> {
    let mut all = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let Err(errors) = layers.settings() else { break };
        let left_out = leave_out(&mut layers.chosen, errors);
        if left_out.is_empty() {
            break;
        }
        all.extend(left_out);
    }
    all
}

/// Takes out the keys that errors name, with all below them; if nobody chose those, the groups that lack them. The errors that led to something.
fn leave_out(chosen: &mut Fragment, errors: Vec<SettingError>) -> Vec<SettingError> {
    let group = |key: &str| {
        let segments = path::split(key);
        path::join(segments.iter().take(segments.len().saturating_sub(1)))
    };
    let places: [&dyn Fn(&str) -> String; 2] = [&str::to_owned, &group];
    for place in places {
        let there = |error: &&SettingError| chosen.keys().any(|key| path::covers(&place(&error.key), key));
        let named: Vec<_> = errors.iter().filter(there).cloned().collect();
        if !named.is_empty() {
            chosen.remove(|key| named.iter().any(|error| path::covers(&place(&error.key), key)));
            return named;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_settings::Model;
    use serde_json::json;

    fn chosen(tree: &serde_json::Value) -> Layers {
        Layers { chosen: Fragment::from_json(&Model::complete(), tree).expect("each is valid by itself"), ..Layers::default() }
    }

    /// As after an update to an image that has become stricter.
    #[test]
    fn a_stored_value_that_this_image_refuses_takes_no_other_with_it() {
        let stored = json!({ "motd": "kept", "kernel": { "sysctl": { "kernel.panic_on_oops": "0", "vm.max_map_count": "262144" } } });
        assert!(state_of(&chosen(&stored)).is_err());
        let (layers, state) = first_that_fits(chosen(&stored)).expect("settings");
        let rest = json!({ "motd": "kept", "kernel": { "sysctl": { "vm.max_map_count": "262144" } } });
        assert_eq!((layers.chosen.to_json(), state.whole.to_json()), (rest.clone(), rest));
    }
}
