//! Ours: changes with all that the node does for them.

use crate::Role;
use crate::operation::{Kind, Operation, Parameter, Shape};

const NUMBER: Parameter = Parameter::text("number", "Number of the generation.").of(Kind::Number(0, i64::MAX as u64)).required();
const NO_GENERATION: (u16, &str) = (404, "There is no such generation, or it is damaged.");
const MOVED: (u16, &str) = (409, "What the request rests on has moved: the plan is another, or another change is on trial.");
const TOO_MUCH: (u16, &str) = (413, "These would be more settings than a node keeps.");
const NOTHING: (u16, &str) = (422, "There is nothing to change.");
const FULL: (u16, &str) = (507, "The settings cannot be stored.");

/// `POST /v1/plan`
pub const PLAN: Operation = Operation::post("/v1/plan", "What a change would do; nothing is done.")
    .by(Role::Reader)
    .takes(&[Parameter::text("tx", "A transaction whose changes are taken first.")])
    .optional_body("PlanRequest")
    .answers(Shape::Json("Plan"))
    .refuses(&[NOTHING]);

/// `POST /v1/apply`
pub const APPLY_CHANGE: Operation = Operation::post("/v1/apply", "Makes a change and carries it out; what became of it.")
    .body("ApplyRequest")
    .answers(Shape::Json("ApplyReport"))
    .refuses(&[MOVED, NOTHING, FULL]);

/// `GET /v1/applies/{id}`
pub const APPLY_REPORT: Operation = Operation::get("/v1/applies/{id}", "What became of an apply.")
    .takes(&[Parameter::text("id", "Its number.").of(Kind::Number(0, i64::MAX as u64)).required()])
    .answers(Shape::Json("ApplyReport"))
    .refuses(&[(404, "There is no report of it.")]);

/// `POST /v1/confirm`
pub const CONFIRM: Operation = Operation::post("/v1/confirm", "Says that the generation on trial is good.")
    .body("ConfirmRequest")
    .answers(Shape::Json("StandingInfo"))
    .refuses(&[MOVED, FULL]);

/// `POST /v1/rollback`
pub const ROLL_BACK: Operation = Operation::post("/v1/rollback", "Goes back to the last confirmed generation.")
    .answers(Shape::Json("StandingInfo"))
    .refuses(&[(409, "Nothing is on trial."), FULL]);

/// `GET /v1/generations`
pub const GENERATIONS: Operation =
    Operation::get("/v1/generations", "Every generation that is kept, and which counts.").answers(Shape::Json("GenerationList"));

/// `GET /v1/generations/{number}`
pub const GENERATION: Operation = Operation::get("/v1/generations/{number}", "A generation with what people chose; secrets are left out.")
    .takes(&[NUMBER])
    .answers(Shape::Json("GenerationDetail"))
    .refuses(&[NO_GENERATION]);

/// `GET /v1/generations/{number}/diff`
pub const GENERATION_DIFF: Operation = Operation::get("/v1/generations/{number}/diff", "What lies between a generation and another.")
    .takes(&[NUMBER, Parameter::text("to", "The other one; the one in force if none is given.").of(Kind::Number(0, i64::MAX as u64))])
    .answers(Shape::Json("GenerationDiff"))
    .refuses(&[NO_GENERATION, (409, "The settings of one of them do not fit this image.")]);

/// `POST /v1/generations/{number}/restore`
pub const RESTORE: Operation =
    Operation::post("/v1/generations/{number}/restore", "Makes the content of an earlier generation the newest.")
        .takes(&[NUMBER])
        .optional_body("RestoreRequest")
        .answers(Shape::Json("ApplyReport"))
        .refuses(&[NO_GENERATION, MOVED, TOO_MUCH, NOTHING, FULL]);

/// `GET /v1/user-data`
pub const USER_DATA: Operation =
    Operation::get("/v1/user-data", "Whether the user data the node sees differs from what it took, and what taking it would do.")
        .answers(Shape::Json("UserDataStatus"));

/// `POST /v1/user-data/apply`
pub const APPLY_USER_DATA: Operation = Operation::post("/v1/user-data/apply", "Takes the user data that the node sees now.")
    .optional_body("UserDataRequest")
    .answers(Shape::Json("ApplyReport"))
    .refuses(&[MOVED, TOO_MUCH, NOTHING, FULL]);

/// `GET /v1/events`
pub const EVENTS: Operation =
    Operation::get("/v1/events", "What happens to the settings, as server-sent events; goes on until the client goes.")
        .takes(&[Parameter::text("since", "Only events after the one of this number; the header Last-Event-ID says the same and wins.")
            .of(Kind::Number(0, i64::MAX as u64))])
        .answers(Shape::Text("text/event-stream"))
        .refuses(&[(429, "Too many follow already.")]);

pub(super) const ALL: &[&Operation] = &[
    &PLAN,
    &APPLY_CHANGE,
    &APPLY_REPORT,
    &CONFIRM,
    &ROLL_BACK,
    &GENERATIONS,
    &GENERATION,
    &GENERATION_DIFF,
    &RESTORE,
    &USER_DATA,
    &APPLY_USER_DATA,
    &EVENTS,
];
