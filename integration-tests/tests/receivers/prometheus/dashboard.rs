//! The Grafana dashboard: every question in it is put to a real Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::talker::prefix;
use nettally_integration_tests::harness::wait;
use serde_json::Value;

use super::{RULES, scraped};

const DASHBOARD: &str = include_str!("../../../../config-examples/grafana/nettally.json");

/// What writes `/metrics`.
const WRITERS: [&str; 2] = [
    include_str!("../../../../standalone/src/http/metrics.rs"),
    include_str!("../../../../standalone/src/http/metrics/sinks.rs"),
];

/// Panels about what does not happen to a daemon that is well, has no history older than the test,
/// or has no sink that makes requests.
const MAY_BE_EMPTY: [&str; 3] = ["Losses by reason", "Bytes concerned", "Failures of sinks"];

struct Panel {
    title: String,
    expressions: Vec<String>,
}

fn panels() -> Vec<Panel> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let shown = panels.iter().filter(|panel| panel["type"] != "row");
    shown
        .map(|panel| Panel {
            title: panel["title"].as_str().expect("a title").to_owned(),
            expressions: panel["targets"]
                .as_array()
                .expect("questions")
                .iter()
                .map(|target| target["expr"].as_str().expect("PromQL").to_owned())
                .collect(),
        })
        .collect()
}

/// As Grafana asks with its defaults, over a range that fits a test.
fn filled_in(expression: &str) -> String {
    let mut filled = expression.to_owned();
    for (variable, value) in [
        ("$__rate_interval", "10s"),
        ("$__range", "10s"),
        ("$instance", ".*"),
        ("$process", ".*"),
        ("$top", "10"),
    ] {
        filled = filled.replace(variable, value);
    }
    assert!(!filled.contains('$'), "an unknown variable: {filled}");
    filled
}

/// Names of ours in a text.
fn metric_names(text: &str) -> BTreeSet<&str> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.split(|character| !is_word(character))
        .filter(|word| word.starts_with("nettally_") || word.starts_with("host_process_"))
        .collect()
}

#[test]
fn every_metric_of_dashboard_and_alerts_is_written() {
    let mut names = metric_names(RULES);
    let panels = panels();
    for panel in &panels {
        for expression in &panel.expressions {
            names.extend(metric_names(expression));
        }
    }
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let quoted = format!("\"{name}\"");
        assert!(WRITERS.iter().any(|text| text.contains(&quoted)), "{name}");
    }
}

#[test]
fn panels_lie_beside_each_other_and_have_their_own_numbers() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64()), "{}", panel["title"]);
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} covers another", panel["title"]);
            }
        }
    }
}

#[test]
fn prometheus_answers_every_panel() {
    let prefix = prefix('d');
    let (_daemon, prometheus) = scraped(&prefix);
    let _drip = Drip::start(&format!("{prefix}x"), 1000, Duration::from_millis(20));
    let panels = panels();
    assert!(panels.len() >= 18, "{}", panels.len());
    for Panel { title, expressions } in panels {
        for expression in expressions {
            let question = filled_in(&expression);
            if MAY_BE_EMPTY.contains(&title.as_str()) {
                prometheus.query(&question).expect("it can be asked");
                continue;
            }
            wait::until(Duration::from_secs(30), || {
                let found = prometheus.query(&question)?;
                let is_number = |value: &str| value.parse::<f64>().is_ok_and(f64::is_finite);
                (!found.is_empty() && found.iter().all(|series| is_number(&series.value)))
                    .then_some(())
                    .ok_or_else(|| format!("{title}: {question}: {found:?}"))
            });
        }
    }
    // A rate is there and what is sent is seen, not only that the questions can be asked.
    let sent =
        filled_in("sum(rate(host_process_network_transmit_bytes_total[$__rate_interval])) > 1000");
    wait::until(Duration::from_secs(30), || {
        let found = prometheus.query(&sent)?;
        (found.len() == 1).then_some(()).ok_or_else(|| sent.clone())
    });
}
