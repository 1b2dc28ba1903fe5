//! Months: from days, once, and as long as anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::types::Value;

use super::{DAY, any_batches, one_row, remotes, settle};
use crate::query::{ByteTotals, Field, SeriesQuery, TimeRange};
use crate::testing::{History, at, batch, everything, second};
use crate::tier::Tier;
use crate::writer::Keep;

/// Keeps nothing that need not be.
fn only_months(days: i64) -> Keep {
    Keep {
        windows_ms: Some(1),
        minutes_ms: Some(1),
        hours_ms: Some(1),
        days_ms: Some(days * DAY),
        ..Keep::default()
    }
}

#[test]
fn a_month_is_rolled_up_once_it_is_over() {
    let history = History::new();
    for day in 0..60 {
        // A writer for each: whatever interrupts.
        let mut writer = history.writer();
        writer.accept(Arc::new(one_row(day * DAY, 1000)));
        settle(&mut writer);
        writer.finish();
    }
    assert_eq!(
        history.column(
            "SELECT json_array(window_start, window_end, process, pid, sent_bytes, app)
               FROM usage_by_month"
        ),
        [
            r#"["2026-09-01T00:00:00.000Z","2026-10-01T00:00:00.000Z","curl",null,100,"curl"]"#,
            r#"["2026-10-01T00:00:00.000Z","2026-11-01T00:00:00.000Z","curl",null,310,"curl"]"#,
        ]
        .map(|text| Value::Text(text.to_owned()))
    );
    assert_eq!(history.ask(&[], "").total.sent_bytes, 600);
}

#[test]
fn years_are_answered_when_only_months_are_left() {
    let history = History::new();
    let mut writer = history.writer().keeping(only_months(1));
    for day in 0..400 {
        writer.accept(Arc::new(one_row(day * DAY, 1000)));
    }
    settle(&mut writer);
    writer.finish();
    let rows = history.column(
        "SELECT json_array((SELECT count(*) FROM usage), (SELECT count(*) FROM usage_by_hour),
                           (SELECT min(window_start) FROM usage_by_day),
                           (SELECT count(*) FROM usage_by_month))",
    );
    assert_eq!(
        rows,
        [Value::Text(
            r#"[1,0,"2027-10-01T00:00:00.000Z",13]"#.to_owned()
        )]
    );
    assert_eq!(history.ask(&[Field::App], "").total.sent_bytes, 4000);
    let mut query = everything(&[], None);
    query.range = TimeRange {
        since: "2027-02-10T00:00:00Z".parse().unwrap(),
        until: "2027-02-11T00:00:00Z".parse().unwrap(),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(answer.total.sent_bytes, 280, "the whole month, as it says");
    let TimeRange { since, until } = answer.range;
    assert_eq!(
        (since.to_string(), until.to_string()),
        (
            "2027-02-01T14:13:20Z".to_owned(),
            "2027-02-28T14:13:21Z".to_owned()
        )
    );
}

#[test]
fn months_go_when_they_are_told_to() {
    let history = History::new();
    let mut writer = history.writer().keeping(Keep {
        months_ms: Some(60 * DAY),
        ..only_months(1)
    });
    for day in 0..200 {
        writer.accept(Arc::new(one_row(day * DAY, 1000)));
    }
    settle(&mut writer);
    writer.finish();
    assert_eq!(
        history.column("SELECT window_start FROM usage_by_month"),
        ["2027-02-01", "2027-03-01"].map(|date| Value::Text(format!("{date}T00:00:00.000Z")))
    );
}

#[test]
fn a_window_of_a_past_month_is_added_to_it() {
    let history = History::new();
    let mut writer = history.writer().keeping(only_months(1));
    for day in [0, 70, 1, 71] {
        writer.accept(Arc::new(one_row(day * DAY, 1000)));
        settle(&mut writer);
    }
    writer.accept(Arc::new(batch(second(72 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    assert_eq!(
        history.column("SELECT sum(sent_bytes) FROM usage_by_month GROUP BY window_start"),
        [20, 10].map(Value::Integer)
    );
    assert_eq!(history.ask(&[], "").total.sent_bytes, 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_retention_changes_what_a_month_moved(
        batches in any_batches(),
        days in 1_i64..60,
        fields in prop::sample::subsequence(Field::ALL.to_vec(), 0..=16),
    ) {
        let history = History::new();
        let mut writer = history.writer().keeping(only_months(days)).telling(remotes(1));
        let mut by_month: BTreeMap<i64, ByteTotals> = BTreeMap::new();
        let mut total = ByteTotals::default();
        for batch in &batches {
            let month = Tier::Month.bucket(batch.window.start.as_millisecond());
            for row in &batch.usage {
                let moved = ByteTotals {
                    sent_bytes: row.sent_bytes,
                    received_bytes: row.received_bytes,
                };
                by_month.entry(month).or_default().add(moved);
                total.add(moved);
            }
            writer.accept(Arc::new(batch.clone()));
            writer.flush();
        }
        settle(&mut writer);
        writer.finish();
        let mut query = everything(&fields, None);
        query.range = TimeRange { since: at(-100 * DAY), until: at(2000 * DAY) };
        prop_assert_eq!(history.reader().usage(&query).unwrap().total, total);
        let lines = SeriesQuery {
            range: query.range,
            step_secs: 3600,
            group_by: fields.first().copied(),
            filter: None,
            limit: Some(0),
        };
        let mut found: BTreeMap<i64, ByteTotals> = BTreeMap::new();
        for point in history.reader().series(&lines).unwrap().series.iter().flat_map(|line| &line.points) {
            let month = Tier::Month.bucket(point.start.as_millisecond());
            found.entry(month).or_default().add(point.bytes);
        }
        prop_assert_eq!(found, by_month);
        prop_assert_eq!(
            history.column("SELECT count(*) FROM pragma_foreign_key_check"),
            [Value::Integer(0)]
        );
    }
}
