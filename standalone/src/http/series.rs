//! `GET series`: how much was moved over time.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_sqlite_sink::SeriesQuery;
use warp::filters::BoxedFilter;
use warp::reply::Reply as _;
use warp::{Filter as _, Rejection, reject, reply::Response};

use super::api::Api;
use super::error::ApiError;
use super::params::{Params, query_string};
use super::step::Step;
use super::{conditions, now};

const DEFAULT_SERIES: u32 = 10;
const MAX_SERIES: u32 = 100;
const MAX_POINTS: u64 = 5_000;

/// The route.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("series")
        .and(warp::get())
        .and(query_string())
        .and_then(move |query: String| answer(Arc::clone(&api), query))
        .boxed()
}

async fn answer(api: Arc<Api>, query: String) -> Result<Response, Rejection> {
    let query = parsed(&query, now()).map_err(reject::custom)?;
    let answer = api.database.ask(move |reader| reader.series(&query)).await;
    Ok(warp::reply::json(&answer.map_err(reject::custom)?).into_response())
}

fn parsed(query: &str, now: Timestamp) -> Result<SeriesQuery, ApiError> {
    let own = ["group_by", "step", "limit"];
    let allowed = [&conditions::PARAMETERS[..], &own[..]].concat();
    let params = Params::parse(query, &allowed)?;
    let range = conditions::range(&params, now)?;
    let step = params
        .parsed("step")?
        .unwrap_or_else(|| Step::fitting(&range));
    if step.count(&range) > MAX_POINTS {
        let message = format!(
            "{} points are too many, at most {MAX_POINTS}; choose a longer step or a shorter span",
            step.count(&range)
        );
        return Err(ApiError::parameter("step", message));
    }
    let Step(step_secs) = step;
    Ok(SeriesQuery {
        range,
        step_secs,
        group_by: params.parsed("group_by")?,
        filter: conditions::filter(&params)?,
        limit: Some(params.limit(DEFAULT_SERIES, MAX_SERIES)?),
    })
}

#[cfg(test)]
mod tests {
    use nettally_sqlite_sink::Field;

    use super::*;
    use crate::live::testing::instant;

    #[test]
    fn the_step_fits_the_span_unless_given() {
        let step = |query: &str| parsed(query, instant(0)).unwrap().step_secs;
        assert_eq!(step("since=-1h"), 30);
        assert_eq!(step("since=-1h&step=1m"), 60);
        let query = parsed("group_by=process&limit=8", instant(0)).unwrap();
        assert_eq!(
            (query.group_by, query.limit),
            (Some(Field::Process), Some(8))
        );
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, name) in [
            ("group_by=process,pid", "group_by"),
            ("step=0s", "step"),
            ("step=1s&since=-24h", "step"),
            ("limit=101", "limit"),
            ("cursor=1", "cursor"),
        ] {
            let error = parsed(query, instant(0)).unwrap_err();
            assert!(
                matches!(&error, ApiError::Parameter { name: found, .. } if found == name),
                "{query}: {error:?}"
            );
        }
    }
}
