//! What a running `nettally stream` prints is what Vector's codecs take, and has every byte.

use std::collections::BTreeMap;

use nettally_integration_tests::harness::lines::printed;
use nettally_integration_tests::harness::talker::{prefix, talk};
use nettally_integration_tests::traffic::Moved;
use serde_json::Value;

/// Why the codec `native_json` would reject an event, or would read something else than is meant.
fn refusal(event: &Value) -> Option<String> {
    let is_time = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.ends_with('Z') && text.contains('T')
    };
    let event = event.as_object()?;
    let (kind, inner) = event.iter().next()?;
    let fields = inner.as_object().filter(|_| event.len() == 1);
    let fields = match (kind.as_str(), fields) {
        ("log" | "metric", Some(fields)) => fields,
        _ => return Some("neither a log nor a metric alone".to_owned()),
    };
    if !fields.get("timestamp").is_some_and(is_time) {
        return Some("the time".to_owned());
    }
    let wrong = if kind == "log" {
        let is_scalar = |value: &Value| value.is_string() || value.is_i64() || value.is_boolean();
        let has_both = fields.contains_key("pid") && fields.contains_key("host");
        !has_both || !fields.values().all(is_scalar)
    } else {
        let tags = inner["tags"].as_object();
        let is_tag = |tag: &Value| tag.as_str().is_some_and(|text| !text.is_empty());
        let has_tags =
            tags.is_some_and(|tags| tags.contains_key("host") && tags.values().all(is_tag));
        let interval = fields.get("interval_ms");
        let is_interval = interval.is_none_or(|interval| interval.as_u64() > Some(0));
        !has_tags || !is_interval || !inner["counter"]["value"].is_f64()
    };
    wrong.then(|| format!("a field: {inner}"))
}

/// Sent and received bytes by process name.
fn sums<'a>(
    rows: impl Iterator<Item = (&'a str, [u64; 2])>,
    prefix: &str,
) -> BTreeMap<String, [u64; 2]> {
    let mut sums = BTreeMap::<String, [u64; 2]>::new();
    for (name, bytes) in rows.filter(|(name, _)| name.starts_with(prefix)) {
        let sum = sums.entry(name.to_owned()).or_default();
        sum[0] += bytes[0];
        sum[1] += bytes[1];
    }
    sums
}

fn moved(truth: &[Moved], prefix: &str) -> BTreeMap<String, [u64; 2]> {
    let rows = truth.iter();
    sums(
        rows.map(|row| (&*row.process, [row.sent_bytes, row.received_bytes])),
        prefix,
    )
}

fn bytes(record: &Value) -> [u64; 2] {
    ["sent_bytes", "received_bytes"].map(|field| record[field].as_u64().unwrap_or_default())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn native_json_is_taken_and_metrics_and_records_both_have_every_byte() {
    let prefix = prefix('n');
    let options = ["--format", "native_json", "--flows"];
    let (lines, truth) = printed(&options, || {
        let mut truth = talk(&format!("{prefix}a"), 1_000_003, 30_011);
        truth.extend(talk(&format!("{prefix}b"), 7, 1));
        truth
    });
    let events: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    for event in &events {
        assert_eq!(refusal(event), None, "{event}");
    }
    let truth = moved(&truth, &prefix);
    let logs = events.iter().filter_map(|event| event.get("log"));
    let of_logs = sums(logs.map(|log| (text(&log["process"]), bytes(log))), &prefix);
    assert_eq!(of_logs, truth);
    let metrics = events.iter().filter_map(|event| event.get("metric"));
    let of_metrics = metrics.map(|metric| {
        let value = metric["counter"]["value"].as_f64().expect("a number");
        assert_eq!(value.fract(), 0.0, "{metric}");
        let value = format!("{value}").parse().expect("a whole number");
        let bytes = match text(&metric["name"]) {
            "process_network_transmit_bytes_total" => [value, 0],
            "process_network_receive_bytes_total" => [0, value],
            other => panic!("{other}"),
        };
        (text(&metric["tags"]["name"]), bytes)
    });
    assert_eq!(sums(of_metrics, &prefix), truth);
    println!("{} events, {truth:?}", events.len());
}

#[test]
fn json_has_what_the_examples_ask_of_it() {
    let prefix = prefix('j');
    let (lines, truth) = printed(&["--format", "json"], || {
        talk(&format!("{prefix}a"), 70_001, 1)
    });
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    for row in &rows {
        let time = if row["type"] == "usage" {
            "window_end"
        } else {
            "timestamp"
        };
        assert!(text(&row[time]).ends_with('Z'), "{row}");
        assert!(row["pid"].is_u64() && row["host"].is_string(), "{row}");
    }
    let usage = rows.iter().filter(|row| row["type"] == "usage");
    let found = sums(
        usage.map(|row| (text(&row["process"]), bytes(row))),
        &prefix,
    );
    assert_eq!(found, moved(&truth, &prefix));
}
