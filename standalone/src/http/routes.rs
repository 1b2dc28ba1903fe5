//! All routes, and what every answer has.

use std::convert::Infallible;
use std::sync::Arc;

use warp::http::HeaderMap;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::{Filter, Reply};

use super::api::Api;
use super::error::handle_rejection;
use super::guard::{Origin, guard, token_guard};
use super::{health, live, metrics, page, processes, series, session, stream, usage};

/// Nothing but the page's own files; no script or style inside the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Everything that is served.
pub(super) fn routes(
    api: Arc<Api>,
    origin: Origin,
) -> impl Filter<Extract = (impl Reply + use<>,), Error = Infallible> + Clone + use<> {
    let families = health::route(Arc::clone(&api))
        .or(usage::route(Arc::clone(&api)))
        .unify()
        .or(series::route(Arc::clone(&api)))
        .unify()
        .or(processes::route(Arc::clone(&api)))
        .unify()
        .or(live::route(Arc::clone(&api)))
        .unify()
        .or(stream::route(Arc::clone(&api)))
        .unify();
    let figures = warp::path!("api" / "v1" / ..)
        .and(token_guard(Arc::clone(&api), origin))
        .and(families);
    let metrics = token_guard(Arc::clone(&api), origin).and(metrics::route(Arc::clone(&api)));
    let session = session::route(Arc::clone(&api));
    let figures = session.or(figures).unify().or(metrics).unify();
    let uncached = warp::reply::with::default_header(CACHE_CONTROL, "no-store");
    guard(api, origin)
        .and(figures.with(uncached).or(page::route()))
        .recover(handle_rejection)
        .with(warp::reply::with::headers(security_headers()))
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
