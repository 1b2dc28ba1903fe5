//! `GET series`: how much was moved over time.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_sqlite_sink::{Reader, SeriesAnswer, SeriesQuery};
use schemars::SchemaGenerator;
use warp::http::Method;
use warp::reply::Response;

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::params::Params;
use super::step::Step;
use super::{conditions, now};

const DEFAULT_SERIES: u32 = 10;
const MAX_SERIES: u32 = 100;
const MAX_POINTS: u64 = 5_000;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/series",
    summary: "How much was moved over time",
    parameters,
    example: "since=-1h&group_by=protocol&step=1m",
    content: Content::Json(SchemaGenerator::subschema_for::<SeriesAnswer>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[
        Parameter {
            name: "step",
            meaning: "Length of a step, such as `10s`, `1m`, `2h`, `1d`. Default: what gives about 120 points.",
            takes: Takes::Text,
        },
        Parameter {
            name: "group_by",
            meaning: "One series for each value of this field.",
            takes: Takes::Field,
        },
        Parameter {
            name: "limit",
            meaning: "At most this many series, the largest; the rest is summed into one more.",
            takes: Takes::Number {
                least: 1,
                most: MAX_SERIES,
            },
        },
    ])
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let query = parsed(&request.query, now())?;
    api.database.answer(&request, query, Reader::series).await
}

fn parsed(query: &str, now: Timestamp) -> Result<SeriesQuery, ApiError> {
    let params = Params::parse(query, &parameters())?;
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
