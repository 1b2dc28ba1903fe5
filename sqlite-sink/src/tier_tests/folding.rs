//! Small remotes and ephemeral ports are told apart as long as finer rows are there.

use std::sync::Arc;

use nettally_source::pipeline::UsageBatch;
use proptest::prelude::*;
use serde_json::json;

use super::{DAY, MINUTE, any_batches, keeping, one_row, remotes, settle};
use crate::query::{ByteTotals, Field, SeriesQuery, TimeRange, UsageAnswer};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

/// Ten remotes in each of four hours, the first of which moves most.
fn ten_remotes() -> Vec<UsageBatch> {
    (0..4)
        .map(|hour| {
            let mut batch = one_row(hour * 60 * MINUTE, 1000);
            batch.usage = (1_u16..=10)
                .map(|host| {
                    let mut row = usage(
                        process(7, "curl"),
                        remote(&format!("10.0.0.{host}"), 443),
                        if host == 1 { 1000 } else { 10 },
                        0,
                    );
                    row.local_port = 40_000 + host;
                    row
                })
                .collect();
            batch
        })
        .collect()
}

/// Ends days after the last window.
fn history(top_remotes: u32, keep_hours: i64) -> History {
    let history = History::new();
    let mut writer = history
        .writer()
        .keeping(keeping(keep_hours, 1000))
        .telling(remotes(top_remotes));
    for batch in ten_remotes() {
        writer.accept(Arc::new(batch));
    }
    writer.accept(Arc::new(batch(second(4 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    history
}

fn ask(history: &History, group_by: &[Field]) -> UsageAnswer {
    let mut query = everything(group_by, None);
    query.range = TimeRange {
        since: at(-DAY),
        until: at(2 * DAY),
    };
    history.reader().usage(&query).unwrap()
}

fn sent(bytes: u64) -> ByteTotals {
    ByteTotals {
        sent_bytes: bytes,
        received_bytes: 0,
    }
}

#[test]
fn what_is_folded_is_told_apart_while_windows_are_kept() {
    let history = history(2, 1000);
    let answer = ask(&history, &[Field::RemoteIp, Field::LocalPort]);
    assert_eq!(answer.rows.len(), 10);
    assert_eq!((answer.total, answer.other), (sent(4360), sent(0)));
}

#[test]
fn folded_hours_are_told_apart_before_their_day_is_over() {
    let history = History::with(ten_remotes());
    assert_eq!(
        history.column("SELECT DISTINCT folded FROM tier_bucket WHERE tier_id > 1"),
        [rusqlite::types::Value::Integer(2)]
    );
    let answer = ask(&history, &[Field::LocalPort]);
    assert_eq!((answer.rows.len(), answer.other), (10, sent(0)));
}

#[test]
fn what_is_folded_and_gone_is_other_and_counts() {
    let history = history(2, 1);
    let answer = ask(&history, &[Field::RemoteIp]);
    let rows: Vec<_> = answer
        .rows
        .iter()
        .map(|row| (row.fields[0].1.clone(), row.bytes.sent_bytes))
        .collect();
    assert_eq!(
        rows,
        [
            (json!("10.0.0.1"), 4000),
            (json!("other"), 320),
            (json!("10.0.0.2"), 40)
        ]
    );
    assert_eq!((answer.total, answer.other), (sent(4360), sent(320)));
    // Nothing that is asked for is folded.
    let answer = ask(&history, &[Field::Process, Field::RemotePort]);
    assert_eq!((answer.total, answer.other), (sent(4360), sent(0)));
}

#[test]
fn a_filter_by_what_is_folded_says_how_much_it_cannot_decide() {
    let history = history(2, 1);
    for (filter, total, other) in [
        ("remote_ip=10.0.0.1", 4000, 320),
        ("remote_ip=10.0.0.9 and process=curl", 0, 320),
        ("remote_ip=10.0.0.9 and process=dig", 0, 0),
        ("not remote_ip=10.0.0.1", 360, 0),
        ("process=curl", 4360, 0),
        ("remote_port=443", 4360, 0),
    ] {
        let mut query = everything(&[], Some(filter.parse().unwrap()));
        query.range = TimeRange {
            since: at(-DAY),
            until: at(2 * DAY),
        };
        let answer = history.reader().usage(&query).unwrap();
        assert_eq!(
            (answer.total, answer.other),
            (sent(total), sent(other)),
            "{filter}"
        );
    }
}

#[test]
fn minutes_tell_the_ports_of_large_remotes_for_as_long_as_they_are_kept() {
    let answer = ask(&history(200, 1), &[Field::LocalPort]);
    assert_eq!((answer.rows.len(), answer.other), (10, sent(0)));
}

#[test]
fn the_views_name_what_is_folded() {
    let history = history(2, 1);
    let rows = history.column(
        "SELECT json_array(remote_ip, local_port, remote_port, sum(sent_bytes))
           FROM usage_by_day GROUP BY remote_ip ORDER BY remote_ip",
    );
    let expected = [
        r#"["10.0.0.1",null,443,4000]"#,
        r#"["10.0.0.2",null,443,40]"#,
        r#"["other",null,443,320]"#,
    ];
    assert_eq!(
        rows,
        expected.map(|text| rusqlite::types::Value::Text(text.to_owned()))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_folding_changes_a_total(
        batches in any_batches(),
        top_remotes in 1_u32..3,
        hours in 1_i64..30,
        fields in prop::sample::subsequence(Field::ALL.to_vec(), 1..=16),
    ) {
        let history = History::new();
        let mut writer = history.writer().keeping(keeping(hours, 3)).telling(remotes(top_remotes));
        let mut expected = ByteTotals::default();
        for batch in &batches {
            for row in &batch.usage {
                expected.add(ByteTotals {
                    sent_bytes: row.sent_bytes,
                    received_bytes: row.received_bytes,
                });
            }
            writer.accept(Arc::new(batch.clone()));
            writer.flush();
        }
        settle(&mut writer);
        writer.finish();
        let mut query = everything(&fields, None);
        query.range = TimeRange { since: at(-100 * DAY), until: at(2000 * DAY) };
        let answer = history.reader().usage(&query).unwrap();
        let mut sum = ByteTotals::default();
        answer.rows.iter().for_each(|row| sum.add(row.bytes));
        prop_assert_eq!((answer.total, sum), (expected, expected));
        let lines = history.reader().series(&SeriesQuery {
            range: query.range,
            step_secs: 3600,
            group_by: Some(fields[0]),
            filter: None,
            limit: Some(2),
        }).unwrap().series;
        let mut sum = ByteTotals::default();
        lines.iter().flat_map(|line| &line.points).for_each(|point| sum.add(point.bytes));
        prop_assert_eq!(sum, expected);
    }
}
