//! Clients that ask for an export of some length and do not read it, or later.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::memory::resident_bytes;
use nettally_integration_tests::harness::{generator, programs, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{of_their_own, windows_while};

/// More than the buffers of both ends of a connection and of the daemon hold: 30 MB as JSON lines.
const WINDOWS: i64 = 200;
const PROCESSES: u64 = 400;

/// Bytes that a row of the history says were sent.
const SENT: u64 = 1_000_000_007;

/// Seconds between two readings of the kernel's counters.
const INTERVAL_SECS: f64 = 0.2;

/// Where all exports together come to 60 MB.
const MOST_GROWTH_BYTES: u64 = 40 << 20;

/// How many exports there may be at once.
const EXPORTS: usize = 2;

#[test]
fn exports_that_nobody_reads_hold_up_nothing_and_are_whole_when_read() {
    let mut daemon = Daemon::start(&Setup {
        scrape_interval_secs: INTERVAL_SECS,
        ..Setup::default()
    });
    daemon.stop();
    import(&daemon.database());
    daemon.restart().expect("it measures again");
    let calm = windows_while(&daemon, || std::thread::sleep(Duration::from_secs(4)));
    let before = resident_bytes(daemon.pid());

    let ask = || {
        let path = format!("http://{}/api/v1/export?app=archive", daemon.api);
        ureq::get(path).call().map(|answer| answer.into_body())
    };
    let mut unread: Vec<_> = (0..EXPORTS)
        .map(|_| ask().expect("an export begins"))
        .collect();
    let mut truth = Vec::new();
    let stalled = windows_while(&daemon, || truth = generator::run(&["churn", "8"]));
    let grown = resident_bytes(daemon.pid()).saturating_sub(before);
    println!("windows a second: {calm:.2} in peace, {stalled:.2} meanwhile; {grown} bytes more");
    // The traffic takes its share of the processors too.
    assert!(stalled > calm * 0.5, "{stalled} against {calm}");
    assert!(grown < MOST_GROWTH_BYTES, "{grown} bytes");
    let refused = ask().expect_err("there are as many as there may be");
    assert!(refused.to_string().contains("503"), "{refused}");
    daemon
        .get("/api/v1/usage?since=-1h")
        .expect("other questions are answered");

    // One leaves, and makes room for another; one reads after all.
    drop(unread.pop());
    let _another = wait::until(wait::PATIENCE, || ask().map_err(|error| error.to_string()));
    let late = unread.pop().expect("there were two");
    let (mut rows, mut sent_bytes, mut end) = (0, 0, Value::Null);
    for line in BufReader::new(late.into_reader()).lines() {
        let line = line.expect("the export goes on");
        end = serde_json::from_str(&line).expect("a record");
        rows += u64::from(end["record"] == "usage");
        sent_bytes += end["sent_bytes"].as_u64().unwrap_or(0);
    }
    let expected = WINDOWS.unsigned_abs() * PROCESSES;
    assert_eq!((rows, sent_bytes), (expected, expected * SENT));
    assert_eq!(
        (&end["record"], &end["rows"]),
        (&json!("end"), &json!(rows))
    );
    expect_exactly(&mut daemon, &of_their_own(truth));
}

/// Fills a database with a few minutes of two hours ago.
fn import(database: &Path) {
    let directory = TempDir::new().expect("a directory for the test");
    let lines = directory.path().join("export.jsonl");
    std::fs::write(&lines, history()).expect("our own directory");
    let output = Command::new(programs::nettally())
        .args(["db", "import"])
        .arg(&lines)
        .arg("--database")
        .arg(database)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// JSON lines as `nettally db export` writes them.
fn history() -> String {
    let begin = json!({ "record": "begin", "version": 1, "columns": ["process"] });
    let mut text = format!("{begin}\n");
    #[expect(clippy::disallowed_methods, reason = "so that retention keeps it")]
    let start = Timestamp::now() - SignedDuration::from_hours(2);
    for window in 0..WINDOWS {
        let [from, to] = [window, window + 1].map(|second| {
            let time = start + SignedDuration::from_secs(second);
            format!("{time:.0}")
        });
        for pid in 1..=PROCESSES {
            let row = json!({
                "record": "usage", "window_start": from, "window_end": to,
                "process": "archive", "app": "archive", "pid": pid, "user": "keeper",
                "exe": "/usr/lib/archive/archive-worker",
                "command_line": "archive-worker --from=/srv/archive --to=store.internal:9000",
                "protocol": "tcp", "remote_ip": "198.51.100.7", "remote_port": 9000,
                "sent_bytes": SENT, "received_bytes": 0,
            });
            writeln!(text, "{row}").expect("a string takes it");
        }
    }
    let rows = WINDOWS.unsigned_abs() * PROCESSES;
    let end = json!({ "record": "end", "rows": rows, "losses": 0 });
    writeln!(text, "{end}").expect("a string takes it");
    text
}
