//! Everything at once, while the maps are drained many times a second.

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::traffic::Moved;

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
    expect_exactly(&mut daemon, &truth);
}

fn sum<'a>(rows: impl Iterator<Item = &'a Moved>) -> u64 {
    rows.map(|row| row.sent_bytes + row.received_bytes).sum()
}
