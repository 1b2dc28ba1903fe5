//! The document of the API, and that it says what is served.

use super::*;
use crate::http::conditions::PROTOCOLS;
use crate::http::routes::ENDPOINTS;

async fn document(api: &Arc<Api>) -> Value {
    let (status, document) = get(api, "/api/v1/openapi.json").await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    document
}

#[tokio::test]
async fn every_route_is_in_the_document_and_the_other_way_round() {
    let api = bound_to_loopback(state());
    let document = document(&api).await;
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), ENDPOINTS.len());
    for endpoint in ENDPOINTS {
        let method = endpoint.method.as_str();
        assert!(
            paths[endpoint.path].get(method.to_lowercase()).is_some(),
            "{}",
            endpoint.path
        );
        let wrong = if method == "GET" { "POST" } else { "GET" };
        let answer = warp::test::request()
            .method(wrong)
            .path(endpoint.path)
            .header("host", "localhost")
            .reply(&routes::routes(Arc::clone(&api), Origin::Network))
            .await;
        assert_eq!(answer.status(), 405, "{}", endpoint.path);
        assert_eq!(answer.headers()["allow"], method);
    }
}

#[tokio::test]
async fn the_parser_knows_the_documented_parameters_and_names_them_when_it_refuses() {
    let api = bound_to_loopback(state());
    let document = document(&api).await;
    for endpoint in ENDPOINTS {
        if endpoint.method != warp::http::Method::GET {
            continue;
        }
        let documented = &document["paths"][endpoint.path]["get"]["parameters"];
        let names: Vec<_> = documented
            .as_array()
            .unwrap()
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let (status, body) = get(&api, &format!("{}?sinse=1h", endpoint.path)).await;
        let message = body["error"]["message"].as_str().unwrap();
        let list = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        assert_eq!(status, 400, "{}", endpoint.path);
        assert!(
            message.ends_with(&format!("; allowed: {list}")),
            "{}: {message}",
            endpoint.path
        );
    }
}

#[tokio::test]
async fn the_page_of_the_document_is_served_with_its_files_and_obeys_the_policy() {
    let api = bound_to_loopback(state());
    let page = get_with(&api, "/api/", &[]).await;
    let html = std::str::from_utf8(page.body()).unwrap();
    for path in ["/api-docs.js", "/api-docs.css"] {
        assert!(html.contains(path));
        assert_eq!(get_with(&api, path, &[]).await.status(), 200, "{path}");
    }
    for forbidden in ["style=", "<style", "onclick=", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn every_reference_leads_to_a_schema() {
    let document = document(&bound_to_loopback(state())).await;
    let text = document.to_string();
    let references: Vec<_> = text.split("\"$ref\":\"#").skip(1).collect();
    assert!(references.len() > 20, "{}", references.len());
    for reference in references {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let usage = &document["components"]["schemas"]["Usage"];
    assert_eq!(usage["properties"]["since"]["format"], "date-time");
    assert!(PROTOCOLS.contains(&"tcp"));
}
