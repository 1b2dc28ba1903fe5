//! Processes that are gone before anyone looks.

use std::collections::BTreeSet;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;

#[test]
fn two_hundred_processes_of_a_few_milliseconds_are_charged_by_pid_and_name() {
    // The default interval: most of the processes are long gone at the next tick.
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: 1.0,
        ..Setup::default()
    });
    let truth = generator::run(&["storm", "200"]);
    let named: BTreeSet<&str> = truth
        .iter()
        .map(|row| row.process.as_str())
        .filter(|name| *name != "storm-server")
        .collect();
    assert_eq!(named.len(), 200);
    expect_exactly(&mut daemon, &truth);
}
