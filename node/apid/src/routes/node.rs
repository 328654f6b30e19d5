//! The node as a machine: what it runs, its services, its end.

use super::{Answer, Node};
use crate::answer::Refusal;
use crate::{Shared, node};
use ampoule_api_types::OsInfo;
use ampoule_api_types::v1::{BootReport, ErrorCode, ServiceList, ServiceState};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/os", get(os))
        .route("/actions/reboot", post(reboot))
        .route("/actions/{*rest}", any(absent))
        .route("/updates/status", any(absent))
        .route("/exec", any(absent))
        .route("/report", any(absent))
        .route("/report/{*rest}", any(absent))
        .route("/v1/boot", get(boot))
        .route("/v1/services", get(services))
        .route("/v1/services/{name}/restart", post(restart))
        .route("/v1/workloads", get(workloads))
        .route("/v1/network", get(network))
        .route("/v1/poweroff", post(power_off))
}

/// A route of Bottlerocket whose work this image does not do.
async fn absent() -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::NotAvailable, "This is not available on this image")
}

async fn os(State(node): Node) -> Answer<Json<OsInfo>> {
    os_info(&node).map(Json)
}

/// What the image says it is.
pub(super) fn os_info(node: &Shared) -> Answer<OsInfo> {
    let text = std::fs::read_to_string(&node.options.os_release)
        .map_err(|e| Refusal::unreachable(format!("The image's os-release cannot be read: {e}")))?;
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k, v.trim_matches('"'))).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default().to_owned();
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

async fn network(State(node): Node) -> Answer<Json<Value>> {
    node::status(&node.options.run, "netd").await.map(Json)
}
