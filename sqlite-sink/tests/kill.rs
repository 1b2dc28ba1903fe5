//! A writer that is killed at any moment: the file opens, is whole, and lacks nothing that was
//! stored.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may panic and print like tests"
)]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use nettally_source::pipeline::StreamSink as _;
use nettally_sqlite_sink::{Reader, WriterStats};
use rusqlite::Connection;
use support::{at, event, open, sent_bytes};

/// How often, unless `NETTALLY_KILLS` says otherwise: `cargo xtask soak` kills more.
const KILLS: u32 = 20;

/// So many windows at most are handed over before the kill: with one a millisecond, some
/// transactions, rollups of minutes and, over all kills, of hours.
const MOST_WINDOWS: u64 = 400;

const PACE: Duration = Duration::from_millis(1);

/// What a writer said before it died.
#[derive(Debug, Default)]
struct Said {
    /// Windows that it was handed, the last perhaps not quite.
    handed_over: u64,
    /// Of them, those that were in committed transactions.
    stored: u64,
}

impl Said {
    fn read(&mut self, line: &str) {
        if let Some(count) = line.strip_prefix("handed over ") {
            self.handed_over = count.parse().unwrap();
        } else if let Some(count) = line.strip_prefix("stored ") {
            self.stored = count.parse().unwrap();
        }
    }
}

/// What is committed is in the file after the kill, and what is in the file was handed over: so no
/// more is lost than what came after the last flush. That a flush happens at each interval is
/// asserted in `run.rs`.
#[test]
fn a_killed_writer_loses_nothing_that_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let kills = std::env::var("NETTALLY_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut first = 0;
    let mut lost = 0;
    for kill in 1..=kills {
        let windows = RandomState::new().build_hasher().finish() % MOST_WINDOWS;
        let said = killed_after(&path, first, windows);
        let stored = whole_windows(&path);
        assert!(
            said.stored.max(first) <= stored && stored <= said.handed_over.max(first),
            "kill {kill} after {windows} windows: {stored} in the file, {said:?}, {first} before"
        );
        lost += said.handed_over.max(first) - stored;
        // The next writer goes on where the file ends, so that sums stay comparable.
        first = stored;
    }
    println!("{kills} kills: {first} windows stored, {lost} handed over and not stored yet");
    assert!(first > 0, "no writer lived long enough to store anything");
}

/// Starts a writer and kills it once it was handed so many windows.
fn killed_after(path: &Path, first: u64, windows: u64) -> Said {
    let mut child = writer(path, first);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Said::default();
    while said.handed_over < first + windows {
        said.read(&lines.next().unwrap().unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it still said before it died.
    for line in lines.map_while(Result::ok) {
        said.read(&line);
    }
    said
}

fn writer(path: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--include-ignored",
            "--nocapture",
            "child_writes_until_killed",
        ])
        .env("PLACE", path)
        .env("FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many windows the file has: all from the first on, by its sum and by its end.
fn whole_windows(path: &Path) -> u64 {
    if !path.exists() {
        return 0;
    }
    let file = Connection::open(path).unwrap();
    let check: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let version: i64 = file
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    if version == 0 {
        return 0; // Killed before it had made its tables.
    }
    let reader = Reader::open(path).unwrap();
    let windows = sent_bytes(&reader).unwrap() / 10;
    let until = reader.stats().unwrap().flushed_until;
    let end = at(i64::try_from(windows).unwrap() * 1000);
    assert_eq!(until.unwrap_or(at(0)), end);
    windows
}

#[test]
#[ignore = "a part of `a_killed_writer_loses_nothing_that_was_stored`"]
fn child_writes_until_killed() {
    let Some(path) = std::env::var_os("PLACE").map(PathBuf::from) else {
        return;
    };
    let first: i64 = std::env::var("FIRST").unwrap().parse().unwrap();
    let (sink, stats) = open(&path).unwrap();
    thread::spawn(move || tell_what_is_stored(&stats));
    let windows = stream::iter(first..).map(|index| {
        thread::sleep(PACE);
        println!("handed over {}", index + 1);
        event(index)
    });
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(Box::new(sink).run(windows.boxed()))
        .unwrap();
}

fn tell_what_is_stored(stats: &Arc<WriterStats>) {
    let mut before = None;
    loop {
        let until = stats.snapshot().flushed_until;
        if until != before {
            let windows = until.map_or(0, |end| {
                (end.as_millisecond() - at(0).as_millisecond()) / 1000
            });
            println!("stored {windows}");
            before = until;
        }
        thread::sleep(PACE);
    }
}
