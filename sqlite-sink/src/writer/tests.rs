use std::sync::Arc;

use nettally_source::pipeline::{LossCount, LossReason, Process, Remote, Window};
use rusqlite::types::Value;

use super::*;
use crate::query::{ByteTotals, Field, Filter};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn one_row(index: i64) -> Arc<UsageBatch> {
    let remote = remote("192.0.2.1", 443);
    Arc::new(batch(
        second(index),
        vec![usage(process(7, "curl"), remote, 10, 20)],
    ))
}

/// A disk with room for so many pages more.
fn limit_pages(writer: &Writer, spare: i64) {
    let file = &writer.store.connection;
    let pages: i64 = file
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    file.query_row(
        &format!("PRAGMA max_page_count = {}", pages + spare),
        [],
        |_row| Ok(()),
    )
    .unwrap();
}

fn many_rows(index: i64) -> Arc<UsageBatch> {
    let rows = (0..2000).map(|port| usage(process(7, "curl"), remote("192.0.2.1", port), 10, 20));
    Arc::new(batch(second(index), rows.collect()))
}

#[test]
fn the_view_shows_a_flow_as_documented() {
    let history = History::new();
    let mut writer = history.writer();
    let mut unknown = usage(process(9, "dig"), Remote::Unresolved, 3, 4);
    unknown.process = Arc::new(Process {
        exe: None,
        user: None,
        ..process(9, "dig")
    });
    let known = usage(process(7, "curl"), remote("2001:db8::1", 443), 1, 2);
    writer.accept(Arc::new(batch(second(0), vec![known, unknown])));
    writer.finish();
    let rows = history.column(
        "SELECT json_array(window_start, window_end, process, pid, exe, user, protocol,
                           local_port, remote_ip, remote_port, sent_bytes, received_bytes)
           FROM usage ORDER BY pid",
    );
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        rows,
        [
            text(
                r#"["2026-09-21T14:13:20.000Z","2026-09-21T14:13:21.000Z","curl",7,"/usr/bin/curl","ada","tcp",40000,"2001:db8::1",443,1,2]"#
            ),
            text(
                r#"["2026-09-21T14:13:20.000Z","2026-09-21T14:13:21.000Z","dig",9,null,"1000","tcp",40000,"unresolved",null,3,4]"#
            ),
        ]
    );
    let detail = history.column(
        "SELECT json_array(uid, boot_id, start_boottime_ns, first_activity, last_activity)
           FROM usage_detail WHERE pid = 7",
    );
    assert_eq!(
        detail,
        [text(
            r#"[1000,"boot-1",7000000,"2026-09-21T14:13:20.100Z","2026-09-21T14:13:20.900Z"]"#
        )]
    );
}

#[test]
fn milliseconds_survive_the_view() {
    let history = History::new();
    let mut writer = history.writer();
    for millisecond in 0..1000 {
        let window = Window {
            start: at(millisecond),
            end: at(millisecond + 1),
        };
        let row = usage(process(7, "curl"), Remote::Unresolved, 1, 1);
        writer.accept(Arc::new(batch(window, vec![row])));
    }
    writer.finish();
    let shown = history.column("SELECT window_start FROM usage ORDER BY window_start");
    let expected: Vec<Value> = (0..1000)
        .map(|millisecond| Value::Text(format!("{:.3}", at(millisecond))))
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn a_process_that_execs_is_two_and_a_pid_of_another_boot_is_another() {
    let history = History::new();
    let row = |name: &str| usage(process(7, name), remote("192.0.2.1", 443), 10, 20);
    let mut writer = history.writer();
    writer.accept(Arc::new(batch(second(0), vec![row("bash")])));
    writer.accept(Arc::new(batch(second(1), vec![row("curl")])));
    writer.accept(Arc::new(batch(second(2), vec![row("curl")])));
    writer.finish();
    let mut writer = history.writer_of_boot("boot-2", HoldLimits::default());
    writer.accept(Arc::new(batch(second(3), vec![row("curl")])));
    writer.finish();
    // The first boot's process is found again by a writer that remembers nothing.
    let mut writer = history.writer();
    writer.accept(Arc::new(batch(second(4), vec![row("curl")])));
    writer.finish();
    assert_eq!(
        history.column("SELECT count(*) FROM process"),
        [Value::Integer(3)]
    );
    assert_eq!(history.ask(&[Field::Process], "").rows.len(), 2);
}

#[test]
fn the_same_flow_in_the_same_window_adds_up() {
    let history = History::with(vec![
        one_row(0).as_ref().clone(),
        one_row(0).as_ref().clone(),
        batch(
            second(0),
            vec![usage(
                process(7, "curl"),
                remote("192.0.2.1", 443),
                u64::MAX,
                0,
            )],
        ),
    ]);
    let total = history.ask(&[], "").total;
    assert_eq!(total.sent_bytes, i64::MAX.cast_unsigned());
    assert_eq!(total.received_bytes, 40);
    assert_eq!(history.reader().stats().unwrap().rows, 1);
}

#[test]
fn numbers_too_large_for_the_file_are_counted() {
    let history = History::new();
    let mut writer = history.writer();
    let row = usage(
        process(7, "curl"),
        Remote::Unresolved,
        u64::MAX,
        i64::MAX.cast_unsigned(),
    );
    writer.accept(Arc::new(batch(second(0), vec![row])));
    writer.flush();
    assert_eq!(writer.stats().snapshot().saturated, 1);
}

#[test]
fn losses_are_part_of_history() {
    let mut lossy = batch(second(0), vec![]);
    let count = LossCount {
        events: 1,
        sent_bytes: 2,
        received_bytes: 3,
    };
    lossy.losses.add(LossReason::FlowsFull, count);
    let history = History::with(vec![lossy.clone(), lossy]);
    assert_eq!(
        history.column(
            "SELECT json_array(window_start, reason, events, sent_bytes, received_bytes) FROM losses"
        ),
        [Value::Text(r#"["2026-09-21T14:13:20.000Z","flows_full",2,4,6]"#.to_owned())]
    );
}

#[test]
fn windows_without_usage_move_flushed_until_and_cost_no_row() {
    let history = History::with(vec![one_row(0).as_ref().clone(), batch(second(1), vec![])]);
    assert_eq!(
        history.reader().stats().unwrap().flushed_until,
        Some(second(1).end)
    );
    assert_eq!(
        history.column("SELECT count(*) FROM time_window"),
        [Value::Integer(1)]
    );
}

#[test]
fn a_full_disk_holds_rows_and_recovers_by_itself() {
    let history = History::new();
    let mut writer = history.writer();
    writer.accept(one_row(0));
    writer.flush();
    limit_pages(&writer, 0);
    writer.accept(many_rows(1));
    writer.flush();
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!(
        (stats.flushes, stats.failed_flushes, stats.rows_held),
        (1, 2, 2000)
    );
    assert_eq!(
        stats.last_error.unwrap(),
        format!(
            "no space left for database {}; free some on its disk: database or disk is full",
            history.path().display()
        )
    );
    limit_pages(&writer, 1000);
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!(
        (stats.flushes, stats.rows_held, stats.last_error),
        (2, 0, None)
    );
    writer.finish();
    assert_eq!(history.ask(&[], "").total.sent_bytes, 10 + 20_000);
    assert_eq!(
        history.column("SELECT count(*) FROM pragma_foreign_key_check"),
        [Value::Integer(0)]
    );
}

#[test]
fn after_a_failure_a_little_is_stored_where_all_has_no_room() {
    let history = History::new();
    let mut writer = history.writer();
    writer.accept(one_row(0));
    writer.flush();
    limit_pages(&writer, 0);
    for index in 1..=10 {
        writer.accept(many_rows(index));
    }
    writer.flush();
    assert_eq!(writer.stats().snapshot().rows_held, 20_000);
    limit_pages(&writer, 60);
    writer.flush();
    let stats = writer.stats().snapshot();
    assert_eq!((stats.rows_written, stats.rows_held), (2001, 18_000));
    assert!(stats.last_error.is_some(), "the rest still has no room");
    limit_pages(&writer, 1000);
    writer.finish();
    assert_eq!(history.ask(&[], "").total.sent_bytes, 10 + 200_000);
}

#[test]
fn rows_beyond_the_bound_are_dropped_oldest_first_and_shown_as_losses() {
    let history = History::new();
    let mut writer = history.writer_with(HoldLimits {
        flush_at: 1_000_000,
        drop_beyond: 4000,
    });
    limit_pages(&writer, 0);
    for index in 0..3 {
        writer.accept(many_rows(index));
        writer.flush();
    }
    let dropped = LossCount {
        events: 2000,
        sent_bytes: 20_000,
        received_bytes: 40_000,
    };
    let stats = writer.stats().snapshot();
    assert_eq!((stats.dropped, stats.rows_held), (dropped, 4000));
    limit_pages(&writer, 1000);
    writer.finish();
    let kept = ByteTotals {
        sent_bytes: 40_000,
        received_bytes: 80_000,
    };
    assert_eq!(history.ask(&[], "").total, kept);
    assert_eq!(
        history.column(
            "SELECT json_array(window_start, reason, events, sent_bytes, received_bytes) FROM losses"
        ),
        [Value::Text(
            r#"["2026-09-21T14:13:20.000Z","sink_failed",2000,20000,40000]"#.to_owned()
        )]
    );
}

#[test]
fn what_cannot_be_stored_at_the_end_is_counted() {
    let history = History::new();
    let mut writer = history.writer();
    limit_pages(&writer, 0);
    writer.accept(many_rows(0));
    let stats = Arc::clone(writer.stats());
    writer.finish();
    let stats = stats.snapshot();
    assert_eq!((stats.dropped.events, stats.rows_held), (2000, 0));
}

#[test]
fn too_many_held_rows_are_stored_before_the_interval_ends() {
    let history = History::new();
    let mut writer = history.writer_with(HoldLimits {
        flush_at: 2000,
        drop_beyond: 4000,
    });
    writer.accept(many_rows(0));
    assert_eq!(writer.stats().snapshot().rows_written, 2000);
}

#[test]
fn names_forgotten_for_memory_are_found_again_in_the_file() {
    let history = History::new();
    let mut writer = history.writer();
    writer.accept(one_row(0));
    writer.flush();
    writer.dimensions.forget();
    writer.accept(one_row(1));
    writer.finish();
    for table in ["process", "program", "account", "protocol", "boot"] {
        let rows = history.column(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, [Value::Integer(1)], "{table}");
    }
}

#[test]
fn strange_names_come_back_as_they_were() {
    let names = [
        "",
        "it's \"quoted\"",
        "\u{1b}[31mred\n\t",
        "<script>alert(1)</script>",
        "🦀 Web Content",
        "'; DROP TABLE flow_usage; --",
        "null",
        "\u{202e}gnp.exe",
        "back\\slash",
    ];
    let rows = names
        .iter()
        .zip(1..)
        .map(|(name, pid)| usage(process(pid, name), Remote::Unresolved, 1, 1));
    let history = History::with(vec![batch(second(0), rows.collect())]);
    let answer = history.ask(&[Field::Process], "");
    let mut shown: Vec<&str> = answer
        .rows
        .iter()
        .map(|row| row.fields[0].1.as_str().unwrap())
        .collect();
    let mut expected = names;
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    for name in names {
        let filter = Filter::equals(Field::Process, name).unwrap();
        let found = history
            .reader()
            .usage(&everything(&[Field::Process], Some(filter)))
            .unwrap();
        assert_eq!(found.rows.len(), 1, "{name:?}");
        let quoted = name.replace('\\', "\\\\").replace('"', "\"\"");
        let found = history.ask(&[Field::Process], &format!("process=\"{quoted}\""));
        assert_eq!(found.rows.len(), 1, "{name:?}");
    }
}
