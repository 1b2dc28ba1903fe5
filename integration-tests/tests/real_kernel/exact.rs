//! Every way of moving bytes, to the byte, in every face.

use nettally_integration_tests::harness::compare::{expect_exactly, expect_in_statsd};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::harness::network::Peer;
use nettally_integration_tests::harness::statsd::Statsd;

#[test]
fn every_case_is_exact_in_report_api_database_and_statsd() {
    let statsd = Statsd::start();
    let mut daemon = Daemon::start(&Setup {
        statsd: Some(statsd.address),
        ..Setup::default()
    });
    let truth = generator::run(&["cases"]);
    expect_in_statsd(&statsd, &truth);
    expect_exactly(&mut daemon, &truth);
    // The last window came by StatsD too, and brought nothing twice.
    expect_in_statsd(&statsd, &truth);
}

#[test]
fn every_case_is_exact_over_a_cable_to_another_network_namespace() {
    let peer = Peer::start();
    let mut daemon = Daemon::start(&Setup::default());
    let truth = generator::run(&[
        "--ipv4",
        &peer.ipv4.to_string(),
        "--ipv6",
        &peer.ipv6.to_string(),
        "--namespace",
        &peer.namespace,
        "cases",
    ]);
    expect_exactly(&mut daemon, &truth);
}
