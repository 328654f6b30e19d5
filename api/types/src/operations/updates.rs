//! Ours: updates beyond what Bottlerocket's routes say of them.

use super::NOT_HERE;
use crate::Role;
use crate::operation::{Operation, Shape};

const BUSY: (u16, &str) = (423, "Another update command runs.");

/// `GET /v1/updates`
pub const UPDATES: Operation =
    Operation::get("/v1/updates", "How the node stands with its updates: versions, progress, trial, versions that were not good.")
        .answers(Shape::Json("Updates"))
        .refuses(&[NOT_HERE]);

/// `GET /v1/updates/plan`
pub const UPDATE_PLAN: Operation =
    Operation::get("/v1/updates/plan", "What installing the chosen update would cost; it asks the repository and changes nothing.")
        .answers(Shape::Json("UpdatePlan"))
        .refuses(&[NOT_HERE, (404, "There is no update, or none was looked for."), BUSY]);

/// `POST /v1/updates/rollback`
pub const UPDATE_ROLLBACK: Operation =
    Operation::post("/v1/updates/rollback", "Goes back to the version before, by a restart. The one that runs is not tried again.")
        .by(Role::Admin)
        .refuses(&[
            NOT_HERE,
            (404, "There is no version to go back to."),
            (409, "This cannot be done in the update's present state."),
            BUSY,
        ]);

/// `POST /v1/updates/forgive`
pub const UPDATE_FORGIVE: Operation = Operation::post("/v1/updates/forgive", "Lets a version be tried again that was not good.")
    .by(Role::Admin)
    .body("ForgiveRequest")
    .refuses(&[NOT_HERE, (404, "This version is not one that was not good."), BUSY]);

pub(super) const ALL: &[&Operation] = &[&UPDATES, &UPDATE_PLAN, &UPDATE_ROLLBACK, &UPDATE_FORGIVE];
