//! Rows go, bytes stay.

use std::collections::BTreeMap;
use std::sync::Arc;

use nettally_source::pipeline::{LossCount, LossReason};
use proptest::prelude::*;
use rusqlite::types::Value;

use super::{DAY, MINUTE, any_batches, count, keeping, one_row, settle};
use crate::query::{ByteTotals, Field, SeriesQuery, TimeRange};
use crate::testing::{History, at, everything};
use crate::tier::Tier;
use crate::writer::Keep;

#[test]
fn old_rows_go_and_totals_stay() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(6, 2));
    for n in 0..480 {
        writer.accept(Arc::new(one_row(n * 30 * MINUTE, 1000)));
    }
    settle(&mut writer);
    writer.finish();
    let rows = |view: &str| count(&history, view);
    assert_eq!(
        [
            rows("usage"),
            rows("usage_by_minute"),
            rows("usage_by_hour"),
            rows("usage_by_day")
        ],
        [13, 97, 109, 10].map(Value::Integer),
        "6 hours, 2 days and 4 days, rounded up to minutes, hours and days, that are over"
    );
    let stats = history.reader().stats().unwrap();
    assert_eq!((stats.rows, stats.oldest), (13, Some(at(0))));
    assert_eq!(history.ask(&[], "").total.sent_bytes, 4800);

    // In the middle of a day that is left as a whole only.
    let mut query = everything(&[Field::Process], None);
    query.range = TimeRange {
        since: "2026-09-23T10:00:00Z".parse().unwrap(),
        until: "2026-09-23T10:10:00Z".parse().unwrap(),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(answer.total.sent_bytes, 480);
    let TimeRange { since, until } = answer.range;
    assert_eq!(
        (since.to_string(), until.to_string()),
        (
            "2026-09-23T00:13:20Z".to_owned(),
            "2026-09-23T23:43:21Z".to_owned()
        )
    );
}

#[test]
fn losses_of_windows_that_are_gone_stay_by_day() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for n in 0..4 {
        let mut lossy = one_row(n * MINUTE, 1000);
        let count = LossCount {
            events: 1,
            sent_bytes: 2,
            received_bytes: 3,
        };
        lossy.losses.add(LossReason::FlowsFull, count);
        writer.accept(Arc::new(lossy));
    }
    writer.accept(Arc::new(one_row(DAY, 1000)));
    settle(&mut writer);
    writer.finish();
    assert_eq!(
        history.column(
            "SELECT json_array(window_start, reason, events, sent_bytes, received_bytes) FROM losses"
        ),
        [Value::Text(
            r#"["2026-09-21T00:00:00.000Z","flows_full",4,8,12]"#.to_owned()
        )]
    );
    assert_eq!(count(&history, "usage"), Value::Integer(1));
}

#[test]
fn a_file_that_is_too_large_loses_its_finest_old_rows_and_shrinks() {
    let history = History::new();
    let bound = 6 << 20;
    let mut writer = history.writer().keeping(Keep {
        size_bytes: Some(bound),
        ..Keep::default()
    });
    let mut sent_bytes = 0;
    for n in 0..60 {
        let mut many = one_row(n * 10 * MINUTE, 1000);
        for port in 1..3000 {
            let mut row = many.usage[0].clone();
            row.local_port = port;
            many.usage.push(row);
        }
        sent_bytes += 30_000;
        writer.accept(Arc::new(many));
        settle(&mut writer);
    }
    assert!(writer.stats().snapshot().deleted_rows > 0);
    writer.finish();
    assert_eq!(history.ask(&[], "").total.sent_bytes, sent_bytes);
    let size_bytes = history.reader().stats().unwrap().size_bytes;
    // Free pages that are spared come on top.
    assert!(size_bytes < bound + (3 << 20), "{size_bytes}");
    // The last hour of windows was spared.
    let rows = history.reader().stats().unwrap().rows;
    assert!(rows >= 6 * 3000, "{rows}");
}

#[test]
fn a_window_that_comes_too_late_to_be_kept_still_counts() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for start in [0, 9 * DAY, 5000, 9 * DAY + 1000] {
        writer.accept(Arc::new(one_row(start, 1000)));
        settle(&mut writer);
    }
    writer.finish();
    assert_eq!(history.ask(&[], "").total.sent_bytes, 40);
    assert_eq!(count(&history, "usage"), Value::Integer(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_retention_changes_what_a_day_moved(
        batches in any_batches(),
        hours in 1_i64..30,
        days in 1_i64..4,
        step_secs in prop::sample::select(vec![1, 90, 3600, 86_400]),
    ) {
        let history = History::new();
        let mut writer = history.writer().keeping(keeping(hours, days));
        for batch in &batches {
            writer.accept(Arc::new(batch.clone()));
            writer.flush();
        }
        settle(&mut writer);
        writer.finish();
        let mut by_day: BTreeMap<i64, ByteTotals> = BTreeMap::new();
        for batch in &batches {
            let day = Tier::Day.bucket(batch.window.start.as_millisecond());
            for row in &batch.usage {
                by_day.entry(day).or_default().add(ByteTotals {
                    sent_bytes: row.sent_bytes,
                    received_bytes: row.received_bytes,
                });
            }
        }
        let mut query = everything(&[Field::Pid], None);
        query.range = TimeRange { since: at(-100 * DAY), until: at(2000 * DAY) };
        let lines = SeriesQuery {
            range: query.range,
            step_secs,
            group_by: Some(Field::Process),
            filter: None,
            limit: Some(0),
        };
        let mut found: BTreeMap<i64, ByteTotals> = BTreeMap::new();
        for point in history.reader().series(&lines).unwrap().series.iter().flat_map(|line| &line.points) {
            let day = Tier::Day.bucket(point.start.as_millisecond());
            found.entry(day).or_default().add(point.bytes);
        }
        if step_secs != 90 {
            prop_assert_eq!(&found, &by_day, "a step of 90 s may begin on the day before");
        }
        let mut total = ByteTotals::default();
        by_day.values().for_each(|bytes| total.add(*bytes));
        prop_assert_eq!(history.reader().usage(&query).unwrap().total, total);
    }
}
