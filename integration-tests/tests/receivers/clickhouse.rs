//! The tables and questions of `config-examples/clickhouse`, in ClickHouse's own engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nettally_integration_tests::harness::clickhouse::{Clickhouse, statements};
use nettally_integration_tests::harness::lines::printed;
use nettally_integration_tests::harness::talker::{prefix, talk};
use nettally_integration_tests::harness::{programs, require_root, wait};
use nettally_integration_tests::traffic::Moved;
use serde_json::{Value, json};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../../../config-examples/clickhouse/schema.sql");
const QUERIES: &str = include_str!("../../../config-examples/clickhouse/queries.sql");
const NETTALLY: &str = include_str!("../../../config-examples/clickhouse/nettally.yaml");

const DIRECTIONS: [&str; 2] = ["sent_bytes", "received_bytes"];

/// As Vector's sink `clickhouse` asks with the options of our examples.
const AS_VECTOR: &str = "query=INSERT+INTO+%7Bdatabase:Identifier%7D.%7Btable:Identifier%7D\
     +FORMAT+JSONEachRow&param_database=nettally&param_table=incoming\
     &input_format_import_nested_json=1&input_format_skip_unknown_fields=1\
     &date_time_input_format=best_effort";

fn with_tables() -> Clickhouse {
    let clickhouse = Clickhouse::start();
    clickhouse.run(SCHEMA);
    // What is there already is left alone.
    clickhouse.run(SCHEMA);
    clickhouse
}

/// Sent and received bytes that a table has in rows that fulfil a condition.
fn sums(clickhouse: &Clickhouse, table: &str, condition: &str) -> Result<[u64; 2], String> {
    let sum = |bytes| {
        clickhouse.number(&format!(
            "SELECT sum({bytes}) AS sum FROM nettally.{table} WHERE {condition}"
        ))
    };
    let [sent, received] = DIRECTIONS.map(sum);
    Ok([sent?, received?])
}

/// By process number.
fn moved(truth: &[Moved]) -> BTreeMap<u32, [u64; 2]> {
    let mut sums = BTreeMap::<u32, [u64; 2]>::new();
    for row in truth {
        let sum = sums.entry(row.pid).or_default();
        sum[0] += row.sent_bytes;
        sum[1] += row.received_bytes;
    }
    sums
}

/// Every question, in the order of the file.
#[track_caller]
fn answers(clickhouse: &Clickhouse) -> Vec<Vec<Value>> {
    let ask = |question: &String| {
        clickhouse
            .ask(question)
            .unwrap_or_else(|error| panic!("{question}\n{error}"))
    };
    statements(QUERIES).iter().map(ask).collect()
}

/// The configuration of the example, but for where it goes and is kept, and how often.
fn configured(directory: &Path, clickhouse: &Clickhouse) -> String {
    let mut config = NETTALLY.to_owned();
    for (example, ours) in [
        ("clickhouse.example:8123", clickhouse.address.as_str()),
        ("scrape_interval_secs: 10", "scrape_interval_secs: 0.2"),
        ("timeout_secs: 10", "timeout_secs: 1"),
    ] {
        assert!(config.contains(example), "no {example} in the example");
        config = config.replace(example, ours);
    }
    let data_dir = directory.join("data");
    format!(
        "{config}\ndata_dir: {}\napi: {{ enabled: false }}\n",
        data_dir.display()
    )
}

/// Everything of the whole machine, its own insertions among it, as nobody else is left out.
#[test]
fn a_machine_that_inserts_itself_has_what_its_report_says_to_the_byte() {
    require_root();
    let clickhouse = with_tables();
    let directory = TempDir::new().expect("a directory for the test");
    let config = directory.path().join("nettally.yaml");
    std::fs::write(&config, configured(directory.path(), &clickhouse)).expect("our own directory");
    let log = directory.path().join("log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let mut daemon = Command::new(programs::nettally())
        .args(["run", "-c"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("our own directory"))
        .spawn()
        .expect("the program starts");
    let name = prefix('h');
    // It measures when it has told of somebody.
    wait::until(Duration::from_secs(60), || {
        drop(talk(&format!("{name}a"), 1, 0));
        let seen = format!("SELECT count() FROM nettally.flows WHERE process = '{name}a'");
        match clickhouse.number(&seen)? {
            0 => Err(said()),
            _ => Ok(()),
        }
    });
    let truth = talk(&format!("{name}b"), 2_000_003, 123_457);
    // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
    unsafe { libc::kill(daemon.id().cast_signed(), libc::SIGTERM) };
    let status = daemon.wait().expect("our own child");
    assert!(status.success(), "{status}: {}", said());

    let report = Command::new(programs::nettally())
        .args(["report", "--json", "--since", "-1h", "-c"])
        .arg(&config)
        .output()
        .expect("the program starts");
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let total = DIRECTIONS.map(|bytes| report["total"][bytes].as_u64().expect("a total"));
    let without_frames = "protocol != 'packet'";
    for table in ["flows", "flows_by_hour"] {
        assert_eq!(
            sums(&clickhouse, table, without_frames),
            Ok(total),
            "{table}"
        );
    }
    for (pid, bytes) in moved(&truth) {
        let found = sums(
            &clickhouse,
            "flows",
            &format!("pid = {pid} AND process = '{name}b'"),
        );
        assert_eq!(found, Ok(bytes));
    }
    let answers = answers(&clickhouse);
    let [most, days, networks, new, rates, ..] = &answers[..] else {
        panic!("{answers:?}")
    };
    for (answer, name) in [
        (most, "most"),
        (days, "days"),
        (networks, "networks"),
        (new, "new"),
        (rates, "rates"),
    ] {
        assert!(!answer.is_empty(), "{name}");
    }
    let sum = |field: &str| {
        days.iter()
            .map(|row| row[field].as_u64().expect("a number"))
            .sum::<u64>()
    };
    assert_eq!([sum("sent"), sum("received")], total, "per day and machine");
    println!(
        "{total:?} bytes, {} flows",
        clickhouse
            .number("SELECT count() FROM nettally.flows")
            .unwrap_or_default()
    );
}

#[test]
fn what_vector_inserts_has_every_byte() {
    let clickhouse = with_tables();
    let name = prefix('v');
    let options = ["--format", "native_json", "--flows"];
    let (lines, truth) = printed(&options, || talk(&format!("{name}a"), 1_000_001, 50_021));
    let rows: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let mut event: Value = serde_json::from_str(line).expect("JSON");
            let log = event.get_mut("log")?;
            // What Vector adds.
            log["source_type"] = json!("exec");
            log["stream"] = json!("stdout");
            log["command"] = json!(["nettally", "stream"]);
            Some(log.to_string())
        })
        .collect();
    clickhouse
        .post(AS_VECTOR, &rows.join("\n"))
        .expect("it takes them");
    for (pid, bytes) in moved(&truth) {
        let found = sums(
            &clickhouse,
            "flows",
            &format!("pid = {pid} AND process = '{name}a'"),
        );
        assert_eq!(found, Ok(bytes));
    }
    let known = format!(
        "SELECT count() FROM nettally.flows WHERE process = '{name}a' AND remote_kind = 'address' \
         AND remote_ip = toIPv6('127.0.0.1') AND app != '' AND uid = 0 AND window_end > window_start"
    );
    let all = format!("SELECT count() FROM nettally.flows WHERE process = '{name}a'");
    assert_eq!(clickhouse.number(&known), clickhouse.number(&all));
}

/// A row with these fields beside those that all have.
fn row(fields: Value) -> String {
    let mut row = json!({
        "type": "usage", "window_start": "2026-11-23T10:59:59.5Z",
        "window_end": "2026-11-23T11:00:00.123456789Z", "host": "h1", "process": "curl", "pid": 7,
        "protocol": "tcp", "remote_ip": "192.0.2.1", "sent_bytes": 1, "received_bytes": 2,
    });
    let fields = fields.as_object().expect("an object").clone();
    row.as_object_mut().expect("an object").extend(fields);
    row.to_string()
}

#[test]
fn remotes_are_addresses_networks_or_words() {
    let clickhouse = with_tables();
    let cases = [
        (
            "192.0.2.77",
            "::ffff:192.0.2.77",
            "address",
            "::ffff:192.0.2.0",
        ),
        (
            "2001:db8:1:2::3",
            "2001:db8:1:2::3",
            "address",
            "2001:db8:1::",
        ),
        ("unresolved", "", "unresolved", ""),
        ("other", "", "other", ""),
        ("none", "", "none", ""),
    ];
    let rows = cases.map(|(told, ..)| row(json!({ "remote_ip": told, "process": told })));
    clickhouse
        .post(AS_VECTOR, &rows.join("\n"))
        .expect("it takes them");
    for (told, ip, kind, network) in cases {
        let one = |question: String| clickhouse.ask(&question).expect("it can be asked");
        let flows = one(format!(
            "SELECT ifNull(toString(remote_ip), '') AS ip, remote_kind AS kind \
             FROM nettally.flows WHERE process = '{told}'"
        ));
        assert_eq!(flows, [json!({ "ip": ip, "kind": kind })]);
        let hours = one(format!(
            "SELECT ifNull(toString(remote_prefix), '') AS network, toString(hour) AS hour, \
             toUInt32(windows) AS windows FROM nettally.flows_by_hour WHERE process = '{told}'"
        ));
        let hour = "2026-11-23 11:00:00";
        assert_eq!(
            hours,
            [json!({ "network": network, "hour": hour, "windows": 1 })]
        );
    }
}

#[test]
fn what_is_not_known_of_a_process_is_not_root() {
    let clickhouse = with_tables();
    let rows = [
        row(json!({ "process": "a" })),
        row(json!({ "process": "b", "uid": 0 })),
    ];
    clickhouse
        .post(AS_VECTOR, &rows.join("\n"))
        .expect("it takes them");
    let root = "SELECT groupArray(process) AS root FROM nettally.flows WHERE uid = 0";
    assert_eq!(clickhouse.ask(root), Ok(vec![json!({ "root": ["b"] })]));
}

#[test]
fn trouble_is_a_notice_and_no_flow() {
    let clickhouse = with_tables();
    let notice = |kind| {
        json!({
            "type": kind, "timestamp": "2026-11-23T11:00:00Z", "host": "h1", "pid": 4242,
            "level": "warn", "message": "m", "reason": "flows_full", "events": 2, "sent_bytes": 100,
            "received_bytes": 0,
        })
        .to_string()
    };
    let rows = ["loss", "degradation", "failure"].map(notice);
    clickhouse
        .post(AS_VECTOR, &rows.join("\n"))
        .expect("it takes them");
    assert_eq!(
        clickhouse.number("SELECT count() FROM nettally.notices"),
        Ok(3)
    );
    assert_eq!(
        clickhouse.number("SELECT count() FROM nettally.flows"),
        Ok(0)
    );
    let total = sums(&clickhouse, "notices", "reason = 'flows_full'");
    assert_eq!(total, Ok([300, 0]));
}

#[test]
fn an_insertion_that_does_not_fit_is_refused() {
    let clickhouse = with_tables();
    for wrong in [
        json!({ "pid": "seven" }),
        json!({ "window_end": "yesterday" }),
    ] {
        assert!(clickhouse.post(AS_VECTOR, &row(wrong)).is_err());
    }
    assert_eq!(
        clickhouse.number("SELECT count() FROM nettally.flows"),
        Ok(0)
    );
}

#[test]
fn hours_stay_exact_when_rows_are_merged() {
    let clickhouse = with_tables();
    for bytes in 1..=20 {
        let row = row(json!({ "sent_bytes": bytes, "received_bytes": u64::pow(10, 12) }));
        clickhouse.post(AS_VECTOR, &row).expect("it takes them");
    }
    clickhouse.run("OPTIMIZE TABLE nettally.flows_by_hour FINAL");
    assert_eq!(
        clickhouse.number("SELECT count() FROM nettally.flows_by_hour"),
        Ok(1)
    );
    let total = sums(&clickhouse, "flows_by_hour", "windows = 20");
    assert_eq!(total, Ok([210, 20 * u64::pow(10, 12)]));
}
