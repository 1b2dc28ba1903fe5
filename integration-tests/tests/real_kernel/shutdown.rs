//! What is stored when the daemon ends, in order and not.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces;
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;

/// What the database has of a process.
fn stored_bytes(database: &Path, pid: u32) -> u64 {
    let rows = faces::database(database).expect("the database opens");
    rows.iter()
        .filter(|row| row.pid == pid)
        .map(|row| row.sent_bytes)
        .sum()
}

#[track_caller]
fn last_window_is_stored_after(signal: i32) {
    // Nothing would be flushed in time if the end did not do it.
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: 1.0,
        flush_interval_secs: 600.0,
        ..Setup::default()
    });
    let drip = Drip::start("drip", 1000, Duration::from_millis(1));
    wait::until(wait::PATIENCE, || {
        (drip.sent_bytes() > 1_500_000)
            .then_some(())
            .ok_or_else(|| "still dripping".to_owned())
    });
    let at_least = drip.sent_bytes();
    daemon.signal(signal);
    let status = daemon.wait();
    // The send under way is not in the sum yet.
    let at_most = drip.sent_bytes() + 1000;
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    let stored = stored_bytes(&daemon.database(), drip.pid());
    assert!(
        (at_least..=at_most).contains(&stored),
        "stored {stored}, sent before the signal {at_least}, before the end {at_most}"
    );
}

#[test]
fn sigterm_during_traffic_stores_the_last_window() {
    last_window_is_stored_after(libc::SIGTERM);
}

#[test]
fn sigint_during_traffic_stores_the_last_window() {
    last_window_is_stored_after(libc::SIGINT);
}

#[test]
fn kill_loses_at_most_the_last_flush_interval() {
    const FLUSH: f64 = 1.0;
    const SCRAPE: f64 = 0.2;
    /// For the writer to do what is due, on a machine that holds nobody up.
    const SLACK: f64 = 0.5;
    let drip = Drip::start("drip", 1000, Duration::from_millis(1));
    for round in 1..=3 {
        let mut daemon = Daemon::start(&Setup {
            scrape_interval_secs: SCRAPE,
            flush_interval_secs: FLUSH,
            ..Setup::default()
        });
        let before = drip.sent_bytes();
        let mut progress = Vec::new();
        // Does what the writer does, to see how long this machine holds up who does.
        let mut synced = tempfile::tempfile().expect("a temporary file");
        let mut held_up = Duration::ZERO;
        let start = Instant::now();
        // Ends at another point of the interval in every round.
        let life = Duration::from_secs_f64(3.0 + f64::from(round) * 0.3);
        while start.elapsed() < life {
            progress.push((start.elapsed(), drip.sent_bytes()));
            let asleep = Instant::now();
            std::thread::sleep(Duration::from_millis(5));
            synced.write_all(&[0; 4096]).expect("there is space");
            synced.sync_data().expect("the disk works");
            held_up = held_up.max(asleep.elapsed());
        }
        daemon.signal(libc::SIGKILL);
        daemon.wait();

        // A flush syncs a few times.
        let late = Duration::from_secs_f64(FLUSH + SCRAPE + SLACK) + 4 * held_up;
        let due = life.saturating_sub(late);
        let sent_when_due = progress
            .iter()
            .take_while(|(time, _)| *time <= due)
            .last()
            .map_or(before, |&(_, sent)| sent);
        let stored = stored_bytes(&daemon.database(), drip.pid());
        assert!(
            stored >= sent_when_due - before,
            "round {round}: stored {stored} of {} sent until {due:?}, killed at {life:?}, \
             held up for {held_up:?}",
            sent_when_due - before
        );
        assert_eq!(integrity(&daemon.database()), "ok");
        let report = daemon.report(&["--json", "--process", "drip"]);
        assert!(report.is_ok(), "{report:?}");
    }
}

fn integrity(database: &Path) -> String {
    let connection = rusqlite::Connection::open(database).expect("the database opens");
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the check runs")
}
