//! What Bottlerocket's API does to a node: restart, update, report, disks, containers.

use super::NOT_HERE;
use crate::Role;
use crate::operation::{Kind, Operation, Parameter, Shape};

const GOING_DOWN: (u16, &str) = (409, "The node is going down already.");
const NO_UPDATE: (u16, &str) = (404, "There is no update, or no updater in this image.");
const WRONG_STATE: (u16, &str) = (409, "This cannot be done in the update's present state.");
const BUSY: (u16, &str) = (423, "Another update command runs.");
const UPDATE: &[(u16, &str)] = &[NO_UPDATE, WRONG_STATE, BUSY];
const FORMAT: Parameter = Parameter::text("format", "For people or for programs.").of(Kind::Choice(&["text", "json"]));
const LEVEL: Parameter = Parameter::text("level", "Level of the checks.").of(Kind::Choice(&["1", "2"]));
const BENCHMARK: Parameter = Parameter::text("type", "Which benchmark.").of(Kind::Choice(&["bottlerocket", "kubernetes"]));

/// `POST /actions/reboot`
pub const REBOOT: Operation = Operation::post("/actions/reboot", "Restarts the node in an orderly way.").refuses(&[GOING_DOWN]);

/// `POST /actions/lockdown`
pub const LOCKDOWN: Operation =
    Operation::post("/actions/lockdown", "Locks the settings until the next boot.").by(Role::Admin).refuses(&[NOT_HERE]);

/// `POST /actions/refresh-updates`
pub const REFRESH_UPDATES: Operation =
    Operation::post("/actions/refresh-updates", "Looks for updates.").by(Role::Admin).refuses(&[NOT_HERE, BUSY]);

/// `POST /actions/prepare-update`
pub const PREPARE_UPDATE: Operation =
    Operation::post("/actions/prepare-update", "Writes the update to the idle slot.").by(Role::Admin).refuses(UPDATE);

/// `POST /actions/activate-update`
pub const ACTIVATE_UPDATE: Operation =
    Operation::post("/actions/activate-update", "Makes the update what the next boot runs.").by(Role::Admin).refuses(UPDATE);

/// `POST /actions/deactivate-update`
pub const DEACTIVATE_UPDATE: Operation =
    Operation::post("/actions/deactivate-update", "Takes the activation of an update back.").by(Role::Admin).refuses(UPDATE);

/// `GET /updates/status`
pub const UPDATE_STATUS: Operation = Operation::get("/updates/status", "What the updater knows and what it did last.")
    .answers(Shape::Json("UpdateStatus"))
    .refuses(&[(404, "Updates were never looked for, or there is no updater in this image."), BUSY]);

/// `GET /exec`
pub const EXEC: Operation = Operation {
    status: 101,
    answer: Shape::Socket,
    ..Operation::get("/exec", "Runs a command in a host container, over a WebSocket.").by(Role::Admin).refuses(&[NOT_HERE])
};

/// `GET /report`
pub const REPORTS: Operation = Operation::get("/report", "The reports this image can make.").answers(Shape::Json("ReportList"));

/// `GET /report/cis`
pub const REPORT_CIS: Operation = Operation::get("/report/cis", "Checks the node against a CIS benchmark.")
    .takes(&[LEVEL, FORMAT, BENCHMARK])
    .answers(Shape::Text("application/text"))
    .refuses(&[NOT_HERE]);

/// `GET /report/fips`
pub const REPORT_FIPS: Operation = Operation::get("/report/fips", "Checks whether the node keeps to FIPS 140.")
    .takes(&[FORMAT])
    .answers(Shape::Text("application/text"))
    .refuses(&[NOT_HERE]);

/// `POST /actions/network/configure`
pub const NETWORK_CONFIGURE: Operation =
    Operation::post("/actions/network/configure", "Stores the network configuration (TOML) that the next boot uses.")
        .by(Role::Admin)
        .text_body()
        .refuses(&[NOT_HERE]);

/// The operations on ephemeral disks below a path; Bottlerocket's code and its document disagree on it, so there are both.
macro_rules! ephemeral_storage {
    ($($init:ident $bind:ident $disks:ident $dirs:ident $volumes:ident $prefix:literal;)*) => {$(
        #[doc = concat!("`POST ", $prefix, "/init`")]
        pub const $init: Operation =
            Operation::post(concat!($prefix, "/init"), "Makes one file system of the ephemeral disks.").by(Role::Admin).body("EphemeralStorageInit").refuses(&[NOT_HERE]);
        #[doc = concat!("`POST ", $prefix, "/bind`")]
        pub const $bind: Operation =
            Operation::post(concat!($prefix, "/bind"), "Binds folders to the ephemeral disks.").by(Role::Admin).body("EphemeralStorageBind").refuses(&[NOT_HERE]);
        #[doc = concat!("`GET ", $prefix, "/list-disks`")]
        pub const $disks: Operation = Operation::get(concat!($prefix, "/list-disks"), "The ephemeral disks.")
            .takes(&[FORMAT]).answers(Shape::Text("application/text")).refuses(&[NOT_HERE]);
        #[doc = concat!("`GET ", $prefix, "/list-dirs`")]
        pub const $dirs: Operation = Operation::get(concat!($prefix, "/list-dirs"), "The folders that may be bound to ephemeral disks.")
            .takes(&[FORMAT]).answers(Shape::Text("application/text")).refuses(&[NOT_HERE]);
        #[doc = concat!("`GET ", $prefix, "/list-ebs-volumes`")]
        pub const $volumes: Operation = Operation::get(concat!($prefix, "/list-ebs-volumes"), "The EBS volumes that can be used as ephemeral disks.")
            .takes(&[FORMAT]).answers(Shape::Text("application/text")).refuses(&[NOT_HERE]);
    )*};
}

ephemeral_storage! {
    EPHEMERAL_INIT EPHEMERAL_BIND EPHEMERAL_DISKS EPHEMERAL_DIRS EPHEMERAL_VOLUMES "/actions/ephemeral-storage";
    OLD_EPHEMERAL_INIT OLD_EPHEMERAL_BIND OLD_EPHEMERAL_DISKS OLD_EPHEMERAL_DIRS OLD_EPHEMERAL_VOLUMES "/ephemeral-storage";
}

pub(super) const ALL: &[&Operation] = &[
    &REBOOT,
    &LOCKDOWN,
    &REFRESH_UPDATES,
    &PREPARE_UPDATE,
    &ACTIVATE_UPDATE,
    &DEACTIVATE_UPDATE,
    &UPDATE_STATUS,
    &EXEC,
    &REPORTS,
    &REPORT_CIS,
    &REPORT_FIPS,
    &NETWORK_CONFIGURE,
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
