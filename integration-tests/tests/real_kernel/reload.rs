//! SIGHUP on a running daemon: what has changed is changed, and the traffic that goes on is told to
//! the byte.

use std::time::Duration;

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces;
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::wait;
use serde_json::Value;

/// What the database has of a process.
fn stored_bytes(daemon: &Daemon, pid: u32) -> u64 {
    let rows = faces::database(&daemon.database()).expect("the database opens");
    let rows = rows.iter().filter(|row| row.pid == pid);
    rows.map(|row| row.sent_bytes).sum()
}

/// Whether that was sent: the last send, of 1000 bytes, may be missing in what the sender says.
fn is_what(stored: u64, sent_bytes: u64) -> bool {
    stored == sent_bytes || stored == sent_bytes + 1000
}

/// Replaces a text in the configuration, sends SIGHUP, and waits for what became of it.
#[track_caller]
fn reload(daemon: &Daemon, from: &str, to: &str) -> Value {
    let before = std::fs::read_to_string(daemon.config()).expect("our own file");
    assert!(before.contains(from), "{from:?} is not in {before}");
    std::fs::write(daemon.config(), before.replace(from, to)).expect("our own file");
    let count = |health: &Value| {
        let of = |what: &str| health["reload"][what].as_u64().unwrap_or_default();
        of("applied") + of("refused")
    };
    let health = || daemon.get("/api/v1/health");
    let counted = count(&health().expect("it answers"));
    daemon.signal(libc::SIGHUP);
    wait::until(Duration::from_secs(60), || {
        let health = health()?;
        (count(&health) > counted)
            .then(|| health["reload"]["last"].clone())
            .ok_or_else(|| format!("{health:#}\n{}", daemon.log()))
    })
}

#[track_caller]
fn a_while(drip: &Drip) {
    let until = drip.sent_bytes() + 200_000;
    wait::until(Duration::from_secs(20), || {
        (drip.sent_bytes() > until)
            .then_some(())
            .ok_or_else(|| "still dripping".to_owned())
    });
}

const HISTORY: &str = "  history:\n    type: sqlite\n    inputs: [network]\n";
const STATSD: &str = "  metrics: { type: statsd, address: 127.0.0.1:9 }\n";

#[test]
fn sinks_change_while_traffic_goes_on_and_no_byte_is_lost() {
    let mut daemon = Daemon::start(&Setup {
        flush_interval_secs: 600.0,
        ..Setup::default()
    });
    let drip = Drip::start("drip", 1000, Duration::from_millis(1));
    let with_statsd = format!("sinks:\n{STATSD}");
    let cases = [
        (
            "flush_interval_secs: 600",
            "flush_interval_secs: 0.5",
            "the sink `history` was changed",
        ),
        (
            "sinks:\n",
            with_statsd.as_str(),
            "the sink `metrics` was added",
        ),
        (
            "127.0.0.1:9 ",
            "127.0.0.1:19 ",
            "the sink `metrics` was changed",
        ),
        (
            "  metrics: { type: statsd, address: 127.0.0.1:19 }\n",
            "",
            "the sink `metrics` was removed",
        ),
        (
            HISTORY,
            "  other:\n    type: sqlite\n    inputs: [network]\n",
            "the sink `history` is now `other`",
        ),
        (
            "flush_interval_secs: 0.5",
            "flush_interval_secs: 600",
            "the sink `other` was changed",
        ),
    ];
    for (from, to, expected) in cases {
        a_while(&drip);
        let last = reload(&daemon, from, to);
        assert_eq!(last["message"], expected, "{}", daemon.log());
        assert_eq!(last["result"], "applied");
    }
    // Nothing of this can be used, and all that is wrong is said.
    a_while(&drip);
    let good = std::fs::read_to_string(daemon.config()).expect("our own file");
    let last = reload(
        &daemon,
        "sinks:\n",
        "sink:\n  x: {}\nsinks:\n  y: { type: stats }\n",
    );
    assert_eq!(last["result"], "refused", "{last:#}");
    let message = last["message"].as_str().expect("words");
    assert!(
        message.contains("sink") && message.contains("sinks.y.type"),
        "{message}"
    );
    assert!(daemon.log().contains("sinks.y.type"), "{}", daemon.log());
    std::fs::write(daemon.config(), good).expect("our own file");

    a_while(&drip);
    let sent = drip.stop();
    daemon.stop();
    let (pid, sent_bytes) = sent;
    let stored = stored_bytes(&daemon, pid);
    assert!(
        is_what(stored, sent_bytes),
        "{stored}, {sent_bytes}: {}",
        daemon.log()
    );
    let report = daemon
        .report(&["--json", "--process", "drip"])
        .expect("it reports");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["total"]["sent_bytes"], stored, "{report:#}");
}

#[test]
fn a_source_that_changes_misses_only_the_gap_that_it_tells() {
    let mut daemon = Daemon::start(&Setup {
        source: vec!["loopback: true".to_owned(), "tunnels: true".to_owned()],
        ..Setup::default()
    });
    // What moves before and after, but not during the change, is told in full.
    let before = Drip::start("before", 1000, Duration::from_millis(1));
    a_while(&before);
    let before = before.stop();
    let during = Drip::start("during", 1000, Duration::from_millis(1));
    a_while(&during);
    let last = reload(&daemon, "tunnels: true", "tunnels: false");
    assert_eq!(
        last["message"],
        "the source `network` was changed",
        "{}",
        daemon.log()
    );
    let after = Drip::start("after", 1000, Duration::from_millis(1));
    a_while(&after);
    a_while(&during);
    let (after, during) = (after.stop(), during.stop());
    let health = wait::until(Duration::from_secs(20), || {
        let health = daemon.get("/api/v1/health")?;
        let gaps = health["sources"][0]["gaps"]["count"].as_u64();
        (gaps == Some(1))
            .then_some(health.clone())
            .ok_or_else(|| format!("{health:#}"))
    });
    let gap_secs = health["sources"][0]["gaps"]["seconds"]
        .as_f64()
        .expect("a number");
    assert_eq!(
        health["losses"]["source_restarted"]["events"], 1,
        "{health:#}"
    );
    daemon.stop();
    for (pid, sent_bytes) in [before, after] {
        let stored = stored_bytes(&daemon, pid);
        assert!(
            is_what(stored, sent_bytes),
            "{stored}, {sent_bytes}: {}",
            daemon.log()
        );
    }
    let (pid, sent_bytes) = during;
    let missing = sent_bytes.saturating_sub(stored_bytes(&daemon, pid));
    // At most 1000 bytes in a millisecond, and as much again for a late clock.
    let most = gap_secs * 1_000_000.0 * 2.0;
    assert!(
        (missing as f64) < most,
        "{missing} bytes are missing, the gap of {gap_secs} s has {most}"
    );
    println!("a gap of {gap_secs} s, in which {missing} of {sent_bytes} bytes were moved");
}
