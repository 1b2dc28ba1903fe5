//! Closed buckets hold what their windows moved.

use std::sync::Arc;
use std::time::Duration;

use nettally_source::pipeline::UsageBatch;
use proptest::prelude::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::{DAY, MINUTE, NEXT_MINUTE, any_batches, count, one_row};
use crate::query::{ByteTotals, Field, Filter, SeriesAnswer, SeriesQuery, TimeRange, UsageAnswer};
use crate::testing::{History, at, batch, everything, second};
use crate::tier::Tier;
use crate::writer::{Told, UpkeepLimits};

/// Makes readers find nothing rolled up.
fn forget_tiers(history: &History) {
    let file = Connection::open(history.path()).unwrap();
    file.execute_batch("UPDATE tier SET rolled_until_ms = NULL")
        .unwrap();
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
fn what_there_is_no_time_to_roll_up_waits_for_the_next_flush_and_is_read_meanwhile() {
    let history = History::new();
    let in_a_hurry = UpkeepLimits {
        rollup: Duration::ZERO,
        retention: Duration::ZERO,
    };
    let mut writer = history.writer().upkeeping(in_a_hurry);
    for minute in 0..100 {
        writer.accept(Arc::new(one_row(minute * MINUTE, 1000)));
    }
    writer.finish();
    assert_eq!(count(&history, "usage_by_minute"), Value::Integer(0));
    assert_eq!(history.ask(&[], "").total.sent_bytes, 1000);
    history.writer().finish();
    assert_eq!(count(&history, "usage_by_minute"), Value::Integer(99));
    assert_eq!(history.ask(&[], "").total.sent_bytes, 1000);
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
        file.execute_batch(include_str!("../../migrations/0001_history.sql"))
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

/// What groups of processes decide, what they do not, and both.
const FILTERS: [&str; 8] = [
    "",
    "process=a",
    "process=a or remote_port=1",
    "process=b and remote_ip in 10.0.0.0/31",
    "user=ada and not (app=a or tunnel=true) and protocol=tcp",
    "process~A and pid>1",
    "unit=none and remote_ip=other and attribution=kernel",
    "process=nobody",
];

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tiers_and_windows_give_the_same_answer_to_the_byte(
        batches in any_batches(),
        flushes in prop::collection::vec(any::<bool>(), 40),
        since in -DAY..5 * DAY,
        length in prop_oneof![1..2 * MINUTE, 1..4 * DAY, Just(2000 * DAY)],
        fields in prop_oneof![
            prop::sample::subsequence(Field::ALL.to_vec(), 0..=16),
            prop::sample::subsequence(vec![Field::Process, Field::User, Field::Protocol], 0..=3),
        ],
        filter in prop::sample::select(FILTERS.to_vec()),
        top_processes in prop_oneof![Just(None), Just(Some(1))],
        step_secs in prop::sample::select(vec![1, 60, 90, 3600, 7200, 86_400, 7 * 86_400]),
    ) {
        let filter: Option<Filter> =
            (!filter.is_empty()).then(|| filter.parse().unwrap());
        let history = History::new();
        let mut writer = history.writer().telling(Told { top_remotes: None, top_processes });
        for (batch, flush) in batches.iter().zip(flushes) {
            writer.accept(Arc::new(batch.clone()));
            if flush {
                writer.flush();
            }
        }
        writer.finish();
        let mut query = everything(&fields, filter.clone());
        query.range = TimeRange { since: at(since), until: at(since + length) };
        let lines = SeriesQuery {
            range: query.range,
            step_secs,
            group_by: fields.first().copied(),
            filter: filter.clone(),
            limit: None,
        };
        let ask = || -> (UsageAnswer, SeriesAnswer) {
            let reader = history.reader();
            (reader.usage(&query).unwrap(), reader.series(&lines).unwrap())
        };
        let rolled_up = ask();
        if filter.is_none() {
            prop_assert_eq!(rolled_up.0.total, expected(&batches, query.range));
        }
        prop_assert_eq!(history.reader().check(&mut |_progress| {}).unwrap(), []);
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
            if let Some(table) = tier.sum_table() {
                let sum = history.column(&format!("SELECT coalesce(sum(sent_bytes), 0) FROM {table}"));
                prop_assert_eq!(&sums[0], &sum[0]);
            }
        }
    }
}
