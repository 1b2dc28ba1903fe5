//! A disk that is full: rows wait in memory, what is too much for that is counted, and when there
//! is room again all goes on by itself.
//!
//! The disk is a small tmpfs in a mount namespace of its own: as root, or in a user namespace where
//! the kernel lets users have one.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nettally_sqlite_sink::Reader;
use support::{Running, many_flows, sent_bytes};

/// Rows of a window.
const ROWS: u16 = 1000;

/// Bytes that a window of them sends.
const SENT_BYTES: u64 = 10 * ROWS as u64;

/// More than so many rows are not held in memory.
const MOST_HELD: u64 = 200_000;

/// Runs a test of this file with a disk of some size as `PLACE`.
fn on_a_small_disk(test: &str, size: &str) {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    let output = command
        .args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg(r#"mount -t tmpfs -o "size=$1" none "$PLACE" && shift && exec "$@""#)
        .args(["sh", size])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--include-ignored", "--nocapture", test])
        .env("PLACE", place.path())
        .output()
        .expect("`unshare` of util-linux runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}\nThis test mounts a disk: it needs root, or a kernel that gives users namespaces.",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn place() -> Option<PathBuf> {
    std::env::var_os("PLACE").map(PathBuf::from)
}

/// Takes all that is free but some bytes.
fn fill(folder: &Path, spare_bytes: u64) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).unwrap();
    let page = [1_u8; 4096];
    loop {
        match file.write_all(&page) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            Err(error) => panic!("{error}"),
        }
    }
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(spare_bytes)).unwrap();
    path
}

fn sent_in(path: &Path) -> u64 {
    sent_bytes(&Reader::open(path).unwrap()).unwrap()
}

#[test]
fn a_full_disk_costs_nothing_that_memory_can_hold() {
    on_a_small_disk("child_fills_its_disk", "16m");
}

#[test]
#[ignore = "a part of `a_full_disk_costs_nothing_that_memory_can_hold`"]
fn child_fills_its_disk() {
    let Some(folder) = place() else {
        return;
    };
    let path = folder.join("history.db");
    runtime().block_on(async {
        let running = Running::start(&path);
        let mut windows = 0..;
        let mut send = async |running: &Running, count: usize| {
            let some: Vec<i64> = windows.by_ref().take(count).collect();
            running
                .send(some.into_iter().map(|index| many_flows(index, ROWS)))
                .await;
        };
        let mut sent = 0;
        // The less is left, the earlier in a transaction it is missed.
        for spare_bytes in [0, 4096, 20_000, 100_000, 300_000] {
            send(&running, 2).await;
            sent += 2;
            running
                .until(|stats| stats.rows_written == sent * u64::from(ROWS))
                .await;
            let stored = sent_in(&path);
            assert_eq!(stored, sent * SENT_BYTES);

            let filler = fill(&folder, spare_bytes);
            let failed = running.until(|_any| true).await.failed_flushes;
            send(&running, 20).await;
            sent += 20;
            let stats = running
                .until(|stats| stats.failed_flushes > failed + 1)
                .await;
            let sentence = stats.last_error.unwrap();
            assert!(
                sentence.starts_with(&format!(
                    "no space left for database {}; free some on its disk",
                    path.display()
                )),
                "{sentence}"
            );
            assert!(stats.rows_held > 0 && stats.dropped.events == 0);
            assert!(sent_in(&path) >= stored, "what was stored can be read");

            fs::remove_file(filler).unwrap();
            running
                .until(|stats| {
                    stats.rows_written == sent * u64::from(ROWS) && stats.last_error.is_none()
                })
                .await;
            assert_eq!(sent_in(&path), sent * SENT_BYTES);
        }
        let stats = running.finish().await;
        assert_eq!(stats.dropped.events, 0);
        assert_eq!(sent_in(&path), sent * SENT_BYTES);
    });
    is_whole(&path);
}

#[test]
fn what_a_full_disk_and_memory_cannot_hold_is_a_loss_with_its_bytes() {
    on_a_small_disk("child_fills_its_disk_and_memory", "64m");
}

#[test]
#[ignore = "a part of `what_a_full_disk_and_memory_cannot_hold_is_a_loss_with_its_bytes`"]
fn child_fills_its_disk_and_memory() {
    let Some(folder) = place() else {
        return;
    };
    let path = folder.join("history.db");
    let windows = 230;
    runtime().block_on(async {
        let running = Running::start(&path);
        running.send([many_flows(0, ROWS)].into_iter()).await;
        running.until(|stats| stats.rows_written > 0).await;
        let filler = fill(&folder, 0);
        running
            .send((1..windows).map(|index| many_flows(index, ROWS)))
            .await;
        let stats = running.until(|stats| stats.dropped.events > 0).await;
        assert!(stats.rows_held <= MOST_HELD, "{}", stats.rows_held);
        fs::remove_file(filler).unwrap();
        running
            .until(|stats| stats.rows_held == 0 && stats.last_error.is_none())
            .await;
        let stats = running.finish().await;
        let sent = u64::try_from(windows).unwrap() * SENT_BYTES;
        assert_eq!(sent_in(&path), sent - stats.dropped.sent_bytes);
        let file = rusqlite::Connection::open(&path).unwrap();
        let told: (i64, i64) = file
            .query_row(
                "SELECT sum(events), sum(sent_bytes) FROM losses WHERE reason = 'sink_failed'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        let counted = (stats.dropped.events, stats.dropped.sent_bytes);
        assert_eq!((told.0.unsigned_abs(), told.1.unsigned_abs()), counted);
    });
    is_whole(&path);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap()
}

fn is_whole(path: &Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    let check: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn an_upgrade_without_room_for_its_copy_is_refused_and_changes_nothing() {
    on_a_small_disk("child_upgrades_on_a_full_disk", "32m");
}

#[test]
#[ignore = "a part of `an_upgrade_without_room_for_its_copy_is_refused_and_changes_nothing`"]
fn child_upgrades_on_a_full_disk() {
    let Some(folder) = place() else {
        return;
    };
    let path = folder.join("history.db");
    runtime().block_on(async {
        let running = Running::start(&path);
        running.send([many_flows(0, ROWS)].into_iter()).await;
        running.finish().await;
    });
    // As the version before wrote it.
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "DROP TABLE hour_sum; DROP TABLE day_sum; DROP TABLE month_sum;
             DROP INDEX process_hour; DROP INDEX process_fine;
             DROP INDEX remote_hour; DROP INDEX remote_fine;
             ALTER TABLE process DROP COLUMN hour_bucket;
             ALTER TABLE remote DROP COLUMN hour_bucket;
             CREATE INDEX process_fine ON process (seen_day)
              WHERE day_bucket IS NULL AND month_bucket IS NULL;
             CREATE INDEX remote_fine ON remote (seen_day)
              WHERE day_bucket IS NULL AND month_bucket IS NULL;
         PRAGMA user_version = 6;
         PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
    drop(file);
    let filler = fill(&folder, 1 << 20);
    let before = fs::read(&path).unwrap();
    let refused = support::open(&path).unwrap_err();
    let sentence = refused.to_string();
    assert!(
        sentence.contains("must be upgraded, and a copy of it needs"),
        "{sentence}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    let backups = || {
        fs::read_dir(&folder)
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().contains(".backup")
            })
            .count()
    };
    assert_eq!(backups(), 0, "nor half a copy");

    fs::remove_file(filler).unwrap();
    drop(support::open(&path).unwrap());
    assert_eq!(backups(), 1);
    assert_eq!(sent_in(&path), SENT_BYTES);
    is_whole(&path);
}
