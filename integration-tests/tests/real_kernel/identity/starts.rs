//! Very many processes in a short time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use nettally_integration_tests::harness::memory::{peak_bytes, resident_bytes};
use nettally_integration_tests::harness::stream::{Row, Stream};

use super::{Specks, run};

/// At the same time.
const AT_A_TIME: u32 = 2;
/// One in so many moves nothing.
const IDLE: u32 = 4;
const EACH: u64 = 100;
/// Of the table that is kept of processes: fewer than are started.
const ENTRIES: u32 = 4096;
/// Nobody else sends there.
const PORT: u16 = 9;
/// All that is kept of a process, in user space alone: it is about a kilobyte.
const BYTES_A_PROCESS: u64 = 8 << 10;
/// Whatever else grows with a burst: rows on their way, and the allocator's reserve.
const SLACK: u64 = 48 << 20;

#[test]
fn twenty_thousand_starts_are_counted_to_the_byte_in_bounded_memory() {
    let found = burst(20_000, 1.0, &[]);
    assert_eq!(found.by_kernel, found.sent, "each is named in full");
    assert_eq!(found.lost, 0);
    assert_eq!(found.paths, 1);
}

/// The kernel's records are read too seldom for so many that are so long: who they were is not known
/// of all, and that is told.
#[test]
fn more_starts_than_there_is_room_for_are_counted_to_the_byte_all_the_same() {
    let long = "x".repeat(4000);
    let found = burst(6000, 20.0, &["--", &long]);
    assert!(found.by_kernel < found.sent, "there was room");
    let not_recorded = (found.sent - found.by_kernel) / EACH;
    assert_eq!(found.lost, not_recorded, "in silence");
}

#[derive(Debug)]
struct Found {
    sent: u64,
    /// Of that, by processes that the kernel recorded in full.
    by_kernel: u64,
    /// Events of all losses.
    lost: u64,
    /// Different ones among those that are told.
    paths: usize,
}

#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "the figures are shown beside the verdict"
)]
fn burst(starts: u32, scrape_interval_secs: f64, arguments: &[&str]) -> Found {
    let specks = Specks::new();
    let program = specks.link("burst/speck-burst");
    let entries = format!("process_table_entries: {ENTRIES}");
    let stream = Stream::start(scrape_interval_secs, &[&entries]);
    let own = std::process::id();
    let is_theirs = |row: &&Row| row.remote_port == PORT && row.pid != own;
    let before = resident_bytes(stream.pid());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| run_share(&program, starts / AT_A_TIME, arguments));
        }
    });
    let took = start.elapsed();
    let sent = u64::from(starts - starts / IDLE) * EACH;
    stream.until(|told| {
        let rows = told.rows.iter().filter(is_theirs);
        let come: u64 = rows.map(|row| row.sent_bytes).sum();
        (come >= sent)
            .then_some(())
            .ok_or_else(|| format!("{come} of {sent} bytes came"))
    });
    let (peak, after) = (peak_bytes(stream.pid()), resident_bytes(stream.pid()));
    let told = stream.finish();

    let mut by_attribution = BTreeMap::<&str, u64>::new();
    for row in told.rows.iter().filter(is_theirs) {
        *by_attribution.entry(&row.attribution).or_default() += row.sent_bytes;
    }
    println!(
        "{starts} starts in {:.1} s, bytes by attribution {by_attribution:?}, lost {:?}, resident \
         {} KiB before, {} KiB at the peak, {} KiB after",
        took.as_secs_f64(),
        told.losses,
        before >> 10,
        peak >> 10,
        after >> 10,
    );
    assert_eq!(by_attribution.values().sum::<u64>(), sent);
    let bound = u64::from(ENTRIES) * BYTES_A_PROCESS + SLACK;
    assert!(peak < before + bound, "{peak} bytes, {before} before");
    let rows = told.rows.iter().filter(is_theirs);
    let paths: BTreeSet<&str> = rows.filter_map(|row| row.exe.as_deref()).collect();
    Found {
        sent,
        by_kernel: by_attribution.get("kernel").copied().unwrap_or_default(),
        lost: told.losses.iter().map(|loss| loss.events).sum(),
        paths: paths.len(),
    }
}

fn run_share(program: &Path, starts: u32, arguments: &[&str]) {
    let send = format!("udp:{EACH}");
    for number in 0..starts {
        let steps: &[&str] = if number % IDLE == 0 { &[] } else { &[&send] };
        run(program, &[steps, arguments].concat());
    }
}
