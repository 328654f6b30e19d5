//! Putting in force what was decided when the store was opened, before the API answers.

use crate::apply;
use crate::core::Core;
use crate::engine::{Turn, Watched};
use crate::mark;
use crate::options::Options;
use ampoule_plan::{Plan, State};

/// Start beside this program, which saves a node that has nothing to tell them a second, and read at their start what it writes.
const BESIDE: [&str; 1] = ["containerd"];

/// Writes every file. In a boot in which something was applied before, services are told what has changed since: this program may have ended between a file and its reader, or
/// what they go by was taken back. In a new one those are told that started with the files of the image alone, if they have others now.
pub(crate) fn put_in_force(options: &Options, core: &mut Core) -> Turn {
    apply::write_all(&options.root, &core.image, &core.state().settings);
    match mark::read(options) {
        Some(number) => {
            if let Some(plan) = since(core, number) {
                apply::carry_out(options, &plan);
            }
        }
        None => {
            let own = Plan::between(&core.image, Some(&State::default()), core.state());
            apply::tell(options, own.services.iter().filter(|action| BESIDE.contains(&action.reader.service)));
        }
    }
    mark::write(options, core.generation());
    Turn { applied: core.state().clone(), watched: watched(core) }
}

/// What changed since a generation was applied; everything if it is not known any more.
fn since(core: &mut Core, number: u64) -> Option<Plan> {
    if number == core.generation() {
        return None;
    }
    let before = state_at(core, number);
    Some(Plan::between(&core.image, before.as_ref(), core.state()))
}

/// The services between the last confirmed generation and the one on trial are what its trial is about. How they were before it is not known any more.
fn watched(core: &mut Core) -> Watched {
    let standing = core.standing();
    if standing.open.is_none() {
        return Watched::default();
    }
    let confirmed = state_at(core, standing.confirmed);
    let plan = Plan::between(&core.image, confirmed.as_ref(), core.state());
    let is_settled = core.store().is_some_and(|store| store.start().window_goes_on);
    let mut watched = Watched { is_applied: true, is_settled, ..Watched::default() };
    watched.services.add(plan.services.iter().map(|s| s.reader.service), &[]);
    watched
}

fn state_at(core: &mut Core, number: u64) -> Option<State> {
    let generation = core.store()?.get(number).ok().flatten()?;
    core.state_of(&generation)
}
