//! The bound of the file's size, under a writer that never rests.

use std::fs;
use std::sync::Arc;

use nettally_source::pipeline::Window;
use rusqlite::types::Value;

use super::*;
use crate::query::TimeRange;
use crate::testing::{History, at, batch, everything, process, remote, usage};

const BOUND: u64 = 1 << 20;

/// Pages that wait for rows to come, what one flush adds, and what one rollup does.
const SLACK: u64 = 3 << 20;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;
const ROWS: u16 = 1000;

/// A window of a second with many flows.
fn busy(start: i64) -> Arc<UsageBatch> {
    let window = Window {
        start: at(start),
        end: at(start + 1000),
    };
    let rows = (1..=ROWS).map(|port| usage(process(7, "curl"), remote("192.0.2.1", port), 10, 20));
    Arc::new(batch(window, rows.collect()))
}

fn bounded(history: &History, size_bytes: u64) -> Writer {
    let writer = history.writer().keeping(Keep {
        size_bytes: Some(size_bytes),
        ..Keep::default()
    });
    writer.telling(Told {
        top_remotes: Some(200),
        top_processes: None,
    })
}

#[test]
fn the_file_stays_within_its_bound_while_rows_come_all_the_time() {
    let history = History::new();
    let mut writer = bounded(&history, BOUND);
    let windows: i64 = 100;
    for number in 0..windows {
        writer.accept(busy(number * 30 * MINUTE));
        writer.flush();
        let size_bytes = fs::metadata(history.path()).unwrap().len();
        assert!(size_bytes < BOUND + SLACK, "{size_bytes} after {number}");
        let stats = writer.stats().snapshot();
        assert_eq!((stats.last_error, stats.over_size), (None, false));
    }
    assert!(writer.stats().snapshot().deleted_rows > 0);
    writer.finish();

    // The newest rows are there, the oldest are not, and no byte of any day is missing.
    let kept = history.column("SELECT count(*) > 0 AND min(start_ms) > 0 FROM time_window");
    assert_eq!(kept, [Value::Integer(1)]);
    let oldest = history.column("SELECT min(window_start) FROM usage")[0].clone();
    let begin = Value::Text(format!("{:.3}", at(0)));
    assert_ne!(oldest, begin);
    let mut sent_bytes = 0;
    for day in 0..3 {
        let mut query = everything(&[], None);
        let midnight = |day: i64| {
            let days = at(0).as_millisecond().div_euclid(DAY) + day;
            at(days * DAY - at(0).as_millisecond())
        };
        query.range = TimeRange {
            since: midnight(day),
            until: midnight(day + 1),
        };
        let in_day = (0..windows)
            .filter(|number| {
                let start = at(number * 30 * MINUTE);
                midnight(day) <= start && start < midnight(day + 1)
            })
            .count() as u64;
        let answer = history.reader().usage(&query).unwrap();
        assert_eq!(answer.total.sent_bytes, in_day * u64::from(ROWS) * 10);
        sent_bytes += answer.total.sent_bytes;
    }
    assert_eq!(sent_bytes, windows.unsigned_abs() * u64::from(ROWS) * 10);
}

#[test]
fn a_bound_that_nothing_can_keep_is_said() {
    let history = History::new();
    let mut writer = bounded(&history, 100_000);
    writer.accept(busy(0));
    writer.flush();
    let stats = writer.stats().snapshot();
    assert!(
        stats.over_size,
        "the minute is not over: its rows are needed"
    );
    assert!(stats.used_bytes > 100_000);
}
