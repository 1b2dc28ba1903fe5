//! Clients that only hold connections, or do not read what they asked for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;

use crate::{of_their_own, windows_while};

const IDLE: usize = 500;

/// Seconds between two readings of the kernel's counters.
const INTERVAL_SECS: f64 = 0.2;

#[test]
fn a_crowd_of_silent_clients_and_one_that_does_not_read_hold_up_nothing() {
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: INTERVAL_SECS,
        ..Setup::default()
    });
    let calm = windows_while(&daemon, || std::thread::sleep(Duration::from_secs(4)));

    let mut stalled = TcpStream::connect(daemon.api).expect("the daemon listens");
    stalled
        .write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it is read");
    let mut status = [0; 15];
    stalled.read_exact(&mut status).expect("it is answered");
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|_| TcpStream::connect(daemon.api).expect("the daemon listens"))
        .collect();

    let mut truth = Vec::new();
    let crowded = windows_while(&daemon, || truth = generator::run(&["churn", "8"]));
    let health = daemon
        .get("/api/v1/health")
        .expect("a new client is answered");
    let closed = health["api"]["closed_idle_connections"].as_u64();
    assert!(closed > Some(200), "{}", health["api"]);
    println!("windows a second: {calm:.2} in peace, {crowded:.2} in the crowd; {closed:?} closed");
    // The traffic takes its share of the processors too.
    assert!(crowded > calm * 0.5, "{crowded} against {calm}");

    expect_exactly(&mut daemon, &of_their_own(truth));
    drop((idle, stalled));
}
