//! All routes, and what every answer has.

use std::convert::Infallible;
use std::sync::Arc;

use warp::http::HeaderMap;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::reply::Response;
use warp::{Filter, Reply};

use super::api::Api;
use super::compress::compressed;
use super::endpoint::{Endpoint, nowhere};
use super::error::handle_rejection;
use super::etag::unless_known;
use super::guard::{Origin, guard};
use super::limit::limit_guard;
use super::{
    billing, configuration, export, health, live, metrics, openapi, page, processes, remotes,
    series, session, stream, top, usage,
};

/// Nothing but the page's own files; no script or style inside the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Everything that is served but the page. The document of the API is made of the same list.
pub(super) static ENDPOINTS: [&Endpoint; 18] = [
    &health::ENDPOINT,
    &live::ENDPOINT,
    &live::remotes::ENDPOINT,
    &stream::ENDPOINT,
    &stream::READER,
    &top::ENDPOINT,
    &usage::ENDPOINT,
    &series::ENDPOINT,
    &processes::ENDPOINT,
    &remotes::ENDPOINT,
    &billing::CALENDAR,
    &billing::PERCENTILE,
    &billing::ESTIMATE,
    &export::ENDPOINT,
    &configuration::ENDPOINT,
    &openapi::ENDPOINT,
    &session::ENDPOINT,
    &metrics::ENDPOINT,
];

/// Everything that is served.
pub(super) fn routes(
    api: Arc<Api>,
    origin: Origin,
) -> impl Filter<Extract = (impl Reply + use<>,), Error = Infallible> + Clone + use<> {
    let uncached = warp::reply::with::default_header(CACHE_CONTROL, "no-store");
    let figures = ENDPOINTS
        .into_iter()
        .fold(nowhere(), |routes, endpoint| {
            let route = (endpoint.route)(Arc::clone(&api), origin);
            routes.or(route).unify().boxed()
        })
        .with(uncached);
    let page = page::route().map(Reply::into_response);
    let all = limit_guard(Arc::clone(&api))
        .and(guard(api, origin))
        .and(figures.map(Reply::into_response).or(page).unify())
        .recover(handle_rejection)
        .map(Reply::into_response)
        .with(warp::reply::with::headers(security_headers()))
        .map(Reply::into_response);
    warp::header::headers_cloned()
        .and(all)
        .map(|request: HeaderMap, response: Response| {
            compressed(&request, unless_known(&request, response))
        })
}

fn security_headers() -> HeaderMap {
    let corp = HeaderName::from_static("cross-origin-resource-policy");
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (corp, "same-origin"),
    ]
    .into_iter()
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .collect()
}
