//! Everything that can go wrong with a request, as one JSON shape.

use std::convert::Infallible;

use nettally_sqlite_sink::StoreError;
use serde::Serialize;
use tracing::warn;
use warp::http::StatusCode;
use warp::http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
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

    fn code(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "bad_parameter",
            Self::Host { .. } => "host_refused",
            Self::Origin => "origin_refused",
            Self::Token => "token_required",
            Self::NoDatabase | Self::Database(StoreError::Missing { .. }) => "no_database",
            Self::Busy => "busy",
            Self::Database(_) => "database_failed",
            Self::Panicked(_) => "internal",
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    code: &'a str,
    message: String,
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
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
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
            "nothing here; the API is /api/v1/health, usage, series, processes, live".to_owned();
        return Ok(answer(StatusCode::NOT_FOUND, "not_found", message, None));
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
