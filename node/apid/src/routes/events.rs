//! What happens to the settings, as server-sent events (WHATWG HTML, "Server-sent events").

use super::served::Served;
use super::{Answer, Node};
use crate::answer::Refusal;
use ampoule_api_types::operations::EVENTS;
use ampoule_api_types::v1::{ErrorCode, Event as Happened};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use std::convert::Infallible;
use tokio::sync::Semaphore;

/// Followers at once: each keeps a connection, and those who want to change something need some too.
const MOST_FOLLOWERS: usize = 16;

static PLACES: Semaphore = Semaphore::const_new(MOST_FOLLOWERS);

pub(super) fn routes() -> Served {
    Served::default().serve(&EVENTS, follow)
}

#[derive(Deserialize)]
struct From {
    /// For clients that cannot set a header: the same as `Last-Event-ID`.
    since: Option<u64>,
}

async fn follow(
    State(node): Node,
    Query(From { since }): Query<From>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let last = match headers.get("last-event-id") {
        Some(text) => Some(text.to_str().ok().and_then(|t| t.parse().ok()).ok_or_else(wrong_id)?),
        None => since,
    };
    let too_many = |_| Refusal::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, format!("{MOST_FOLLOWERS} clients follow already"));
    let place = PLACES.try_acquire().map_err(too_many)?;
    let follower = node.events.follow(last);
    let batches = stream::unfold((node, follower, place), |(node, mut follower, place)| async move {
        let found = follower.next(&node.events).await;
        Some((stream::iter(found.into_iter().map(event)), (node, follower, place)))
    });
    Ok(Sse::new(batches.flatten()).keep_alive(KeepAlive::default()))
}

fn wrong_id() -> Refusal {
    Refusal::bad_request("`Last-Event-ID` is the number of an event")
}

fn event(happened: Happened) -> Result<Event, Infallible> {
    let data = serde_json::to_string(&happened).unwrap_or_default();
    Ok(Event::default().id(happened.id.to_string()).data(data))
}
