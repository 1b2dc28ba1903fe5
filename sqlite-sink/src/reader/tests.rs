use nettally_source::pipeline::{Attribution, Container, Remote, Runtime, UsageBatch};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::query::{ByteTotals, Field, Order, OrderBy, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn history() -> History {
    let row = |pid, name: &str, ip: &str, port, sent, received| {
        usage(process(pid, name), remote(ip, port), sent, received)
    };
    History::with(vec![
        batch(
            second(0),
            vec![
                row(1, "curl", "10.0.0.2", 443, 1, 10),
                row(2, "curl", "9.0.0.1", 80, 2, 20),
            ],
        ),
        batch(second(1), vec![row(1, "curl", "10.0.0.2", 443, 4, 40)]),
        batch(
            second(5),
            vec![
                usage(process(3, "dig"), Remote::Unresolved, 8, 80),
                row(4, "sshd", "2001:db8::1", 22, 100, 0),
            ],
        ),
    ])
}

fn during(since: i64, until: i64) -> TimeRange {
    TimeRange {
        since: at(since),
        until: at(until),
    }
}

fn by_process(range: TimeRange) -> UsageQuery {
    UsageQuery {
        range,
        ..everything(&[Field::Process], None)
    }
}

#[test]
fn the_answer_has_the_documented_json() {
    let mut query = by_process(during(0, 10_000));
    query.group_by = vec![
        Field::Process,
        Field::Pid,
        Field::RemoteIp,
        Field::RemotePort,
    ];
    query.filter = Some("process=dig or process=sshd".parse().unwrap());
    let answer = history().reader().usage(&query).unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "since": "2026-09-21T14:13:20Z",
            "until": "2026-09-21T14:13:30Z",
            "group_by": ["process", "pid", "remote_ip", "remote_port"],
            "rows": [
                { "process": "sshd", "pid": 4, "remote_ip": "2001:db8::1", "remote_port": 22,
                  "sent_bytes": 100, "received_bytes": 0 },
                { "process": "dig", "pid": 3, "remote_ip": "unresolved", "remote_port": null,
                  "sent_bytes": 8, "received_bytes": 80 },
            ],
            "total": { "sent_bytes": 108, "received_bytes": 80 },
            "other": { "sent_bytes": 0, "received_bytes": 0 },
            "flushed_until": "2026-09-21T14:13:26Z",
            "next_cursor": null,
        })
    );
}

#[test]
fn identity_is_told_in_json_as_it_is_typed() {
    let mut vpn = process(5, "openvpn");
    vpn.app = "VPN".to_owned();
    vpn.unit = Some("openvpn.service".to_owned());
    vpn.container = Some(Container {
        runtime: Runtime::Lxc,
        id: "edge".to_owned(),
    });
    vpn.pod = Some("5a1".to_owned());
    vpn.package = Some("snap:vpn".to_owned());
    vpn.tunnel = true;
    vpn.attribution = Attribution::Kernel;
    vpn.command_line = Some("openvpn --config x".to_owned());
    let history = History::with(vec![batch(
        second(0),
        vec![
            usage(vpn, Remote::Unresolved, 2, 0),
            usage(process(6, "dig"), Remote::Unresolved, 1, 0),
        ],
    )]);
    let fields = [
        Field::App,
        Field::Unit,
        Field::Container,
        Field::Pod,
        Field::Package,
        Field::Tunnel,
        Field::Attribution,
        Field::CommandLine,
    ];
    let rows = history.ask(&fields, "").rows;
    assert_eq!(
        serde_json::to_value(rows).unwrap(),
        json!([
            { "app": "VPN", "unit": "openvpn.service", "container": "lxc:edge", "pod": "5a1",
              "package": "snap:vpn", "tunnel": true, "attribution": "kernel",
              "command_line": "openvpn --config x", "sent_bytes": 2, "received_bytes": 0 },
            { "app": "dig", "unit": null, "container": null, "pod": null, "package": null,
              "tunnel": false, "attribution": "unknown", "command_line": null,
              "sent_bytes": 1, "received_bytes": 0 },
        ])
    );
}

#[test]
fn a_range_takes_whole_windows_and_says_so() {
    let history = history();
    for (asked, sent, used) in [
        (during(0, 2000), 7, during(0, 2000)),
        (during(500, 600), 3, during(0, 1000)),
        (during(999, 1001), 7, during(0, 2000)),
        (during(1000, 2000), 4, during(1000, 2000)),
        (during(2000, 5000), 0, during(2000, 5000)),
        (during(1500, 5001), 112, during(1000, 6000)),
        (during(-9000, -1), 0, during(-9000, -1)),
    ] {
        let answer = history.reader().usage(&by_process(asked)).unwrap();
        assert_eq!(
            (answer.total.sent_bytes, answer.range),
            (sent, used),
            "{asked:?}"
        );
    }
}

#[test]
fn a_long_window_is_found_from_its_middle() {
    let long = nettally_source::pipeline::Window {
        start: at(0),
        end: at(8 * 3_600_000),
    };
    let row = || vec![usage(process(1, "curl"), Remote::Unresolved, 1, 1)];
    let history = History::with(vec![batch(long, row()), batch(second(30_000), row())]);
    let answer = history
        .reader()
        .usage(&by_process(during(3_600_000, 3_600_001)))
        .unwrap();
    assert_eq!(answer.total.sent_bytes, 1);
    assert_eq!(answer.range, during(0, 8 * 3_600_000));
}

#[test]
fn rows_come_in_the_order_asked_for() {
    let history = history();
    let ordered = |group, by, descending| {
        let query = UsageQuery {
            order: Order { by, descending },
            ..everything(&[group], None)
        };
        let answer = history.reader().usage(&query).unwrap();
        let values = answer.rows.into_iter().map(|row| row.fields[0].1.clone());
        serde_json::Value::from_iter(values)
    };
    use Field::{Process, RemoteIp, RemotePort};
    assert_eq!(
        ordered(Process, OrderBy::TotalBytes, true),
        json!(["sshd", "dig", "curl"])
    );
    assert_eq!(
        ordered(Process, OrderBy::TotalBytes, false),
        json!(["curl", "dig", "sshd"])
    );
    assert_eq!(
        ordered(Process, OrderBy::SentBytes, true),
        json!(["sshd", "dig", "curl"])
    );
    assert_eq!(
        ordered(Process, OrderBy::ReceivedBytes, true),
        json!(["dig", "curl", "sshd"])
    );
    assert_eq!(
        ordered(Process, OrderBy::Field(Process), false),
        json!(["curl", "dig", "sshd"])
    );
    assert_eq!(
        ordered(RemotePort, OrderBy::Field(RemotePort), false),
        json!([null, 22, 80, 443])
    );
    assert_eq!(
        ordered(RemoteIp, OrderBy::Field(RemoteIp), false),
        json!(["unresolved", "9.0.0.1", "10.0.0.2", "2001:db8::1"])
    );
    let query = UsageQuery {
        order: Order {
            by: OrderBy::Field(Field::Pid),
            descending: false,
        },
        ..everything(&[Process], None)
    };
    assert_eq!(
        history.reader().usage(&query).unwrap_err().to_string(),
        "cannot order by `pid`, which is not in group_by; add it there, or order by bytes"
    );
}

#[test]
fn pages_follow_one_another_and_end() {
    let history = history();
    let mut query = everything(&[Field::Pid], None);
    query.limit = Some(3);
    let first = history.reader().usage(&query).unwrap();
    assert_eq!((first.rows.len(), first.next_cursor), (3, Some(3)));
    query.offset = first.next_cursor.unwrap();
    let last = history.reader().usage(&query).unwrap();
    assert_eq!((last.rows.len(), last.next_cursor), (1, None));
    assert_eq!(first.total, last.total);
    query.offset = 100;
    assert_eq!(history.reader().usage(&query).unwrap().rows.len(), 0);
    query.offset = u32::MAX;
    query.limit = Some(u32::MAX);
    assert_eq!(history.reader().usage(&query).unwrap().next_cursor, None);
}

#[test]
fn no_group_asks_for_the_total_alone() {
    let answer = history().ask(&[], "process=curl");
    assert_eq!(answer.rows, []);
    let total = ByteTotals {
        sent_bytes: 7,
        received_bytes: 70,
    };
    assert_eq!((answer.total, answer.next_cursor), (total, None));
}

#[test]
fn sums_above_what_sqlite_can_add_are_exact() {
    let large = i64::MAX.cast_unsigned();
    let row = |pid| usage(process(pid, "dd"), Remote::Unresolved, large, 1);
    let history = History::with(vec![batch(second(0), vec![row(1), row(2)])]);
    assert_eq!(history.ask(&[], "").total.sent_bytes, u64::MAX - 1);
    let history = History::with(vec![batch(second(0), vec![row(1), row(2), row(3)])]);
    assert_eq!(history.ask(&[], "").total.sent_bytes, u64::MAX);
}

fn series(step_secs: u32, group_by: Option<Field>, limit: Option<u32>) -> SeriesAnswer {
    let query = SeriesQuery {
        range: during(0, 10_000),
        step_secs,
        group_by,
        filter: None,
        limit,
    };
    history().reader().series(&query).unwrap()
}

#[test]
fn a_series_has_a_point_for_each_step_that_moved_bytes() {
    assert_eq!(
        serde_json::to_value(series(2, None, None)).unwrap(),
        json!({
            "since": "2026-09-21T14:13:20Z",
            "until": "2026-09-21T14:13:30Z",
            "step_secs": 2,
            "group_by": null,
            "series": [{
                "key": null,
                "is_other": false,
                "total": { "sent_bytes": 115, "received_bytes": 150 },
                "points": [
                    { "start": "2026-09-21T14:13:20Z", "sent_bytes": 7, "received_bytes": 70 },
                    { "start": "2026-09-21T14:13:24Z", "sent_bytes": 108, "received_bytes": 80 },
                ],
            }],
            "flushed_until": "2026-09-21T14:13:26Z",
        })
    );
    assert_eq!(series(0, None, None), series(1, None, None));
}

#[test]
fn series_beyond_the_limit_are_summed_up_last() {
    let SeriesAnswer { series, .. } = series(1, Some(Field::Process), Some(1));
    let shown: Vec<_> = series
        .iter()
        .map(|line| {
            (
                line.key.clone(),
                line.is_other,
                line.total.sent_bytes,
                line.points.len(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [(json!("sshd"), false, 100, 1), (json!(null), true, 15, 3)]
    );
}

#[test]
fn an_answer_that_would_not_fit_is_refused() {
    let history = history();
    let reader = Reader {
        max_groups: 3,
        ..history.reader()
    };
    assert!(reader.usage(&everything(&[Field::Protocol], None)).is_ok());
    assert_eq!(
        reader
            .usage(&everything(&[Field::Pid], None))
            .unwrap_err()
            .to_string(),
        "the answer has more than 3 groups; group by fewer fields, use a longer step, or ask for a shorter time"
    );
}

#[test]
fn stats_tell_the_extent_of_the_file() {
    let history = history();
    let stats = history.reader().stats().unwrap();
    assert_eq!((stats.rows, stats.oldest), (5, Some(second(0).start)));
    assert_eq!(stats.flushed_until, Some(second(5).end));
    assert_eq!(
        stats.size_bytes,
        std::fs::metadata(history.path()).unwrap().len()
    );
    let empty = History::with(vec![]).reader().stats().unwrap();
    assert_eq!(
        (empty.rows, empty.oldest, empty.flushed_until),
        (0, None, None)
    );
}

#[test]
fn readers_see_each_flush_while_the_writer_goes_on() {
    let history = History::new();
    let mut writer = history.writer();
    let reader = history.reader();
    for index in 0..3 {
        let row = usage(process(1, "curl"), Remote::Unresolved, 1, 1);
        writer.accept(std::sync::Arc::new(batch(second(index), vec![row])));
        writer.flush();
        let total = reader.usage(&everything(&[], None)).unwrap().total;
        assert_eq!(total.sent_bytes, index.unsigned_abs() + 1);
    }
    writer.finish();
    assert_eq!(
        reader
            .usage(&everything(&[], None))
            .unwrap()
            .total
            .sent_bytes,
        3
    );
}

/// Few values of everything, so that flows, processes and windows meet.
fn any_batches() -> impl Strategy<Value = Vec<UsageBatch>> {
    let row = (
        1_u32..4,
        "[ab]",
        0_u8..4,
        0_u16..3,
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(|(pid, name, host, port, sent, received)| {
            let remote = match host {
                0 => Remote::Unresolved,
                _ => remote(&format!("10.0.0.{host}"), port),
            };
            usage(
                process(pid, &name),
                remote,
                u64::from(sent),
                u64::from(received),
            )
        });
    let rows = prop::collection::vec(row, 0..12);
    let batch = (0_i64..5, rows).prop_map(|(index, rows)| batch(second(index), rows));
    prop::collection::vec(batch, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_byte_is_lost_or_doubled_in_any_grouping(
        batches in any_batches(),
        fields in prop::sample::subsequence(Field::ALL.to_vec(), 1..=16),
        step_secs in 1_u32..4,
    ) {
        let mut expected = ByteTotals::default();
        for row in batches.iter().flat_map(|batch| &batch.usage) {
            expected.add(ByteTotals {
                sent_bytes: row.sent_bytes,
                received_bytes: row.received_bytes,
            });
        }
        let history = History::with(batches);
        let answer = history.ask(&fields, "");
        let mut sum = ByteTotals::default();
        answer.rows.iter().for_each(|row| sum.add(row.bytes));
        prop_assert_eq!((sum, answer.total), (expected, expected));

        let lines = history.reader().series(&SeriesQuery {
            range: everything(&[], None).range,
            step_secs,
            group_by: Some(fields[0]),
            filter: None,
            limit: Some(2),
        }).unwrap().series;
        let mut sum = ByteTotals::default();
        lines.iter().flat_map(|line| &line.points).for_each(|point| sum.add(point.bytes));
        prop_assert_eq!(sum, expected);

        let counted = history.column("SELECT count(*) FROM flow_usage");
        let rows = i64::try_from(history.reader().stats().unwrap().rows).unwrap();
        prop_assert_eq!(counted, [rusqlite::types::Value::Integer(rows)]);

        // A filter and its opposite share everything out.
        let inside = history.ask(&[], "process=a or remote_ip in 10.0.0.1").total;
        let mut both = history.ask(&[], "not (process=a or remote_ip in 10.0.0.1)").total;
        both.add(inside);
        prop_assert_eq!(both, expected);
    }
}
