//! A receiver of OpenTelemetry's protocol that is none of ours.

use std::collections::BTreeMap;

use nettally_integration_tests::harness::open_telemetry::{Collector, Point};
use nettally_integration_tests::harness::receivers::{Bytes, Measured, measured};
use nettally_integration_tests::harness::wait;

type Held = BTreeMap<(String, String), Bytes>;

#[test]
fn cumulative_sums_in_a_collector_are_the_report_to_the_byte() {
    holds_what_the_report_has("cumulative", "gzip", |sum, value| *sum = value);
}

#[test]
fn deltas_in_a_collector_add_up_to_the_report_to_the_byte() {
    holds_what_the_report_has("delta", "none", |sum, value| *sum += value);
}

#[track_caller]
fn holds_what_the_report_has(temporality: &str, compression: &str, take: fn(&mut u64, u64)) {
    let collector = Collector::start();
    let Measured { report, .. } = measured(&[
        "type: otlp",
        &format!("endpoint: http://{}", collector.address),
        &format!("temporality: {temporality}"),
        &format!("compression: {compression}"),
        "series: { labels: [process, protocol] }",
    ]);
    wait::until(wait::PATIENCE, || {
        let held = held(&collector.points(), temporality, take);
        if held == *report.rows() {
            Ok(())
        } else {
            Err(format!("expected {:?}, found {held:?}", report.rows()))
        }
    });
}

fn held(points: &[Point], temporality: &str, take: fn(&mut u64, u64)) -> Held {
    let mut held = Held::new();
    for point in points {
        if point.metric != "process.network.io" {
            continue;
        }
        assert!(
            point.temporality.to_lowercase().ends_with(temporality),
            "{point:?}"
        );
        let attribute = |name: &str| match point.attributes.get(name) {
            Some(text) => text.clone(),
            None => panic!("no {name}: {point:?}"),
        };
        let of = ["nettally.process.name", "network.transport"].map(attribute);
        let direction = match attribute("network.io.direction").as_str() {
            "transmit" => 0,
            "receive" => 1,
            _ => panic!("{point:?}"),
        };
        let value = point.value.parse().expect("a whole number");
        let sums = held.entry(of.into()).or_default();
        take(&mut sums[direction], value);
    }
    held
}
