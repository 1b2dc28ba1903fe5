//! Who moved it: what is stored, what coarse tiers keep of it, and what goes when nothing refers to it.

use std::sync::Arc;

use nettally_source::pipeline::{Container, Parent, Process, Runtime, UsageBatch};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

use super::{DAY, MINUTE, count, keeping, one_row, remotes, settle};
use crate::query::{ByteTotals, Field, TimeRange};
use crate::testing::{History, at, batch, everything, process, remote, second, usage};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn integer(history: &History, sql: &str) -> i64 {
    match history.column(sql)[..] {
        [Value::Integer(number)] => number,
        ref other => panic!("{sql}: {other:?}"),
    }
}

fn bytes(sent_bytes: u64, received_bytes: u64) -> ByteTotals {
    ByteTotals {
        sent_bytes,
        received_bytes,
    }
}

/// One of many that live for a moment.
fn short_lived(pid: u32) -> Process {
    Process {
        command_line: Some(format!("curl --request {pid}")),
        parents: vec![Parent {
            pid: 1,
            name: "systemd".to_owned(),
        }],
        unit: Some("poll.service".to_owned()),
        container: Some(Container {
            runtime: Runtime::Docker,
            id: "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
        }),
        ..process(pid, "curl")
    }
}

/// A new process each minute of two days.
fn many_processes() -> Vec<UsageBatch> {
    (0..2 * DAY / MINUTE)
        .map(|minute| {
            let mut batch = one_row(minute * MINUTE, 1000);
            let pid = u32::try_from(minute).unwrap() + 10;
            batch.usage[0].process = Arc::new(short_lived(pid));
            batch
        })
        .collect()
}

#[test]
fn everything_that_is_known_of_a_process_is_in_the_view() {
    let mut known = short_lived(7);
    known.gid = Some(100);
    known.pod = Some("5a1".to_owned());
    known.package = Some("snap:curl".to_owned());
    known.cgroup = Some("/system.slice/poll.service".to_owned());
    known.network_namespace = Some(4_026_531_840);
    known.tunnel = true;
    let row = usage(known, remote("192.0.2.1", 443), 1, 2);
    let history = History::with(vec![batch(second(0), vec![row])]);
    assert_eq!(
        history.column(
            "SELECT json_array(app, unit, container, length(container_id), pod, package, cgroup,
                               network_namespace, gid, tunnel, attribution, command_line,
                               json(parents))
               FROM usage_detail"
        ),
        [text(
            r#"["curl","poll.service","docker:3f2a9c1b7d55",64,"5a1","snap:curl","/system.slice/poll.service",4026531840,100,1,"unknown","curl --request 7",[{"pid":1,"name":"systemd"}]]"#
        )]
    );
    for view in [
        "usage",
        "usage_by_minute",
        "usage_by_hour",
        "usage_by_day",
        "usage_by_month",
    ] {
        assert_eq!(
            history.column(&format!(
                "SELECT group_concat(name) FROM pragma_table_info('{view}')"
            )),
            [text(
                "window_start,window_end,process,pid,exe,user,protocol,local_port,remote_ip,remote_port,sent_bytes,received_bytes,app,unit,container"
            )],
            "{view}"
        );
    }
}

#[test]
fn short_lived_processes_are_one_in_days_and_go_with_their_hours() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 2));
    for batch in many_processes() {
        writer.accept(Arc::new(batch));
    }
    settle(&mut writer);
    let processes = 2 * DAY / MINUTE;
    assert_eq!(count(&history, "day_usage"), Value::Integer(2));
    assert_eq!(
        [
            integer(&history, "SELECT count(*) FROM process WHERE id > 0"),
            integer(&history, "SELECT count(*) FROM process WHERE id < 0"),
            integer(&history, "SELECT count(*) FROM place"),
            integer(&history, "SELECT count(*) FROM ancestry"),
        ],
        [processes, 1, 2, 1]
    );
    // Hours are kept for four days.
    writer.accept(Arc::new(one_row(7 * DAY, 1000)));
    settle(&mut writer);
    writer.finish();
    assert_eq!(
        history.column(
            "SELECT json_array((SELECT group_concat(coalesce(pid, 'alike')) FROM process),
                               (SELECT count(*) FROM command_line),
                               (SELECT count(*) FROM ancestry),
                               (SELECT count(*) FROM place),
                               (SELECT sum(processes) FROM app))"
        ),
        [text(r#"["alike,7",0,0,2,2]"#)]
    );
    assert_eq!(
        integer(&history, "SELECT count(*) FROM pragma_foreign_key_check"),
        0
    );
    let answer = history.ask(&[Field::Unit, Field::Process, Field::Pid], "unit!=none");
    let moved = 10 * processes.unsigned_abs();
    assert_eq!(
        (answer.total, answer.other),
        (bytes(moved, 2 * moved), bytes(moved, 2 * moved))
    );
    assert_eq!(
        answer.rows[0]
            .fields
            .iter()
            .map(|(_field, value)| value.clone())
            .collect::<Vec<_>>(),
        [json!("poll.service"), json!("curl"), json!(null)]
    );
    assert_eq!(history.ask(&[Field::Process], "").other, bytes(0, 0));
}

#[test]
fn a_file_that_forgets_its_hours_does_not_grow_by_what_lived_for_a_moment() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1)).telling(remotes(1));
    let tables = [
        "process",
        "remote",
        "command_line",
        "app",
        "time_window",
        "hour_usage",
    ];
    let mut sizes: Vec<Vec<Value>> = Vec::new();
    for day in 0..120_u32 {
        let mut batch = one_row(i64::from(day) * DAY, 1000);
        batch.usage = (0..10_u32)
            .map(|n| {
                let host = format!("10.{day}.0.{n}");
                let process = short_lived(100 * day + n);
                // The first moves most, and is told in its day.
                let remote = remote(if n == 0 { "192.0.2.1" } else { &host }, 443);
                usage(process, remote, if n == 0 { 1000 } else { 1 }, 0)
            })
            .collect();
        writer.accept(Arc::new(batch));
        settle(&mut writer);
        if day == 29 || day == 119 {
            sizes.push(tables.iter().map(|table| count(&history, table)).collect());
        }
    }
    writer.finish();
    assert_eq!(sizes[0], sizes[1], "{tables:?}");
    assert_eq!(
        history.ask(&[], "unit=poll.service").total,
        bytes(120 * 1009, 0)
    );
}

#[test]
fn processes_are_told_apart_while_hours_are_left() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1000));
    for batch in many_processes() {
        writer.accept(Arc::new(batch));
    }
    writer.accept(Arc::new(batch(second(4 * DAY / 1000), vec![])));
    settle(&mut writer);
    writer.finish();
    let mut query = everything(&[Field::Pid], None);
    query.range = TimeRange {
        since: at(-DAY),
        until: at(3 * DAY),
    };
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!(answer.rows.len() as i64, 2 * DAY / MINUTE);
    assert_eq!(answer.other, bytes(0, 0));
    query.filter = Some(
        "pid=11 or command_line='curl --request 12'"
            .parse()
            .unwrap(),
    );
    let answer = history.reader().usage(&query).unwrap();
    assert_eq!((answer.total, answer.other), (bytes(20, 40), bytes(0, 0)));
}

#[test]
fn a_filter_by_pid_says_how_much_it_cannot_decide() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for batch in many_processes() {
        writer.accept(Arc::new(batch));
    }
    writer.accept(Arc::new(one_row(7 * DAY, 1000)));
    settle(&mut writer);
    writer.finish();
    let all = 10 * (2 * DAY / MINUTE).unsigned_abs();
    for (filter, total, other) in [
        ("pid=7", 10, all),
        ("pid=7 and process=dig", 0, 0),
        ("pid=8 and remote_ip=192.0.2.1", 0, all),
        ("pid=8 and remote_ip=192.0.2.9", 0, 0),
        ("command_line~request", 0, all),
        ("command_line=null", 10, all),
        ("app=curl", all + 10, 0),
        ("container~docker", all, 0),
    ] {
        let answer = history.ask(&[], filter);
        assert_eq!(
            (answer.total.sent_bytes, answer.other.sent_bytes),
            (total, other),
            "{filter}"
        );
    }
}

#[test]
fn what_comes_back_after_it_went_is_stored_again() {
    let history = History::new();
    let mut writer = history.writer().keeping(keeping(1, 1));
    for day in [0, 9, 18, 0, 27] {
        writer.accept(Arc::new(one_row(day * DAY, 1000)));
        settle(&mut writer);
    }
    writer.finish();
    assert_eq!(
        integer(&history, "SELECT count(*) FROM pragma_foreign_key_check"),
        0
    );
    assert_eq!(
        integer(&history, "SELECT count(*) FROM process WHERE id > 0"),
        1
    );
    assert_eq!(
        history.ask(&[Field::RemoteIp], "app=curl").total,
        bytes(50, 100)
    );
}

#[test]
fn a_file_of_schema_5_is_upgraded_with_what_it_holds() {
    let history = History::new();
    {
        let file = Connection::open(history.path()).unwrap();
        for script in [
            include_str!("../../migrations/0001_history.sql"),
            include_str!("../../migrations/0002_tiers.sql"),
            include_str!("../../migrations/0003_retention.sql"),
            include_str!("../../migrations/0004_folding.sql"),
            include_str!("../../migrations/0005_reduced_detail.sql"),
        ] {
            file.execute_batch(script).unwrap();
        }
        let start = at(0).as_millisecond();
        file.execute_batch(&format!(
            "PRAGMA application_id = {application}; PRAGMA user_version = 5;
             INSERT INTO boot VALUES (1, 'boot-1');
             INSERT INTO program VALUES (1, 'curl', '/usr/bin/curl'), (2, 'gone', NULL),
                                        (3, 'xh', '/usr/bin/curl');
             INSERT INTO account VALUES (1, 1000, 'ada');
             INSERT INTO process VALUES (1, 1, 7, 7000000, 1, 1), (2, 1, 8, 8, 2, 1),
                                        (3, 1, 9, 9, 3, 1);
             INSERT INTO protocol VALUES (1, 'tcp');
             INSERT INTO remote VALUES (1, X'00000000000000000000ffffc0000201', '192.0.2.1');
             INSERT INTO time_window VALUES (1, {start}, {start} + 1000, 0);
             INSERT INTO flow_usage VALUES (1, 1, 1, 40000, 1, 443, 10, 20, 0, 0),
                                           (1, 2, 1, 40000, 0, -1, 1, 2, 0, 0);
             INSERT INTO day_usage VALUES ({day}, 3, 1, -2, 1, 443, 100, 200);
             INSERT INTO tier_bucket VALUES (3, {day}, {start} - 172800000, {start} - 172799000, 2, 5);
             UPDATE tier SET rolled_until_ms = ({day} + 1) * 86400000 WHERE id > 0;
             UPDATE tier SET kept_from_ms = ({day} + 1) * 86400000 WHERE id < 3;
             UPDATE progress SET flushed_until_ms = {start} + 1000, usage_rows = 2;",
            application = crate::schema::APPLICATION_ID,
            day = start / DAY - 2,
        ))
        .unwrap();
    }
    let mut writer = history.writer().keeping(keeping(1000, 1000));
    writer.accept(Arc::new(one_row(2000, 1000)));
    settle(&mut writer);
    writer.finish();
    assert_eq!(
        history.column(
            "SELECT json_array(process, pid, exe, app, attribution, unit, tunnel, command_line,
                               sent_bytes)
               FROM usage_detail ORDER BY sent_bytes, attribution"
        ),
        [
            text(r#"["gone",8,null,"gone","name",null,0,null,1]"#),
            text(r#"["curl",7,"/usr/bin/curl","/usr/bin/curl","proc",null,0,null,10]"#),
            text(r#"["curl",7,"/usr/bin/curl","curl","unknown",null,0,null,10]"#),
        ]
    );
    assert_eq!(
        history.column("SELECT json_array(process, pid, app, sent_bytes) FROM usage_by_day"),
        [text(r#"["xh",9,"/usr/bin/curl",100]"#)],
        "what was told apart stays so"
    );
    assert_eq!(history.ask(&[Field::Pid], "").total, bytes(121, 242));
    assert_eq!(
        integer(&history, "SELECT count(*) FROM pragma_foreign_key_check"),
        0
    );
    assert_eq!(
        history.column(
            "SELECT json_group_array(processes) FROM (SELECT processes FROM app ORDER BY name)"
        ),
        [text("[4,1,2]")],
        "one process more for each that stands for others"
    );
    assert_eq!(
        history.column("SELECT json_array(process_id, sent_bytes, group_id < 0) FROM day_sum"),
        [text("[3,100,1]")]
    );
    assert_eq!(history.ask(&[], "process=xh").total, bytes(100, 200));
    assert_eq!(history.reader().check(&mut |_progress| {}).unwrap(), []);
}
