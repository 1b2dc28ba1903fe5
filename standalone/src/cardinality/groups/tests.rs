use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::cardinality::testing::{config, usage, usages};
use crate::live::testing::{flow, frames};

fn grouped(usage: &[Usage], config: &SeriesConfig) -> Vec<(String, ByProtocol)> {
    groups(usage, config, &config.labels())
        .into_iter()
        .map(|group| (group.values.join(" "), group.protocols))
        .collect()
}

#[test]
fn the_largest_are_told_and_the_rest_is_other() {
    let usage = [
        flow("a", 1, "192.0.2.1", 5, 0),
        flow("b", 2, "192.0.2.1", 40, 2),
        flow("c", 3, "192.0.2.1", 0, 30),
        flow("other", 4, "192.0.2.1", 50, 0),
    ];
    let config = SeriesConfig {
        top: Some(2),
        ..SeriesConfig::default()
    };
    let found: Vec<_> = grouped(&usage, &config)
        .into_iter()
        .map(|(name, protocols)| (name, both(&protocols)))
        .collect();
    // The one that is called so is among the largest, and yet the rest.
    assert_eq!(found, [("b".to_owned(), 42), ("other".to_owned(), 85)]);
}

#[test]
fn without_the_protocol_frames_are_left_out() {
    let usage = [flow("a", 1, "192.0.2.1", 5, 0), frames("a", 1, 0, 800)];
    let config = SeriesConfig {
        labels: vec![Label::Process],
        ..SeriesConfig::default()
    };
    let labels = config.labels();
    let groups = groups(&usage, &config, &labels);
    let rows: Vec<_> = groups
        .iter()
        .flat_map(|group| labels.rows(&group.protocols))
        .collect();
    let moved = Moved {
        sent_bytes: 5,
        received_bytes: 0,
    };
    let expected = Row {
        protocol: None,
        moved,
    };
    assert_eq!(rows, [expected]);
}

#[test]
fn without_any_label_there_is_one_series() {
    let usage = [
        flow("a", 1, "192.0.2.1", 5, 0),
        flow("b", 2, "192.0.2.2", 7, 1),
    ];
    let config = SeriesConfig {
        labels: Vec::new(),
        top: Some(1),
        ..SeriesConfig::default()
    };
    assert_eq!(grouped(&usage, &config).len(), 1);
}

proptest! {
    #[test]
    fn whatever_is_told_apart_the_sum_is_what_went_in(
        flows in usages(60),
        config in config(),
    ) {
        let usage: Vec<Usage> = flows.iter().map(usage).collect();
        let labels = config.labels();
        let groups = groups(&usage, &config, &labels);

        let mut expected = BTreeMap::new();
        for flow in usage.iter().filter(|flow| labels.has_protocol() || flow.protocol.is_in_totals()) {
            let sum: &mut Moved = expected.entry(labels.has_protocol().then_some(flow.protocol)).or_default();
            *sum += Moved { sent_bytes: flow.sent_bytes, received_bytes: flow.received_bytes };
        }
        expected.retain(|_, moved| moved.both() > 0);
        let mut found = BTreeMap::new();
        for row in groups.iter().flat_map(|group| labels.rows(&group.protocols)) {
            let sum: &mut Moved = found.entry(row.protocol).or_default();
            *sum += row.moved;
        }
        prop_assert_eq!(found, expected);
        if let Some(top) = config.top {
            prop_assert!(groups.len() <= top + 1);
        }
        let mut keys: Vec<_> = groups.iter().map(|group| &group.values).collect();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(keys.len(), groups.len(), "a series is there twice");
    }
}
