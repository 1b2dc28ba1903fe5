//! What tells a client that it has an answer already.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use warp::http::HeaderMap;
use warp::http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use warp::http::{StatusCode, header::CONTENT_TYPE};
use warp::reply::{Reply as _, Response};

/// A weak tag: it is the same for every encoding of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// Of all that decides about an answer. Another version of the program may answer otherwise.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        parts.hash(&mut hasher);
        Self(format!("W/\"{:016x}\"", hasher.finish()))
    }

    /// Whether a client has an answer with this tag.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let Self(tag) = self;
        is_known(tag, headers)
    }

    /// For a header.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("hexadecimal digits and signs of ASCII")
    }
}

fn is_known(tag: &str, headers: &HeaderMap) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(IF_NONE_MATCH)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

/// Leaves out the body if the client has it.
pub(super) fn unless_known(request: &HeaderMap, response: Response) -> Response {
    let tag = response.headers().get(ETAG);
    let is_known = response.status() == StatusCode::OK
        && tag
            .and_then(|tag| tag.to_str().ok())
            .is_some_and(|tag| is_known(tag, request));
    if !is_known {
        return response;
    }
    let mut short = StatusCode::NOT_MODIFIED.into_response();
    *short.headers_mut() = response.headers().clone();
    short.headers_mut().remove(CONTENT_TYPE);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_a_list_weak_or_not_and_by_a_star() {
        let tag = Tag::of(&["usage"]);
        let text = tag.header();
        let text = text.to_str().unwrap();
        let strong = text.strip_prefix("W/").unwrap();
        for (known, expected) in [
            (text.to_owned(), true),
            (strong.to_owned(), true),
            (format!("\"x\", {text}"), true),
            ("*".to_owned(), true),
            ("\"x\"".to_owned(), false),
            (String::new(), false),
        ] {
            let headers = [(IF_NONE_MATCH, HeaderValue::from_str(&known).unwrap())];
            assert_eq!(
                tag.is_known(&headers.into_iter().collect()),
                expected,
                "{known}"
            );
        }
        assert_ne!(Tag::of(&["a", "b"]), Tag::of(&["ab"]));
    }
}
