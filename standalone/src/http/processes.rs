//! `GET processes`: which processes moved bytes in a span of time, and all that is known of them.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, ProcessAnswer, ProcessQuery, ProcessRow, TimeRange,
};
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::reply::Reply as _;
use warp::{Filter as _, Rejection, reject, reply::Response};

use super::api::Api;
use super::cursor::Cursor;
use super::error::ApiError;
use super::order::order;
use super::params::{Params, query_string};
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

/// The route.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("processes")
        .and(warp::get())
        .and(query_string())
        .and_then(move |query: String| answer(Arc::clone(&api), query))
        .boxed()
}

async fn answer(api: Arc<Api>, query: String) -> Result<Response, Rejection> {
    let query = parsed(&query, now()).map_err(reject::custom)?;
    let answer = api
        .database
        .ask(move |reader| reader.processes(&query))
        .await;
    let page = Page::from(answer.map_err(reject::custom)?);
    Ok(warp::reply::json(&page).into_response())
}

/// An answer whose cursor can be given back.
#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    range: TimeRange,
    processes: Vec<ProcessRow>,
    total: ByteTotals,
    other: ByteTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<OutsideTotal>,
    flushed_until: Option<Timestamp>,
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
    let own = ["order_by", "limit", "cursor"];
    let allowed = [&conditions::PARAMETERS[..], &own[..]].concat();
    let params = Params::parse(query, &allowed)?;
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
