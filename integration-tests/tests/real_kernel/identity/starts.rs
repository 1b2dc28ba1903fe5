//! Very many processes in a short time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use nettally_integration_tests::harness::stream::Stream;

use super::{Specks, run};

const STARTS: u32 = 20_000;
const AT_A_TIME: u32 = 2;
/// One in so many moves nothing.
const IDLE: u32 = 4;
const EACH: u64 = 100;
/// A record in the kernel and all that is kept in user space until it is told.
const BYTES_A_PROCESS: u64 = 16 << 10;
/// Whatever else grows with a burst: rows on their way, and the allocator's reserve.
const SLACK: u64 = 64 << 20;

#[test]
fn twenty_thousand_starts_are_counted_to_the_byte_in_bounded_memory() {
    let specks = Specks::new();
    let program = specks.link("burst/speck-burst");
    let stream = Stream::start(1.0, &[]);
    let before = resident_bytes(stream.pid());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| run_share(&program));
        }
    });
    let took = start.elapsed();
    let peak = peak_bytes(stream.pid());
    let senders = u64::from(STARTS - STARTS / IDLE);
    stream.until(|told| {
        let rows = told.rows.iter().filter(|row| row.process == "speck-burst");
        let sent: u64 = rows.map(|row| row.sent_bytes).sum();
        (sent >= senders * EACH)
            .then_some(())
            .ok_or_else(|| format!("{sent} of {} bytes came", senders * EACH))
    });
    let after = resident_bytes(stream.pid());
    let told = stream.finish();

    let mut by_pid = BTreeMap::<u32, u64>::new();
    let mut by_attribution = BTreeMap::<&str, u64>::new();
    let mut paths = BTreeSet::new();
    for row in told.rows.iter().filter(|row| row.process == "speck-burst") {
        *by_pid.entry(row.pid).or_default() += row.sent_bytes;
        *by_attribution.entry(&row.attribution).or_default() += row.sent_bytes;
        paths.insert(row.exe.clone());
    }
    let unrecorded: u64 = told.losses.iter().map(|loss| loss.events).sum();
    println!(
        "{STARTS} starts in {:.1} s, {senders} of them sent; bytes by attribution {by_attribution:?}; \
         lost {:?}; resident {} KiB before, {} KiB at the peak, {} KiB after",
        took.as_secs_f64(),
        told.losses,
        before >> 10,
        peak >> 10,
        after >> 10,
    );
    assert_eq!(by_pid.values().sum::<u64>(), senders * EACH);
    let kernel = by_attribution.get("kernel").copied().unwrap_or_default();
    assert!(
        (senders * EACH - kernel) / EACH <= unrecorded,
        "what is not told by the kernel is counted as a loss"
    );
    if unrecorded == 0 {
        let exe = program.to_str().map(str::to_owned);
        assert_eq!(paths, BTreeSet::from([exe]));
    }
    let bound = senders * BYTES_A_PROCESS + SLACK;
    assert!(
        peak < before + bound,
        "{peak} bytes at the peak, {before} before"
    );
}

fn run_share(program: &Path) {
    let send = format!("udp:{EACH}");
    for number in 0..STARTS / AT_A_TIME {
        let steps: &[&str] = if number % IDLE == 0 { &[] } else { &[&send] };
        run(program, steps);
    }
}

fn resident_bytes(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

fn peak_bytes(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

fn status(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    let value = value.expect("every process has it").trim();
    let kibibytes = value.trim_end_matches(" kB").parse::<u64>();
    kibibytes.expect("a number") << 10
}
