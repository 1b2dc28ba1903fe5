//! The description of the HTTP API, as a page.

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use serde_json::json;

use super::{open, until};

#[test]
fn the_document_is_a_page_that_needs_nobody_else() {
    let daemon = Daemon::start(&Setup::default());
    let document = daemon.get("/api/v1/openapi.json").expect("it answers");
    let paths: Vec<&String> = document["paths"]
        .as_object()
        .expect("paths by name")
        .keys()
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    let browser = Browser::start();
    open(&browser, &daemon, "api/");
    for path in paths {
        until(
            &browser,
            &format!("document.body.innerText.includes({path:?})"),
        );
    }
    let foreign = browser.run(
        "return performance.getEntriesByType('resource').map(entry => entry.name)\
         .filter(name => !name.startsWith(location.origin))",
    );
    assert_eq!(foreign, json!([]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
