//! Operations of Bottlerocket whose work no part of this image does: each answers with the status that Bottlerocket's clients know for that.

use super::served::Served;
use crate::answer::Refusal;
use ampoule_api_types::operations::{
    ACTIVATE_UPDATE, DEACTIVATE_UPDATE, EPHEMERAL_BIND, EPHEMERAL_DIRS, EPHEMERAL_DISKS, EPHEMERAL_INIT, EPHEMERAL_VOLUMES, EXEC, LOCKDOWN,
    NETWORK_CONFIGURE, OLD_EPHEMERAL_BIND, OLD_EPHEMERAL_DIRS, OLD_EPHEMERAL_DISKS, OLD_EPHEMERAL_INIT, OLD_EPHEMERAL_VOLUMES,
    PREPARE_UPDATE, REFRESH_UPDATES, UPDATE_STATUS,
};
use ampoule_api_types::v1::ErrorCode;
use axum::http::StatusCode;

pub(super) fn routes() -> Served {
    updates()
        .and(ephemeral_storage())
        .serve(&EXEC, || not_here("Running commands in host containers"))
        .serve(&LOCKDOWN, || not_here("Locking the settings"))
        .serve(&NETWORK_CONFIGURE, || not_here("A network configuration of its own file"))
}

fn updates() -> Served {
    Served::default()
        .serve(&REFRESH_UPDATES, || not_here("Looking for updates"))
        .serve(&PREPARE_UPDATE, no_update)
        .serve(&ACTIVATE_UPDATE, no_update)
        .serve(&DEACTIVATE_UPDATE, no_update)
        .serve(&UPDATE_STATUS, no_update)
}

fn ephemeral_storage() -> Served {
    let operations = [
        &EPHEMERAL_INIT,
        &EPHEMERAL_BIND,
        &EPHEMERAL_DISKS,
        &EPHEMERAL_DIRS,
        &EPHEMERAL_VOLUMES,
        &OLD_EPHEMERAL_INIT,
        &OLD_EPHEMERAL_BIND,
        &OLD_EPHEMERAL_DISKS,
        &OLD_EPHEMERAL_DIRS,
        &OLD_EPHEMERAL_VOLUMES,
    ];
    operations.into_iter().fold(Served::default(), |served, operation| served.serve(operation, || not_here("Ephemeral storage")))
}

/// Bottlerocket's status for what is not on a variant.
pub(super) async fn not_here(what: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NotAvailable, format!("{what} is not available on this image"))
}

/// Bottlerocket's status for a node that knows of no update.
async fn no_update() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotAvailable, "There is no update: an updater is not available on this image")
}
