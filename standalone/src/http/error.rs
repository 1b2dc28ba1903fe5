//! Everything that can go wrong with a request, as one JSON shape.

use std::convert::Infallible;

use nettally_sqlite_sink::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::warn;
use warp::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{Method, StatusCode};
use warp::reject::{Reject, Rejection};
use warp::reply::{Reply, Response};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{message}")]
    Parameter { name: String, message: String },
    #[error(
        "requests for host `{host}` are refused, as a web page could have forged them; \
         use the address that nettally listens on, or localhost"
    )]
    Host { host: String },
    #[error("requests from pages of other sites are refused")]
    Origin,
    #[error(
        "the token is missing or wrong: send it as `Authorization: Bearer TOKEN`; nettally printed \
         at start which file it is in"
    )]
    Token,
    #[error("nothing keeps history: no sink of type sqlite is configured")]
    NoDatabase,
    #[error("too many requests at once; try again")]
    Busy,
    #[error("the history cannot be read")]
    Database(#[source] StoreError),
    #[error("only {allowed} is allowed here")]
    Method { allowed: Method },
    #[error(
        "too many requests from this address; at most {per_second} a second are answered \
         (`api.requests_per_second`)"
    )]
    TooMany {
        per_second: u32,
        retry_after_secs: u64,
    },
    #[error("the question could not be finished")]
    Panicked(#[source] tokio::task::JoinError),
}

impl Reject for ApiError {}

impl ApiError {
    pub(super) fn parameter(name: impl Into<String>, message: impl ToString) -> Self {
        Self::Parameter {
            name: name.into(),
            message: message.to_string(),
        }
    }

    /// The error and its causes in one line.
    pub(super) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::Host { .. } | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoDatabase | Self::Busy | Self::Database(StoreError::Missing { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Database(_) | Self::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name of the parameter to blame.
    fn culprit(&self) -> Option<&str> {
        if let Self::Parameter { name, message: _ } = self {
            Some(name)
        } else {
            None
        }
    }

    /// What tells a client what to do.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Token => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Method { allowed } => {
                let allowed = HeaderValue::from_str(allowed.as_str()).ok()?;
                Some((ALLOW, allowed))
            }
            Self::TooMany {
                per_second: _,
                retry_after_secs,
            } => Some((RETRY_AFTER, HeaderValue::from(*retry_after_secs))),
            Self::Busy => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Parameter { .. }
            | Self::Host { .. }
            | Self::Origin
            | Self::NoDatabase
            | Self::Database(_)
            | Self::Panicked(_) => None,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "bad_parameter",
            Self::Host { .. } => "host_refused",
            Self::Origin => "origin_refused",
            Self::Token => "token_required",
            Self::NoDatabase | Self::Database(StoreError::Missing { .. }) => "no_database",
            Self::Busy => "busy",
            Self::Method { .. } => "method_not_allowed",
            Self::TooMany { .. } => "too_many_requests",
            Self::Database(_) => "database_failed",
            Self::Panicked(_) => "internal",
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

#[derive(Serialize, JsonSchema)]
struct ErrorDetail<'a> {
    /// A stable word for scripts.
    code: &'a str,
    /// For people: what was wrong, and what would help.
    message: String,
    /// The parameter to blame, if one is.
    parameter: Option<&'a str>,
}

/// Turns whatever the filters rejected into an answer.
pub(super) async fn handle_rejection(rejection: Rejection) -> Result<Response, Infallible> {
    if let Some(error) = rejection.find::<ApiError>() {
        let status = error.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            warn!(error = %error.with_causes(), "Request failed.");
        }
        let mut response = answer(status, error.code(), error.with_causes(), error.culprit());
        if let Some((name, value)) = error.header() {
            response.headers_mut().insert(name, value);
        }
        return Ok(response);
    }
    if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        let message = "only GET is allowed here".to_owned();
        let mut response = answer(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            message,
            None,
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    if rejection.is_not_found() {
        let message =
            "nothing here; the API is described at /api/ and in /api/v1/openapi.json".to_owned();
        return Ok(answer(StatusCode::NOT_FOUND, "not_found", message, None));
    }
    if rejection.find::<warp::reject::PayloadTooLarge>().is_some() {
        let message = "a token is at most 1024 bytes long".to_owned();
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(answer(status, "too_large", message, None));
    }
    if rejection.find::<warp::reject::LengthRequired>().is_some() {
        let message = "the header Content-Length is missing".to_owned();
        let status = StatusCode::LENGTH_REQUIRED;
        return Ok(answer(status, "length_required", message, None));
    }
    if let Some(error) = rejection.find::<warp::reject::InvalidHeader>() {
        let message = error.to_string();
        return Ok(answer(
            StatusCode::BAD_REQUEST,
            "bad_request",
            message,
            None,
        ));
    }
    warn!(?rejection, "Request failed in an unforeseen way.");
    let message = "the request could not be answered".to_owned();
    Ok(answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        message,
        None,
    ))
}

fn answer(status: StatusCode, code: &str, message: String, parameter: Option<&str>) -> Response {
    let body = ErrorBody {
        error: ErrorDetail {
            code,
            message,
            parameter,
        },
    };
    warp::reply::with_status(warp::reply::json(&body), status).into_response()
}
