//! `POST session`: a browser gives the token once, and keeps it in a cookie that scripts cannot read.

use std::sync::Arc;

use hyper::body::Bytes;
use warp::filters::BoxedFilter;
use warp::http::header::{HeaderMap, SET_COOKIE};
use warp::http::{Method, StatusCode};
use warp::reply::{Reply as _, Response};
use warp::{Filter as _, reject};

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, no_parameters};
use super::error::ApiError;
use super::guard::Origin;

/// Name of the cookie.
const COOKIE: &str = "nettally_token";

/// Longer bodies are no token.
const MAX_BYTES: u64 = 1024;

/// What is served. It is not behind the token, it is the way to it.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::POST,
    path: "/api/v1/session",
    summary: "Keep the token, which is the body, in a cookie of the browser",
    parameters: no_parameters,
    example: "",
    content: Content::Nothing,
    is_past: false,
    access: Access::Anybody,
    route,
};

fn route(api: Arc<Api>, origin: Origin) -> BoxedFilter<(Response,)> {
    ENDPOINT
        .asked(Arc::clone(&api), origin)
        .and(warp::body::content_length_limit(MAX_BYTES))
        .and(warp::body::bytes())
        .and_then(move |given: Bytes| {
            let answer = opened(&api, given.trim_ascii());
            async move { answer.map_err(reject::custom) }
        })
        .boxed()
}

fn opened(api: &Api, given: &[u8]) -> Result<Response, ApiError> {
    let Some(token) = &api.token else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if !token.is(given) {
        return Err(ApiError::Token);
    }
    let cookie = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict",
        token.secret()
    );
    let reply = warp::reply::with_header(StatusCode::NO_CONTENT, SET_COOKIE, cookie);
    Ok(reply.into_response())
}

/// The token in a request: `Authorization: Bearer`, else the cookie.
pub(super) fn given(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers
        .get(warp::http::header::AUTHORIZATION)
        .and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
    bearer.or_else(|| {
        let cookies = headers.get_all(warp::http::header::COOKIE).into_iter();
        cookies
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b';'))
            .find_map(|cookie| {
                let value = cookie.trim_ascii().strip_prefix(COOKIE.as_bytes())?;
                value.strip_prefix(b"=")
            })
    })
}
