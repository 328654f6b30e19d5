//! Bottlerocket's settings and transactions.

use super::{KEY_LIST, SETTINGS_TREE};
use crate::operation::{Method, Operation, Parameter, Shape};

const PREFIX: Parameter = Parameter::text("prefix", "Only keys that begin with this text; `settings.` may be left out.");
const KEYS: Parameter = Parameter::text("keys", "Only these keys and what is below them, divided by commas; wins over `prefix`.");
const TX: Parameter = Parameter::text("tx", "Name of the transaction; `default` if none is given.");
const NOT_SET: (u16, &str) = (404, "A key in the list is not set.");
const NOTHING_PENDING: (u16, &str) = (422, "The transaction holds no changes.");
const TOO_MUCH: (u16, &str) = (413, "These would be more settings than a node keeps.");
const LOCKED: (u16, &str) = (423, "The settings are locked until the next boot.");
const FULL: (u16, &str) = (507, "The settings cannot be stored.");

/// `GET /`
pub const WHOLE: Operation =
    Operation::get("/", "Settings and facts about the node, narrowed by a prefix.").takes(&[PREFIX]).answers(Shape::Json("WholeModel"));

/// `GET /settings`
pub const SETTINGS: Operation =
    Operation::get("/settings", "The live settings.").takes(&[KEYS, PREFIX]).answers(SETTINGS_TREE).refuses(&[NOT_SET]);

/// `PATCH /settings`
pub const PATCH_SETTINGS: Operation = Operation::new(Method::Patch, "/settings", "Puts values into a transaction.")
    .takes(&[TX])
    .body("SettingsTree")
    .silent()
    .refuses(&[LOCKED]);

/// `PATCH /settings/keypair`
pub const PATCH_PAIRS: Operation =
    Operation::new(Method::Patch, "/settings/keypair", "Puts values written as KEY=VALUE into a transaction.")
        .takes(&[TX])
        .body("Keypairs")
        .silent()
        .refuses(&[LOCKED]);

/// `GET /tx`
pub const PENDING: Operation = Operation::get("/tx", "What is pending in a transaction.").takes(&[TX]).answers(SETTINGS_TREE);

/// `DELETE /tx`
pub const DISCARD: Operation =
    Operation::new(Method::Delete, "/tx", "Drops a transaction; the keys it held.").takes(&[TX]).answers(KEY_LIST);

/// `GET /tx/list`
pub const TRANSACTIONS: Operation =
    Operation::get("/tx/list", "Names of the transactions that hold something.").answers(Shape::Json("NameList"));

/// `POST /tx/commit`
pub const COMMIT: Operation = Operation::post("/tx/commit", "Makes a transaction's values the live ones; the keys that changed.")
    .takes(&[TX])
    .answers(KEY_LIST)
    .refuses(&[TOO_MUCH, NOTHING_PENDING, LOCKED, FULL]);

/// `POST /tx/apply`
pub const APPLY: Operation = Operation::post("/tx/apply", "Writes what the live settings lead to and tells the services that read it.")
    .takes(&[Parameter::text(
        "keys",
        "Only what these settings, divided by commas, and those below them lead to, besides what is not applied yet; none: everything.",
    )]);

/// `POST /tx/commit_and_apply`
pub const COMMIT_AND_APPLY: Operation =
    Operation::post("/tx/commit_and_apply", "Commits a transaction and applies it; the keys that changed.")
        .takes(&[TX])
        .answers(KEY_LIST)
        .refuses(&[TOO_MUCH, NOTHING_PENDING, LOCKED, FULL]);

/// `GET /v2/tx`
pub const PENDING_V2: Operation = Operation::get("/v2/tx", "What is pending in a transaction, each value with its strength.")
    .takes(&[TX])
    .answers(Shape::Json("PendingValues"));

pub(super) const ALL: &[&Operation] =
    &[&WHOLE, &SETTINGS, &PATCH_SETTINGS, &PATCH_PAIRS, &PENDING, &DISCARD, &TRANSACTIONS, &COMMIT, &APPLY, &COMMIT_AND_APPLY, &PENDING_V2];
