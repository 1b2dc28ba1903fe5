//! collectd with its plugin for StatsD, as Debian has them.

use nettally_integration_tests::harness::receivers::{Collectd, Measured, measured};

#[test]
fn collectd_holds_what_the_report_has_to_the_byte() {
    let server = Collectd::start();
    let Measured { report, sent } = measured(&[
        "type: statsd",
        &format!("address: {}", server.address),
        "prefix: nettally",
    ]);
    sent.expect_no_failures();
    server.expect("nettally", &report.by_name_and_protocol());
}
