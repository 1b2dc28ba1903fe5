use std::sync::Arc;

use nettally_source::pipeline::{
    LossCount, LossReason, Losses, Process, Remote, UsageBatch, Window,
};
use serde_json::json;

use super::*;
use crate::query::{Field, TimeRange, UsageQuery};
use crate::reader::{ExportQuery, Reader};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn keep() -> Keep {
    Keep {
        windows_ms: Some(2 * HOUR),
        minutes_ms: Some(2 * DAY),
        hours_ms: Some(4 * DAY),
        ..Keep::default()
    }
}

fn told() -> Told {
    Told {
        top_remotes: Some(2),
        top_processes: None,
    }
}

/// Eight days, a window each half hour, with everything that rows may hold.
fn long_history() -> History {
    let history = History::new();
    let mut writer = history.writer().keeping(keep()).telling(told());
    for n in 0..8 * 48 {
        let start = at(n * 30 * MINUTE + 250);
        let window = Window {
            start,
            end: at(n * 30 * MINUTE + 1250),
        };
        let octet = n % 5;
        let rows = vec![
            usage(
                process(1, "curl"),
                remote(&format!("10.0.0.{octet}"), 443),
                1000 + n as u64,
                7,
            ),
            usage(process(2, "=evil\u{1b}\"'\n"), Remote::Unresolved, 3, 5),
            usage(
                Process {
                    user: None,
                    exe: None,
                    ..process(3, "dig")
                },
                remote("2001:db8::1", 53),
                11,
                13,
            ),
            usage(process(4, "tcpdump"), Remote::None, 0, 17),
            usage(process(5, "busy"), Remote::Other, 19, 23),
        ];
        let mut losses = Losses::default();
        let count = LossCount {
            events: 1,
            sent_bytes: 64,
            received_bytes: 60,
        };
        if n % 7 == 0 {
            losses.add(LossReason::FlowsFull, count);
        }
        writer.accept(Arc::new(UsageBatch {
            losses,
            ..batch(window, rows)
        }));
        writer.flush();
    }
    settle(writer);
    history
}

fn export(history: &History) -> String {
    crate::reader::lines(&history.reader(), &ExportQuery::default())
}

fn import_into(history: &History, text: &str) -> Result<Imported, ImportError> {
    let key = "history".into();
    let input = text.as_bytes();
    super::import(
        &history.path(),
        &key,
        keep(),
        told(),
        input,
        &mut |_progress| {},
    )
}

fn range(from_ms: i64, until_ms: i64) -> TimeRange {
    TimeRange {
        since: at(from_ms),
        until: at(until_ms),
    }
}

/// Everything that a report can say of many times.
fn reports(reader: &Reader) -> Vec<String> {
    let ranges = [
        range(-DAY, 9 * DAY),
        range(DAY / 2, DAY / 2 + 1),
        range(5 * DAY + 17 * MINUTE, 6 * DAY + 3 * HOUR),
        range(7 * DAY + 40 * MINUTE + 1, 7 * DAY + 41 * MINUTE),
        range(8 * DAY - HOUR, 8 * DAY),
    ];
    let mut reports = Vec::new();
    for range in ranges {
        for fields in [
            &Field::ALL[..],
            &[Field::Process],
            &[Field::RemoteIp],
            &[Field::RemotePort, Field::LocalPort],
        ] {
            let query = UsageQuery {
                range,
                ..everything(fields, None)
            };
            let answer = reader.usage(&query).unwrap();
            reports.push(serde_json::to_string(&answer).unwrap());
        }
        reports.push(format!("{:?}", reader.losses(range).unwrap()));
    }
    reports
}

#[test]
fn an_export_that_is_imported_gives_the_same_reports_to_the_byte() {
    let original = long_history();
    let text = export(&original);
    for tier in ["day", "hour", "minute", "window"] {
        assert!(text.contains(&format!("\"tier\":\"{tier}\"")), "{tier}");
    }
    let copy = History::new();
    let imported = import_into(&copy, &text).unwrap();
    let lines = text.lines().count() as u64;
    assert_eq!(imported.rows + imported.losses + 2, lines);
    assert_eq!(imported.unknown_columns, [""; 0]);
    for (copied, expected) in reports(&copy.reader())
        .iter()
        .zip(reports(&original.reader()))
    {
        assert_eq!(*copied, expected);
    }
    assert_eq!(copy.reader().check(&mut |_| {}).unwrap(), []);
    // Rows of the same time have no order.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let is_same = sorted(&export(&copy)) == sorted(&text);
    assert!(is_same, "a second export differs");
}

fn small(index: i64, bytes: u64) -> History {
    let row = usage(process(1, "curl"), remote("10.0.0.1", 443), bytes, 0);
    History::with(vec![batch(second(index), vec![row])])
}

#[test]
fn older_and_newer_usage_is_added_and_usage_of_the_same_time_is_refused() {
    let history = small(4000, 1);
    for (index, bytes, total) in [(0, 10, 11), (9000, 100, 111), (3999, 1000, 1111)] {
        import_into(&history, &export(&small(index, bytes))).unwrap();
        assert_eq!(history.ask(&[], "").total.sent_bytes, total);
        assert_eq!(history.reader().check(&mut |_| {}).unwrap(), []);
    }
    let before = export(&history);
    for index in [0, 4000] {
        let error = import_into(&history, &export(&small(index, 5))).unwrap_err();
        assert!(
            matches!(error, ImportError::Overlap { line: 2, .. }),
            "{error}"
        );
        assert_eq!(export(&history), before);
    }
}

#[test]
fn usage_whose_windows_are_gone_is_not_added_to_either() {
    let history = long_history();
    let days = small(5 * 3600, 1);
    let error = import_into(&history, &export(&days)).unwrap_err();
    let ImportError::Overlap { since, until, .. } = error else {
        panic!("{error}");
    };
    assert!(since <= second(5 * 3600).start && second(5 * 3600).end <= until);
}

#[test]
fn what_is_not_a_whole_export_leaves_nothing() {
    let good = export(&small(0, 1));
    let lines: Vec<&str> = good.lines().collect();
    let row = lines[1];
    for (text, expected) in [
        (
            String::new(),
            "after line 0, without the record that ends it",
        ),
        (format!("{}\n{row}\n", lines[0]), "after line 2, without"),
        (
            format!("{}\n{}", lines[0], &row[..40]),
            "line 2 of the export: not whole",
        ),
        (
            "{}\n".to_owned(),
            "line 1 of the export: not a record of an export",
        ),
        (
            format!("{row}\n"),
            "line 1 of the export: the record that begins an export is missing",
        ),
        (
            good.replace("\"version\":1", "\"version\":9"),
            "of version 9, this build reads 1",
        ),
        (
            good.replace("10.0.0.1", "10.0.0"),
            "`10.0.0` is no remote_ip",
        ),
        (good.replace("\"tcp\"", "\"tpc\""), "unknown protocol `tpc`"),
        (
            format!("{}\n{}\n", lines[0], lines[2]),
            "1 rows and 0 losses came before it, but there were 0",
        ),
        (format!("{}\n{good}", lines[0]), "a second export begins"),
    ] {
        let history = History::new();
        let error = import_into(&history, &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let folder = history.path().parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "{text}");
    }
}

#[test]
fn an_import_that_fails_late_leaves_a_file_as_it_was() {
    let history = small(0, 1);
    let before = export(&history);
    let text = export(&small(100, 1)).replace("\"rows\":1", "\"rows\":2");
    import_into(&history, &text).unwrap_err();
    assert_eq!(export(&history), before);
}

#[test]
fn a_column_of_a_later_version_is_named_not_lost_in_silence() {
    let text = export(&small(0, 1))
        .replacen("\"window_start\"", "\"window_start\",\"mood\"", 1)
        .replace("\"exe\":", "\"mood\":\"good\",\"exe\":");
    let imported = import_into(&History::new(), &text).unwrap();
    assert_eq!(imported.unknown_columns, ["mood"]);
    assert_eq!(json!(imported)["rows"], 1);
}
