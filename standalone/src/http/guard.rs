//! Who may ask. Without a password, the browser is the only one who could be tricked: by a foreign
//! page that asks directly (`Origin`, `Sec-Fetch-Site`), or whose own name was made to resolve to
//! this machine (`Host`, "DNS rebinding").

use std::net::IpAddr;
use std::sync::Arc;

use warp::filters::BoxedFilter;
use warp::host::Authority;
use warp::http::HeaderMap;
use warp::http::header::ORIGIN;
use warp::{Filter as _, reject};

use super::api::Api;
use super::error::ApiError;

/// Lets pass what comes from this server's own page, or from no page at all.
pub(super) fn guard(api: Arc<Api>) -> BoxedFilter<()> {
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
