//! Rates and estimates as carriers have them.

use std::sync::Arc;

use serde_json::json;

use super::{DAY, MINUTE, keeping, one_row, settle};
use crate::query::{
    Calendar, CalendarUnit, EstimateQuery, MonthStartDay, PercentileQuery, TimeRange,
};
use crate::testing::{History, at, batch, second};

fn range(since: &str, until: &str) -> TimeRange {
    TimeRange {
        since: since.parse().unwrap(),
        until: until.parse().unwrap(),
    }
}

/// A row each minute; in the last of 100 minutes much more.
fn history() -> History {
    let mut rows: Vec<_> = (0..100).map(|n| one_row(n * MINUTE, 1000)).collect();
    rows[99].usage[0].sent_bytes = 3_750_000;
    rows.push(batch(second(120 * 60), vec![]));
    History::with(rows)
}

#[test]
fn the_percentile_has_the_documented_json() {
    let query = PercentileQuery {
        range: range("2026-09-21T14:16:00Z", "2026-09-21T15:57:00Z"),
        percent: 95,
        filter: None,
    };
    let answer = history().reader().percentile(&query).unwrap();
    // 14:20 to 15:55; the last row is at 15:52:20, and its interval is one of 19.
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "since": "2026-09-21T14:20:00Z",
            "until": "2026-09-21T15:55:00Z",
            "percent": 95,
            "interval_secs": 300,
            "intervals": 19,
            "sent_bits_per_second": 100_001,
            "received_bits_per_second": 3,
            "billed_bits_per_second": 100_001,
            "peak_sent_bits_per_second": 100_001,
            "peak_received_bits_per_second": 3,
            "total": { "sent_bytes": 3_750_920, "received_bytes": 1860 },
            "read_from": ["minutes"],
            "other": { "sent_bytes": 0, "received_bytes": 0 },
            "flushed_until": "2026-09-21T16:13:21Z",
        })
    );
}

#[test]
fn one_busy_interval_in_twenty_is_free() {
    let query = PercentileQuery {
        range: range("2026-09-21T14:15:00Z", "2026-09-21T15:55:00Z"),
        percent: 95,
        filter: None,
    };
    let answer = history().reader().percentile(&query).unwrap();
    assert_eq!(
        (answer.intervals, answer.sent_bits_per_second),
        (20, Some(1))
    );
    assert_eq!(answer.billed_bits_per_second, Some(3));
    let dig = PercentileQuery {
        filter: Some("process=dig".parse().unwrap()),
        ..query
    };
    let answer = history().reader().percentile(&dig).unwrap();
    assert_eq!(
        (answer.intervals, answer.sent_bits_per_second),
        (20, Some(0))
    );
}

#[test]
fn intervals_of_which_hours_are_left_are_not_told() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for n in 0..3 * 24 * 60 {
        writer.accept(Arc::new(one_row(n * MINUTE, 1000)));
    }
    settle(&mut writer);
    writer.finish();
    let query = PercentileQuery {
        range: range("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"),
        percent: 95,
        filter: None,
    };
    let answer = history.reader().percentile(&query).unwrap();
    assert_eq!(
        answer.range,
        range("2026-09-23T14:00:00Z", "2026-09-24T14:10:00Z")
    );
    assert_eq!(answer.intervals, 24 * 12 + 2);
    assert_eq!(answer.received_bits_per_second, Some(3));
    assert_eq!(answer.read_from, ["minutes"]);
    let nothing = PercentileQuery {
        range: range("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z"),
        ..query
    };
    let answer = history.reader().percentile(&nothing).unwrap();
    assert_eq!((answer.intervals, answer.billed_bits_per_second), (0, None));
    let none = History::with(vec![]).reader().percentile(&nothing).unwrap();
    assert_eq!(none.intervals, 0);
}

fn month(zone: &str, start_day: i8, now: &str) -> EstimateQuery {
    EstimateQuery {
        calendar: Calendar::new(
            Calendar::zone_named(Some(zone)).unwrap(),
            CalendarUnit::Month,
            MonthStartDay::new(start_day).unwrap(),
        ),
        now: now.parse().unwrap(),
        filter: None,
    }
}

#[test]
fn the_estimate_has_the_documented_json() {
    // Ten days of October are measured, 21 are left.
    let mut rows: Vec<_> = (0..20).map(|n| one_row(n * DAY, 1000)).collect();
    let end = (at(0).as_millisecond() / DAY + 20) * DAY - at(0).as_millisecond();
    rows.push(batch(second(end / 1000 - 1), vec![]));
    let history = History::with(rows);
    let query = month("UTC", 1, "2026-10-11T12:00:00Z");
    let answer = history.reader().estimate(&query).unwrap();
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({
            "since": "2026-10-01T00:00:00Z",
            "until": "2026-11-01T00:00:00Z",
            "based_on": { "since": "2026-10-01T00:00:00Z", "until": "2026-10-11T00:00:00Z" },
            "elapsed_share": 10.5 / 31.0,
            "used": { "sent_bytes": 100, "received_bytes": 200 },
            "estimated": { "sent_bytes": 310, "received_bytes": 620 },
            "other": { "sent_bytes": 0, "received_bytes": 0 },
            "flushed_until": "2026-10-11T00:00:00Z",
        })
    );
}

#[test]
fn a_history_younger_than_the_month_is_what_the_estimate_is_based_on() {
    let mut rows: Vec<_> = (0..10).map(|n| one_row(n * DAY, 1000)).collect();
    rows.push(batch(second(10 * DAY / 1000 - 1), vec![]));
    let history = History::with(rows);
    let query = month("Europe/Berlin", 15, "2026-10-01T14:13:20Z");
    let answer = history.reader().estimate(&query).unwrap();
    assert_eq!(
        answer.range,
        range("2026-09-14T22:00:00Z", "2026-10-14T22:00:00Z")
    );
    assert_eq!(
        answer.based_on,
        Some(range("2026-09-21T14:13:20Z", "2026-10-01T14:13:20Z"))
    );
    // 13 days, 7 h 46 min 40 s are left.
    assert_eq!(answer.estimated.unwrap().sent_bytes, 100 + 133);
    let later = month("UTC", 1, "2027-01-05T00:00:00Z");
    let answer = history.reader().estimate(&later).unwrap();
    assert_eq!((answer.used.sent_bytes, answer.estimated), (0, None));
}
