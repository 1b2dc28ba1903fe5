//! Tiers end to end: what a writer rolls up is what a reader would sum up from windows.

use std::collections::BTreeMap;
use std::sync::Arc;

use nettally_source::pipeline::{LossCount, LossReason, UsageBatch, Window};
use proptest::prelude::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::query::{ByteTotals, Field, SeriesAnswer, SeriesQuery, TimeRange, UsageAnswer};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};
use crate::tier::Tier;
use crate::writer::{Keep, Writer};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// `at` counts from 14:13:20.
const NEXT_MINUTE: i64 = 40_000;

fn one_row(start: i64, length: i64) -> UsageBatch {
    let window = Window {
        start: at(start),
        end: at(start + length),
    };
    batch(
        window,
        vec![usage(process(7, "curl"), remote("192.0.2.1", 443), 10, 20)],
    )
}

/// Makes readers find nothing rolled up.
fn forget_tiers(history: &History) {
    let file = Connection::open(history.path()).unwrap();
    file.execute_batch("UPDATE tier SET rolled_until_ms = NULL")
        .unwrap();
}

fn count(history: &History, table: &str) -> Value {
    history.column(&format!("SELECT count(*) FROM {table}"))[0].clone()
}

#[test]
fn a_minute_is_rolled_up_once_it_is_over() {
    let history = History::new();
    let mut writer = history.writer();
    for start in (0..NEXT_MINUTE).step_by(1000) {
        writer.accept(Arc::new(one_row(start, 1000)));
    }
    writer.flush();
    // The last window ends with the minute.
    assert_eq!(writer.stats().snapshot().rollups, 1);
    writer.accept(Arc::new(one_row(NEXT_MINUTE, 1000)));
    writer.flush();
    writer.finish();
    assert_eq!(
        history.column(
            "SELECT json_array(window_start, window_end, process, pid, exe, user, protocol,
                               local_port, remote_ip, remote_port, sent_bytes, received_bytes)
               FROM usage_by_minute"
        ),
        [Value::Text(
            r#"["2026-09-21T14:13:00.000Z","2026-09-21T14:14:00.000Z","curl",7,"/usr/bin/curl","ada","tcp",40000,"192.0.2.1",443,400,800]"#
                .to_owned()
        )]
    );
    assert_eq!(count(&history, "usage_by_hour"), Value::Integer(0));
    assert_eq!(history.ask(&[], "").total.sent_bytes, 410);
}

#[test]
fn every_view_of_a_tier_sums_up_to_the_same() {
    let mut batches: Vec<UsageBatch> = (0..100).map(|n| one_row(n * 30 * MINUTE, 1000)).collect();
    batches.push(batch(second(4 * DAY / 1000), vec![]));
    let history = History::with(batches);
    for view in ["usage", "usage_by_minute", "usage_by_hour", "usage_by_day"] {
        assert_eq!(
            history.column(&format!("SELECT sum(sent_bytes) FROM {view}")),
            [Value::Integer(1000)],
            "{view}"
        );
    }
    assert_eq!(
        history.column("SELECT window_start FROM usage_by_day"),
        [
            "2026-09-21T00:00:00.000Z",
            "2026-09-22T00:00:00.000Z",
            "2026-09-23T00:00:00.000Z"
        ]
        .map(|text| Value::Text(text.to_owned()))
    );
}

#[test]
fn a_long_range_reads_no_row_of_windows() {
    let history = History::with(vec![
        one_row(0, 1000),
        one_row(5 * DAY, 1000),
        batch(second(10 * DAY / 1000), vec![]),
    ]);
    let file = Connection::open(history.path()).unwrap();
    file.execute_batch("DELETE FROM flow_usage; DELETE FROM minute_usage; DELETE FROM hour_usage")
        .unwrap();
    let mut query = everything(&[Field::Process], None);
    query.range = TimeRange {
        since: "2026-09-21T00:00:00Z".parse().unwrap(),
        until: "2026-09-28T00:00:00Z".parse().unwrap(),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!((answer.total.sent_bytes, answer.range), (20, query.range));
}

#[test]
fn a_window_of_a_clock_set_back_is_added_to_what_is_rolled_up() {
    let history = History::new();
    let mut writer = history.writer();
    for start in [0, 3 * DAY, 2000, 2 * DAY, 3 * DAY + 1000] {
        writer.accept(Arc::new(one_row(start, 1000)));
        writer.flush();
    }
    writer.finish();
    for view in ["usage_by_minute", "usage_by_hour", "usage_by_day"] {
        let sum = history.column(&format!(
            "SELECT sum(sent_bytes) FROM {view} WHERE window_start < '2026-09-24'"
        ));
        assert_eq!(sum, [Value::Integer(30)], "{view}");
    }
    assert_eq!(history.ask(&[], "").total.sent_bytes, 50);
}

#[test]
fn a_later_writer_goes_on_where_the_last_one_ended() {
    let history = History::new();
    for start in 0..20 {
        let mut writer = history.writer();
        writer.accept(Arc::new(one_row(start * MINUTE / 2, 1000)));
        writer.finish();
    }
    assert_eq!(
        history.column("SELECT sum(sent_bytes) FROM usage_by_minute"),
        [Value::Integer(180)],
        "the last minute is not over"
    );
    // Nothing is due: another writer changes nothing.
    let stats = {
        let mut writer = history.writer();
        writer.flush();
        writer.stats().snapshot()
    };
    assert_eq!((stats.rollups, stats.failed_upkeeps), (0, 0));
}

#[test]
fn a_bucket_beyond_what_the_file_can_hold_is_counted_not_stuck() {
    let history = History::new();
    let mut writer = history.writer();
    for start in [0, 1000] {
        let mut large = one_row(start, 1000);
        large.usage[0].sent_bytes = i64::MAX.cast_unsigned();
        writer.accept(Arc::new(large));
    }
    writer.accept(Arc::new(one_row(NEXT_MINUTE, 1000)));
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!(
        (stats.rollups, stats.saturated, stats.last_error),
        (1, 1, None)
    );
}

#[test]
fn a_rollup_that_fails_is_told_and_done_later() {
    let history = History::new();
    let mut writer = history.writer();
    let file = Connection::open(history.path()).unwrap();
    file.execute_batch("ALTER TABLE minute_usage RENAME TO away")
        .unwrap();
    writer.accept(Arc::new(one_row(0, 1000)));
    writer.accept(Arc::new(one_row(NEXT_MINUTE, 1000)));
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!(
        (stats.flushes, stats.rows_held, stats.failed_upkeeps),
        (1, 0, 1)
    );
    assert!(
        stats
            .last_error
            .unwrap()
            .contains("rolling up or deleting rows failed")
    );
    file.execute_batch("ALTER TABLE away RENAME TO minute_usage")
        .unwrap();
    writer.accept(Arc::new(one_row(NEXT_MINUTE + 1000, 1000)));
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!((stats.rollups, stats.last_error), (1, None));
    writer.finish();
    assert_eq!(count(&history, "minute_usage"), Value::Integer(1));
}

#[test]
fn a_file_of_schema_1_is_upgraded_and_rolled_up() {
    let history = History::new();
    {
        let file = Connection::open(history.path()).unwrap();
        file.execute_batch(include_str!("../migrations/0001_history.sql"))
            .unwrap();
        file.execute_batch(&format!(
            "PRAGMA application_id = {}; PRAGMA user_version = 1;
             INSERT INTO boot VALUES (1, 'boot-1');
             INSERT INTO program VALUES (1, 'curl', NULL);
             INSERT INTO account VALUES (1, 1000, 'ada');
             INSERT INTO process VALUES (1, 1, 7, 7, 1, 1);
             INSERT INTO protocol VALUES (1, 'tcp');",
            crate::schema::APPLICATION_ID
        ))
        .unwrap();
        for n in 0..100_i64 {
            let start = at(n * 30 * MINUTE).as_millisecond();
            file.execute(
                "INSERT INTO time_window VALUES (?, ?, ?)",
                params![n, start, start + 1000],
            )
            .unwrap();
            file.execute(
                "INSERT INTO flow_usage VALUES (?, 1, 1, 40000, 0, -1, 10, 20, 0, 0)",
                [n],
            )
            .unwrap();
        }
        let until = at(99 * 30 * MINUTE + 1000).as_millisecond();
        file.execute(
            "UPDATE progress SET flushed_until_ms = ?, usage_rows = 100",
            [until],
        )
        .unwrap();
    }
    let refused = crate::Reader::open(&history.path()).unwrap_err();
    assert!(refused.to_string().contains("has schema 1"), "{refused}");
    let mut writer = history.writer();
    while {
        let before = writer.stats().snapshot().rollups;
        writer.flush();
        writer.stats().snapshot().rollups > before
    } {}
    writer.finish();
    let total = ByteTotals {
        sent_bytes: 1000,
        received_bytes: 2000,
    };
    assert_eq!(history.ask(&[Field::Process], "").total, total);
    assert_eq!(
        history.column("SELECT sum(sent_bytes) FROM usage_by_day"),
        [Value::Integer(680)],
        "the 20 half hours of the first day and the 48 of the second"
    );
}

/// Windows of some days, long and short, in the order they come: now and then a clock is set back.
fn any_batches() -> impl Strategy<Value = Vec<UsageBatch>> {
    let row = (
        1_u32..4,
        "[ab]",
        1_u8..4,
        1_u16..3,
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(|(pid, name, host, port, sent, received)| {
            usage(
                process(pid, &name),
                remote(&format!("10.0.0.{host}"), port),
                u64::from(sent),
                u64::from(received),
            )
        });
    let rows = prop::collection::vec(row, 0..6);
    let pause = prop_oneof![
        4 => 0..3_i64,
        4 => 0..3 * MINUTE,
        2 => 0..DAY,
        1 => -2 * DAY..0,
    ];
    let length = prop_oneof![4 => 1..1500_i64, 1 => 1..3 * MINUTE, 1 => 1..DAY];
    prop::collection::vec((pause, length, rows), 1..40).prop_map(|windows| {
        let mut end = 0;
        windows
            .into_iter()
            .map(|(pause, length, rows)| {
                let start = end + pause;
                end = start + length;
                let window = Window {
                    start: at(start),
                    end: at(end),
                };
                batch(window, rows)
            })
            .collect()
    })
}

/// The bytes of the windows that touch a range.
fn expected(batches: &[UsageBatch], range: TimeRange) -> ByteTotals {
    let mut total = ByteTotals::default();
    for row in batches
        .iter()
        .filter(|batch| batch.window.start < range.until && batch.window.end > range.since)
        .flat_map(|batch| &batch.usage)
    {
        total.add(ByteTotals {
            sent_bytes: row.sent_bytes,
            received_bytes: row.received_bytes,
        });
    }
    total
}

fn keeping(hours: i64, days: i64) -> Keep {
    Keep {
        windows_ms: Some(hours * 60 * MINUTE),
        minutes_ms: Some(days * DAY),
        hours_ms: Some(2 * days * DAY),
        ..Keep::default()
    }
}

/// Flushes until nothing is left to roll up or to delete.
fn settle(writer: &mut Writer) {
    loop {
        let before = writer.stats().snapshot();
        writer.flush();
        let after = writer.stats().snapshot();
        assert_eq!(after.last_error, None);
        if (before.rollups, before.deleted_rows) == (after.rollups, after.deleted_rows) {
            return;
        }
    }
}

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
        query.range = TimeRange { since: at(-100 * DAY), until: at(400 * DAY) };
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

    #[test]
    fn tiers_and_windows_give_the_same_answer_to_the_byte(
        batches in any_batches(),
        flushes in prop::collection::vec(any::<bool>(), 40),
        since in -DAY..5 * DAY,
        length in prop_oneof![1..2 * MINUTE, 1..4 * DAY, Just(400 * DAY)],
        fields in prop::sample::subsequence(Field::ALL.to_vec(), 0..=8),
        step_secs in prop::sample::select(vec![1, 60, 90, 3600, 7200, 86_400]),
    ) {
        let history = History::new();
        let mut writer = history.writer();
        for (batch, flush) in batches.iter().zip(flushes) {
            writer.accept(Arc::new(batch.clone()));
            if flush {
                writer.flush();
            }
        }
        writer.finish();
        let mut query = everything(&fields, None);
        query.range = TimeRange { since: at(since), until: at(since + length) };
        let lines = SeriesQuery {
            range: query.range,
            step_secs,
            group_by: fields.first().copied(),
            filter: Some("process=a or remote_port=1".parse().unwrap()),
            limit: None,
        };
        let ask = || -> (UsageAnswer, SeriesAnswer) {
            let reader = history.reader();
            (reader.usage(&query).unwrap(), reader.series(&lines).unwrap())
        };
        let rolled_up = ask();
        prop_assert_eq!(rolled_up.0.total, expected(&batches, query.range));
        forget_tiers(&history);
        prop_assert_eq!(rolled_up, ask());
    }

    #[test]
    fn each_tier_holds_all_that_was_moved_before_it_ends(batches in any_batches()) {
        let history = History::new();
        let mut writer = history.writer();
        for batch in &batches {
            writer.accept(Arc::new(batch.clone()));
            writer.flush();
        }
        writer.finish();
        for tier in Tier::ALL {
            let sums = history.column(&format!(
                "SELECT coalesce(sum(sent_bytes), 0) FROM {} UNION ALL
                 SELECT coalesce(sum(f.sent_bytes), 0)
                   FROM flow_usage f JOIN time_window w ON w.id = f.window_id
                  WHERE w.start_ms < (SELECT rolled_until_ms FROM tier WHERE id = {})",
                tier.table(),
                tier.id(),
            ));
            prop_assert_eq!(&sums[0], &sums[1]);
        }
    }
}
