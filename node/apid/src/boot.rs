//! Start-up: the image's defaults, the newest generation, or at first boot the user data.

use crate::clock::Clock;
use crate::core::{Core, Parts};
use crate::first_boot;
use crate::generated::{self, Values};
use crate::migration::{self, Ground, Started};
use crate::options::Options;
use ampoule_confirm::MAX_BOOTS;
use ampoule_migrate::Steps;
use ampoule_plan::Image;
use ampoule_report::chain;
use ampoule_settings::{Fragment, Model, Variant};
use ampoule_store::Store;
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

/// Everything the API starts from.
///
/// # Errors
/// The image is broken. Wrong user data, damaged generations and a store that cannot be used are no errors: they are reported and the node comes up, so that it can be asked what is wrong.
pub(crate) fn open(options: &Options) -> Result<Core, Box<dyn Error>> {
    let (model, defaults, services) = variant(&options.variant)?;
    let image = Image { services, certificates: certificates(&options.certificates) };
    let clock = Clock::of_boot(&options.boot_id);
    let mut store = open_store(&options.state, &clock);
    let found = generated::read(&options.generated, &model);
    let steps = steps(options)?;
    let ground = Ground { model: &model, defaults: &defaults, weak: &found.weak, steps: &steps };
    let started = store.as_mut().and_then(|store| migration::at_start(ground, store, &clock)).unwrap_or_else(|| {
        let chosen = first_boot::chosen(options, &model, &defaults);
        let kept = generated::kept(&Values::new(), &found.strong, &chosen);
        first_boot::commit(options, steps.form(), &chosen, kept.clone(), store.as_mut(), &clock);
        Started { chosen, kept, ..Started::default() }
    });
    let parts = Parts { model, image, defaults, weak: found.weak, started, steps, store, clock };
    Core::new(parts).map_err(|errors| format!("The image's defaults do not fit together: {}", errors[0]).into())
}

/// The steps between forms of settings that this image knows.
fn steps(options: &Options) -> Result<Steps, Box<dyn Error>> {
    let compiled = Steps::compiled();
    let Some(path) = &options.steps else { return Ok(compiled) };
    let text = std::fs::read_to_string(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))?;
    Ok(compiled.with_text(&text)?)
}

fn open_store(folder: &Path, clock: &Clock) -> Option<Store> {
    let store =
        Store::open(folder, &clock.now()).map_err(|e| log::error!("Settings are not kept and cannot be changed: {}", chain(&e))).ok()?;
    report(&store);
    Some(store)
}

/// Loud: whoever reads the log of a node that is not as they left it begins here.
fn report(store: &Store) {
    for file in store.damaged() {
        log::error!("Settings: {} is damaged and was left out; the newest whole generation is used", file.display());
    }
    let start = store.start();
    if start.standing_lost {
        log::error!("Settings: which generation is confirmed was lost; the newest counts as confirmed unless it was made on trial");
    }
    if let Some((of, reason)) = &start.rolled_back {
        log::error!("Settings: generation {of} is taken back: {reason}");
    }
    if let Some(error) = &start.not_stored {
        log::error!("Settings: {}; it is tried again", chain(error));
    }
    if let Some(open) = &store.standing().open {
        log::warn!(
            "Settings: generation {} is on trial, in boot {} of {MAX_BOOTS} that it may be tried in",
            open.generation,
            open.boots.len()
        );
    }
}

fn variant(path: &Path) -> Result<(Model, Fragment, BTreeSet<String>), Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))?;
    let variant = Variant::parse(&text)?;
    let (model, defaults) = variant.model()?;
    Ok((model, defaults, variant.services.into_iter().collect()))
}

/// The authorities that the image trusts; an image without any trusts nobody.
fn certificates(path: &Path) -> Vec<u8> {
    std::fs::read(path).inspect_err(|e| log::warn!("No authorities: cannot read {}: {e}", path.display())).unwrap_or_default()
}
