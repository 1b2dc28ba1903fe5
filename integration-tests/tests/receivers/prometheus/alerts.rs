//! The example alerts: sound, about counters that exist, and raised when they should be.

use std::time::Duration;

use nettally_integration_tests::harness::prometheus::promtool;
use nettally_integration_tests::harness::talker::prefix;
use nettally_integration_tests::harness::wait;

use super::scraped;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config-examples/prometheus");
const CASES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/receivers/prometheus/alerts.test.yml"
);

#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    for (check, file) in [
        ("config", "prometheus.yml"),
        ("rules", "nettally.rules.yml"),
    ] {
        let printed = promtool(&["check", check, &format!("{FOLDER}/{file}")], "").unwrap();
        assert!(printed.contains("SUCCESS: 7 rules found"), "{printed}");
    }
}

#[test]
fn every_alert_is_raised_when_it_should_be_and_not_before() {
    let printed = promtool(&["test", "rules", CASES], "").unwrap();
    assert!(printed.contains("SUCCESS"), "{printed}");
    let rules = std::fs::read_to_string(format!("{FOLDER}/nettally.rules.yml")).unwrap();
    let cases = std::fs::read_to_string(CASES).unwrap();
    for alert in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        let raised = cases.contains(&format!("alertname: {alert}\n"));
        let quiet = cases.contains(&format!("alertname: {alert} }}"));
        assert!(raised && quiet, "{alert} has not both cases");
    }
}

#[test]
fn a_daemon_that_is_well_raises_none() {
    let (_daemon, prometheus) = scraped(&prefix('r'));
    wait::until(Duration::from_secs(30), || {
        let up = prometheus.query("up{job=\"nettally\"} == 1")?;
        let rules = prometheus.get("rules", &[])?;
        let rules = rules["groups"][0]["rules"].as_array().cloned();
        let rules = rules.unwrap_or_default();
        let is_quiet = |rule: &serde_json::Value| {
            rule["health"] == "ok"
                && (rule["state"] == "inactive" || rule["name"] == "NettallySeesLess")
        };
        (up.len() == 1 && rules.len() == 7 && rules.iter().all(is_quiet))
            .then_some(())
            .ok_or_else(|| format!("{up:?} {rules:?}"))
    });
}
