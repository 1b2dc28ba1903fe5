//! `GET top`: who moved most in a span of time, with shares and rates.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::Protocol;
use nettally_source::pipeline::schema::Instant;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, Reader, StoreError, TimeRange, UsageAnswer, UsageQuery,
    UsageRow,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use warp::http::Method;
use warp::reply::Response;

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::order::order;
use super::params::Params;
use super::usage::grouping;
use super::{conditions, now};

const DEFAULT_ROWS: u32 = 10;
const MAX_ROWS: u32 = 1_000;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/top",
    summary: "Who moved most in a span of time, with shares and average rates",
    parameters,
    example: "since=-1h&group_by=app&limit=5",
    content: Content::Json(SchemaGenerator::subschema_for::<Top>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[
        Parameter {
            name: "group_by",
            meaning: "One row for each combination of these fields, with commas. Default `app`.",
            takes: Takes::Fields,
        },
        Parameter {
            name: "order_by",
            meaning: "`total_bytes`, `sent_bytes`, `received_bytes` or a field, with `:asc` or `:desc`.",
            takes: Takes::Text,
        },
        Parameter {
            name: "limit",
            meaning: "At most this many rows. Default 10; all of them, page by page, has `usage`.",
            takes: Takes::Number {
                least: 1,
                most: MAX_ROWS,
            },
        },
    ])
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let query = parsed(&request.query, now())?;
    api.database.answer(&request, query, Top::of).await
}

/// The first rows, and what the rest comes to.
#[derive(Serialize, JsonSchema)]
struct Top {
    #[serde(flatten)]
    range: TimeRange,
    /// The part of the range that was measured, which rates are averages of; null if nothing was.
    measured: Option<TimeRange>,
    /// The fields of each row.
    group_by: Vec<Field>,
    rows: Vec<TopRow>,
    /// What is in none of `rows`, but in `total`.
    rest: ByteTotals,
    /// Of everything that matches.
    total: ByteTotals,
    /// What was folded away in storage, or might match though it is not in `total`.
    other: ByteTotals,
    /// What is in neither, because other protocols may count the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; later usage is not stored yet.
    #[schemars(with = "Option<Instant>")]
    flushed_until: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
struct TopRow {
    #[serde(flatten)]
    row: UsageRow,
    /// Of sent and received bytes together, 0 to 1; null for what is in no total.
    share: Option<f64>,
    sent_bytes_per_second: f64,
    received_bytes_per_second: f64,
}

impl Top {
    fn of(reader: &Reader, query: &UsageQuery) -> Result<Self, StoreError> {
        let oldest = reader.stats()?.oldest;
        Ok(Self::from_answer(reader.usage(query)?, oldest))
    }

    fn from_answer(answer: UsageAnswer, oldest: Option<Timestamp>) -> Self {
        let UsageAnswer {
            range,
            group_by,
            rows,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor: _,
        } = answer;
        let measured = oldest.zip(flushed_until).and_then(|(oldest, newest)| {
            let since = range.since.max(oldest);
            let until = range.until.min(newest);
            (since < until).then_some(TimeRange { since, until })
        });
        let seconds =
            measured.map(|TimeRange { since, until }| until.duration_since(since).as_secs_f64());
        let per_second = |bytes: u64| seconds.map_or(0.0, |seconds| bytes as f64 / seconds);
        let all = both(total);
        let mut rest = total;
        let rows = rows
            .into_iter()
            .map(|row| {
                let counts = !is_outside(&row, outside_total.as_ref());
                if counts {
                    rest.sent_bytes = rest.sent_bytes.saturating_sub(row.bytes.sent_bytes);
                    rest.received_bytes =
                        rest.received_bytes.saturating_sub(row.bytes.received_bytes);
                }
                TopRow {
                    share: (counts && all > 0.0).then(|| both(row.bytes) / all),
                    sent_bytes_per_second: per_second(row.bytes.sent_bytes),
                    received_bytes_per_second: per_second(row.bytes.received_bytes),
                    row,
                }
            })
            .collect();
        Self {
            range,
            measured,
            group_by,
            rows,
            rest,
            total,
            other,
            outside_total,
            flushed_until,
        }
    }
}

/// Whether a row tells a protocol that is in no total.
fn is_outside(row: &UsageRow, outside: Option<&OutsideTotal>) -> bool {
    let protocol = |protocol: Protocol| {
        let is_it = |(field, value): &(Field, serde_json::Value)| {
            *field == Field::Protocol && value == protocol.name()
        };
        row.fields.iter().any(is_it)
    };
    outside.is_some_and(|outside| protocol(outside.protocol))
}

fn both(bytes: ByteTotals) -> f64 {
    bytes.sent_bytes as f64 + bytes.received_bytes as f64
}

fn parsed(query: &str, now: Timestamp) -> Result<UsageQuery, ApiError> {
    let params = Params::parse(query, &parameters())?;
    let mut group_by = grouping(&params)?;
    if group_by.is_empty() {
        group_by.push(Field::App);
    }
    Ok(UsageQuery {
        range: conditions::range(&params, now)?,
        filter: conditions::filter(&params)?,
        order: order(&params, &group_by, "a field must be in group_by")?,
        limit: Some(params.limit(DEFAULT_ROWS, MAX_ROWS)?),
        offset: 0,
        group_by,
    })
}
