//! A writer that is killed: the file opens, and lacks at most what one flush interval moved.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use nettally_source::pipeline::StreamSink as _;
use nettally_sqlite_sink::Reader;
use support::{event, open, sent_bytes};

/// The child sends a window no faster than this, so no more than so many in an interval of 0.1 s.
const PACE: Duration = Duration::from_millis(5);
const WINDOWS_PER_INTERVAL: u64 = 20;

/// What may be in flight besides: a transaction that was about to be committed.
const SLACK: u64 = WINDOWS_PER_INTERVAL;

#[test]
fn a_killed_writer_loses_at_most_the_last_interval() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut first = 0;
    for kill in 1..=5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--include-ignored",
                "--nocapture",
                "child_writes_until_killed",
            ])
            .env("PLACE", &path)
            .env("FIRST", first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stop_after = first + 100 + kill * 13;
        let mut handed_over = first;
        while handed_over < stop_after {
            let line = lines.next().unwrap().unwrap();
            if let Some(number) = line.strip_prefix("window ") {
                handed_over = number.parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still printed before it died.
        for line in lines.map_while(Result::ok) {
            if let Some(Ok(number)) = line.strip_prefix("window ").map(str::parse) {
                handed_over = number;
            }
        }

        let reader = Reader::open(&path).unwrap();
        let stored = sent_bytes(&reader).unwrap() / 10;
        assert!(stored <= handed_over + 1, "{stored} of {handed_over}");
        assert!(
            stored + WINDOWS_PER_INTERVAL + SLACK >= handed_over,
            "{stored} of {handed_over}"
        );
        println!("kill {kill}: {stored} windows stored of {handed_over}");
        // The next writer goes on where the file ends, so that sums stay comparable.
        first = stored;
    }
}

#[test]
#[ignore = "a part of `a_killed_writer_loses_at_most_the_last_interval`"]
fn child_writes_until_killed() {
    let Some(path) = std::env::var_os("PLACE").map(PathBuf::from) else {
        return;
    };
    let first: i64 = std::env::var("FIRST").unwrap().parse().unwrap();
    let (sink, _stats) = open(&path).unwrap();
    let windows = stream::iter(first..).map(|index| {
        thread::sleep(PACE);
        println!("window {index}");
        event(index)
    });
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(Box::new(sink).run(windows.boxed()))
        .unwrap();
}
