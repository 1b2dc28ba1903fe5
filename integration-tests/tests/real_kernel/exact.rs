//! Every way of moving bytes, to the byte, in every face.

use nettally_integration_tests::harness::compare::{expect_exactly_and, expect_in_statsd};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::harness::network::Peer;
use nettally_integration_tests::harness::statsd::Statsd;
use nettally_integration_tests::traffic::{Case, Moved, cases};

#[test]
fn every_case_is_exact_in_report_api_database_and_statsd() {
    let statsd = Statsd::start();
    let mut daemon = Daemon::start(&Setup {
        statsd: Some(statsd.address),
        ..Setup::default()
    });
    let (truth, but_remotes) = run_all(&[]);
    let all = [truth.clone(), but_remotes.clone()].concat();
    expect_in_statsd(&statsd, &all);
    expect_exactly_and(&mut daemon, &truth, &but_remotes);
    // The last window came by StatsD too, and brought nothing twice.
    expect_in_statsd(&statsd, &all);
}

#[test]
fn every_case_is_exact_over_a_cable_to_another_network_namespace() {
    let peer = Peer::start();
    let mut daemon = Daemon::start(&Setup::default());
    let (truth, but_remotes) = run_all(&[
        "--ipv4",
        &peer.ipv4.to_string(),
        "--ipv6",
        &peer.ipv6.to_string(),
        "--namespace",
        &peer.namespace,
    ]);
    expect_exactly_and(&mut daemon, &truth, &but_remotes);
}

/// The truth of all cases whose remotes every backend sees, and of the others.
fn run_all(place: &[&str]) -> (Vec<Moved>, Vec<Moved>) {
    let run = |is_wanted: fn(&&Case) -> bool| {
        let names = cases().filter(is_wanted).map(|case| case.name);
        let arguments: Vec<&str> = place
            .iter()
            .copied()
            .chain(["cases"])
            .chain(names)
            .collect();
        generator::run(&arguments)
    };
    (
        run(|case| !case.remote_needs_trampolines),
        run(|case| case.remote_needs_trampolines),
    )
}
