//! The sink as the topology drives it: a stream in, a file out.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use nettally_source::pipeline::{
    ComponentKey, Event, ShutdownSignal, SinkConfig as _, SinkContext, StreamSink as _,
};
use nettally_sqlite_sink::{Reader, StoreError};
use support::{config, event, open, sent_bytes, until};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Some events, then silence.
fn and_never_ends(
    events: impl Iterator<Item = Event> + Send + 'static,
) -> BoxStream<'static, Event> {
    stream::iter(events).chain(stream::pending()).boxed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_stores_everything_and_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/history.db");
    let (sink, stats) = open(&path).unwrap();
    Box::new(sink)
        .run(stream::iter((0..1000).map(event)).boxed())
        .await
        .unwrap();
    let stats = stats.snapshot();
    assert_eq!(
        (stats.rows_written, stats.sent_bytes, stats.rows_held),
        (1000, 10_000, 0)
    );
    let mut files: Vec<_> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["history.db", "history.db.lock"]);
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10_000);
}

/// A reader in the middle of its work keeps the log from being moved into the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_too_late_waits_for_rows_and_not_for_tidying() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (sink, stats) = open(&path).unwrap();
    let reading = rusqlite::Connection::open(&path).unwrap();
    reading
        .execute_batch("BEGIN; SELECT count(*) FROM time_window")
        .unwrap();
    let (trigger, too_late) = ShutdownSignal::wired();
    trigger.shut_down();
    Box::new(sink.tidying_until(too_late))
        .run(stream::iter((0..3).map(event)).boxed())
        .await
        .unwrap();
    let stats = stats.snapshot();
    assert_eq!((stats.sent_bytes, stats.rows_held), (30, 0));
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(reading);
    // The thread comes to its end all the same.
    until(async || open(&path).ok()).await;
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_stored_at_each_interval_without_new_ones_coming() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (sink, stats) = open(&path).unwrap();
    let run = tokio::spawn(Box::new(sink).run(and_never_ends((0..3).map(event))));
    until(async || (stats.snapshot().rows_written == 3).then_some(())).await;
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 30);
    run.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_private_while_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/history.db");
    let (sink, stats) = open(&path).unwrap();
    let run = tokio::spawn(Box::new(sink).run(and_never_ends([event(0)].into_iter())));
    until(async || (stats.snapshot().flushes > 0).then_some(())).await;
    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(
            mode(Path::new(&format!("{}{suffix}", path.display()))),
            0o600,
            "{suffix}"
        );
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    run.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_still_stores_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let slow = nettally_sqlite_sink::SqliteConfig {
        flush_interval_secs: 3600.0,
        ..config(&path)
    };
    let (sink, _stats) = slow.open(&ComponentKey::from("history")).unwrap();
    let (all_taken, taken) = tokio::sync::oneshot::channel();
    let mut all_taken = Some(all_taken);
    let input = stream::iter((0..3).map(event)).chain(stream::poll_fn(move |_context| {
        if let Some(sender) = all_taken.take() {
            sender.send(()).unwrap();
        }
        std::task::Poll::Pending
    }));
    let run = tokio::spawn(Box::new(sink).run(input.boxed()));
    taken.await.unwrap();
    run.abort();
    // The lock is free once the thread has ended.
    until(async || open(&path).ok()).await;
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_is_refused_and_a_later_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (first, _stats) = open(&path).unwrap();
    let other_name = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &other_name).unwrap();
    for name in [&path, &other_name] {
        let error = open(name).unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "database {} is being written by another nettally; stop that one, or give another path",
                path.display()
            )
        );
    }
    drop(first);
    assert!(open(&path).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_component_builds_from_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let cx = || SinkContext {
        key: ComponentKey::from("history"),
    };
    let (sink, healthcheck) = config(&path).build(cx()).await.unwrap();
    healthcheck.await.unwrap();
    sink.run(stream::iter([event(0)]).boxed()).await.unwrap();
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
    let nowhere = nettally_sqlite_sink::SqliteConfig::default();
    let error = nowhere.build(cx()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "sink `history` has no database; set its `path`"
    );
}
