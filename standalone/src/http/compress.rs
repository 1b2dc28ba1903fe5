//! Answers made smaller for who can read them so.

use std::io;

use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use futures::TryStreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio_util::io::{ReaderStream, StreamReader};
use warp::http::HeaderMap;
use warp::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue,
    VARY,
};
use warp::reply::{Reply as _, Response};

/// A shorter answer fits into one packet anyhow.
const LEAST_BYTES: u64 = 1024;

/// Encodings that are written, the cheaper first: zstd takes a third of gzip's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Zstd,
    Gzip,
}

/// The answer as the client of `request` may have it. Events are left as they are: each must
/// arrive at once.
pub(super) fn compressed(request: &HeaderMap, mut response: Response) -> Response {
    if !is_worthwhile(&response) {
        return response;
    }
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("accept-encoding"));
    let Some(encoding) = accepted(request) else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    let plain = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    let (name, mut encoded) = match encoding {
        Encoding::Zstd => {
            let stream = ReaderStream::new(ZstdEncoder::new(plain));
            ("zstd", warp::reply::stream(stream).into_response())
        }
        Encoding::Gzip => {
            let stream = ReaderStream::new(GzipEncoder::new(plain));
            ("gzip", warp::reply::stream(stream).into_response())
        }
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    *encoded.status_mut() = parts.status;
    *encoded.headers_mut() = parts.headers;
    encoded
}

fn is_worthwhile(response: &Response) -> bool {
    let headers = response.headers();
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    let is_text = match content_type {
        "text/event-stream" => false,
        "application/json" | "application/x-ndjson" | "image/svg+xml" => true,
        other => other.starts_with("text/"),
    };
    let is_long = response
        .body()
        .size_hint()
        .exact()
        .is_none_or(|bytes| bytes >= LEAST_BYTES);
    // What comes line by line is to arrive so.
    let is_fixed = headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("no-transform"));
    is_text && is_long && !is_fixed && !headers.contains_key(CONTENT_ENCODING)
}

/// The best encoding that a client takes.
fn accepted(headers: &HeaderMap) -> Option<Encoding> {
    let words = headers
        .get_all(ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut taken: Vec<(Encoding, f32)> = words
        .filter_map(|word| {
            let (name, parameters) = word.split_once(';').unwrap_or((word, ""));
            let encoding = match name.trim() {
                "zstd" => Encoding::Zstd,
                "gzip" | "x-gzip" => Encoding::Gzip,
                _ => return None,
            };
            let weight = parameters.trim().strip_prefix("q=");
            let weight: f32 = weight.map_or(Some(1.0), |text| text.parse().ok())?;
            (weight > 0.0).then_some((encoding, weight))
        })
        .collect();
    let rank = |encoding| match encoding {
        Encoding::Zstd => 1_u8,
        Encoding::Gzip => 0,
    };
    taken.sort_by(|(left, left_weight), (right, right_weight)| {
        let by_weight = left_weight.total_cmp(right_weight);
        by_weight.then_with(|| rank(*left).cmp(&rank(*right)))
    });
    taken.pop().map(|(encoding, _weight)| encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_one_that_the_client_likes_best() {
        for (accepts, expected) in [
            ("gzip, deflate, br, zstd", Some(Encoding::Zstd)),
            ("gzip", Some(Encoding::Gzip)),
            ("gzip;q=1.0, zstd;q=0.5", Some(Encoding::Gzip)),
            ("zstd;q=0, gzip; q=0.1", Some(Encoding::Gzip)),
            ("gzip;q=0", None),
            ("br", None),
            ("identity", None),
            ("gzip;q=much", None),
        ] {
            let value = HeaderValue::from_static(accepts);
            let headers = [(ACCEPT_ENCODING, value)].into_iter().collect();
            assert_eq!(accepted(&headers), expected, "{accepts}");
        }
    }
}
