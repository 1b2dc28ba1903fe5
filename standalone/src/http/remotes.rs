//! `GET remotes`: whom the processes of this machine talked to in a span of time.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::schema::Instant;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, Reader, RemoteAnswer, RemoteQuery, RemoteRow, TimeRange,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use warp::http::Method;
use warp::reply::Response;

use super::api::Api;
use super::cursor::Cursor;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::order::order;
use super::params::Params;
use super::{conditions, now};

const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 10_000;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/remotes",
    summary: "Each remote address of a span of time: how many apps talked to it, when, and how much",
    parameters,
    example: "since=-1h&protocol=tcp&limit=5",
    content: Content::Json(SchemaGenerator::subschema_for::<Page>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[
        Parameter {
            name: "order_by",
            meaning: "`total_bytes`, `sent_bytes`, `received_bytes` or `remote_ip`, with `:asc` or `:desc`.",
            takes: Takes::Text,
        },
        Parameter {
            name: "limit",
            meaning: "At most this many rows.",
            takes: Takes::Number {
                least: 1,
                most: MAX_ROWS,
            },
        },
        Parameter {
            name: "cursor",
            meaning: "`next_cursor` of the page before, as it is: what follows it.",
            takes: Takes::Text,
        },
    ])
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let query = parsed(&request.query, now())?;
    let question = |reader: &Reader, query: &RemoteQuery| reader.remotes(query).map(Page::from);
    api.database.answer(&request, query, question).await
}

/// An answer whose cursor can be given back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Remotes")]
struct Page {
    #[serde(flatten)]
    range: TimeRange,
    remotes: Vec<RemoteRow>,
    /// Of everything that matches, not only of `remotes`.
    total: ByteTotals,
    /// What was folded away in storage, or might match though it is not in `total`.
    other: ByteTotals,
    /// What is in neither, because other protocols may count the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; later usage is not stored yet.
    #[schemars(with = "Option<Instant>")]
    flushed_until: Option<Timestamp>,
    /// For the page that follows; null at the end.
    next_cursor: Option<Cursor>,
}

impl From<RemoteAnswer> for Page {
    fn from(answer: RemoteAnswer) -> Self {
        let RemoteAnswer {
            range,
            remotes,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor,
        } = answer;
        Self {
            range,
            remotes,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor: Cursor::after(range, next_cursor, flushed_until),
        }
    }
}

fn parsed(query: &str, now: Timestamp) -> Result<RemoteQuery, ApiError> {
    let params = Params::parse(query, &parameters())?;
    let Cursor { range, offset } = Cursor::of(&params, now)?;
    Ok(RemoteQuery {
        range,
        filter: conditions::filter(&params)?,
        order: order(&params, &[Field::RemoteIp], "what a remote has")?,
        limit: Some(params.limit(DEFAULT_ROWS, MAX_ROWS)?),
        offset,
    })
}
