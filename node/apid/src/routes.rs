//! The routes of the API and what each answers.

use crate::answer::Refusal;
use crate::core::Core;
use crate::role::Caller;
use crate::{Shared, apply, node, remote, tree};
use ampoule_api_types::v1::{BootReport, ErrorCode, LogQuery, ServiceList};
use ampoule_api_types::{DEFAULT_TRANSACTION, Keypairs, OsInfo};
use ampoule_plan::{Change, Plan};
use ampoule_report::chain;
use ampoule_settings::Settings;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, patch, post};
use axum::{Extension, Json, Router};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Longest body, in bytes: the largest settings there are fit many times.
const MAX_BODY: usize = 1024 * 1024;
/// A body that has not come by then is not coming.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

type Answer<T> = Result<T, Refusal>;
type Node = State<Arc<Shared>>;

/// All routes, for one caller.
pub(crate) fn router(shared: Arc<Shared>, caller: Caller) -> Router {
    bottlerocket()
        .merge(ours())
        .fallback(|| async { Refusal::not_found("There is no such route") })
        .layer(from_fn(permit))
        .layer(from_fn(typed))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(Extension(caller))
        .with_state(shared)
}

fn bottlerocket() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(whole))
        .route("/os", get(os))
        .route("/settings", get(settings).patch(patch_settings))
        .route("/settings/keypair", patch(patch_pairs))
        .route("/tx", get(pending).delete(discard))
        .route("/tx/list", get(transactions))
        .route("/tx/commit", post(commit))
        .route("/tx/apply", post(apply_all))
        .route("/tx/commit_and_apply", post(commit_and_apply))
        .route("/actions/reboot", post(reboot))
        .route("/actions/{*rest}", any(absent))
        .route("/updates/status", any(absent))
        .route("/exec", any(absent))
        .route("/report", any(absent))
        .route("/report/{*rest}", any(absent))
}

fn ours() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/boot", get(boot))
        .route("/v1/services", get(services))
        .route("/v1/services/{name}/restart", post(restart))
        .route("/v1/workloads", get(workloads))
        .route("/v1/network", get(network))
        .route("/v1/logs", get(logs))
        .route("/v1/poweroff", post(power_off))
}

/// A reader's certificate changes nothing.
async fn permit(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    if caller.role.may(request.method()) {
        return next.run(request).await;
    }
    let text = "A certificate with the role `reader` may only read";
    Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, text).hint("use one with the role operator or admin").typed().into_response()
}

/// Below `/v1` every mistake is JSON, also those that the framework finds.
async fn typed(request: Request, next: Next) -> Response {
    let is_ours = request.uri().path().starts_with("/v1/");
    let answer = next.run(request).await;
    let is_json = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_ours || is_json || !(answer.status().is_client_error() || answer.status().is_server_error()) {
        return answer;
    }
    let status = answer.status();
    let text = axum::body::to_bytes(answer.into_body(), MAX_BODY).await.unwrap_or_default();
    Refusal::from_text(status, String::from_utf8_lossy(&text).into_owned()).into_response()
}

/// A route of Bottlerocket whose work this image does not do.
async fn absent() -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::NotAvailable, "This is not available on this image")
}

#[derive(Deserialize)]
struct Transaction {
    tx: Option<String>,
}

impl Transaction {
    fn name(&self) -> &str {
        self.tx.as_deref().unwrap_or(DEFAULT_TRANSACTION)
    }
}

#[derive(Deserialize)]
struct Selection {
    keys: Option<String>,
    prefix: Option<String>,
}

/// What this caller may see of the settings.
fn visible(core: &Core, caller: &Caller) -> ampoule_settings::Fragment {
    let all = core.live();
    if caller.role == crate::role::Role::Reader { tree::without_secrets(&all) } else { all }
}

async fn settings(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Selection>) -> Answer<Json<Value>> {
    let all = visible(&*node.core.lock().await, &caller);
    let part = match (wanted.keys.as_deref(), wanted.prefix.as_deref()) {
        (Some(""), _) | (None, Some("")) => {
            return Err(Refusal::bad_request("An empty `keys` or `prefix` selects nothing").hint("leave it out to get all"));
        }
        (Some(keys), _) => {
            tree::at_or_below(&all, &tree::keys(keys)).map_err(|k| Refusal::not_found(format!("settings.{k} is not set")))?
        }
        (None, Some(prefix)) => tree::beginning_with(&all, prefix),
        (None, None) => all,
    };
    Ok(Json(part.to_json()))
}

async fn patch_settings(State(node): Node, Query(tx): Query<Transaction>, body: Body) -> Answer<StatusCode> {
    let change = json(body).await?;
    node.core.lock().await.patch(tx.name(), &change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn patch_pairs(State(node): Node, Query(tx): Query<Transaction>, body: Body) -> Answer<StatusCode> {
    let pairs: Keypairs =
        serde_json::from_value(json(body).await?).map_err(|e| Refusal::bad_request(format!("Not a list of keys and values: {e}")))?;
    node.core.lock().await.patch_pairs(tx.name(), &pairs.request_payload)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn json(body: Body) -> Answer<Value> {
    let bytes = tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, MAX_BODY)).await;
    let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, "The body did not come in time");
    let bytes: Bytes = bytes.map_err(|_| late())?.map_err(|_| too_large())?;
    serde_json::from_slice(&bytes).map_err(|e| Refusal::bad_request(format!("The body is not JSON: {e}")))
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, format!("The body is larger than {MAX_BODY} bytes"))
}

async fn pending(State(node): Node, Query(tx): Query<Transaction>) -> Json<Value> {
    Json(node.core.lock().await.pending(tx.name()).to_json())
}

async fn discard(State(node): Node, Query(tx): Query<Transaction>) -> Json<Vec<String>> {
    Json(node.core.lock().await.discard(tx.name()))
}

async fn transactions(State(node): Node) -> Json<Vec<String>> {
    Json(node.core.lock().await.transactions())
}

async fn commit(State(node): Node, Extension(caller): Extension<Caller>, Query(tx): Query<Transaction>) -> Answer<Json<Vec<String>>> {
    Ok(Json(node.core.lock().await.commit(tx.name(), &caller.name)?))
}

/// Everything that the live settings lead to, again: every file and every service that reads one.
async fn apply_all(State(node): Node) -> Answer<StatusCode> {
    finish(&node, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn commit_and_apply(
    State(node): Node,
    Extension(caller): Extension<Caller>,
    Query(tx): Query<Transaction>,
) -> Answer<Json<Vec<String>>> {
    let keys = node.core.lock().await.commit(tx.name(), &caller.name)?;
    finish(&node, false).await?;
    Ok(Json(keys))
}

/// What lies between what was applied and what is wanted; with `again` also what should be there already.
fn plan(applied: &Settings, wanted: &Settings, again: bool) -> Plan {
    let mut plan = Plan::between(Some(applied), wanted);
    if again {
        let gone = plan.files.into_iter().filter(|file| file.change == Change::Removed).collect::<Vec<_>>();
        plan = Plan::between(None, wanted);
        plan.files.extend(gone);
    }
    plan
}

/// Applies, and tells this caller how it went.
async fn finish(node: &Arc<Shared>, again: bool) -> Answer<()> {
    let mut applied = node.applied.lock().await;
    let wanted = node.core.lock().await.settings().clone();
    let plan = plan(&applied, &wanted, again);
    let failed = |text: String| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Failed, text)
            .hint("the settings are committed; POST /tx/apply tries again")
    };
    let options = node.options.clone();
    let done = tokio::task::spawn_blocking(move || apply::carry_out(&options, &plan)).await;
    done.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(chain(&e)))?;
    *applied = wanted;
    remote::follow(node).await.map_err(|e| failed(chain(&e)))
}

async fn os(State(node): Node) -> Answer<Json<OsInfo>> {
    let text = std::fs::read_to_string(&node.options.os_release)
        .map_err(|e| Refusal::unreachable(format!("The image's os-release cannot be read: {e}")))?;
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k, v.trim_matches('"'))).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default().to_owned();
    let arch = std::env::consts::ARCH.to_owned();
    let (pretty_name, variant_id) = (field("PRETTY_NAME"), field("VARIANT_ID"));
    Ok(Json(OsInfo { pretty_name, variant_id, version_id: field("VERSION_ID"), build_id: field("BUILD_ID"), arch }))
}

/// The whole model: settings and what the node runs.
async fn whole(State(node): Node, Extension(caller): Extension<Caller>, Query(wanted): Query<Selection>) -> Answer<Json<Value>> {
    let prefix = wanted.prefix.unwrap_or_default();
    let settings = tree::beginning_with(&visible(&*node.core.lock().await, &caller), &prefix);
    let mut all = serde_json::Map::new();
    if !settings.is_empty() {
        all.insert("settings".into(), settings.to_json());
    }
    if "os".starts_with(prefix.trim_end_matches('.')) {
        let Json(os) = os(State(node)).await?;
        all.insert("os".into(), serde_json::to_value(os).unwrap_or_default());
    }
    Ok(Json(Value::Object(all)))
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
    let init_ms = first("init", ampoule_api_types::v1::ServiceState::Starting);
    let api_ms = first("apid", ampoule_api_types::v1::ServiceState::Running);
    let generation = node.core.lock().await.generation();
    Ok(Json(BootReport { init_ms, api_ms, generation, steps }))
}

async fn workloads(State(node): Node) -> Answer<Json<Value>> {
    node::status(&node.options.run, "hostd").await.map(Json)
}

async fn network(State(node): Node) -> Answer<Json<Value>> {
    node::status(&node.options.run, "netd").await.map(Json)
}

/// Records as JSON lines, as they come from the log service.
async fn logs(State(node): Node, Query(query): Query<LogQuery>) -> Answer<Response> {
    let connection = node::logs(&node.options.run, query).await?;
    let chunks = stream::unfold(connection, |mut connection| async move {
        let mut chunk = vec![0; 16 * 1024];
        match connection.read(&mut chunk).await {
            Ok(0) => None,
            Ok(size) => {
                chunk.truncate(size);
                Some((Ok::<_, std::io::Error>(chunk), connection))
            }
            Err(error) => Some((Err(error), connection)),
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response())
}
