//! The StatsD server that gave the protocol its name.

use nettally_integration_tests::harness::receivers::{Measured, OriginalStatsd, measured};

/// Each byte that the report has is in a counter of the server, by process name and protocol.
#[test]
fn the_original_server_holds_what_the_report_has_to_the_byte() {
    let server = OriginalStatsd::start();
    let Measured { report, sent } = measured(&[
        "type: statsd",
        &format!("address: {}", server.address),
        "prefix: nettally",
    ]);
    sent.expect_no_failures();
    server.expect("nettally", &report.by_name_and_protocol());
}

/// The largest and the rest have together what the report has.
#[test]
fn with_a_limit_the_original_server_holds_the_same_sums() {
    let server = OriginalStatsd::start();
    let Measured { report, sent } = measured(&[
        "type: statsd",
        &format!("address: {}", server.address),
        "prefix: nettally",
        "max_packet_bytes: 128",
        "series: { top: 2 }",
    ]);
    sent.expect_no_failures();
    let held = server.counters("nettally.");
    assert!(
        held.keys().any(|name| name.starts_with("process.other.")),
        "{held:?}"
    );
    server.expect_sums("nettally", report.sums());
}
