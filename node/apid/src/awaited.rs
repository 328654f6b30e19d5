//! User data that a first boot had to do without: a place on the network that did not answer. The node is up and says so; what comes later is taken as the first boot would have.

use crate::Shared;
use crate::engine::{self, What, Wish};
use crate::options::Options;
use crate::role::Caller;
use crate::user_data::{self, Seen};
use ampoule_api_types::v1::ApplyState;
use ampoule_provision::SourceReport;
use ampoule_settings::{Change, Fragment};
use ampoule_store::Origin;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Who makes settings of user data.
pub(crate) const AUTHOR: &str = "user-data";
/// How often the report is looked at: a node without its user data is waited for.
const PAUSE: Duration = Duration::from_secs(2);

/// There as long as the user data of the first boot is not whole, also over reboots.
fn mark(options: &Options) -> PathBuf {
    options.state.join("user-data.awaited")
}

fn names(open: &[SourceReport]) -> String {
    open.iter().map(|place| place.source.as_str()).collect::<Vec<_>>().join(", ")
}

/// What the first generation says of itself.
pub(crate) fn message(open: &[SourceReport]) -> String {
    format!("First boot, without what {} may hold", names(open))
}

/// Remembers and says loudly that this first boot is not whole.
pub(crate) fn begin(options: &Options, open: &[SourceReport]) {
    if open.is_empty() {
        return;
    }
    for place in open {
        log::error!("User data of {} is missing: {}. The node runs without it and takes it once it comes", place.source, place.detail);
    }
    if let Err(error) = ampoule_files::replace_durably(&mark(options), names(open).as_bytes(), 0o600) {
        log::error!("User data that comes later will wait for somebody to apply it: cannot write down that it is awaited: {error}");
    }
}

/// Waits for it, and takes it.
pub(crate) async fn follow(node: Arc<Shared>) {
    while mark(&node.options).exists() {
        // No report yet says nothing about any place.
        let is_whole = !user_data::sources(&node.options).is_empty() && user_data::open_sources(&node.options).is_empty();
        if is_whole {
            take(&node).await;
            // Whatever came of it: from now on it is a change like any other, shown as a plan.
            let _ = fs::remove_file(mark(&node.options)).inspect_err(|e| log::error!("Cannot remove the mark of awaited user data: {e}"));
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn take(node: &Arc<Shared>) {
    let (seen, late, form) = {
        let core = node.core.lock().await;
        let Seen { chosen, errors } = user_data::see(&node.options, &core.model);
        errors.iter().for_each(|e| log::error!("User data in {e}"));
        let taken = user_data::taken(&node.options, &core.model, core.steps()).unwrap_or_default();
        let late = since(&taken, &chosen, &core.layers().chosen);
        (chosen, late, core.form())
    };
    if late.is_empty() {
        log::info!("The awaited user data is there and holds nothing new");
        return user_data::keep(&node.options, form, &seen);
    }
    let what = What::Change { transaction: None, change: Change::setting(late) };
    let wish = Wish::new(what, &Caller::node(AUTHOR), node.options.probation());
    let wish = Wish { origin: Origin::UserData, message: "User data that the first boot had to do without".to_owned(), ..wish };
    match engine::apply(node, wish).await {
        Ok(report) if report.state == ApplyState::RolledBack => {
            log::error!("The awaited user data was taken back: {}", report.reason.unwrap_or_default());
        }
        Ok(report) => {
            log::info!("The awaited user data is generation {}", report.generation);
            user_data::keep(&node.options, form, &seen);
        }
        Err(refused) => log::error!("The awaited user data has no effect: {}", refused.text()),
    }
}

/// What is new, where nobody has chosen something else since.
fn since(taken: &Fragment, seen: &Fragment, chosen: &Fragment) -> Fragment {
    seen.only(|key| taken.get(key) != seen.get(key) && chosen.get(key) == taken.get(key))
}
