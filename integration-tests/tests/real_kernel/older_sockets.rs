//! Sockets that are older than the daemon.

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Held;

/// Two for each way of receiving.
const PROCESSES: usize = 6;

#[test]
fn sockets_are_counted_from_the_start_on_with_their_remote() {
    let mut sockets = Held::start("before", PROCESSES);
    let mut daemon = Daemon::start(&Setup::default());
    sockets.write_line();
    sockets.read(PROCESSES);
    expect_exactly(&mut daemon, sockets.truth());
    sockets.finish();
}
