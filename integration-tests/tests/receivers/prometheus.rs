//! What Debian's Prometheus makes of `/metrics`, and of the examples for it.

mod alerts;
mod dashboard;

use std::collections::BTreeMap;
use std::time::Duration;

use nettally_integration_tests::harness::compare::differences;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces::Face;
use nettally_integration_tests::harness::prometheus::{Prometheus, Series, promtool};
use nettally_integration_tests::harness::talker::{prefix, talk};
use nettally_integration_tests::harness::wait;
use nettally_integration_tests::traffic::Moved;
use serde_json::Value;

const CONFIG: &str = include_str!("../../../config-examples/prometheus/prometheus.yml");
const RULES: &str = include_str!("../../../config-examples/prometheus/nettally.rules.yml");

/// A daemon that counts processes whose names begin so, and a Prometheus as the example sets it up,
/// but that it scrapes every second.
fn scraped(prefix: &str) -> (Daemon, Prometheus) {
    let daemon = Daemon::start(&Setup {
        source: vec![format!("processes: {{ include: [\"{prefix}*\"] }}")],
        ..Setup::default()
    });
    let mut config = CONFIG.to_owned();
    for (example, ours) in [
        ("127.0.0.1:9797", daemon.api.to_string().as_str()),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
    ] {
        assert!(config.contains(example), "no {example} in the example");
        config = config.replace(example, ours);
    }
    config.push_str("\nglobal: { evaluation_interval: 1s }\n");
    let files = [
        ("prometheus.yml", config.as_str()),
        ("nettally.rules.yml", RULES),
    ];
    (daemon, Prometheus::start(&files))
}

/// Bytes by process and protocol, sent and received.
type Sums = BTreeMap<(String, String), [u64; 2]>;

/// What Prometheus holds.
fn held(prometheus: &Prometheus) -> Result<Sums, String> {
    let mut sums = Sums::new();
    for (place, direction) in ["transmit", "receive"].into_iter().enumerate() {
        let name = format!("host_process_network_{direction}_bytes_total");
        for Series { labels, value } in prometheus.query(&name)? {
            let label = |label: &str| labels.get(label).cloned().unwrap_or_default();
            let bytes: u64 = value.parse().map_err(|error| format!("{value}: {error}"))?;
            sums.entry((label("process"), label("protocol")))
                .or_default()[place] += bytes;
        }
    }
    Ok(sums)
}

/// What `nettally report` says of everything.
fn reported(daemon: &Daemon) -> Result<(Sums, [u64; 2]), String> {
    let by = ["--group-by", "process,protocol"];
    let text = daemon.report(&["--json", "--since", "-1h", by[0], by[1]])?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let bytes = |row: &Value| {
        let both = [&row["sent_bytes"], &row["received_bytes"]];
        both.map(|bytes| bytes.as_u64().unwrap_or_default())
    };
    let rows = answer["rows"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = rows.iter().map(|row| {
        let key = (text(&row["process"]), text(&row["protocol"]));
        (key, bytes(row))
    });
    Ok((rows.collect(), bytes(&answer["total"])))
}

fn sums(truth: &[Moved]) -> Sums {
    let mut sums = Sums::new();
    for row in truth {
        let key = (row.process.clone(), row.protocol.name().to_owned());
        let sum = sums.entry(key).or_default();
        sum[0] += row.sent_bytes;
        sum[1] += row.received_bytes;
    }
    sums
}

#[test]
fn prometheus_holds_what_the_report_says_to_the_byte() {
    let prefix = prefix('p');
    let (daemon, prometheus) = scraped(&prefix);
    let mut truth = Vec::new();
    for (letter, tcp_bytes, udp_bytes) in [
        ('a', 3_000_001, 1),
        ('b', 123_456, 70_007),
        ('c', 1, 0),
        ('a', 17, 1_401),
    ] {
        truth.extend(talk(&format!("{prefix}{letter}"), tcp_bytes, udp_bytes));
    }
    let pids = truth.iter().map(|row| row.pid).collect();
    wait::until(Duration::from_secs(60), || {
        differences(&pids, &truth, &Face::Report.read(&daemon)?)
    });
    let expected = sums(&truth);
    let (rows, total) = reported(&daemon).expect("it has answered just now");
    assert_eq!(rows, expected, "nobody else is counted");
    wait::until(Duration::from_secs(30), || {
        let held = held(&prometheus)?;
        (held == expected)
            .then_some(())
            .ok_or_else(|| format!("moved {expected:?}, held {held:?}"))
    });
    let held = held(&prometheus).expect("it has answered just now");
    let sum = |place: usize| held.values().map(|bytes| bytes[place]).sum::<u64>();
    assert_eq!([sum(0), sum(1)], total);
    println!("{total:?} bytes in {} pairs of counters", held.len());
}

#[test]
fn promtool_has_no_complaints() {
    let prefix = prefix('q');
    let (daemon, _prometheus) = scraped(&prefix);
    let truth = talk(&format!("{prefix}a"), 1000, 1000);
    let pids = truth.iter().map(|row| row.pid).collect();
    wait::until(Duration::from_secs(60), || {
        differences(&pids, &truth, &Face::Report.read(&daemon)?)
    });
    let text = daemon.get_text("/metrics").expect("it answers");
    assert!(text.contains("host_process_network_transmit_bytes_total{"));
    assert_eq!(promtool(&["check", "metrics"], &text), Ok(String::new()));
    let wrong = "# TYPE x_milliseconds counter\nx_milliseconds 1\n";
    assert!(promtool(&["check", "metrics"], wrong).is_err());
}
