//! Rows that the kernel had no room to tell apart, and rows without a remote, from the window to the
//! day.

use std::sync::Arc;

use nettally_source::pipeline::{Protocol, Remote, Usage, UsageBatch};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use super::{DAY, MINUTE, NEXT_MINUTE, keeping, remotes, settle};
use crate::query::{ByteTotals, Field, TimeRange, UsageAnswer};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn sent(bytes: u64) -> ByteTotals {
    ByteTotals {
        sent_bytes: bytes,
        received_bytes: 0,
    }
}

/// Sends `bytes` to a remote.
fn row(remote: Remote, bytes: u64) -> Usage {
    usage(process(7, "curl"), remote, bytes, 0)
}

fn packet(bytes: u64) -> Usage {
    Usage {
        protocol: Protocol::Packet,
        local_port: 0,
        ..row(Remote::None, bytes)
    }
}

/// One remote that is known, and what the kernel folded.
fn reduced(index: i64) -> UsageBatch {
    let mut folded = row(Remote::Other, 100);
    folded.local_port = 0;
    batch(second(index), vec![row(remote("10.0.0.1", 443), 1), folded])
}

fn values(answer: &UsageAnswer) -> Vec<(serde_json::Value, u64)> {
    answer
        .rows
        .iter()
        .map(|row| (row.fields[0].1.clone(), row.bytes.sent_bytes))
        .collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn what_the_kernel_folded_is_other_in_answers_and_views() {
    let history = History::with(vec![reduced(0)]);
    let answer = history.ask(&[Field::RemoteIp], "");
    assert_eq!(
        values(&answer),
        [(json!("other"), 100), (json!("10.0.0.1"), 1)]
    );
    assert_eq!((answer.total, answer.other), (sent(101), sent(100)));
    for field in [Field::LocalPort, Field::RemotePort] {
        let answer = history.ask(&[field], "");
        assert_eq!(answer.rows[0].fields[0].1, json!(null), "{field}");
        assert_eq!(answer.other, sent(100), "{field}");
    }
    assert_eq!(history.ask(&[Field::Process], "").other, sent(0));
    assert_eq!(
        history.column(
            "SELECT json_array(remote_ip, remote_port, local_port, sent_bytes)
               FROM usage ORDER BY sent_bytes"
        ),
        [
            text(r#"["10.0.0.1",443,40000,1]"#),
            text(r#"["other",null,null,100]"#)
        ]
    );
}

#[test]
fn a_filter_on_windows_says_what_it_cannot_decide_because_the_kernel_folded_it() {
    let history = History::with(vec![reduced(0), batch(second(1), vec![])]);
    for (filter, total, other) in [
        ("remote_ip=10.0.0.1", 1, 100),
        ("remote_ip=10.0.0.1 and process=dig", 0, 0),
        ("remote_port=80", 0, 100),
        ("remote_ip=other", 100, 0),
        ("remote_ip!=other", 1, 0),
        ("remote_ip in (other, 10.0.0.1)", 101, 0),
        ("process=curl", 101, 0),
    ] {
        let answer = history.ask(&[], filter);
        assert_eq!(
            (answer.total, answer.other),
            (sent(total), sent(other)),
            "{filter}"
        );
    }
}

#[test]
fn what_the_kernel_and_the_tiers_folded_is_one_other() {
    let history = History::new();
    let mut writer = history
        .writer()
        .keeping(keeping(1, 1000))
        .telling(remotes(1));
    let mut windows = reduced(0);
    // Moves less than the one that is kept, so the minute folds it too.
    windows.usage.push(row(remote("10.0.0.2", 443), 0));
    windows.usage[0].sent_bytes = 5;
    windows.usage[2].sent_bytes = 2;
    windows.usage[2].local_port = 40_001;
    writer.accept(Arc::new(windows));
    writer.accept(Arc::new(batch(second(4 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    let mut query = everything(&[Field::RemoteIp], None);
    query.range = TimeRange {
        since: at(-DAY),
        until: at(2 * DAY),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(
        values(&answer),
        [(json!("other"), 102), (json!("10.0.0.1"), 5)]
    );
    assert_eq!((answer.total, answer.other), (sent(107), sent(102)));
}

#[test]
fn a_window_of_the_past_tells_its_buckets_that_they_are_folded() {
    let history = History::new();
    let mut writer = history.writer();
    let plain = batch(second(0), vec![row(remote("10.0.0.1", 443), 1)]);
    writer.accept(Arc::new(plain));
    writer.accept(Arc::new(batch(second(2 * DAY / 1000), vec![])));
    settle(&mut writer);
    let folded = "SELECT folded FROM tier_bucket WHERE tier_id = 1";
    assert_eq!(history.column(folded), [Value::Integer(0)]);
    writer.accept(Arc::new(reduced(1)));
    settle(&mut writer);
    writer.finish();
    assert_eq!(history.column(folded), [Value::Integer(3)]);
    assert_eq!(
        history.column("SELECT sum(sent_bytes) FROM usage_by_day WHERE remote_ip = 'other'"),
        [Value::Integer(100)]
    );
}

#[test]
fn frames_have_no_remote_in_any_tier() {
    let history = History::new();
    let mut writer = history.writer().telling(remotes(1));
    let usage = vec![row(remote("10.0.0.1", 443), 1000), packet(10)];
    writer.accept(Arc::new(batch(second(0), usage)));
    let closes_the_minute = second(NEXT_MINUTE / 1000 + MINUTE / 1000);
    writer.accept(Arc::new(batch(closes_the_minute, vec![])));
    writer.finish();
    for view in ["usage", "usage_by_minute"] {
        assert_eq!(
            history.column(&format!(
                "SELECT json_array(remote_ip, remote_port, local_port, sent_bytes)
                   FROM {view} WHERE protocol = 'packet'"
            )),
            [text(r#"["none",null,null,10]"#)],
            "{view}"
        );
    }
    for (filter, total) in [
        ("protocol=packet and remote_ip=none", 10),
        ("protocol=packet and remote_ip=null", 0),
        ("protocol=packet and remote_port=null", 10),
        ("protocol=packet and local_port=null", 10),
    ] {
        let answer = history.ask(&[], filter);
        assert_eq!(
            (answer.total, answer.other),
            (sent(total), sent(0)),
            "{filter}"
        );
    }
}

#[test]
fn a_file_of_schema_4_is_upgraded_and_takes_what_the_kernel_folded() {
    let history = History::new();
    {
        let file = Connection::open(history.path()).unwrap();
        for script in [
            include_str!("../../migrations/0001_history.sql"),
            include_str!("../../migrations/0002_tiers.sql"),
            include_str!("../../migrations/0003_retention.sql"),
            include_str!("../../migrations/0004_folding.sql"),
        ] {
            file.execute_batch(script).unwrap();
        }
        let start = at(0).as_millisecond();
        file.execute_batch(&format!(
            "PRAGMA application_id = {}; PRAGMA user_version = 4;
             INSERT INTO boot VALUES (1, 'boot-1');
             INSERT INTO program VALUES (1, 'curl', NULL);
             INSERT INTO account VALUES (1, 1000, 'ada');
             INSERT INTO process VALUES (1, 1, 7, 7, 1, 1);
             INSERT INTO protocol VALUES (1, 'tcp');
             INSERT INTO time_window VALUES (1, {start}, {start} + 1000);
             INSERT INTO flow_usage VALUES (1, 1, 1, 40000, 0, -1, 10, 20, 0, 0);
             UPDATE progress SET flushed_until_ms = {start} + 1000, usage_rows = 1;",
            crate::schema::APPLICATION_ID
        ))
        .unwrap();
    }
    let mut writer = history.writer();
    writer.accept(Arc::new(reduced(1)));
    writer.finish();
    assert_eq!(
        history.column("PRAGMA user_version"),
        [Value::Integer(crate::schema::VERSION)]
    );
    assert_eq!(
        history.column(
            "SELECT json_array(remote_ip, remote_port, local_port, sent_bytes)
               FROM usage ORDER BY sent_bytes"
        ),
        [
            text(r#"["10.0.0.1",443,40000,1]"#),
            text(r#"["unresolved",null,40000,10]"#),
            text(r#"["other",null,null,100]"#)
        ]
    );
    assert_eq!(history.ask(&[Field::RemoteIp], "").other, sent(100));
}
