//! What was wrong once. Each test says what it would have shown.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;

use nettally_integration_tests::harness::compare::{differences, expect_exactly};
use nettally_integration_tests::harness::daemon::{Daemon, Setup, find};
use nettally_integration_tests::harness::faces::Face;
use nettally_integration_tests::harness::generator::{self, Held};
use nettally_integration_tests::harness::{programs, wait};
use nettally_integration_tests::traffic::{Moved, Protocol};
use serde_json::Value;
use tempfile::TempDir;

/// Waits until the API has exactly this of the processes in it, while the daemon runs on.
#[track_caller]
fn expect_meanwhile(daemon: &Daemon, truth: &[Moved]) {
    let pids: BTreeSet<u32> = truth.iter().map(|row| row.pid).collect();
    wait::until(wait::PATIENCE, || {
        differences(&pids, truth, &Face::Api.read(daemon)?)
    });
}

/// Waits until two more readings of the counters are in health: one may have been under way.
fn health_after_two_windows(daemon: &Daemon) -> Value {
    let health = || daemon.get("/api/v1/health");
    let windows = |health: &Value| find(health, "windows").and_then(Value::as_u64);
    let before = health().ok().as_ref().and_then(windows);
    wait::until(wait::PATIENCE, || {
        let health = health()?;
        let is_later = windows(&health) >= before.map(|before| before + 2);
        is_later.then(|| health.clone()).ok_or(health.to_string())
    })
}

/// A raw socket has the protocol number of what it sniffs. Its copies were reported as its own
/// receives, with a remote and port read from behind the end of its structure.
#[test]
fn raw_sockets_move_nothing_over_tcp_or_udp() {
    let mut daemon = Daemon::start(&Setup::default());
    let truth = generator::run(&["cases", "raw"]);
    let own = truth.iter().filter(|row| row.process == "raw-only");
    let protocols: Vec<Protocol> = own.map(|row| row.protocol).collect();
    assert_eq!(protocols, [Protocol::Raw], "nothing over TCP or UDP");
    expect_exactly(&mut daemon, &truth);
}

/// A disconnect sets the receive sequence to zero. It was taken for a correction downwards: 50,000
/// bytes less were received, which health showed as `over_reported`.
#[test]
fn a_reset_or_disconnected_socket_is_no_correction() {
    let mut daemon = Daemon::start(&Setup::default());
    let truth = generator::run(&["cases", "tcp-reset", "tcp-discon"]);
    expect_meanwhile(&daemon, &truth);
    let health = health_after_two_windows(&daemon);
    let losses = health["losses"].as_object().expect("losses by reason");
    assert!(!losses.contains_key("over_reported"), "{losses:?}");
    expect_exactly(&mut daemon, &truth);
}

/// Expects the bytes of a case to be reported while its connection is open, and not again when it
/// is closed.
#[track_caller]
fn expect_while_open(case: &str, rows: usize) {
    let mut daemon = Daemon::start(&Setup::default());
    let held = Held::start(case, rows);
    let truth = held.truth().to_vec();
    expect_meanwhile(&daemon, &truth);
    held.finish();
    health_after_two_windows(&daemon);
    expect_exactly(&mut daemon, &truth);
}

/// Spliced bytes were reported when the socket was closed, and so not at all while it was open.
#[test]
fn spliced_bytes_are_reported_while_the_socket_is_open() {
    expect_while_open("splice", 2);
}

/// What the child spliced was charged to the parent, which had received last.
#[test]
fn spliced_bytes_are_of_the_process_that_spliced() {
    expect_while_open("handed", 3);
}

/// As with splicing: mapped bytes were reported when the socket was closed.
#[test]
fn mapped_bytes_are_reported_while_the_socket_is_open() {
    expect_while_open("mapped", 2);
}

/// A process that became another program of the same name kept the path of the first: `exe` of all
/// three thousand bytes was that of the first program.
#[test]
fn an_exec_under_the_same_name_is_another_exe() {
    let directory = TempDir::new().expect("a directory for the test");
    let program = |number: usize| directory.path().join(format!("{number}/nt-same-name"));
    for number in 0..3 {
        let program = program(number);
        fs::create_dir(program.parent().expect("it has one")).expect("our own directory");
        fs::copy(programs::traffic(), program).expect("our own directory");
    }
    let daemon = Daemon::start(&Setup::default());
    let [first, second, third] = [0, 1, 2].map(program);
    let arguments: [&OsStr; 3] = ["exec".as_ref(), second.as_ref(), third.as_ref()];
    let mut process = Held::start_program(&first, &arguments, 1);
    let pid = process.truth()[0].pid;
    let mut expected = BTreeMap::new();
    for exe in [first, second, third] {
        expected.insert(exe.display().to_string(), 1000);
        wait::until(wait::PATIENCE, || {
            let found = sent_by_exe(&daemon, pid)?;
            (found == expected)
                .then_some(())
                .ok_or_else(|| format!("expected {expected:?}, reported {found:?}"))
        });
        process.write_line();
    }
    process.finish();
}

fn sent_by_exe(daemon: &Daemon, pid: u32) -> Result<BTreeMap<String, u64>, String> {
    let path = format!("/api/v1/usage?since=-1h&pid={pid}&group_by=exe");
    let answer = daemon.get(&path)?;
    let rows = answer["rows"].as_array().ok_or("no rows")?;
    let row = |row: &Value| Some((row["exe"].as_str()?.to_owned(), row["sent_bytes"].as_u64()?));
    rows.iter()
        .map(|found| row(found).ok_or_else(|| format!("cannot read {found}")))
        .collect()
}
