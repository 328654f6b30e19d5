//! Stored settings on the image that runs: what of them it does not take has no effect, and takes nothing else with it.

use crate::migration;
use ampoule_plan::State;
use ampoule_settings::{Fragment, Layers, SettingError};

/// Without generated values, then without those of the chosen ones that do not fit, and at last without any chosen one; the image's defaults alone must fit together.
pub(crate) fn first_that_fits(layers: Layers) -> Result<(Layers, State), Vec<SettingError>> {
    let bare = Layers { generated: Fragment::default(), ..layers.clone() };
    let barest = Layers { chosen: Fragment::default(), ..bare.clone() };
    let mut fitting = layers.clone();
    migration::leave_out_misfits(&mut fitting);
    for (layers, whose) in [(layers, "Generated values"), (bare, "Some stored settings"), (fitting, "Stored settings")] {
        match state_of(&layers) {
            Ok(state) => return Ok((layers, state)),
            Err(errors) => errors.iter().for_each(|e| log::error!("{whose} have no effect: {e}")),
        }
    }
    state_of(&barest).map(|state| (barest, state))
}

pub(crate) fn state_of(layers: &Layers) -> Result<State, Vec<SettingError>> {
    Ok(State { whole: layers.whole(), settings: layers.settings()? })
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
