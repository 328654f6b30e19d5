//! Ours: what the node is and does.

use crate::operation::{Kind, Method, Operation, Parameter, Shape};

const GOING_DOWN: (u16, &str) = (409, "The node is going down already.");

/// `GET /v1/boot`
pub const BOOT: Operation = Operation::get("/v1/boot", "What happened when since the kernel started.").answers(Shape::Json("BootReport"));

/// `GET /v1/services`
pub const SERVICES: Operation = Operation::get("/v1/services", "The node's services as they stand.").answers(Shape::Json("ServiceList"));

/// `POST /v1/services/{name}/restart`
pub const RESTART_SERVICE: Operation = Operation::post("/v1/services/{name}/restart", "Restarts a service.")
    .takes(&[Parameter::text("name", "Name of the service.").required()])
    .refuses(&[(404, "There is no such service."), GOING_DOWN]);

/// `GET /v1/workloads`
pub const WORKLOADS: Operation =
    Operation::get("/v1/workloads", "The workloads that the settings name, as they stand.").answers(Shape::Json("WorkloadList"));

/// `GET /v1/denials`
pub const DENIALS: Operation =
    Operation::get("/v1/denials", "What the kernel refused since it started, by policy or by a list of system calls.")
        .answers(Shape::Json("DenialList"));

/// `GET /v1/network`
pub const NETWORK: Operation =
    Operation::get("/v1/network", "Links, addresses and name servers as they stand.").answers(Shape::Json("NetworkStatus"));

/// `GET /v1/logs`
pub const LOGS: Operation = Operation::get("/v1/logs", "What services and workloads have said, a record a line.")
    .takes(&[
        Parameter::text(
            "source",
            "Names of sources (`apid`, `workload/web`, `workload/` for all workloads), divided by commas; none: all.",
        ),
        Parameter::text("since", "Only records at or after this: Unix time in milliseconds, or an age like `90s`, `15m`, `2h`, `1d`.")
            .of(Kind::Pattern("^[0-9]{1,18}[smhd]?$")),
        Parameter::text("level", "Only this syslog level and worse.").of(Kind::Number(0, 7)),
        Parameter::text("tail", "Only the last so many records.").of(Kind::Number(0, u32::MAX as u64)),
        Parameter::text("follow", "Keep sending what comes.").of(Kind::Flag),
    ])
    .answers(Shape::Lines("LogRecord"));

/// `POST /v1/poweroff`
pub const POWER_OFF: Operation = Operation::post("/v1/poweroff", "Switches the node off in an orderly way.").refuses(&[GOING_DOWN]);

/// `GET /v1/schema`
pub const SCHEMA: Operation =
    Operation::get("/v1/schema", "JSON Schema of this image's settings, with their documentation.").answers(Shape::Json("SettingsSchema"));

/// `GET /v1/settings`
pub const SETTINGS_WITH_SOURCE: Operation = Operation::get("/v1/settings", "The live settings by key, secrets hidden.")
    .takes(&[
        Parameter::text("with", "`source`: each value with who gave it.").of(Kind::Choice(&["source"])),
        Parameter::text("prefix", "Only keys that begin with this text; `settings.` may be left out."),
    ])
    .answers(Shape::Json("SettingList"));

/// `DELETE /v1/settings`
pub const UNSET: Operation =
    Operation::new(Method::Delete, "/v1/settings", "Marks keys for removal in a transaction: they go back to what the image says.")
        .takes(&[
            Parameter::text("keys", "These keys and what is below them, divided by commas.").required(),
            Parameter::text("tx", "Name of the transaction; `default` if none is given."),
        ])
        .silent()
        .refuses(&[(413, "These would be more settings than a node keeps."), (429, "Too many transactions are open.")]);

/// `GET /v1/metrics`
pub const METRICS: Operation =
    Operation::get("/v1/metrics", "Figures of the node in the text format of Prometheus.").answers(Shape::Text("text/plain"));

pub(super) const ALL: &[&Operation] = &[
    &BOOT,
    &SERVICES,
    &RESTART_SERVICE,
    &WORKLOADS,
    &DENIALS,
    &NETWORK,
    &LOGS,
    &POWER_OFF,
    &SCHEMA,
    &SETTINGS_WITH_SOURCE,
    &UNSET,
    &METRICS,
];
