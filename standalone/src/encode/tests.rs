//! Golden lines, and the edges at which Vector rejects an event.

use std::sync::Arc;

use nettally_source::{
    Attribution, Container, LossCount, LossReason, Parent, Process, Protocol, Remote, Runtime,
    Usage,
};
use serde_json::{Value, json};

use super::*;
use crate::live::testing::{batch, degraded_health, flow, frames, instant};

const HOSTILE: &str = "\u{1b}[31m\u{202e}\"\\<b>\n\u{0}é";

fn encoder(format: Format, flows: bool) -> Encoder {
    let origin = Origin {
        host: "h1".to_owned(),
        pid: 4242,
    };
    Encoder::new(format, flows, origin)
}

fn lines(encoder: &mut Encoder, batch: UsageBatch) -> Vec<Value> {
    let event = Event::Usage(Arc::new(batch));
    let lines: Vec<_> = encoder.lines(&event).collect();
    lines.iter().map(|line| parsed(line)).collect()
}

fn parsed(line: &str) -> Value {
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
    serde_json::from_str(line).unwrap()
}

fn named(name: &str) -> Usage {
    flow(name, 7, "192.0.2.1", 1500, 20)
}

/// Known by its bytes and number alone.
fn nameless() -> Usage {
    let usage = named("");
    let process = Process {
        exe: None,
        uid: None,
        user: None,
        ..(*usage.process).clone()
    };
    Usage {
        process: Arc::new(process),
        remote: Remote::Unresolved,
        protocol: Protocol::Udp,
        ..usage
    }
}

/// Of which everything is known.
fn well_known() -> Usage {
    let usage = named("nginx");
    let parent = |pid, name: &str| Parent {
        pid,
        name: name.to_owned(),
    };
    let process = Process {
        app: "nginx".to_owned(),
        command_line: Some("nginx -g 'daemon off;'".to_owned()),
        gid: Some(33),
        parents: vec![parent(6, "sh"), parent(1, "systemd")],
        unit: Some("nginx.service".to_owned()),
        container: Some(Container {
            runtime: Runtime::Docker,
            id: "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
        }),
        pod: Some("0c8b2a1e-0000-4000-8000-000000000001".to_owned()),
        package: Some("snap:nginx".to_owned()),
        cgroup: Some("/system.slice/nginx.service".to_owned()),
        network_namespace: Some(4_026_531_840),
        tunnel: true,
        attribution: Attribution::Kernel,
        ..(*usage.process).clone()
    };
    Usage {
        process: Arc::new(process),
        ..usage
    }
}

#[test]
fn everything_that_is_known_of_a_process_is_in_both_formats() {
    let usage = || batch(0, vec![well_known()]);
    let mut expected = json!({
        "process": "nginx", "pid": 7, "app": "nginx", "exe": "/usr/bin/nginx",
        "command_line": "nginx -g 'daemon off;'", "user": "ada", "uid": 1000, "gid": 33,
        "parents": [{ "pid": 6, "name": "sh" }, { "pid": 1, "name": "systemd" }],
        "unit": "nginx.service", "container": "docker:3f2a9c1b7d55",
        "container_id": "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
        "container_runtime": "docker", "pod": "0c8b2a1e-0000-4000-8000-000000000001",
        "package": "snap:nginx", "cgroup": "/system.slice/nginx.service",
        "network_namespace": 4_026_531_840_u32, "tunnel": true, "attribution": "kernel",
    });
    let has = |row: &Value, expected: &Value| {
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&row[field], value, "{field}");
        }
    };
    has(
        &lines(&mut encoder(Format::Json, false), usage())[0],
        &expected,
    );
    let native = lines(&mut encoder(Format::NativeJson, true), usage());
    expected["parents"] = json!("sh(6) < systemd(1)");
    has(&native[2]["log"], &expected);
}

#[test]
fn json_has_the_columns_of_the_database_and_the_host() {
    let rows = lines(
        &mut encoder(Format::Json, false),
        batch(0, vec![named("curl"), nameless()]),
    );
    let curl = json!({
        "type": "usage",
        "window_start": "2023-11-14T22:13:20Z", "window_end": "2023-11-14T22:13:21Z",
        "host": "h1", "process": "curl", "pid": 7, "exe": "/usr/bin/curl",
        "user": "ada", "uid": 1000, "attribution": "unknown",
        "protocol": "tcp", "local_port": 40_000,
        "remote_ip": "192.0.2.1", "remote_port": 443,
        "sent_bytes": 1500, "received_bytes": 20,
    });
    let unknown = json!({
        "type": "usage",
        "window_start": "2023-11-14T22:13:20Z", "window_end": "2023-11-14T22:13:21Z",
        "host": "h1", "process": "", "pid": 7, "attribution": "unknown",
        "protocol": "udp", "local_port": 40_000, "remote_ip": "unresolved",
        "sent_bytes": 1500, "received_bytes": 20,
    });
    assert_eq!(rows, [curl, unknown]);
}

#[test]
fn what_was_folded_and_frames_have_no_ports() {
    let folded = Usage {
        remote: Remote::Other,
        ..named("curl")
    };
    let usage = vec![folded, frames("curl", 7, 0, 9)];
    let rows = lines(&mut encoder(Format::Json, false), batch(0, usage));
    let remotes: Vec<_> = rows.iter().map(|row| &row["remote_ip"]).collect();
    assert_eq!(remotes, ["other", "none"]);
    for row in &rows {
        assert_eq!(
            (row.get("local_port"), row.get("remote_port")),
            (None, None)
        );
    }
    assert_eq!(rows[1]["protocol"], "packet");
}

#[test]
fn a_metric_is_written_as_vector_reads_it() {
    let event = Event::Usage(Arc::new(batch(0, vec![named("curl")])));
    let mut encoder = encoder(Format::NativeJson, false);
    let lines: Vec<_> = encoder.lines(&event).collect();
    let tags = r#"{"collector":"process_network","host":"h1","name":"curl","protocol":"tcp"}"#;
    let golden = |name, value| {
        format!(
            r#"{{"metric":{{"name":"{name}","namespace":"host","tags":{tags},"timestamp":"2023-11-14T22:13:21Z","interval_ms":1000,"kind":"incremental","counter":{{"value":{value}}}}}}}{}"#,
            '\n'
        )
    };
    let expected = [
        golden("process_network_transmit_bytes_total", "1500.0"),
        golden("process_network_receive_bytes_total", "20.0"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn metrics_sum_up_processes_of_one_name_and_leave_out_what_did_not_move() {
    let other = flow("curl", 8, "192.0.2.9", 500, 0);
    let silent = flow("wget", 9, "192.0.2.9", 0, 3);
    let found = lines(
        &mut encoder(Format::NativeJson, false),
        batch(0, vec![named("curl"), other, silent]),
    );
    let values: Vec<_> = found
        .iter()
        .map(|line| {
            let metric = &line["metric"];
            (
                metric["tags"]["name"].as_str().unwrap(),
                metric["counter"]["value"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(values, [("curl", 2000.0), ("curl", 20.0), ("wget", 3.0)]);
}

#[test]
fn a_tag_is_a_text_that_is_not_empty_or_it_is_not_there() {
    let mut encoder = Encoder::new(
        Format::NativeJson,
        false,
        Origin {
            host: String::new(),
            pid: 1,
        },
    );
    let found = lines(&mut encoder, batch(0, vec![nameless()]));
    assert_eq!(found.len(), 2);
    for line in found {
        let tags = json!({ "collector": "process_network", "protocol": "udp" });
        assert_eq!(line["metric"]["tags"], tags);
    }
}

#[test]
fn an_interval_that_vector_would_reject_is_left_out() {
    let length = |milliseconds| {
        let mut batch = batch(0, vec![named("curl")]);
        batch.window.end = batch.window.start + jiff::SignedDuration::from_millis(milliseconds);
        lines(&mut encoder(Format::NativeJson, false), batch)[0]["metric"]
            .get("interval_ms")
            .cloned()
    };
    assert_eq!(length(10_000), Some(json!(10_000)));
    for rejected in [0, -5, i64::from(u32::MAX) + 1] {
        assert_eq!(length(rejected), None, "{rejected}");
    }
}

#[test]
fn times_are_rfc_3339_in_utc_with_their_fraction() {
    let mut batch = batch(0, vec![named("curl")]);
    batch.window.end = batch.window.start + jiff::SignedDuration::from_millis(1518);
    let found = lines(&mut encoder(Format::NativeJson, true), batch);
    assert_eq!(found[0]["metric"]["timestamp"], "2023-11-14T22:13:21.518Z");
    assert_eq!(found[2]["log"]["timestamp"], "2023-11-14T22:13:21.518Z");
}

#[test]
fn the_largest_count_is_a_finite_float() {
    let usage = flow("curl", 7, "192.0.2.1", u64::MAX, u64::MAX);
    let found = lines(
        &mut encoder(Format::NativeJson, false),
        batch(0, vec![usage.clone(), usage]),
    );
    for line in found {
        let value = &line["metric"]["counter"]["value"];
        assert!(
            value.is_f64() && value.as_f64().unwrap().is_finite(),
            "{value}"
        );
    }
}

#[test]
fn a_flow_is_a_log_record_with_its_own_process_at_the_top_and_no_null() {
    let found = lines(
        &mut encoder(Format::NativeJson, true),
        batch(0, vec![named("curl"), nameless(), well_known()]),
    );
    let logs: Vec<_> = found.iter().filter_map(|line| line.get("log")).collect();
    assert_eq!(logs.len(), 3);
    for log in logs {
        let log = log.as_object().unwrap();
        assert_eq!((&log["host"], &log["pid"]), (&json!("h1"), &json!(7)));
        assert!(log.values().all(|value| !value.is_null()), "{log:?}");
        assert!(
            log.values()
                .all(|value| value.is_string() || value.is_u64() || value.is_boolean()),
            "flat: {log:?}"
        );
    }
}

#[test]
fn losses_are_log_records_about_this_process() {
    let count = LossCount {
        events: 2,
        sent_bytes: 100,
        received_bytes: 0,
    };
    let mut lossy = batch(0, vec![]);
    lossy.losses.add(LossReason::FlowsFull, count);
    let record = json!({
        "type": "loss", "timestamp": "2023-11-14T22:13:21Z", "host": "h1", "pid": 4242,
        "level": "warn", "message": LossReason::FlowsFull.meaning(),
        "reason": "flows_full", "events": 2, "sent_bytes": 100, "received_bytes": 0,
    });
    let native = lines(&mut encoder(Format::NativeJson, false), lossy.clone());
    assert_eq!(native, [json!({ "log": record })]);
    assert_eq!(lines(&mut encoder(Format::Json, false), lossy), [record]);
}

#[test]
fn a_degradation_is_told_once_until_it_comes_back() {
    let mut encoder = encoder(Format::NativeJson, false);
    let degraded = Event::Health(Arc::new(degraded_health()));
    let well = Event::Health(Arc::new(crate::live::testing::health()));
    let mut told = |event| encoder.lines(event).collect::<Vec<_>>();
    let record = json!({ "log": {
        "type": "degradation", "timestamp": "2023-11-14T22:13:21Z", "host": "h1", "pid": 4242,
        "level": "warn", "message": "UDP remotes may be unresolved",
        "code": "cgroup_hooks_missing", "remedy": "grant CAP_NET_ADMIN",
    }});
    assert_eq!(parsed(&told(&degraded)[0]), record);
    let counts = [&degraded, &well, &degraded].map(|event| told(event).len());
    assert_eq!(counts, [0, 0, 1]);
}

#[test]
fn a_failure_is_a_log_record_of_level_error() {
    let line = encoder(Format::NativeJson, false).failure(instant(0), "no\nrights");
    let record = json!({ "log": {
        "type": "failure", "timestamp": "2023-11-14T22:13:20Z", "host": "h1", "pid": 4242,
        "level": "error", "message": "no\nrights",
    }});
    assert_eq!(parsed(&line), record);
}

#[test]
fn hostile_names_stay_on_their_line_and_arrive_unchanged() {
    for format in [Format::Json, Format::NativeJson] {
        let event = Event::Usage(Arc::new(batch(0, vec![named(HOSTILE)])));
        let mut encoder = encoder(format, true);
        for line in encoder.lines(&event) {
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{line}");
            let value = parsed(&line);
            let name = [
                &value["process"],
                &value["log"]["process"],
                &value["metric"]["tags"]["name"],
            ];
            assert!(name.iter().any(|name| **name == HOSTILE), "{line}");
        }
    }
}

/// Why Vector would reject a line, or would read something else than is meant.
fn refusal(line: &Value) -> Option<String> {
    let nothing = serde_json::Map::new();
    let event = line.as_object().unwrap_or(&nothing);
    let is_time = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.ends_with('Z') && text.parse::<Timestamp>().is_ok()
    };
    match event.iter().collect::<Vec<_>>()[..] {
        [(kind, Value::Object(log))] if kind == "log" => {
            let is_scalar =
                |value: &Value| value.is_string() || value.is_i64() || value.is_boolean();
            let bad = log.iter().find(|(_, value)| !is_scalar(value));
            let missing = ["timestamp", "pid", "message"];
            let missing = missing.iter().find(|field| !log.contains_key(**field));
            bad.map(|(field, value)| format!("{field}: {value}"))
                .or_else(|| missing.map(|field| format!("no {field}")))
                .or_else(|| (!is_time(&log["timestamp"])).then(|| "the time".to_owned()))
        }
        [(kind, metric)] if kind == "metric" => {
            let tags = metric["tags"].as_object().unwrap_or(&nothing);
            let is_tag = |tag: &Value| tag.as_str().is_some_and(|text| !text.is_empty());
            let interval = metric.get("interval_ms");
            let value = &metric["counter"]["value"];
            let complaints = [
                (tags.values().all(is_tag), "a tag"),
                (tags.contains_key("host"), "no host"),
                (is_time(&metric["timestamp"]), "the time"),
                (
                    interval.is_none_or(|interval| interval.as_u64() > Some(0)),
                    "the interval",
                ),
                (value.as_f64().is_some_and(f64::is_finite), "the value"),
                (metric["kind"] == "incremental", "the kind"),
            ];
            let found = complaints.into_iter().find(|(holds, _)| !holds);
            found.map(|(_, complaint)| format!("{complaint}: {metric}"))
        }
        _ => Some("neither a log nor a metric alone".to_owned()),
    }
}

#[test]
fn vector_takes_every_kind_of_line() {
    let mut everything = batch(
        0,
        vec![
            well_known(),
            nameless(),
            named(HOSTILE),
            frames("f", 7, 0, 9),
        ],
    );
    for reason in LossReason::ALL {
        everything.losses.add(
            reason,
            LossCount {
                events: 1,
                sent_bytes: 2,
                received_bytes: 3,
            },
        );
    }
    let mut encoder = encoder(Format::NativeJson, true);
    let mut found = lines(&mut encoder, everything);
    let degraded = Event::Health(Arc::new(degraded_health()));
    found.extend(encoder.lines(&degraded).map(|line| parsed(&line)));
    found.push(parsed(&encoder.failure(instant(0), "no rights")));
    assert!(found.len() > 4 + LossReason::ALL.len(), "{}", found.len());
    for line in found {
        assert_eq!(refusal(&line), None, "{line}");
    }
}

#[test]
fn what_vector_rejects_is_seen() {
    for line in [
        json!({ "message": "no wrapping" }),
        json!({ "log": "text" }),
        json!({ "log": { "timestamp": 1_700_000_000, "pid": 1, "message": "usage" } }),
        json!({ "log": { "timestamp": "2023-11-14T22:13:20+01:00", "pid": 1, "message": "" } }),
        json!({ "log": { "timestamp": "2023-11-14T22:13:20Z", "pid": null, "message": "" } }),
        json!({ "log": { "timestamp": "2023-11-14T22:13:20Z", "message": "whose?" } }),
        json!({ "metric": { "tags": { "host": "h", "pid": 42 } } }),
        json!({ "metric": { "tags": { "host": "h", "pid": null } } }),
    ] {
        assert!(refusal(&line).is_some(), "{line}");
    }
}

/// Vector has no larger whole number: it reads such a count as a float. It is written with all its
/// digits, for readers that keep them.
#[test]
fn a_count_that_vector_cannot_hold_keeps_its_digits() {
    let largest = i64::MAX.cast_unsigned();
    let sent = |bytes| {
        let usage = flow("curl", 7, "192.0.2.1", bytes, 0);
        let event = Event::Usage(Arc::new(batch(0, vec![usage])));
        let text: String = encoder(Format::NativeJson, true).lines(&event).collect();
        text.contains(&format!("\"sent_bytes\":{bytes},"))
    };
    for bytes in [largest, largest + 1, u64::MAX] {
        assert!(sent(bytes), "{bytes}");
    }
}
