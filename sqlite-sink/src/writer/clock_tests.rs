//! A clock that does not run as it should: no window is negative or counts twice, and nothing that
//! is young goes.

use std::sync::Arc;
use std::time::Duration;

use nettally_source::pipeline::Window;
use rusqlite::types::Value;

use super::*;
use crate::query::{Field, SeriesQuery, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, usage};

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

fn window(start: i64, end: i64) -> Arc<UsageBatch> {
    let row = usage(process(7, "curl"), remote("192.0.2.1", 443), 10, 20);
    let window = Window {
        start: at(start),
        end: at(end),
    };
    Arc::new(batch(window, vec![row]))
}

fn default_keep() -> Keep {
    crate::RetentionConfig::default().keep(None)
}

fn doubting(history: &History) -> Writer {
    history.writer().keeping(default_keep()).doubting().unwrap()
}

/// Flushes often enough that nothing is left to do.
fn settle(writer: &mut Writer, since_boot: Duration) {
    loop {
        let before = writer.stats().snapshot();
        writer.flush_at(since_boot);
        let after = writer.stats().snapshot();
        assert_eq!(after.last_error, None);
        if (before.rollups, before.deleted_rows) == (after.rollups, after.deleted_rows) {
            return;
        }
    }
}

/// Ends; how long the machine really runs is no matter.
fn finish(mut writer: Writer, since_boot: Duration) {
    writer.store_last();
    writer.close_at(since_boot);
}

fn windows_stored(history: &History) -> Value {
    history.column("SELECT count(*) FROM time_window")[0].clone()
}

#[test]
fn however_the_clock_is_set_every_byte_counts_once() {
    let cases: [(&str, &[(i64, i64)]); 6] = [
        ("runs", &[(0, 1000), (1000, 2000), (2000, 3000)]),
        (
            "is set back between windows, so that they overlap",
            &[(0, 1000), (1000, 2000), (500, 1500), (1500, 2500)],
        ),
        (
            "is set back within a window, which ends before it starts",
            &[(10_000, 11_000), (11_000, 6000), (6000, 7000)],
        ),
        (
            "is set back to the very same windows",
            &[(0, 1000), (1000, 2000), (0, 1000), (1000, 2000)],
        ),
        (
            "is set forward within a window, which lasts a day",
            &[(0, 1000), (1000, DAY), (DAY, DAY + 1000)],
        ),
        (
            "stands still over a night of sleep, then goes on",
            &[(0, 1000), (1000, 8 * HOUR), (8 * HOUR, 8 * HOUR + 1000)],
        ),
    ];
    for (clock, windows) in cases {
        let history = History::new();
        let mut writer = doubting(&history);
        for (number, (start, end)) in (0..).zip(windows) {
            writer.accept(window(*start, *end));
            writer.flush_at(Duration::from_secs(number));
        }
        finish(writer, Duration::from_secs(windows.len() as u64));
        let sent_bytes = 10 * windows.len() as u64;
        assert_eq!(history.ask(&[], "").total.sent_bytes, sent_bytes, "{clock}");
        assert_eq!(
            history.column("SELECT count(*) FROM time_window WHERE end_ms <= start_ms"),
            [Value::Integer(0)],
            "{clock}"
        );
        let query = SeriesQuery {
            range: TimeRange {
                since: at(-DAY),
                until: at(3 * DAY),
            },
            step_secs: 1,
            group_by: Some(Field::Process),
            filter: None,
            limit: None,
        };
        let answer = history.reader().series(&query).unwrap();
        let points = answer.series.iter().flat_map(|line| &line.points);
        let in_series: u64 = points.map(|point| point.bytes.sent_bytes).sum();
        assert_eq!(in_series, sent_bytes, "{clock}");
    }
}

/// Windows as a source makes them: each as long as the time that it ran, and ending when the clock
/// says so. `steps` are by how much the clock was off after each second.
fn seconds_of_a_clock(steps: &[i64]) -> Vec<(i64, i64)> {
    let mut end = 0;
    let mut windows = Vec::new();
    for step in steps {
        end += SECOND + step;
        windows.push((end - SECOND, end));
    }
    windows
}

#[test]
fn whatever_the_clock_did_every_tier_has_each_byte_once() {
    let summer = HOUR;
    let cases: [(&str, &[i64]); 7] = [
        ("ran", &[0; 6]),
        ("slept for a night", &[0, 0, 8 * HOUR, 0, 0]),
        ("slept often", &[0, HOUR, 0, 2 * HOUR, 3 * HOUR, 0]),
        ("jumped forward and back", &[0, 5 * HOUR, 0, -5 * HOUR, 0]),
        (
            "jumped back and forward, to and fro",
            &[0, -DAY, 0, DAY, 0, -DAY, DAY, 0],
        ),
        (
            "slept, and was set back when it woke",
            &[0, 9 * HOUR, 0, -HOUR, 0, 0],
        ),
        // A program that sets the clock where a zone should do: an hour twice, an hour never.
        (
            "kept local time in UTC",
            &[0, -summer, 0, 0, summer, 0, summer, 0],
        ),
    ];
    for (clock, steps) in cases {
        let history = History::new();
        let mut writer = history.writer().doubting().unwrap();
        let windows = seconds_of_a_clock(steps);
        for (number, (start, end)) in (0..).zip(&windows) {
            writer.accept(window(*start, *end));
            settle(&mut writer, Duration::from_secs(number));
        }
        // Hours and days are over some days later.
        let later = 3 * DAY;
        writer.accept(Arc::new(batch(
            Window {
                start: at(later),
                end: at(later + SECOND),
            },
            vec![],
        )));
        for hours in [0, 7] {
            settle(&mut writer, Duration::from_secs(3600 * (72 + hours)));
        }
        finish(writer, Duration::from_secs(3600 * 80));
        let sent_bytes = 10 * steps.len() as i64;
        for view in ["usage", "usage_by_minute", "usage_by_hour", "usage_by_day"] {
            assert_eq!(
                history.column(&format!("SELECT sum(sent_bytes) FROM {view}")),
                [Value::Integer(sent_bytes)],
                "{clock}: {view}"
            );
        }
        assert_eq!(
            history.ask(&[], "").total.sent_bytes,
            sent_bytes.unsigned_abs(),
            "{clock}"
        );
        assert_eq!(
            history.column(
                "SELECT count(*) FROM (SELECT start_ms, end_ms FROM time_window
                                        WHERE end_ms - start_ms <> 1000)"
            ),
            [Value::Integer(0)],
            "{clock}: all windows are of a second"
        );
        let mut distinct = windows.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(
            windows_stored(&history),
            Value::Integer(distinct.len() as i64),
            "{clock}: none is there twice"
        );
    }
}

#[test]
fn summer_time_is_nothing_to_a_history_in_utc() {
    // In Europe clocks go back at 01:00 UTC of 2026-10-25: 02:30 happens twice.
    let begin = "2026-10-25T02:30:00+02:00[Europe/Berlin]";
    let begin: jiff::Timestamp = begin.parse().unwrap();
    let start = begin.as_millisecond() - at(0).as_millisecond();
    let history = History::new();
    let mut writer = doubting(&history);
    for minute in 0..120 {
        let start = start + minute * 60 * SECOND;
        writer.accept(window(start, start + SECOND));
    }
    finish(writer, Duration::from_secs(7200));
    let mut query = everything(&[], None);
    query.range = TimeRange {
        since: "2026-10-25T02:30:00+02:00".parse().unwrap(),
        until: "2026-10-25T02:30:00+01:00".parse().unwrap(),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(answer.total.sent_bytes, 600, "the first of the two hours");
}

#[test]
fn a_clock_far_ahead_deletes_nothing_until_it_has_been_so_for_hours() {
    let history = History::new();
    let mut writer = doubting(&history);
    for hour in 0..10 {
        writer.accept(window(hour * HOUR, hour * HOUR + SECOND));
        settle(&mut writer, Duration::from_secs(hour.unsigned_abs() * 3600));
    }
    let jumped = 9 * 3600 + 5;
    writer.accept(window(900 * DAY, 900 * DAY + SECOND));
    settle(&mut writer, Duration::from_secs(jumped));
    assert!(writer.stats().snapshot().clock_ahead);
    assert_eq!(windows_stored(&history), Value::Integer(11));

    // Nor does a restart make it believed.
    finish(writer, Duration::from_secs(jumped + 1));
    let mut writer = doubting(&history);
    settle(&mut writer, Duration::from_secs(20));
    writer.accept(window(900 * DAY + SECOND, 900 * DAY + 2 * SECOND));
    settle(&mut writer, Duration::from_secs(30));
    assert_eq!(windows_stored(&history), Value::Integer(12));

    // Set right, history goes on as if nothing had been.
    writer.accept(window(10 * HOUR, 10 * HOUR + SECOND));
    settle(&mut writer, Duration::from_secs(40));
    assert!(!writer.stats().snapshot().clock_ahead);
    assert_eq!(windows_stored(&history), Value::Integer(13));
    writer.accept(window(11 * HOUR, 11 * HOUR + SECOND));
    settle(&mut writer, Duration::from_secs(40 + 3600));
    assert_eq!(writer.stats().snapshot().deleted_rows, 0);

    // Kept to, it is right, and old rows go.
    for hours in [0_u32, 6] {
        let start = 901 * DAY + i64::from(hours) * HOUR;
        writer.accept(window(start, start + SECOND));
        settle(
            &mut writer,
            Duration::from_secs(5000 + u64::from(hours) * 3600),
        );
    }
    assert!(writer.stats().snapshot().deleted_rows > 0);
    finish(writer, Duration::from_secs(5000 + 6 * 3600));
    let mut query = everything(&[], None);
    query.range.until = at(1000 * DAY);
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(answer.total.sent_bytes, 160);
}
