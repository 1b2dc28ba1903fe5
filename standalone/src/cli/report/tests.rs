use nettally_sqlite_sink::{
    ByteTotals, EstimateAnswer, OrderBy, OutsideTotal, PercentileAnswer, UsageRow,
};
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
            bytes: ByteTotals {
                sent_bytes: *sent_bytes,
                received_bytes: *received_bytes,
            },
        })
        .collect();
    let mut total = ByteTotals::default();
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
        other: ByteTotals::default(),
        outside_total: None,
        flushed_until: Some(Timestamp::from_second(30).unwrap()),
        next_cursor: None,
    }
}

const EVIL: &str = "=\u{1b}[31m\"a\",\r\n";

fn style(units: Units, bars: Option<Bars>) -> Style {
    Style {
        units,
        bars,
        zone: TimeZone::UTC,
        rows: 20,
    }
}

fn bars(columns: usize, glyphs: Glyphs) -> Option<Bars> {
    Some(Bars { columns, glyphs })
}

fn some_rows() -> UsageAnswer {
    answer(&[
        ("firefox", json!("2001:db8::1"), 495_000_000, 3_000_000_000),
        ("curl", json!("10.0.0.1"), 1_500_000, 20),
        ("名前", Value::Null, 7, 0),
    ])
}

#[test]
fn a_table_with_bars_fits_eighty_columns() {
    let blocks = table::text(&some_rows(), &style(Units::Auto, bars(80, Glyphs::Blocks)));
    let expected = "\
from 1970-01-01 00:00:00 +00:00 to 1970-01-01 00:01:00 +00:00
sent 497 MB, received 3.00 GB, together 3.50 GB; 3 rows

process  remote_ip       sent  received    total
firefox  2001:db8::1   495 MB   3.00 GB  3.50 GB  ████████████████████████
curl     10.0.0.1     1.50 MB      20 B  1.50 MB
名前     ?                7 B       0 B      7 B
total                  497 MB   3.00 GB  3.50 GB

stored until 1970-01-01 00:00:30 +00:00
";
    assert_eq!(blocks, expected);
    assert!(blocks.lines().all(|line| line.chars().count() <= 80));
    let ascii = table::text(&some_rows(), &style(Units::Auto, bars(62, Glyphs::Ascii)));
    assert_eq!(ascii, expected.replace(&"█".repeat(24), "############"));
    let none = table::text(&some_rows(), &style(Units::Auto, bars(52, Glyphs::Blocks)));
    assert!(!none.contains('█'), "{none}");
}

#[test]
fn exact_bytes_have_no_unit() {
    let answer = answer(&[("curl", json!("10.0.0.1"), 1_500_001, 20)]);
    let text = table::text(&answer, &style(Units::Bytes, None));
    assert!(text.contains("1500001        20  1500021\n"), "{text}");
    let sentence = "sent 1500001 bytes, received 20 bytes, together 1500021 bytes; 1 row\n";
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn a_table_says_how_many_rows_it_does_not_show() {
    let style = Style {
        rows: 1,
        ..style(Units::Iec, None)
    };
    let text = table::text(&some_rows(), &style);
    assert!(text.contains("; 1 of 3 rows\n"), "{text}");
    assert!(text.contains("firefox  2001:db8::1  472 MiB"), "{text}");
    assert!(!text.contains("curl"), "{text}");
    assert!(
        text.ends_with("\nthe first 1 rows; more with --limit\n"),
        "{text}"
    );
}

#[test]
fn a_time_without_usage_is_said_instead_of_an_empty_table() {
    let text = table::text(&answer(&[]), &style(Units::Auto, None));
    assert!(
        text.contains("; 0 rows\nno usage is stored of this time\n"),
        "{text}"
    );
    assert!(!text.contains("process"), "{text}");
}

#[test]
fn times_are_those_of_the_zone() {
    let style = Style {
        zone: zone("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        ..style(Units::Auto, None)
    };
    let text = table::text(&some_rows(), &style);
    assert!(
        text.starts_with("from 1970-01-01 01:00:00 +01:00 to "),
        "{text}"
    );
    assert!(zone("Middle/Earth").unwrap_err().contains("allowed: "));
}

#[test]
fn a_name_made_to_harm_is_shown_harmlessly_in_the_table() {
    let answer = answer(&[(EVIL, Value::Null, 1, 0)]);
    let text = table::text(&answer, &style(Units::Auto, None));
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
fn whoever_closed_the_pipe_is_told_by_the_error() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // More than is buffered, so that a record fails and not only the end.
    let long = "x".repeat(1 << 20);
    for name in ["x", &long] {
        let written = sheet::write(&answer(&[(name, Value::Null, 1, 2)]), Closed);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn csv_has_no_text_that_a_spreadsheet_obeys() {
    for (name, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\ta", "'\\ta"),
        ("\ra", "'\\ra"),
        ("a=1", "a=1"),
    ] {
        let mut csv = Vec::new();
        sheet::write(&answer(&[(name, Value::Null, 1, 2)]), &mut csv).unwrap();
        let row = format!("\r\n{cell},,1,2\r\n");
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.ends_with(&row), "{csv:?}");
    }
}

#[test]
fn all_rows_are_asked_for_unless_a_script_wants_fewer() {
    let asked = |options: Options| options.query(Timestamp::UNIX_EPOCH).unwrap().limit;
    let limit = Some(3);
    let table = Options {
        limit,
        ..Options::default()
    };
    assert_eq!((asked(Options::default()), asked(table)), (None, None));
    let csv = Options {
        csv: true,
        limit,
        ..Options::default()
    };
    assert_eq!(asked(csv), Some(3));
    let json = Options {
        json: true,
        ..Options::default()
    };
    assert_eq!(asked(json), None);
}

#[test]
fn a_field_named_twice_is_one_column() {
    let options = Options {
        group_by: Some(vec![Field::Pid, Field::Process, Field::Pid]),
        ..Options::default()
    };
    let query = options.query(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(query.group_by, [Field::Pid, Field::Process]);
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

/// Prints as `--json` does.
fn printed(answer: &UsageAnswer, billing: Option<&Billing>) -> String {
    let printed = serde_json::to_string_pretty(&Printed { answer, billing }).unwrap();
    schema::assert_valid::<Printed<'_>>(&printed);
    printed
}

#[test]
fn the_json_of_a_report_is_as_its_schema_says() {
    insta::assert_snapshot!(printed(&some_rows(), None));
}

/// Of a row of which all is known, and of one of which nothing is that can be unknown.
fn value(field: Field, is_known: bool) -> Value {
    let value = match field {
        Field::Pid | Field::RemotePort | Field::LocalPort => json!(443),
        Field::Tunnel => json!(true),
        Field::Process
        | Field::Exe
        | Field::User
        | Field::Protocol
        | Field::RemoteIp
        | Field::App
        | Field::Unit
        | Field::Container
        | Field::Pod
        | Field::Package
        | Field::Attribution
        | Field::CommandLine => json!(format!("a {field}")),
    };
    let is_never_unknown = matches!(
        field,
        Field::Process | Field::Protocol | Field::App | Field::Tunnel | Field::Attribution
    );
    if is_known || is_never_unknown {
        value
    } else {
        Value::Null
    }
}

#[test]
fn the_json_of_a_report_of_all_fields_is_as_its_schema_says() {
    let row = |is_known: bool, sent_bytes| UsageRow {
        fields: Field::ALL
            .map(|field| (field, value(field, is_known)))
            .into(),
        bytes: ByteTotals {
            sent_bytes,
            received_bytes: 0,
        },
    };
    let all = UsageAnswer {
        group_by: Field::ALL.to_vec(),
        rows: vec![row(true, u64::MAX - 1), row(false, 1)],
        total: ByteTotals {
            sent_bytes: u64::MAX,
            received_bytes: 0,
        },
        outside_total: Some(OutsideTotal {
            protocol: Protocol::Packet,
            bytes: ByteTotals {
                sent_bytes: 60,
                received_bytes: 42,
            },
        }),
        flushed_until: None,
        next_cursor: Some(2),
        ..answer(&[])
    };
    insta::assert_snapshot!(printed(&all, None));
}

#[test]
fn the_json_of_a_report_of_a_month_is_as_its_schema_says() {
    let answer = some_rows();
    let UsageAnswer {
        range,
        total,
        other,
        flushed_until,
        ..
    } = answer;
    let percentile = PercentileAnswer {
        range,
        percent: 95,
        interval_secs: 300,
        intervals: 0,
        sent_bits_per_second: None,
        received_bits_per_second: None,
        billed_bits_per_second: None,
        peak_sent_bits_per_second: None,
        peak_received_bits_per_second: None,
        total: ByteTotals::default(),
        read_from: Vec::new(),
        other: ByteTotals::default(),
        outside_total: None,
        flushed_until,
    };
    let last = Billing {
        estimate: None,
        percentile: percentile.clone(),
    };
    insta::assert_snapshot!("last_month", printed(&answer, Some(&last)));
    let running = Billing {
        estimate: Some(EstimateAnswer {
            range: TimeRange {
                since: range.since,
                until: Timestamp::from_second(120).unwrap(),
            },
            based_on: Some(range),
            elapsed_share: 0.5,
            used: total,
            estimated: Some(ByteTotals {
                sent_bytes: 2 * total.sent_bytes,
                received_bytes: 2 * total.received_bytes,
            }),
            other,
            outside_total: None,
            flushed_until,
        }),
        percentile: PercentileAnswer {
            intervals: 1,
            sent_bits_per_second: Some(13_240_186),
            received_bits_per_second: Some(80_000_000),
            billed_bits_per_second: Some(80_000_000),
            peak_sent_bits_per_second: Some(13_240_186),
            peak_received_bits_per_second: Some(80_000_000),
            total,
            read_from: vec!["minutes", "windows"],
            ..percentile
        },
    };
    insta::assert_snapshot!("running_month", printed(&answer, Some(&running)));
}

#[test]
fn the_schema_of_a_report_is_the_one_that_programs_know() {
    insta::assert_snapshot!(schema::printed::<Printed<'_>>());
}
