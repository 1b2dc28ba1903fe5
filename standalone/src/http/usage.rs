//! `GET usage`: how much each group moved in a span of time.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::schema::Instant;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, Reader, TimeRange, UsageAnswer, UsageQuery, UsageRow,
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

const DEFAULT_ROWS: u32 = 1_000;
const MAX_ROWS: u32 = 10_000;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/usage",
    summary: "How much each group moved in a span of time",
    parameters,
    example: "since=-1h&group_by=process,remote_ip&where=protocol=tcp&limit=5",
    content: Content::Json(SchemaGenerator::subschema_for::<Page>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[
        Parameter {
            name: "group_by",
            meaning: "One row for each combination of these fields, with commas.",
            takes: Takes::Fields,
        },
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
    let question = |reader: &Reader, query: &UsageQuery| reader.usage(query).map(Page::from);
    api.database.answer(&request, query, question).await
}

/// An answer whose cursor can be given back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
struct Page {
    #[serde(flatten)]
    range: TimeRange,
    /// The fields of each row.
    group_by: Vec<Field>,
    /// The rows asked for.
    rows: Vec<UsageRow>,
    /// Of everything that matches, not only of `rows`.
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

impl From<UsageAnswer> for Page {
    fn from(answer: UsageAnswer) -> Self {
        let cursor = Cursor::after(answer.range, answer.next_cursor, answer.flushed_until);
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
        Self {
            range,
            group_by,
            rows,
            total,
            other,
            outside_total,
            flushed_until,
            next_cursor: cursor,
        }
    }
}

fn parsed(query: &str, now: Timestamp) -> Result<UsageQuery, ApiError> {
    let params = Params::parse(query, &parameters())?;
    let group_by = grouping(&params)?;
    let Cursor { range, offset } = Cursor::of(&params, now)?;
    Ok(UsageQuery {
        range,
        filter: conditions::filter(&params)?,
        order: order(&params, &group_by, "a field must be in group_by")?,
        limit: Some(params.limit(DEFAULT_ROWS, MAX_ROWS)?),
        offset,
        group_by,
    })
}

/// Reads `group_by`.
pub(super) fn grouping(params: &Params) -> Result<Vec<Field>, ApiError> {
    let group_by: Vec<Field> = params.list("group_by")?;
    let twice = group_by
        .iter()
        .enumerate()
        .find(|(index, field)| group_by[..*index].contains(field));
    match twice {
        Some((_, twice)) => {
            let message = format!("`{twice}` is given more than once");
            Err(ApiError::parameter("group_by", message))
        }
        None => Ok(group_by),
    }
}

#[cfg(test)]
mod tests {
    use nettally_sqlite_sink::{Order, OrderBy};

    use super::*;
    use crate::live::testing::instant;

    #[test]
    fn every_parameter_reaches_the_question() {
        let text = "group_by=process,remote_ip&order_by=process:desc&limit=5&pid=7";
        let query = parsed(text, instant(0)).unwrap();
        assert_eq!(query.group_by, [Field::Process, Field::RemoteIp]);
        let order = Order {
            by: OrderBy::Field(Field::Process),
            descending: true,
        };
        assert_eq!(
            (query.order, query.limit, query.offset),
            (order, Some(5), 0)
        );
        assert!(query.filter.is_some());
    }

    #[test]
    fn a_cursor_brings_its_range() {
        let range = TimeRange {
            since: instant(1),
            until: instant(2),
        };
        let cursor = Cursor { offset: 10, range };
        let text = format!("since=-1h&cursor={cursor}");
        let query = parsed(&text, instant(9)).unwrap();
        assert_eq!((query.range, query.offset), (range, 10));
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, name) in [
            ("group_by=colour", "group_by"),
            ("group_by=pid,pid", "group_by"),
            ("order_by=process", "order_by"),
            ("order_by=sent_bytes:up", "order_by"),
            ("limit=0", "limit"),
            ("limit=10001", "limit"),
            ("cursor=10", "cursor"),
            ("pid=me", "pid"),
            ("protocol=ipx", "protocol"),
            ("sinse=1h", "sinse"),
            ("limit=1&limit=1", "limit"),
            ("since=tomorrow-ish", "since"),
            ("where=process", "where"),
            ("remote_ip=nowhere/8", "remote_ip"),
        ] {
            let error = parsed(query, instant(0)).unwrap_err();
            assert!(
                matches!(&error, ApiError::Parameter { name: found, .. } if found == name),
                "{query}: {error:?}"
            );
        }
    }
}
