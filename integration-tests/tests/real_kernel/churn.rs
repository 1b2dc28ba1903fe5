//! Everything at once, while the maps are drained many times a second.

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces::Face;
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::traffic::Moved;

/// They read from one TCP connection at the same time, and are compared by their sum here: this test
/// is about bytes. Whose they are is tested by `regressions`, with readers that take turns.
const SHARING_READERS: [&str; 2] = ["churn-shared-s", "churn-shared-s2"];

#[test]
fn no_byte_is_lost_or_doubled_under_churn() {
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: 0.1,
        ..Setup::default()
    });
    // `cargo xtask soak` runs for longer.
    let seconds = std::env::var("NETTALLY_CHURN_SECONDS").unwrap_or_else(|_| "15".to_owned());
    let truth = generator::run(&["churn", &seconds]);
    println!("{} bytes in {} flows", sum(truth.iter()), truth.len());
    let (readers, others): (Vec<Moved>, Vec<Moved>) = truth
        .into_iter()
        .partition(|row| SHARING_READERS.contains(&row.process.as_str()));
    expect_exactly(&mut daemon, &others);
    let stored = Face::Sqlite
        .read(&daemon)
        .expect("the database is readable");
    let is_reader = |row: &&Moved| readers.iter().any(|reader| reader.pid == row.pid);
    assert_eq!(
        sum(stored.iter().filter(is_reader)),
        sum(readers.iter()),
        "of the readers that share a connection"
    );
}

fn sum<'a>(rows: impl Iterator<Item = &'a Moved>) -> u64 {
    rows.map(|row| row.sent_bytes + row.received_bytes).sum()
}
