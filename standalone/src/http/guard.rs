//! Who may ask. From the network: who brings the token, if there is one. And not a browser that was
//! tricked by a foreign page, which asks directly (`Origin`, `Sec-Fetch-Site`), or whose own name was
//! made to resolve to this machine (`Host`, "DNS rebinding"). The files of the page hold nothing that
//! is secret, so they need no token: the page asks for it.

use std::net::IpAddr;
use std::sync::Arc;

use warp::filters::BoxedFilter;
use warp::host::Authority;
use warp::http::HeaderMap;
use warp::http::header::ORIGIN;
use warp::{Filter as _, reject};

use super::api::Api;
use super::error::ApiError;
use super::session;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Anybody who reaches the address.
    Network,
    /// Somebody who may open the file.
    Socket,
}

/// Lets pass what brings the token, if one is needed.
pub(super) fn token_guard(api: Arc<Api>, origin: Origin) -> BoxedFilter<()> {
    warp::header::headers_cloned()
        .and_then(move |headers: HeaderMap| {
            let needed = api
                .token
                .as_ref()
                .filter(|_token| origin == Origin::Network);
            let is_right = needed
                .is_none_or(|token| session::given(&headers).is_some_and(|given| token.is(given)));
            async move {
                if is_right {
                    Ok(())
                } else {
                    Err(reject::custom(ApiError::Token))
                }
            }
        })
        .untuple_one()
        .boxed()
}

/// Lets pass what comes from this server's own page, or from no page at all.
pub(super) fn guard(api: Arc<Api>, origin: Origin) -> BoxedFilter<()> {
    if origin == Origin::Socket {
        return warp::any().boxed();
    }
    let bound = api.bound;
    warp::host::optional()
        .and(warp::header::headers_cloned())
        .and_then(move |host: Option<Authority>, headers: HeaderMap| {
            let verdict = examined(host.as_ref(), &headers, bound);
            async move { verdict.map_err(reject::custom) }
        })
        .untuple_one()
        .boxed()
}

fn examined(host: Option<&Authority>, headers: &HeaderMap, bound: IpAddr) -> Result<(), ApiError> {
    let Some(host) = host.filter(|host| is_ours(host.host(), bound)) else {
        let host = host.map_or_else(String::new, |host| host.to_string());
        return Err(ApiError::Host { host });
    };
    if let Some(origin) = headers.get(ORIGIN) {
        let same = ["http://", "https://"]
            .iter()
            .any(|scheme| origin.as_bytes() == format!("{scheme}{host}").as_bytes());
        if !same {
            return Err(ApiError::Origin);
        }
    }
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
    let is_foreign = matches!(header("sec-fetch-site"), Some(b"cross-site" | b"same-site"));
    // A link on another page may lead here; its page cannot read where it led.
    if is_foreign && header("sec-fetch-mode") != Some(b"navigate") {
        return Err(ApiError::Origin);
    }
    Ok(())
}

/// Whether a `Host` cannot be a name that someone else controls. The port does not matter: a
/// tunnel may change it.
fn is_ours(host: &str, bound: IpAddr) -> bool {
    let host = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == bound || bound.is_unspecified(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_controls_are_ours() {
        let cases = [
            ("localhost", "127.0.0.1", true),
            ("LOCALHOST", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "127.0.0.1", true),
            ("192.168.1.5", "192.168.1.5", true),
            ("192.168.1.5", "127.0.0.1", false),
            ("192.168.1.5", "0.0.0.0", true),
            ("evil.example", "127.0.0.1", false),
            ("evil.example", "0.0.0.0", false),
            ("localhost.evil.example", "127.0.0.1", false),
            ("127.0.0.1.evil.example", "127.0.0.1", false),
        ];
        for (host, bound, ours) in cases {
            let bound = bound.parse().unwrap();
            assert_eq!(is_ours(host, bound), ours, "{host} while bound to {bound}");
        }
    }
}
