//! `GET calendar`, `percentile`, `estimate`: days and months of a time zone, and what carriers bill.

use std::sync::Arc;

use jiff::tz::TimeZone;
use nettally_sqlite_sink::{
    Calendar, CalendarAnswer, CalendarQuery, CalendarUnit, EstimateAnswer, EstimateQuery,
    MonthStartDay, PercentileAnswer, PercentileQuery, Reader,
};
use schemars::SchemaGenerator;
use warp::http::Method;
use warp::reply::Response;

use super::api::Api;
use super::conditions::{WHAT, filter, range_in, with};
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::now;
use super::params::Params;

const DEFAULT_SERIES: u32 = 10;
const MAX_SERIES: u32 = 100;

/// The share of intervals that carriers bill.
const PERCENT: u8 = 95;

const STEPS: [&str; CalendarUnit::ALL.len()] = {
    let mut names = [""; CalendarUnit::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = CalendarUnit::ALL[index].name();
        index += 1;
    }
    names
};

const ZONE: Parameter = Parameter {
    name: "time_zone",
    meaning: "IANA name, such as `Europe/Berlin`, or `UTC`. Default: that of the machine.",
    takes: Takes::Text,
};

const MONTH_START_DAY: Parameter = Parameter {
    name: "month_start_day",
    meaning: "The day that months begin on, as those of an invoice do. Default 1.",
    takes: Takes::Number { least: 1, most: 28 },
};

const fn step(meaning: &'static str) -> Parameter {
    Parameter {
        name: "step",
        meaning,
        takes: Takes::Words(&STEPS),
    }
}

/// What is served of days, weeks and months.
pub(super) static CALENDAR: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/calendar",
    summary: "How much was moved in each day, week or month of a time zone",
    parameters: || {
        with(&[
            step("What a step is. Default `day`."),
            ZONE,
            MONTH_START_DAY,
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
    },
    example: "since=month&step=day&time_zone=Europe/Berlin",
    content: Content::Json(SchemaGenerator::subschema_for::<CalendarAnswer>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| CALENDAR.answered(api, origin, answer_calendar),
};

async fn answer_calendar(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let params = request.params()?;
    let query = CalendarQuery {
        range: range_in(&params, now(), &zone(&params)?)?,
        calendar: calendar(&params, CalendarUnit::Day)?,
        group_by: params.parsed("group_by")?,
        filter: filter(&params)?,
        limit: Some(params.limit(DEFAULT_SERIES, MAX_SERIES)?),
    };
    api.database.answer(&request, query, Reader::calendar).await
}

/// What is served of percentiles.
pub(super) static PERCENTILE: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/percentile",
    summary: "The rate that 95 % of all five-minute intervals stayed at or below, as carriers bill it",
    parameters: || {
        with(&[
            Parameter {
                name: "percent",
                meaning: "Another share of intervals. Default 95.",
                takes: Takes::Number {
                    least: 1,
                    most: 100,
                },
            },
            ZONE,
        ])
    },
    example: "since=month&time_zone=Europe/Berlin",
    content: Content::Json(SchemaGenerator::subschema_for::<PercentileAnswer>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| PERCENTILE.answered(api, origin, answer_percentile),
};

async fn answer_percentile(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let params = request.params()?;
    let percent = params.within("percent", 1, 100)?;
    let query = PercentileQuery {
        range: range_in(&params, now(), &zone(&params)?)?,
        percent: percent
            .and_then(|percent| u8::try_from(percent).ok())
            .unwrap_or(PERCENT),
        filter: filter(&params)?,
    };
    api.database
        .answer(&request, query, Reader::percentile)
        .await
}

/// What is served of the future.
pub(super) static ESTIMATE: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/estimate",
    summary: "How much the running month, week or day will come to",
    parameters: || {
        let own = [
            step("What is running. Default `month`."),
            ZONE,
            MONTH_START_DAY,
        ];
        [&WHAT[..], &own[..]].concat()
    },
    example: "month_start_day=15",
    content: Content::Json(SchemaGenerator::subschema_for::<EstimateAnswer>),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ESTIMATE.answered(api, origin, answer_estimate),
};

async fn answer_estimate(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let params = request.params()?;
    let query = EstimateQuery {
        calendar: calendar(&params, CalendarUnit::Month)?,
        now: now(),
        filter: filter(&params)?,
    };
    api.database.answer(&request, query, Reader::estimate).await
}

fn zone(params: &Params) -> Result<TimeZone, ApiError> {
    Calendar::zone_named(params.text("time_zone"))
        .map_err(|error| ApiError::parameter("time_zone", error))
}

fn calendar(params: &Params, default: CalendarUnit) -> Result<Calendar, ApiError> {
    let unit = params.parsed("step")?.unwrap_or(default);
    let day = match params.within("month_start_day", 1, 28)? {
        Some(day) => i8::try_from(day)
            .ok()
            .and_then(|day| MonthStartDay::new(day).ok())
            .unwrap_or_default(),
        None => MonthStartDay::default(),
    };
    Ok(Calendar::new(zone(params)?, unit, day))
}
