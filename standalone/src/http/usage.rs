//! `GET usage`: how much each group moved in a span of time.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_sqlite_sink::{
    ByteTotals, Field, OutsideTotal, TimeRange, UsageAnswer, UsageQuery, UsageRow,
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

const DEFAULT_ROWS: u32 = 1_000;
const MAX_ROWS: u32 = 10_000;

/// The route.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("usage")
        .and(warp::get())
        .and(query_string())
        .and_then(move |query: String| answer(Arc::clone(&api), query))
        .boxed()
}

async fn answer(api: Arc<Api>, query: String) -> Result<Response, Rejection> {
    let query = parsed(&query, now()).map_err(reject::custom)?;
    let answer = api.database.ask(move |reader| reader.usage(&query)).await;
    let page = Page::from(answer.map_err(reject::custom)?);
    Ok(warp::reply::json(&page).into_response())
}

/// An answer whose cursor can be given back.
#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    range: TimeRange,
    group_by: Vec<Field>,
    rows: Vec<UsageRow>,
    total: ByteTotals,
    other: ByteTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_total: Option<OutsideTotal>,
    flushed_until: Option<Timestamp>,
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
    let own = ["group_by", "order_by", "limit", "cursor"];
    let allowed = [&conditions::PARAMETERS[..], &own[..]].concat();
    let params = Params::parse(query, &allowed)?;
    let group_by: Vec<Field> = params.list("group_by")?;
    if let Some((_, twice)) = group_by
        .iter()
        .enumerate()
        .find(|(index, field)| group_by[..*index].contains(field))
    {
        let message = format!("`{twice}` is given more than once");
        return Err(ApiError::parameter("group_by", message));
    }
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
