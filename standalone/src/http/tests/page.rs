//! The page and the headers of every answer.

use nettally_source::{LossClass, Protocol};

use super::*;

#[tokio::test]
async fn every_file_that_the_page_names_is_served() {
    let api = bound_to_loopback(state());
    let index = get_with(&api, "/", &[]).await;
    let html = std::str::from_utf8(index.body()).unwrap();
    let named: Vec<_> = html
        .split(['"'])
        .filter(|text| text.starts_with('/') && text.contains('.'))
        .collect();
    assert!(named.len() >= 3, "{named:?}");
    for path in named {
        assert_eq!(get_with(&api, path, &[]).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn modules_import_only_what_is_served() {
    let api = bound_to_loopback(state());
    let mut to_read = vec!["/app.js".to_owned()];
    let mut read = Vec::new();
    while let Some(path) = to_read.pop() {
        let response = get_with(&api, &path, &[]).await;
        assert_eq!(response.status(), 200, "{path}");
        let content_type = &response.headers()["content-type"];
        assert_eq!(content_type, "text/javascript; charset=utf-8");
        let script = std::str::from_utf8(response.body()).unwrap();
        for line in script.lines().filter(|line| line.contains(" from \"./")) {
            let name = line
                .split("\"./")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let path = format!("/{name}");
            if !read.contains(&path) {
                to_read.push(path);
            }
        }
        read.push(path);
    }
    assert!(read.len() >= 6, "{read:?}");
}

#[tokio::test]
async fn every_protocol_and_every_class_of_loss_has_a_word() {
    let api = bound_to_loopback(state());
    let file = async |path| {
        let answer = get_with(&api, path, &[]).await;
        String::from_utf8(answer.body().to_vec()).unwrap()
    };
    let (html, labels) = (file("/").await, file("/protocols.js").await);
    for protocol in Protocol::ALL {
        let button = format!("data-protocol=\"{protocol}\"");
        assert_eq!(html.matches(&button).count(), 1, "{protocol}");
        assert!(
            labels.contains(&format!("\n  {protocol}: \"")),
            "{protocol}"
        );
        let is_outside = format!("protocol !== \"{protocol}\"");
        assert_eq!(labels.contains(&is_outside), !protocol.is_in_totals());
    }
    let script = file("/notices.js").await;
    for class in [LossClass::Bytes, LossClass::Delivery, LossClass::Detail] {
        assert!(script.contains(&format!("\n  {class}: \"")), "{class}");
    }
}

#[tokio::test]
async fn the_markup_obeys_the_policy() {
    let index = get_with(&bound_to_loopback(state()), "/", &[]).await;
    let html = std::str::from_utf8(index.body()).unwrap();
    for forbidden in [
        "style=",
        "onclick=",
        "javascript:",
        "<style",
        "http://",
        "https://",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(
        !html
            .replace("<script type=\"module\" src=", "")
            .contains("<script")
    );
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let api = bound_to_loopback(state());
    for path in [
        "/",
        "/app.js",
        "/api/v1/health",
        "/api/v1/usage",
        "/nothing",
    ] {
        let response = get_with(&api, path, &[]).await;
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    let health = get_with(&api, "/api/v1/health", &[]).await;
    assert_eq!(health.headers()["cache-control"], "no-store");
}
