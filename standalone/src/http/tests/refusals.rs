//! What is refused, and how that is said.

use super::*;

#[tokio::test]
async fn an_error_names_the_parameter_and_what_is_allowed() {
    let api = bound_to_loopback(state());
    let expected = json!({ "error": {
        "code": "bad_parameter",
        "message": "unknown parameter `sinse`; allowed: app, process, pid, protocol, limit, history",
        "parameter": "sinse",
    } });
    let answer = get(&api, "/api/v1/live/remotes?sinse=-1h").await;
    assert_eq!(answer, (400, expected));
}

#[tokio::test]
async fn every_route_refuses_what_it_does_not_know() {
    let api = bound_to_loopback(state());
    for (path, parameter) in [
        ("health?x=1", "x"),
        ("usage?step=1s", "step"),
        ("usage?limit=1&limit=2", "limit"),
        ("series?cursor=1", "cursor"),
        ("series?step=fast", "step"),
        ("processes?group_by=app", "group_by"),
        ("processes?order_by=local_port", "order_by"),
        ("live?pid=1", "pid"),
        ("live/remotes?pid=-1", "pid"),
        ("live/remotes?limit=0", "limit"),
        ("live/remotes?protocol=ipx", "protocol"),
    ] {
        let (status, body) = get(&api, &format!("/api/v1/{path}")).await;
        assert_eq!(
            (status, &body["error"]["parameter"]),
            (400, &json!(parameter)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let api = bound_to_loopback(state());
    for path in [
        "/api/v1/nothing",
        "/api/v1",
        "/api/v2/health",
        "/etc/passwd",
    ] {
        let (status, body) = get(&api, path).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &json!("not_found")),
            "{path}"
        );
    }
    for path in ["/", "/api/v1/health", "/api/v1/usage", "/api/v1/live"] {
        let response = warp::test::request()
            .method("POST")
            .path(path)
            .header("host", "127.0.0.1")
            .reply(&routes::routes(Arc::clone(&api), Origin::Network))
            .await;
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], "GET");
    }
}

#[tokio::test]
async fn without_a_database_the_past_is_unavailable_and_the_present_is_not() {
    let api = bound_to_loopback(state());
    for path in ["/api/v1/usage", "/api/v1/series"] {
        let (status, body) = get(&api, path).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (503, &json!("no_database"))
        );
    }
    assert_eq!(get(&api, "/api/v1/health").await.0, 200);
}

#[tokio::test]
async fn a_name_that_could_be_rebound_is_refused() {
    let api = bound_to_loopback(state());
    for (host, status) in [
        ("localhost:9797", 200),
        ("127.0.0.1:9797", 200),
        ("[::1]:1234", 200),
        ("rebound.example:9797", 403),
        ("192.168.1.5:9797", 403),
        ("", 400),
    ] {
        for path in ["/", "/api/v1/health"] {
            let response = get_with(&api, path, &[("host", host)]).await;
            assert_eq!(response.status(), status, "{host}");
        }
    }
    let response = warp::test::request()
        .path("/api/v1/health")
        .reply(&routes::routes(api, Origin::Network))
        .await;
    assert_eq!(response.status(), 403, "no host");
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let api = bound_to_loopback(state());
    let site = |site, mode| vec![("sec-fetch-site", site), ("sec-fetch-mode", mode)];
    for (headers, status) in [
        (vec![("origin", "http://localhost:9797")], 200),
        (vec![("origin", "http://localhost:3000")], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (site("same-origin", "cors"), 200),
        (site("none", "navigate"), 200),
        (site("cross-site", "navigate"), 200),
        (site("cross-site", "no-cors"), 403),
        (site("same-site", "cors"), 403),
    ] {
        let response = get_with(&api, "/api/v1/health", &headers).await;
        assert_eq!(response.status(), status, "{headers:?}");
    }
}
