//! The API as a client sees it.

mod access;
mod answers;
mod database;
mod document;
mod figures;
mod head;
mod live;
mod page;
mod refusals;
mod shutdown;

use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, stream};
use nettally_source::{ComponentCounters, Event, LossCount, LossReason, Losses};
use serde_json::{Value, json};
use warp::http::Response;
use warp::hyper::body::Bytes;

use super::api::Api;
use super::*;
use crate::live::testing::{batch, degraded_health, flow, frames, health, instant};
use crate::topology::SinkStatus;

/// A sink that lost one row.
struct LossySink;

impl SinkStatus for LossySink {
    fn status(&self) -> Value {
        json!({ "rows": 3 })
    }

    fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        let count = LossCount {
            events: 1,
            ..LossCount::default()
        };
        losses.add(LossReason::SinkFailed, count);
        losses
    }

    fn name(&self) -> &str {
        "history"
    }

    fn type_name(&self) -> &'static str {
        "sqlite"
    }

    fn counters(&self) -> ComponentCounters {
        ComponentCounters::default()
    }
}

fn network(network: tokio::net::TcpListener) -> Doors {
    Doors {
        network,
        socket: None,
    }
}

fn state() -> ApiState {
    ApiState {
        live: Live::new(),
        database: None,
        roster: Arc::default(),
        reloads: Arc::default(),
        started: instant(0),
        token: None,
        limit: None,
    }
}

/// Feeds `events` and ends the input, so that event streams end too.
async fn feed(live: &Arc<Live>, events: Vec<Event>) {
    live.sink().run(stream::iter(events).boxed()).await.unwrap();
}

fn bound_to_loopback(state: ApiState) -> Arc<Api> {
    let never = futures::future::pending().boxed().shared();
    Arc::new(Api::new(state, IpAddr::from([127, 0, 0, 1]), never))
}

async fn get_with(api: &Arc<Api>, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = warp::test::request().path(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:9797");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .reply(&routes::routes(Arc::clone(api), Origin::Network))
        .await
}

async fn get(api: &Arc<Api>, path: &str) -> (u16, Value) {
    let response = get_with(api, path, &[]).await;
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body)
}
