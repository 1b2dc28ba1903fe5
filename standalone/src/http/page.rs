//! The web page: files that are part of the program.

use warp::filters::BoxedFilter;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use warp::path::FullPath;
use warp::{Filter as _, reject, reply::Reply as _, reply::Response};

use super::etag::Tag;

/// An embedded file.
#[derive(Clone, Copy)]
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $content_type:expr, $file:literal) => {
        Asset {
            path: $path,
            content_type: $content_type,
            content: include_str!(concat!("../../web/", $file)),
        }
    };
}

const ASSETS: [Asset; 39] = [
    asset!("/", HTML, "index.html"),
    asset!("/base.css", CSS, "base.css"),
    asset!("/detail.css", CSS, "detail.css"),
    asset!("/login.css", CSS, "login.css"),
    asset!("/table.css", CSS, "table.css"),
    asset!("/views.css", CSS, "views.css"),
    asset!("/addresses.js", JS, "addresses.js"),
    asset!("/api.js", JS, "api.js"),
    asset!("/app.js", JS, "app.js"),
    asset!("/axis.js", JS, "axis.js"),
    asset!("/chart.js", JS, "chart.js"),
    asset!("/colours.js", JS, "colours.js"),
    asset!("/course.js", JS, "course.js"),
    asset!("/csv.js", JS, "csv.js"),
    asset!("/detail.js", JS, "detail.js"),
    asset!("/dom.js", JS, "dom.js"),
    asset!("/filter.js", JS, "filter.js"),
    asset!("/format.js", JS, "format.js"),
    asset!("/header.js", JS, "header.js"),
    asset!("/identity.js", JS, "identity.js"),
    asset!("/keys.js", JS, "keys.js"),
    asset!("/link.js", JS, "link.js"),
    asset!("/login.js", JS, "login.js"),
    asset!("/model.js", JS, "model.js"),
    asset!("/notices.js", JS, "notices.js"),
    asset!("/now.js", JS, "now.js"),
    asset!("/past-rows.js", JS, "past-rows.js"),
    asset!("/past.js", JS, "past.js"),
    asset!("/protocols.js", JS, "protocols.js"),
    asset!("/ranges.js", JS, "ranges.js"),
    asset!("/row.js", JS, "row.js"),
    asset!("/rows.js", JS, "rows.js"),
    asset!("/spark.js", JS, "spark.js"),
    asset!("/state.js", JS, "state.js"),
    asset!("/table.js", JS, "table.js"),
    asset!("/icon.svg", SVG, "icon.svg"),
    asset!("/api/", HTML, "api-docs.html"),
    asset!("/api-docs.css", CSS, "api-docs.css"),
    asset!("/api-docs.js", JS, "api-docs.js"),
];

/// The route.
pub(super) fn route() -> BoxedFilter<(Response,)> {
    warp::path::full()
        .and_then(|path: FullPath| async move {
            ASSETS
                .into_iter()
                .find(|asset| asset.path == path.as_str())
                .ok_or_else(reject::not_found)
        })
        .and(warp::get())
        .map(|asset: Asset| {
            let reply = warp::reply::with_header(asset.content, CONTENT_TYPE, asset.content_type);
            let tag = Tag::of(&[asset.path, asset.content]).header();
            let reply = warp::reply::with_header(reply, ETAG, tag);
            // The files change with the program, which nobody's cache can know.
            warp::reply::with_header(reply, CACHE_CONTROL, "no-cache").into_response()
        })
        .boxed()
}
