//! The list of processes: full identity, when they were seen, what they moved.

use std::sync::Arc;

use nettally_source::pipeline::{
    Attribution, Container, Parent, Process, Protocol, Remote, Runtime,
};
use serde_json::json;

use super::{DAY, MINUTE, keeping, one_row, settle};
use crate::query::{Field, Order, OrderBy, ProcessQuery, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn all() -> ProcessQuery {
    ProcessQuery {
        range: everything(&[], None).range,
        filter: None,
        order: Order::default(),
        limit: None,
        offset: 0,
    }
}

/// A container's process in two windows, an ordinary one in one, and a frame.
fn history() -> History {
    let known = Process {
        app: "nginx.service".to_owned(),
        command_line: Some("nginx -g 'daemon off;'".to_owned()),
        gid: Some(33),
        parents: vec![Parent {
            pid: 1,
            name: "systemd".to_owned(),
        }],
        unit: Some("nginx.service".to_owned()),
        container: Some(Container {
            runtime: Runtime::Docker,
            id: "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
        }),
        pod: Some("5a1".to_owned()),
        package: Some("snap:nginx".to_owned()),
        cgroup: Some("/system.slice/nginx.service".to_owned()),
        network_namespace: Some(4_026_531_840),
        tunnel: true,
        attribution: Attribution::Kernel,
        ..process(7, "nginx")
    };
    let to = |process: &Process, bytes| usage(process.clone(), remote("192.0.2.1", 443), bytes, 0);
    let mut frame = usage(process(8, "dig"), Remote::None, 999, 0);
    frame.protocol = Protocol::Packet;
    History::with(vec![
        batch(second(0), vec![to(&known, 1)]),
        batch(
            second(60),
            vec![to(&known, 2), to(&process(8, "dig"), 40), frame],
        ),
    ])
}

#[test]
fn the_answer_has_the_documented_json() {
    let query = ProcessQuery {
        range: TimeRange {
            since: at(0),
            until: at(3_600_000),
        },
        filter: Some("app~nginx".parse().unwrap()),
        ..all()
    };
    let answer = history().reader().processes(&query).unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "since": "2026-09-21T14:13:20Z",
            "until": "2026-09-21T15:13:20Z",
            "processes": [{
                "pid": 7,
                "start_boottime_ns": 7_000_000,
                "boot_id": "boot-1",
                "process": "nginx",
                "app": "nginx.service",
                "exe": "/usr/bin/nginx",
                "command_line": "nginx -g 'daemon off;'",
                "uid": 1000,
                "user": "ada",
                "gid": 33,
                "parents": [{ "pid": 1, "name": "systemd" }],
                "unit": "nginx.service",
                "container": "docker:3f2a9c1b7d55",
                "container_id": "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
                "pod": "5a1",
                "package": "snap:nginx",
                "cgroup": "/system.slice/nginx.service",
                "network_namespace": 4_026_531_840_u32,
                "tunnel": true,
                "attribution": "kernel",
                "first_seen": "2026-09-21T14:13:20Z",
                "last_seen": "2026-09-21T14:14:21Z",
                "sent_bytes": 3,
                "received_bytes": 0,
            }],
            "total": { "sent_bytes": 3, "received_bytes": 0 },
            "other": { "sent_bytes": 0, "received_bytes": 0 },
            "flushed_until": "2026-09-21T14:14:21Z",
            "next_cursor": null,
        })
    );
}

#[test]
fn processes_come_in_the_order_asked_for_page_by_page() {
    let reader = history().reader();
    let pids = |query: &ProcessQuery| -> Vec<_> {
        let answer = reader.processes(query).unwrap();
        answer
            .processes
            .iter()
            .map(|row| row.pid.unwrap())
            .collect()
    };
    assert_eq!(pids(&all()), [8, 7]);
    let by = |by, descending| ProcessQuery {
        order: Order { by, descending },
        ..all()
    };
    assert_eq!(pids(&by(OrderBy::SentBytes, false)), [7, 8]);
    assert_eq!(pids(&by(OrderBy::Field(Field::App), false)), [8, 7]);
    assert_eq!(pids(&by(OrderBy::Field(Field::App), true)), [7, 8]);
    let error = reader
        .processes(&by(OrderBy::Field(Field::RemoteIp), true))
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot order by `remote_ip`"));
    let page = reader
        .processes(&ProcessQuery {
            limit: Some(1),
            ..all()
        })
        .unwrap();
    assert_eq!((page.processes.len(), page.next_cursor), (1, Some(1)));
    assert_eq!(page.total.sent_bytes, 43);
    assert_eq!(page.outside_total.unwrap().bytes.sent_bytes, 999);
    let rest = ProcessQuery { offset: 1, ..all() };
    assert_eq!(pids(&rest), [7]);
}

#[test]
fn those_of_which_days_are_left_are_one_where_they_are_alike() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for minute in 0..20_u32 {
        let mut batch = one_row(i64::from(minute) * MINUTE, 1000);
        batch.usage[0].process = Arc::new(process(100 + minute, "curl"));
        writer.accept(Arc::new(batch));
    }
    writer.accept(Arc::new(one_row(7 * DAY, 1000)));
    settle(&mut writer);
    writer.finish();
    let answer = history.reader().processes(&all()).unwrap();
    let shown: Vec<_> = answer
        .processes
        .iter()
        .map(|row| (row.pid, row.bytes.sent_bytes, row.parents.is_some()))
        .collect();
    assert_eq!(shown, [(None, 200, false), (Some(7), 10, true)]);
    assert_eq!(answer.other.sent_bytes, 200);
    let alike = &answer.processes[0];
    assert_eq!(
        (alike.first_seen.to_string(), alike.last_seen.to_string()),
        (
            "2026-09-21T00:00:00Z".to_owned(),
            "2026-09-22T00:00:00Z".to_owned()
        )
    );
}
