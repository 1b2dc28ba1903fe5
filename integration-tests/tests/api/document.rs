//! Thousands of requests, right and wrong, made of the document of the API.

use std::process::Command;
use std::time::Duration;

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::{generator, wait};

/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

/// Event streams do not end, so their answers have no end to wait for; `live` is tested in the
/// program's own tests.
const ENDLESS: [&str; 2] = ["/api/v1/live", "/api/v1/stream"];

#[test]
fn no_request_makes_an_answer_that_the_document_does_not_promise() {
    let program = std::env::var_os("NETTALLY_SCHEMATHESIS")
        .expect("NETTALLY_SCHEMATHESIS names schemathesis; run `cargo xtask test api`");
    let daemon = Daemon::start(&Setup {
        api: vec!["requests_per_second: null".to_owned()],
        ..Setup::default()
    });
    let moved = generator::run(&["churn", "2"]);
    assert!(!moved.is_empty());
    wait::until(Duration::from_secs(20), || {
        let usage = daemon.get("/api/v1/usage?since=-10m&group_by=process")?;
        let rows = usage["rows"].as_array().map_or(0, Vec::len);
        (rows > 3).then_some(()).ok_or_else(|| usage.to_string())
    });
    let output = Command::new(program)
        .arg("run")
        .arg(format!("http://{}/api/v1/openapi.json", daemon.api))
        .args(["--checks", CHECKS])
        .args(ENDLESS.map(|path| ["--exclude-path", path]).concat())
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--mode", "all"])
        .args(["--max-examples", "20", "--max-time", "60"])
        .args([
            "--request-timeout",
            "20",
            "--no-shrink",
            "--continue-on-failure",
        ])
        .args(["--generation-database", "none", "--seed", "1"])
        .args(["--warnings", "off", "--no-color"])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{}", output.status);
    let health = daemon.get("/api/v1/health").expect("it still answers");
    let requests = health["api"]["requests"].as_u64().expect("a number");
    assert!(requests > 500, "only {requests} requests were made");
    println!("{requests} requests");
}
