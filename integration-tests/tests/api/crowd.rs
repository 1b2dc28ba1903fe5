//! Clients that only hold connections, or do not read what they asked for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::traffic::Moved;

/// These are compared by their sum in another test, as who of them reads is not decided by them.
const SHARING_READERS: [&str; 2] = ["churn-shared-s", "churn-shared-s2"];

const IDLE: usize = 500;

/// Seconds between two readings of the kernel's counters.
const INTERVAL_SECS: f64 = 0.2;

#[test]
fn a_crowd_of_silent_clients_and_one_that_does_not_read_hold_up_nothing() {
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: INTERVAL_SECS,
        ..Setup::default()
    });
    let windows = |daemon: &Daemon| {
        let health = daemon.get("/api/v1/health").expect("it answers");
        health["sources"][0]["windows"].as_u64().expect("a number")
    };
    let calm = windows_while(&daemon, &windows, || {
        std::thread::sleep(Duration::from_secs(4));
    });

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
    let crowded = windows_while(&daemon, &windows, || {
        truth = generator::run(&["churn", "8"]);
    });
    let health = daemon
        .get("/api/v1/health")
        .expect("a new client is answered");
    let closed = health["api"]["closed_idle_connections"].as_u64();
    assert!(closed > Some(200), "{}", health["api"]);
    println!("windows a second: {calm:.2} in peace, {crowded:.2} in the crowd; {closed:?} closed");
    // The traffic takes its share of the processors too.
    assert!(crowded > calm * 0.5, "{crowded} against {calm}");

    let others: Vec<Moved> = truth
        .into_iter()
        .filter(|row| !SHARING_READERS.contains(&row.process.as_str()))
        .collect();
    expect_exactly(&mut daemon, &others);
    drop((idle, stalled));
}

/// Windows a second that the collector delivers meanwhile.
fn windows_while(daemon: &Daemon, windows: &impl Fn(&Daemon) -> u64, act: impl FnOnce()) -> f64 {
    let (before, start) = (windows(daemon), std::time::Instant::now());
    act();
    let count = windows(daemon) - before;
    u32::try_from(count).map_or(f64::MAX, f64::from) / start.elapsed().as_secs_f64()
}
