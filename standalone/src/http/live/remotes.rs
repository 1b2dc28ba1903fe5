//! `GET live/remotes`: whom a process talked to in the kept windows.

use std::sync::Arc;

use nettally_source::{Protocol, Window};
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::reply::Reply as _;
use warp::{Filter as _, Rejection, reject, reply::Response};

use crate::http::api::Api;
use crate::http::error::ApiError;
use crate::http::params::{Params, query_string};
use crate::live::{FlowChoice, Moved, RemoteNow, Remotes};

const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 1_000;

/// The route.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("live" / "remotes")
        .and(warp::get())
        .and(query_string())
        .and_then(move |query: String| answer(Arc::clone(&api), query))
        .boxed()
}

async fn answer(api: Arc<Api>, query: String) -> Result<Response, Rejection> {
    let (choice, limit) = parsed(&query).map_err(reject::custom)?;
    let remotes = api.live.remotes(&choice, limit as usize);
    Ok(warp::reply::json(&RemotesAnswer::of(&remotes)).into_response())
}

fn parsed(query: &str) -> Result<(FlowChoice, u32), ApiError> {
    let params = Params::parse(query, &["app", "process", "pid", "protocol", "limit"])?;
    let choice = FlowChoice {
        app: params.text("app").map(str::to_owned),
        pid: params.number("pid")?,
        name: params.text("process").map(str::to_owned),
        protocol: params.parsed("protocol")?,
    };
    Ok((choice, params.limit(DEFAULT_ROWS, MAX_ROWS)?))
}

#[derive(Serialize)]
struct RemotesAnswer {
    /// The newest window; `sent_bytes` and `received_bytes` of a row are of it.
    window: Option<Window>,
    /// From the oldest kept window to the newest; `recent` is of it.
    span: Option<Window>,
    rows: Vec<RemoteRow>,
    /// What was moved in `span` with remotes that are in no row.
    other: Moved,
}

#[derive(Serialize)]
struct RemoteRow {
    protocol: Protocol,
    remote_ip: String,
    remote_port: Option<u16>,
    #[serde(flatten)]
    now: Moved,
    recent: Moved,
}

impl RemotesAnswer {
    fn of(remotes: &Remotes) -> Self {
        let Remotes {
            span,
            window,
            rows,
            other,
        } = remotes;
        Self {
            window: *window,
            span: *span,
            rows: rows
                .iter()
                .map(|row| {
                    let RemoteNow {
                        protocol,
                        remote,
                        now,
                        recent,
                    } = *row;
                    RemoteRow {
                        protocol,
                        remote_ip: remote.ip_text(),
                        remote_port: remote.port(),
                        now,
                        recent,
                    }
                })
                .collect(),
            other: *other,
        }
    }
}
