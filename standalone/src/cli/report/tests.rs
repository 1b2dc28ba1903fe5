use nettally_sqlite_sink::{OrderBy, UsageRow};
use serde_json::{Value, json};

use super::*;

fn answer(rows: &[(&str, Value, u64, u64)]) -> UsageAnswer {
    let rows: Vec<UsageRow> = rows
        .iter()
        .map(|(name, remote, sent_bytes, received_bytes)| UsageRow {
            fields: vec![
                (Field::Process, json!(name)),
                (Field::RemoteIp, remote.clone()),
            ],
            bytes: nettally_sqlite_sink::ByteTotals {
                sent_bytes: *sent_bytes,
                received_bytes: *received_bytes,
            },
        })
        .collect();
    let mut total = nettally_sqlite_sink::ByteTotals::default();
    for row in &rows {
        total.sent_bytes += row.bytes.sent_bytes;
        total.received_bytes += row.bytes.received_bytes;
    }
    UsageAnswer {
        range: TimeRange {
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::from_second(60).unwrap(),
        },
        group_by: vec![Field::Process, Field::RemoteIp],
        rows,
        total,
        other: nettally_sqlite_sink::ByteTotals::default(),
        outside_total: None,
        flushed_until: Some(Timestamp::from_second(30).unwrap()),
        next_cursor: None,
    }
}

const EVIL: &str = "=\u{1b}[31m\"a\",\r\n";

#[test]
fn a_table_is_aligned_and_ends_with_the_total() {
    let answer = answer(&[
        ("curl", json!("10.0.0.1"), 1_500_000, 20),
        ("名前", Value::Null, 7, 0),
    ]);
    let style = Style {
        exact: false,
        bars: true,
    };
    let text = table::text(&answer, style);
    let lines: Vec<&str> = text.lines().take(4).collect();
    assert_eq!(
        lines,
        [
            "process  remote_ip     sent  received    total",
            "curl     10.0.0.1   1.50 MB      20 B  1.50 MB  ████████████████████████",
            "名前     ?              7 B       0 B      7 B",
            "total               1.50 MB      20 B  1.50 MB",
        ]
    );
    assert!(text.contains("\nfrom 1970-"), "{text}");
    assert!(text.contains("\nstored until "), "{text}");
}

#[test]
fn exact_bytes_have_no_unit() {
    let answer = answer(&[("curl", json!("10.0.0.1"), 1_500_001, 20)]);
    let style = Style {
        exact: true,
        bars: false,
    };
    assert!(table::text(&answer, style).contains("1500001        20  1500021\n"));
}

#[test]
fn a_name_made_to_harm_is_shown_harmlessly_in_the_table() {
    let answer = answer(&[(EVIL, Value::Null, 1, 0)]);
    let style = Style {
        exact: false,
        bars: false,
    };
    let text = table::text(&answer, style);
    assert!(text.contains("=\\u{1b}[31m\"a\",\\r\\n"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_name_made_to_harm_is_shown_harmlessly_in_csv() {
    let mut csv = Vec::new();
    sheet::write(&answer(&[(EVIL, Value::Null, 1, 2)]), &mut csv).unwrap();
    let expected = "process,remote_ip,sent_bytes,received_bytes\r\n\
                    \"'=\\u{1b}[31m\"\"a\"\",\\r\\n\",,1,2\r\n";
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
}

#[test]
fn csv_without_groups_is_the_total_alone() {
    let mut total = answer(&[("x", Value::Null, 1, 2)]);
    total.group_by = Vec::new();
    total.rows[0].fields = Vec::new();
    let mut csv = Vec::new();
    sheet::write(&total, &mut csv).unwrap();
    assert_eq!(csv, b"sent_bytes,received_bytes\r\n1,2\r\n");
}

#[test]
fn orders_are_read_as_the_http_api_reads_them() {
    let cases = [
        ("total_bytes", OrderBy::TotalBytes, true),
        ("sent_bytes:asc", OrderBy::SentBytes, false),
        ("process", OrderBy::Field(Field::Process), false),
        ("pid:desc", OrderBy::Field(Field::Pid), true),
    ];
    for (text, by, descending) in cases {
        assert_eq!(order::parse(text).unwrap(), Order { by, descending });
    }
    for text in ["bytes", "pid:up"] {
        let error = order::parse(text).unwrap_err().to_string();
        assert!(error.contains("allowed: "), "{error}");
    }
}

#[test]
fn rows_are_limited_in_a_table_only() {
    let limit = |options: Options| options.query(Timestamp::UNIX_EPOCH).unwrap().limit;
    assert_eq!(limit(Options::default()), Some(20));
    let json = Options {
        json: true,
        ..Options::default()
    };
    assert_eq!(limit(json), None);
    let csv = Options {
        csv: true,
        limit: Some(3),
        ..Options::default()
    };
    assert_eq!(limit(csv), Some(3));
}

#[test]
fn rows_cannot_be_ordered_by_what_they_do_not_have() {
    let options = Options {
        order_by: Some(order::parse("pid").unwrap()),
        ..Options::default()
    };
    let error = options.query(Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(error.to_string().contains("--group-by"), "{error}");
}
