use serde_json::json;

use super::*;
use crate::testing::{History, at, batch, process, remote, second, usage};
use crate::tier::Tier;

/// An export as lines of JSON, as the program writes them.
pub(crate) fn lines(reader: &Reader, query: &ExportQuery) -> String {
    let mut text = String::new();
    let mut columns = Vec::new();
    let mut add = |kind: &str, mut value: Value| {
        value["record"] = Value::from(kind);
        text.push_str(&format!("{value}\n"));
    };
    reader
        .export::<StoreError>(query, |record| {
            match record {
                ExportRecord::Begin(begin) => {
                    columns.clone_from(&begin.columns);
                    let mut value = serde_json::to_value(begin).unwrap();
                    value["version"] = Value::from(crate::EXPORT_VERSION);
                    add("begin", value);
                }
                ExportRecord::Usage { tier, values } => {
                    let cells = columns.iter().cloned().zip(values.iter().cloned());
                    let mut value: Value = cells.collect();
                    value["tier"] = Value::from(tier);
                    add("usage", value);
                }
                ExportRecord::Loss(loss) => add("loss", serde_json::to_value(loss).unwrap()),
                ExportRecord::End(end) => add("end", serde_json::to_value(end).unwrap()),
            }
            Ok(())
        })
        .unwrap();
    text
}

fn history() -> History {
    let row = |pid, ip| vec![usage(process(pid, "curl"), remote(ip, 443), 10, 20)];
    History::with(vec![
        batch(second(0), row(1, "10.0.0.1")),
        batch(second(60), row(2, "10.0.0.2")),
        batch(second(120), row(3, "10.0.0.3")),
    ])
}

fn values(query: &ExportQuery) -> Vec<Value> {
    let text = lines(&history().reader(), query);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_row_has_the_columns_of_the_view_and_its_tier() {
    let values = values(&ExportQuery::default());
    assert_eq!(values.len(), 5);
    let columns = values[0]["columns"].as_array().unwrap();
    assert_eq!(columns[0], "window_start");
    let row = &values[1];
    for (column, expected) in [
        ("record", json!("usage")),
        ("tier", json!("window")),
        ("window_start", json!("2026-09-21T14:13:20.000Z")),
        ("window_end", json!("2026-09-21T14:13:21.000Z")),
        ("process", json!("curl")),
        ("pid", json!(1)),
        ("exe", json!("/usr/bin/curl")),
        ("user", json!("ada")),
        ("protocol", json!("tcp")),
        ("local_port", json!(40_000)),
        ("remote_ip", json!("10.0.0.1")),
        ("remote_port", json!(443)),
        ("sent_bytes", json!(10)),
        ("received_bytes", json!(20)),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    for column in columns {
        assert!(row.get(column.as_str().unwrap()).is_some(), "{column}");
    }
    assert_eq!(
        values[4],
        json!({ "record": "end", "rows": 3, "losses": 0 })
    );
}

#[test]
fn exports_of_times_that_touch_share_nothing() {
    let part = |since: Option<i64>, until: Option<i64>| {
        let query = ExportQuery {
            since: since.map(at),
            until: until.map(at),
            filter: None,
        };
        let values = values(&query);
        (values.len() - 2, values[0]["flushed_until"].clone())
    };
    assert_eq!(part(None, Some(60_000)), (1, json!("2026-09-21T14:14:20Z")));
    assert_eq!(part(Some(60_000), Some(60_001)).0, 1);
    assert_eq!(part(Some(60_001), None), (1, json!("2026-09-21T14:15:21Z")));
}

#[test]
fn a_filter_decides_about_rows() {
    for (filter, pids) in [
        ("pid=2", vec![2]),
        (
            "remote_ip in 10.0.0.0/8 and not process~wget",
            vec![1, 2, 3],
        ),
        ("remote_ip=10.0.0.3 or pid=1", vec![1, 3]),
        ("user=eve", vec![]),
    ] {
        let query = ExportQuery {
            filter: Some(filter.parse().unwrap()),
            ..ExportQuery::default()
        };
        let rows = values(&query);
        let found: Vec<i64> = rows
            .iter()
            .filter_map(|value| value["pid"].as_i64())
            .collect();
        assert_eq!(found, pids, "{filter}");
    }
}

#[test]
fn of_each_time_the_finest_rows_that_are_left_are_exported() {
    let kept = KeptFrom::default()
        .with(Rows::Windows, 900)
        .with(Rows::Tier(Tier::Minute), 500);
    let shown = |from_ms, until_ms| {
        let segments = segments(kept, from_ms, until_ms);
        let shown = |Segment {
                         rows,
                         from_ms,
                         until_ms,
                     }| (rows, from_ms, until_ms);
        segments.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(0, 1000),
        [
            (Rows::Tier(Tier::Hour), 0, 500),
            (Rows::Tier(Tier::Minute), 500, 900),
            (Rows::Windows, 900, 1000),
        ]
    );
    assert_eq!(shown(600, 700), [(Rows::Tier(Tier::Minute), 600, 700)]);
    assert_eq!(shown(900, 901), [(Rows::Windows, 900, 901)]);
}
