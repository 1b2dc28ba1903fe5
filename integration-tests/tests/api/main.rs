//! The HTTP API of a daemon that measures: what its document promises, and that nobody who asks can
//! hold up what measures.

mod crowd;
mod document;
mod slow_export;

use std::time::Instant;

use nettally_integration_tests::harness::daemon::Daemon;
use nettally_integration_tests::traffic::Moved;

/// These are compared by their sum in another test, as who of them reads is not decided by them.
const SHARING_READERS: [&str; 2] = ["churn-shared-s", "churn-shared-s2"];

/// What processes moved that share no socket.
fn of_their_own(truth: Vec<Moved>) -> Vec<Moved> {
    let shares = |row: &Moved| SHARING_READERS.contains(&row.process.as_str());
    truth.into_iter().filter(|row| !shares(row)).collect()
}

/// Windows a second that the collector delivers meanwhile.
fn windows_while(daemon: &Daemon, act: impl FnOnce()) -> f64 {
    let windows = || {
        let health = daemon.get("/api/v1/health").expect("it answers");
        health["sources"][0]["windows"].as_u64().expect("a number")
    };
    let (before, start) = (windows(), Instant::now());
    act();
    let count = windows() - before;
    u32::try_from(count).map_or(f64::MAX, f64::from) / start.elapsed().as_secs_f64()
}
