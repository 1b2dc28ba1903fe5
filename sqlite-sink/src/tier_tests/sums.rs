//! What processes moved in a bucket, whatever the remotes and ports.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{DAY, MINUTE, count, keeping, one_row, settle};
use crate::query::{Field, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};
use crate::tier::Tier;

/// Forty days, an hour in each: two processes that are alike and one that is not, to two remotes.
fn history() -> History {
    let history = History::new();
    let mut writer = history.writer();
    for day in 0..40 {
        for minute in 0..3 {
            let mut batch = one_row(day * DAY + minute * 20 * MINUTE, 1000);
            batch.usage = [(7, "curl"), (8, "curl"), (9, "xh")]
                .into_iter()
                .flat_map(|(pid, name)| {
                    ["10.0.0.1", "10.0.0.2"]
                        .map(|ip| usage(process(pid, name), remote(ip, 443), 10, 20))
                })
                .collect();
            writer.accept(Arc::new(batch));
        }
    }
    writer.accept(Arc::new(batch(second(41 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    history
}

fn sums(history: &History) -> Vec<Vec<Value>> {
    ["hour_sum", "day_sum", "month_sum"]
        .map(|table| {
            history.column(&format!(
                "SELECT json_array(s.bucket, g.name, p.pid, s.protocol_id, s.sent_bytes,
                                   s.received_bytes)
                   FROM {table} s
                   JOIN process p ON p.id = s.process_id
                   JOIN process a ON a.id = s.group_id
                   JOIN program g ON g.id = a.program_id
                  ORDER BY 1"
            ))
        })
        .into()
}

#[test]
fn hours_sum_up_each_process_and_days_and_months_those_that_are_alike() {
    let history = history();
    for (table, rows) in [
        ("hour_sum", 3 * 40),
        ("day_sum", 2 * 40),
        ("month_sum", 2 * 2),
    ] {
        assert_eq!(count(&history, table), Value::Integer(rows), "{table}");
    }
    assert_eq!(history.reader().check(&mut |_progress| {}).unwrap(), []);
}

#[test]
fn a_question_about_neither_remotes_nor_ports_reads_sums_alone() {
    let history = history();
    let file = Connection::open(history.path()).unwrap();
    file.execute_batch("DELETE FROM hour_usage; DELETE FROM day_usage; DELETE FROM month_usage")
        .unwrap();
    let range = TimeRange {
        since: at(0) - jiff::Span::new().minutes(14),
        until: at(40 * DAY),
    };
    for (fields, filter, sent_bytes) in [
        (vec![Field::Process], "", 7200),
        (vec![Field::Pid, Field::Process], "process=xh", 2400),
        (vec![Field::Protocol], "process=curl or process=xh", 7200),
        (vec![], "process~CUR and protocol=tcp", 4800),
    ] {
        let filter = (!filter.is_empty()).then(|| filter.parse().unwrap());
        let mut query = everything(&fields, filter);
        query.range = range;
        let answer = history.reader().usage(&query).unwrap();
        assert_eq!(answer.total.sent_bytes, sent_bytes, "{fields:?}");
    }
}

#[test]
fn a_file_of_schema_6_has_sums_of_all_it_holds_once_it_is_upgraded() {
    let history = history();
    let before = sums(&history);
    let most = i64::MAX;
    {
        let file = Connection::open(history.path()).unwrap();
        file.execute_batch(&format!(
            "DROP TABLE hour_sum; DROP TABLE day_sum; DROP TABLE month_sum;
             DROP INDEX process_hour; DROP INDEX process_fine;
             DROP INDEX remote_hour; DROP INDEX remote_fine;
             ALTER TABLE process DROP COLUMN hour_bucket;
             ALTER TABLE remote DROP COLUMN hour_bucket;
             CREATE INDEX process_fine ON process (seen_day)
              WHERE day_bucket IS NULL AND month_bucket IS NULL;
             CREATE INDEX remote_fine ON remote (seen_day)
              WHERE day_bucket IS NULL AND month_bucket IS NULL;
             DELETE FROM process WHERE id < 0 AND day_bucket IS NULL AND month_bucket IS NULL;
             -- Of an hour in which more was moved than the file can hold.
             INSERT INTO tier_bucket
             SELECT tier_id, bucket - 1000, first_ms - 3600000000, last_ms - 3600000000, 0, 2
               FROM tier_bucket WHERE tier_id = 2 ORDER BY bucket LIMIT 1;
             INSERT INTO hour_usage
             SELECT bucket - 1000, process_id, protocol_id, local_port, remote_id, remote_port, {most}, 1
               FROM hour_usage WHERE bucket = (SELECT min(bucket) FROM hour_usage);
             PRAGMA user_version = 6;"
        ))
        .unwrap();
    }
    let mut writer = history.writer();
    settle(&mut writer);
    writer.finish();
    let file = Connection::open(history.path()).unwrap();
    let largest: Vec<(i64, i64)> = file
        .prepare("SELECT sent_bytes, received_bytes FROM hour_sum ORDER BY bucket LIMIT 3")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(largest, [(most, 2); 3]);
    file.execute_batch(
        "DELETE FROM hour_sum WHERE sent_bytes = 9223372036854775807;
         DELETE FROM hour_usage WHERE sent_bytes = 9223372036854775807;
         DELETE FROM tier_bucket WHERE tier_id = 2
            AND bucket = (SELECT min(bucket) FROM tier_bucket WHERE tier_id = 2);",
    )
    .unwrap();
    assert_eq!(sums(&history), before);
    assert_eq!(history.reader().check(&mut |_progress| {}).unwrap(), []);
}

#[test]
fn sums_and_the_groups_they_need_go_with_their_buckets() {
    let history = history();
    let mut writer = history.writer().keeping(keeping(1, 1));
    settle(&mut writer);
    writer.finish();
    let oldest =
        |table: &str| history.column(&format!("SELECT min(bucket) FROM {table}"))[0].clone();
    assert_eq!(oldest("hour_sum"), oldest("hour_usage"));
    let kept = Tier::Hour.bucket(at(38 * DAY).as_millisecond());
    assert!(matches!(oldest("hour_sum"), Value::Integer(bucket) if bucket >= kept));
    assert_eq!(
        history.column("SELECT count(*) FROM pragma_foreign_key_check"),
        [Value::Integer(0)]
    );
    assert_eq!(history.ask(&[Field::Process], "").total.sent_bytes, 7200);
}
