//! The node as a machine: what it runs, its services, its end.

use super::served::Served;
use super::{Answer, Node};
use crate::answer::Refusal;
use crate::{Shared, node, tree};
use ampoule_api_types::OsInfo;
use ampoule_api_types::operations::{BOOT, DENIALS, NETWORK, OS, POWER_OFF, REBOOT, RESTART_SERVICE, SERVICES, WORKLOADS};
use ampoule_api_types::v1::{BootReport, DenialList, ServiceList, ServiceState, WorkloadList};
use ampoule_layout::os_release_value;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) fn routes() -> Served {
    Served::default()
        .serve(&OS, os)
        .serve(&REBOOT, reboot)
        .serve(&BOOT, boot)
        .serve(&SERVICES, services)
        .serve(&RESTART_SERVICE, restart)
        .serve(&WORKLOADS, workloads)
        .serve(&DENIALS, denials)
        .serve(&NETWORK, network)
        .serve(&POWER_OFF, power_off)
}

#[derive(Deserialize)]
struct Wanted {
    prefix: Option<String>,
}

async fn os(State(node): Node, Query(wanted): Query<Wanted>) -> Answer<Json<Value>> {
    match wanted.prefix.as_deref() {
        Some("") => Err(Refusal::bad_request("An empty `prefix` selects nothing").hint("leave it out to get all")),
        prefix => os_fields(&node, &tree::with_kind("os", prefix.unwrap_or_default())).map(|fields| Json(Value::Object(fields))),
    }
}

/// Fields of [`OsInfo`] whose name, with `os.` in front, begins with a prefix.
pub(super) fn os_fields(node: &Shared, prefix: &str) -> Answer<Map<String, Value>> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(os_info(node)?) else { return Ok(Map::new()) };
    fields.retain(|name, _| format!("os.{name}").starts_with(prefix));
    Ok(fields)
}

/// What the image says it is.
pub(super) fn os_info(node: &Shared) -> Answer<OsInfo> {
    let text = std::fs::read_to_string(&node.options.os_release)
        .map_err(|e| Refusal::unreachable(format!("The image's os-release cannot be read: {e}")))?;
    let field = |name: &str| os_release_value(&text, name).unwrap_or_default().to_owned();
    let arch = std::env::consts::ARCH.to_owned();
    let (pretty_name, variant_id) = (field("PRETTY_NAME"), field("VARIANT_ID"));
    Ok(OsInfo { pretty_name, variant_id, version_id: field("VERSION_ID"), build_id: field("BUILD_ID"), arch })
}

async fn reboot(State(node): Node) -> Answer<StatusCode> {
    node::init(&node.options.init, |init| init.reboot()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn power_off(State(node): Node) -> Answer<StatusCode> {
    node::init(&node.options.init, |init| init.poweroff()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn services(State(node): Node) -> Answer<Json<ServiceList>> {
    let services = node::init(&node.options.init, |init| init.services()).await?;
    Ok(Json(ServiceList { services: services.into_iter().map(node::service).collect() }))
}

async fn restart(State(node): Node, Path(name): Path<String>) -> Answer<StatusCode> {
    node::init(&node.options.init, move |init| init.restart(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn boot(State(node): Node) -> Answer<Json<BootReport>> {
    let steps: Vec<_> = node::init(&node.options.init, |init| init.timeline()).await?.into_iter().map(node::step).collect();
    let first = |name: &str, state| steps.iter().find(|s| s.name == name && s.state == state).map(|s| s.ms);
    let (init_ms, api_ms) = (first("init", ServiceState::Starting), first("apid", ServiceState::Running));
    let generation = node.core.lock().await.generation();
    Ok(Json(BootReport { init_ms, api_ms, generation, steps }))
}

async fn workloads(State(node): Node) -> Answer<Json<Value>> {
    node::status(&node.options.run, "hostd").await.map(Json)
}

/// `logd` counts them; `hostd` knows which workload a level belongs to. Without it they are told all the same.
async fn denials(State(node): Node) -> Answer<Json<DenialList>> {
    let told = node::status(&node.options.run, "logd").await?;
    let mut list: DenialList =
        serde_json::from_value(told).map_err(|e| Refusal::unreachable(format!("The log service answers strangely: {e}")))?;
    let workloads = node::status(&node.options.run, "hostd").await.unwrap_or_default();
    name_workloads(&mut list, &serde_json::from_value(workloads).unwrap_or_default());
    Ok(Json(list))
}

fn name_workloads(list: &mut DenialList, workloads: &WorkloadList) {
    let levels: BTreeMap<&str, &str> =
        workloads.workloads.iter().filter_map(|w| Some((w.isolation.as_ref()?.level.as_str(), w.name.as_str()))).collect();
    for denial in &mut list.denials {
        denial.workload = denial.level.as_deref().and_then(|level| levels.get(level)).map(|name| (*name).to_owned());
    }
}

async fn network(State(node): Node) -> Answer<Json<Value>> {
    node::status(&node.options.run, "netd").await.map(Json)
}
