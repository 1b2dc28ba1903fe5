//! What every source and sink tells alike, in the words of Vector's component specification; and what
//! became of the configuration.

use nettally_source::{ComponentCounters, LossCount, LossReason};

use super::super::api::Api;
use super::exposition::{Exposition, Kind};
use crate::config::{Reload, ReloadResult};

/// A source or a sink.
struct Component {
    id: String,
    kind: &'static str,
    type_name: &'static str,
    counters: ComponentCounters,
}

/// A figure of all of them.
struct Figure {
    name: &'static str,
    help: &'static str,
    value: fn(&ComponentCounters) -> u64,
}

const FIGURES: [Figure; 5] = [
    Figure {
        name: "nettally_component_received_events_total",
        help: "Rows of usage that a sink has taken in.",
        value: |counters| counters.received.events,
    },
    Figure {
        name: "nettally_component_sent_events_total",
        help: "Rows that a source has passed on; what a sink has delivered or stored, in its own units.",
        value: |counters| counters.sent.events,
    },
    Figure {
        name: "nettally_component_sent_bytes_total",
        help: "Bytes that a sink has put on the network, before compression.",
        value: |counters| counters.sent_bytes,
    },
    Figure {
        name: "nettally_component_errors_total",
        help: "What went wrong in a component, whether or not it was made good later.",
        value: |counters| counters.errors,
    },
    Figure {
        name: "nettally_component_discarded_events_total",
        help: "Events that a component has given up for good.",
        value: |counters| counters.discarded.events,
    },
];

/// The bytes that the events tell of: by them the books balance, whatever a sink makes of events.
const TOLD: [Figure; 3] = [
    Figure {
        name: "nettally_component_received_usage_bytes_total",
        help: "Bytes, sent and received by processes, that a sink was told of.",
        value: |counters| both(counters.received),
    },
    Figure {
        name: "nettally_component_sent_usage_bytes_total",
        help: "Bytes, sent and received by processes, that a component has told of.",
        value: |counters| both(counters.sent),
    },
    Figure {
        name: "nettally_component_discarded_usage_bytes_total",
        help: "Bytes, sent and received by processes, that a component was to tell of and gave up.",
        value: |counters| both(counters.discarded),
    },
];

fn both(count: LossCount) -> u64 {
    count.sent_bytes.saturating_add(count.received_bytes)
}

pub(super) fn write(text: &mut Exposition, api: &Api) {
    let components = components(api);
    for Figure { name, help, value } in FIGURES.iter().chain(&TOLD) {
        let mut family = text.family(name, Kind::Counter, help);
        for component in &components {
            let labels = [
                ("component_id", component.id.as_str()),
                ("component_kind", component.kind),
                ("component_type", component.type_name),
            ];
            family.sample(&labels, value(&component.counters));
        }
    }
    gaps(text, api);
    reloads(text, api);
}

fn components(api: &Api) -> Vec<Component> {
    let reports = api.live.reports();
    let sources = api.roster.sources().into_iter().map(|source| {
        let mut counters = source.routes.counters();
        let report = reports.iter().find(|report| report.source == source.name);
        let not_delivered = report.map(|report| report.losses.get(LossReason::NotDelivered));
        counters.discarded = not_delivered.unwrap_or_default();
        Component {
            id: source.name,
            kind: "source",
            type_name: "process_network",
            counters,
        }
    });
    let sinks = api.roster.sinks().into_iter().map(|sink| Component {
        id: sink.name().to_owned(),
        kind: "sink",
        type_name: sink.type_name(),
        counters: sink.counters(),
    });
    sources.chain(sinks).collect()
}

fn gaps(text: &mut Exposition, api: &Api) {
    let sources = api.roster.sources();
    let mut count = text.family(
        "nettally_source_gaps_total",
        Kind::Counter,
        "Spans in which nothing was counted, as a source was being restarted.",
    );
    for source in &sources {
        count.sample(&[("source", &source.name)], source.routes.gaps().count);
    }
    let mut seconds = text.family(
        "nettally_source_gap_seconds_total",
        Kind::Counter,
        "How long they were.",
    );
    for source in &sources {
        seconds.sample(&[("source", &source.name)], source.routes.gaps().seconds);
    }
}

fn reloads(text: &mut Exposition, api: &Api) {
    let status = api.reloads.status();
    let mut reloads = text.family(
        "nettally_config_reloads_total",
        Kind::Counter,
        "How often the configuration was read again.",
    );
    reloads.sample(&[("result", "applied")], status.applied);
    reloads.sample(&[("result", "refused")], status.refused);
    if let Some(Reload { time, result, .. }) = status.last {
        let success = u32::from(result == ReloadResult::Applied);
        text.family(
            "nettally_config_last_reload_successful",
            Kind::Gauge,
            "1 if the configuration that was read last is in force.",
        )
        .sample(&[], success);
        text.family(
            "nettally_config_last_reload_timestamp_seconds",
            Kind::Gauge,
            "When the configuration was read again, in Unix time.",
        )
        .sample(&[], time.as_second());
    }
}
