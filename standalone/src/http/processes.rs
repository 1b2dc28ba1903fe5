//! `GET processes`: which processes moved bytes in a span of time, and all that is known of them.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::schema::Instant;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, ProcessAnswer, ProcessQuery, ProcessRow, Reader, TimeRange,
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
const MAX_ROWS: u32 = 1_000;

/// Fields that a process decides, and so can be ordered by.
pub(super) const FIELDS: [Field; 12] = [
    Field::App,
    Field::Process,
    Field::Pid,
    Field::Exe,
    Field::CommandLine,
    Field::User,
    Field::Unit,
    Field::Container,
    Field::Pod,
    Field::Package,
    Field::Tunnel,
    Field::Attribution,
];

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/processes",
    summary: "Each process of a span of time, and all that is known of it",
    parameters,
    example: "since=-1h&order_by=received_bytes&limit=5",
    content: Content::Json(SchemaGenerator::subschema_for::<Page>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[
        Parameter {
            name: "order_by",
            meaning: "`total_bytes`, `sent_bytes`, `received_bytes` or a field, with `:asc` or `:desc`.",
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
    let question = |reader: &Reader, query: &ProcessQuery| reader.processes(query).map(Page::from);
    api.database.answer(&request, query, question).await
}

/// An answer whose cursor can be given back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Processes")]
struct Page {
    #[serde(flatten)]
    range: TimeRange,
    processes: Vec<ProcessRow>,
    total: ByteTotals,
    other: ByteTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; later usage is not stored yet.
    #[schemars(with = "Option<Instant>")]
    flushed_until: Option<Timestamp>,
    /// For the page that follows; null at the end.
    next_cursor: Option<Cursor>,
}

impl From<ProcessAnswer> for Page {
    fn from(answer: ProcessAnswer) -> Self {
        let ProcessAnswer {
            range,
            processes,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor,
        } = answer;
        Self {
            range,
            processes,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor: Cursor::after(range, next_cursor, flushed_until),
        }
    }
}

fn parsed(query: &str, now: Timestamp) -> Result<ProcessQuery, ApiError> {
    let params = Params::parse(query, &parameters())?;
    let Cursor { range, offset } = Cursor::of(&params, now)?;
    Ok(ProcessQuery {
        range,
        filter: conditions::filter(&params)?,
        order: order(&params, &FIELDS, "what a process has")?,
        limit: Some(params.limit(DEFAULT_ROWS, MAX_ROWS)?),
        offset,
    })
}

#[cfg(test)]
mod tests {
    use nettally_sqlite_sink::OrderBy;

    use super::*;
    use crate::live::testing::instant;

    #[test]
    fn every_parameter_reaches_the_question() {
        let query = parsed("app=firefox&order_by=unit&limit=5", instant(0)).unwrap();
        assert_eq!(query.order.by, OrderBy::Field(Field::Unit));
        assert_eq!((query.limit, query.offset), (Some(5), 0));
        assert!(query.filter.is_some() && !query.order.descending);
    }

    #[test]
    fn a_cursor_brings_its_range() {
        let range = TimeRange {
            since: instant(1),
            until: instant(2),
        };
        let cursor = Cursor { offset: 10, range };
        let query = parsed(&format!("since=-1h&cursor={cursor}"), instant(9)).unwrap();
        assert_eq!((query.range, query.offset), (range, 10));
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, name) in [
            ("group_by=app", "group_by"),
            ("order_by=remote_ip", "order_by"),
            ("order_by=app:up", "order_by"),
            ("limit=1001", "limit"),
            ("cursor=10", "cursor"),
            ("since=tomorrow-ish", "since"),
        ] {
            let error = parsed(query, instant(0)).unwrap_err();
            assert!(
                matches!(&error, ApiError::Parameter { name: found, .. } if found == name),
                "{query}: {error:?}"
            );
        }
    }
}
