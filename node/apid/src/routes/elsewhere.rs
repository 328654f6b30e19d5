//! Operations of Bottlerocket whose work no part of this image does: each answers with the status that Bottlerocket's clients know for that.

use super::served::Served;
use crate::answer::Refusal;
use ampoule_api_types::operations::{
    EPHEMERAL_BIND, EPHEMERAL_DIRS, EPHEMERAL_DISKS, EPHEMERAL_INIT, EPHEMERAL_VOLUMES, EXEC, LOCKDOWN, NETWORK_CONFIGURE,
    OLD_EPHEMERAL_BIND, OLD_EPHEMERAL_DIRS, OLD_EPHEMERAL_DISKS, OLD_EPHEMERAL_INIT, OLD_EPHEMERAL_VOLUMES,
};
use ampoule_api_types::v1::ErrorCode;
use axum::http::StatusCode;

pub(super) fn routes() -> Served {
    ephemeral_storage()
        .serve(&EXEC, || async { not_here("Running commands in host containers") })
        .serve(&LOCKDOWN, || async { not_here("Locking the settings") })
        .serve(&NETWORK_CONFIGURE, || async { not_here("A network configuration of its own file") })
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
    operations.into_iter().fold(Served::default(), |served, operation| served.serve(operation, || async { not_here("Ephemeral storage") }))
}

/// Bottlerocket's status for what is not on a variant.
pub(super) fn not_here(what: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NotAvailable, format!("{what} is not available on this image"))
}
