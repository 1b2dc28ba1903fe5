//! `GET live`: one server-sent event for each window; `GET live/remotes`: whom a process talks to.

mod model;
pub(super) mod remotes;
mod told;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use schemars::SchemaGenerator;
use tokio::sync::OwnedSemaphorePermit;
use warp::filters::sse::Event;
use warp::http::Method;
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Request, no_parameters};
use super::error::ApiError;
use super::health::Summary;
use crate::live::{Frame, Subscription};

use model::LiveEvent;
use told::Told;

/// A comment this often keeps proxies and tunnels from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a browser waits before it asks again.
const RETRY: Duration = Duration::from_secs(2);

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/live",
    summary: "What moves now: a `snapshot`, then an event `window` for each window, as server-sent events",
    parameters: no_parameters,
    example: "",
    content: Content::Events(SchemaGenerator::subschema_for::<LiveEvent<'_>>),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    request.params()?;
    let permit = Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_all_taken| ApiError::Busy)?;
    let stop = api.stop.clone();
    let events = events(api, permit).take_until(stop);
    let events = warp::sse::keep_alive().interval(KEEP_ALIVE).stream(events);
    Ok(warp::sse::reply(events).into_response())
}

/// A snapshot at once, then one event for each window.
fn events(
    api: Arc<Api>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, serde_json::Error>> + Send {
    let mut subscription = api.live.subscribe();
    let snapshot = api.live.snapshot();
    subscription.skip_to(snapshot.sequence);
    let mut told = Told::default();
    let first = event("snapshot", &snapshot, &api, &mut told).map(|event| event.retry(RETRY));
    let following = stream::unfold(
        (api, subscription, told, permit),
        |(api, mut subscription, mut told, permit): (Arc<Api>, Subscription, _, _)| async move {
            let frame = subscription.next().await?;
            let event = event("window", &frame, &api, &mut told);
            told.forget_before(frame.sequence);
            Some((event, (api, subscription, told, permit)))
        },
    );
    stream::iter([first]).chain(following)
}

fn event(
    name: &str,
    frame: &Frame,
    api: &Api,
    told: &mut Told,
) -> Result<Event, serde_json::Error> {
    Event::default()
        .event(name)
        .id(frame.sequence.to_string())
        .json_data(LiveEvent::of(frame, Summary::of(api), told))
}
