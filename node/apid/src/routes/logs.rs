//! Records of the log service, as they come.

use super::served::Served;
use super::{Answer, Node};
use crate::node;
use ampoule_api_types::operations::LOGS;
use ampoule_api_types::v1::LogQuery;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::io::AsyncReadExt;

pub(super) fn routes() -> Served {
    Served::default().serve(&LOGS, logs)
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
