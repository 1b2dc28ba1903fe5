//! A file that goes while it is written: the history goes on in a new one, and nothing that was in
//! memory is lost.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use nettally_sqlite_sink::Reader;
use support::{Running, event, sent_bytes, until};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/history.db");
    (folder, path)
}

fn sent_in(path: &Path) -> u64 {
    sent_bytes(&Reader::open(path).unwrap()).unwrap()
}

/// A sink that has stored five windows.
async fn with_five_windows(path: &Path) -> Running {
    let running = Running::start(path);
    running.send((0..5).map(event)).await;
    running.until(|stats| stats.rows_written == 5).await;
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_is_begun_anew() {
    let (_folder, path) = place();
    let running = with_five_windows(&path).await;
    fs::remove_file(&path).unwrap();
    running.send((5..8).map(event)).await;
    running.until(|stats| stats.rows_written == 8).await;
    assert_eq!(sent_in(&path), 30);
    let stats = running.finish().await;
    assert_eq!((stats.begun_anew, stats.last_error), (1, None));
    assert_eq!(sent_in(&path), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_deleted_is_made_anew_with_its_lock() {
    let (_folder, path) = place();
    let running = with_five_windows(&path).await;
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    running.send((5..8).map(event)).await;
    running.until(|stats| stats.rows_written == 8).await;
    assert_eq!(sent_in(&path), 30);
    assert!(
        support::refusal(&path).contains("is being written by another nettally"),
        "the new file is locked like the old"
    );
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_moved_away_keeps_all_that_was_stored() {
    let (folder, path) = place();
    let running = with_five_windows(&path).await;
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    running.send((5..8).map(event)).await;
    running.until(|stats| stats.rows_written == 8).await;
    assert_eq!((sent_in(&away), sent_in(&path)), (50, 30));
    running.finish().await;
    assert_eq!((sent_in(&away), sent_in(&path)), (50, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_its_place_is_not_overwritten() {
    let (folder, path) = place();
    let running = with_five_windows(&path).await;
    let theirs = folder.path().join("diary");
    fs::write(&theirs, "Dear diary, ".repeat(1000)).unwrap();
    fs::rename(&theirs, &path).unwrap();
    running.send((5..8).map(event)).await;
    let stats = running.until(|stats| stats.failed_flushes > 1).await;
    assert_eq!(
        stats.last_error.unwrap(),
        format!(
            "{} is not a nettally database: it is not an SQLite file; it was left as it is, give another path",
            path.display()
        )
    );
    assert_eq!(stats.rows_held, 3);
    assert_eq!(fs::read(&path).unwrap(), b"Dear diary, ".repeat(1000));
    fs::remove_file(&path).unwrap();
    running.until(|stats| stats.rows_written == 8).await;
    assert_eq!(sent_in(&path), 30);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_replaced_once_it_is_moved_away() {
    let (folder, path) = place();
    let running = with_five_windows(&path).await;
    until(async || {
        // The log has no page that the damage would not meet.
        let file = rusqlite::Connection::open(&path).unwrap();
        let busy: i64 = file
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .unwrap();
        (busy == 0).then_some(())
    })
    .await;
    // All but its first page, so that it is still known as ours.
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let damage = vec![0xff; usize::try_from(length - 4096).unwrap()];
    std::os::unix::fs::FileExt::write_all_at(&file, &damage, 4096).unwrap();
    running.send((5..400).map(event)).await;
    let stats = running.until(|stats| stats.failed_flushes > 1).await;
    let sentence = stats.last_error.unwrap();
    assert!(
        sentence.contains("is damaged (storing rows failed); move it away to start a new one"),
        "{sentence}"
    );
    fs::rename(&path, folder.path().join("damaged.db")).unwrap();
    let stats = running
        .until(|stats| stats.rows_held == 0 && stats.last_error.is_none())
        .await;
    assert_eq!(stats.dropped.events, 0);
    assert_eq!(sent_in(&path), (stats.rows_written - 5) * 10);
    running.finish().await;
}
