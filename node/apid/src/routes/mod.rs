//! The routes of the API, one file per noun. A route reads its request and says what came of it; what is done is done elsewhere.

mod changes;
mod described;
mod elsewhere;
mod events;
mod figures;
mod generations;
mod logs;
mod metadata;
mod node;
mod reports;
mod served;
mod settings;
mod transactions;
mod updates;
mod user_data;

use crate::Shared;
use crate::answer::Refusal;
use crate::role::{Caller, Role, forbidden};
use ampoule_api_types::operation::Operation;
use ampoule_api_types::operations;
use ampoule_api_types::v1::{ErrorBody, ErrorCode};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Longest body, in bytes: the largest settings there are fit many times.
const MAX_BODY: usize = 1024 * 1024;
/// A body that has not come by then is not coming.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

use served::Served;

/// Longest path in a log line, in characters; ours are shorter.
const LOGGED_PATH: usize = 120;

type Answer<T> = Result<T, Refusal>;
type Node = State<Arc<Shared>>;

/// All routes, for one caller.
pub(crate) fn router(shared: Arc<Shared>, caller: Caller) -> Router {
    served()
        .router()
        .fallback(|| async { Refusal::not_found("There is no such route") })
        .layer(from_fn(permit))
        .layer(from_fn(typed))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(Extension(caller))
        .with_state(shared)
}

/// Every operation and what serves it.
fn served() -> Served {
    let nouns = [
        settings::routes(),
        described::routes(),
        metadata::routes(),
        transactions::routes(),
        changes::routes(),
        generations::routes(),
        user_data::routes(),
        events::routes(),
        logs::routes(),
        figures::routes(),
        updates::routes(),
        elsewhere::routes(),
        reports::routes(),
    ];
    nouns.into_iter().fold(node::routes(), Served::and)
}

/// Each operation takes a role. What is more than reading is logged with who did it.
async fn permit(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    // No operation: the answer is that there is none.
    let Some(operation) = operation(&request) else { return next.run(request).await };
    // As much as a log line needs; what a client sends may be long.
    let path: String = request.uri().path().chars().take(LOGGED_PATH).collect();
    let method = operation.method.as_str();
    if caller.role < operation.role {
        log::warn!("{}: {method} {path}: refused, its role is {}", caller.name, caller.role);
        return forbidden(caller.role, &format!("do this ({method} {path})"), operation.role).typed().into_response();
    }
    let answer = next.run(request).await;
    if operation.role != Role::Reader {
        log::info!("{}: {method} {path}: {}", caller.name, answer.status().as_u16());
    }
    answer
}

fn operation(request: &Request) -> Option<&'static Operation> {
    let path = request.extensions().get::<MatchedPath>()?;
    // A GET route answers HEAD too (RFC 9110, section 9.3.2).
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    operations::all().find(|operation| operation.path == path.as_str() && operation.method.as_str() == method)
}

/// Below `/v1` every mistake is JSON, also those that the framework finds; elsewhere for whoever asks for JSON.
async fn typed(request: Request, next: Next) -> Response {
    let wants_json = request.headers().get(header::ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"application/json"));
    let is_ours = request.uri().path().starts_with("/v1/") || wants_json;
    let mut answer = next.run(request).await;
    let is_json = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_ours || is_json || !(answer.status().is_client_error() || answer.status().is_server_error()) {
        return answer;
    }
    let status = answer.status();
    if let Some(body) = answer.extensions_mut().remove::<ErrorBody>() {
        return (status, Json(body)).into_response();
    }
    let text = axum::body::to_bytes(answer.into_body(), MAX_BODY).await.unwrap_or_default();
    Refusal::from_text(status, String::from_utf8_lossy(&text).into_owned()).into_response()
}

async fn json<T: DeserializeOwned>(body: Body) -> Answer<T> {
    let bytes = bytes(body).await?;
    serde_json::from_slice(&bytes).map_err(|e| Refusal::bad_request(format!("The body is not what this route takes: {e}")))
}

/// A body that may be absent.
async fn json_or_default<T: DeserializeOwned + Default>(body: Body) -> Answer<T> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|e| Refusal::bad_request(format!("The body is not what this route takes: {e}")))
}

async fn bytes(body: Body) -> Answer<Bytes> {
    let read = tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, MAX_BODY)).await;
    let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, "The body did not come in time");
    read.map_err(|_| late())?.map_err(|_| too_large())
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, format!("The body is larger than {MAX_BODY} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_served_is_what_is_documented() {
        let served: BTreeSet<String> = served().operations().iter().map(ToString::to_string).collect();
        let documented: BTreeSet<String> = ampoule_api_types::operations::all().map(ToString::to_string).collect();
        assert_eq!(served, documented);
    }

    /// A route made in another way would be in no document.
    #[test]
    fn routes_are_made_in_one_place() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = std::fs::read_dir(folder.join("routes")).expect("files").chain(std::fs::read_dir(&folder).expect("files"));
        let made = concat!(".rou", "te(");
        for file in files.map(|file| file.expect("a file").path()).filter(|file| file.is_file() && !file.ends_with("served.rs")) {
            assert!(!std::fs::read_to_string(&file).expect("text").contains(made), "{}", file.display());
        }
    }
}
