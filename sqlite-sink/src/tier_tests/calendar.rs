//! Steps of a calendar: cut where a place cuts them, read from the coarsest rows that are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;

use super::{DAY, MINUTE, any_batches, one_row, settle};
use crate::query::{
    ByteTotals, Calendar, CalendarAnswer, CalendarQuery, CalendarUnit, Field, MonthStartDay,
    TimeRange,
};
use crate::testing::{History, at, batch, everything, second};
use crate::writer::Keep;

fn query(zone: &str, unit: CalendarUnit, start_day: i8) -> CalendarQuery {
    CalendarQuery {
        range: everything(&[], None).range,
        calendar: Calendar::new(
            Calendar::zone_named(Some(zone)).unwrap(),
            unit,
            MonthStartDay::new(start_day).unwrap(),
        ),
        group_by: None,
        filter: None,
        limit: None,
    }
}

fn sent(answer: &CalendarAnswer) -> Vec<(String, u64)> {
    answer.series[0]
        .points
        .iter()
        .map(|point| (point.date.to_string(), point.bytes.sent_bytes))
        .collect()
}

/// A row each hour of some days.
fn hours(days: i64) -> History {
    let history = History::new();
    let mut writer = history.writer();
    for hour in 0..days * 24 {
        writer.accept(Arc::new(one_row(hour * 60 * MINUTE, 1000)));
    }
    writer.accept(Arc::new(batch(second((days + 1) * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    history
}

#[test]
fn the_answer_has_the_documented_json() {
    let history = History::with(vec![one_row(0, 1000), one_row(DAY / 2, 1000)]);
    let mut query = query("Europe/Berlin", CalendarUnit::Day, 1);
    query.range = TimeRange {
        since: "2026-09-20T22:00:00Z".parse().unwrap(),
        until: "2026-09-22T22:00:00Z".parse().unwrap(),
    };
    query.group_by = Some(Field::App);
    let answer = history.reader().calendar(&query).unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "since": "2026-09-20T22:00:00Z",
            "until": "2026-09-22T22:00:00Z",
            "step": "day",
            "time_zone": "Europe/Berlin",
            "group_by": "app",
            "series": [{
                "key": "curl",
                "is_other": false,
                "total": { "sent_bytes": 20, "received_bytes": 40 },
                "points": [
                    { "date": "2026-09-21", "start": "2026-09-20T22:00:00Z",
                      "end": "2026-09-21T22:00:00Z", "sent_bytes": 10, "received_bytes": 20 },
                    { "date": "2026-09-22", "start": "2026-09-21T22:00:00Z",
                      "end": "2026-09-22T22:00:00Z", "sent_bytes": 10, "received_bytes": 20 },
                ],
            }],
            "uncertain": { "sent_bytes": 0, "received_bytes": 0 },
            "flushed_until": "2026-09-22T02:13:21Z",
        })
    );
}

#[test]
fn days_weeks_and_months_are_cut_where_the_place_does() {
    let history = hours(40);
    let reader = history.reader();
    let ask =
        |zone, unit, start_day| sent(&reader.calendar(&query(zone, unit, start_day)).unwrap());
    let days = ask("Europe/Berlin", CalendarUnit::Day, 1);
    let of = |date: &str| days.iter().find(|(found, _)| found == date).unwrap().1;
    // 16:13 is the first hour of the first day; clocks are set back on 25 October.
    assert_eq!(
        [
            of("2026-09-21"),
            of("2026-10-24"),
            of("2026-10-25"),
            of("2026-10-26")
        ],
        [80, 240, 250, 240]
    );
    let named = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter()
            .map(|(date, sent)| ((*date).to_owned(), *sent))
            .collect()
    };
    assert_eq!(
        ask("Europe/Berlin", CalendarUnit::Month, 1),
        named(&[("2026-09-01", 80 + 9 * 240), ("2026-10-01", 30 * 240 + 160)])
    );
    assert_eq!(
        ask("America/New_York", CalendarUnit::Month, 15),
        named(&[
            ("2026-09-15", 140 + 23 * 240),
            ("2026-10-15", 16 * 240 + 100)
        ])
    );
    assert_eq!(
        ask("UTC", CalendarUnit::Week, 1)[..2],
        named(&[("2026-09-21", 100 + 6 * 240), ("2026-09-28", 7 * 240)])
    );
}

#[test]
fn the_days_on_which_clocks_are_set_have_23_and_25_hours() {
    let hour = 60 * MINUTE;
    for (clock, begin, expected) in [
        (
            "forward",
            "2027-03-26T23:00:00Z",
            [
                ("2027-03-27", 240),
                ("2027-03-28", 230),
                ("2027-03-29", 240),
            ],
        ),
        (
            "back",
            "2026-10-23T22:00:00Z",
            [
                ("2026-10-24", 240),
                ("2026-10-25", 250),
                ("2026-10-26", 240),
            ],
        ),
    ] {
        let begin: jiff::Timestamp = begin.parse().unwrap();
        let begin = begin.as_millisecond() - at(0).as_millisecond();
        let hours: u64 = expected.iter().map(|(_day, sent)| sent / 10).sum();
        let rows = (0..hours.cast_signed()).map(|n| one_row(begin + n * hour, 1000));
        let history = History::with(rows.collect());
        let days = query("Europe/Berlin", CalendarUnit::Day, 1);
        let answer = history.reader().calendar(&days).unwrap();
        let expected = expected.map(|(day, sent)| (day.to_owned(), sent));
        assert_eq!(sent(&answer), expected, "set {clock}");
        assert_eq!(answer.uncertain, ByteTotals::default(), "set {clock}");
    }
}

#[test]
fn a_month_of_a_place_is_days_between_hours() {
    let history = hours(75);
    let month = query("Europe/Berlin", CalendarUnit::Month, 1);
    let expected = history.reader().calendar(&month).unwrap();
    let file = Connection::open(history.path()).unwrap();
    // All that is inside of days of UTC that no month of the place cuts.
    file.execute_batch(
        "DELETE FROM flow_usage; DELETE FROM minute_usage;
         DELETE FROM hour_usage WHERE bucket / 24 * 86400 NOT IN
                (unixepoch('2026-09-30'), unixepoch('2026-10-31'), unixepoch('2026-11-30'))",
    )
    .unwrap();
    let answer = history.reader().calendar(&month).unwrap();
    assert_eq!(sent(&answer)[..2], sent(&expected)[..2]);
    // In UTC, months answer alone.
    file.execute_batch("DELETE FROM hour_usage; DELETE FROM day_usage WHERE bucket < unixepoch('2026-11-01') / 86400")
        .unwrap();
    let month = query("UTC", CalendarUnit::Month, 1);
    let answer = history.reader().calendar(&month).unwrap();
    assert_eq!(
        sent(&answer)[..2],
        [
            ("2026-09-01".to_owned(), 100 + 9 * 240),
            ("2026-10-01".to_owned(), 31 * 240)
        ]
    );
}

#[test]
fn a_clock_that_was_set_back_hides_no_edge() {
    let history = History::with(vec![
        one_row(0, 1000),
        one_row(-2 * DAY, 1000),
        one_row(-4 * DAY, 1000),
    ]);
    let days = query("America/New_York", CalendarUnit::Day, 1);
    let answer = history.reader().calendar(&days).unwrap();
    assert_eq!(
        sent(&answer),
        ["2026-09-17", "2026-09-19", "2026-09-21"].map(|date| (date.to_owned(), 10))
    );
    assert_eq!(answer.uncertain, ByteTotals::default());
}

#[test]
fn what_is_left_of_coarse_days_counts_where_most_of_it_is() {
    let history = History::new();
    let mut writer = history.writer().keeping(Keep {
        windows_ms: Some(1),
        minutes_ms: Some(1),
        hours_ms: Some(1),
        ..Keep::default()
    });
    for hour in 0..72 {
        writer.accept(Arc::new(one_row(hour * 60 * MINUTE, 1000)));
    }
    settle(&mut writer);
    writer.finish();
    let answer = history
        .reader()
        .calendar(&query("America/New_York", CalendarUnit::Day, 1))
        .unwrap();
    assert_eq!(
        sent(&answer)[..3],
        [
            ("2026-09-21".to_owned(), 100),
            ("2026-09-22".to_owned(), 240),
            ("2026-09-23".to_owned(), 240 + 40)
        ],
        "the first hours of the 24th are still told apart"
    );
    assert_eq!(answer.uncertain.sent_bytes, 100 + 2 * 240);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_window_is_in_the_step_of_its_start(
        batches in any_batches(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
        unit in prop::sample::select(CalendarUnit::ALL.to_vec()),
        start_day in 1_i8..=28,
    ) {
        let history = History::new();
        let mut writer = history.writer();
        for batch in &batches {
            writer.accept(Arc::new(batch.clone()));
            writer.flush();
        }
        writer.finish();
        let query = CalendarQuery {
            range: TimeRange { since: at(-100 * DAY), until: at(2000 * DAY) },
            ..query(zone, unit, start_day)
        };
        let mut expected: BTreeMap<String, ByteTotals> = BTreeMap::new();
        for batch in &batches {
            let date = query.calendar.date_of(batch.window.start).to_string();
            for row in &batch.usage {
                expected.entry(date.clone()).or_default().add(ByteTotals {
                    sent_bytes: row.sent_bytes,
                    received_bytes: row.received_bytes,
                });
            }
        }
        let answer = history.reader().calendar(&query).unwrap();
        prop_assert_eq!(answer.uncertain, ByteTotals::default());
        let found: BTreeMap<String, ByteTotals> = answer
            .series
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| (point.date.to_string(), point.bytes))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
