//! `GET live/remotes`: whom a process talked to in the kept windows.

use std::sync::Arc;

use nettally_source::{Protocol, Window};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use warp::http::Method;
use warp::reply::{Reply as _, Response};

use super::model::pair;
use crate::http::api::Api;
use crate::http::conditions::WHAT;
use crate::http::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::live::{FlowChoice, Moved, RemoteNow, Remotes};

const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 1_000;

/// What is served.
pub(in crate::http) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/live/remotes",
    summary: "Whom a process talked to in the last two minutes",
    parameters,
    example: "process=curl",
    content: Content::Json(SchemaGenerator::subschema_for::<RemotesAnswer>),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    let own = ["app", "process", "pid", "protocol"];
    let limit = Parameter {
        name: "limit",
        meaning: "At most this many rows.",
        takes: Takes::Number {
            least: 1,
            most: MAX_ROWS,
        },
    };
    let what = WHAT.into_iter();
    let history = Parameter {
        name: "history",
        meaning: "`true`: what each row moved in each kept window, too.",
        takes: Takes::YES_OR_NO,
    };
    what.filter(|parameter| own.contains(&parameter.name))
        .chain([limit, history])
        .collect()
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let (choice, limit, has_history) = parsed(&request.query)?;
    let remotes = if has_history {
        api.live.remotes_with_history(&choice, limit as usize)
    } else {
        api.live.remotes(&choice, limit as usize)
    };
    Ok(warp::reply::json(&RemotesAnswer::of(&remotes)).into_response())
}

fn parsed(query: &str) -> Result<(FlowChoice, u32, bool), ApiError> {
    let params = Params::parse(query, &parameters())?;
    let choice = FlowChoice {
        app: params.text("app").map(str::to_owned),
        pid: params.number("pid")?,
        name: params.text("process").map(str::to_owned),
        protocol: params.parsed("protocol")?,
    };
    let has_history = params.parsed("history")?.unwrap_or(false);
    Ok((choice, params.limit(DEFAULT_ROWS, MAX_ROWS)?, has_history))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveRemotes")]
struct RemotesAnswer {
    /// The newest window; `sent_bytes` and `received_bytes` of a row are of it.
    window: Option<Window>,
    /// From the oldest kept window to the newest; `recent` is of it.
    span: Option<Window>,
    rows: Vec<RemoteRow>,
    /// What was moved in `span` with remotes that are in no row.
    other: Moved,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LiveRemote")]
struct RemoteRow {
    protocol: Protocol,
    remote_ip: String,
    remote_port: Option<u16>,
    #[serde(flatten)]
    now: Moved,
    recent: Moved,
    /// Sent and received bytes in each window of `span`, oldest first, where it is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<[u64; 2]>,
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
                        history,
                    } = row;
                    RemoteRow {
                        protocol: *protocol,
                        remote_ip: remote.ip_text(),
                        remote_port: remote.port(),
                        now: *now,
                        recent: *recent,
                        history: history.iter().copied().map(pair).collect(),
                    }
                })
                .collect(),
            other: *other,
        }
    }
}
